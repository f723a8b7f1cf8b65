//! Barcodes: EAN, UPC and ITF-14 numbers, GS1 element strings and links, and messages of ISO/IEC 15434.
//!
//! Pure: a scanned text in, its content out. The catalogue then resolves it to a SKU.

mod ai;
mod ai_rows;
mod ai_table;
mod check_chars;
mod checks;
mod dates;
mod digital_link;
mod element;
mod elements;
mod error;
mod format;
mod gtin;
mod in_store;
mod iso15434;
mod iso_codes;
mod measure;
mod mistyped;
mod reading;
mod rules;
mod separators;
mod text_forms;
mod value;

use crate::limits::CODE_BYTES_MAX;

pub use self::dates::Date;
pub use self::element::{Element, FNC1};
pub use self::elements::elements;
pub use self::error::CodeError;
pub use self::format::Format;
pub use self::gtin::{Gtin, check_digit};
pub use self::in_store::{InStoreForm, InStoreItem};
pub use self::measure::{Measure, is_measure};
pub use self::mistyped::doubled;
pub use self::reading::Reading;
pub use self::text_forms::gtins_within;

use self::ai_table::split_ai;
use self::digital_link::link_elements;
use self::elements::marked_elements;
use self::gtin::are_digits;
use self::iso15434::{is_message, read_message};
use self::mistyped::{mistyped, run_together};
use self::text_forms::{is_sscc, likely_gtin, read_form, trade_item, with_add_on};
use self::value::check_value;

/// The identifiers with which an element string usually begins. With so many digits after one, a
/// text is an element string.
const BEGINNINGS: [&str; 6] = ["00", "01", "02", "03", "8006", "8026"];
const BEGINNING_DIGITS_MIN: usize = 10;

/// Reads a code as a scanner sends it, with or without a symbology identifier such as `]C1`, or as
/// it is printed for people, with parentheses. `year` is the current one; it determines the century
/// of dates.
///
/// # Errors
/// If the code is marked as a GTIN or an element string, or looks like a code of a known form, and
/// is invalid.
pub fn read(code: &str, year: u16) -> Result<Reading, CodeError> {
    match code.len() {
        0 => return Err(CodeError::Empty),
        length if length > CODE_BYTES_MAX => return Err(CodeError::TooLong(length)),
        _ => {}
    }
    let (label, text) = split_label(code);
    let mut controls = text.chars().filter(|char| char.is_control() && *char != FNC1);
    // An element names its own.
    let is_marked = matches!(label, Some("C1" | "e0" | "d2" | "Q3" | "J1"));
    if let Some(control) = controls.next().filter(|_| !is_marked && !is_message(text)) {
        return Err(CodeError::Control(control));
    }
    match label {
        // GS1-128, GS1 DataBar, GS1 DataMatrix, GS1 QR, GS1 DotCode.
        Some("C1" | "e0" | "d2" | "Q3" | "J1") => element_string(text, year, true),
        // An add-on of two or five digits may follow the number.
        Some("E3") => with_add_on(text),
        Some(label) if label.starts_with('E') => trade_item(without_labelled_add_on(text)),
        _ if is_message(text) => read_message(text, year),
        _ if text.contains(FNC1) => element_string(text, year, false),
        _ => match link_elements(text)? {
            Some(elements) => Reading::of_elements(&elements, year),
            None => unlabelled(text, year),
        },
    }
}

/// The text of a code without its symbology identifier.
pub fn content(code: &str) -> &str {
    split_label(code).1
}

/// The canonical name of a code: the GTIN with 14 digits by which it is looked up, or else the text
/// itself. Codes of the same goods have the same name.
pub fn canonical(code: &str, year: u16) -> String {
    let gtin = read(code, year).ok().and_then(|reading| reading.gtin);
    gtin.map_or_else(|| code.to_owned(), |gtin| gtin.to_string())
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

/// Cuts off an add-on that is sent as a symbol of its own: `]E1` and two digits, or `]E2` and five.
fn without_labelled_add_on(text: &str) -> &str {
    let is_add_on = |(at, label): &(usize, &str)| {
        let add_on = &text[at + label.len()..];
        add_on.len() == if *label == "]E1" { 2 } else { 5 } && are_digits(add_on)
    };
    let places = ["]E1", "]E2"].into_iter().filter_map(|label| Some((text.find(label)?, label)));
    places.into_iter().find(is_add_on).map_or(text, |(at, _)| &text[..at])
}

/// Reads a code without a symbology identifier: a GTIN, an element string, another written form of
/// a GTIN, or else any text.
fn unlabelled(text: &str, year: u16) -> Result<Reading, CodeError> {
    if let Some((format, gtin)) = Gtin::read(text)? {
        return Ok(Reading::plain(format, Some(gtin)));
    }
    if let Some(reading) = read_form(text)? {
        return Ok(reading);
    }
    if let Some(error) = mistyped(text, |meant| read(meant, year)) {
        return Err(error);
    }
    if begins_printed(text) || begins_like_elements(text) {
        return element_string(text, year, false);
    }
    // With any other identifier first, it is a text unless it holds a key.
    let elements = elements(text).ok();
    match elements.filter(|elements| elements.iter().any(Element::is_key)) {
        Some(elements) => Reading::of_elements(&elements, year),
        None => match run_together(text) {
            Some(error) => Err(error),
            None if is_sscc(text) => Ok(Reading::logistic_unit()),
            None => Ok(Reading { likely: likely_gtin(text), ..Reading::text() }),
        },
    }
}

/// Whether a text begins like `(01)`.
fn begins_printed(text: &str) -> bool {
    let inside = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    inside.is_some_and(|(ai, _)| (2..=4).contains(&ai.len()) && are_digits(ai))
}

/// Whether one of [`BEGINNINGS`] is first, or comes after others of fixed length, as a date may be.
/// These are sound, or the beginning behind them has its check digit. Two digits (AI 20) are no sign
/// of one: a number may well begin with a year. Nor is a measure of goods before an SSCC, which has none.
fn begins_like_elements(text: &str) -> bool {
    let Some((ai, row, after)) = split_ai(text) else { return false };
    if BEGINNINGS.contains(&ai) {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        return digits >= BEGINNING_DIGITS_MIN;
    }
    let is_sign = row.is_predefined && row.is_numeric() && row.most() > 2;
    let value = after.split_at_checked(row.most()).filter(|_| is_sign);
    let is_measure = row.parts.iter().all(|part| part.lints().next().is_none());
    let is_of_goods = is_measure && row.needs.split(',').all(|other| other != "00");
    let value = value.filter(|(_, rest)| !is_of_goods || !rest.starts_with("00"));
    value.is_some_and(|(value, rest)| {
        let is_sound = check_value(row, value).is_ok();
        if is_sound { begins_like_elements(rest) } else { are_digits(value) && is_checked(rest) }
    })
}

/// Whether one of [`BEGINNINGS`] is first, with a sound value.
fn is_checked(text: &str) -> bool {
    split_ai(text).filter(|(ai, ..)| BEGINNINGS.contains(ai)).is_some_and(|(_, row, after)| {
        after.get(..row.most()).is_some_and(|value| check_value(row, value).is_ok())
    })
}

fn element_string(text: &str, year: u16, is_marked: bool) -> Result<Reading, CodeError> {
    Reading::of_elements(&marked_elements(text, is_marked)?, year)
}

#[cfg(test)]
mod cases_tests;
#[cfg(test)]
mod dictionary_tests;
#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod label_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
