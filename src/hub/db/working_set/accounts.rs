//! The allotments of databases, and the policies of their SKUs.

use std::collections::{BTreeMap, BTreeSet};

use super::policies::{EXISTS, PolicySet};
use crate::hub::core::{Allotment, Policy, PolicyOfSku, SkuAccount};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ColumnType, HELD};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

const FIGURES: &str = "held.on_hand, held.reserved, held.in_transit, held.received, held.adjusted,
    held.deducted, held.given";

#[derive(Clone, Copy, Debug, Default)]
struct CachedAllotment {
    allotment: Allotment,
    /// Whether there is a row of it.
    is_stored: bool,
    /// Whether it was read, and there was no row of it.
    is_missing: bool,
    is_changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct AccountSet {
    of_books: BTreeMap<i64, BTreeMap<Sku, CachedAllotment>>,
    /// The books all of whose allotments are known.
    whole: BTreeSet<i64>,
    policies: PolicySet,
}

impl AccountSet {
    /// Reads those allotments that are not known yet, with the policies of their SKUs.
    pub(super) fn load<'a>(
        &mut self,
        db: &mut dyn Executor,
        wanted: impl Iterator<Item = (i64, &'a Sku)>,
    ) -> Result<(), BooksError> {
        let mut wanted: Vec<(i64, &Sku)> = wanted.collect();
        // Neighbours in the index follow each other.
        wanted.sort_unstable_by_key(|(book, sku)| (*sku, *book));
        let missing = wanted.iter().filter(|(book, sku)| {
            let known = self.of_books.get(book).is_some_and(|of| of.contains_key(*sku));
            !known || !self.policies.knows(sku)
        });
        let key = |(book, sku): &(i64, &Sku)| -> SqlRow {
            vec![SqlValue::Int(*book), SqlValue::text(sku.as_str())]
        };
        let rows: Vec<SqlRow> = missing.map(key).collect();
        if !rows.is_empty() {
            let sql = format!(
                "SELECT k.a, k.b, {EXISTS}, {FIGURES} FROM {{keys}} AS k
                 LEFT JOIN held ON held.sku = k.b AND held.book = k.a"
            );
            let keys = Keys { types: &[ColumnType::Int, ColumnType::Text], rows };
            for row in db.query_keys(&sql, &keys)? {
                let mut row = RowReader::of(row);
                let (book, sku) = (row.int()?, row.id(Sku::parse)?);
                self.policies.note(&sku, row.bool()?);
                self.add(book, sku, &mut row)?;
            }
        }
        self.policies.load(db, &wanted)
    }

    /// Adds a row that was read, unless it is known already.
    fn add(&mut self, book: i64, sku: Sku, row: &mut RowReader) -> Result<(), BooksError> {
        let stored = row.int_or_null()?;
        let cached = match stored {
            Some(on_hand) => {
                let allotment = read_figures(on_hand, row)?;
                CachedAllotment { allotment, is_stored: true, ..CachedAllotment::default() }
            }
            None => CachedAllotment { is_missing: true, ..CachedAllotment::default() },
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
            let has_policy = self.policies.of(book, sku).is_some();
            SkuAccount { allotment: self.known(book, sku), has_policy }
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

    /// Removes the allotments of a SKU at once. Another worker may just have booked units of it for
    /// a gateway that is not locked here: these stay.
    pub(super) fn remove_sku(
        &mut self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<(), BooksError> {
        let sql = "DELETE FROM held WHERE sku = $1
                   AND on_hand = 0 AND reserved = 0 AND in_transit = 0";
        db.query(sql, &[SqlValue::text(sku.as_str())])?;
        for of in self.of_books.values_mut() {
            of.remove(sku);
        }
        Ok(())
    }

    /// Notes whether a SKU has any policy, unless that is known already.
    pub(super) fn note_policy(&mut self, sku: &Sku, exists: bool) {
        self.policies.note(sku, exists);
    }

    /// Those of the SKUs that have any policy.
    pub(super) fn with_policy(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<BTreeSet<Sku>, BooksError> {
        self.policies.existing(db, skus)
    }

    /// The policies of a SKU that may be changed here.
    pub(super) fn policies(
        &mut self,
        db: &mut dyn Executor,
        book: i64,
        sku: &Sku,
    ) -> Result<&mut PolicySet, BooksError> {
        self.load(db, std::iter::once((book, sku)))?;
        Ok(&mut self.policies)
    }

    /// All policies of these SKUs.
    pub(super) fn policies_of(
        &mut self,
        db: &mut dyn Executor,
        skus: &[Sku],
    ) -> Result<Vec<PolicyOfSku>, BooksError> {
        self.policies.all_of(db, skus)
    }

    pub(super) fn save_policy(
        &mut self,
        sku: &Sku,
        of: Option<(&GatewayId, Option<i64>)>,
        policy: Option<Policy>,
    ) {
        self.policies.save(sku, of, policy);
    }

    /// The SKUs that a database has for the first time.
    pub(super) fn new_skus(&self) -> BTreeSet<&Sku> {
        let cached = self.of_books.values().flatten();
        let new = cached.filter(|(_, cached)| cached.is_changed && !cached.is_stored);
        new.map(|(sku, _)| sku).collect()
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        let change = |is_missing, write| {
            let rows = self.changed_rows(is_missing);
            Change { table: &HELD, write, rows }
        };
        // The book is locked since before they were read, so those that were missing are new: that
        // costs less than to look whether they are.
        let mut changes = vec![change(true, Write::Insert), change(false, Write::Set)];
        changes.extend(self.policies.changes());
        changes
    }

    fn changed_rows(&self, is_missing: bool) -> Vec<SqlRow> {
        let mut rows = Vec::new();
        for (book, of) in &self.of_books {
            let changed = of.iter().filter(|(_, cached)| cached.is_changed);
            let changed = changed.filter(|(_, cached)| cached.is_missing == is_missing);
            rows.extend(changed.map(|(sku, cached)| (sku, *book, cached.allotment)));
        }
        // As above.
        rows.sort_unstable_by_key(|(sku, book, _)| (*sku, *book));
        rows.into_iter().map(|(sku, book, allotment)| held_row(book, sku, &allotment)).collect()
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
