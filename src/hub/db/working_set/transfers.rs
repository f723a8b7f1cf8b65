//! The transfers that were issued.

use std::collections::BTreeMap;

use crate::hub::core::IssuedTransfer;
use crate::hub::db::error::BooksError;
use crate::hub::db::rows::{issued_row, read_issued};
use crate::hub::db::schema::{ColumnType, TRANSFER};
use crate::hub::db::sql::{Change, Executor, Keys, SqlRow, SqlValue, Write};
use crate::stock::RequestId;

/// How many transfers of each book are read in advance.
const AHEAD: u64 = 16;
const COLUMNS: &str = "transfer.number, transfer.request_id, transfer.transfer, transfer.returned,
    transfer.closed";

#[derive(Debug)]
struct CachedTransfer {
    issued: IssuedTransfer,
    is_changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct TransferSet {
    /// By book and number.
    known: BTreeMap<(i64, u64), CachedTransfer>,
}

impl TransferSet {
    /// Reads the next transfers of books after a number.
    pub(super) fn load(
        &mut self,
        db: &mut dyn Executor,
        after: impl Iterator<Item = (i64, u64)>,
    ) -> Result<(), BooksError> {
        let missing = after.filter(|(book, after)| !self.known.contains_key(&(*book, after + 1)));
        let key = |(book, after): (i64, u64)| {
            vec![SqlValue::Int(book), SqlValue::number(after), SqlValue::number(after + AHEAD)]
        };
        let rows: Vec<SqlRow> = missing.map(key).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT transfer.book, {COLUMNS} FROM {{keys}} AS k
             JOIN transfer ON transfer.book = k.a AND transfer.number > k.b
             AND transfer.number <= k.c"
        );
        let keys = Keys { types: &[ColumnType::Int, ColumnType::Int, ColumnType::Int], rows };
        let found = db.query_keys(&sql, &keys)?;
        self.add(found)
    }

    fn add(&mut self, found: Vec<SqlRow>) -> Result<(), BooksError> {
        for mut row in found {
            let SqlValue::Int(book) = row.remove(0) else {
                return Err(BooksError::Damaged("a transfer has no book".into()));
            };
            let issued = read_issued(row)?;
            let cached = CachedTransfer { issued, is_changed: false };
            self.known.entry((book, cached.issued.transfer.number)).or_insert(cached);
        }
        Ok(())
    }

    /// The transfers of a book after a number, of which it has `issued` in all.
    pub(super) fn after(
        &mut self,
        db: &mut dyn Executor,
        (book, issued): (i64, u64),
        number: u64,
        limit: usize,
    ) -> Result<Vec<IssuedTransfer>, BooksError> {
        let last = issued.min(number.saturating_add(limit as u64));
        let range = (book, number + 1)..=(book, last.max(number + 1));
        let wanted = usize::try_from(last.saturating_sub(number)).unwrap_or(usize::MAX);
        if self.known.range(range.clone()).count() < wanted {
            let sql = format!(
                "SELECT transfer.book, {COLUMNS} FROM transfer
                 WHERE book = $1 AND number > $2 AND number <= $3"
            );
            let of = [SqlValue::Int(book), SqlValue::number(number), SqlValue::number(last)];
            let found = db.query(&sql, &of)?;
            self.add(found)?;
        }
        let found = self.known.range(range).map(|(_, cached)| cached.issued.clone());
        Ok(found.take(wanted).collect())
    }

    /// The transfers of a request, by book and number.
    pub(super) fn of_request(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Vec<IssuedTransfer>, BooksError> {
        let sql = format!("SELECT transfer.book, {COLUMNS} FROM transfer WHERE request_id = $1");
        let found = db.query(&sql, &[SqlValue::text(id.as_str())])?;
        self.add(found)?;
        let of = self.known.values().filter(|cached| cached.issued.transfer.request_id == *id);
        Ok(of.map(|cached| cached.issued.clone()).collect())
    }

    pub(super) fn save(&mut self, book: i64, issued: &IssuedTransfer) {
        let cached = CachedTransfer { issued: issued.clone(), is_changed: true };
        self.known.insert((book, issued.transfer.number), cached);
    }

    pub(super) fn changes(&self) -> Change {
        let changed = self.known.iter().filter(|(_, cached)| cached.is_changed);
        let rows = changed.map(|((book, _), cached)| issued_row(*book, &cached.issued).to_vec());
        Change { table: &TRANSFER, write: Write::Set, rows: rows.collect() }
    }
}
