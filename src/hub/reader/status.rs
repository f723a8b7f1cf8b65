//! The figures of the whole hub.

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Dialect, Executor, RowReader};

/// What the books say about themselves and their gateways.
#[derive(Clone, Debug)]
pub(in crate::hub) struct BooksStatus {
    /// The identity of the books.
    pub(in crate::hub) books: String,
    pub(in crate::hub) store: &'static str,
    pub(in crate::hub) gateways: u64,
    pub(in crate::hub) online: u64,
    /// The gateways that have more than the books.
    pub(in crate::hub) held: u64,
}

pub(in crate::hub) fn status(db: &mut dyn Executor) -> Result<BooksStatus, BooksError> {
    let store = match db.dialect() {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgresql => "postgresql",
    };
    let identity = db.query("SELECT books FROM identity WHERE one = 1", &[])?.pop();
    let missing = || BooksError::Damaged("the books have no identity".into());
    let books = RowReader::of(identity.ok_or_else(missing)?).epoch()?.to_string();
    let sql = "SELECT count(*), CAST(coalesce(sum(online), 0) AS BIGINT), count(held) FROM book
               WHERE in_force = 1";
    let mut row = RowReader::of(db.query(sql, &[])?.pop().unwrap_or_default());
    let (gateways, online, held) = (row.number()?, row.number()?, row.number()?);
    Ok(BooksStatus { books, store, gateways, online, held })
}
