//! Whether the books balance.

use serde::Serialize;

use super::page::BooksPage;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};
use crate::hub::db::{BooksError, IN_FORCE};
use crate::stock::Sku;

/// The balance of the books.
#[derive(Debug, Serialize)]
pub struct Reconciliation {
    /// The books add up, and no gateway drifts or is fenced.
    pub balanced: bool,
    /// The difference of every SKU is 0.
    #[serde(skip)]
    pub adds_up: bool,
    items: Vec<BalanceJson>,
    next: Option<String>,
    drift: Vec<DriftJson>,
}

/// The balance of one SKU, in units.
#[derive(Debug, Serialize)]
struct BalanceJson {
    sku: String,
    received: i64,
    adjusted: i64,
    deducted: i64,
    unallotted: i64,
    in_transit: i64,
    on_hand: i64,
    /// What exists, less what is in a place; 0 if the books add up.
    difference: i64,
}

/// A gateway with a problem.
#[derive(Debug, Serialize)]
struct DriftJson {
    site: String,
    gateway: String,
    problem: String,
    /// The SKUs that are known to differ.
    skus: Vec<Sku>,
}

const BALANCE: &str = "SELECT sku, received, adjusted, deducted, unallotted, in_transit, on_hand,
        received + adjusted - deducted - unallotted - in_transit - on_hand AS difference
    FROM (SELECT pool.sku, received, adjusted, deducted, unallotted, in_transit,
          CAST((SELECT coalesce(sum(on_hand), 0) FROM held WHERE held.sku = pool.sku)
          AS BIGINT) AS on_hand FROM pool) AS figures";

/// The balance of the books, with a page of the SKUs after one that do not balance, or of all.
pub(in crate::hub) fn reconcile(
    db: &mut dyn Executor,
    all: bool,
    after: &str,
    limit: usize,
) -> Result<Reconciliation, BooksError> {
    let adds_up = unbalanced_count(db)? == 0;
    let which = if all { "" } else { "AND difference <> 0" };
    let sql = format!(
        "SELECT * FROM ({BALANCE}) AS balance WHERE sku > $1 {which} ORDER BY sku LIMIT $2"
    );
    let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let items = rows.into_iter().map(read_balance).collect::<Result<_, _>>()?;
    let BooksPage { items, next } = BooksPage::new(items, limit, |item: &BalanceJson| &item.sku);
    let drift = drift(db)?;
    Ok(Reconciliation { balanced: adds_up && drift.is_empty(), adds_up, items, next, drift })
}

fn unbalanced_count(db: &mut dyn Executor) -> Result<i64, BooksError> {
    let sql = format!("SELECT count(*) FROM ({BALANCE}) AS balance WHERE difference <> 0");
    db.query(&sql, &[])?.pop().map_or(Ok(0), |row| RowReader::of(row).int())
}

fn read_balance(row: SqlRow) -> Result<BalanceJson, BooksError> {
    let mut row = RowReader::of(row);
    Ok(BalanceJson {
        sku: row.text()?,
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
        unallotted: row.int()?,
        in_transit: row.int()?,
        on_hand: row.int()?,
        difference: row.int()?,
    })
}

fn drift(db: &mut dyn Executor) -> Result<Vec<DriftJson>, BooksError> {
    let sql = format!(
        "SELECT site, gateway, problem, differing FROM book
         WHERE {IN_FORCE} AND problem IS NOT NULL ORDER BY site, gateway"
    );
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        let (site, gateway, problem) = (row.text()?, row.text()?, row.text()?);
        Ok(DriftJson { site, gateway, problem, skus: row.postcard()? })
    };
    db.query(&sql, &[])?.into_iter().map(read).collect()
}
