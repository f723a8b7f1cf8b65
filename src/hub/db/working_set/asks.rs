//! The books that wait for more of a SKU.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ASK, ColumnType, Dialect};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::stock::Sku;

#[derive(Debug, Default)]
pub(super) struct AskSet {
    /// The one that has waited longest first.
    waiting: BTreeMap<Sku, Vec<i64>>,
    added: Vec<(Sku, i64)>,
    removed: BTreeSet<(Sku, i64)>,
}

impl AskSet {
    /// Reads who waits for those SKUs that are not known yet.
    pub(super) fn load<'a>(
        &mut self,
        db: &mut dyn Executor,
        skus: impl Iterator<Item = &'a Sku>,
    ) -> Result<(), BooksError> {
        let missing: BTreeSet<&Sku> = skus.filter(|sku| !self.waiting.contains_key(*sku)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = missing.iter().map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
        for sku in missing {
            self.waiting.insert(sku.clone(), Vec::new());
        }
        let sql = "SELECT ask.sku, ask.book FROM {keys} AS k JOIN ask ON ask.sku = k.a
                   ORDER BY ask.n";
        for row in db.query_keys(sql, &Keys { types: &[ColumnType::Text], rows })? {
            let mut row = RowReader::of(row);
            let (sku, book) = (row.id(Sku::parse)?, row.int()?);
            self.waiting.entry(sku).or_default().push(book);
        }
        Ok(())
    }

    /// Says that nobody waits for a SKU, unless it was read that some do.
    pub(super) fn know(&mut self, sku: &Sku) {
        self.waiting.entry(sku.clone()).or_default();
    }

    pub(super) fn waiting(
        &mut self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<Vec<i64>, BooksError> {
        self.load(db, std::iter::once(sku))?;
        Ok(self.waiting.get(sku).cloned().unwrap_or_default())
    }

    pub(super) fn add(&mut self, sku: &Sku, book: i64) {
        self.waiting.entry(sku.clone()).or_default().push(book);
        self.removed.remove(&(sku.clone(), book));
        self.added.push((sku.clone(), book));
    }

    pub(super) fn remove(&mut self, sku: &Sku, book: i64) {
        if let Some(waiting) = self.waiting.get_mut(sku) {
            waiting.retain(|other| *other != book);
        }
        self.added.retain(|added| *added != (sku.clone(), book));
        self.removed.insert((sku.clone(), book));
    }

    pub(super) fn changes(&self, db: &mut dyn Executor) -> Result<Vec<Change>, BooksError> {
        let numbers = if self.added.is_empty() { Vec::new() } else { self.numbers(db)? };
        let added = numbers.into_iter().zip(&self.added).map(|(n, (sku, book))| {
            vec![SqlValue::Int(n), SqlValue::text(sku.as_str()), SqlValue::Int(*book)]
        });
        let removed = self.removed.iter();
        let removed =
            removed.map(|(sku, book)| vec![SqlValue::text(sku.as_str()), SqlValue::Int(*book)]);
        let change = |write, rows: Vec<SqlRow>| Change { table: &ASK, write, rows };
        Ok(vec![change(Write::Set, added.collect()), change(Write::Delete, removed.collect())])
    }

    /// The numbers that put those added at the end.
    fn numbers(&self, db: &mut dyn Executor) -> Result<Vec<i64>, BooksError> {
        let count = SqlValue::number(self.added.len() as u64);
        let found = match db.dialect() {
            Dialect::Postgresql => {
                let sql = "SELECT nextval('ask_number') FROM generate_series(1, $1)";
                db.query(sql, &[count])?
            }
            Dialect::Sqlite => {
                let last = db.query("SELECT coalesce(max(n), 0) FROM ask", &[])?.pop();
                let last = RowReader::of(last.unwrap_or_default()).int()?;
                return Ok((last + 1..).take(self.added.len()).collect());
            }
        };
        found.into_iter().map(|row| RowReader::of(row).int()).collect()
    }
}
