//! The rows of stock and of open reservations.
//!
//! The stock table lags the ledger: a change is on disk with its ledger record, and the row of its
//! SKU is written later, once for many changes (see [`super::checkpoint`]). A row holds the
//! version of its SKU, which is the position of the last change in it, so a start knows for each
//! SKU which entries of the ledger are newer.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Transaction};

use super::bit_flip::{Cell, corrected};
use super::encoded_hold;
use super::error::StoreError;
use super::reservation_order::record_number;
use super::row_check::{RowChecks, text, write_row};
use super::sql_values::{stored, to_i64};
use crate::stock::{Changes, Hold, Item, Lost, RequestId, Sku};

/// Saves the stock of some SKUs. Returns how many of them had no row.
pub(super) fn save_items<'a>(
    db: &Transaction<'_>,
    items: impl IntoIterator<Item = (&'a Sku, &'a Item)>,
) -> Result<u64, StoreError> {
    let rows = items.into_iter().map(|(sku, item)| (sku, item, to_i64(item.version)));
    save_rows(db, rows)
}

fn save_rows<'a>(
    db: &Transaction<'_>,
    rows: impl IntoIterator<Item = (&'a Sku, &'a Item, i64)>,
) -> Result<u64, StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE stock SET on_hand = ?2, reserved = ?3, version = ?4, crc = ?5 WHERE sku = ?1",
    )?;
    let mut insert = db.prepare_cached("INSERT INTO stock VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut new = 0;
    for (sku, item, version) in rows {
        let numbers = [item.on_hand, item.reserved, version].map(ValueRef::Integer);
        let [on_hand, reserved, version] = numbers;
        let values = [text(sku.as_str()), on_hand, reserved, version];
        if write_row(&mut update, "stock", &values)? == 0 {
            write_row(&mut insert, "stock", &values)?;
            new += 1;
        }
    }
    Ok(new)
}

/// Saves that SKUs are hidden: their rows are written at once, and again when they have changed.
pub(super) fn save_hidden(db: &Transaction<'_>, changes: &Changes) -> Result<u64, StoreError> {
    let hidden = changes.hidden.iter();
    save_rows(db, hidden.filter_map(|sku| Some(hidden_row(sku, changes.items.get(sku)?))))
}

/// Saves the stock of some SKUs again, hidden or not as they were.
pub(super) fn save_again<'a>(
    db: &Transaction<'_>,
    items: impl IntoIterator<Item = (&'a Sku, &'a Item)>,
    hidden: &BTreeSet<Sku>,
) -> Result<u64, StoreError> {
    let row = |(sku, item): (&'a Sku, &'a Item)| match hidden.contains(sku) {
        true => hidden_row(sku, item),
        false => (sku, item, to_i64(item.version)),
    };
    save_rows(db, items.into_iter().map(row))
}

fn hidden_row<'a>(sku: &'a Sku, item: &'a Item) -> (&'a Sku, &'a Item, i64) {
    (sku, item, HIDDEN - to_i64(item.version))
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
    let blob = encoded_hold::encode(hold);
    let values = [text(id.as_str()), ValueRef::Integer(n), ValueRef::Blob(&blob)];
    Ok(write_row(&mut *db.prepare_cached(sql)?, "hold", &values)?)
}

/// The rows of the stock table, as far as they are sound.
#[derive(Debug, Default)]
pub(super) struct ReadItems {
    pub(super) items: Vec<(Sku, Item)>,
    /// Those of `items` and `corrected` that are hidden.
    pub(super) hidden: BTreeSet<Sku>,
    /// Rows in which one bit had flipped, as they were written.
    pub(super) corrected: BTreeMap<Sku, Item>,
    /// Rows that are damaged, but not in their key.
    pub(super) damaged: Vec<Sku>,
    /// What an earlier start has found lost, and how many rows say so.
    pub(super) lost: (Lost, usize),
    /// How many rows there are whose key is damaged, too.
    pub(super) unreadable: usize,
}

/// The version in a row that says that the stock of its SKU was lost. The row of those whose names
/// were lost, too, has no SKU.
const LOST: i64 = -1;
/// Less its version, what stands in the place of the version of a SKU that is hidden.
const HIDDEN: i64 = -2;

pub(super) fn read_items(db: &Connection) -> Result<ReadItems, StoreError> {
    let checks = RowChecks::of(db)?;
    let crc = checks.column();
    let sql = format!("SELECT sku, on_hand, reserved, version, {crc} FROM stock ORDER BY sku");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut read = ReadItems::default();
    while let Some(row) = rows.next()? {
        if checks.pass("stock", row) {
            read.add_sound(row)?;
        } else {
            read.add_damaged(row, checks);
        }
    }
    Ok(read)
}

impl ReadItems {
    /// How many rows are sound, or were corrected.
    pub(super) fn sound(&self) -> usize {
        self.items.len() + self.corrected.len() + self.lost.1
    }

    fn add_sound(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        if row.get::<_, i64>(3)? == LOST {
            self.add_lost(row);
            return Ok(());
        }
        let (sku, item, is_hidden) =
            parse_item([0, 1, 2, 3].map(|index| row.get_ref_unwrap(index)))?;
        // A damaged page may hold rows twice, or in another order.
        if self.items.last().is_none_or(|(last, _)| *last < sku) {
            self.hidden.extend(is_hidden.then(|| sku.clone()));
            self.items.push((sku, item));
        } else {
            self.add_corrected(sku, item, is_hidden);
        }
        Ok(())
    }

    fn add_corrected(&mut self, sku: Sku, item: Item, is_hidden: bool) {
        match is_hidden {
            true => self.hidden.insert(sku.clone()),
            false => self.hidden.remove(&sku),
        };
        self.corrected.insert(sku, item);
    }

    fn add_lost(&mut self, row: &Row<'_>) {
        let (lost, rows) = &mut self.lost;
        *rows += 1;
        match parse_sku(row.get_ref_unwrap(0)) {
            Ok(sku) => drop(lost.skus.insert(sku)),
            Err(_) => lost.unnamed = true,
        }
    }

    fn add_damaged(&mut self, row: &Row<'_>, checks: RowChecks) {
        let corrected = corrected("stock", row).and_then(|cells| {
            let [sku, on_hand, reserved, version] = &cells[..] else { return None };
            parse_item([sku, on_hand, reserved, version].map(Cell::value)).ok()
        });
        let named =
            || parse_sku(row.get_ref_unwrap(0)).ok().filter(|_| checks.key_passes("stock", row));
        match (corrected, named()) {
            (Some((sku, item, is_hidden)), _) => self.add_corrected(sku, item, is_hidden),
            (None, Some(sku)) => self.damaged.push(sku),
            (None, None) => self.unreadable += 1,
        }
    }
}

/// Deletes the rows that say that the stock of a SKU was lost. Returns how many they were.
pub(super) fn delete_lost(db: &Transaction<'_>) -> Result<u64, StoreError> {
    Ok(db.execute("DELETE FROM stock WHERE version = ?1", [LOST])? as u64)
}

/// Records that the stock of some SKUs was lost. Returns how many rows that are.
pub(super) fn save_lost(db: &Transaction<'_>, lost: &Lost) -> Result<u64, StoreError> {
    let mut insert = db.prepare("INSERT OR REPLACE INTO stock VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let unnamed = lost.unnamed.then_some("");
    let [zero, version] = [0, LOST].map(ValueRef::Integer);
    for sku in lost.skus.iter().map(Sku::as_str).chain(unnamed) {
        write_row(&mut insert, "stock", &[text(sku), zero, zero, version])?;
    }
    Ok(lost.skus.len() as u64 + u64::from(lost.unnamed))
}

/// The stock of a row, and whether its SKU is hidden.
fn parse_item(values: [ValueRef<'_>; 4]) -> rusqlite::Result<(Sku, Item, bool)> {
    let [sku, on_hand, reserved, version] = values;
    let sku = parse_sku(sku)?;
    let stored = version.as_i64()?;
    let is_hidden = stored <= HIDDEN;
    let version = if is_hidden { HIDDEN - stored } else { stored };
    let version = u64::try_from(version).unwrap_or(0);
    let item = Item { on_hand: on_hand.as_i64()?, reserved: reserved.as_i64()?, version };
    Ok((sku, item, is_hidden))
}

fn parse_sku(value: ValueRef<'_>) -> rusqlite::Result<Sku> {
    stored(0, Sku::parse(value.as_str()?))
}

/// The rows of the open reservations, each with the number of the ledger record of its request, as
/// far as they are sound.
#[derive(Debug, Default)]
pub(super) struct ReadHolds {
    pub(super) holds: Vec<(RequestId, Hold, i64)>,
    /// Rows in which one bit had flipped, as they were written.
    pub(super) corrected: Vec<(RequestId, Hold, i64)>,
    pub(super) damaged: usize,
}

pub(super) fn read_holds(db: &Connection) -> Result<ReadHolds, StoreError> {
    let checks = RowChecks::of(db)?;
    let mut statement =
        db.prepare(&format!("SELECT id, n, hold, {} FROM hold", checks.column()))?;
    let mut rows = statement.query([])?;
    let mut read = ReadHolds::default();
    while let Some(row) = rows.next()? {
        if checks.pass("hold", row) {
            read.holds.push(parse_hold([0, 1, 2].map(|index| row.get_ref_unwrap(index)))?);
            continue;
        }
        let corrected = corrected("hold", row).and_then(|cells| {
            let [id, n, hold] = &cells[..] else { return None };
            parse_hold([id, n, hold].map(Cell::value)).ok()
        });
        match corrected {
            Some(hold) => read.corrected.push(hold),
            None => read.damaged += 1,
        }
    }
    Ok(read)
}

fn parse_hold([id, n, hold]: [ValueRef<'_>; 3]) -> rusqlite::Result<(RequestId, Hold, i64)> {
    let id = stored(0, RequestId::parse(id.as_str()?))?;
    let hold = stored(2, encoded_hold::decode(hold.as_blob()?))?;
    Ok((id, hold, n.as_i64()?))
}
