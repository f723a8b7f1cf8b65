//! GS1 element strings: elements one after the other.

use super::ai::Ai;
use super::ai_table::split_ai;
use super::element::{Element, FNC1, printed};
use super::error::CodeError;
use super::rules::check_rules;
use super::separators::{Missing, find_missing, is_same_stock};

/// Splits a code into its elements and checks them. The code has separators, as a scanner sends it,
/// or parentheses, as it is printed for people. A separator that is missing is found where only one
/// reading makes sense.
///
/// # Errors
/// Names the element that is invalid, or the place where no application identifier begins, or the
/// two readings that both make sense.
pub fn elements(text: &str) -> Result<Vec<Element<'_>>, CodeError> {
    marked_elements(text, false)
}

/// The same for a code that may be marked as an element string.
pub(super) fn marked_elements(text: &str, marked: bool) -> Result<Vec<Element<'_>>, CodeError> {
    let standard = split(text).and_then(|found| {
        check_rules(&found)?;
        Ok(found)
    });
    if is_printed(text) {
        return standard;
    }
    // Lots and serial numbers often hold the digits of a count. Many scanners send the mark and no
    // separators, but those that send one send all.
    let missing = match text.trim_matches(FNC1).contains(FNC1) {
        true => Missing::BeforeChecked,
        false if marked => Missing::BeforeLikely,
        false => Missing::BeforePlain,
    };
    match standard {
        Ok(standard) => {
            let others = find_missing(text, missing, |other| !is_same_stock(&standard, other))?;
            others.first().map_or(Ok(()), |other| Err(doubtful(&standard, other)))?;
            Ok(standard)
        }
        Err(error) => only_one(text, error),
    }
}

/// The only sound reading of a code in which separators are missing. Any other one that is sound
/// must say the same about the stock.
fn only_one(text: &str, error: CodeError) -> Result<Vec<Element<'_>>, CodeError> {
    let mut found = find_missing(text, Missing::BeforePlain, |_| true)?;
    let one = found.pop().ok_or(error)?;
    let rivals = find_missing(text, Missing::Anywhere, |other| !is_same_stock(&one, other))?;
    match found.first().or(rivals.first()) {
        Some(other) => Err(doubtful(&one, other)),
        None => Ok(one),
    }
}

fn doubtful(one: &[Element<'_>], other: &[Element<'_>]) -> CodeError {
    CodeError::Doubtful(printed(one), printed(other))
}

/// Splits a code as the standard says and checks each value by itself.
///
/// # Errors
/// Names the element that is invalid, or the place where no application identifier begins.
pub(super) fn split(text: &str) -> Result<Vec<Element<'_>>, CodeError> {
    let mut found = Vec::new();
    let next = if is_printed(text) { next_printed } else { next_sent };
    let mut rest = text.trim_start_matches(FNC1);
    while !rest.is_empty() {
        let Next { ai, value, after } =
            next(rest).ok_or_else(|| CodeError::NoElement(rest.to_owned()))?;
        found.push(Element::new(ai, value)?);
        rest = after;
    }
    match found.is_empty() {
        true => Err(CodeError::NoElement(text.to_owned())),
        false => Ok(found),
    }
}

fn is_printed(text: &str) -> bool {
    text.starts_with('(')
}

/// The first element and the rest of the text.
struct Next<'a> {
    ai: &'a str,
    value: &'a str,
    after: &'a str,
}

fn next_sent(text: &str) -> Option<Next<'_>> {
    let (ai, row, after) = split_ai(text)?;
    let to_separator = after.find(FNC1).unwrap_or(after.len());
    let length = if row.is_predefined { row.most().min(to_separator) } else { to_separator };
    let (value, after) = after.split_at_checked(length)?;
    Some(Next { ai, value, after: after.trim_start_matches(FNC1) })
}

fn next_printed(text: &str) -> Option<Next<'_>> {
    let (ai, _, after) = printed_ai(text)?;
    // The value itself may contain parentheses.
    let ends = after.match_indices('(').map(|(at, _)| at);
    let end = ends.into_iter().find(|&at| printed_ai(&after[at..]).is_some());
    let (value, after) = after.split_at(end.unwrap_or(after.len()));
    // Spaces are printed between the elements, and no value has them.
    Some(Next { ai, value: value.trim_matches(' '), after })
}

/// Splits off `(01)`; returns the row of the identifier and the rest.
fn printed_ai(text: &str) -> Option<(&str, &'static Ai, &str)> {
    let (ai, row, after) = split_ai(text.strip_prefix('(')?)?;
    Some((ai, row, after.strip_prefix(')')?))
}
