//! The books in PostgreSQL, for several workers at once.
//!
//! Every transaction sets its own limits and is independent of any state of its session, so that a
//! pooler in transaction mode may stand between.

mod connect;
mod copy;
mod direct;
mod prepared;
mod session;
mod statement;
mod tls;
mod values;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use self::direct::Sessions;
use self::session::Session;
use self::values::{read_row, typed};
use super::error::BooksError;
use super::schema::{self, Dialect};
use super::sql::{Change, Executor, RowReader, SqlRow, SqlValue};
use crate::config::PostgresUrl;
use crate::limits::BOOKS_TRANSACTION_MAX;

/// Takes the lock under which the tables are made and upgraded. No other program in the database is
/// likely to use this number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6001229868153520706)";
/// The server's own limits in milliseconds, in case the hub cannot tell it to stop: for a statement,
/// for a lock, and for a worker that hangs in the middle of a transaction. The last is the shortest,
/// so that other workers wait for its locks and do not fail.
const LIMITS: &str = "SELECT set_config('statement_timeout', '4000', true),
    set_config('lock_timeout', '4000', true),
    set_config('idle_in_transaction_session_timeout', '2500', true)";
/// A change relies on no default of the server: it is durable when it is committed.
const DURABLE: &str = "set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'local'
    ELSE current_setting('synchronous_commit') END, true)";
/// Every statement of a change finds its rows by keys, of which there may be many. So none of them is
/// planned as a pass over a whole table, whatever the server knows of the sizes; and the keys and rows
/// of a batch stay in memory.
const BY_KEYS: &str = "set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('work_mem', '64MB', true)";
/// To compile a statement takes longer than to run it. What it is said to cost grows with the number of
/// months, though it looks into one of them.
const NOT_COMPILED: &str = "set_config('jit', 'off', true)";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The time for a migration of large books.
const MIGRATION_MAX: Duration = Duration::from_secs(3_600);
/// The time for a connection that was used before to answer; then another one is made.
const STALE: Duration = Duration::from_millis(1_500);

/// The books database. Clones share the connections.
#[derive(Clone)]
pub(in crate::hub) struct Postgres {
    pool: Pool,
    sessions: Arc<Sessions>,
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
        let postgres = Self::without_migration(url);
        postgres.read(check_encoding)?;
        postgres.within(BEGIN, BOOKS_TRANSACTION_MAX, |session| {
            check_isolation(session)?;
            session.commit(Vec::new())
        })?;
        while postgres.migrate()? {}
        Ok(postgres)
    }

    /// Prepares connections; creates and upgrades nothing.
    pub(super) fn without_migration(url: &PostgresUrl) -> Self {
        let (pool, sessions) = connect::pool(url);
        Self { pool, sessions, runtime: Handle::current() }
    }

    /// The version of the tables; `None` without any.
    ///
    /// # Errors
    /// If it is too old or too new, or cannot be read.
    pub(super) fn version(&self) -> Result<Option<i64>, BooksError> {
        self.read(version)
    }

    /// Brings the tables to the next version, if there is one.
    fn migrate(&self) -> Result<bool, BooksError> {
        let next = |found| schema::migrations(Dialect::Postgresql, found).next();
        if next(self.read(version)?).is_none() {
            return Ok(false);
        }
        let begin = format!("{BEGIN}; {LOCK}");
        self.within(&begin, MIGRATION_MAX, |session| {
            // Another worker may have done it meanwhile.
            let found = version(session)?;
            let Some((number, statements)) = next(found) else {
                return Ok(false);
            };
            let record = match found {
                None => "CREATE TABLE IF NOT EXISTS stockgate_version (version BIGINT); INSERT INTO stockgate_version VALUES",
                Some(_) => "UPDATE stockgate_version SET version =",
            };
            session.script(&format!("{statements}; {record} ({number}); COMMIT"))?;
            Ok(true)
        })
    }

    /// Runs a transaction that changes the books; `change` says what to write at its end.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut dyn Executor) -> Result<(T, Vec<Change>), BooksError>,
    ) -> Result<T, BooksError> {
        let begin = format!("{BEGIN}; {LIMITS}, {DURABLE}, {NOT_COMPILED}, {BY_KEYS}");
        self.within(&begin, BOOKS_TRANSACTION_MAX, |session| {
            let (done, changes) = change(session)?;
            session.commit(changes).map_err(BooksError::in_commit)?;
            Ok(done)
        })
    }

    /// Runs a transaction that reads one snapshot. A connection that was made before may have been
    /// lost without a sign; then the transaction begins on another one.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let begin = format!("{BEGIN_READ}; {LIMITS}, {NOT_COMPILED}");
        let deadline = Instant::now() + BOOKS_TRANSACTION_MAX;
        let mut session = loop {
            let (client, is_new) = self.client(deadline)?;
            let mut session = self.session(client, is_new, &begin, deadline);
            match session.begin() {
                Ok(()) => break session,
                Err(error) if is_new || !error.ends_connection() => {
                    session.abandon();
                    return Err(error);
                }
                Err(_) => session.abandon(),
            }
        };
        finish(
            read(&mut session).and_then(|done| session.commit(Vec::new()).map(|()| done)),
            session,
        )
    }

    /// Executes one statement in a transaction of its own. It must be one that waits for no lock,
    /// because the server sets it no limit.
    pub(super) async fn execute_alone(
        &self,
        sql: &str,
        values: &[SqlValue],
    ) -> Result<Vec<SqlRow>, BooksError> {
        let client = self.connection(Instant::now() + BOOKS_TRANSACTION_MAX).await?;
        let typed = typed(values);
        let done = timeout(STALE, client.query_typed(sql, &typed)).await;
        match done {
            Ok(done) => done?.iter().map(read_row).collect(),
            Err(_) => {
                // It may be in the middle of the statement still.
                drop(Object::take(client));
                Err(BooksError::SlowServer)
            }
        }
    }

    fn within<T>(
        &self,
        begin: &str,
        limit: Duration,
        work: impl FnOnce(&mut Session) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let deadline = Instant::now() + limit;
        let (client, is_new) = self.client(deadline)?;
        let session = self.session(client, is_new, begin, deadline);
        let mut session = session.preparing(self.sessions.keep_statements());
        finish(work(&mut session), session)
    }

    fn session(&self, client: Object, is_new: bool, begin: &str, deadline: Instant) -> Session {
        let answer = if is_new { deadline } else { deadline.min(Instant::now() + STALE) };
        Session::new(client, self.runtime.clone(), begin.into(), (answer, deadline))
    }

    /// A connection, and whether it has just been made.
    fn client(&self, deadline: Instant) -> Result<(Object, bool), BooksError> {
        let client = self.runtime.block_on(self.connection(deadline))?;
        let is_new = Object::metrics(&client).recycle_count == 0;
        Ok((client, is_new))
    }

    async fn connection(&self, deadline: Instant) -> Result<Object, BooksError> {
        let got =
            timeout_at(deadline, self.pool.get()).await.map_err(|_| BooksError::SlowServer)?;
        got.map_err(|error| match error {
            PoolError::Backend(error) => BooksError::from(error),
            PoolError::Timeout(TimeoutType::Wait) => BooksError::Busy,
            PoolError::Timeout(_) => BooksError::SlowServer,
            error @ (PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => BooksError::Damaged(error.to_string()),
        })
    }
}

fn finish<T>(done: Result<T, BooksError>, session: Session) -> Result<T, BooksError> {
    if done.is_err() {
        session.abandon();
    }
    done
}

/// The version of the tables; `None` without any.
///
/// # Errors
/// If it is too old or too new.
fn version(db: &mut dyn Executor) -> Result<Option<i64>, BooksError> {
    // A session learns of tables that others have made when it locks a relation, here pg_class. By itself,
    // to_regclass would go by what the session has looked up before it waited for another worker.
    let sql = "SELECT NOT EXISTS (
        SELECT FROM pg_class WHERE oid = to_regclass('stockgate_version'))";
    if db.query(sql, &[])?.pop().as_deref() == Some(&[SqlValue::Int(1)]) {
        return Ok(None);
    }
    let found = db.query("SELECT version FROM stockgate_version", &[])?.pop();
    let (known, found) = (schema::newest(), found.map(|row| RowReader::of(row).int()).transpose()?);
    match found {
        Some(found) if found > known => Err(BooksError::NewerInPostgres { found, known }),
        Some(found) if found < schema::OLDEST => {
            Err(BooksError::Older { found: i32::try_from(found).unwrap_or(0) })
        }
        found => Ok(found),
    }
}

/// Every transaction names its isolation, whatever the default of the server is. One that has another
/// all the same is no server that these statements are written for.
fn check_isolation(db: &mut dyn Executor) -> Result<(), BooksError> {
    let row = db.query("SELECT current_setting('transaction_isolation')", &[])?.pop();
    match row.as_deref() {
        Some([SqlValue::Text(isolation)]) if isolation != "read committed" => {
            Err(BooksError::Isolation(isolation.clone()))
        }
        _ => Ok(()),
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
