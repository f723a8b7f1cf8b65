//! The rows of stock and of open reservations.
//!
//! The stock table lags the ledger: a change is on disk with its ledger record, and the row of its
//! SKU is written later, once for many changes (see [`super::checkpoint`]). A row holds the
//! version of its SKU, which is the position of the last change in it, so a start knows for each
//! SKU which entries of the ledger are newer.

use rusqlite::{Connection, Transaction, params};

use super::error::StoreError;
use super::sql_values::{get_blob, get_u64, stored, to_i64};
use crate::stock::{Hold, Item, Items, LedgerRecord, RequestId, Sku};

pub(super) fn save_items<'a>(
    db: &Transaction<'_>,
    items: impl IntoIterator<Item = (&'a Sku, &'a Item)>,
) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached("INSERT OR REPLACE INTO stock VALUES (?1, ?2, ?3, ?4)")?;
    for (sku, item) in items {
        let row = params![sku.as_str(), item.on_hand, item.reserved, to_i64(item.version)];
        upsert.execute(row)?;
    }
    Ok(())
}

/// Saves the reservations that a batch opened (`Some`) and closed (`None`). Each row holds the
/// number of the ledger record of its request; `first` is the number of the batch's first record.
pub(super) fn save_holds(
    db: &Transaction<'_>,
    holds: &[(RequestId, Option<Hold>)],
    records: &[LedgerRecord],
    first: i64,
) -> Result<(), StoreError> {
    for (id, hold) in holds {
        let is_its = |record: &LedgerRecord| record.request_id == *id && record.record.is_some();
        let numbered = records.iter().zip(first..);
        let n = numbered.filter(|(record, _)| is_its(record)).map(|(_, n)| n).last();
        save_hold(db, id, hold.as_ref(), n.unwrap_or(first))?;
    }
    Ok(())
}

fn save_hold(
    db: &Transaction<'_>,
    id: &RequestId,
    hold: Option<&Hold>,
    n: i64,
) -> Result<(), StoreError> {
    let Some(hold) = hold else {
        db.prepare_cached("DELETE FROM hold WHERE id = ?1")?.execute([id.as_str()])?;
        return Ok(());
    };
    let blob = postcard::to_stdvec(hold).expect("plain data always serializes");
    db.prepare_cached("INSERT OR REPLACE INTO hold VALUES (?1, ?2, ?3)")?.execute(params![
        id.as_str(),
        n,
        blob
    ])?;
    Ok(())
}

pub(super) fn read_items(db: &Connection) -> Result<Items, StoreError> {
    let sql = "SELECT sku, on_hand, reserved, version FROM stock ORDER BY sku";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let sku = stored(0, Sku::parse(row.get_ref(0)?.as_str()?))?;
        let version = get_u64(row, 3)?;
        Ok((sku, Item { on_hand: row.get(1)?, reserved: row.get(2)?, version }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn read_holds(db: &Connection) -> Result<Vec<(RequestId, Hold)>, StoreError> {
    let mut statement = db.prepare("SELECT id, hold FROM hold")?;
    let rows = statement.query_map([], |row| {
        let id = stored(0, RequestId::parse(row.get_ref(0)?.as_str()?))?;
        Ok((id, stored(1, postcard::from_bytes(get_blob(row, 1)?))?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
