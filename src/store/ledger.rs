//! The rows of the ledger: appended by the writer, read by everyone.
//!
//! A row is one [`LedgerChunk`] under the number of its last record. A row is found by position
//! with a binary search over the numbers, because both only grow. A second index would cost
//! another page in every commit.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::chunk::{ChunkEncoder, ChunkKey, LedgerChunk};
use super::error::StoreError;
use super::ledger_end::LedgerEnd;
use super::sql_values::{get_blob, get_u64, to_i64};
use crate::limits::LEDGER_CHUNK_BYTES;
use crate::stock::{Chain, Changes, Checks, LedgerRecord, Posted, Seq};

/// Begins a transaction that writes. The ledger must end here: what another program has appended
/// would be contradicted by what this process appends.
pub(super) fn begin(
    db: &mut Connection,
    expected: LedgerEnd,
) -> Result<Transaction<'_>, StoreError> {
    // Immediate: a transaction that reads first cannot wait for another writer.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = end(&transaction)?;
    // The ledger of a new database is empty, and of one that was restored and has decided nothing.
    if found.map_or(expected.n == 0, |found| found == expected) {
        return Ok(transaction);
    }
    let path = PathBuf::from(transaction.path().unwrap_or_default());
    Err(StoreError::WrittenByOther { path, found: found.unwrap_or_default(), expected })
}

/// The end of the ledger; `None` if it is empty.
fn end(db: &Connection) -> Result<Option<LedgerEnd>, StoreError> {
    let sql = "SELECT n, seq FROM ledger ORDER BY n DESC LIMIT 1";
    let end = db
        .prepare_cached(sql)?
        .query_row([], |row| Ok(LedgerEnd { n: row.get(0)?, seq: get_u64(row, 1)? }));
    Ok(end.optional()?)
}

/// Appends a batch. `next` is the number of its first record, `before` the checks before it.
pub(super) fn append(
    db: &Transaction<'_>,
    changes: &Changes,
    before: Checks,
    mut next: i64,
) -> Result<(), StoreError> {
    let mut batch = BatchEncoder { changes, encoded: 0, seq: changes.base_seq, checks: before };
    let mut records = changes.ledger_records.iter().peekable();
    while records.peek().is_some() {
        let mut chunk = batch.begin_chunk();
        while let Some(record) = records.next_if(|_| chunk.len() < LEDGER_CHUNK_BYTES) {
            batch.add(record, &mut chunk);
            next += 1;
        }
        append_chunk(db, next - 1, batch.seq, chunk)?;
    }
    Ok(())
}

/// Appends one row: a chunk under the number of its last record and the position of its last entry.
pub(super) fn append_chunk(
    db: &Transaction<'_>,
    n: i64,
    seq: Seq,
    chunk: ChunkEncoder,
) -> Result<(), StoreError> {
    let key = ChunkKey { n, seq: to_i64(seq) };
    let row = params![key.n, key.seq, chunk.finish(key)];
    db.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3)")?.execute(row)?;
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
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let (key, blob) = key_and_blob(row)?;
        Ok(Self { n: key.n, chunk: LedgerChunk::decode(key, blob)? })
    }

    /// The number of the first record.
    pub(super) fn first(&self) -> i64 {
        self.n + 1 - i64::try_from(self.chunk.ledger_records.len()).unwrap_or(self.n)
    }

    /// What the next row must follow.
    fn end(&self) -> RowEnd {
        RowEnd { n: self.n, last: self.chunk.last() }
    }
}

/// The end of a row.
#[derive(Clone, Copy)]
struct RowEnd {
    n: i64,
    /// Position and checks after the last entry.
    last: (Seq, Checks),
}

impl RowEnd {
    /// Checks that a row follows this one without a gap.
    fn check_followed_by(&self, row: &LedgerRow) -> Result<(), StoreError> {
        if row.first() == self.n + 1 && row.chunk.base == self.last {
            return Ok(());
        }
        let (n, seq) = (row.n, self.last.0);
        Err(StoreError::Damaged(format!(
            "row {n} of the ledger does not follow from the entries up to {seq}"
        )))
    }
}

const ROW_COLUMNS: &str = "SELECT n, seq, chunk FROM ledger";

/// Reads the columns of [`ROW_COLUMNS`].
pub(super) fn key_and_blob<'a>(row: &'a Row<'_>) -> rusqlite::Result<(ChunkKey, &'a [u8])> {
    Ok((ChunkKey { n: row.get(0)?, seq: row.get(1)? }, get_blob(row, 2)?))
}

/// The row that holds record `n`, or the next row if that one is missing.
pub(super) fn row_from(db: &Connection, n: i64) -> Result<Option<LedgerRow>, StoreError> {
    one_row(db, &format!("{ROW_COLUMNS} WHERE n >= ?1 ORDER BY n LIMIT 1"), n)
}

/// The row before record `n`.
fn row_before(db: &Connection, n: i64) -> Result<Option<LedgerRow>, StoreError> {
    one_row(db, &format!("{ROW_COLUMNS} WHERE n < ?1 ORDER BY n DESC LIMIT 1"), n)
}

/// The last row, which must follow the one before it if that can be read. Pruning never deletes it.
pub(super) fn last_row(db: &Connection) -> Result<Option<LedgerRow>, StoreError> {
    let sql = format!("{ROW_COLUMNS} WHERE n <= ?1 ORDER BY n DESC LIMIT 1");
    let Some(last) = one_row(db, &sql, i64::MAX)? else { return Ok(None) };
    match row_before(db, last.n) {
        Ok(Some(before)) => before.end().check_followed_by(&last)?,
        Ok(None) => {}
        Err(error) if error.is_damage() => {}
        Err(error) => return Err(error),
    }
    Ok(Some(last))
}

fn one_row(db: &Connection, sql: &str, n: i64) -> Result<Option<LedgerRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([n])?;
    rows.next()?.map(LedgerRow::read).transpose()
}

/// Two index lookups. `SELECT min(n), max(n)` would read the whole table.
const ENDS: &str = "SELECT (SELECT min(n) FROM ledger), (SELECT max(n) FROM ledger)";

/// The number of the first row with an entry after this position; `None` if there is none. If the
/// row is not the one that holds the next entry, the ledger before it was pruned.
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
        let last = row_from(db, high)?.map_or(0, |row| row.chunk.last().0);
        return if last <= seq { Ok(None) } else { Err(misplaced(high)) };
    }
    while low < high {
        let middle = low + (high - low) / 2;
        match reaches(middle)? {
            (_, true) => high = middle,
            (n, false) => low = n + 1,
        }
    }
    check_reaches_back(db, low, seq)
}

/// Checks that the row which holds record `n` begins at or before a position, or is the first one.
/// The search trusts columns of rows that it does not read.
fn check_reaches_back(db: &Connection, n: i64, seq: Seq) -> Result<Option<i64>, StoreError> {
    let Some(row) = row_from(db, n)? else { return Err(misplaced(n)) };
    if row.chunk.last().0 <= seq {
        return Err(misplaced(row.n));
    }
    if row.chunk.base.0 > seq
        && let Some(before) = row_before(db, row.n)?
    {
        before.end().check_followed_by(&row)?;
        return Err(misplaced(before.n));
    }
    Ok(Some(row.n))
}

fn misplaced(n: i64) -> StoreError {
    StoreError::Damaged(format!("row {n} of the ledger is not in its place"))
}

/// Calls `visit` with each row from record `n` on, until it returns `false`.
///
/// # Errors
/// If a row cannot be read, or does not follow the one before it.
pub(super) fn for_each_row(
    db: &Connection,
    n: i64,
    mut visit: impl FnMut(LedgerRow) -> bool,
) -> Result<(), StoreError> {
    let mut before: Option<RowEnd> = None;
    for_each_blob(db, n, |key, blob| {
        let row = LedgerRow { n: key.n, chunk: LedgerChunk::decode(key, blob)? };
        before.map_or(Ok(()), |before| before.check_followed_by(&row))?;
        before = Some(row.end());
        Ok(visit(row))
    })
}

/// Calls `visit` with the key and the blob of each row from record `n` on, until it returns
/// `false`.
pub(super) fn for_each_blob(
    db: &Connection,
    n: i64,
    mut visit: impl FnMut(ChunkKey, &[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(&format!("{ROW_COLUMNS} WHERE n >= ?1 ORDER BY n"))?;
    let mut rows = statement.query([n])?;
    while let Some(row) = rows.next()? {
        let (key, blob) = key_and_blob(row)?;
        if !visit(key, blob)? {
            break;
        }
    }
    Ok(())
}

/// The position of the last entry; 0 if the ledger is empty.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_last_seq(db: &Connection) -> Result<Seq, StoreError> {
    Ok(read_end(db)?.seq)
}

/// Where the ledger ends.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn read_end(db: &Connection) -> Result<LedgerEnd, StoreError> {
    let last = last_row(db)?;
    Ok(last.map_or_else(LedgerEnd::default, |row| LedgerEnd { n: row.n, seq: row.chunk.last().0 }))
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

/// Calls `visit` with the position and the chain where the ledger after a position begins, once, and
/// with each entry, until it returns `false`. The first call has both, if there is an entry.
///
/// # Errors
/// If the database cannot be read, or is damaged there.
pub fn visit_ledger(
    db: &Connection,
    after: Seq,
    mut visit: impl FnMut(Option<(Seq, Chain)>, Option<&Posted>) -> bool,
) -> Result<(), StoreError> {
    let Some(n) = first_row_after(db, after)? else {
        let (seq, checks) = last_row(db)?.map(|row| row.chunk.last()).unwrap_or_default();
        visit(Some((seq, checks.chain)), None);
        return Ok(());
    };
    let mut has_begun = false;
    for_each_row(db, n, |LedgerRow { chunk, .. }| {
        let (mut seq, mut checks) = chunk.base;
        for posted in &chunk.entries {
            if posted.entry.seq > after {
                let base = (!has_begun).then_some((seq, checks.chain));
                has_begun = true;
                if !visit(base, Some(posted)) {
                    return false;
                }
            }
            (seq, checks) = (posted.entry.seq, posted.checks);
        }
        true
    })
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
