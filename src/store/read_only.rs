//! Read-only connections, for everything but the writer.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::files::DATABASE_FILE;
use super::high_water_mark::HighWaterMark;
use super::ledger::{read_last_seq, read_ledger};
use super::permission::{closed_directory, missing_permission};
use super::schema;
use super::version::check_ours;
use crate::limits::DATABASE_WAIT;

/// Opens the database in this directory, beside a running gateway or without one.
///
/// # Errors
/// If there is no database, or it is not a gateway's.
pub fn open_read_only(data_dir: &Path) -> Result<Connection, StoreError> {
    open_file_read_only(&data_dir.join(DATABASE_FILE))
}

/// As [`open_read_only`], with the high-water mark. The mark is read first, so it is never ahead of
/// the database.
///
/// # Errors
/// As [`open_read_only`]; [`StoreError::Gone`] if the mark says that there was a database.
pub fn open_with_high_water_mark(
    data_dir: &Path,
) -> Result<(Connection, HighWaterMark), StoreError> {
    let mark = HighWaterMark::read(data_dir);
    match open_read_only(data_dir) {
        Ok(db) => Ok((db, mark)),
        Err(StoreError::Missing(path)) => {
            mark.check_may_create(&path)?;
            Err(StoreError::Missing(path))
        }
        Err(error) => Err(error),
    }
}

/// As [`open_read_only`], for a file of any name.
///
/// # Errors
/// As [`open_read_only`].
pub fn open_file_read_only(path: &Path) -> Result<Connection, StoreError> {
    if let Some(denied) = missing_permission(path) {
        return Err(denied);
    }
    if !path.exists() {
        return Err(StoreError::Missing(path.into()));
    }
    let opened = open_existing(path);
    // SQLite makes files beside a database even to read it.
    opened.map_err(|error| match error.is_out_of_reach() {
        true => closed_directory(path).unwrap_or(error),
        false => error,
    })
}

fn open_existing(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(DATABASE_WAIT)?;
    match check_ours(&db)? {
        0 => Err(StoreError::Missing(path.into())),
        _ => Ok(db),
    }
}

/// Opens a database as if it had no WAL. Nothing is made beside it.
pub(super) fn open_without_log(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        uri += &format!("%{byte:02x}");
    }
    uri += "?immutable=1";
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// The schema version of a database, and the newest one that this program knows.
///
/// # Errors
/// If the database is not a gateway's.
pub fn schema_version(db: &Connection) -> Result<(i32, i32), StoreError> {
    Ok((check_ours(db)?, schema::newest()))
}

/// When the last entry of the database in this directory was decided, in milliseconds since 1970.
///
/// # Errors
/// If there is no database, or it cannot be read.
pub fn last_decided_at_ms(data_dir: &Path) -> Result<Option<i64>, StoreError> {
    let db = open_read_only(data_dir)?;
    let found = read_ledger(&db, read_last_seq(&db)?.saturating_sub(1), 1)?;
    Ok(found.last().map(|posted| posted.entry.at_ms))
}
