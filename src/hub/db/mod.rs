//! The books database: SQLite in a file, or PostgreSQL for several workers.
//!
//! This folder owns the tables and every statement that changes them. What the rules may do is
//! [`Books`](crate::hub::core::Books), which [`BooksTransaction`] implements for both databases.

mod error;
mod lock;
mod months;
mod order_rows;
mod postgres;
mod rows;
mod schema;
mod sink_rows;
pub(super) mod sql;
mod sqlite;
mod worker_rows;
mod working_set;

use std::sync::Arc;

use rusqlite::Connection;

pub(super) use self::error::{BooksError, Locks};
pub(super) use self::lock::{BooksLock, marker as restore_marker};
pub(super) use self::order_rows::{RESERVATION_COLUMNS, read_decided, read_reservation};
use self::postgres::Postgres;
pub(super) use self::rows::{
    Look, entries_sql, feed_entries_sql, feed_movements_sql, movements_sql, read_entry,
    read_movement,
};
pub(super) use self::schema::newest as newest_version;
pub(super) use self::sink_rows::{
    AsideRow, SinkRow, aside_events, known_since, next_aside, server_time, sink_row, sink_rows,
};
use self::sql::{Executor, SqlValue};
pub(super) use self::sqlite::open_existing as open_books_file;
pub(super) use self::worker_rows::{WorkerBeat, WorkerTable};
pub(super) use self::working_set::{
    BooksTransaction, Expected, MovementsEnd, OWN_LEDGER, Prunable, SignedMovements, read_catalogue,
};
use self::working_set::{ChainedUpTo, CountedReserved, number_feed};
use crate::config::BookStore;
use crate::process::signing_key::SigningKey;

/// A connection to the books database.
#[derive(Debug)]
pub(super) struct BooksDatabase {
    connection: BooksConnection,
    /// How much is reserved in the pools, once a change has counted it.
    reserved: Option<CountedReserved>,
    /// What new movements are signed with.
    key: Option<Arc<SigningKey>>,
}

#[derive(Debug)]
enum BooksConnection {
    Sqlite(Connection),
    Postgres(Postgres),
}

impl From<BooksConnection> for BooksDatabase {
    fn from(connection: BooksConnection) -> Self {
        Self { connection, reserved: None, key: None }
    }
}

impl BooksDatabase {
    /// Opens the books for writing; creates the tables if there are none.
    pub(super) fn open(store: &BookStore) -> Result<Self, BooksError> {
        let mut database = Self::from(match store {
            BookStore::Sqlite(path) => BooksConnection::Sqlite(sqlite::open(path)?),
            BookStore::Postgres(url) => BooksConnection::Postgres(Postgres::open(url)?),
        });
        database.change(|books| {
            books.register_identity();
            Ok(())
        })?;
        database.chain_movements()?;
        Ok(database)
    }

    /// Chains the movements that an earlier version has entered. There may be many, so only the end
    /// is a change of the books; what is before it is read page by page.
    fn chain_movements(&mut self) -> Result<(), BooksError> {
        let Some(end) = self.read(ChainedUpTo::wanted)? else { return Ok(()) };
        let mut chained = ChainedUpTo::default();
        while chained.seq < end {
            chained = self.read(|db| chained.page(db, end))?;
        }
        self.change(|books| {
            books.set_chained(chained);
            Ok(())
        })
    }

    /// Opens books that should be there, for reading: creates and upgrades nothing.
    pub(super) fn open_existing(store: &BookStore) -> Result<Self, BooksError> {
        Ok(Self::from(match store {
            BookStore::Sqlite(path) => BooksConnection::Sqlite(sqlite::open_existing(path)?),
            BookStore::Postgres(url) => BooksConnection::Postgres(Postgres::without_migration(url)),
        }))
    }

    /// The version of the tables; `None` if there are none.
    ///
    /// # Errors
    /// If it is too old or too new, or cannot be read.
    pub(super) fn version(&self) -> Result<Option<i64>, BooksError> {
        match &self.connection {
            BooksConnection::Sqlite(db) => sqlite::version(db),
            BooksConnection::Postgres(db) => db.version(),
        }
    }

    /// Whether other workers may have the same books.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.connection, BooksConnection::Postgres(_))
    }

    /// Another handle on the same books, for reading.
    pub(super) fn reader(&self) -> Result<Self, BooksError> {
        Ok(Self::from(match &self.connection {
            BooksConnection::Postgres(postgres) => BooksConnection::Postgres(postgres.clone()),
            BooksConnection::Sqlite(db) => {
                let path = db.path().unwrap_or_default();
                BooksConnection::Sqlite(sqlite::open_read_only(path.as_ref())?)
            }
        }))
    }

    /// Copies books in SQLite as they are.
    #[cfg(test)]
    pub(super) fn copy_to(&self, path: &std::path::Path) {
        let BooksConnection::Sqlite(db) = &self.connection else {
            panic!("only SQLite can be copied")
        };
        db.execute("VACUUM INTO ?1", [path.display().to_string()]).unwrap();
    }

    /// Has new movements signed with this key, see [`BooksTransaction::into_changes`].
    pub(super) fn sign_with(&mut self, key: Option<Arc<SigningKey>>) {
        self.key = key;
    }

    /// Lets the time pass for which it is known how much is reserved.
    #[cfg(test)]
    pub(super) fn outdate_reserved(&mut self) {
        self.reserved = self.reserved.map(CountedReserved::outdated);
    }

    /// Changes the books in one transaction: on an error it is rolled back.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut BooksTransaction<'_>) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let (known, key) = (self.reserved, self.key.as_deref());
        let change = |db: &mut dyn Executor| {
            let mut books = BooksTransaction::new(db);
            books.know_reserved(known);
            let done = change(&mut books)?;
            let known = books.known_reserved();
            Ok(((done, known), books.into_changes(key)?))
        };
        let (done, known) = match &mut self.connection {
            BooksConnection::Sqlite(db) => sqlite::within(db, "BEGIN IMMEDIATE", |db| {
                let (done, changes) = change(db)?;
                db.write(&changes)?;
                Ok(done)
            }),
            BooksConnection::Postgres(db) => db.change(change),
        }?;
        self.reserved = known;
        Ok(done)
    }

    /// Moves what the log of books in SQLite holds into their file, so that a copy of the file alone is
    /// whole. It waits a second for readers, and then leaves the rest
    /// to the next start.
    pub(super) fn settle(&mut self) -> Result<(), BooksError> {
        match &self.connection {
            BooksConnection::Sqlite(db) => sqlite::checkpoint(db),
            BooksConnection::Postgres(_) => Ok(()),
        }
    }

    /// Gives a position in the feed to the ranges that wait for one.
    pub(super) fn number_feed(&mut self) -> Result<(), BooksError> {
        if let BooksConnection::Postgres(db) = &self.connection {
            let is_waiting = "SELECT EXISTS (SELECT 1 FROM feed_waiting)";
            let waiting = db.read(|db| db.query(is_waiting, &[]))?.pop();
            if waiting.as_deref() == Some(&[SqlValue::bool(true)]) {
                while db.change(|db| Ok((number_feed(db)?, Vec::new())))? {}
            }
        }
        Ok(())
    }

    /// Makes the tables of this month and the next ones, which only PostgreSQL has.
    pub(super) fn make_months(&mut self) -> Result<(), BooksError> {
        match &self.connection {
            BooksConnection::Sqlite(_) => Ok(()),
            BooksConnection::Postgres(db) => months::make(db),
        }
    }

    /// Removes the tables of months of which everything was removed.
    pub(super) fn remove_months(&mut self) -> Result<(), BooksError> {
        match &self.connection {
            BooksConnection::Sqlite(_) => Ok(()),
            BooksConnection::Postgres(db) => months::remove(db),
        }
    }

    /// Reads the books in one snapshot.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        match &mut self.connection {
            BooksConnection::Sqlite(db) => sqlite::within(db, "BEGIN", read),
            BooksConnection::Postgres(db) => db.read(read),
        }
    }
}

#[cfg(test)]
#[path = "migration_tests.rs"]
mod migrations;
