//! New entries of ledgers, and late ones that are kept aside.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::db::error::BooksError;
use crate::hub::db::rows::entry_row;
use crate::hub::db::schema::{ASIDE, ENTRY};
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::stock::{Entry, Seq, Sku};

/// So many entries are written while the next frames are booked.
const WRITTEN_AHEAD: usize = 4_000;

#[derive(Debug, Default)]
pub(super) struct EntrySet {
    appended: Vec<SqlRow>,
    /// By book and position.
    aside: BTreeMap<(i64, Seq), SqlRow>,
}

impl EntrySet {
    pub(super) fn append(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
        entries: &[Entry],
    ) -> Result<(), BooksError> {
        self.appended.extend(entries.iter().map(|entry| entry_row(book, entry).to_vec()));
        if self.appended.len() < WRITTEN_AHEAD {
            return Ok(());
        }
        db.insert(&ENTRY, std::mem::take(&mut self.appended))
    }

    /// Keeps entries aside; returns how many are kept for the book.
    pub(super) fn set_aside(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
        entries: &[Entry],
    ) -> Result<u64, BooksError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(0);
        };
        let sql = "SELECT seq FROM aside WHERE book = $1 AND seq BETWEEN $2 AND $3";
        let bounds = [SqlValue::Int(book), SqlValue::number(first.seq), SqlValue::number(last.seq)];
        let known = db.query(sql, &bounds)?.into_iter().map(|row| RowReader::of(row).number());
        let known = known.collect::<Result<BTreeSet<Seq>, _>>()?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.seq)) {
            let row = || entry_row(book, entry).to_vec();
            self.aside.entry((book, entry.seq)).or_insert_with(row);
        }
        let sql = "SELECT count(*) FROM aside WHERE book = $1";
        let stored = db.query(sql, &[SqlValue::Int(book)])?.pop().unwrap_or_default();
        let new = self.aside.range((book, 0)..=(book, Seq::MAX)).count() as u64;
        Ok(RowReader::of(stored).number()? + new)
    }

    /// The sums of a book's entries by SKU: on hand and reserved.
    pub(super) fn sums(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
    ) -> Result<Vec<(Sku, i64, i64)>, BooksError> {
        db.write(&self.take_appended())?;
        let sql = "SELECT sku, CAST(sum(change) AS BIGINT), CAST(sum(reserved_change) AS BIGINT)
                   FROM (SELECT sku, change, reserved_change FROM entry WHERE book = $1
                         AND seq > coalesce((SELECT seq FROM pruned WHERE pruned.book = $1), 0)
                         UNION ALL SELECT sku, change, reserved_change FROM pruned_sum
                         WHERE book = $1) AS every
                   GROUP BY sku ORDER BY sku";
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            Ok((row.id(Sku::parse)?, row.int()?, row.int()?))
        };
        db.query(sql, &[SqlValue::Int(book)])?.into_iter().map(read).collect()
    }

    pub(super) fn take_appended(&mut self) -> Vec<Change> {
        let rows = std::mem::take(&mut self.appended);
        if rows.is_empty() {
            return Vec::new();
        }
        vec![Change { table: &ENTRY, write: Write::Insert, rows }]
    }

    pub(super) fn changes(&mut self) -> Vec<Change> {
        let mut changes = self.take_appended();
        let rows = std::mem::take(&mut self.aside).into_values().collect();
        changes.push(Change { table: &ASIDE, write: Write::Register, rows });
        changes
    }
}
