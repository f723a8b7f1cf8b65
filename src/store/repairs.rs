//! What a start repairs of a damaged database, and says.

use rusqlite::Transaction;

use super::error::StoreError;

/// What was repaired, in words.
#[derive(Debug, Default)]
pub(super) struct Repairs(Vec<String>);

impl Repairs {
    pub(super) fn add(&mut self, what: String) {
        self.0.push(what);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Logs each repair, and returns them.
    pub(super) fn tell(self) -> Vec<String> {
        for repair in &self.0 {
            tracing::warn!("the database was damaged: {repair}");
        }
        self.0
    }
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
    name: &'static str,
    columns: &'static str,
}

pub(super) const SEEN: Table = Table { name: "seen", columns: "n, hashes" };
pub(super) const STOCK: Table = Table { name: "stock", columns: "sku, on_hand, reserved, version" };
pub(super) const HOLD: Table = Table { name: "hold", columns: "id, n, hold" };
pub(super) const MARK: Table = Table { name: "mark", columns: "running_ms, n" };
pub(super) const LISTING: Table = Table { name: "listing", columns: "sku, name, barcodes" };
pub(super) const BARCODE: Table = Table { name: "barcode", columns: "code, sku" };
