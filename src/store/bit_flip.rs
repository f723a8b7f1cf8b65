//! Correction of a row in which one bit has flipped.
//!
//! What can be derived from other rows is derived. The stock of a SKU whose entries were pruned, and
//! the deadline of a reservation, are nowhere else, and one flipped bit is by far the likeliest
//! damage. A CRC-32 tells two rows of this size apart that differ in three bits or fewer, so the row
//! with one bit changed that passes is the one that was written.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::row_check::row_crc;

/// Rows of more bytes are not corrected: it would take seconds.
pub(super) const BYTES_MAX: usize = 4_096;

/// A value of a row. A text may be invalid UTF-8 as long as it is damaged.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Cell {
    fn copy(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Integer(number) => Some(Self::Integer(number)),
            ValueRef::Text(bytes) => Some(Self::Text(bytes.to_vec())),
            ValueRef::Blob(bytes) => Some(Self::Blob(bytes.to_vec())),
            ValueRef::Null | ValueRef::Real(_) => None,
        }
    }

    pub(super) fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }

    fn flips(&self) -> usize {
        match self {
            Self::Integer(_) => 64 + INTEGER_BYTES.len(),
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len() * 8,
        }
    }

    /// Flips a bit. Done twice, it changes nothing.
    fn flip(&mut self, at: usize) {
        match self {
            Self::Integer(number) => *number ^= integer_flip(at),
            Self::Text(bytes) | Self::Blob(bytes) => bytes[at / 8] ^= 1 << (at % 8),
        }
    }
}

/// The sizes in which SQLite stores integers. The uppermost stored bit is the sign of all above it.
const INTEGER_BYTES: [u32; 5] = [1, 2, 3, 4, 6];

/// What one flipped bit may change of an integer.
pub(super) fn integer_flips() -> impl Iterator<Item = i64> {
    (0..64 + INTEGER_BYTES.len()).map(integer_flip)
}

fn integer_flip(at: usize) -> i64 {
    match INTEGER_BYTES.get(at) {
        Some(bytes) => i64::MIN >> (64 - bytes * 8),
        None => 1 << (at - INTEGER_BYTES.len()),
    }
}

/// The values of a row as they were written, if that is known. The row holds all columns of `table`
/// in their order, the checksum last.
pub(super) fn corrected(table: &str, row: &Row<'_>) -> Option<Vec<Cell>> {
    let last = row.as_ref().column_count() - 1;
    let crc: i64 = row.get(last).ok()?;
    let cells = (0..last).map(|index| Cell::copy(row.get_ref(index).ok()?));
    let mut cells = cells.collect::<Option<Vec<Cell>>>()?;
    let crc_of = |cells: &[Cell]| row_crc(table, cells.iter().map(Cell::value));
    let crc_flip = crc_of(&cells) ^ crc;
    if integer_flips().any(|flip| flip == crc_flip) {
        return Some(cells);
    }
    if cells.iter().map(Cell::flips).sum::<usize>() > BYTES_MAX * 8 {
        return None;
    }
    for index in 0..cells.len() {
        for at in 0..cells[index].flips() {
            cells[index].flip(at);
            if crc_of(&cells) == crc {
                return Some(cells);
            }
            cells[index].flip(at);
        }
    }
    None
}
