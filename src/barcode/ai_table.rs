//! Finds the row of an application identifier.

use super::ai::Ai;
use super::ai_rows::ROWS;
use super::gtin::are_digits;

/// The row of an identifier.
pub(super) fn row_of(ai: &str) -> Option<&'static Ai> {
    let after = ROWS.partition_point(|row| row.first <= ai);
    let row = &ROWS[after.checked_sub(1)?];
    (row.first.len() == ai.len() && ai <= row.last && are_digits(ai)).then_some(row)
}

/// Splits off the identifier at the start of a text. None begins with another one.
pub(super) fn split_ai(text: &str) -> Option<(&str, &'static Ai, &str)> {
    (2..=4).find_map(|length| {
        let (ai, after) = text.split_at_checked(length)?;
        Some((ai, row_of(ai)?, after))
    })
}
