//! One transaction on one connection. Nothing waits longer than the transaction's limit, whatever
//! the server does.

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Error;

use super::statement::{key_statement, typed_keys, write_statement};
use super::values::{read_row, typed};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::Dialect;
use crate::hub::db::sql::{Change, Executor, Keys, SqlRow, SqlValue};

/// A connection with a transaction.
pub(super) struct Session {
    client: Object,
    runtime: Handle,
    deadline: Instant,
    /// The statements that begin the transaction, sent together with its first one.
    begin: Option<Begin>,
    /// The connection may be in the middle of something, and is not used again.
    is_broken: bool,
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
        let begin = Some(Begin { sql, deadline: answer });
        Self { client, runtime, deadline, begin, is_broken: false }
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
    pub(super) fn commit(&mut self, changes: &[Change]) -> Result<(), BooksError> {
        if changes.is_empty() && self.begin.is_some() {
            return Ok(());
        }
        if changes.is_empty() {
            return self.script("COMMIT");
        }
        let (sql, columns) = write_statement(changes);
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        self.run(async |client: &Object| {
            // After a statement that failed, the server makes a rollback of the commit.
            let write = client.execute_typed(&sql, &values);
            let (written, committed) = tokio::join!(write, client.batch_execute("COMMIT"));
            written.and(committed)
        })
    }

    fn run<T>(
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
        if self.is_broken || (has_begun && self.script("ROLLBACK").is_err()) {
            // The server rolls back what a lost connection has left.
            drop(Object::take(self.client));
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
        let typed = typed(values);
        let rows = self.run(async |client: &Object| client.query_typed(sql, &typed).await)?;
        rows.iter().map(read_row).collect()
    }

    fn query_keys(&mut self, sql: &str, keys: &Keys) -> Result<Vec<SqlRow>, BooksError> {
        let (sql, columns) = (key_statement(sql, keys), typed_keys(keys));
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        let rows = self.run(async |client: &Object| client.query_typed(&sql, &values).await)?;
        rows.iter().map(read_row).collect()
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), BooksError> {
        if changes.is_empty() {
            return Ok(());
        }
        let (sql, columns) = write_statement(changes);
        let values: Vec<_> = columns.iter().map(|column| column.typed()).collect();
        self.run(async |client: &Object| client.execute_typed(&sql, &values).await).map(drop)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgresql
    }
}
