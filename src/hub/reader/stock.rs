//! The stock over all gateways.

use serde::Serialize;

use super::page::BooksPage;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::hub::db::{BooksError, IN_FORCE};

/// One SKU over all gateways, in units.
#[derive(Debug, Serialize)]
pub struct StockJson {
    /// The SKU.
    pub sku: String,
    /// In the hub's pool.
    pub unallotted: i64,
    /// Granted, with the entry not in the books yet.
    pub in_transit: i64,
    /// In the pool, in transit and on hand at gateways.
    pub total: i64,
    /// The gateways that have the SKU.
    pub gateways: Vec<GatewayStockJson>,
}

/// One SKU at one gateway, in units.
#[derive(Debug, Serialize)]
pub struct GatewayStockJson {
    site: String,
    gateway: String,
    /// On hand, reserved units included.
    pub on_hand: i64,
    /// Promised to open reservations.
    pub reserved: i64,
    /// The epoch of an earlier database of the gateway; absent for the one in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_epoch: Option<String>,
}

/// Units in the pool, and in transit from it.
#[derive(Clone, Copy, Default)]
struct PoolUnits {
    unallotted: i64,
    in_transit: i64,
}

/// One SKU; `None` if the hub does not know it.
pub(in crate::hub) fn stock(
    db: &mut dyn Executor,
    sku: &str,
) -> Result<Option<StockJson>, BooksError> {
    let of = [SqlValue::text(sku)];
    let pool = db.query("SELECT unallotted, in_transit FROM pool WHERE sku = $1", &of)?.pop();
    let units = match pool {
        Some(row) => read_units(&mut RowReader::of(row))?,
        None if db.query("SELECT n FROM listing WHERE sku = $1", &of)?.is_empty() => {
            return Ok(None);
        }
        None => PoolUnits::default(),
    };
    Ok(Some(with_gateways(db, sku.into(), units)?))
}

/// A page of the SKUs after one, in their order.
pub(in crate::hub) fn stock_list(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
) -> Result<BooksPage<StockJson>, BooksError> {
    let sql = "SELECT sku, unallotted, in_transit FROM pool WHERE sku > $1 ORDER BY sku LIMIT $2";
    let rows = db.query(sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = RowReader::of(row);
        let (sku, units) = (row.text()?, read_units(&mut row)?);
        items.push(with_gateways(db, sku, units)?);
    }
    Ok(BooksPage::new(items, limit, |item| &item.sku))
}

fn read_units(row: &mut RowReader) -> Result<PoolUnits, BooksError> {
    Ok(PoolUnits { unallotted: row.int()?, in_transit: row.int()? })
}

/// Adds the gateways. An earlier database of a gateway is listed as long as it has units.
fn with_gateways(
    db: &mut dyn Executor,
    sku: String,
    PoolUnits { unallotted, in_transit }: PoolUnits,
) -> Result<StockJson, BooksError> {
    let sql = format!(
        "SELECT site, gateway, on_hand, reserved, epoch, CAST(CASE WHEN {IN_FORCE} THEN 1 ELSE 0 END AS BIGINT)
         FROM held JOIN book ON book.id = held.book WHERE sku = $1
         AND ({IN_FORCE} OR on_hand <> 0)
         ORDER BY site, gateway, id DESC"
    );
    let rows = db.query(&sql, &[SqlValue::text(&sku)])?;
    let gateways = rows.into_iter().map(read_gateway).collect::<Result<Vec<_>, _>>()?;
    let on_hand: i64 = gateways.iter().map(|gateway| gateway.on_hand).sum();
    let total = unallotted + in_transit + on_hand;
    Ok(StockJson { sku, unallotted, in_transit, total, gateways })
}

fn read_gateway(row: SqlRow) -> Result<GatewayStockJson, BooksError> {
    let mut row = RowReader::of(row);
    let (site, gateway) = (row.text()?, row.text()?);
    let (on_hand, reserved) = (row.int()?, row.int()?);
    let epoch = row.epoch()?;
    let replaced_epoch = (!row.bool()?).then(|| epoch.to_string());
    Ok(GatewayStockJson { site, gateway, on_hand, reserved, replaced_epoch })
}
