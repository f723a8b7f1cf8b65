//! Statements, prepared once in each session where sessions are kept, and otherwise each time.

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::values::TypedValue;

/// So many statements are kept in a session. There are about a hundred; what a transaction writes depends
/// on the tables that it changes.
const KEPT_MAX: usize = 256;

/// A statement with its values. It is sent when its future is polled first.
pub(super) enum Statement<'a> {
    /// It leaves nothing in the session.
    Once(&'a str, &'a [TypedValue<'a>]),
    Kept(tokio_postgres::Statement, Vec<&'a (dyn ToSql + Sync)>),
}

impl<'a> Statement<'a> {
    pub(super) async fn of(
        client: &Object,
        sql: &'a str,
        values: &'a [TypedValue<'a>],
        prepares: bool,
    ) -> Result<Self, Error> {
        if !prepares {
            return Ok(Self::Once(sql, values));
        }
        if client.statement_cache.size() >= KEPT_MAX {
            client.statement_cache.clear();
        }
        let types: Vec<Type> = values.iter().map(|(_, kind)| kind.clone()).collect();
        let statement = client.prepare_typed_cached(sql, &types).await?;
        Ok(Self::Kept(statement, values.iter().map(|(value, _)| *value).collect()))
    }

    pub(super) async fn query(&self, client: &Object) -> Result<Vec<Row>, Error> {
        match self {
            Self::Once(sql, values) => client.query_typed(sql, values).await,
            Self::Kept(statement, values) => client.query(statement, values).await,
        }
    }

    pub(super) async fn execute(&self, client: &Object) -> Result<(), Error> {
        let executed = match self {
            Self::Once(sql, values) => client.execute_typed(sql, values).await,
            Self::Kept(statement, values) => client.execute(statement, values).await,
        };
        executed.map(drop)
    }
}
