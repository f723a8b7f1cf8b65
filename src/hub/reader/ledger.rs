//! The ledgers of gateways, as far as they are in the books.

use serde::Serialize;
use uuid::Uuid;

use super::decimals::decimals;
use crate::hub::core::WholeUnits;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::hub::db::{BooksError, entries_sql, movements_sql, read_entry, read_movement};
use crate::hub::movement_json::MovementJson;
use crate::net::json::{json, ledger_json};
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimals, Origin, Seq, Sku};

/// Which entries of a gateway's ledger to read.
#[derive(Debug)]
pub(in crate::hub) struct LedgerQuery {
    pub(in crate::hub) gateway: GatewayId,
    /// The database; without it, the one in force.
    pub(in crate::hub) epoch: Option<Uuid>,
    /// Read the late entries that were kept aside, instead of the ledger.
    pub(in crate::hub) aside: bool,
    pub(in crate::hub) after: Seq,
    pub(in crate::hub) limit: usize,
}

/// A book whose ledger is read.
struct FoundBook {
    id: i64,
    epoch: Uuid,
    /// The last position that a page may lead to.
    last_seq: Seq,
    /// What it has booked in whole units, whatever the catalogue says.
    whole_units: WholeUnits,
}

/// A page of a gateway's ledger as JSON; `None` for an unknown gateway or database.
pub(in crate::hub) fn ledger(
    db: &mut dyn Executor,
    query: &LedgerQuery,
) -> Result<Option<String>, BooksError> {
    let Some(FoundBook { id, epoch, last_seq, whole_units }) = find_book(db, query)? else {
        return Ok(None);
    };
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let limit = i64::try_from(query.limit).unwrap_or(0);
    let rows = db.query(&entries_sql(query.aside), &[id, after, limit].map(SqlValue::Int))?;
    let entries = rows.into_iter().map(read_entry).collect::<Result<Vec<_>, _>>()?;
    let GatewayId { site, gateway } = query.gateway.clone();
    let of = decimals(db, entries.iter().map(|entry| &entry.sku))?;
    let own = entries.iter().map(|entry| whole_units.own_decimals(&entry.sku, &of));
    let decimals: Vec<Decimals> = own.collect();
    Ok(Some(ledger_json(&Origin { site, gateway, epoch }, &entries, &decimals, last_seq)))
}

/// A page of the hub's own ledger as JSON: at most `limit` movements after a position.
pub(in crate::hub) fn movements(
    db: &mut dyn Executor,
    after: Seq,
    limit: usize,
) -> Result<String, BooksError> {
    #[derive(Serialize)]
    struct Page<'a> {
        entries: Vec<MovementJson<'a>>,
        next: Option<Seq>,
    }
    let ends = "SELECT (SELECT books FROM identity), (SELECT seq FROM movement_end)";
    let mut row = RowReader::of(db.query(ends, &[])?.pop().unwrap_or_default());
    let (books, last_seq) = (row.epoch()?, row.number()?);
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(0);
    let rows = db.query(&movements_sql(), &[after, limit].map(SqlValue::Int))?;
    let entered = rows.into_iter().map(read_movement).collect::<Result<Vec<_>, _>>()?;
    let next = entered.last().map(|last| last.seq).filter(|&seq| seq < last_seq);
    let decimals = decimals(db, entered.iter().map(|entered| &entered.movement.sku))?;
    let of = |sku: &Sku| decimals.of(sku);
    let entries =
        entered.iter().map(|it| MovementJson::new(books, it, of(&it.movement.sku))).collect();
    Ok(json(&Page { entries, next }))
}

fn find_book(db: &mut dyn Executor, query: &LedgerQuery) -> Result<Option<FoundBook>, BooksError> {
    let sql = "SELECT id, epoch, acked_seq, known_seq, whole_units FROM book WHERE site = $1 AND gateway = $2
               ORDER BY id DESC";
    let GatewayId { site, gateway } = &query.gateway;
    for row in db.query(sql, &[SqlValue::text(site), SqlValue::text(gateway)])? {
        let mut row = RowReader::of(row);
        let (id, epoch) = (row.int()?, row.epoch()?);
        let (acked_seq, known_seq) = (row.number()?, row.number()?);
        if query.epoch.is_none_or(|wanted| wanted == epoch) {
            let last_seq = if query.aside { known_seq } else { acked_seq };
            let whole_units = row.postcard_or_null()?.unwrap_or_default();
            return Ok(Some(FoundBook { id, epoch, last_seq, whole_units }));
        }
    }
    Ok(None)
}
