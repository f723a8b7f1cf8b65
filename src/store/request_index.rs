//! The request index: where the record of a request is in the ledger.
//!
//! [`RequestHashes`] says, in memory, which records may be a request's; the record itself is read
//! from the ledger. The table `seen` holds the hashes of all records but the newest, so that a
//! start need not read the whole ledger.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::StoreError;
use super::ledger::{for_each_row, last_row, row_from};
use super::request_hashes::{NO_REQUEST, RequestHashes};
use super::row_check::write_row;
use super::sql_values::to_i64;
use crate::limits::REQUEST_HASHES_PER_ROW;
use crate::stock::{LedgerRecord, RequestId, RequestRecord};

/// The request index of an open database.
#[derive(Debug)]
pub(super) struct RequestIndex {
    /// Makes the hashes this database's own.
    seed: u64,
    hashes: RequestHashes,
    /// The hashes of the records before `next` that the table does not hold yet.
    unsaved: Vec<u64>,
    /// The number of the next record.
    next: i64,
}

impl RequestIndex {
    /// Reads the index from the table, and from the ledger after that.
    pub(super) fn load(db: &Connection, seed: u64) -> Result<Self, StoreError> {
        let first = row_from(db, 0)?.map_or(1, |row| row.first());
        let hashes = RequestHashes::new(to_u64(first));
        let mut index = Self { seed, hashes, unsaved: Vec::new(), next: first };
        let last = last_row(db)?.map_or(0, |row| row.n);
        index.hashes.reserve(usize::try_from(last - first + 1).unwrap_or(0));
        index.load_table(db)?;
        index.load_ledger(db)?;
        index.hashes.finish_load();
        Ok(index)
    }

    fn load_table(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut statement = db.prepare("SELECT n, hashes FROM seen ORDER BY n")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let (hashes, []) = bytes.as_chunks::<8>() else {
                return Err(StoreError::Damaged(format!("row {n} of the table seen is cut off")));
            };
            let first = n + 1 - i64::try_from(hashes.len()).expect("a row is small");
            self.hashes.load(to_u64(first), hashes.iter().map(|hash| u64::from_le_bytes(*hash)));
            self.next = n + 1;
        }
        Ok(())
    }

    fn load_ledger(&mut self, db: &Connection) -> Result<(), StoreError> {
        let from = self.next;
        let mut unsaved = Vec::new();
        let mut next = from;
        for_each_row(db, from, |row| {
            let first = row.first();
            // Pruning may have deleted records before this row.
            unsaved.extend((next..first).map(|_| NO_REQUEST));
            let known = usize::try_from(next - first).unwrap_or(0);
            let new = row.chunk.ledger_records.iter().skip(known);
            unsaved.extend(new.map(|record| self.hash_of(record)));
            next = row.n + 1;
            true
        })?;
        self.hashes.load(to_u64(from), unsaved.iter().copied());
        (self.unsaved, self.next) = (unsaved, next);
        Ok(())
    }

    /// The number that the next record gets.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// Finds the newest record of a request. Two ids may have one hash, so the ids are compared.
    pub(super) fn find(
        &self,
        db: &Connection,
        id: &RequestId,
    ) -> Result<Option<RequestRecord>, StoreError> {
        for n in self.hashes.candidates(self.hash(id)) {
            let Some(row) = row_from(db, to_i64(n))? else {
                continue;
            };
            let is_its =
                |record: &LedgerRecord| record.request_id == *id && record.record.is_some();
            if let Some(record) = row.chunk.ledger_records.into_iter().rfind(is_its) {
                return Ok(record.record);
            }
        }
        Ok(None)
    }

    fn hash(&self, id: &RequestId) -> u64 {
        // The hash that stands for no request is avoided.
        xxh3_64_with_seed(id.as_str().as_bytes(), self.seed).max(NO_REQUEST + 1)
    }

    fn hash_of(&self, record: &LedgerRecord) -> u64 {
        record.record.as_ref().map_or(NO_REQUEST, |_| self.hash(&record.request_id))
    }

    /// Adds records that are on disk.
    pub(super) fn add(&mut self, records: &[LedgerRecord]) {
        for record in records {
            let hash = self.hash_of(record);
            if hash != NO_REQUEST {
                self.hashes.insert(hash, to_u64(self.next));
            }
            self.unsaved.push(hash);
            self.next += 1;
        }
    }

    /// Writes the unsaved hashes if there are enough of them. Returns whether it did; the caller
    /// reports the commit with [`RequestIndex::saved`].
    pub(super) fn save(&self, db: &Transaction<'_>) -> Result<bool, StoreError> {
        if self.unsaved.len() < REQUEST_HASHES_PER_ROW {
            return Ok(false);
        }
        let bytes: Vec<u8> = self.unsaved.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let values = [ValueRef::Integer(self.next - 1), ValueRef::Blob(&bytes)];
        let mut insert = db.prepare_cached("INSERT INTO seen VALUES (?1, ?2, ?3)")?;
        write_row(&mut insert, "seen", &values)?;
        Ok(true)
    }

    pub(super) fn saved(&mut self) {
        self.unsaved.clear();
    }

    /// Removes every record before this one.
    pub(super) fn remove_before(&mut self, first: i64) {
        self.hashes.remove_before(to_u64(first));
    }
}

fn to_u64(n: i64) -> u64 {
    u64::try_from(n).expect("records are numbered from 1")
}
