//! The table in which workers on the same books show each other that they live.

use super::error::BooksError;
use super::postgres::Postgres;
use super::sql::{RowReader, SqlRow, SqlValue};
use crate::config::BookStore;

/// Raises this worker's number, and reads those of the others. The first number is later than any that
/// the worker had before it was removed.
const BEAT: &str = "
    WITH own AS (
        INSERT INTO worker (id, beat)
            VALUES ($1, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))
            ON CONFLICT (id) DO UPDATE SET beat = worker.beat + 1)
    SELECT id, beat FROM worker WHERE id <> $1";
/// Neither waits for a worker that hangs in the middle of a statement.
const REMOVE: &str = "
    DELETE FROM worker WHERE id IN (
        SELECT id FROM worker WHERE id = $1 AND beat = $2 FOR UPDATE SKIP LOCKED)
    RETURNING id, beat";
const LEAVE: &str = "
    DELETE FROM worker WHERE id IN (SELECT id FROM worker WHERE id = $1 FOR UPDATE SKIP LOCKED)
    RETURNING id, beat";

/// A worker's client id, and the number that it raises as long as it lives.
pub(in crate::hub) type WorkerBeat = (String, i64);

/// The way to the table, on connections of its own: it waits for no other statement.
pub(in crate::hub) struct WorkerTable {
    postgres: Postgres,
}

impl WorkerTable {
    /// That of these books; `None` if they have one worker only.
    pub(in crate::hub) fn of(store: &BookStore) -> Option<Self> {
        match store {
            BookStore::Sqlite(_) => None,
            BookStore::Postgres(url) => Some(Self { postgres: Postgres::without_migration(url) }),
        }
    }

    /// Shows that this worker lives; returns the others.
    pub(in crate::hub) async fn beat(&self, own: &str) -> Result<Vec<WorkerBeat>, BooksError> {
        self.execute(BEAT, &[SqlValue::text(own)]).await
    }

    /// Removes a worker that has not raised its number. Returns false if it has, or if another worker
    /// was first.
    pub(in crate::hub) async fn remove(&self, (id, beat): &WorkerBeat) -> Result<bool, BooksError> {
        let removed = self.execute(REMOVE, &[SqlValue::text(id), SqlValue::Int(*beat)]).await?;
        Ok(!removed.is_empty())
    }

    /// Removes this worker.
    pub(in crate::hub) async fn leave(&self, own: &str) -> Result<(), BooksError> {
        self.execute(LEAVE, &[SqlValue::text(own)]).await.map(drop)
    }

    async fn execute(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<WorkerBeat>, BooksError> {
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            Ok((row.text()?, row.int()?))
        };
        self.postgres.execute_alone(sql, values).await?.into_iter().map(read).collect()
    }
}
