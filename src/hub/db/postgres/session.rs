//! One transaction on one connection. Nothing waits longer than the transaction's limit, whatever
//! the server does.

use std::sync::Arc;

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Error, Row};

use super::copy::{COPIED_MIN, copy};

use super::prepared::Statement;
use super::statement::{key_statement, typed_keys, write_statement};
use super::values::{TypedValue, read_row, typed};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{Dialect, Table};
use crate::hub::db::sql::{Change, Executor, Keys, SqlRow, SqlValue, Write};

/// A connection with a transaction.
pub(super) struct Session {
    client: Arc<Object>,
    runtime: Handle,
    deadline: Instant,
    /// The statements that begin the transaction, sent together with its first one.
    begin: Option<Begin>,
    /// Rows that are being inserted.
    copying: Vec<JoinHandle<Result<(), BooksError>>>,
    /// The connection may be in the middle of something, and is not used again.
    is_broken: bool,
    /// Whether the server is to keep the plans of statements, see [`Sessions`](super::direct::Sessions).
    prepares: bool,
}

struct Begin {
    sql: String,
    /// The time for an answer: a connection that was used before may have been lost without a sign.
    deadline: Instant,
}

impl Session {
    /// A transaction that begins with its first statement, which must answer within `answer`.
    pub(super) fn new(
        client: Object,
        runtime: Handle,
        sql: String,
        (answer, deadline): (Instant, Instant),
    ) -> Self {
        let (client, copying) = (Arc::new(client), Vec::new());
        let begin = Some(Begin { sql, deadline: answer });
        Self { client, runtime, deadline, begin, copying, is_broken: false, prepares: false }
    }

    /// Has the server keep the plans of statements: to plan one takes longer than to run it.
    pub(super) fn preparing(self, prepares: bool) -> Self {
        Self { prepares, ..self }
    }

    /// Begins the transaction before its first statement.
    pub(super) fn begin(&mut self) -> Result<(), BooksError> {
        self.run(async |_| Ok(()))
    }

    /// Executes statements without values.
    pub(super) fn script(&mut self, sql: &str) -> Result<(), BooksError> {
        self.run(async |client: &Object| client.batch_execute(sql).await)
    }

    /// Writes rows and commits. A transaction without any statement needs no server.
    pub(super) fn commit(&mut self, mut changes: Vec<Change>) -> Result<(), BooksError> {
        if changes.is_empty() && self.begin.is_some() {
            return Ok(());
        }
        let is_large =
            |change: &mut Change| change.write == Write::Insert && change.rows.len() >= COPIED_MIN;
        for Change { table, rows, .. } in changes.extract_if(.., is_large) {
            self.insert(table, rows)?;
        }
        self.settle()?;
        if changes.is_empty() {
            return self.script("COMMIT");
        }
        let (sql, columns) = write_statement(&changes);
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        let prepares = self.prepares;
        self.run(async |client: &Object| {
            // It must be complete before the commit is sent, or it would be made after it.
            let write = Statement::of(client, &sql, &values, prepares).await?;
            // After a statement that failed, the server makes a rollback of the commit.
            let (written, committed) =
                tokio::join!(write.execute(client), client.batch_execute("COMMIT"));
            written.and(committed)
        })
    }

    fn rows(&mut self, sql: &str, values: &[TypedValue<'_>]) -> Result<Vec<SqlRow>, BooksError> {
        let prepares = self.prepares;
        let rows = self.run(async |client: &Object| {
            Statement::of(client, sql, values, prepares).await?.query(client).await
        })?;
        rows.iter().map(read_row).collect()
    }

    /// Waits until the rows are inserted; returns the first error.
    fn settle(&mut self) -> Result<(), BooksError> {
        let mut settled = Ok(());
        for copying in std::mem::take(&mut self.copying) {
            let copied = self.runtime.block_on(copying).unwrap_or(Err(BooksError::SlowServer));
            settled = settled.and(copied);
        }
        self.is_broken |= settled.as_ref().is_err_and(BooksError::ends_connection);
        settled
    }

    /// Executes a statement. After rows that could not be inserted every statement fails; then their
    /// error is returned.
    fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<T, BooksError> {
        self.run_alone(statement).map_err(|error| self.settle().err().unwrap_or(error))
    }

    fn run_alone<T>(
        &mut self,
        statement: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<T, BooksError> {
        let Self { client, runtime, deadline, begin, .. } = self;
        let done = runtime.block_on(async {
            let statement = async {
                let done = timeout_at(*deadline, statement(client)).await;
                done.map_err(|_| BooksError::SlowServer)?.map_err(BooksError::from)
            };
            let Some(Begin { sql, deadline }) = begin.take() else {
                return statement.await;
            };
            let begin = async {
                let done = timeout_at(deadline, client.batch_execute(&sql)).await;
                done.map_err(|_| BooksError::SlowServer)?.map_err(BooksError::from)
            };
            tokio::try_join!(begin, statement).map(|((), done)| done)
        });
        self.is_broken |= done.as_ref().is_err_and(BooksError::ends_connection);
        done
    }

    /// Rolls back after an error, and gives the connection back or closes it.
    pub(super) fn abandon(mut self) {
        let has_begun = self.begin.is_none();
        if self.is_broken {
            self.copying.iter().for_each(JoinHandle::abort);
        }
        // The error that matters was returned before.
        let _ = self.settle();
        if (self.is_broken || (has_begun && self.script("ROLLBACK").is_err()))
            && let Some(client) = Arc::into_inner(self.client)
        {
            // The server rolls back what a lost connection has left.
            drop(Object::take(client));
        }
    }
}

impl Executor for Session {
    #[cfg(test)]
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError> {
        let typed = typed(values);
        self.run(async |client: &Object| client.execute_typed(sql, &typed).await)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError> {
        self.rows(sql, &typed(values))
    }

    fn query_keys(&mut self, sql: &str, keys: &Keys) -> Result<Vec<SqlRow>, BooksError> {
        let (sql, columns) = (key_statement(sql, keys), typed_keys(keys));
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        self.rows(&sql, &values)
    }

    /// In one round trip.
    fn query_keys_twice(
        &mut self,
        first: &str,
        second: &str,
        keys: &Keys,
    ) -> Result<[Vec<SqlRow>; 2], BooksError> {
        let columns = typed_keys(keys);
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        let [first, second] = [first, second].map(|sql| key_statement(sql, keys));
        let prepares = self.prepares;
        let (first, second) = self.run(async |client: &Object| {
            // Both must be complete before one is sent, or the second might come first.
            let first = Statement::of(client, &first, &values, prepares).await?;
            let second = Statement::of(client, &second, &values, prepares).await?;
            tokio::try_join!(biased; first.query(client), second.query(client))
        })?;
        let read = |rows: Vec<Row>| rows.iter().map(read_row).collect::<Result<Vec<_>, _>>();
        Ok([read(first)?, read(second)?])
    }

    fn insert(&mut self, table: &'static Table, rows: Vec<SqlRow>) -> Result<(), BooksError> {
        if self.begin.is_some() {
            self.begin()?;
        }
        let (client, deadline) = (Arc::clone(&self.client), self.deadline);
        self.copying.push(self.runtime.spawn(async move {
            let copied = timeout_at(deadline, copy(&client, table, &rows)).await;
            copied.map_err(|_| BooksError::SlowServer)?.map_err(BooksError::from)
        }));
        Ok(())
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), BooksError> {
        self.settle()?;
        if changes.is_empty() {
            return Ok(());
        }
        let (sql, columns) = write_statement(changes);
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        let prepares = self.prepares;
        self.run(async |client: &Object| {
            Statement::of(client, &sql, &values, prepares).await?.execute(client).await
        })
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgresql
    }
}
