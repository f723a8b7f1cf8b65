//! The rows of stock and of open reservations.
//!
//! The table of stock follows the ledger at a distance: a change is on disk when its fact is,
//! and its SKU's row is written some time later, once for many changes. A row says of which
//! change it is, so it does not matter which of the later changes it already has.

use rusqlite::{Connection, Transaction, params};

use super::{StoreError, get_u64, stored, to_i64};
use crate::stock::{Hold, Item, Items, RequestId, Sku};

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

/// Saves a reservation whose request is fact `n`, or removes it.
pub(super) fn save_hold(
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

pub(super) fn items(db: &Connection) -> Result<Items, StoreError> {
    let sql = "SELECT sku, on_hand, reserved, version FROM stock ORDER BY sku";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let sku = stored(0, Sku::parse(row.get_ref(0)?.as_str()?))?;
        let version = get_u64(row, 3)?;
        Ok((sku, Item { on_hand: row.get(1)?, reserved: row.get(2)?, version }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn holds(db: &Connection) -> Result<Vec<(RequestId, Hold)>, StoreError> {
    let mut statement = db.prepare("SELECT id, hold FROM hold")?;
    let rows = statement.query_map([], |row| {
        let id = stored(0, RequestId::parse(row.get_ref(0)?.as_str()?))?;
        Ok((id, stored(1, postcard::from_bytes(row.get_ref(1)?.as_blob()?))?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
