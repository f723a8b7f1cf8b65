//! The feed's new ranges of entries.
//!
//! SQLite has one writer, so a range gets its position in the transaction that books it. In
//! PostgreSQL a position that is given out before the commit may become visible after a later one,
//! and a reader would skip it. There a range waits without a position, and [`number_feed`] gives it
//! one after the commit. Transactions that book entries do not wait for each other for it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::clock;
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{Dialect, FEED, FEED_WAITING};
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::stock::{Entry, Seq};

/// The book number of the hub's own ledger in the feed.
pub(in crate::hub) const OWN_LEDGER: i64 = 0;
/// Ranges that get their position at once.
const NUMBERED_AT_ONCE: i64 = 10_000;

/// Gives positions to waiting ranges: those of one book in their order, because a transaction has
/// the book until its commit, and takes the number in `n` meanwhile. The row of the last position is
/// locked, so one transaction does this at a time, and what it finds is committed.
const NUMBER: &str = "
    WITH moved AS (DELETE FROM feed_waiting
            WHERE n IN (SELECT n FROM feed_waiting ORDER BY n LIMIT $1)
            RETURNING n, book, first_seq, last_seq, at_ms, month),
        ended AS (UPDATE feed_end SET position = position + (SELECT count(*) FROM moved)
            RETURNING position),
        numbered AS (INSERT INTO feed (position, book, first_seq, last_seq, at_ms, month)
            SELECT ended.position - (SELECT count(*) FROM moved) + row_number() OVER (ORDER BY n),
                book, first_seq, last_seq, at_ms, month FROM moved, ended)
    SELECT count(*) FROM moved";

#[derive(Debug, Default)]
pub(super) struct FeedSet {
    /// The entries that were appended, by book. What a transaction appends to a book is contiguous.
    appended: BTreeMap<i64, (Seq, Seq)>,
}

impl FeedSet {
    pub(super) fn append(&mut self, book: i64, entries: &[Entry]) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let range = self.appended.entry(book).or_insert((first.seq, last.seq));
        range.1 = last.seq;
    }

    /// What to write. `entered` are the positions of new movements of the hub.
    pub(super) fn changes(
        &mut self,
        db: &mut dyn Executor,
        entered: Option<RangeInclusive<Seq>>,
    ) -> Result<Option<Change>, BooksError> {
        let mut ranges = std::mem::take(&mut self.appended);
        ranges.extend(entered.map(|range| (OWN_LEDGER, range.into_inner())));
        if ranges.is_empty() {
            return Ok(None);
        }
        let at_ms = SqlValue::Int(clock::wall_ms());
        let rows = ranges.into_iter().map(|(book, (first, last))| -> SqlRow {
            vec![
                SqlValue::Int(book),
                SqlValue::number(first),
                SqlValue::number(last),
                at_ms.clone(),
            ]
        });
        let mut rows: Vec<SqlRow> = rows.collect();
        if db.dialect() == Dialect::Postgresql {
            return Ok(Some(Change { table: &FEED_WAITING, write: Write::Insert, rows }));
        }
        let sql = "UPDATE feed_end SET position = position + $1 RETURNING position";
        let end = db.query(sql, &[SqlValue::number(rows.len() as u64)])?.pop();
        let first = RowReader::of(end.unwrap_or_default()).number()? + 1 - rows.len() as u64;
        for (position, row) in (first..).zip(&mut rows) {
            row.insert(0, SqlValue::number(position));
        }
        Ok(Some(Change { table: &FEED, write: Write::Insert, rows }))
    }
}

/// Gives positions in the feed to ranges that wait for one; returns whether others may wait.
pub(in crate::hub::db) fn number_feed(db: &mut dyn Executor) -> Result<bool, BooksError> {
    // The lock comes first, and by itself: what the next statement sees was committed before it.
    db.query("SELECT position FROM feed_end FOR UPDATE", &[])?;
    let moved = db.query(NUMBER, &[SqlValue::Int(NUMBERED_AT_ONCE)])?.pop();
    Ok(RowReader::of(moved.unwrap_or_default()).int()? == NUMBERED_AT_ONCE)
}
