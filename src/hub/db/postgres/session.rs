//! One transaction on one connection. Nothing waits longer than the transaction's limit, whatever
//! the server does.

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Error;

use super::values::{read_row, typed};
use crate::hub::db::error::BooksError;
use crate::hub::db::sql::{Executor, SqlRow, SqlValue};

/// A connection with an open transaction.
pub(super) struct Session {
    client: Object,
    runtime: Handle,
    deadline: Instant,
    /// The connection may be in the middle of something, and is not used again.
    is_broken: bool,
}

impl Session {
    pub(super) fn new(client: Object, runtime: Handle, deadline: Instant) -> Self {
        Self { client, runtime, deadline, is_broken: false }
    }

    /// Continues with a later deadline.
    pub(super) fn until(self, deadline: Instant) -> Self {
        Self { deadline, ..self }
    }

    /// Executes statements without values.
    pub(super) fn script(&mut self, sql: &str) -> Result<(), BooksError> {
        let done = wait(&self.runtime, self.deadline, self.client.batch_execute(sql));
        self.checked(done)
    }

    fn checked<T>(&mut self, done: Result<Result<T, Error>, BooksError>) -> Result<T, BooksError> {
        let done = done.and_then(|done| Ok(done?));
        self.is_broken |= done.as_ref().is_err_and(BooksError::ends_connection);
        done
    }

    /// Rolls back after an error, and gives the connection back or closes it.
    pub(super) fn abandon(mut self) {
        if self.is_broken || self.script("ROLLBACK").is_err() {
            // The server rolls back what a lost connection has left.
            drop(Object::take(self.client));
        }
    }
}

/// Waits on a thread that is none of the runtime's, which does the work.
pub(super) fn wait<T>(
    runtime: &Handle,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Result<T, BooksError> {
    let limited = async { timeout_at(deadline, work).await };
    runtime.block_on(limited).map_err(|_| BooksError::SlowServer)
}

impl Executor for Session {
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError> {
        let typed = typed(values);
        let done = wait(&self.runtime, self.deadline, self.client.execute_typed(sql, &typed));
        self.checked(done)
    }

    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError> {
        let typed = typed(values);
        let done = wait(&self.runtime, self.deadline, self.client.query_typed(sql, &typed));
        self.checked(done)?.iter().map(read_row).collect()
    }
}
