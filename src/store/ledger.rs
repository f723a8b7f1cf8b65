//! The ledger's rows: appended by the writer, read by everyone.
//!
//! A row is a [`LedgerChunk`], named by the number of its last fact. Positions are looked up by
//! halving, because both numbers only grow: no second index, which would cost another page in
//! every commit.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, params};

use super::chunk::{ChunkEncoder, LedgerChunk};
use super::{
    DATABASE_FILE, StoreError, free_bytes, get_u64, open_read_only, sku_of_barcode, to_i64,
};
use crate::limits::LEDGER_CHUNK_BYTES;
use crate::stock::{Changes, Checks, LedgerRecord, Posted, Seq, Sku};

/// Appends a batch; `next` is the number of its first fact.
pub(super) fn append(
    db: &Transaction<'_>,
    changes: &Changes,
    before: Checks,
    mut next: i64,
) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3)")?;
    let mut batch = Batch { changes, done: 0, seq: changes.base_seq, checks: before };
    let mut ledger_records = changes.ledger_records.iter().peekable();
    while ledger_records.peek().is_some() {
        let mut encoder = batch.encoder();
        while let Some(fact) = ledger_records.next_if(|_| encoder.len() < LEDGER_CHUNK_BYTES) {
            batch.encode(fact, &mut encoder);
            next += 1;
        }
        insert.execute(params![next - 1, to_i64(batch.seq), encoder.finish()])?;
    }
    Ok(())
}

/// A batch being encoded: how many of its entries are, and where the ledger stands behind them.
struct Batch<'a> {
    changes: &'a Changes,
    done: usize,
    seq: Seq,
    checks: Checks,
}

impl Batch<'_> {
    fn encoder(&self) -> ChunkEncoder {
        let base_ms = self.changes.entries.get(self.done).map_or(0, |next| next.entry.at_ms);
        ChunkEncoder::new((self.seq, self.checks), base_ms)
    }

    fn encode(&mut self, fact: &LedgerRecord, encoder: &mut ChunkEncoder) {
        let mine = self.done..self.done + fact.entries;
        let entries = &self.changes.entries[mine.clone()];
        encoder.add(fact, entries, &self.changes.figures[mine.clone()]);
        self.done = mine.end;
        if let Some(last) = entries.last() {
            (self.seq, self.checks) = (last.entry.seq, last.checks);
        }
    }
}

/// A stored chunk and the number of its last fact.
pub(super) struct LedgerRow {
    pub(super) n: i64,
    pub(super) chunk: LedgerChunk,
}

impl LedgerRow {
    /// The number of the chunk's first fact.
    pub(super) fn first(&self) -> i64 {
        self.n + 1 - i64::try_from(self.chunk.ledger_records.len()).expect("a chunk is small")
    }
}

/// The row that holds this fact, or the next one there is.
pub(super) fn row_from(db: &Connection, fact: i64) -> Result<Option<LedgerRow>, StoreError> {
    let sql = "SELECT n, chunk FROM ledger WHERE n >= ?1 ORDER BY n LIMIT 1";
    one_row(db, sql, fact)
}

/// The last row; pruning never takes it.
pub(super) fn last_row(db: &Connection) -> Result<Option<LedgerRow>, StoreError> {
    one_row(db, "SELECT n, chunk FROM ledger WHERE n <= ?1 ORDER BY n DESC LIMIT 1", i64::MAX)
}

fn one_row(db: &Connection, sql: &str, n: i64) -> Result<Option<LedgerRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([n])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let n = row.get(0)?;
    Ok(Some(LedgerRow {
        n,
        chunk: LedgerChunk::decode(n, row.get_ref(1)?.as_blob().map_err(from_sql)?)?,
    }))
}

fn from_sql(error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    error.into()
}

/// Looked up one by one. `SELECT min(n), max(n)` would read the whole table.
const ENDS: &str = "SELECT (SELECT min(n) FROM ledger), (SELECT max(n) FROM ledger)";

/// The number of the last fact of the first row that reaches behind this position.
pub(super) fn n_behind(db: &Connection, seq: Seq) -> Result<Option<i64>, StoreError> {
    let ends = db.prepare_cached(ENDS)?.query_row([], |row| {
        Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
    })?;
    let Some((mut low, mut high)) = ends else {
        return Ok(None);
    };
    let sql = "SELECT n, seq FROM ledger WHERE n >= ?1 ORDER BY n LIMIT 1";
    let mut at = db.prepare_cached(sql)?;
    let mut reaches =
        |n: i64| at.query_row([n], |row| Ok((row.get::<_, i64>(0)?, get_u64(row, 1)? > seq)));
    if !reaches(high)?.1 {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        match reaches(middle)? {
            (_, true) => high = middle,
            (n, false) => low = n + 1,
        }
    }
    Ok(Some(reaches(low)?.0))
}

/// Goes through the rows from this fact on, until `take` has had enough.
pub(super) fn each_row(
    db: &Connection,
    from: i64,
    mut take: impl FnMut(LedgerRow) -> bool,
) -> Result<(), StoreError> {
    each_chunk(db, from, |n, bytes| {
        Ok(take(LedgerRow { n, chunk: LedgerChunk::decode(n, bytes)? }))
    })
}

/// See [`each_row`]; chunks as they are stored.
pub(super) fn each_chunk(
    db: &Connection,
    from: i64,
    mut take: impl FnMut(i64, &[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut statement =
        db.prepare_cached("SELECT n, chunk FROM ledger WHERE n >= ?1 ORDER BY n")?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        if !take(row.get(0)?, row.get_ref(1)?.as_blob().map_err(from_sql)?)? {
            break;
        }
    }
    Ok(())
}

/// Goes through the whole ledger, part by part.
///
/// # Errors
/// If the database cannot be read, or is damaged.
pub fn for_each_chunk(
    db: &Connection,
    mut take: impl FnMut(&LedgerChunk),
) -> Result<(), StoreError> {
    each_row(db, 0, |row| {
        take(&row.chunk);
        true
    })
}

/// The position of the last entry, 0 if there is none.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_last_seq(db: &Connection) -> Result<Seq, StoreError> {
    Ok(last_row(db)?.map_or(0, |row| row.chunk.last().0))
}

/// Up to `limit` entries behind the position `after`, in order.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_ledger(db: &Connection, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
    let mut found = Vec::new();
    if let Some(n) = n_behind(db, after)? {
        each_row(db, n, |LedgerRow { chunk, .. }| {
            let behind = chunk.entries.into_iter().filter(|posted| posted.entry.seq > after);
            found.extend(behind.take(limit - found.len()));
            found.len() < limit
        })?;
    }
    Ok(found)
}

/// Reads the ledger and the catalogue beside the writer, on a connection of its own.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    /// One connection: readers take turns, so a burst of queries costs one snapshot at a time.
    db: Arc<Mutex<Connection>>,
    data_dir: Arc<Path>,
}

/// Bytes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseSizes {
    /// The database file.
    pub database: u64,
    /// Its log.
    pub wal: u64,
    /// What is free on its filesystem, if that is known.
    pub free: Option<u64>,
}

impl LedgerReader {
    /// Opens the database in this directory for reading.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let db = Arc::new(Mutex::new(open_read_only(data_dir)?));
        Ok(Self { db, data_dir: data_dir.into() })
    }

    /// What the database takes; 0 for a file that is not there.
    pub fn sizes(&self) -> DatabaseSizes {
        let bytes = |suffix: &str| {
            let file = self.data_dir.join(format!("{DATABASE_FILE}{suffix}"));
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        DatabaseSizes { database: bytes(""), wal: bytes("-wal"), free: free_bytes(&self.data_dir) }
    }

    /// See [`read_ledger`]. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        self.ask(move |db| read_ledger(db, after, limit)).await
    }

    /// The SKU for which the first of these codes stands that is in the catalogue. Runs on the
    /// blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sku_of_barcode(&self, codes: Vec<String>) -> Result<Option<Sku>, StoreError> {
        let first = move |db: &Connection| {
            let found = codes.iter().map(|code| sku_of_barcode(db, code));
            found.filter_map(Result::transpose).next().transpose()
        };
        self.ask(first).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let asked = move || question(&db.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(asked).await.expect("reading does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_ledger_are_found_without_reading_it() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE ledger (n INTEGER PRIMARY KEY, seq, chunk)").unwrap();
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {ENDS}")).unwrap();
        let steps = plan.query_map([], |row| row.get::<_, String>("detail")).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert_eq!(steps.iter().filter(|step| *step == "SEARCH ledger").count(), 2, "{steps:?}");
    }
}
