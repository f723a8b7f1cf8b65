//! Messages of ISO/IEC 15434: `[)>`, RS, a format and its data, RS, EOT. Formats 05 (application
//! identifiers) and 06 (data identifiers of ANSI MH10.8.2) are read.

use super::dates::Date;
use super::element::FNC1;
use super::elements::marked_elements;
use super::error::CodeError;
use super::format::Format;
use super::gtin::are_digits;
use super::reading::Reading;

const HEADER: &str = "[)>";
const RECORD_SEPARATOR: char = '\u{1e}';
/// The last record ends, and then the message.
const END: &str = "\u{1e}\u{4}";

const NO_COUNT: &str = "is not a count";

/// Whether a text begins like a message.
pub(super) fn is_message(text: &str) -> bool {
    text.starts_with(HEADER)
}

/// The content of a message. A message with other formats is a text.
///
/// # Errors
/// If the separators or the end are missing, or the data is invalid.
pub(super) fn read_message(text: &str, year: u16) -> Result<Reading, CodeError> {
    let body = text.trim_start_matches(HEADER);
    let records = body.strip_prefix(RECORD_SEPARATOR).ok_or_else(without_separators)?;
    let records = records.strip_suffix(END).ok_or_else(without_end)?;
    let mut found: Option<Reading> = None;
    for record in records.split(RECORD_SEPARATOR) {
        let reading = match record.split_at_checked(2) {
            Some(("05", data)) => application_identifiers(data, year)?,
            Some(("06", data)) => data_identifiers(data)?,
            Some(_) | None => continue,
        };
        // Each says something of a thing, and which of them was scanned is not known.
        if found.is_some_and(|other| other != reading) {
            let why = "the message of ISO/IEC 15434 has several records that do not say the same";
            return Err(CodeError::Form(why.into()));
        }
        found = Some(reading);
    }
    Ok(found.unwrap_or_else(Reading::text))
}

fn without_separators() -> CodeError {
    let why = "the code begins like a message of ISO/IEC 15434, but has no separators: let the scanner send control characters";
    CodeError::Form(why.into())
}

/// What has no end may lack a part of its last value, and more.
fn without_end() -> CodeError {
    let why = "the message of ISO/IEC 15434 breaks off before its end (RS, EOT): let the scanner send control characters";
    CodeError::Form(why.into())
}

fn application_identifiers(data: &str, year: u16) -> Result<Reading, CodeError> {
    Reading::of_elements(&marked_elements(data, true)?, year)
}

fn data_identifiers(data: &str) -> Result<Reading, CodeError> {
    let data = data.strip_prefix(FNC1).ok_or_else(without_separators)?;
    let mut reading = Reading::plain(Format::Gs1, None);
    let mut customers_name = None;
    for field in data.split(FNC1) {
        let (identifier, value) = split_identifier(field)?;
        let is_new = match identifier {
            "P" => customers_name.replace(value.to_owned()).is_none(),
            "1P" => {
                reading.names.push(value.to_owned());
                reading.names.len() == 1
            }
            "Q" => reading.count.replace(count(identifier, value, "")?).is_none(),
            "7Q" => {
                let unit = if value.ends_with("EA") { "EA" } else { "PC" };
                reading.count.replace(count(identifier, value, unit)?).is_none()
            }
            _ if identifier.ends_with('Q') => return Err(wrong(identifier, value, NO_COUNT)),
            "1T" => reading.lot.replace(value.to_owned()).is_none(),
            "S" => reading.serial.replace(value.to_owned()).is_none(),
            "14D" => reading.expires.replace(date(value)?).is_none(),
            _ => true,
        };
        if !is_new {
            return Err(wrong(identifier, value, "stands there twice"));
        }
    }
    // The customer is the one who scans.
    reading.names.splice(0..0, customers_name);
    Ok(reading)
}

/// Splits `1P4711` after its first letter.
fn split_identifier(field: &str) -> Result<(&str, &str), CodeError> {
    let digits = field.bytes().take_while(u8::is_ascii_digit).count();
    let is_letter = field.as_bytes().get(digits).is_some_and(u8::is_ascii_uppercase);
    match field.split_at_checked(digits + 1) {
        Some((identifier, value)) if is_letter && digits <= 3 && !value.is_empty() => {
            Ok((identifier, value))
        }
        _ => Err(CodeError::Form(format!("no data identifier with a value begins at {field:?}"))),
    }
}

/// The count in a value with this unit at its end: pieces, or each.
fn count(identifier: &str, value: &str, unit: &str) -> Result<u64, CodeError> {
    let digits = value.strip_suffix(unit).filter(|digits| are_digits(digits));
    let count = digits.and_then(|digits| digits.parse().ok()).filter(|&count| count > 0);
    count.ok_or_else(|| wrong(identifier, value, NO_COUNT))
}

fn date(value: &str) -> Result<Date, CodeError> {
    let date = Date::of_digits(value).filter(|_| !value.ends_with("00"));
    date.ok_or_else(|| wrong("14D", value, "is not a date"))
}

fn wrong(identifier: &str, value: &str, why: &str) -> CodeError {
    CodeError::Form(format!("{identifier} {value}: {why}"))
}
