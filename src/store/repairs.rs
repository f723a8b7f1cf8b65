//! What is damaged in a database, and what a start makes of it.

use std::fmt;

use rusqlite::{Connection, Transaction};

use super::error::StoreError;

/// How many keys are named in a message.
pub(super) const NAMED_MAX: usize = 5;

/// One thing that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub fault: String,
    /// What a start does about it, or what is refused because of it.
    pub remedy: &'static str,
    /// Whether something cannot be repaired.
    pub is_lost: bool,
}

impl fmt::Display for Repair {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.fault, self.remedy)
    }
}

/// Everything that is damaged.
#[derive(Debug, Default)]
pub(super) struct Repairs(Vec<Repair>);

impl Repairs {
    /// Adds what a start puts right.
    pub(super) fn add(&mut self, fault: String, remedy: &'static str) {
        self.0.push(Repair { fault, remedy, is_lost: false });
    }

    /// Adds what cannot be put right.
    pub(super) fn add_lost(&mut self, fault: String, remedy: &'static str) {
        self.0.push(Repair { fault, remedy, is_lost: true });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Logs everything, and returns it.
    pub(super) fn tell(self) -> Vec<Repair> {
        for repair in &self.0 {
            match repair.is_lost {
                true => tracing::error!("the database is damaged: {repair}"),
                false => tracing::warn!("the database was damaged and is repaired: {repair}"),
            }
        }
        self.0
    }

    pub(super) fn into_vec(self) -> Vec<Repair> {
        self.0
    }
}

/// The first of some keys, and whether there are more.
pub(super) fn named<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut keys = keys.peekable();
    let first: Vec<&str> = keys.by_ref().take(NAMED_MAX).collect();
    let more = if keys.peek().is_some() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Checks that the damage is within rows. If the structure of the file is damaged, two tables may
/// share pages, and to rewrite one would destroy the other.
pub(super) fn check_structure(db: &Connection) -> Result<(), StoreError> {
    let within_rows = [
        "out of order",
        "PRIMARY KEY order",
        "CHECK constraint",
        "NULL value in",
        "-INT value in",
        "-TEXT value in",
        "-BLOB value in",
    ];
    let mut statement = db.prepare("PRAGMA quick_check")?;
    let findings = statement.query_map([], |row| row.get::<_, String>(0))?;
    for finding in findings {
        let finding = finding?;
        if finding != "ok" && !within_rows.iter().any(|known| finding.contains(known)) {
            return Err(StoreError::Damaged(format!("the file itself is damaged: {finding}")));
        }
    }
    Ok(())
}

/// Rewrites a table with its sound rows only; returns how many it has then. A row whose key is
/// damaged is not where SQLite looks for it, so it could be neither found nor deleted.
pub(super) fn keep_sound_rows(db: &Transaction<'_>, table: Table) -> Result<u64, StoreError> {
    let Table { name, columns } = table;
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let created: String = db.query_row(sql, [name], |row| row.get(0))?;
    let (_, definition) = created.split_once('(').unwrap_or_default();
    db.execute_batch(&format!("CREATE TABLE sound ({definition}"))?;
    let copy = format!(
        "INSERT OR IGNORE INTO sound SELECT * FROM {name} WHERE crc = row_crc('{name}', {columns})"
    );
    let kept = db.execute(&copy, [])?;
    db.execute_batch(&format!("DROP TABLE {name}; ALTER TABLE sound RENAME TO {name}"))?;
    Ok(kept as u64)
}

/// A table, and its columns without the checksum.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
}

/// Checks that all columns are there under their names, which are in the file, too. Those of the
/// catalogue are checked only if `has_contents`.
pub(super) fn check_columns(db: &Connection, has_contents: bool) -> rusqlite::Result<()> {
    let catalogue = if has_contents { &[LISTING, BARCODE][..] } else { &[] };
    for Table { name, columns } in [SEEN, STOCK, HOLD, MARK].iter().chain(catalogue) {
        db.prepare(&format!("SELECT {columns}, crc FROM {name}"))?;
    }
    Ok(())
}

pub(super) const SEEN: Table = Table { name: "seen", columns: "n, hashes" };
pub(super) const STOCK: Table = Table { name: "stock", columns: "sku, on_hand, reserved, version" };
pub(super) const HOLD: Table = Table { name: "hold", columns: "id, n, hold" };
pub(super) const MARK: Table = Table { name: "mark", columns: "running_ms, n" };
pub(super) const SIGNED: Table =
    Table { name: "signed", columns: "seq, chain, at_ms, signature, public_key" };
pub(super) const DEMAND: Table = Table { name: "demand", columns: "day, sku, lines, units" };
pub(super) const LISTING: Table =
    Table { name: "listing", columns: "sku, name, unit, decimals, barcodes" };
pub(super) const BARCODE: Table = Table { name: "barcode", columns: "code, sku, content" };
