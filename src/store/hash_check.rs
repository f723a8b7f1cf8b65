//! The comparison of the table of request hashes with the records that it is made of, both read
//! once and in order.

use rusqlite::{Connection, Rows};

use super::error::StoreError;
use super::repairs::Repairs;
use super::request_index::RequestIndex;
use super::request_load::{REBUILT, UNSAVED_MAX};
use super::row_check::RowChecks;
use super::sql_values::get_blob;
use crate::stock::LedgerRecord;

/// The state of the comparison.
pub(super) struct HashCheck {
    /// Makes the hashes; `None` if the seed cannot be read.
    hasher: Option<RequestIndex>,
    checks: RowChecks,
    /// The row that was read last: the number of its first record, and its hashes.
    row: (i64, Vec<u64>),
    damaged: usize,
    wrong: Faults,
    /// Records without a hash, as long as a later row shows that they should have one.
    missing: Faults,
    /// The same after the last row: there may be some.
    unsaved: Faults,
    superfluous: usize,
}

/// How many records, and the first of them.
#[derive(Clone, Copy, Default)]
struct Faults {
    count: i64,
    first: i64,
}

impl Faults {
    fn add(&mut self, n: i64) {
        self.first = if self.count == 0 { n } else { self.first };
        self.count += 1;
    }
}

impl HashCheck {
    pub(super) fn new(db: &Connection, seed: Option<u64>) -> Result<Self, StoreError> {
        Ok(Self {
            hasher: seed.map(|seed| RequestIndex::new(seed, 1)),
            checks: RowChecks::of(db)?,
            row: (0, Vec::new()),
            damaged: 0,
            wrong: Faults::default(),
            missing: Faults::default(),
            unsaved: Faults::default(),
            superfluous: 0,
        })
    }

    /// What to read the rows with.
    pub(super) fn sql(&self) -> String {
        format!("SELECT n, hashes, {} FROM seen ORDER BY n", self.checks.column())
    }

    /// Compares consecutive records, of which the first has this number.
    pub(super) fn compare(
        &mut self,
        rows: &mut Rows<'_>,
        first: i64,
        records: &[LedgerRecord],
    ) -> Result<(), StoreError> {
        for (record, n) in records.iter().zip(first..) {
            while n >= self.end() {
                if !self.next_row(rows)? {
                    break;
                }
            }
            let Some(hasher) = &self.hasher else { return Ok(()) };
            match usize::try_from(n - self.row.0).ok().and_then(|index| self.row.1.get(index)) {
                Some(hash) if *hash == hasher.hash_of(record) => {}
                Some(_) => self.wrong.add(n),
                None if n < self.row.0 => self.missing.add(n),
                None => self.unsaved.add(n),
            }
        }
        Ok(())
    }

    /// Reads the rest of the table. `end` is the number after the last record.
    pub(super) fn finish(&mut self, rows: &mut Rows<'_>, end: i64) -> Result<(), StoreError> {
        if self.end() > end {
            self.superfluous += 1;
        }
        while self.next_row(rows)? {
            self.superfluous += 1;
        }
        Ok(())
    }

    fn end(&self) -> i64 {
        self.row.0.saturating_add(i64::try_from(self.row.1.len()).unwrap_or(0))
    }

    /// Reads the next sound row. What came before it without a hash is missing.
    fn next_row(&mut self, rows: &mut Rows<'_>) -> Result<bool, StoreError> {
        while let Some(row) = rows.next()? {
            if !self.checks.pass("seen", row) {
                self.damaged += 1;
                continue;
            }
            let n: i64 = row.get(0)?;
            let (hashes, _) = get_blob(row, 1)?.as_chunks::<8>();
            let hashes: Vec<u64> = hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect();
            let first = n + 1 - i64::try_from(hashes.len()).unwrap_or(0);
            if first < self.end() && !self.row.1.is_empty() {
                self.superfluous += 1;
                continue;
            }
            if self.unsaved.count > 0 {
                let first = if self.missing.count == 0 { self.unsaved } else { self.missing }.first;
                self.missing = Faults { count: self.missing.count + self.unsaved.count, first };
                self.unsaved = Faults::default();
            }
            self.row = (first, hashes);
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn tell(&self, repairs: &mut Repairs) {
        if self.damaged > 0 {
            repairs.add(format!("{} rows of the table seen are damaged", self.damaged), REBUILT);
        }
        if self.superfluous > 0 {
            let fault = format!(
                "{} rows of the table seen hold what others hold, or what the ledger does not have",
                self.superfluous
            );
            repairs.add(fault, REBUILT);
        }
        let Faults { count, first } = self.wrong;
        if count > 0 {
            let fault = format!(
                "{count} hashes of requests are not those of their records, the first one of record {first}"
            );
            repairs.add_lost(fault, "these requests would be decided again; restore the database");
        }
        let unsaved = Some(self.unsaved).filter(|unsaved| unsaved.count > UNSAVED_MAX);
        for Faults { count, first } in [Some(self.missing), unsaved].into_iter().flatten() {
            if count > 0 {
                let fault = format!(
                    "the hashes of {count} requests are missing, the first one of record {first}"
                );
                repairs.add(fault, REBUILT);
            }
        }
    }
}
