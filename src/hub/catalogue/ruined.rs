//! Cells that a spreadsheet or a re-export may have ruined, and numbers that it has joined.

use crate::barcode::{Gtin, check_digit};
use crate::stock::ruined::{is_number, is_zeros};
use crate::stock::{Decimals, is_invisible};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Whether the barcodes of a cell are one number with its digits in groups.
pub(super) fn is_grouped_number(cell: &str) -> bool {
    let mut groups = cell.split([' ', '\u{a0}', ',', '.', '\'']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_group = |group: &&str| group.len() == 3 && is_number(group);
    let is_of_thousands =
        rest.len() >= 2 && first.len() <= 3 && is_number(first) && rest.iter().all(is_group);
    is_of_thousands || is_printed_number(cell)
}

/// Whether digits stand in groups as below the bars of an EAN-13 or a UPC-A, or as those of an ISBN.
fn is_printed_number(cell: &str) -> bool {
    let groups: Vec<&str> = cell.split([' ', '\u{a0}']).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = groups.concat();
    let is_sound = || matches!(Gtin::read(&digits), Ok(Some(_)));
    let is_checked = groups.len() >= 3 && matches!(digits.len(), 12 | 13) && is_sound();
    is_number(&digits) && (matches!(lengths[..], [1, 6, 6] | [1, 5, 5, 1]) || is_checked)
}

/// Whether the point in a content after its asterisk, as in `*1.000`, may divide thousands: what is
/// counted in fewer decimals is not written with three.
pub(super) fn may_be_thousands(content: &str, decimals: Decimals) -> bool {
    let parts = content.strip_prefix('*').and_then(|number| number.split_once('.'));
    u8::from(decimals) < 3
        && parts.is_some_and(|(whole, rest)| {
            whole.len() <= 3 && !whole.starts_with('0') && rest.len() == 3 && is_number(rest)
        })
}

/// The UPC-A of which a number may have lost leading zeros.
pub(super) fn without_lost_zeros(code: &str) -> Option<String> {
    let padded = format!("{code:0>12}");
    let is_possible = (9..=11).contains(&code.len()) && is_number(code);
    let is_valid = || matches!(Gtin::read(&padded), Ok(Some(_)));
    (is_possible && is_valid()).then_some(padded)
}

/// Whether a number may have lost the digits that a spreadsheet does not keep: it keeps 15.
pub(super) fn may_lack_digits(code: &str) -> bool {
    code.len() > 15 && is_number(code) && is_zeros(&code[15..])
}

/// The check digit that an SSCC should have, if it has another one.
pub(super) fn wrong_sscc(code: &str) -> Option<u8> {
    if code.len() != 18 || !is_number(code) {
        return None;
    }
    let (others, last) = code.as_bytes().split_at(17);
    let expected = check_digit(others);
    (expected != last[0] - b'0').then_some(expected)
}

/// Whether a SKU may be what a spreadsheet has made a date of.
pub(super) fn looks_like_date(sku: &str) -> bool {
    let lower = sku.to_lowercase();
    let parts: Vec<&str> = lower.split(['-', '.', '/', ' ']).collect();
    let is_month = |part: &&str| MONTHS.contains(part);
    let is_day = |part: &&str| part.len() <= 2 && is_number(part);
    let is_year = |part: &&str| part.len() == 4 && part.starts_with("20") && is_number(part);
    match parts.as_slice() {
        [a, b] => {
            let is_either = |part: &&str| is_day(part) || is_year(part);
            (is_month(a) && is_either(b)) || (is_either(a) && is_month(b))
        }
        [a, b, c] => {
            (is_day(a) && (is_day(b) || is_month(b)) && is_year(c))
                || (is_year(a) && is_day(b) && is_day(c))
        }
        _ => false,
    }
}

/// Whether a spreadsheet may have added decimals to a number.
pub(super) fn has_added_decimals(sku: &str) -> bool {
    let parts = sku.split_once(['.', ',']);
    parts.is_some_and(|(whole, fraction)| is_number(whole) && is_zeros(fraction))
}

/// Whether a program may have written a number in scientific notation: one digit before the exponent, as
/// in `5e12`.
pub(super) fn may_be_scientific(cell: &str) -> bool {
    let parts = cell.split_once(['e', 'E']);
    parts.is_some_and(|(digit, power)| digit.len() == 1 && is_number(digit) && is_number(power))
}

/// The error of a SKU that is the number of an article with a wrong check digit. Any number may have 8
/// digits.
pub(super) fn wrong_gtin(sku: &str) -> Option<String> {
    let error = Gtin::read(sku).err().filter(|_| sku.len() > 8)?;
    Some(error.to_string())
}

/// Whether a text contains characters that nobody sees.
pub(super) fn has_invisible(text: &str) -> bool {
    text.chars().any(is_invisible)
}

/// Whether a text contains characters that turn the direction of writing. Marks that only hint at it
/// belong to some languages.
pub(super) fn has_direction(text: &str) -> bool {
    text.contains(['\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_digits_are_one_number() {
        assert!(is_grouped_number("4 006 381 333 931") && is_grouped_number("4.006.381"));
        assert!(!is_grouped_number("401 402") && !is_grouped_number("4006381333931 036000291452"));
        for number in ["4 006381 333931", "4 006381 333932", "0 36000 29145 2", "978 0 306 40615 7"]
        {
            assert!(is_grouped_number(number), "{number}");
        }
        assert!(
            !["1 234567", "12 3456 789013", "401 402 403405"].into_iter().any(is_grouped_number)
        );
    }

    #[test]
    fn doubtful_numbers_are_recognized() {
        assert_eq!(without_lost_zeros("36000291452").as_deref(), Some("036000291452"));
        assert_eq!(without_lost_zeros("36000291453"), None);
        assert!(may_lack_digits("340123450000000000") && !may_lack_digits("4006381333931"));
        assert!(["22423.0", "7,00"].into_iter().all(has_added_decimals));
        assert!(!["22423.5", "A.0", "10.01", "22423", "1.2.0"].into_iter().any(has_added_decimals));
        assert!(["1-Mar", "Mar-24", "01.03.2024", "2024-03-01"].into_iter().all(looks_like_date));
        assert!(!["85123A", "A-1", "1-2", "10-20-30"].into_iter().any(looks_like_date));
    }
}
