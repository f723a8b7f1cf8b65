//! The figures of the whole hub.

use super::gateways::{of_sites, site_values};
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Dialect, Executor, RowReader};
use crate::net::access::Sites;

/// What the books say about themselves and the gateways of some sites.
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

pub(in crate::hub) fn status(
    db: &mut dyn Executor,
    sites: &Sites,
) -> Result<BooksStatus, BooksError> {
    let store = match db.dialect() {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgresql => "postgresql",
    };
    let identity = db.query("SELECT books FROM identity WHERE one = 1", &[])?.pop();
    let missing = || BooksError::Damaged("the books have no identity".into());
    let books = RowReader::of(identity.ok_or_else(missing)?).epoch()?.to_string();
    let (of_sites, _) = of_sites(sites, 1);
    let sql = format!(
        "SELECT count(*), CAST(coalesce(sum(online), 0) AS BIGINT), count(held) FROM book
         WHERE in_force = 1 {of_sites}"
    );
    let counted = db.query(&sql, &site_values(sites))?.pop();
    let mut row = RowReader::of(counted.unwrap_or_default());
    let (gateways, online, held) = (row.number()?, row.number()?, row.number()?);
    Ok(BooksStatus { books, store, gateways, online, held })
}
