//! The books in PostgreSQL, for several workers at once.

use std::time::Duration;

use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls, Statement};

use super::error::BooksError;
use super::schema;
use super::sql::{Executor, SqlRow, SqlValue};

/// Takes the lock of the transaction that changes the books, which serializes these transactions.
/// No other program in the database is likely to use this number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6001229868153520706)";
/// How many prepared statements are kept.
const STATEMENTS_MAX: usize = 128;

/// A connection, which is made again after it was lost.
pub(in crate::hub) struct Postgres {
    config: Config,
    client: Option<Client>,
    statements: std::collections::HashMap<String, Statement>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may contain a password.
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects, and creates the tables where they are missing.
    pub(super) fn open(url: &str) -> Result<Self, BooksError> {
        let mut postgres = Self::connect(url)?;
        postgres
            .change(|db| {
                db.execute("CREATE TABLE IF NOT EXISTS stockgate_version (version BIGINT)", &[])?;
                match db.query("SELECT version FROM stockgate_version", &[])?.pop().as_deref() {
                    None => Ok(true),
                    Some([SqlValue::Int(schema::VERSION)]) => Ok(false),
                    Some(other) => Err(BooksError::Damaged(format!(
                        "the books in PostgreSQL have version {other:?}, this program knows {}",
                        schema::VERSION
                    ))),
                }
            })
            .and_then(|new| if new { postgres.create() } else { Ok(()) })?;
        Ok(postgres)
    }

    pub(super) fn connect(url: &str) -> Result<Self, BooksError> {
        let mut config: Config = url.parse().map_err(BooksError::Postgres)?;
        config.connect_timeout(Duration::from_secs(5)).application_name("stockgate-hub");
        let mut postgres = Self { config, client: None, statements: Default::default() };
        postgres.client()?;
        Ok(postgres)
    }

    fn create(&mut self) -> Result<(), BooksError> {
        let tables = schema::tables("BIGINT", "TEXT COLLATE \"C\"", "BYTEA", "");
        let version = schema::VERSION;
        let script = format!(
            "BEGIN; {LOCK};
             DO $do$ BEGIN IF NOT EXISTS (SELECT FROM stockgate_version) THEN
                 {tables}
                 INSERT INTO stockgate_version VALUES ({version});
             END IF; END $do$;
             COMMIT"
        );
        Ok(self.client()?.batch_execute(&script)?)
    }

    fn client(&mut self) -> Result<&mut Client, BooksError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.statements.clear();
            self.client = Some(self.config.connect(NoTls)?);
        }
        Ok(self.client.as_mut().expect("connected above"))
    }

    /// Runs a transaction that changes the books, while no other one does.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        self.within(&format!("BEGIN; {LOCK}"), change)
    }

    /// Runs a transaction that reads one snapshot.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        self.within("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", read)
    }

    fn within<T>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        self.client()?.batch_execute(begin)?;
        let done = work(self).and_then(|done| {
            self.open_client()?.batch_execute("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            // If the connection is lost, the server rolls back.
            let _ = self.open_client().and_then(|client| Ok(client.batch_execute("ROLLBACK")?));
        }
        done
    }

    /// The connection on which the transaction began. A new one would not be in the transaction.
    fn open_client(&mut self) -> Result<&mut Client, BooksError> {
        self.client.as_mut().ok_or_else(|| BooksError::Damaged("there is no connection".into()))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, BooksError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let statement = self.open_client()?.prepare(sql)?;
        self.statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

impl Executor for Postgres {
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError> {
        let statement = self.statement(sql)?;
        Ok(self.open_client()?.execute(&statement, &references(values))?)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError> {
        let statement = self.statement(sql)?;
        let rows = self.open_client()?.query(&statement, &references(values))?;
        rows.iter().map(read_row).collect()
    }
}

fn references(values: &[SqlValue]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| -> &(dyn ToSql + Sync) { value }).collect()
}

fn read_row(row: &postgres::Row) -> Result<SqlRow, BooksError> {
    let read = |(index, column): (usize, &postgres::Column)| {
        Ok(match *column.type_() {
            Type::BYTEA => {
                row.try_get::<_, Option<_>>(index)?.map_or(SqlValue::Null, SqlValue::Blob)
            }
            Type::TEXT => {
                row.try_get::<_, Option<_>>(index)?.map_or(SqlValue::Null, SqlValue::Text)
            }
            Type::BOOL => {
                row.try_get::<_, Option<bool>>(index)?.map_or(SqlValue::Null, SqlValue::bool)
            }
            _ => row.try_get::<_, Option<_>>(index)?.map_or(SqlValue::Null, SqlValue::Int),
        })
    };
    row.columns().iter().enumerate().map(read).collect()
}

impl ToSql for SqlValue {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(postgres::types::IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    postgres::types::to_sql_checked!();
}
