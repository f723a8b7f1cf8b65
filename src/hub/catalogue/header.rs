//! The first line of a catalogue: which delimiter the file has, and where its columns are.

use super::line_error::LineError;
use super::records::{Record, records};

const DELIMITERS: [char; 3] = [',', ';', '\t'];
pub(super) const NAMES: [&str; 5] = ["sku", "name", "barcodes", "unit", "decimals"];
const REQUIRED: usize = 3;

/// Where the columns are.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: usize,
    /// The places of [`NAMES`].
    places: [Option<usize>; NAMES.len()],
}

impl Header {
    /// The cell of a column by its index in [`NAMES`]; empty if there is none.
    pub(super) fn cell<'a>(&self, record: &'a Record, column: usize) -> &'a str {
        self.places[column].and_then(|place| record.cells.get(place)).map_or("", String::as_str)
    }
}

/// The delimiter with which the first line names a column `sku` and the most columns.
pub(super) fn delimiter(text: &str) -> char {
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let known = |delimiter: &char| {
        let cells = records(first, *delimiter).ok().and_then(|read| read.into_iter().next());
        let cells = cells.map(|record| record.cells).unwrap_or_default();
        cells.iter().filter(|cell| NAMES.contains(&name_of(cell).as_str())).count()
    };
    DELIMITERS.into_iter().rev().max_by_key(known).unwrap_or(',')
}

/// Reads the names of the columns, in any order and letter case.
pub(super) fn header(record: &Record) -> Result<Header, LineError> {
    let expected = "the first line must name the columns sku, name and barcodes, and may name unit and decimals, separated by , ; or tabs";
    let mut places = [None; NAMES.len()];
    for (place, cell) in record.cells.iter().enumerate() {
        let name = name_of(cell);
        let Some(column) = NAMES.iter().position(|known| *known == name) else {
            return Err(LineError::at(
                record.line,
                format!("column {cell:?} is not known; {expected}"),
            ));
        };
        if places[column].replace(place).is_some() {
            return Err(LineError::at(record.line, format!("column {name} is there twice")));
        }
    }
    match places.iter().take(REQUIRED).position(Option::is_none) {
        None => Ok(Header { width: record.cells.len(), places }),
        Some(missing) => {
            let what = format!("column {} is missing; {expected}", NAMES[missing]);
            Err(LineError::at(record.line, what))
        }
    }
}

fn name_of(cell: &str) -> String {
    cell.trim().to_lowercase()
}
