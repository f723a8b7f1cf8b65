//! Reads the books, on a connection of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::row::read_entry;
use crate::clock::rfc3339;
use crate::json::ledger_json;
use crate::stock::{Origin, Seq};
use crate::store::{StoreError, get_u64, to_i64};

/// The reading side of the books.
#[derive(Clone, Debug)]
pub struct Reader {
    db: Arc<Mutex<Connection>>,
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
    pub gateways: Vec<HeldJson>,
}

/// What one gateway holds.
#[derive(Debug, Serialize)]
pub struct HeldJson {
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
    skus: Vec<String>,
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
    items: Vec<BalanceJson>,
    next: Option<String>,
    drift: Vec<DriftJson>,
}

/// The books that are in force.
const IN_FORCE: &str = "id IN (SELECT max(id) FROM book GROUP BY site, gateway)";

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(Duration::from_secs(5))?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self { db: Arc::new(Mutex::new(db)) })
    }

    /// Runs a query on the blocking pool, in one snapshot of the books.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let read = move || {
            let mut db = db.lock().unwrap_or_else(PoisonError::into_inner);
            let snapshot = db.transaction()?;
            query(&snapshot)
        };
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

pub(super) fn gateways(db: &Connection) -> Result<Vec<GatewayJson>, StoreError> {
    let sql = format!(
        "SELECT site, gateway, online, epoch, acked_seq, last_seen_ms, problem FROM book
         WHERE {IN_FORCE} ORDER BY site, gateway"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        let problem: Option<String> = row.get(6)?;
        Ok(GatewayJson {
            site: row.get(0)?,
            gateway: row.get(1)?,
            online: row.get(2)?,
            epoch: Uuid::from_bytes(row.get(3)?).to_string(),
            acked_seq: get_u64(row, 4)?,
            last_seen: rfc3339(row.get(5)?),
            drift: problem.is_some(),
            problem,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn stock_of(db: &Connection, sku: &str) -> Result<Option<StockJson>, StoreError> {
    let sql = "SELECT unallotted, in_transit FROM flow WHERE sku = ?1";
    let pool = db.prepare_cached(sql)?.query_row([sku], |row| Ok((row.get(0)?, row.get(1)?)));
    match pool.optional()? {
        Some(pool) => Ok(Some(with_gateways(db, sku.into(), pool)?)),
        None => Ok(None),
    }
}

pub(super) fn stock(
    db: &Connection,
    after: &str,
    limit: usize,
) -> Result<Page<StockJson>, StoreError> {
    let sql = "SELECT sku, unallotted, in_transit FROM flow WHERE sku > ?1 ORDER BY sku LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![after, to_i64(limit as u64 + 1)], |row| {
        Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?)))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let items = rows.into_iter().map(|(sku, pool)| with_gateways(db, sku, pool));
    Ok(page(items.collect::<Result<_, _>>()?, limit, |item| &item.sku))
}

fn with_gateways(
    db: &Connection,
    sku: String,
    (unallotted, in_transit): (i64, i64),
) -> Result<StockJson, StoreError> {
    let sql = format!(
        "SELECT site, gateway, on_hand, reserved, epoch, {IN_FORCE} FROM held
         JOIN book ON book.id = held.book WHERE sku = ?1 ORDER BY site, gateway, id DESC"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([&sku], |row| {
        let in_force: bool = row.get(5)?;
        let epoch = Uuid::from_bytes(row.get(4)?);
        Ok(HeldJson {
            site: row.get(0)?,
            gateway: row.get(1)?,
            on_hand: row.get(2)?,
            reserved: row.get(3)?,
            replaced_epoch: (!in_force).then(|| epoch.to_string()),
        })
    })?;
    let gateways = rows.collect::<Result<Vec<_>, _>>()?;
    let held: i64 = gateways.iter().map(|gateway| gateway.on_hand).sum();
    Ok(StockJson { sku, unallotted, in_transit, total: unallotted + in_transit + held, gateways })
}

/// A page of a gateway's ledger as JSON; `None` for a gateway that never was.
pub(super) fn ledger(
    db: &Connection,
    site: &str,
    gateway: &str,
    after: Seq,
    limit: usize,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id, epoch, acked_seq FROM book WHERE site = ?1 AND gateway = ?2
               ORDER BY id DESC LIMIT 1";
    let book = db.prepare_cached(sql)?.query_row([site, gateway], |row| {
        Ok((row.get::<_, i64>(0)?, Uuid::from_bytes(row.get(1)?), get_u64(row, 2)?))
    });
    let Some((book, epoch, last_seq)) = book.optional()? else {
        return Ok(None);
    };
    let origin = Origin { site: site.into(), gateway: gateway.into(), epoch };
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let sql = "SELECT seq, kind, sku, change, reserved_change, order_id, request_id, at_ms
               FROM entry WHERE book = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![book, after, to_i64(limit as u64)], read_entry)?;
    let entries = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(ledger_json(&origin, &entries, last_seq)))
}

pub(super) fn reconcile(
    db: &Connection,
    all: bool,
    after: &str,
    limit: usize,
) -> Result<Reconciliation, StoreError> {
    let balance = "SELECT sku, received, adjusted, deducted, unallotted, in_transit, on_hand,
               received + adjusted - deducted - unallotted - in_transit - on_hand AS difference
        FROM (SELECT flow.*, (SELECT coalesce(sum(on_hand), 0) FROM held WHERE held.sku = flow.sku)
              AS on_hand FROM flow)";
    let unbalanced: i64 = db.query_row(
        &format!("SELECT count(*) FROM ({balance}) WHERE difference <> 0"),
        [],
        |row| row.get(0),
    )?;
    let sql = format!(
        "SELECT * FROM ({balance}) WHERE sku > ?1 AND (?2 OR difference <> 0)
         ORDER BY sku LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after, all, to_i64(limit as u64 + 1)], |row| {
        Ok(BalanceJson {
            sku: row.get(0)?,
            received: row.get(1)?,
            adjusted: row.get(2)?,
            deducted: row.get(3)?,
            unallotted: row.get(4)?,
            in_transit: row.get(5)?,
            on_hand: row.get(6)?,
            difference: row.get(7)?,
        })
    })?;
    let Page { items, next } =
        page(rows.collect::<Result<_, _>>()?, limit, |item: &BalanceJson| &item.sku);
    let drift = drift(db)?;
    Ok(Reconciliation { balanced: unbalanced == 0 && drift.is_empty(), items, next, drift })
}

fn drift(db: &Connection) -> Result<Vec<DriftJson>, StoreError> {
    let sql = format!(
        "SELECT site, gateway, problem FROM book
         WHERE {IN_FORCE} AND problem IS NOT NULL ORDER BY site, gateway"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        let (site, gateway, problem) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(DriftJson { site, gateway, problem, skus: Vec::new() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Cuts one item more than the limit into a page and a cursor.
fn page<T>(mut items: Vec<T>, limit: usize, sku: impl Fn(&T) -> &String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| sku(item).clone());
    Page { items, next }
}
