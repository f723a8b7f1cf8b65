//! The books in PostgreSQL, for several workers at once.

use std::time::Duration;

use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls, Statement};

use super::schema;
use super::sql::{Executor, SqlRow, SqlValue};
use crate::store::StoreError;

/// Held by whoever changes the books, until its transaction ends. The number is any that no
/// other program in the database is likely to take.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6001229868153520706)";
/// Prepared statements that are kept.
const STATEMENTS_MAX: usize = 128;

/// A connection, made again when it is lost.
pub(in crate::hub) struct Postgres {
    config: Config,
    client: Option<Client>,
    statements: std::collections::HashMap<String, Statement>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects, and creates the tables where they are missing.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let mut postgres = Self::connect(url)?;
        postgres
            .within(true, |db| {
                db.execute("CREATE TABLE IF NOT EXISTS stockgate_version (version BIGINT)", &[])?;
                match db.query("SELECT version FROM stockgate_version", &[])?.pop().as_deref() {
                    None => Ok(true),
                    Some([SqlValue::Int(schema::VERSION)]) => Ok(false),
                    Some(other) => Err(StoreError::Damaged(format!(
                        "the books in PostgreSQL have version {other:?}, this program knows {}",
                        schema::VERSION
                    ))),
                }
            })
            .and_then(|new| if new { postgres.create() } else { Ok(()) })?;
        Ok(postgres)
    }

    pub(super) fn connect(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(StoreError::Postgres)?;
        config.connect_timeout(Duration::from_secs(5)).application_name("stockgate-hub");
        let mut postgres = Self { config, client: None, statements: Default::default() };
        postgres.client()?;
        Ok(postgres)
    }

    fn create(&mut self) -> Result<(), StoreError> {
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

    fn client(&mut self) -> Result<&mut Client, StoreError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.statements.clear();
            self.client = Some(self.config.connect(NoTls)?);
        }
        Ok(self.client.as_mut().expect("it was just made"))
    }

    /// Works within a transaction; one that changes has the books for itself.
    pub(super) fn within<T>(
        &mut self,
        changes: bool,
        work: impl FnOnce(&mut dyn Executor) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = match changes {
            true => format!("BEGIN; {LOCK}"),
            false => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".into(),
        };
        self.client()?.batch_execute(&begin)?;
        let done = work(self).and_then(|done| {
            self.open_client()?.batch_execute("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            // On a lost connection the server does so itself.
            let _ = self.open_client().and_then(|client| Ok(client.batch_execute("ROLLBACK")?));
        }
        done
    }

    /// The connection on which the transaction began: never another one in the midst of it.
    fn open_client(&mut self) -> Result<&mut Client, StoreError> {
        self.client.as_mut().ok_or_else(|| StoreError::Damaged("there is no connection".into()))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
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
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        Ok(self.open_client()?.execute(&statement, &references(values))?)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, StoreError> {
        let statement = self.statement(sql)?;
        let rows = self.open_client()?.query(&statement, &references(values))?;
        rows.iter().map(read).collect()
    }
}

fn references(values: &[SqlValue]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| -> &(dyn ToSql + Sync) { value }).collect()
}

fn read(row: &postgres::Row) -> Result<SqlRow, StoreError> {
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
