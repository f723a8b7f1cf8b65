//! The catalogue as CSV: reading what people publish, and writing it back.
//!
//! What cannot be understood is refused with its line. What is doubtful is taken and reported.
//! Nothing is guessed.

mod doubts;
mod forms;
mod header;
mod line_error;
mod listing;
mod records;
mod ruined;
mod write;

use self::doubts::Lines;
use self::header::{delimiter, header};
pub(crate) use self::line_error::{LineError, Warning, refusal};
use self::listing::read_listing;
use self::records::records;
pub(crate) use self::write::write_catalogue;
use crate::limits::CATALOGUE_WARNINGS_MAX;
use crate::problem::Problem;
use crate::stock::Listing;

/// A catalogue that was read.
#[derive(Debug, Default)]
pub(crate) struct ReadCatalogue {
    /// The listings, each with its line.
    pub(crate) listings: Vec<(u64, Listing)>,
    pub(crate) warnings: Vec<Warning>,
}

/// Reads a whole catalogue.
///
/// # Errors
/// Names the lines that are wrong.
pub(crate) fn read_catalogue(bytes: &[u8]) -> Result<ReadCatalogue, Problem> {
    read(bytes).map_err(refusal)
}

fn read(bytes: &[u8]) -> Result<ReadCatalogue, Vec<LineError>> {
    let one = |error| vec![error];
    let text = decoded(bytes).map_err(one)?;
    let mut records = records(text, delimiter(text)).map_err(one)?.into_iter();
    let first = records.next();
    let first = first.ok_or_else(|| one(LineError::of_all("there is not even a first line")))?;
    let header = header(&first).map_err(one)?;
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    let mut lines = Lines::default();
    for record in records {
        let read = read_listing(&header, &record, &mut warnings);
        let added = read.and_then(|listing| lines.add(record.line, listing, &mut warnings));
        errors.extend(added.err());
    }
    let listings = lines.finish(&mut warnings, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    warnings.sort_by_key(|warning| warning.line);
    if warnings.len() > CATALOGUE_WARNINGS_MAX {
        let (line, more) = (warnings[CATALOGUE_WARNINGS_MAX].line, warnings.len());
        warnings.truncate(CATALOGUE_WARNINGS_MAX);
        let more = format!("{} more warnings from here on", more - CATALOGUE_WARNINGS_MAX);
        warnings.push(Warning::new(line, "more_warnings", more));
    }
    Ok(ReadCatalogue { listings, warnings })
}

/// The text, without its byte order mark.
fn decoded(bytes: &[u8]) -> Result<&str, LineError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(LineError::of_all("the file is UTF-16; save it as CSV in UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        let byte = bytes[error.valid_up_to()];
        LineError::at(line, format!("is not UTF-8 (byte 0x{byte:02x}); save the file in UTF-8"))
    })?;
    match text.find('\0') {
        Some(at) => {
            let line = 1 + text[..at].matches('\n').count() as u64;
            Err(LineError::at(line, "contains a zero byte; save the file as CSV in UTF-8"))
        }
        None => Ok(text),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
