//! Conversions between SQLite's values and ours.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Row};

/// SQLite's integers are signed; positions and times never reach the sign bit.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).expect("positions and times count up from 0")
}

/// Reads a position or a time.
///
/// # Errors
/// If the column holds something else or a negative number, which only damage does.
pub(super) fn get_u64(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(index, number))
}

/// Turns the failure to parse a stored value into an error of SQLite. Only damage makes it fail.
pub(super) fn stored<T, E: std::error::Error + Send + Sync + 'static>(
    index: usize,
    parsed: Result<T, E>,
) -> rusqlite::Result<T> {
    parsed.map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
}

/// Reads a blob without a copy.
pub(super) fn get_blob<'a>(row: &'a Row<'_>, index: usize) -> rusqlite::Result<&'a [u8]> {
    row.get_ref(index)?.as_blob().map_err(|error: FromSqlError| error.into())
}
