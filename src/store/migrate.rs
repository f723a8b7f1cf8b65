//! The version of a database file, and its upgrade to the newest one.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::StoreError;
use super::schema::{APPLICATION_ID, CATALOGUE, MIGRATIONS, OLDEST, newest};
use super::upgrade_copies;

/// Brings a database to the newest version, each migration in a transaction of its own. A database
/// of an older version is copied before: see [`upgrade_copies`]. Returns whether it was older.
pub(super) fn migrate(db: &mut Connection, data_dir: &Path) -> Result<bool, StoreError> {
    let version = check_ours(db)?;
    let is_older = (1..newest()).contains(&version);
    if is_older {
        upgrade_copies::make(db, data_dir, version)?;
    }
    apply(db, &MIGRATIONS)?;
    Ok(is_older)
}

fn apply(db: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let version = check_ours(db)?.max(OLDEST);
    let done = usize::try_from(version - OLDEST).expect("not below the oldest");
    for (number, migration) in (version..).zip(&migrations[done..]) {
        let transaction = db.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}

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

/// Whether a database, which may be open for reading only and not upgraded, has the catalogue.
pub(super) fn has_catalogue(db: &Connection) -> Result<bool, StoreError> {
    Ok(check_ours(db)? >= CATALOGUE)
}

/// Creates a database of version 2.
#[cfg(test)]
pub(super) fn make_version_2(db: &mut Connection) {
    apply(db, &MIGRATIONS[..1]).unwrap();
}
