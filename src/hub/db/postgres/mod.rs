//! The books in PostgreSQL, for several workers at once.
//!
//! Every transaction sets its own limits and is independent of any state of its session, so that a
//! pooler in transaction mode may stand between.

mod connect;
mod session;
mod tls;
mod values;

use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::session::Session;
use super::error::BooksError;
use super::schema;
use super::sql::{Executor, SqlValue};
use crate::config::PostgresUrl;
use crate::limits::BOOKS_TRANSACTION_MAX;

/// Takes the lock of the transaction that changes the books, which serializes these transactions.
/// No other program in the database is likely to use this number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6001229868153520706)";
/// The server's own limits in milliseconds, in case the hub cannot tell it to stop: for a statement,
/// for a lock, and for a worker that hangs in the middle of a transaction. The last is the shortest,
/// so that other workers wait for its locks and do not fail.
const LIMITS: &str = "SET LOCAL statement_timeout = 4000; SET LOCAL lock_timeout = 4000;
    SET LOCAL idle_in_transaction_session_timeout = 2500";
/// A change may not rely on the default of the server's settings.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The time for a connection that was used before to answer; then another one is made.
const STALE: Duration = Duration::from_millis(1_500);

/// The books database. Clones share the connections.
#[derive(Clone)]
pub(in crate::hub) struct Postgres {
    pool: Pool,
    runtime: Handle,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects, checks the database, and creates the tables where they are missing.
    pub(super) fn open(url: &PostgresUrl) -> Result<Self, BooksError> {
        let postgres = Self { pool: connect::pool(url), runtime: Handle::current() };
        postgres.read(check_encoding)?;
        postgres.create()?;
        Ok(postgres)
    }

    fn create(&self) -> Result<(), BooksError> {
        let is_new = self.change(|db| {
            // Without a notice about a table that exists.
            let sql = "SELECT to_regclass('stockgate_version') IS NULL";
            if db.query(sql, &[])?.pop().as_deref() == Some(&[SqlValue::Int(1)]) {
                db.execute("CREATE TABLE stockgate_version (version BIGINT)", &[])?;
            }
            match db.query("SELECT version FROM stockgate_version", &[])?.pop().as_deref() {
                None => Ok(true),
                Some([SqlValue::Int(schema::VERSION)]) => Ok(false),
                Some(other) => Err(BooksError::Damaged(format!(
                    "the books in PostgreSQL have version {other:?}, this program knows {}",
                    schema::VERSION
                ))),
            }
        })?;
        if !is_new {
            return Ok(());
        }
        let tables = schema::tables("BIGINT", "TEXT COLLATE \"C\"", "BYTEA", "");
        let version = schema::VERSION;
        let script = format!(
            "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM stockgate_version) THEN
                 {tables}
                 INSERT INTO stockgate_version VALUES ({version});
             END IF; END $do$"
        );
        self.within(&format!("{BEGIN}; {LOCK}"), |session| session.script(&script))
    }

    /// Runs a transaction that changes the books, while no other one does.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        self.within(&format!("{BEGIN}; {LIMITS}; {LOCK}"), |session| change(session))
    }

    /// Runs a transaction that reads one snapshot.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        self.within(&format!("{BEGIN_READ}; {LIMITS}"), |session| read(session))
    }

    fn within<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&mut Session) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let mut session = self.begin(begin)?;
        let done = work(&mut session).and_then(|done| {
            session.script("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            session.abandon();
        }
        done
    }

    /// Begins a transaction. A connection that was made before may have been lost without a sign;
    /// then the transaction begins on another one.
    fn begin(&self, begin: &str) -> Result<Session, BooksError> {
        let deadline = Instant::now() + BOOKS_TRANSACTION_MAX;
        loop {
            let (client, is_new) = self.client(deadline)?;
            let limit = if is_new { deadline } else { deadline.min(Instant::now() + STALE) };
            let mut session = Session::new(client, self.runtime.clone(), limit);
            match session.script(begin) {
                Ok(()) => return Ok(session.until(deadline)),
                Err(error) if !is_new && error.ends_connection() => session.abandon(),
                Err(error) => {
                    session.abandon();
                    return Err(error);
                }
            }
        }
    }

    /// A connection, and whether it has just been made.
    fn client(&self, deadline: Instant) -> Result<(Object, bool), BooksError> {
        let got = session::wait(&self.runtime, deadline, self.pool.get())?;
        let client = got.map_err(|error| match error {
            PoolError::Backend(error) => BooksError::from(error),
            PoolError::Timeout(TimeoutType::Wait) => BooksError::Busy,
            PoolError::Timeout(_) => BooksError::SlowServer,
            other => BooksError::Damaged(other.to_string()),
        })?;
        let is_new = Object::metrics(&client).recycle_count == 0;
        Ok((client, is_new))
    }
}

/// The books hold names from anywhere.
fn check_encoding(db: &mut dyn Executor) -> Result<(), BooksError> {
    let row = db.query("SELECT current_setting('server_encoding')", &[])?.pop();
    match row.as_deref() {
        Some([SqlValue::Text(encoding)]) if encoding != "UTF8" => {
            Err(BooksError::Encoding(encoding.clone()))
        }
        _ => Ok(()),
    }
}
