//! The books database: SQLite in a file, or PostgreSQL for several workers.
//!
//! This folder owns the tables and every statement that changes them. What the rules may do is
//! [`Books`](crate::hub::core::Books), which [`BooksTransaction`] implements for both databases.

mod error;
mod postgres;
mod rows;
mod schema;
pub(super) mod sql;
mod sqlite;
mod transaction;

use rusqlite::Connection;

pub(super) use self::error::BooksError;
use self::postgres::Postgres;
pub(super) use self::rows::{entries_sql, read_entry};
pub(super) use self::schema::IN_FORCE;
use self::sql::Executor;
pub(super) use self::transaction::BooksTransaction;
use crate::config::BookStore;

/// A connection to the books database.
#[derive(Debug)]
pub(super) enum BooksDatabase {
    Sqlite(Connection),
    Postgres(Postgres),
}

impl BooksDatabase {
    /// Opens the books for writing; creates the tables if there are none.
    pub(super) fn open(store: &BookStore) -> Result<Self, BooksError> {
        Ok(match store {
            BookStore::Sqlite(path) => Self::Sqlite(sqlite::open(path)?),
            BookStore::Postgres(url) => Self::Postgres(Postgres::open(url)?),
        })
    }

    /// Another handle on the same books, for reading.
    pub(super) fn reader(&self) -> Result<Self, BooksError> {
        Ok(match self {
            Self::Postgres(postgres) => Self::Postgres(postgres.clone()),
            Self::Sqlite(db) => {
                Self::Sqlite(sqlite::open_read_only(db.path().unwrap_or_default().as_ref())?)
            }
        })
    }

    /// Changes the books in one transaction: on an error it is rolled back. Other writers wait
    /// until it ends.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut BooksTransaction<'_>) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let change = |db: &mut dyn Executor| change(&mut BooksTransaction::new(db));
        match self {
            Self::Sqlite(db) => sqlite::within(db, "BEGIN IMMEDIATE", change),
            Self::Postgres(db) => db.change(change),
        }
    }

    /// Reads the books in one snapshot.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        match self {
            Self::Sqlite(db) => sqlite::within(db, "BEGIN", read),
            Self::Postgres(db) => db.read(read),
        }
    }
}
