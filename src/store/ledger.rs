//! The rows of the ledger: appended by the writer, read by everyone.
//!
//! A row is one [`LedgerChunk`] under the number of its last record. A row is found by position
//! with a binary search over the numbers, because both only grow. A second index would cost
//! another page in every commit.

use rusqlite::{Connection, Transaction, params};

use super::chunk::{ChunkEncoder, LedgerChunk};
use super::error::StoreError;
use super::sql_values::{get_blob, get_u64, to_i64};
use crate::limits::LEDGER_CHUNK_BYTES;
use crate::stock::{Changes, Checks, LedgerRecord, Posted, Seq};

/// Appends a batch. `next` is the number of its first record, `before` the checks before it.
pub(super) fn append(
    db: &Transaction<'_>,
    changes: &Changes,
    before: Checks,
    mut next: i64,
) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3)")?;
    let mut batch = BatchEncoder { changes, encoded: 0, seq: changes.base_seq, checks: before };
    let mut records = changes.ledger_records.iter().peekable();
    while records.peek().is_some() {
        let mut chunk = batch.begin_chunk();
        while let Some(record) = records.next_if(|_| chunk.len() < LEDGER_CHUNK_BYTES) {
            batch.add(record, &mut chunk);
            next += 1;
        }
        insert.execute(params![next - 1, to_i64(batch.seq), chunk.finish()])?;
    }
    Ok(())
}

/// A batch while it is encoded: how many of its entries are, and the position and checks after
/// the last of these.
struct BatchEncoder<'a> {
    changes: &'a Changes,
    encoded: usize,
    seq: Seq,
    checks: Checks,
}

impl BatchEncoder<'_> {
    fn begin_chunk(&self) -> ChunkEncoder {
        let base_ms = self.changes.entries.get(self.encoded).map_or(0, |next| next.entry.at_ms);
        ChunkEncoder::new((self.seq, self.checks), base_ms)
    }

    fn add(&mut self, record: &LedgerRecord, chunk: &mut ChunkEncoder) {
        let range = self.encoded..self.encoded + record.entries;
        let entries = &self.changes.entries[range.clone()];
        chunk.add(record, entries, &self.changes.figures[range.clone()]);
        self.encoded = range.end;
        if let Some(last) = entries.last() {
            (self.seq, self.checks) = (last.entry.seq, last.checks);
        }
    }
}

/// A row of the ledger: a decoded chunk and the number of its last record.
pub(super) struct LedgerRow {
    pub(super) n: i64,
    pub(super) chunk: LedgerChunk,
}

impl LedgerRow {
    /// The number of the first record.
    pub(super) fn first(&self) -> i64 {
        let count = i64::try_from(self.chunk.ledger_records.len()).expect("a chunk is small");
        self.n + 1 - count
    }
}

/// The row that holds record `n`, or the next row if that one was pruned.
pub(super) fn row_from(db: &Connection, n: i64) -> Result<Option<LedgerRow>, StoreError> {
    let sql = "SELECT n, chunk FROM ledger WHERE n >= ?1 ORDER BY n LIMIT 1";
    one_row(db, sql, n)
}

/// The last row. Pruning never deletes it.
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
    Ok(Some(LedgerRow { n, chunk: LedgerChunk::decode(n, get_blob(row, 1)?)? }))
}

/// Two index lookups. `SELECT min(n), max(n)` would read the whole table.
const ENDS: &str = "SELECT (SELECT min(n) FROM ledger), (SELECT max(n) FROM ledger)";

/// The number of the first row with an entry after this position; `None` if there is none.
pub(super) fn first_row_after(db: &Connection, seq: Seq) -> Result<Option<i64>, StoreError> {
    let ends = db.prepare_cached(ENDS)?.query_row([], |row| {
        Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
    })?;
    let Some((mut low, mut high)) = ends else {
        return Ok(None);
    };
    let sql = "SELECT n, seq FROM ledger WHERE n >= ?1 ORDER BY n LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    // The number of the row that holds record `n`, and whether it reaches beyond the position.
    let mut reaches = |n: i64| {
        statement.query_row([n], |row| Ok((row.get::<_, i64>(0)?, get_u64(row, 1)? > seq)))
    };
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

/// Calls `visit` with each row from record `n` on, until it returns `false`.
pub(super) fn for_each_row(
    db: &Connection,
    n: i64,
    mut visit: impl FnMut(LedgerRow) -> bool,
) -> Result<(), StoreError> {
    for_each_blob(db, n, |n, blob| Ok(visit(LedgerRow { n, chunk: LedgerChunk::decode(n, blob)? })))
}

/// As [`for_each_row`], with the number and the blob of each row.
pub(super) fn for_each_blob(
    db: &Connection,
    n: i64,
    mut visit: impl FnMut(i64, &[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut statement =
        db.prepare_cached("SELECT n, chunk FROM ledger WHERE n >= ?1 ORDER BY n")?;
    let mut rows = statement.query([n])?;
    while let Some(row) = rows.next()? {
        if !visit(row.get(0)?, get_blob(row, 1)?)? {
            break;
        }
    }
    Ok(())
}

/// Calls `visit` with each chunk of the ledger, in order.
///
/// # Errors
/// If the database cannot be read, or is damaged.
pub fn for_each_chunk(
    db: &Connection,
    mut visit: impl FnMut(&LedgerChunk),
) -> Result<(), StoreError> {
    for_each_row(db, 0, |row| {
        visit(&row.chunk);
        true
    })
}

/// The position of the last entry; 0 if the ledger is empty.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_last_seq(db: &Connection) -> Result<Seq, StoreError> {
    Ok(last_row(db)?.map_or(0, |row| row.chunk.last().0))
}

/// Up to `limit` entries after the position `after`, in order.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_ledger(db: &Connection, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
    let mut found = Vec::new();
    if let Some(n) = first_row_after(db, after)? {
        for_each_row(db, n, |LedgerRow { chunk, .. }| {
            let entries = chunk.entries.into_iter().filter(|posted| posted.entry.seq > after);
            found.extend(entries.take(limit - found.len()));
            found.len() < limit
        })?;
    }
    Ok(found)
}

/// When the entry at this position was decided, in milliseconds since 1970; `None` if the ledger
/// does not hold it.
pub(super) fn decided_at_ms(db: &Connection, seq: Seq) -> Result<Option<i64>, StoreError> {
    let found = read_ledger(db, seq.saturating_sub(1), 1)?;
    Ok(found.first().filter(|posted| posted.entry.seq == seq).map(|posted| posted.entry.at_ms))
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
