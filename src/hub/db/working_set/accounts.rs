//! The allotments of databases, and the policies of their SKUs.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::core::{Allotment, Policy, SkuAccount};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ColumnType, HELD, POLICY};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::stock::Sku;

const FIGURES: &str = "held.on_hand, held.reserved, held.in_transit, held.received, held.adjusted,
    held.deducted, held.given";

#[derive(Clone, Copy, Debug, Default)]
struct CachedAllotment {
    allotment: Allotment,
    /// Whether there is a row of it.
    is_stored: bool,
    is_changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct AccountSet {
    of_books: BTreeMap<i64, BTreeMap<Sku, CachedAllotment>>,
    /// The books all of whose allotments are known.
    whole: BTreeSet<i64>,
    policies: BTreeMap<Sku, Option<Policy>>,
    changed_policies: BTreeSet<Sku>,
}

impl AccountSet {
    /// Reads those allotments that are not known yet, with the policies of their SKUs.
    pub(super) fn load<'a>(
        &mut self,
        db: &mut dyn Executor,
        wanted: impl Iterator<Item = (i64, &'a Sku)>,
    ) -> Result<(), BooksError> {
        let key =
            |(book, sku): (i64, &Sku)| vec![SqlValue::Int(book), SqlValue::text(sku.as_str())];
        let missing = wanted.filter(|(book, sku)| {
            let known = self.of_books.get(book).is_some_and(|of| of.contains_key(*sku));
            !known || !self.policies.contains_key(*sku)
        });
        let rows: Vec<SqlRow> = missing.map(key).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT k.a, k.b, policy.low_water, policy.target, {FIGURES} FROM {{keys}} AS k
             LEFT JOIN held ON held.sku = k.b AND held.book = k.a
             LEFT JOIN policy ON policy.sku = k.b"
        );
        let keys = Keys { types: &[ColumnType::Int, ColumnType::Text], rows };
        for row in db.query_keys(&sql, &keys)? {
            let mut row = RowReader::of(row);
            let (book, sku) = (row.int()?, row.id(Sku::parse)?);
            let (low_water, target) = (row.int_or_null()?, row.int_or_null()?);
            let policy = low_water.zip(target);
            let policy = policy.map(|(low_water, target)| Policy { low_water, target });
            self.policies.entry(sku.clone()).or_insert(policy);
            self.add(book, sku, &mut row)?;
        }
        Ok(())
    }

    /// Adds a row that was read, unless it is known already.
    fn add(&mut self, book: i64, sku: Sku, row: &mut RowReader) -> Result<(), BooksError> {
        let stored = row.int_or_null()?;
        let cached = match stored {
            Some(on_hand) => {
                let allotment = read_figures(on_hand, row)?;
                CachedAllotment { allotment, is_stored: true, is_changed: false }
            }
            None => CachedAllotment::default(),
        };
        self.of_books.entry(book).or_default().entry(sku).or_insert(cached);
        Ok(())
    }

    pub(super) fn accounts(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
        skus: &[Sku],
    ) -> Result<Vec<SkuAccount>, BooksError> {
        self.load(db, skus.iter().map(|sku| (book, sku)))?;
        let account = |sku: &Sku| {
            let policy = self.policies.get(sku).copied().flatten();
            SkuAccount { allotment: self.known(book, sku), has_policy: policy.is_some() }
        };
        Ok(skus.iter().map(account).collect())
    }

    fn known(&self, book: i64, sku: &Sku) -> Allotment {
        let cached = self.of_books.get(&book).and_then(|of| of.get(sku));
        cached.map(|cached| cached.allotment).unwrap_or_default()
    }

    /// All allotments of a book.
    pub(super) fn of_book(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
    ) -> Result<Vec<(Sku, Allotment)>, BooksError> {
        if !self.whole.contains(&book) {
            let sql = format!("SELECT held.sku, {FIGURES} FROM held WHERE book = $1");
            for row in db.query(&sql, &[SqlValue::Int(book)])? {
                let mut row = RowReader::of(row);
                let sku = row.id(Sku::parse)?;
                self.add(book, sku, &mut row)?;
            }
            self.whole.insert(book);
        }
        let held = self.of_books.get(&book).into_iter().flatten();
        let held = held.filter(|(_, cached)| cached.is_stored || cached.is_changed);
        Ok(held.map(|(sku, cached)| (sku.clone(), cached.allotment)).collect())
    }

    /// The allotments of a SKU, by book.
    pub(super) fn of_sku(
        &mut self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<Vec<(i64, Allotment)>, BooksError> {
        let sql = format!("SELECT held.book, {FIGURES} FROM held WHERE sku = $1");
        for row in db.query(&sql, &[SqlValue::text(sku.as_str())])? {
            let mut row = RowReader::of(row);
            let book = row.int()?;
            self.add(book, sku.clone(), &mut row)?;
        }
        let held = self.of_books.iter().filter_map(|(book, of)| Some((*book, of.get(sku)?)));
        let held = held.filter(|(_, cached)| cached.is_stored || cached.is_changed);
        Ok(held.map(|(book, cached)| (book, cached.allotment)).collect())
    }

    pub(super) fn save(&mut self, book: i64, allotments: &[(Sku, Allotment)]) {
        let of = self.of_books.entry(book).or_default();
        for (sku, allotment) in allotments {
            let cached = of.entry(sku.clone()).or_default();
            (cached.allotment, cached.is_changed) = (*allotment, true);
        }
    }

    pub(super) fn policy(
        &mut self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<Option<Policy>, BooksError> {
        if !self.policies.contains_key(sku) {
            self.load_policies(db, std::slice::from_ref(sku))?;
        }
        Ok(self.policies.get(sku).copied().flatten())
    }

    /// Reads those policies that are not known yet.
    pub(super) fn load_policies(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<(), BooksError> {
        let missing: Vec<&Sku> =
            skus.iter().filter(|sku| !self.policies.contains_key(*sku)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = missing.iter().map(|sku| vec![SqlValue::text(sku.as_str())]).collect();
        let sql = "SELECT policy.sku, low_water, target FROM {keys} AS k
                   JOIN policy ON policy.sku = k.a";
        for row in db.query_keys(sql, &Keys { types: &[ColumnType::Text], rows })? {
            let mut row = RowReader::of(row);
            let sku = row.id(Sku::parse)?;
            let policy = Policy { low_water: row.int()?, target: row.int()? };
            self.policies.insert(sku, Some(policy));
        }
        for sku in missing {
            self.policies.entry(sku.clone()).or_insert(None);
        }
        Ok(())
    }

    pub(super) fn save_policy(&mut self, sku: &Sku, policy: Policy) {
        self.policies.insert(sku.clone(), Some(policy));
        self.changed_policies.insert(sku.clone());
    }

    /// The SKUs that a database has for the first time.
    pub(super) fn new_skus(&self) -> BTreeSet<&Sku> {
        let cached = self.of_books.values().flatten();
        let new = cached.filter(|(_, cached)| cached.is_changed && !cached.is_stored);
        new.map(|(sku, _)| sku).collect()
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        let mut rows = Vec::new();
        for (book, of) in &self.of_books {
            let changed = of.iter().filter(|(_, cached)| cached.is_changed);
            rows.extend(changed.map(|(sku, cached)| held_row(*book, sku, &cached.allotment)));
        }
        let policy = |sku: &Sku| {
            let policy = self.policies.get(sku).copied().flatten()?;
            let figures = [policy.low_water, policy.target].map(SqlValue::Int);
            Some([SqlValue::text(sku.as_str())].into_iter().chain(figures).collect())
        };
        let policies: Vec<SqlRow> = self.changed_policies.iter().filter_map(policy).collect();
        vec![
            Change { table: &HELD, write: Write::Set, rows },
            Change { table: &POLICY, write: Write::Set, rows: policies },
        ]
    }
}

fn read_figures(on_hand: i64, row: &mut RowReader) -> Result<Allotment, BooksError> {
    Ok(Allotment {
        on_hand,
        reserved: row.int()?,
        in_transit: row.int()?,
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
        given: row.int()?,
    })
}

fn held_row(book: i64, sku: &Sku, allotment: &Allotment) -> SqlRow {
    let Allotment { on_hand, reserved, in_transit, received, adjusted, deducted, given } =
        *allotment;
    let figures = [book, on_hand, reserved, in_transit, received, adjusted, deducted, given];
    let figures = figures.map(SqlValue::Int).into_iter();
    [SqlValue::text(sku.as_str())].into_iter().chain(figures).collect()
}
