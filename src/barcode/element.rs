//! An element of a code: an application identifier with its value.

use std::borrow::Cow;

use super::ai::Lint;
use super::ai_table::row_of;
use super::error::CodeError;
use super::gtin::verify;
use super::value::{Flaw, check_value};

/// The character that a scanner sends for the separator FNC1.
pub const FNC1: char = '\u{1d}';

/// An application identifier with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The application identifier: 2 to 4 digits.
    pub ai: &'a str,
    pub value: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// Checks the value.
    ///
    /// # Errors
    /// If it does not have the format of its application identifier.
    pub(super) fn new(ai: &'a str, value: impl Into<Cow<'a, str>>) -> Result<Self, CodeError> {
        let element = Self { ai, value: value.into() };
        let row = row_of(ai).ok_or_else(|| CodeError::NoElement(format!("({ai})")))?;
        match check_value(row, &element.value) {
            Ok(()) => Ok(element),
            Err(Flaw::Other(why)) => Err(element.wrong(why)),
            Err(Flaw::CheckDigit(digits)) => verify(&digits, &format!("AI {ai}")).map(|()| element),
        }
    }

    /// Whether it names a thing, with a check digit or check characters.
    pub(super) fn is_key(&self) -> bool {
        row_of(self.ai).is_some_and(|row| row.has(Lint::Csum) || row.has(Lint::Csumalpha))
    }

    pub(super) fn count(&self) -> Result<u64, CodeError> {
        let count = self.value.parse().ok().filter(|&count| count > 0);
        count.ok_or_else(|| self.wrong("is not a count"))
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> CodeError {
        let (ai, value) = (self.ai.to_owned(), self.value.clone().into_owned());
        CodeError::Element { ai, value, why: why.into() }
    }
}

/// Elements as they are printed for people.
pub(super) fn printed(elements: &[Element<'_>]) -> String {
    elements.iter().map(|each| format!("({}){}", each.ai, each.value)).collect()
}
