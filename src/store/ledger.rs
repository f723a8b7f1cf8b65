//! The ledger's rows: appended by the writer, read by everyone.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{StoreError, get_u64, open_read_only, stored, to_i64};
use crate::stock::{Chain, Checks, Digest, Entry, Kind, OrderId, Posted, RequestId, Seq, Sku};

pub(super) fn append(db: &Transaction<'_>, entries: &[Posted]) -> Result<(), StoreError> {
    let mut insert =
        db.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for Posted { entry, checks } in entries {
        insert.execute(params![
            to_i64(entry.seq),
            entry.kind.code(),
            entry.sku.as_str(),
            entry.change,
            entry.reserved_change,
            entry.order_id.as_ref().map(OrderId::as_str),
            entry.request_id.as_str(),
            entry.at_ms,
            checks.digest.0.cast_signed(),
            checks.chain.0.cast_signed(),
        ])?;
    }
    Ok(())
}

/// The position and checks of the last entry. Pruning never takes it.
pub(super) fn last(db: &Connection) -> Result<Option<(Seq, Checks)>, StoreError> {
    let sql = "SELECT seq, digest, chain FROM ledger ORDER BY seq DESC LIMIT 1";
    let row = db.query_row(sql, [], |row| Ok((get_u64(row, 0)?, read_checks(row, 1)?)));
    Ok(row.optional()?)
}

/// Up to `limit` entries behind the position `after`, in order.
///
/// # Errors
/// If the database cannot be read.
pub fn read_ledger(db: &Connection, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
    let sql =
        "SELECT seq, kind, sku, change, reserved_change, order_id, request_id, at_ms, digest, chain
               FROM ledger WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(sql)?;
    let entries = statement.query_map([after, limit], read_posted)?;
    Ok(entries.collect::<Result<_, _>>()?)
}

fn read_posted(row: &Row<'_>) -> rusqlite::Result<Posted> {
    Ok(Posted { entry: read_entry(row)?, checks: read_checks(row, 8)? })
}

/// Reads an entry from columns in the order seq, kind, sku, change, reserved_change, order_id,
/// request_id, at_ms.
pub(crate) fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let code: u8 = row.get(1)?;
    let kind = Kind::from_code(code)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, i64::from(code)))?;
    let order_id: Option<String> = row.get(5)?;
    Ok(Entry {
        seq: get_u64(row, 0)?,
        kind,
        sku: stored(2, Sku::parse(row.get_ref(2)?.as_str()?))?,
        change: row.get(3)?,
        reserved_change: row.get(4)?,
        order_id: order_id.map(|id| stored(5, OrderId::parse(&id))).transpose()?,
        request_id: stored(6, RequestId::parse(row.get_ref(6)?.as_str()?))?,
        at_ms: row.get(7)?,
    })
}

/// Reads digest and chain from two columns.
pub(crate) fn read_checks(row: &Row<'_>, first: usize) -> rusqlite::Result<Checks> {
    Ok(Checks {
        digest: Digest(row.get::<_, i64>(first)?.cast_unsigned()),
        chain: Chain(row.get::<_, i64>(first + 1)?.cast_unsigned()),
    })
}

/// Reads the ledger beside the writer, on a connection of its own.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    /// One connection: readers take turns, so a burst of queries costs one snapshot at a time.
    db: Arc<Mutex<Connection>>,
}

impl LedgerReader {
    /// Opens the database in this directory for reading.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Arc::new(Mutex::new(open_read_only(data_dir)?)) })
    }

    /// See [`read_ledger`]. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        let db = Arc::clone(&self.db);
        let read =
            move || read_ledger(&db.lock().unwrap_or_else(PoisonError::into_inner), after, limit);
        tokio::task::spawn_blocking(read).await.expect("reading does not panic")
    }
}
