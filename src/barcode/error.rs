//! The reasons why a code is invalid.

use crate::limits::CODE_BYTES_MAX;

/// The reason why a code is invalid, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The code has no characters.
    #[error("the code is empty; scan it again")]
    Empty,
    /// The code is longer than [`CODE_BYTES_MAX`].
    #[error("the code has {0} bytes, at most {CODE_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// The check digit is wrong: the code was misread or misprinted.
    #[error(
        "the check digit of {digits} ({what}) should be {expected}, but is {found}; scan it again or type the SKU"
    )]
    CheckDigit {
        /// The code or element that has the check digit.
        what: String,
        digits: String,
        /// The check digit computed from the other digits.
        expected: u8,
        /// The check digit in the code.
        found: u8,
    },
    /// The check digit of an ISBN or ISSN is wrong.
    #[error("the check digit of {0} is wrong; scan it again or type the SKU")]
    WrittenCheckDigit(String),
    /// The code is marked as a GTIN, but does not have 8, 12, 13 or 14 digits.
    #[error(
        "{0:?} does not have the 8, 12, 13 or 14 digits of a GTIN; scan it again or type the SKU"
    )]
    NoGtin(String),
    /// No application identifier begins where an element should begin.
    #[error("no GS1 application identifier begins at {0:?}; scan it again or type the SKU")]
    NoElement(String),
    /// The value does not have the format of its application identifier.
    #[error("({ai}){value}: {why}; scan it again or type the SKU")]
    Element {
        ai: String,
        value: String,
        /// What is wrong with the value.
        why: String,
    },
    /// The application identifiers of the code do not go together.
    #[error("({ai}) {why}; scan another barcode of the label or type the SKU")]
    Rule {
        ai: String,
        /// What is wrong.
        why: String,
    },
    /// The code can be read in more than one way.
    #[error(
        "the code can mean {0} or {1}, because a separator (FNC1) may be missing; type what the label says, and let the scanner send the separators"
    )]
    Doubtful(String, String),
    /// The code contains a control character other than the separator FNC1.
    #[error("the code has the control character {0:?} in it; scan it again or type the SKU")]
    Control(char),
    /// The form of the code is broken.
    #[error("{0}; scan it again or type the SKU")]
    Form(String),
}

impl CodeError {
    /// Whether the code can be no code at all, whatever its form.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Empty | Self::TooLong(_))
    }
}
