//! Barcodes: EAN, UPC and ITF-14 numbers, and GS1 element strings.
//!
//! Pure: a scanned text in, its content out. The catalogue then resolves it to a SKU.

mod ais;
mod dates;
mod elements;
mod gtin;

use crate::limits::CODE_BYTES_MAX;

pub use self::dates::Date;
pub use self::elements::{Element, FNC1, elements};
pub use self::gtin::{Gtin, check_digit};

/// The format of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// EAN-8: 8 digits.
    Ean8,
    /// EAN-13: 13 digits.
    Ean13,
    /// UPC-A: 12 digits.
    UpcA,
    /// UPC-E: 8 digits that stand for 12.
    UpcE,
    /// ITF-14: 14 digits.
    Itf14,
    /// An element string, as in GS1-128, GS1 DataMatrix, GS1 QR and GS1 DataBar.
    Gs1,
    /// Any other text, such as a SKU.
    Text,
}

impl Format {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ean8 => "ean8",
            Self::Ean13 => "ean13",
            Self::UpcA => "upca",
            Self::UpcE => "upce",
            Self::Itf14 => "itf14",
            Self::Gs1 => "gs1",
            Self::Text => "text",
        }
    }
}

/// The content of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub format: Format,
    /// The GTIN of the trade item, or of the items that a parcel contains.
    pub gtin: Option<Gtin>,
    /// The count of units: variable count (AI 30), or items in the parcel (AI 37).
    pub quantity: Option<u64>,
    /// Batch or lot number (AI 10).
    pub batch: Option<String>,
    pub serial: Option<String>,
    /// Expiration date (AI 17).
    pub expiry: Option<Date>,
}

impl Reading {
    /// The content of a code that is a plain text.
    pub fn text() -> Self {
        Self::plain(Format::Text, None)
    }

    fn plain(format: Format, gtin: Option<Gtin>) -> Self {
        Self { format, gtin, quantity: None, batch: None, serial: None, expiry: None }
    }
}

/// The reason why a code is invalid.
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
        why: &'static str,
    },
}

/// Reads a code as a scanner sends it, with or without a symbology identifier such as `]C1`, or as
/// it is printed for people, with parentheses. `year` is the current one; it determines the century
/// of dates.
///
/// # Errors
/// If the code is marked as a GTIN or an element string, or looks like a GTIN, and is invalid.
pub fn read(code: &str, year: u16) -> Result<Reading, CodeError> {
    match code.len() {
        0 => return Err(CodeError::Empty),
        length if length > CODE_BYTES_MAX => return Err(CodeError::TooLong(length)),
        _ => {}
    }
    let (label, text) = split_label(code);
    match label {
        // GS1-128, GS1 DataBar, GS1 DataMatrix, GS1 QR, GS1 DotCode.
        Some("C1" | "e0" | "d2" | "Q3" | "J1") => element_string(text, year),
        // An add-on of two or five digits may follow the number.
        Some("E3") => trade_item(text.get(..13).unwrap_or(text)),
        Some(label) if label.starts_with('E') => trade_item(text),
        _ if text.contains(FNC1) => element_string(text, year),
        _ => unlabelled(text, year),
    }
}

/// The text of a code without its symbology identifier.
pub fn content(code: &str) -> &str {
    split_label(code).1
}

/// The canonical name of a code: the GTIN with 14 digits, or else the text itself. Codes of the
/// same goods have the same name.
pub fn canonical(code: &str) -> String {
    match Gtin::read(code) {
        Ok(Some((_, gtin))) => gtin.to_string(),
        Ok(None) | Err(_) => code.to_owned(),
    }
}

/// Matches `]`, a letter for the symbology and a character for its variant (ISO/IEC 15424).
fn split_label(code: &str) -> (Option<&str>, &str) {
    let is_label = |label: &str| {
        let label = label.as_bytes();
        label[0] == b']' && label[1].is_ascii_alphabetic() && label[2].is_ascii_alphanumeric()
    };
    match code.split_at_checked(3) {
        Some((label, text)) if is_label(label) && !text.is_empty() => (Some(&label[1..]), text),
        Some(_) | None => (None, code),
    }
}

fn trade_item(text: &str) -> Result<Reading, CodeError> {
    let (format, gtin) = Gtin::read(text)?.ok_or_else(|| CodeError::NoGtin(text.to_owned()))?;
    Ok(Reading::plain(format, Some(gtin)))
}

/// Reads a code without a symbology identifier: a GTIN, an element string in which every check
/// succeeds, or else any text.
fn unlabelled(text: &str, year: u16) -> Result<Reading, CodeError> {
    if let Some((format, gtin)) = Gtin::read(text)? {
        return Ok(Reading::plain(format, Some(gtin)));
    }
    let is_printed = text.starts_with('(');
    let begins_checked = ["00", "01", "02"].iter().any(|ai| text.starts_with(ai));
    if (is_printed || begins_checked)
        && let Ok(reading) = element_string(text, year)
    {
        return Ok(reading);
    }
    Ok(Reading::text())
}

fn element_string(text: &str, year: u16) -> Result<Reading, CodeError> {
    let mut reading = Reading::plain(Format::Gs1, None);
    for element in elements(text)? {
        let Element { ai, value } = element;
        match ai {
            // With both, the items in the parcel are meant.
            "01" if reading.gtin.is_none() => reading.gtin = Gtin::of_digits(value),
            "02" => reading.gtin = Gtin::of_digits(value),
            "10" => reading.batch = Some(value.to_owned()),
            "21" => reading.serial = Some(value.to_owned()),
            "30" | "37" => reading.quantity = Some(element.count()?),
            // Day 00 is the last day of the month.
            "11" | "12" | "13" | "15" | "16" => drop(element.date(year)?),
            "17" => reading.expiry = Some(element.date(year)?),
            _ => {}
        }
    }
    Ok(reading)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
