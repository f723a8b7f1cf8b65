//! Gateways and their databases.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::hub::db::{BooksError, IN_FORCE};
use crate::protocol::topic::GatewayId;
use crate::stock::Seq;

/// A gateway, with its database in force.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct GatewayJson {
    site: String,
    gateway: String,
    online: bool,
    epoch: String,
    acked_seq: Seq,
    last_seen: String,
    drift: bool,
    problem: Option<String>,
}

/// One database of a gateway.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct EpochJson {
    epoch: String,
    /// `open`, `fenced`, `replaced` or `retired`.
    state: &'static str,
    acked_seq: Seq,
    /// How far its ledger is known to go.
    known_seq: Seq,
    /// The number of late entries that are kept aside.
    aside: u64,
    last_seen: String,
    problem: Option<String>,
}

/// All gateways, by site and name.
pub(in crate::hub) fn gateways(db: &mut dyn Executor) -> Result<Vec<GatewayJson>, BooksError> {
    let sql = format!(
        "SELECT site, gateway, online, epoch, acked_seq, last_seen_ms, problem FROM book
         WHERE {IN_FORCE} ORDER BY site, gateway"
    );
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let (site, gateway, online) = (row.text()?, row.text()?, row.bool()?);
        let (epoch, acked_seq) = (row.epoch()?.to_string(), row.number()?);
        let (last_seen, problem) = (rfc3339(row.int()?), row.text_or_null()?);
        let drift = problem.is_some();
        Ok(GatewayJson { site, gateway, online, epoch, acked_seq, last_seen, drift, problem })
    };
    db.query(&sql, &[])?.into_iter().map(read).collect()
}

/// The databases of a gateway, the one in force first; none for an unknown gateway.
pub(in crate::hub) fn databases(
    db: &mut dyn Executor,
    gateway: &GatewayId,
) -> Result<Vec<EpochJson>, BooksError> {
    let sql = "SELECT epoch, retired, fenced, acked_seq, known_seq, aside, last_seen_ms, problem
               FROM book WHERE site = $1 AND gateway = $2 ORDER BY id DESC";
    let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway)];
    let rows = db.query(sql, &of)?.into_iter().enumerate();
    rows.map(|(place, row)| read_database(place == 0, row)).collect()
}

fn read_database(in_force: bool, row: SqlRow) -> Result<EpochJson, BooksError> {
    let mut row = RowReader::of(row);
    let epoch = row.epoch()?.to_string();
    let state = match (row.bool()?, in_force, row.text_or_null()?) {
        (true, _, _) => "retired",
        (false, false, _) => "replaced",
        (false, true, Some(_)) => "fenced",
        (false, true, None) => "open",
    };
    let (acked_seq, known_seq) = (row.number()?, row.number()?);
    let (aside, last_seen) = (row.number()?, rfc3339(row.int()?));
    let problem = row.text_or_null()?;
    Ok(EpochJson { epoch, state, acked_seq, known_seq, aside, last_seen, problem })
}
