//! Loading of the stock: the stock table, and the entries of the ledger after the checkpoint.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::chunk::LedgerChunk;
use super::error::StoreError;
use super::gateway_row::{checkpoint_seq, pruned_seq, taken};
use super::ledger::{first_row_after, for_each_blob, last_row, row_from};
use super::stock_table;
use crate::stock::{Item, Sku, Stock};

/// Loads the stock with its open reservations, and checks it against the last entry of the ledger.
///
/// # Errors
/// If the database cannot be read, or the stock does not match the ledger.
pub fn load_stock(db: &Connection) -> Result<Stock, StoreError> {
    check_beginning(db)?;
    let mut items = stock_table::read_items(db)?;
    let mut newer = read_after_checkpoint(db)?;
    newer.retain(|sku, item| {
        items.get(sku.as_str()).is_none_or(|known| known.version < item.version)
    });
    items.set_all(&newer);
    let (seq, checks) = last_row(db)?.map(|row| row.chunk.last()).unwrap_or_default();
    let holds = stock_table::read_holds(db)?;
    let stock = Stock::load(items, holds, seq, checks.chain, taken(db)?);
    if stock.checks() != checks {
        return Err(StoreError::Damaged(format!(
            "the stock does not match the ledger at entry {seq}"
        )));
    }
    match stock.sku_with_wrong_holds() {
        Some(sku) => Err(StoreError::Damaged(format!(
            "the open reservations of SKU {sku} do not add up to what is reserved"
        ))),
        None => Ok(stock),
    }
}

/// Checks that the ledger begins where pruning has left it.
fn check_beginning(db: &Connection) -> Result<(), StoreError> {
    let pruned_seq = pruned_seq(db)?;
    match row_from(db, 0)?.map_or(pruned_seq, |row| row.chunk.base.0) {
        begins if begins == pruned_seq => Ok(()),
        begins => Err(StoreError::Damaged(format!(
            "the ledger should begin after entry {pruned_seq}, but begins after entry {begins}"
        ))),
    }
}

/// The stock that the entries after the checkpoint made. A row may begin before the checkpoint, so
/// the stock table may hold a newer version of some of these SKUs.
fn read_after_checkpoint(db: &Connection) -> Result<BTreeMap<Sku, Item>, StoreError> {
    let mut items = BTreeMap::new();
    if let Some(n) = first_row_after(db, checkpoint_seq(db)?)? {
        for_each_blob(db, n, |n, blob| {
            add_stock(&mut items, n, blob)?;
            Ok(true)
        })?;
    }
    Ok(items)
}

/// Adds the stock after each entry of a chunk; the last one of a SKU stays.
fn add_stock(items: &mut BTreeMap<Sku, Item>, n: i64, blob: &[u8]) -> Result<(), StoreError> {
    let mut parsed = Ok(());
    LedgerChunk::visit_stock(n, blob, |version, sku, (on_hand, reserved)| {
        let item = Item { on_hand, reserved, version };
        match items.get_mut(sku) {
            Some(older) => *older = item,
            None => match Sku::parse(sku) {
                Ok(sku) => drop(items.insert(sku, item)),
                Err(error) => parsed = Err(StoreError::Damaged(format!("row {n}: SKU {error}"))),
            },
        }
    })?;
    parsed
}
