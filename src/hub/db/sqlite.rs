//! The books in a SQLite file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, TransactionBehavior, params_from_iter};

use super::error::BooksError;
use super::schema;
use super::schema::Dialect;
use super::sql::{Change, Executor, KEY_NAMES, Keys, SqlRow, SqlValue, Write, with_locks};

/// `SGHB` in the file's header says that the file holds a hub's books.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGHB");
/// How long the last act of a hub that stops waits for readers.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);

/// Opens the books for writing; creates the tables if there are none.
pub(super) fn open(path: &Path) -> Result<Connection, BooksError> {
    if let Some(directory) = path.parent() {
        let failed = |cause| BooksError::Directory { path: directory.into(), cause };
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut db = Connection::open(path)?;
    // Shorter than a client waits, so that the hub knows by then that it cannot write.
    db.busy_timeout(Duration::from_secs(4))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    db.pragma_update(None, "cache_size", -32_768)?;
    db.set_prepared_statement_cache_capacity(64);
    migrate(&mut db)?;
    Ok(db)
}

/// Moves the whole log into the file. What a reader still uses stays in the log.
pub(super) fn checkpoint(db: &Connection) -> Result<(), BooksError> {
    db.busy_timeout(CHECKPOINT_WAIT)?;
    Ok(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

/// Opens books that are there for reading; a copy of them as well as those of a running hub.
///
/// # Errors
/// If there are none, or they are not of a version that this program knows.
pub(in crate::hub) fn open_existing(path: &Path) -> Result<Connection, BooksError> {
    if !path.exists() {
        return Err(BooksError::Missing(path.into()));
    }
    let db = open_read_only(path)?;
    match version(&db)? {
        Some(_) => Ok(db),
        None => Err(BooksError::Missing(path.into())),
    }
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
        db.execute_batch("COMMIT").map_err(|error| BooksError::from(error).in_commit())?;
        Ok(done)
    });
    if done.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    done
}

/// Creates the tables, or brings those of an older version to the newest one, each version in a
/// transaction of its own. Older books are copied before.
fn migrate(db: &mut Connection) -> Result<(), BooksError> {
    // New books have nothing to keep.
    let mut is_copied = version(db)?.is_none();
    loop {
        // Another worker may be doing the same at this moment.
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        let Some((next, statements)) = schema::migrations(Dialect::Sqlite, found).next() else {
            return Ok(());
        };
        if found.is_some() && !std::mem::replace(&mut is_copied, true) {
            drop(transaction);
            keep_copy(db, next - 1)?;
            continue;
        }
        transaction.execute_batch(&statements)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
}

/// The version of the tables; `None` for an empty file.
///
/// # Errors
/// If the file is not a hub's, or its version is too old or too new.
pub(super) fn version(db: &Connection) -> Result<Option<i64>, BooksError> {
    let found: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (found, tables) == (0, 0) {
        return Ok(None);
    }
    if application != APPLICATION_ID {
        return Err(BooksError::NotOurs);
    }
    let (number, known) = (i64::from(found), schema::newest());
    if number < schema::OLDEST {
        return Err(BooksError::Older { found });
    }
    if number > known {
        let path = db.path().unwrap_or_default().into();
        return Err(BooksError::Newer { path, found: number, known });
    }
    Ok(Some(number))
}

/// Copies books of an older version to a file beside them, which is on disk when this returns.
fn keep_copy(db: &Connection, version: i64) -> Result<(), BooksError> {
    let path = PathBuf::from(db.path().unwrap_or_default());
    let copy = path.with_added_extension(format!("version-{version}"));
    // Under another name until it is whole: a part of a copy is none.
    let unfinished = copy.with_added_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    db.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    let synced = File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, &copy))
        .and_then(|()| File::open(copy.parent().unwrap_or(Path::new(".")))?.sync_all());
    synced.map_err(|cause| BooksError::Directory { path: copy.clone(), cause })?;
    tracing::info!(copy = %copy.display(), "the books are upgraded to a new version; a copy of them as they were is kept");
    Ok(())
}

impl Executor for Connection {
    #[cfg(test)]
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

    /// One execution of a prepared statement for each key costs no round trip here.
    fn query_keys(&mut self, sql: &str, keys: &Keys) -> Result<Vec<SqlRow>, BooksError> {
        let names = KEY_NAMES.iter().take(keys.types.len()).enumerate();
        let columns: Vec<String> =
            names.map(|(place, name)| format!("${} AS {name}", place + 1)).collect();
        let one = format!("(SELECT {})", columns.join(", "));
        let sql = with_locks(sql, false).replace("{keys}", &one);
        let mut found = Vec::new();
        for key in &keys.rows {
            found.append(&mut self.query(&sql, key)?);
        }
        Ok(found)
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), BooksError> {
        for change in changes {
            let mut statement = self.prepare_cached(&one_row(change))?;
            for row in &change.rows {
                statement.execute(params_from_iter(row))?;
            }
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}

/// The statement that writes one row of a change.
fn one_row(change: &Change) -> String {
    let (table, columns) = (change.table.name, change.columns());
    let numbered = (1..).zip(&columns);
    if change.write == Write::Delete {
        let keys: Vec<String> =
            numbered.map(|(place, (name, _))| format!("{name} = ${place}")).collect();
        return format!("DELETE FROM {table} WHERE {}", keys.join(" AND "));
    }
    let places: Vec<String> = numbered.map(|(place, _)| format!("${place}")).collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let (names, places, tail) = (names.join(", "), places.join(", "), change.conflict_clause());
    format!("INSERT INTO {table} ({names}) VALUES ({places}) {tail}")
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

    #[test]
    fn a_file_is_whole_without_its_log_though_readers_have_it_open() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copy) = (directory.path().join("hub.db"), directory.path().join("copy.db"));
        let db = open(&path).unwrap();
        let reader = open_read_only(&path).unwrap();
        assert!(version(&reader).unwrap().is_some());
        checkpoint(&db).unwrap();
        std::fs::copy(&path, &copy).unwrap();
        assert!(open_existing(&copy).is_ok());
    }
}
