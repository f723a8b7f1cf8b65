//! The stock over all gateways.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use super::decimals::decimals_column;
use super::held::{Held, HeldRange, read_held};
use super::page::BooksPage;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{ColumnType, Executor, Keys, RowReader, SqlRow, SqlValue};
use crate::net::access::Sites;
use crate::stock::{Amount, Decimals};

/// SKUs that are in the catalogue and have never had units. One that was taken out of it has neither
/// name nor barcodes. What comes after the last pool of a full page is on a later one.
const LISTED_ONLY: &str = "SELECT sku, decimals, 0 AS unallotted, 0 AS reserved, 0 AS in_transit
    FROM listing WHERE sku > $1
        AND sku <= coalesce((SELECT sku FROM pool WHERE sku > $1 ORDER BY sku LIMIT 1 OFFSET $2 - 1),
            (SELECT max(sku) FROM listing))
        AND (name IS NOT NULL OR barcodes <> '')
        AND NOT EXISTS (SELECT 1 FROM pool WHERE pool.sku = listing.sku)
    ORDER BY sku LIMIT $2";

/// One SKU over all gateways.
#[derive(Debug, Serialize)]
pub struct StockJson {
    /// The SKU.
    pub sku: String,
    /// In the hub's pool, reserved units included.
    pub unallotted: Amount,
    /// Of the pool, promised to open reservations there; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Amount>,
    /// Granted, with the entry not in the books yet.
    pub in_transit: Amount,
    /// In the pool, in transit and on hand at gateways. Forged figures of many gateways add up to
    /// more than 64 bits.
    pub total: Amount<i128>,
    /// The gateways that have the SKU.
    pub gateways: Vec<GatewayStockJson>,
}

/// One SKU at one gateway.
#[derive(Debug, Serialize)]
pub struct GatewayStockJson {
    pub(in crate::hub) site: String,
    pub(in crate::hub) gateway: String,
    /// On hand, reserved units included.
    pub on_hand: Amount,
    /// Promised to open reservations.
    pub reserved: Amount,
    /// The epoch of an earlier database of the gateway; absent for the one in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) replaced_epoch: Option<String>,
}

/// Units in the pool, and in transit from it.
struct PoolUnits {
    sku: String,
    decimals: Decimals,
    unallotted: i64,
    reserved: i64,
    in_transit: i64,
}

/// The database of an allotment.
struct Database {
    id: i64,
    site: String,
    gateway: String,
    epoch: Uuid,
    in_force: bool,
}

/// One SKU; `None` if the hub does not know it.
pub(in crate::hub) fn stock(
    db: &mut dyn Executor,
    sku: &str,
    sites: &Sites,
) -> Result<Option<StockJson>, BooksError> {
    let of = [SqlValue::text(sku)];
    let units = match db.query(&select_units("sku = $1"), &of)?.pop() {
        Some(row) => read_units(row)?,
        None => {
            let listing = "SELECT decimals FROM listing WHERE sku = $1";
            let Some(row) = db.query(listing, &of)?.pop() else { return Ok(None) };
            let decimals = RowReader::of(row).decimals()?;
            PoolUnits { sku: sku.into(), decimals, unallotted: 0, reserved: 0, in_transit: 0 }
        }
    };
    let sql = "SELECT book, on_hand, reserved, in_transit FROM held WHERE sku = $1";
    let held = db.query(sql, &of)?.into_iter().map(|row| read_held(&mut RowReader::of(row)));
    let held = held.collect::<Result<Vec<_>, BooksError>>()?;
    let databases = databases(db, held.iter())?;
    Ok(Some(units.with_gateways(&held, &databases, sites)))
}

/// A page of the SKUs after one, in their order.
pub(in crate::hub) fn stock_list(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
    sites: &Sites,
) -> Result<BooksPage<StockJson>, BooksError> {
    let pools = select_units("sku > $1 ORDER BY sku LIMIT $2");
    let sql = format!(
        "SELECT * FROM ({pools}) AS p UNION ALL SELECT * FROM ({LISTED_ONLY}) AS l ORDER BY sku LIMIT $2"
    );
    let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let pools = rows.into_iter().map(read_units).collect::<Result<Vec<_>, _>>()?;
    let Some(last) = pools.last() else {
        return Ok(BooksPage::new(Vec::new(), limit, StockJson::cursor));
    };
    let mut held = HeldRange::read(db, after, &last.sku)?;
    let complete = pools.iter().take_while(|pool| held.is_complete(&pool.sku)).count();
    let limit = limit.min(complete);
    let of: Vec<Vec<Held>> = pools.iter().take(limit).map(|pool| held.take(&pool.sku)).collect();
    let databases = databases(db, of.iter().flatten())?;
    let more = pools.len() > limit;
    let items = pools.into_iter().zip(&of);
    let items = items.map(|(pool, of)| pool.with_gateways(of, &databases, sites));
    let items: Vec<StockJson> = items.collect();
    let next = items.last().filter(|_| more).map(StockJson::cursor);
    Ok(BooksPage { items, next })
}

impl StockJson {
    fn cursor(&self) -> String {
        self.sku.clone()
    }
}

fn select_units(condition: &str) -> String {
    let decimals = decimals_column("pool");
    format!(
        "SELECT sku, {decimals} AS decimals, unallotted, reserved, in_transit FROM pool WHERE {condition}"
    )
}

fn read_units(row: SqlRow) -> Result<PoolUnits, BooksError> {
    let mut row = RowReader::of(row);
    let (sku, decimals) = (row.text()?, row.decimals()?);
    let (unallotted, reserved) = (row.int()?, row.int()?);
    Ok(PoolUnits { sku, decimals, unallotted, reserved, in_transit: row.int()? })
}

/// The databases of allotments, by id.
fn databases<'a>(
    db: &mut dyn Executor,
    held: impl Iterator<Item = &'a Held>,
) -> Result<BTreeMap<i64, Database>, BooksError> {
    let ids: std::collections::BTreeSet<i64> = held.map(|held| held.book).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = ids.into_iter().map(|id| vec![SqlValue::Int(id)]).collect();
    let sql = "SELECT id, site, gateway, epoch, in_force FROM {keys} AS k
               JOIN book ON book.id = k.a";
    let found = db.query_keys(sql, &Keys { types: &[ColumnType::Int], rows })?;
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let (id, site, gateway) = (row.int()?, row.text()?, row.text()?);
        let (epoch, in_force) = (row.epoch()?, row.bool()?);
        Ok((id, Database { id, site, gateway, epoch, in_force }))
    };
    found.into_iter().map(read).collect()
}

impl PoolUnits {
    /// Adds the gateways of these sites, and counts what is in transit to them. An earlier database
    /// of a gateway is listed as long as it has units.
    fn with_gateways(
        self,
        held: &[Held],
        databases: &BTreeMap<i64, Database>,
        sites: &Sites,
    ) -> StockJson {
        let Self { sku, decimals, unallotted, reserved, in_transit } = self;
        let amount = |units: i64| Amount::new(units, decimals);
        let found = held.iter().filter_map(|held| Some((databases.get(&held.book)?, held)));
        let mut found: Vec<(&Database, &Held)> =
            found.filter(|(database, _)| sites.contains(&database.site)).collect();
        let in_transit = match sites {
            Sites::All => in_transit,
            Sites::Only(_) => found.iter().map(|(_, held)| held.in_transit).sum(),
        };
        found.retain(|(database, held)| database.in_force || held.on_hand != 0);
        // The newest database of a gateway comes first.
        found.sort_by(|(a, _), (b, _)| {
            (&a.site, &a.gateway, b.id).cmp(&(&b.site, &b.gateway, a.id))
        });
        let on_hand: i128 = found.iter().map(|(_, held)| i128::from(held.on_hand)).sum();
        let total = i128::from(unallotted) + i128::from(in_transit) + on_hand;
        let gateways = found.into_iter().map(|(database, held)| GatewayStockJson {
            site: database.site.clone(),
            gateway: database.gateway.clone(),
            on_hand: amount(held.on_hand),
            reserved: amount(held.reserved),
            replaced_epoch: (!database.in_force).then(|| database.epoch.to_string()),
        });
        StockJson {
            sku,
            unallotted: amount(unallotted),
            reserved: (reserved != 0).then(|| amount(reserved)),
            in_transit: amount(in_transit),
            total: Amount::sum(total, decimals),
            gateways: gateways.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::publish;
    use crate::hub::core::tests::test_hub::TestHub;
    use crate::stock::{Listing, Sku};

    #[test]
    fn a_page_lists_what_the_catalogue_alone_has_in_the_order_of_skus() {
        let mut hub = TestHub::new();
        let of = |sku: &str| Listing::removed(Sku::parse(sku).unwrap());
        let listed = |sku: &str| Listing { name: Some("goods".into()), ..of(sku) };
        let listings = vec![listed("0"), listed("A"), listed("B"), of("C"), listed("D")];
        hub.change(|books| publish(books, listings));
        hub.receive("in", 5);
        let mut pages: Vec<Vec<String>> = Vec::new();
        let mut after = Some(String::new());
        while let Some(from) = after {
            let page = hub.database.read(|db| stock_list(db, &from, 2, &Sites::All)).unwrap();
            let items = page.items.into_iter();
            pages.push(items.map(|item| format!("{} {}", item.sku, item.total)).collect());
            after = page.next;
        }
        let expected: [Vec<String>; 2] =
            [["0 0", "A 5"], ["B 0", "D 0"]].map(|page| page.map(String::from).to_vec());
        assert_eq!(pages, expected);
    }
}
