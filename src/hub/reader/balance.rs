//! The balance of SKUs: where their units came from, and where they are.

use serde::Serialize;

use super::decimals::decimals_column;
use super::held_sums::{HeldSums, HeldSumsRange, sums_of};
use super::page::BooksPage;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::stock::{Amount, Decimals};

/// The balance of one SKU. Forged figures of many gateways add up to more than 64 bits.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct BalanceJson {
    pub(in crate::hub) sku: String,
    received: Amount<i128>,
    adjusted: Amount<i128>,
    deducted: Amount<i128>,
    unallotted: Amount,
    in_transit: Amount,
    on_hand: Amount<i128>,
    /// What exists, less what is in a place; 0 if the books add up.
    difference: Amount<i128>,
}

impl BalanceJson {
    /// Whether the books do not add up.
    pub(in crate::hub) fn differs(&self) -> bool {
        self.difference.units != 0
    }
}

/// The hub's own figures of a SKU.
struct PoolFigures {
    sku: String,
    decimals: Decimals,
    received: i64,
    adjusted: i64,
    deducted: i64,
    unallotted: i64,
    in_transit: i64,
}

/// The most allotments that are added up for a page, unless its only SKU has more.
const SUMMED_MAX: usize = 25_000;

/// The balance of the SKUs after one, in their order.
pub(in crate::hub) fn balance_page(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
) -> Result<BooksPage<BalanceJson>, BooksError> {
    balance_within(db, after, limit, SUMMED_MAX)
}

/// The same, with at most so many allotments.
pub(super) fn balance_within(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
    allotments: usize,
) -> Result<BooksPage<BalanceJson>, BooksError> {
    let sql = select_pools("sku > $1 ORDER BY sku LIMIT $2");
    let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let pools = rows.into_iter().map(read_pool).collect::<Result<Vec<_>, _>>()?;
    let Some(last) = pools.last() else {
        return Ok(BooksPage { items: Vec::new(), next: None });
    };
    let mut held = HeldSumsRange::read(db, (after, &last.sku), allotments)?;
    let complete = pools.iter().take_while(|pool| held.is_complete(&pool.sku)).count();
    let limit = limit.min(complete);
    let more = pools.len() > limit;
    let of = |pool: PoolFigures| {
        let of = held.take(&pool.sku);
        pool.balance(of)
    };
    let items: Vec<BalanceJson> = pools.into_iter().take(limit).map(of).collect();
    let next = items.last().filter(|_| more).map(|item| item.sku.clone());
    Ok(BooksPage { items, next })
}

/// The balance of one SKU, if it has a pool.
pub(super) fn balance_of(
    db: &mut dyn Executor,
    sku: &str,
) -> Result<Option<BalanceJson>, BooksError> {
    let sql = select_pools("sku = $1");
    let Some(row) = db.query(&sql, &[SqlValue::text(sku)])?.pop() else {
        return Ok(None);
    };
    let pool = read_pool(row)?;
    let held = sums_of(db, sku)?;
    Ok(Some(pool.balance(held)))
}

fn select_pools(condition: &str) -> String {
    let decimals = decimals_column("pool");
    format!(
        "SELECT sku, {decimals}, received, adjusted, deducted, unallotted, in_transit FROM pool
         WHERE {condition}"
    )
}

fn read_pool(row: SqlRow) -> Result<PoolFigures, BooksError> {
    let mut row = RowReader::of(row);
    Ok(PoolFigures {
        sku: row.text()?,
        decimals: row.decimals()?,
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
        unallotted: row.int()?,
        in_transit: row.int()?,
    })
}

impl PoolFigures {
    fn balance(self, held: HeldSums) -> BalanceJson {
        let received = i128::from(self.received) + held.received;
        let adjusted = i128::from(self.adjusted) + held.adjusted;
        let deducted = i128::from(self.deducted) + held.deducted;
        // Units that recovered books gave to a gateway, but do not know the receipt of, are not made
        // up for by a pool below 0.
        let placed = i128::from(self.unallotted.max(0)) + held.in_transit + held.on_hand;
        let difference = received + adjusted - deducted - placed;
        let Self { sku, decimals, unallotted, in_transit, .. } = self;
        let total = |units: i128| Amount::sum(units, decimals);
        BalanceJson {
            sku,
            received: total(received),
            adjusted: total(adjusted),
            deducted: total(deducted),
            unallotted: Amount::new(unallotted, decimals),
            in_transit: Amount::new(in_transit, decimals),
            on_hand: total(held.on_hand),
            difference: total(difference),
        }
    }
}
