//! The books of gateways' databases.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use crate::hub::core::Book;
use crate::hub::db::error::{BooksError, Locks};
use crate::hub::db::rows::{book_row, columns, read_book};
use crate::hub::db::schema::{BOOK, ColumnType, Dialect};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::{Seq, Sku};

/// How to read rows that other workers may be changing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// They are read only.
    No,
    /// Wait until others have finished.
    Wait,
    /// Fail if others have them, because waiting would be out of order.
    AtOnce,
    /// Leave out those that others have.
    IfFree,
}

#[derive(Debug)]
struct CachedBook {
    book: Book,
    is_locked: bool,
    is_changed: bool,
}

/// A book as it was read.
struct Found {
    book: Book,
    in_force: bool,
    /// How many books its gateway has.
    count: u64,
}

#[derive(Debug, Default)]
pub(super) struct BookSet {
    by_id: BTreeMap<i64, CachedBook>,
    /// The ids of all books of a gateway, in their order.
    of: BTreeMap<GatewayId, Vec<i64>>,
    /// The number of books in all.
    count: Option<u64>,
    next_ids: VecDeque<i64>,
    has_locked: bool,
}

impl BookSet {
    /// Reads the books of those gateways that are not known yet.
    pub(super) fn load(
        &mut self,
        db: &mut dyn Executor,
        gateways: &BTreeSet<GatewayId>,
        lock: Lock,
    ) -> Result<(), BooksError> {
        let missing: Vec<&GatewayId> =
            gateways.iter().filter(|gateway| !self.of.contains_key(gateway)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut found = read(db, &missing, lock)?;
        // A new book that another worker had not committed when this waited for it.
        if lock != Lock::No && !all_in_force(&found) {
            found = read(db, &missing, lock)?;
        }
        self.has_locked |= lock != Lock::No;
        for gateway in missing {
            self.of.insert(gateway.clone(), Vec::new());
        }
        self.keep(found.into_iter(), lock != Lock::No);
        Ok(())
    }

    /// Reads and locks the books of those gateways that no other worker has locked; returns the others.
    pub(super) fn load_if_free(
        &mut self,
        db: &mut dyn Executor,
        gateways: &BTreeSet<GatewayId>,
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        if db.dialect() == Dialect::Sqlite {
            self.load(db, gateways, Lock::Wait)?;
            return Ok(BTreeSet::new());
        }
        let missing: Vec<&GatewayId> =
            gateways.iter().filter(|gateway| !self.of.contains_key(gateway)).collect();
        if missing.is_empty() {
            return Ok(BTreeSet::new());
        }
        let found = read(db, &missing, Lock::IfFree)?;
        self.has_locked |= !found.is_empty();
        let free = all_locked(&found);
        self.keep(found.into_iter().filter(|found| free.contains(&found.book.gateway)), true);
        let left: BTreeSet<GatewayId> =
            missing.into_iter().filter(|gateway| !free.contains(*gateway)).cloned().collect();
        let known = self.positions(db, &left)?;
        // The others have no books yet.
        let new = left.iter().filter(|gateway| !known.contains_key(*gateway));
        self.of.extend(new.map(|gateway| (gateway.clone(), Vec::new())));
        Ok(known.into_keys().collect())
    }

    fn keep(&mut self, found: impl Iterator<Item = Found>, is_locked: bool) {
        for Found { book, .. } in found {
            self.of.entry(book.gateway.clone()).or_default().push(book.id);
            self.by_id.insert(book.id, CachedBook { book, is_locked, is_changed: false });
        }
    }

    /// The epoch and the position of each gateway's newest database, as they are committed.
    pub(super) fn positions(
        &self,
        db: &mut dyn Executor,
        gateways: &BTreeSet<GatewayId>,
    ) -> Result<BTreeMap<GatewayId, (Uuid, Seq)>, BooksError> {
        if gateways.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = "SELECT book.site, book.gateway, book.epoch, book.acked_seq FROM {keys} AS k
                   JOIN book ON book.site = k.a AND book.gateway = k.b WHERE book.in_force = 1";
        let keys = keys(gateways.iter());
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            let gateway = GatewayId { site: row.text()?, gateway: row.text()? };
            Ok((gateway, (row.epoch()?, row.number()?)))
        };
        db.query_keys(sql, &keys)?.into_iter().map(read).collect()
    }

    pub(super) fn has_locked(&self) -> bool {
        self.has_locked
    }

    pub(super) fn of(
        &mut self,
        db: &mut dyn Executor,
        gateway: &GatewayId,
        lock: Lock,
    ) -> Result<Vec<Book>, BooksError> {
        if !self.of.contains_key(gateway) {
            self.load(db, &BTreeSet::from([gateway.clone()]), lock)?;
        }
        let ids = self.of.get(gateway).map(Vec::as_slice).unwrap_or_default();
        Ok(ids.iter().filter_map(|id| self.get(*id)).cloned().collect())
    }

    pub(super) fn get(&self, id: i64) -> Option<&Book> {
        self.by_id.get(&id).map(|cached| &cached.book)
    }

    /// The newest book of a gateway whose books are known.
    pub(super) fn newest(&self, gateway: &GatewayId) -> Option<&Book> {
        self.get(*self.of.get(gateway)?.last()?)
    }

    /// How many of these gateways have no books.
    pub(super) fn count_unknown<'a>(&self, gateways: impl Iterator<Item = &'a GatewayId>) -> u64 {
        gateways.filter(|gateway| self.of.get(gateway).is_some_and(Vec::is_empty)).count() as u64
    }

    /// The gateways of books that are not known yet.
    pub(super) fn gateways_of(
        &self,
        db: &mut dyn Executor,
        ids: &[i64],
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        let missing = ids.iter().filter(|id| !self.by_id.contains_key(id));
        let rows: Vec<SqlRow> = missing.map(|id| vec![SqlValue::Int(*id)]).collect();
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT book.site, book.gateway FROM {keys} AS k JOIN book ON book.id = k.a";
        let found = db.query_keys(sql, &Keys { types: &[ColumnType::Int], rows })?;
        found.into_iter().map(read_gateway).collect()
    }

    /// The gateways that are online.
    pub(super) fn online(
        &self,
        db: &mut dyn Executor,
        before_ms: i64,
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        let sql = "SELECT site, gateway FROM book WHERE online = 1 AND last_seen_ms < $1";
        let found = db.query(sql, &[SqlValue::Int(before_ms)])?;
        found.into_iter().map(read_gateway).collect()
    }

    /// The gateways that are held.
    pub(super) fn held(&self, db: &mut dyn Executor) -> Result<BTreeSet<GatewayId>, BooksError> {
        let sql = "SELECT site, gateway FROM book WHERE in_force = 1 AND held IS NOT NULL";
        db.query(sql, &[])?.into_iter().map(read_gateway).collect()
    }

    /// The gateways that have shown since a moment that they have no more than the books.
    pub(super) fn in_step_since(
        &self,
        db: &mut dyn Executor,
        since_ms: i64,
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        let sql = "SELECT site, gateway FROM book WHERE in_force = 1 AND in_step_ms > 0
                   AND in_step_ms >= $1";
        let found = db.query(sql, &[SqlValue::Int(since_ms)])?;
        found.into_iter().map(read_gateway).collect()
    }

    /// The gateways that have had a SKU.
    pub(super) fn holders(
        &self,
        db: &mut dyn Executor,
        sku: &Sku,
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        let sql = "SELECT DISTINCT book.site, book.gateway FROM held
                   JOIN book ON book.id = held.book WHERE held.sku = $1";
        let found = db.query(sql, &[SqlValue::text(sku.as_str())])?;
        found.into_iter().map(read_gateway).collect()
    }

    /// The books in force that are not fenced.
    pub(super) fn all_open(&self, db: &mut dyn Executor) -> Result<Vec<Book>, BooksError> {
        let sql = format!("SELECT {} FROM book WHERE in_force = 1", columns(&BOOK));
        let (mut gateways, mut books) = (BTreeSet::new(), Vec::new());
        for mut row in db.query(&sql, &[])? {
            row.pop();
            let book = read_book(row)?;
            gateways.insert(book.gateway.clone());
            books.push(self.newest(&book.gateway).cloned().unwrap_or(book));
        }
        // Those that this transaction has opened.
        let new = self.of.keys().filter(|gateway| !gateways.contains(*gateway));
        books.extend(new.filter_map(|gateway| self.newest(gateway)).cloned());
        books.retain(|book| book.cursor.fenced.is_none());
        Ok(books)
    }

    pub(super) fn set_offline(&mut self, before_ms: i64) {
        let is_it = |book: &Book| book.online && book.last_seen_ms < before_ms;
        for cached in self.by_id.values_mut().filter(|cached| is_it(&cached.book)) {
            cached.book.online = false;
            cached.is_changed = true;
        }
    }

    /// Makes sure that a book may be changed, and with it everything of its database.
    pub(super) fn check_locked(&self, id: i64) -> Result<(), BooksError> {
        match self.by_id.get(&id) {
            Some(cached) if cached.is_locked => Ok(()),
            Some(cached) => {
                let gateways = BTreeSet::from([cached.book.gateway.clone()]);
                Err(BooksError::Contended(Box::new(Locks { gateways, ..Locks::default() })))
            }
            None => Err(BooksError::Damaged(format!("book {id} is changed and was not read"))),
        }
    }

    pub(super) fn save(&mut self, book: &Book) -> Result<(), BooksError> {
        self.check_locked(book.id)?;
        let cached = CachedBook { book: book.clone(), is_locked: true, is_changed: true };
        self.by_id.insert(book.id, cached);
        Ok(())
    }

    /// Removes a book at once: the one before it is in force again, and only one can be.
    pub(super) fn remove(&mut self, db: &mut dyn Executor, book: &Book) -> Result<(), BooksError> {
        self.check_locked(book.id)?;
        // It waits for units no longer.
        for sql in ["DELETE FROM ask WHERE book = $1", "DELETE FROM book WHERE id = $1"] {
            db.query(sql, &[SqlValue::Int(book.id)])?;
        }
        self.by_id.remove(&book.id);
        let of = self.of.entry(book.gateway.clone()).or_default();
        of.retain(|id| *id != book.id);
        if let Some(newest) = of.last().and_then(|id| self.by_id.get_mut(id)) {
            newest.is_changed = true;
        }
        self.count = self.count.map(|count| count.saturating_sub(1));
        Ok(())
    }

    pub(super) fn count(&mut self, db: &mut dyn Executor) -> Result<u64, BooksError> {
        if self.count.is_none() {
            self.reserve_ids(db, 1)?;
        }
        Ok(self.count.unwrap_or_default())
    }

    /// Reserves ids for new books. Where several workers open books, ids may be left out.
    pub(super) fn reserve_ids(
        &mut self,
        db: &mut dyn Executor,
        count: u64,
    ) -> Result<(), BooksError> {
        if db.dialect() == Dialect::Postgresql {
            let sql = "SELECT (SELECT count(*) FROM book), nextval('book_id')
                       FROM generate_series(1, $1)";
            for row in db.query(sql, &[SqlValue::number(count)])? {
                let mut row = RowReader::of(row);
                self.count.get_or_insert(row.number()?);
                self.next_ids.push_back(row.int()?);
            }
            return Ok(());
        }
        let found = db.query("SELECT count(*), coalesce(max(id), 0) FROM book", &[])?.pop();
        let mut row = RowReader::of(found.unwrap_or_default());
        self.count.get_or_insert(row.number()?);
        let opened = self.by_id.keys().last().copied().unwrap_or_default();
        let last = row.int()?.max(opened);
        self.next_ids.extend((last + 1..).take(usize::try_from(count).unwrap_or_default()));
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        db: &mut dyn Executor,
        book: &mut Book,
    ) -> Result<(), BooksError> {
        if self.next_ids.is_empty() {
            self.reserve_ids(db, 1)?;
        }
        let missing = || BooksError::Damaged("there is no number for a new book".into());
        book.id = self.next_ids.pop_front().ok_or_else(missing)?;
        let of = self.of.entry(book.gateway.clone()).or_default();
        if let Some(before) = of.last().and_then(|id| self.by_id.get_mut(id)) {
            // It is no longer in force.
            before.is_changed = true;
        }
        of.push(book.id);
        let cached = CachedBook { book: book.clone(), is_locked: true, is_changed: true };
        self.by_id.insert(book.id, cached);
        self.count = self.count.map(|count| count + 1);
        Ok(())
    }

    /// What to write, by id: a book that is replaced comes before the one that replaces it.
    pub(super) fn changes(&self) -> Option<Change> {
        let changed = self.by_id.values().filter(|cached| cached.is_changed);
        let row = |cached: &CachedBook| {
            let book = &cached.book;
            let in_force = self.of.get(&book.gateway).and_then(|of| of.last()) == Some(&book.id);
            let mut row = book_row(book).to_vec();
            row.push(SqlValue::bool(in_force));
            row
        };
        let rows: Vec<SqlRow> = changed.map(row).collect();
        (!rows.is_empty()).then_some(Change { table: &BOOK, write: Write::Set, rows })
    }
}

/// Reads books by id, each with whether it is in force.
fn read(
    db: &mut dyn Executor,
    gateways: &[&GatewayId],
    lock: Lock,
) -> Result<Vec<Found>, BooksError> {
    let clause = match lock {
        Lock::No => "",
        Lock::Wait => "{for update of book}",
        // The clause is empty where nothing is locked.
        Lock::AtOnce => "{for update of book NOWAIT}",
        Lock::IfFree => "{for update of book SKIP LOCKED}",
    };
    let sql = format!(
        "SELECT {}, (SELECT count(*) FROM book AS one
                 WHERE one.site = book.site AND one.gateway = book.gateway)
         FROM {{keys}} AS k JOIN book ON book.site = k.a AND book.gateway = k.b
         ORDER BY book.id {clause}",
        columns(&BOOK)
    );
    let keys = keys(gateways.iter().copied());
    let found = db.query_keys(&sql, &keys).map_err(|error| {
        let gateways = gateways.iter().map(|gateway| (*gateway).clone()).collect();
        error.or_contended(lock == Lock::AtOnce, Locks { gateways, ..Locks::default() })
    })?;
    let read = |mut row: SqlRow| {
        let count = RowReader::of(row.split_off(row.len().saturating_sub(1))).number()?;
        let in_force = row.pop() == Some(SqlValue::Int(1));
        Ok(Found { book: read_book(row)?, in_force, count })
    };
    found.into_iter().map(read).collect()
}

fn keys<'a>(gateways: impl Iterator<Item = &'a GatewayId>) -> Keys {
    let key = |id: &GatewayId| vec![SqlValue::text(&id.site), SqlValue::text(&id.gateway)];
    Keys { types: &[ColumnType::Text, ColumnType::Text], rows: gateways.map(key).collect() }
}

/// Whether each gateway has a book in force.
fn all_in_force(found: &[Found]) -> bool {
    let newest: BTreeMap<&GatewayId, bool> =
        found.iter().map(|Found { book, in_force, .. }| (&book.gateway, *in_force)).collect();
    newest.values().all(|in_force| *in_force)
}

/// The gateways of which all books were found. Of the others another worker has locked some.
fn all_locked(found: &[Found]) -> BTreeSet<GatewayId> {
    let mut counts: BTreeMap<&GatewayId, u64> = BTreeMap::new();
    found.iter().for_each(|found| *counts.entry(&found.book.gateway).or_default() += 1);
    let is_whole =
        |found: &&Found| found.in_force && counts.get(&found.book.gateway) == Some(&found.count);
    found.iter().filter(is_whole).map(|found| found.book.gateway.clone()).collect()
}

fn read_gateway(row: SqlRow) -> Result<GatewayId, BooksError> {
    let mut row = RowReader::of(row);
    Ok(GatewayId { site: row.text()?, gateway: row.text()? })
}
