//! The version of a database file.

use std::path::PathBuf;

use rusqlite::Connection;

use super::error::StoreError;
use super::schema::{APPLICATION_ID, OLDEST, newest};
use super::upgrade_copies;

/// The version of a database; 0 for an empty file.
///
/// # Errors
/// If the file is not a gateway's database, or its version is too old or too new.
pub(super) fn check_ours(db: &Connection) -> Result<i32, StoreError> {
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if version == 0 && tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID || version < 0 {
        return Err(StoreError::NotOurs);
    }
    if version <= OLDEST {
        return Err(StoreError::Older { found: version });
    }
    if version > newest() {
        return Err(newer(db, version));
    }
    Ok(version)
}

fn newer(db: &Connection, found: i32) -> StoreError {
    let path = PathBuf::from(db.path().unwrap_or_default());
    let copy = upgrade_copies::newest(&path);
    StoreError::Newer { path, found, known: newest(), copy }
}
