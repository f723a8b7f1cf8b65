//! The tables, as numbered steps; the number of the last one done is kept in the file.

use rusqlite::Connection;

use super::StoreError;

/// `SGGW` in the file's header: this is a gateway's database.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGGW");

/// Step `n` brings a database of version `n` to version `n + 1`. Never edit one that shipped.
const STEPS: [&str; 1] = ["
    -- One row: who this database belongs to, and the positions that are not in the ledger.
    CREATE TABLE gateway (
        one        INTEGER PRIMARY KEY CHECK (one = 1),
        site       TEXT    NOT NULL,
        gateway    TEXT    NOT NULL,
        epoch      BLOB    NOT NULL,
        acked_seq  INTEGER NOT NULL,
        running_ms INTEGER NOT NULL
    ) STRICT;

    -- The ledger is the outbox (past gateway.acked_seq), the replay log and the audit trail.
    CREATE TABLE ledger (
        seq             INTEGER PRIMARY KEY,
        kind            INTEGER NOT NULL,
        sku             TEXT    NOT NULL,
        change          INTEGER NOT NULL,
        reserved_change INTEGER NOT NULL,
        order_id        TEXT,
        request_id      TEXT    NOT NULL,
        at_ms           INTEGER NOT NULL,
        digest          INTEGER NOT NULL,
        chain           INTEGER NOT NULL
    ) STRICT;

    -- The sums of the ledger's pruned entries: opening + ledger = stock.
    CREATE TABLE opening (
        sku      TEXT PRIMARY KEY,
        on_hand  INTEGER NOT NULL,
        reserved INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE stock (
        sku      TEXT PRIMARY KEY,
        on_hand  INTEGER NOT NULL CHECK (on_hand >= reserved),
        reserved INTEGER NOT NULL CHECK (reserved >= 0),
        version  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Open reservations.
    CREATE TABLE hold (
        id   TEXT PRIMARY KEY,
        hold BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Decided requests. They have a retention of their own, because a duplicate may arrive when
    -- the ledger entry is gone. n counts them, so that the oldest can be found without a clock.
    CREATE TABLE request (
        n      INTEGER PRIMARY KEY,
        id     TEXT NOT NULL UNIQUE,
        record BLOB NOT NULL
    ) STRICT;

    -- How far ledger and requests had come at some running time: ages without a column per row.
    CREATE TABLE mark (
        running_ms INTEGER PRIMARY KEY,
        seq        INTEGER NOT NULL,
        request_n  INTEGER NOT NULL
    ) STRICT;
"];

/// Brings the database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let newest = i32::try_from(STEPS.len()).expect("a handful of steps");
    let version = check_ours(db, newest)?;
    for (number, step) in (version..newest).zip(&STEPS[usize::try_from(version).unwrap_or(0)..]) {
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
    if version > newest {
        return Err(StoreError::Newer { found: version, known: newest });
    }
    Ok(version)
}

/// The newest version.
pub(super) fn newest() -> i32 {
    i32::try_from(STEPS.len()).expect("a handful of steps")
}
