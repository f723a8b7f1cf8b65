//! The upgrade of a database to the newest version.

use rusqlite::{Connection, Transaction};

use super::data_dir::DataDir;
use super::error::StoreError;
use super::gateway_row::GatewayRow;
use super::high_water_mark::{self, HighWaterMark, Marked};
use super::ledger_end::LedgerEnd;
use super::row_check::add_row_crc_function;
use super::schema::{APPLICATION_ID, CHECKSUMS, MIGRATIONS, OLDEST, newest};
use super::upgrade_copies;
use super::version::check_ours;

/// Brings a database to the newest version, each migration in a transaction of its own. A database
/// of an older version is copied before: see [`upgrade_copies`]. Returns whether it was older.
pub(super) fn migrate(
    db: &mut Connection,
    data_dir: &DataDir,
    mark: &HighWaterMark,
) -> Result<bool, StoreError> {
    let version = check_ours(db)?;
    let is_older = (1..newest()).contains(&version);
    if is_older {
        upgrade_copies::make(db, data_dir.path(), version)?;
    }
    if version < CHECKSUMS && !mark.exists() {
        make_mark(db, data_dir)?;
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

/// Makes a high-water mark: a program from before there were marks has left none. A start that finds
/// none beside the upgraded database is refused, even if this one goes no further.
fn make_mark(db: &Connection, data_dir: &DataDir) -> Result<(), StoreError> {
    let Some(row) = GatewayRow::read(db)? else { return Ok(()) };
    let epoch = row.identity.origin.epoch;
    let marked = Marked { epoch, end: LedgerEnd::default(), signed_seq: 0 };
    high_water_mark::create(data_dir, marked)
        .map_err(|source| StoreError::Directory { path: data_dir.path().into(), source })
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
