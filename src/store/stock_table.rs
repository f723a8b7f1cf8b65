//! The rows of stock and of open reservations.
//!
//! The stock table lags the ledger: a change is on disk with its ledger record, and the row of its
//! SKU is written later, once for many changes (see [`super::checkpoint`]). A row holds the
//! version of its SKU, which is the position of the last change in it, so a start knows for each
//! SKU which entries of the ledger are newer.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Transaction};

use super::error::StoreError;
use super::reservation_order::record_number;
use super::row_check::{RowChecks, text, write_row};
use super::sql_values::{get_blob, get_u64, stored, to_i64};
use crate::stock::{Changes, Hold, Item, Items, RequestId, Sku};

/// Saves the stock of some SKUs. Returns how many of them had no row.
pub(super) fn save_items<'a>(
    db: &Transaction<'_>,
    items: impl IntoIterator<Item = (&'a Sku, &'a Item)>,
) -> Result<u64, StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE stock SET on_hand = ?2, reserved = ?3, version = ?4, crc = ?5 WHERE sku = ?1",
    )?;
    let mut insert = db.prepare_cached("INSERT INTO stock VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut new = 0;
    for (sku, item) in items {
        let numbers = [item.on_hand, item.reserved, to_i64(item.version)].map(ValueRef::Integer);
        let [on_hand, reserved, version] = numbers;
        let values = [text(sku.as_str()), on_hand, reserved, version];
        if write_row(&mut update, "stock", &values)? == 0 {
            write_row(&mut insert, "stock", &values)?;
            new += 1;
        }
    }
    Ok(new)
}

/// Saves the reservations that a batch opened (`Some`) and closed (`None`). Each row holds the
/// number of the ledger record of its request; `first` is the number of the batch's first record.
pub(super) fn save_holds(
    db: &Transaction<'_>,
    changes: &Changes,
    first: i64,
) -> Result<(), StoreError> {
    for (id, hold) in &changes.holds {
        let n = record_number(changes, id, first).unwrap_or(first);
        save_hold(db, id, hold.as_ref(), n)?;
    }
    Ok(())
}

/// Saves one reservation (`Some`) under the number of the ledger record of its request, or deletes
/// it (`None`).
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
    write_hold(db, "INSERT OR REPLACE INTO hold VALUES (?1, ?2, ?3, ?4)", id, hold, n)?;
    Ok(())
}

/// Gives the row of an open reservation another number. Returns whether there was a row.
pub(super) fn renumber_hold(
    db: &Transaction<'_>,
    id: &RequestId,
    hold: &Hold,
    n: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE hold SET n = ?2, hold = ?3, crc = ?4 WHERE id = ?1";
    Ok(write_hold(db, sql, id, hold, n)? == 1)
}

fn write_hold(
    db: &Transaction<'_>,
    sql: &str,
    id: &RequestId,
    hold: &Hold,
    n: i64,
) -> Result<usize, StoreError> {
    let blob = postcard::to_stdvec(hold).expect("plain data always serializes");
    let values = [text(id.as_str()), ValueRef::Integer(n), ValueRef::Blob(&blob)];
    Ok(write_row(&mut *db.prepare_cached(sql)?, "hold", &values)?)
}

pub(super) fn read_items(db: &Connection) -> Result<Items, StoreError> {
    let checks = RowChecks::of(db)?;
    let crc = checks.column();
    let sql = format!("SELECT sku, on_hand, reserved, version, {crc} FROM stock ORDER BY sku");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        if !checks.pass("stock", row) {
            return Err(StoreError::Damaged("a row of the table stock is damaged".into()));
        }
        items.push(parse_item(row)?);
    }
    Ok(items.into_iter().collect())
}

fn parse_item(row: &Row<'_>) -> rusqlite::Result<(Sku, Item)> {
    let sku = stored(0, Sku::parse(row.get_ref(0)?.as_str()?))?;
    let version = get_u64(row, 3)?;
    Ok((sku, Item { on_hand: row.get(1)?, reserved: row.get(2)?, version }))
}

pub(super) fn read_holds(db: &Connection) -> Result<Vec<(RequestId, Hold)>, StoreError> {
    let checks = RowChecks::of(db)?;
    let mut statement =
        db.prepare(&format!("SELECT id, n, hold, {} FROM hold", checks.column()))?;
    let mut rows = statement.query([])?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next()? {
        if !checks.pass("hold", row) {
            return Err(StoreError::Damaged("a row of the table hold is damaged".into()));
        }
        holds.push(parse_hold(row)?);
    }
    Ok(holds)
}

fn parse_hold(row: &Row<'_>) -> rusqlite::Result<(RequestId, Hold)> {
    let id = stored(0, RequestId::parse(row.get_ref(0)?.as_str()?))?;
    Ok((id, stored(2, postcard::from_bytes(get_blob(row, 2)?))?))
}
