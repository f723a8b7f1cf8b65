//! GS1 element strings: application identifiers with their values.

use super::CodeError;
use super::ais::{Value, row_of};
use super::dates::Date;
use super::gtin::{are_digits, verify};

/// The character that a scanner sends for the separator FNC1.
pub const FNC1: char = '\u{1d}';

/// An application identifier with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The application identifier: 2 to 4 digits.
    pub ai: &'a str,
    /// The value, checked for characters, length and check digit as far as its format has them.
    pub value: &'a str,
}

impl Element<'_> {
    pub(super) fn date(&self, current_year: u16) -> Result<Date, CodeError> {
        Date::read(self.value, current_year).ok_or_else(|| self.wrong("is not a date"))
    }

    pub(super) fn count(&self) -> Result<u64, CodeError> {
        let count = self.value.parse().ok().filter(|&count| count > 0);
        count.ok_or_else(|| self.wrong("is not a count"))
    }

    fn wrong(&self, why: &'static str) -> CodeError {
        CodeError::Element { ai: self.ai.to_owned(), value: self.value.to_owned(), why }
    }

    fn check(self, value: Value) -> Result<Self, CodeError> {
        let length = self.value.len();
        let is_printable = self.value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let has_digits = are_digits(self.value);
        match value {
            Value::Digits(digits) | Value::Checked(digits) if length != digits => {
                return Err(self.wrong("is too short or too long"));
            }
            Value::Date if length != 6 => return Err(self.wrong("is not a date")),
            Value::Number(most) | Value::Text(most) if length == 0 || length > most => {
                return Err(self.wrong("is empty or too long"));
            }
            Value::Text(_) if !is_printable => return Err(self.wrong("has other characters")),
            Value::Text(_) => {}
            Value::Digits(_) | Value::Checked(_) | Value::Date | Value::Number(_)
                if !has_digits =>
            {
                return Err(self.wrong("must be digits"));
            }
            Value::Checked(_) => verify(self.value, &format!("AI {}", self.ai))?,
            Value::Digits(_) | Value::Date | Value::Number(_) => {}
        }
        Ok(self)
    }
}

/// Splits a code into its elements. The code has separators, as a scanner sends it, or parentheses,
/// as it is printed for people.
///
/// # Errors
/// Names the element that is invalid, or the place where no application identifier begins.
pub fn elements(text: &str) -> Result<Vec<Element<'_>>, CodeError> {
    let mut found = Vec::new();
    let is_printed = text.starts_with('(');
    let next = if is_printed { next_printed } else { next_sent };
    let mut rest = text.trim_start_matches(FNC1);
    while !rest.is_empty() {
        let (element, value, after) =
            next(rest).ok_or_else(|| CodeError::NoElement(rest.to_owned()))?;
        found.push(element.check(value)?);
        rest = after;
    }
    match found.is_empty() {
        true => Err(CodeError::NoElement(text.to_owned())),
        false => Ok(found),
    }
}

/// The first element, its format, and the rest of the text.
type Next<'a> = (Element<'a>, Value, &'a str);

fn next_sent(text: &str) -> Option<Next<'_>> {
    let row = row_of(text)?;
    let (ai, after) = text.split_at_checked(row.digits)?;
    let to_separator = after.find(FNC1).unwrap_or(after.len());
    let length = match row.value {
        Value::Digits(digits) | Value::Checked(digits) => digits.min(to_separator),
        Value::Date => 6.min(to_separator),
        Value::Number(_) | Value::Text(_) => to_separator,
    };
    let (value, after) = after.split_at_checked(length)?;
    are_digits(ai).then_some((Element { ai, value }, row.value, after.trim_start_matches(FNC1)))
}

fn next_printed(text: &str) -> Option<Next<'_>> {
    let (ai, value, after) = printed_ai(text)?;
    // The value itself may contain parentheses.
    let ends = after.match_indices('(').map(|(at, _)| at);
    let end = ends.into_iter().find(|&at| printed_ai(&after[at..]).is_some());
    let (text, after) = after.split_at(end.unwrap_or(after.len()));
    Some((Element { ai, value: text }, value, after))
}

/// Splits off `(01)`; returns the row of the identifier and the rest.
fn printed_ai(text: &str) -> Option<(&str, Value, &str)> {
    let inside = text.strip_prefix('(')?;
    let row = row_of(inside)?;
    let (ai, after) = inside.split_at_checked(row.digits)?;
    let after = after.strip_prefix(')')?;
    are_digits(ai).then_some((ai, row.value, after))
}
