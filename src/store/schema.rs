//! The tables, as numbered steps; the number of the last one done is kept in the file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::StoreError;
use crate::limits::UPGRADE_COPY_KEPT_MS;

/// `SGGW` in the file's header: this is a gateway's database.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGGW");

/// Step `n` brings a database of version `OLDEST + n` to the next one. Never edit one that shipped.
const STEPS: [&str; 2] = [
    "
    -- One row: who this database belongs to, and the positions that are not in the ledger.
    CREATE TABLE gateway (
        one         INTEGER PRIMARY KEY CHECK (one = 1),
        site        TEXT    NOT NULL,
        gateway     TEXT    NOT NULL,
        epoch       BLOB    NOT NULL,
        acked_seq   INTEGER NOT NULL,
        running_ms  INTEGER NOT NULL,
        -- Up to here every change is in the table stock; what is behind is in the ledger alone.
        stocked_seq INTEGER NOT NULL,
        -- Up to here the ledger has been forgotten on purpose.
        pruned_seq  INTEGER NOT NULL,
        -- Makes the hashes of request ids this database's own.
        seed        INTEGER NOT NULL
    ) STRICT;

    -- The ledger is the outbox (past gateway.acked_seq), the replay log, the memory of requests
    -- and the audit trail. A row holds some consecutive facts; n is the number of its last one,
    -- seq the position of its last entry.
    CREATE TABLE ledger (
        n     INTEGER PRIMARY KEY,
        seq   INTEGER NOT NULL,
        chunk BLOB    NOT NULL
    ) STRICT;

    -- Hashes of the request ids of consecutive facts, eight bytes each; n is the last one's
    -- number. So that a start need not read the whole ledger.
    CREATE TABLE seen (
        n      INTEGER PRIMARY KEY,
        hashes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE stock (
        sku      TEXT PRIMARY KEY,
        on_hand  INTEGER NOT NULL CHECK (on_hand >= reserved),
        reserved INTEGER NOT NULL CHECK (reserved >= 0),
        version  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Open reservations, with the number of the fact that is their request's.
    CREATE TABLE hold (
        id   TEXT PRIMARY KEY,
        n    INTEGER NOT NULL,
        hold BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- How far the ledger had come at some running time: ages without a column per row.
    CREATE TABLE mark (
        running_ms INTEGER PRIMARY KEY,
        n          INTEGER NOT NULL
    ) STRICT;
",
    "
    -- What the hub sent, as far as it was taken: transfers by number, the position of the ledger
    -- behind the last one's entries, and changes of the catalogue by number.
    ALTER TABLE gateway ADD COLUMN taken_transfer  INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE gateway ADD COLUMN taken_at_seq    INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE gateway ADD COLUMN taken_catalogue INTEGER NOT NULL DEFAULT 0;

    -- What goods are called; their barcodes with a space between them.
    CREATE TABLE listing (
        sku      TEXT PRIMARY KEY,
        name     TEXT NOT NULL,
        barcodes TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Which SKU a barcode stands for.
    CREATE TABLE barcode (
        code TEXT PRIMARY KEY,
        sku  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

/// What the copy of an older version is called, before its number.
const COPY: &str = "stockgate.db.version-";

/// The version that knows transfers and the catalogue.
const CATALOGUE: i32 = 3;

/// The version before the first step; what has it came before the first release.
const OLDEST: i32 = 1;

/// Brings the database to the newest version, each step in a transaction of its own; returns
/// whether an older one was there. That one is copied before, and the copy is kept until the new
/// version has proved itself: see [`Copies`].
pub(super) fn migrate(db: &mut Connection, data_dir: &Path) -> Result<bool, StoreError> {
    let version = check_ours(db, newest())?;
    let is_older = (1..newest()).contains(&version);
    if is_older {
        copy(db, &copy_of(data_dir, version))?;
    }
    take_steps(db, &STEPS)?;
    Ok(is_older)
}

fn copy(db: &Connection, to: &Path) -> Result<(), StoreError> {
    let directory = |source| StoreError::Directory { path: to.into(), source };
    // A part of a copy is none: it gets its name when it is whole.
    let unfinished = to.with_added_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    db.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(directory)?;
    fs::rename(&unfinished, to).map_err(directory)?;
    // A power cut must not find the new version without it.
    let parent = to.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(directory)?;
    tracing::info!(copy = %to.display(), "the database is brought to a new version; a copy of it as it was is kept");
    Ok(())
}

/// What is kept of older versions, and how long: a start that finds the newest version and has
/// served for a while has proved it. To be opened twice proves nothing, as what fails is started
/// again and again.
#[derive(Debug)]
pub(super) struct Copies {
    data_dir: PathBuf,
    /// The running time at which they go; `None` if not by this start, or if they are gone.
    go_at_ms: Option<u64>,
}

impl Copies {
    pub(super) fn kept_by(data_dir: &Path, started_ms: u64, is_new_version: bool) -> Self {
        let go_at_ms = (!is_new_version).then_some(started_ms + UPGRADE_COPY_KEPT_MS);
        Self { data_dir: data_dir.into(), go_at_ms }
    }

    /// Removes them if it is time.
    pub(super) fn forget(&mut self, running_ms: u64) {
        if self.go_at_ms.take_if(|at_ms| running_ms >= *at_ms).is_none() {
            return;
        }
        for version in OLDEST..newest() {
            let copy = copy_of(&self.data_dir, version);
            if fs::remove_file(&copy).is_ok() {
                tracing::info!(copy = %copy.display(), "the copy of the database's older version is no longer needed");
            }
        }
    }
}

fn copy_of(data_dir: &Path, version: i32) -> PathBuf {
    data_dir.join(format!("{COPY}{version}"))
}

fn take_steps(db: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let version = check_ours(db, newest())?.max(OLDEST);
    let done = usize::try_from(version - OLDEST).expect("not below the oldest");
    for (number, step) in (version..).zip(&steps[done..]) {
        let step_done = db.transaction()?;
        step_done.execute_batch(step)?;
        step_done.pragma_update(None, "user_version", number + 1)?;
        step_done.pragma_update(None, "application_id", APPLICATION_ID)?;
        step_done.commit()?;
    }
    Ok(())
}

/// The version of a database that is a gateway's, 0 for an empty file.
pub(super) fn check_ours(db: &Connection, newest: i32) -> Result<i32, StoreError> {
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
    if version > newest {
        return Err(newer(db, version, newest));
    }
    Ok(version)
}

fn newer(db: &Connection, found: i32, known: i32) -> StoreError {
    let path = PathBuf::from(db.path().unwrap_or_default());
    let data_dir = path.parent().unwrap_or(Path::new("."));
    let mut copies = (OLDEST..=known).rev().map(|version| copy_of(data_dir, version));
    let copy = copies.find(|copy| copy.exists());
    StoreError::Newer { path, found, known, copy }
}

/// The newest version.
pub(super) fn newest() -> i32 {
    OLDEST + i32::try_from(STEPS.len()).expect("a handful of steps")
}

/// Whether a database that is looked at and not brought up to date has this step behind it.
pub(super) fn has_catalogue(db: &Connection) -> Result<bool, StoreError> {
    Ok(check_ours(db, newest())? >= CATALOGUE)
}

/// A database of an earlier program.
#[cfg(test)]
pub(super) fn make_version_2(db: &mut Connection) {
    take_steps(db, &STEPS[..1]).unwrap();
}
