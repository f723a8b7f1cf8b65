//! The request index: where the record of a request is in the ledger.
//!
//! [`RequestHashes`] says, in memory, which records may be a request's; the record itself is read
//! from the ledger. The table `seen` holds the hashes of all records but the newest, so that a
//! start need not read the whole ledger.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::StoreError;
use super::ledger::row_from;
use super::request_hashes::{NO_REQUEST, RequestHashes, is_alike};
use super::row_check::write_row;
use super::sql_values::to_i64;
use crate::limits::REQUEST_HASHES_PER_ROW;
use crate::stock::{LedgerRecord, RequestId, RequestRecord};

/// The request index of an open database.
#[derive(Debug)]
pub(super) struct RequestIndex {
    /// Makes the hashes this database's own.
    seed: u64,
    pub(super) hashes: RequestHashes,
    /// The hashes of the records before `next` that the table does not hold yet.
    pub(super) unsaved: Vec<u64>,
    /// The number of the next record.
    pub(super) next: i64,
}

impl RequestIndex {
    /// An index of the records from `first` on, which has none yet.
    pub(super) fn new(seed: u64, first: i64) -> Self {
        let hashes = RequestHashes::new(to_u64(first));
        Self { seed, hashes, unsaved: Vec::new(), next: first }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The number that the next record gets.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// Finds the newest record of a request.
    pub(super) fn find(
        &self,
        db: &Connection,
        id: &RequestId,
    ) -> Result<Option<RequestRecord>, StoreError> {
        find_among(db, self.seed, id, &mut self.numbers(id))
    }

    /// The numbers of the records that may be a request's.
    pub(super) fn numbers(&self, id: &RequestId) -> impl Iterator<Item = i64> {
        self.hashes.candidates(hash(self.seed, id)).map(to_i64)
    }

    pub(super) fn hash_of(&self, record: &LedgerRecord) -> u64 {
        hash_of(self.seed, record)
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
        save_hashes(db, self.next - 1, &self.unsaved)?;
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

/// Finds the newest record of a request among these, the newest first. Two ids may have one hash, so
/// the ids are compared.
pub(super) fn find_among(
    db: &Connection,
    seed: u64,
    id: &RequestId,
    numbers: &mut dyn Iterator<Item = i64>,
) -> Result<Option<RequestRecord>, StoreError> {
    for n in numbers {
        let record = read(db, n, seed, hash(seed, id))?;
        if record.request_id == *id {
            return Ok(record.record);
        }
    }
    Ok(None)
}

/// Reads the record `n`, which must have a hash like this one.
fn read(db: &Connection, n: i64, seed: u64, hash: u64) -> Result<LedgerRecord, StoreError> {
    let row = row_from(db, n)?;
    let record = row.and_then(|row| {
        let index = usize::try_from(n.checked_sub(row.first())?).ok()?;
        row.chunk.ledger_records.into_iter().nth(index)
    });
    record
        .filter(|record| is_alike(hash_of(seed, record), hash))
        .ok_or_else(|| StoreError::Damaged(format!("record {n} of the ledger cannot be read")))
}

fn hash(seed: u64, id: &RequestId) -> u64 {
    // The hash that stands for no request is avoided.
    xxh3_64_with_seed(id.as_str().as_bytes(), seed).max(NO_REQUEST + 1)
}

fn hash_of(seed: u64, record: &LedgerRecord) -> u64 {
    record.record.as_ref().map_or(NO_REQUEST, |_| hash(seed, &record.request_id))
}

/// Writes the hashes of consecutive records, of which `n` is the last.
pub(super) fn save_hashes(db: &Transaction<'_>, n: i64, hashes: &[u64]) -> Result<(), StoreError> {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    let mut insert = db.prepare_cached("INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3)")?;
    write_row(&mut insert, "seen", &[ValueRef::Integer(n), ValueRef::Blob(&bytes)])?;
    Ok(())
}

pub(super) fn to_u64(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
