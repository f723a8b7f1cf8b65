//! The upgrade of a database to the newest version.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::error::StoreError;
use super::row_check::add_row_crc_function;
use super::schema::{APPLICATION_ID, MIGRATIONS, OLDEST, newest};
use super::upgrade_copies;
use super::version::check_ours;

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

/// Creates a database of the newest version; `fill` adds what it must have from the beginning. All
/// of it is one transaction, so a database that has tables but not the rest has lost something.
pub(super) fn create(
    db: &mut Connection,
    fill: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    add_row_crc_function(db)?;
    let transaction = db.transaction()?;
    MIGRATIONS.iter().try_for_each(|migration| transaction.execute_batch(migration))?;
    set_version(&transaction, newest())?;
    fill(&transaction)?;
    Ok(transaction.commit()?)
}

fn apply(db: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let version = check_ours(db)?.max(OLDEST);
    add_row_crc_function(db)?;
    let done = usize::try_from(version - OLDEST).expect("not below the oldest");
    for (number, migration) in (version..).zip(&migrations[done..]) {
        let transaction = db.transaction()?;
        transaction.execute_batch(migration)?;
        set_version(&transaction, number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn set_version(db: &Transaction<'_>, version: i32) -> Result<(), StoreError> {
    db.pragma_update(None, "user_version", version)?;
    Ok(db.pragma_update(None, "application_id", APPLICATION_ID)?)
}

/// Brings a database to an older version than the newest.
#[cfg(test)]
pub(super) fn upgrade_to(db: &mut Connection, version: usize) {
    apply(db, &MIGRATIONS[..version - 1]).unwrap();
}
