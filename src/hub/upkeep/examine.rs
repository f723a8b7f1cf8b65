//! Looks at books without changing anything.

use std::path::Path;

use crate::config::BookStore;
use crate::hub::db::sql::{Executor, RowReader, SqlRow};
use crate::hub::db::{BooksDatabase, BooksError, SignedMovements, newest_version};
use crate::hub::reader::{balance_page, problems, size_limits};
use crate::limits::PAGE_MAX;
use crate::protocol::topic::GatewayId;

/// The most SKUs that are named.
const NAMED_MAX: usize = 5;
/// The most gateways with a size limit that are named.
const GATEWAYS_NAMED_MAX: usize = 20;

/// What was found in books.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    /// The version of the tables; `None` if there are none.
    pub(crate) version: Option<i64>,
    /// The version that this program works with. The rest is known only if both are the same.
    pub(crate) newest: i64,
    /// What SQLite finds wrong with the structure of the file.
    pub(crate) structure: Option<String>,
    pub(crate) skus: u64,
    /// The SKUs whose units do not add up, as many as are named, and their number.
    pub(crate) differing: (Vec<String>, u64),
    pub(crate) gateways: u64,
    /// What is wrong with gateways: site, gateway and problem.
    pub(crate) problems: Vec<(String, String, String)>,
    /// The first gateways that large frames do not reach, and the size of such frames.
    pub(crate) size_limits: Vec<(GatewayId, u64)>,
    /// What is signed of the hub's own ledger.
    pub(crate) signed: SignedMovements,
    /// Of books in PostgreSQL.
    pub(crate) server: Option<ServerFacts>,
}

/// What matters of a PostgreSQL server and of the connection to it.
#[derive(Debug)]
pub(crate) struct ServerFacts {
    pub(crate) version: String,
    pub(crate) encoding: String,
    pub(crate) isolation: String,
    pub(crate) is_read_only: bool,
    pub(crate) is_replica: bool,
    pub(crate) fsync: String,
    pub(crate) synchronous_commit: String,
    pub(crate) is_encrypted: bool,
}

/// Examines books, beside a hub that runs on them too. Each page of SKUs is read in a snapshot of its
/// own, so that a large count holds up nothing.
///
/// # Errors
/// If there are none, they cannot be read, or they are of a newer program.
pub(crate) fn examine(store: &BookStore) -> Result<Examination, BooksError> {
    let mut database = BooksDatabase::open_existing(store)?;
    let is_file = matches!(store, BookStore::Sqlite(_));
    let (server, structure) = database.read(|db| match is_file {
        true => Ok((None, structure(db)?)),
        false => Ok((Some(server(db)?), None)),
    })?;
    let (version, newest) = (database.version()?, newest_version());
    let mut found = Examination { version, newest, structure, server, ..Examination::default() };
    if found.version == Some(newest) && found.structure.is_none() {
        found.books(&mut database)?;
    }
    Ok(found)
}

/// The same of a copy in a file.
///
/// # Errors
/// As [`examine`].
pub(crate) fn examine_copy(file: &Path) -> Result<Examination, BooksError> {
    examine(&BookStore::Sqlite(file.into()))
}

impl Examination {
    fn books(&mut self, database: &mut BooksDatabase) -> Result<(), BooksError> {
        (self.gateways, self.problems, self.size_limits) = database.read(|db| {
            let gateways = db.query("SELECT count(*) FROM book WHERE in_force = 1", &[])?;
            Ok((one(gateways)?.number()?, problems(db)?, size_limits(db, GATEWAYS_NAMED_MAX)?))
        })?;
        self.signed = database.read(SignedMovements::read)?;
        let mut after = String::new();
        loop {
            let page = database.read(|db| balance_page(db, &after, PAGE_MAX))?;
            self.skus += page.items.len() as u64;
            for item in page.items.into_iter().filter(|item| item.differs()) {
                self.differing.1 += 1;
                if self.differing.0.len() < NAMED_MAX {
                    self.differing.0.push(item.sku);
                }
            }
            match page.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }
}

/// The first faults of the file's structure, if there are any.
fn structure(db: &mut dyn Executor) -> Result<Option<String>, BooksError> {
    let rows = db.query("SELECT integrity_check FROM pragma_integrity_check LIMIT 5", &[])?;
    let lines = rows.into_iter().map(|row| RowReader::of(row).text());
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(lines.join("; ")).filter(|found| found != "ok"))
}

fn server(db: &mut dyn Executor) -> Result<ServerFacts, BooksError> {
    let sql = "SELECT current_setting('server_version'), current_setting('server_encoding'),
               current_setting('default_transaction_isolation'),
               CASE current_setting('default_transaction_read_only') WHEN 'on' THEN 1 ELSE 0 END::bigint,
               CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END::bigint,
               current_setting('fsync'), current_setting('synchronous_commit'),
               coalesce((SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl
                         WHERE pid = pg_backend_pid()), 0)::bigint";
    let mut row = one(db.query(sql, &[])?)?;
    Ok(ServerFacts {
        version: row.text()?,
        encoding: row.text()?,
        isolation: row.text()?,
        is_read_only: row.bool()?,
        is_replica: row.bool()?,
        fsync: row.text()?,
        synchronous_commit: row.text()?,
        is_encrypted: row.bool()?,
    })
}

fn one(rows: Vec<SqlRow>) -> Result<RowReader, BooksError> {
    let row = rows.into_iter().next();
    row.map(RowReader::of).ok_or_else(|| BooksError::Damaged("a query has no answer".into()))
}
