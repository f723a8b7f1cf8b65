//! What is remembered of requests: found by [`RequestHashes`], read from the ledger.

use rusqlite::{Connection, Transaction, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ledger::{each_row, last_row, row_from};
use super::request_hashes::{NO_REQUEST, RequestHashes};
use super::{Store, StoreError, to_i64};
use crate::limits::REQUEST_HASHES_PER_ROW;
use crate::stock::{LedgerRecord, RequestId, RequestRecord, RequestRecords};

/// The memory of requests: all in [`RequestHashes`], the newest not yet in the table `hashes`.
#[derive(Debug)]
pub(super) struct RequestIndex {
    seed: u64,
    hashes: RequestHashes,
    /// Hashes of the newest facts, up to the one before `next`.
    newest: Vec<u64>,
    /// The number of the next fact.
    pub(super) next: i64,
}

impl RequestRecords for Store {
    type Error = StoreError;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, StoreError> {
        for n in self.request_index.hashes.candidates(self.request_index.hash(id)) {
            let Some(row) = row_from(&self.db, to_i64(n))? else {
                continue;
            };
            let mine = |fact: &LedgerRecord| fact.request_id == *id && fact.record.is_some();
            if let Some(fact) = row.chunk.ledger_records.into_iter().rfind(mine) {
                return Ok(fact.record);
            }
        }
        Ok(None)
    }

    fn is_lost(error: &StoreError) -> Option<String> {
        error.is_damage().then(|| error.to_string())
    }
}

impl RequestIndex {
    /// Reads where every request is remembered.
    pub(super) fn load(db: &Connection, seed: u64) -> Result<Self, StoreError> {
        let floor = row_from(db, 0)?.map_or(1, |row| row.first());
        let hashes = RequestHashes::new(to_u64(floor));
        let mut request_index = Self { seed, hashes, newest: Vec::new(), next: floor };
        let last = last_row(db)?.map_or(0, |row| row.n);
        request_index.hashes.reserve(usize::try_from(last - floor + 1).unwrap_or(0));
        request_index.load_table(db)?;
        request_index.load_ledger(db)?;
        request_index.hashes.loaded();
        Ok(request_index)
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
        let mut newest = Vec::new();
        let mut next = from;
        each_row(db, from, |row| {
            let first = row.first();
            // Pruning may have taken what is between.
            newest.extend((next..first).map(|_| NO_REQUEST));
            let known = usize::try_from(next - first).unwrap_or(0);
            newest
                .extend(row.chunk.ledger_records.iter().skip(known).map(|fact| self.hash_of(fact)));
            next = row.n + 1;
            true
        })?;
        self.hashes.load(to_u64(from), newest.iter().copied());
        (self.newest, self.next) = (newest, next);
        Ok(())
    }

    fn hash(&self, id: &RequestId) -> u64 {
        // The one hash that means nothing becomes another one.
        xxh3_64_with_seed(id.as_str().as_bytes(), self.seed).max(NO_REQUEST + 1)
    }

    fn hash_of(&self, fact: &LedgerRecord) -> u64 {
        fact.record.as_ref().map_or(NO_REQUEST, |_| self.hash(&fact.request_id))
    }

    /// Takes over facts that are on disk.
    pub(super) fn remember(&mut self, ledger_records: &[LedgerRecord]) {
        for fact in ledger_records {
            let hash = self.hash_of(fact);
            if hash != NO_REQUEST {
                self.hashes.insert(hash, to_u64(self.next));
            }
            self.newest.push(hash);
            self.next += 1;
        }
    }

    /// Writes the newest hashes when there are enough of them; [`RequestIndex::saved`] when that is on
    /// disk.
    pub(super) fn save(&self, db: &Transaction<'_>) -> Result<bool, StoreError> {
        if self.newest.len() < REQUEST_HASHES_PER_ROW {
            return Ok(false);
        }
        let bytes: Vec<u8> = self.newest.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        db.prepare_cached("INSERT INTO seen VALUES (?1, ?2)")?
            .execute(params![self.next - 1, bytes])?;
        Ok(true)
    }

    /// The newest hashes are on disk.
    pub(super) fn saved(&mut self) {
        self.newest.clear();
    }

    /// Forgets every fact before this one.
    pub(super) fn forget_before(&mut self, first: i64) {
        self.hashes.forget_before(to_u64(first));
    }
}

fn to_u64(n: i64) -> u64 {
    u64::try_from(n).expect("ledger_records are counted up from 1")
}
