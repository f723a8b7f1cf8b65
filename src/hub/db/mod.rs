//! Keeps the books in a database: SQLite, or PostgreSQL for several workers.

mod postgres;
mod rows;
mod schema;
pub(super) mod sql;
mod sqlite;
mod transaction;

use rusqlite::Connection;

use self::postgres::Postgres;
pub(super) use self::rows::{ENTRY_COLUMNS, read_entry};
use self::sql::Executor;
pub(super) use self::transaction::{BooksTransaction, aside_sql};
use crate::config::BookStore;
use crate::hub::core::Books;
use crate::store::StoreError;

/// Where the books are.
#[derive(Debug)]
pub(super) enum BooksDatabase {
    Sqlite(Connection),
    Postgres(Box<Postgres>),
}

impl BooksDatabase {
    /// Opens the books for writing, or creates them.
    pub(super) fn open(store: &BookStore) -> Result<Self, StoreError> {
        Ok(match store {
            BookStore::Sqlite(path) => Self::Sqlite(sqlite::open(path)?),
            BookStore::Postgres(url) => Self::Postgres(Box::new(Postgres::open(url)?)),
        })
    }

    /// Opens books that are there for reading.
    pub(super) fn open_read_only(store: &BookStore) -> Result<Self, StoreError> {
        Ok(match store {
            BookStore::Sqlite(path) => Self::Sqlite(sqlite::open_read_only(path)?),
            BookStore::Postgres(url) => Self::Postgres(Box::new(Postgres::connect(url)?)),
        })
    }

    /// Changes the books: all of it becomes true, or, on an error, nothing. Whoever changes them
    /// at the same time waits.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut BooksTransaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within("BEGIN IMMEDIATE", |db| change(&mut BooksTransaction::new(db)))
    }

    /// Reads the books as they are at one moment.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within("BEGIN", read)
    }

    fn within<T>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut dyn Executor) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(db) => {
                db.execute_batch(begin)?;
                let done = work(db).and_then(|done| {
                    db.execute_batch("COMMIT")?;
                    Ok(done)
                });
                if done.is_err() && !db.is_autocommit() {
                    db.execute_batch("ROLLBACK")?;
                }
                done
            }
            Self::Postgres(db) => db.within(begin == "BEGIN IMMEDIATE", work),
        }
    }
}

/// The books as the rules read them.
pub(super) fn table(db: &mut dyn Executor) -> BooksTransaction<'_> {
    BooksTransaction::new(db)
}

/// Whatever keeps them, the rules see [`Books`].
const _: fn() = || {
    fn keeps<T: Books>() {}
    keeps::<BooksTransaction<'_>>();
};
