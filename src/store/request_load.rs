//! Loading of the request index: from its table, and from the ledger where the table has nothing.
//!
//! Rows of the table must join one another, and the last one the ledger: a hash that is missing
//! would let a request be decided again. What is damaged or missing is rebuilt from the ledger.

use std::ops::Range;

use rusqlite::{Connection, Transaction};

use super::error::StoreError;
use super::ledger::{for_each_row, last_row, row_from};
use super::repairs::{Repairs, SEEN, keep_sound_rows};
use super::request_hashes::NO_REQUEST;
use super::request_index::{RequestIndex, save_hashes, to_u64};
use super::row_check::RowChecks;
use super::sql_values::get_blob;
use crate::limits::REQUEST_HASHES_PER_ROW;

/// What is wrong with the table, and must be written.
#[derive(Debug, Default)]
pub(super) struct RequestRepair {
    damaged: usize,
    /// Rows that are sound, but hold records that others hold, or that the ledger does not have.
    superfluous: Vec<i64>,
    /// Records whose hashes no row holds.
    missing: Vec<Range<i64>>,
}

pub(super) const REBUILT: &str = "they are rebuilt from the ledger";

/// So many hashes at the end of the ledger may be in no row of the table.
pub(super) const UNSAVED_MAX: i64 = 2 * REQUEST_HASHES_PER_ROW as i64;

impl RequestIndex {
    /// Reads the index of the records after this one, up to which the ledger was pruned. If that is
    /// not known, the ledger begins with its first row.
    ///
    /// # Errors
    /// If the database cannot be read, or both a row of the table and the ledger that it is made of
    /// are damaged.
    pub(super) fn load(
        db: &Connection,
        seed: u64,
        pruned_n: Option<i64>,
    ) -> Result<(Self, RequestRepair), StoreError> {
        let first = match pruned_n {
            Some(pruned_n) => pruned_n.saturating_add(1),
            None => row_from(db, 0)?.map_or(1, |row| row.first()),
        };
        let last = last_row(db)?.map_or(0, |row| row.n);
        let mut index = Self::new(seed, first);
        index.hashes.reserve(records_max(db, first, last)?);
        let mut repair = RequestRepair::default();
        index.load_table(db, first, last, &mut repair)?;
        if last + 1 - index.next > UNSAVED_MAX {
            let end = last + 1 - REQUEST_HASHES_PER_ROW as i64;
            index.fill(db, end, &mut repair)?;
        }
        index.load_ledger(db)?;
        index.hashes.finish_load();
        Ok((index, repair))
    }

    fn load_table(
        &mut self,
        db: &Connection,
        first: i64,
        last: i64,
        repair: &mut RequestRepair,
    ) -> Result<(), StoreError> {
        let checks = RowChecks::of(db)?;
        let sql = format!("SELECT n, hashes, {} FROM seen ORDER BY n", checks.column());
        let mut statement = db.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if !checks.pass("seen", row) {
                repair.damaged += 1;
                continue;
            }
            let (n, (hashes, rest)) = (row.get(0)?, get_blob(row, 1)?.as_chunks::<8>());
            let from = n + 1 - i64::try_from(hashes.len()).unwrap_or(0);
            // Pruning may have deleted the beginning of the first row.
            let follows = from >= self.next || (self.next == first && from > 0);
            if !rest.is_empty() || hashes.is_empty() || !follows || n < self.next || n > last {
                repair.superfluous.push(n);
                continue;
            }
            if from > self.next {
                self.fill(db, from, repair)?;
            }
            self.hashes.load(to_u64(from), hashes.iter().map(|hash| u64::from_le_bytes(*hash)));
            self.next = n + 1;
        }
        Ok(())
    }

    /// Loads from the ledger what the table lacks before record `end`.
    fn fill(
        &mut self,
        db: &Connection,
        end: i64,
        repair: &mut RequestRepair,
    ) -> Result<(), StoreError> {
        let missing = self.next..end;
        for_each_hash(db, self.seed_only(), missing.clone(), |n, hash| {
            self.hashes.load(to_u64(n), std::iter::once(hash));
            Ok(())
        })?;
        repair.missing.push(missing);
        self.next = end;
        Ok(())
    }

    fn load_ledger(&mut self, db: &Connection) -> Result<(), StoreError> {
        let from = self.next;
        let end = last_row(db)?.map_or(from, |row| row.n + 1);
        let mut unsaved = Vec::new();
        for_each_hash(db, self.seed_only(), from..end, |_, hash| {
            unsaved.push(hash);
            Ok(())
        })?;
        self.hashes.load(to_u64(from), unsaved.iter().copied());
        (self.unsaved, self.next) = (unsaved, end);
        Ok(())
    }

    /// An index with the same seed and nothing in it, to make hashes with.
    fn seed_only(&self) -> Self {
        Self::new(self.seed(), 1)
    }
}

impl RequestRepair {
    /// Says what was repaired. Returns whether anything must be written.
    pub(super) fn tell(&self, repairs: &mut Repairs) -> bool {
        let Self { damaged, superfluous, missing } = self;
        if *damaged > 0 || !superfluous.is_empty() {
            let rows = damaged + superfluous.len();
            repairs
                .add(format!("{rows} rows of the table seen are damaged or superfluous"), REBUILT);
        }
        for Range { start, end } in missing {
            let (count, last) = (end - start, end - 1);
            let fault =
                format!("the hashes of {count} requests are missing (records {start} to {last})");
            repairs.add(fault, REBUILT);
        }
        *damaged > 0 || !superfluous.is_empty() || !missing.is_empty()
    }

    /// Writes what was repaired. The index is the one that was loaded.
    pub(super) fn write(
        &self,
        db: &Transaction<'_>,
        index: &RequestIndex,
    ) -> Result<(), StoreError> {
        if self.damaged > 0 {
            keep_sound_rows(db, SEEN)?;
        }
        for n in &self.superfluous {
            db.execute("DELETE FROM seen WHERE n = ?1", [n])?;
        }
        for missing in &self.missing {
            let mut hashes = Vec::with_capacity(REQUEST_HASHES_PER_ROW);
            for_each_hash(db, index.seed_only(), missing.clone(), |n, hash| {
                hashes.push(hash);
                if hashes.len() == REQUEST_HASHES_PER_ROW || n + 1 == missing.end {
                    save_hashes(db, n, &hashes)?;
                    hashes.clear();
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Calls `visit` with number and hash of each of these records. The ledger must hold them all.
fn for_each_hash(
    db: &Connection,
    hasher: RequestIndex,
    range: Range<i64>,
    mut visit: impl FnMut(i64, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if range.is_empty() {
        return Ok(());
    }
    let (mut next, mut visited) = (range.start, Ok(()));
    for_each_row(db, range.start, |row| {
        let skipped = usize::try_from(next - row.first());
        let Ok(skipped) = skipped else { return false };
        for record in row.chunk.ledger_records.iter().skip(skipped) {
            if next == range.end || visited.is_err() {
                break;
            }
            visited = visit(next, hasher.hash_of(record));
            next += 1;
        }
        visited.is_ok() && next < range.end
    })?;
    visited?;
    match next == range.end {
        true => Ok(()),
        false => Err(StoreError::Damaged(format!("record {next} of the ledger is missing"))),
    }
}

/// How many records there can be, so that a damaged number asks for no memory: each takes more than
/// eight bytes.
fn records_max(db: &Connection, first: i64, last: i64) -> Result<usize, StoreError> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    let records = (last + 1 - first).clamp(0, bytes / size_of_val(&NO_REQUEST) as i64);
    Ok(usize::try_from(records).unwrap_or(0))
}
