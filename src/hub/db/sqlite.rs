//! The books in a SQLite file.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, TransactionBehavior, params_from_iter};

use super::error::BooksError;
use super::schema;
use super::sql::{Executor, SqlRow, SqlValue};

/// `SGHB` in the file's header says that the file holds a hub's books.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGHB");

/// Opens the books for writing; creates the tables if there are none.
pub(super) fn open(path: &Path) -> Result<Connection, BooksError> {
    if let Some(directory) = path.parent() {
        let failed = |cause| BooksError::Directory { path: directory.into(), cause };
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    db.pragma_update(None, "cache_size", -32_768)?;
    db.set_prepared_statement_cache_capacity(64);
    create(&mut db)?;
    Ok(db)
}

/// Opens existing books for reading.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, BooksError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Runs a transaction; on an error it is rolled back.
pub(super) fn within<T>(
    db: &mut Connection,
    begin: &str,
    work: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
) -> Result<T, BooksError> {
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

fn create(db: &mut Connection) -> Result<(), BooksError> {
    let known = i32::try_from(schema::VERSION).expect("a small number");
    // Another worker may be creating the tables at this moment.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = transaction.query_row(count, [], |row| row.get(0))?;
    if (found, tables) == (0, 0) {
        let tables = schema::tables("INTEGER", "TEXT", "BLOB", " STRICT, WITHOUT ROWID");
        transaction.execute_batch(&tables)?;
        transaction.pragma_update(None, "user_version", known)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        return Ok(transaction.commit()?);
    }
    match (application == APPLICATION_ID, found.cmp(&known)) {
        (false, _) => Err(BooksError::NotOurs),
        (true, std::cmp::Ordering::Equal) => Ok(()),
        (true, std::cmp::Ordering::Less) => Err(BooksError::Older { found }),
        (true, std::cmp::Ordering::Greater) => {
            let path = transaction.path().unwrap_or_default().into();
            Err(BooksError::Newer { path, found, known })
        }
    }
}

impl Executor for Connection {
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError> {
        let changed = self.prepare_cached(sql)?.execute(params_from_iter(values))?;
        Ok(changed as u64)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError> {
        let mut statement = self.prepare_cached(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            (0..columns).map(|column| Ok(row.get_ref(column)?.into())).collect()
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<ValueRef<'_>> for SqlValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            // No column of the books holds a fraction. As a text it is reported as damage.
            ValueRef::Real(number) => Self::Text(number.to_string()),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway may forget what the hub has acknowledged: a power cut must not take it back.
    #[test]
    fn every_commit_is_synced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hub.db");
        open(&path).unwrap();
        let db = open(&path).unwrap();
        let level: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!((level, mode.as_str()), (2, "wal"));
    }
}
