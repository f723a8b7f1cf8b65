//! Reads the books, on a connection of its own.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use uuid::Uuid;

use super::core::{Recalled, recalled};
use super::db::sql::{ColumnReader, Executor, SqlRow, SqlValue};
use super::db::{BooksDatabase, ENTRY_COLUMNS, aside_sql, read_entry, table};
use crate::clock::rfc3339;
use crate::config::BookStore;
use crate::net::json::ledger_json;
use crate::stock::{Origin, RequestId, Seq, Sku};
use crate::store::StoreError;

/// The reading side of the books.
#[derive(Clone, Debug)]
pub struct BooksReader {
    database: Arc<Mutex<BooksDatabase>>,
}

/// The contract's gateway.
#[derive(Debug, Serialize)]
pub(super) struct GatewayJson {
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
pub(super) struct EpochJson {
    epoch: String,
    /// `open`, `fenced`, `replaced` or `retired`.
    state: &'static str,
    acked_seq: Seq,
    /// How far its ledger is known to go.
    known_seq: Seq,
    /// Entries that came when nothing was taken any more.
    aside: u64,
    last_seen: String,
    problem: Option<String>,
}

/// The contract's stock of one SKU over all gateways.
#[derive(Debug, Serialize)]
pub struct StockJson {
    /// Which.
    pub sku: String,
    /// In the hub's pool.
    pub unallotted: i64,
    /// On the way to a gateway.
    pub in_transit: i64,
    /// All that exist.
    pub total: i64,
    /// What each gateway holds.
    pub gateways: Vec<GatewayStockJson>,
}

/// What one gateway holds.
#[derive(Debug, Serialize)]
pub struct GatewayStockJson {
    site: String,
    gateway: String,
    /// In units.
    pub on_hand: i64,
    /// In units.
    pub reserved: i64,
    /// Set for what an earlier database of the gateway held when it was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_epoch: Option<String>,
}

/// One SKU's balance.
#[derive(Debug, Serialize)]
pub(super) struct BalanceJson {
    sku: String,
    received: i64,
    adjusted: i64,
    deducted: i64,
    unallotted: i64,
    in_transit: i64,
    on_hand: i64,
    difference: i64,
}

/// A gateway whose books do not go on.
#[derive(Debug, Serialize)]
pub(super) struct DriftJson {
    site: String,
    gateway: String,
    problem: String,
    skus: Vec<Sku>,
}

/// A page, and where the next one begins.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Whether everything adds up.
#[derive(Debug, Serialize)]
pub struct Reconciliation {
    /// Every SKU's difference is 0 and no gateway drifts apart.
    pub balanced: bool,
    /// Every SKU's difference is 0.
    #[serde(skip)]
    pub adds_up: bool,
    items: Vec<BalanceJson>,
    next: Option<String>,
    drift: Vec<DriftJson>,
}

/// The books that are in force.
const IN_FORCE: &str = "id IN (SELECT max(id) FROM book GROUP BY site, gateway)";

impl BooksReader {
    pub(super) fn open(store: &BookStore) -> Result<Self, StoreError> {
        Ok(Self { database: Arc::new(Mutex::new(BooksDatabase::open_read_only(store)?)) })
    }

    /// Runs a query on the blocking pool, in one snapshot of the books.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.database);
        let read = move || database.lock().unwrap_or_else(PoisonError::into_inner).read(query);
        tokio::task::spawn_blocking(read).await.expect("reading does not panic")
    }

    /// A page of the stock over all gateways.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub async fn stock(&self, after: String, limit: usize) -> Result<Page<StockJson>, StoreError> {
        self.read(move |db| stock(db, &after, limit)).await
    }

    /// Whether the books balance.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn reconcile(&self) -> Result<Reconciliation, StoreError> {
        self.read(|db| reconcile(db, false, "", 0)).await
    }
}

pub(super) fn gateways(db: &mut dyn Executor) -> Result<Vec<GatewayJson>, StoreError> {
    let sql = format!(
        "SELECT site, gateway, online, epoch, acked_seq, last_seen_ms, problem FROM book
         WHERE {IN_FORCE} ORDER BY site, gateway"
    );
    let read = |row: SqlRow| {
        let mut row = ColumnReader::of(row);
        let (site, gateway, online) = (row.text()?, row.text()?, row.bool()?);
        let (epoch, acked_seq) = (epoch(&mut row)?.to_string(), row.number()?);
        let (last_seen, problem) = (rfc3339(row.int()?), row.text_or_null()?);
        let drift = problem.is_some();
        Ok(GatewayJson { site, gateway, online, epoch, acked_seq, last_seen, drift, problem })
    };
    db.query(&sql, &[])?.into_iter().map(read).collect()
}

fn epoch(row: &mut ColumnReader) -> Result<Uuid, StoreError> {
    Uuid::from_slice(&row.blob()?)
        .map_err(|error| StoreError::Damaged(format!("an epoch: {error}")))
}

/// The databases of a gateway, the one in force first.
pub(super) fn epochs(
    db: &mut dyn Executor,
    site: &str,
    gateway: &str,
) -> Result<Vec<EpochJson>, StoreError> {
    let sql = "SELECT epoch, retired, fenced, acked_seq, known_seq, aside, last_seen_ms, problem
               FROM book WHERE site = $1 AND gateway = $2 ORDER BY id DESC";
    let rows = db.query(sql, &[SqlValue::text(site), SqlValue::text(gateway)])?;
    let mut newest = true;
    let read = |row: SqlRow| {
        let mut row = ColumnReader::of(row);
        let epoch = epoch(&mut row)?.to_string();
        let state = match (row.bool()?, std::mem::take(&mut newest), row.text_or_null()?) {
            (true, _, _) => "retired",
            (false, false, _) => "replaced",
            (false, true, Some(_)) => "fenced",
            (false, true, None) => "open",
        };
        let (acked_seq, known_seq) = (row.number()?, row.number()?);
        let (aside, last_seen) = (row.number()?, rfc3339(row.int()?));
        let problem = row.text_or_null()?;
        Ok(EpochJson { epoch, state, acked_seq, known_seq, aside, last_seen, problem })
    };
    rows.into_iter().map(read).collect()
}

pub(super) fn stock_of(db: &mut dyn Executor, sku: &str) -> Result<Option<StockJson>, StoreError> {
    let sql = "SELECT unallotted, in_transit FROM pool WHERE sku = $1";
    let pool = db.query(sql, &[SqlValue::text(sku)])?.pop();
    let listed = "SELECT n FROM listing WHERE sku = $1";
    let pool = match pool {
        Some(row) => {
            let mut row = ColumnReader::of(row);
            (row.int()?, row.int()?)
        }
        None if db.query(listed, &[SqlValue::text(sku)])?.is_empty() => return Ok(None),
        None => (0, 0),
    };
    Ok(Some(with_gateways(db, sku.into(), pool)?))
}

pub(super) fn stock(
    db: &mut dyn Executor,
    after: &str,
    limit: usize,
) -> Result<Page<StockJson>, StoreError> {
    let sql = "SELECT sku, unallotted, in_transit FROM pool WHERE sku > $1 ORDER BY sku LIMIT $2";
    let rows = db.query(sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = ColumnReader::of(row);
        let (sku, pool) = (row.text()?, (row.int()?, row.int()?));
        items.push(with_gateways(db, sku, pool)?);
    }
    Ok(page(items, limit, |item| &item.sku))
}

/// What an earlier database held is shown as long as it held anything.
fn with_gateways(
    db: &mut dyn Executor,
    sku: String,
    (unallotted, in_transit): (i64, i64),
) -> Result<StockJson, StoreError> {
    let sql = format!(
        "SELECT site, gateway, on_hand, reserved, epoch, CAST(CASE WHEN {IN_FORCE} THEN 1 ELSE 0 END AS BIGINT)
         FROM held JOIN book ON book.id = held.book WHERE sku = $1
         AND ({IN_FORCE} OR on_hand <> 0)
         ORDER BY site, gateway, id DESC"
    );
    let read = |row: SqlRow| {
        let mut row = ColumnReader::of(row);
        let (site, gateway) = (row.text()?, row.text()?);
        let (on_hand, reserved) = (row.int()?, row.int()?);
        let epoch = epoch(&mut row)?;
        let replaced_epoch = (row.int()? == 0).then(|| epoch.to_string());
        Ok(GatewayStockJson { site, gateway, on_hand, reserved, replaced_epoch })
    };
    let gateways: Vec<GatewayStockJson> = db
        .query(&sql, &[SqlValue::text(&sku)])?
        .into_iter()
        .map(read)
        .collect::<Result<_, StoreError>>()?;
    let held: i64 = gateways.iter().map(|gateway| gateway.on_hand).sum();
    Ok(StockJson { sku, unallotted, in_transit, total: unallotted + in_transit + held, gateways })
}

/// Which entries of a gateway's ledger to read.
#[derive(Debug)]
pub(super) struct LedgerPage {
    pub(super) site: String,
    pub(super) gateway: String,
    /// Which database; without it the one in force.
    pub(super) epoch: Option<Uuid>,
    /// Those that were kept aside.
    pub(super) aside: bool,
    pub(super) after: Seq,
    pub(super) limit: usize,
}

/// A page of a gateway's ledger as JSON; `None` for a gateway or database that never was.
pub(super) fn ledger(
    db: &mut dyn Executor,
    wanted: &LedgerPage,
) -> Result<Option<String>, StoreError> {
    let LedgerPage { site, gateway, after, limit, .. } = wanted;
    let sql = "SELECT id, epoch, acked_seq, known_seq FROM book WHERE site = $1 AND gateway = $2
               ORDER BY id DESC";
    let mut found = None;
    for row in db.query(sql, &[SqlValue::text(site), SqlValue::text(gateway)])? {
        let mut row = ColumnReader::of(row);
        let (id, epoch) = (row.int()?, epoch(&mut row)?);
        let (acked_seq, known_seq) = (row.number()?, row.number()?);
        if wanted.epoch.is_none_or(|wanted| wanted == epoch) {
            found = Some((id, epoch, if wanted.aside { known_seq } else { acked_seq }));
            break;
        }
    }
    let Some((book, epoch, last_seq)) = found else {
        return Ok(None);
    };
    let origin = Origin { site: site.clone(), gateway: gateway.clone(), epoch };
    let after = i64::try_from(*after).unwrap_or(i64::MAX);
    let entries = format!(
        "SELECT {ENTRY_COLUMNS} FROM entry WHERE book = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    );
    let sql = if wanted.aside { aside_sql() } else { entries };
    let rows =
        db.query(&sql, &[book, after, i64::try_from(*limit).unwrap_or(0)].map(SqlValue::Int))?;
    let entries = rows.into_iter().map(read_entry).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(ledger_json(&origin, &entries, last_seq)))
}

pub(super) fn recall(
    db: &mut dyn Executor,
    request_id: &RequestId,
) -> Result<Option<Recalled>, StoreError> {
    recalled(&mut table(db), request_id)
}

pub(super) fn reconcile(
    db: &mut dyn Executor,
    all: bool,
    after: &str,
    limit: usize,
) -> Result<Reconciliation, StoreError> {
    let balance = "SELECT sku, received, adjusted, deducted, unallotted, in_transit, on_hand,
               received + adjusted - deducted - unallotted - in_transit - on_hand AS difference
        FROM (SELECT pool.sku, received, adjusted, deducted, unallotted, in_transit,
              CAST((SELECT coalesce(sum(on_hand), 0) FROM held WHERE held.sku = pool.sku)
              AS BIGINT) AS on_hand FROM pool) AS figures";
    let count = format!("SELECT count(*) FROM ({balance}) AS balance WHERE difference <> 0");
    let unbalanced =
        db.query(&count, &[])?.pop().map_or(Ok(0), |row| ColumnReader::of(row).int())?;
    let which = if all { "" } else { "AND difference <> 0" };
    let sql = format!(
        "SELECT * FROM ({balance}) AS balance WHERE sku > $1 {which} ORDER BY sku LIMIT $2"
    );
    let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::number(limit as u64 + 1)])?;
    let items = rows.into_iter().map(read_balance).collect::<Result<_, _>>()?;
    let Page { items, next } = page(items, limit, |item: &BalanceJson| &item.sku);
    let (adds_up, drift) = (unbalanced == 0, drift(db)?);
    Ok(Reconciliation { balanced: adds_up && drift.is_empty(), adds_up, items, next, drift })
}

fn read_balance(row: SqlRow) -> Result<BalanceJson, StoreError> {
    let mut row = ColumnReader::of(row);
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

fn drift(db: &mut dyn Executor) -> Result<Vec<DriftJson>, StoreError> {
    let sql = format!(
        "SELECT site, gateway, problem, differing FROM book
         WHERE {IN_FORCE} AND problem IS NOT NULL ORDER BY site, gateway"
    );
    let read = |row: SqlRow| {
        let mut row = ColumnReader::of(row);
        let (site, gateway, problem) = (row.text()?, row.text()?, row.text()?);
        Ok(DriftJson { site, gateway, problem, skus: row.packed()? })
    };
    db.query(&sql, &[])?.into_iter().map(read).collect()
}

/// Cuts one item more than the limit into a page and a cursor.
fn page<T>(mut items: Vec<T>, limit: usize, sku: impl Fn(&T) -> &String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| sku(item).clone());
    Page { items, next }
}
