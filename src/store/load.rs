//! Loading of the stock: the stock table, and the entries of the ledger after the checkpoint.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::chunk::{ChunkKey, ChunkSpan, LedgerChunk};
use super::error::StoreError;
use super::gateway_row::{GatewayRow, Positions};
use super::ledger::{first_row_after, for_each_blob, last_row, row_from};
use super::stock_repair::StockRepair;
use crate::stock::{Item, Seq, Sku, Stock};

/// Loads the stock with its open reservations, and checks it against the last entry of the ledger.
/// Damaged rows of the tables are made up for by the ledger.
///
/// # Errors
/// If the database cannot be read, or the stock does not match the ledger.
pub fn load_stock(db: &Connection) -> Result<Stock, StoreError> {
    let row = GatewayRow::read(db)?;
    let positions = row.map(|row| row.positions).unwrap_or_default();
    Ok(load(db, &positions)?.0)
}

/// As [`load_stock`], with what must be written so that the tables are sound again.
pub(super) fn load(
    db: &Connection,
    positions: &Positions,
) -> Result<(Stock, StockRepair), StoreError> {
    check_beginning(db, positions)?;
    let (seq, checks) = last_row(db)?.map(|row| row.chunk.last()).unwrap_or_default();
    check_order(positions, seq)?;
    let (mut items, mut repair) = StockRepair::of_items(db, positions)?;
    let mut newer = read_after(db, positions.checkpoint_seq)?;
    newer.retain(|sku, item| {
        items.get(sku.as_str()).is_none_or(|known| known.version < item.version)
    });
    items.set_all(&newer);
    let stock = Stock::load(items, repair.read_holds(db)?, seq, checks.chain, positions.taken);
    if stock.checks() != checks && repair.lost.is_empty() {
        return Err(StoreError::Damaged(format!(
            "the stock does not match the ledger at entry {seq}"
        )));
    }
    let stock = repair.settle_holds(db, positions, stock)?;
    let lost = repair.lost.clone();
    Ok((if lost.is_empty() { stock } else { stock.without(lost, checks.digest) }, repair))
}

/// Checks that the positions are in the order in which they advance.
fn check_order(positions: &Positions, seq: Seq) -> Result<(), StoreError> {
    let Positions { checkpoint_seq, pruned_seq, .. } = positions;
    let ahead = positions.reached_seq();
    if ahead > seq {
        let why = format!("the ledger ends at entry {seq}, but had come to entry {ahead}");
        return Err(StoreError::Damaged(why));
    }
    if pruned_seq > checkpoint_seq {
        return Err(StoreError::Damaged(format!(
            "entries up to {pruned_seq} were deleted, but the stock table is complete up to {checkpoint_seq} only"
        )));
    }
    Ok(())
}

/// Checks that the ledger begins where pruning has left it. A first row that cannot be read concerns
/// only its own requests, as any other row does: the request index knows their records.
fn check_beginning(db: &Connection, positions: &Positions) -> Result<(), StoreError> {
    let Positions { pruned_seq, pruned_n, .. } = *positions;
    let first = match row_from(db, 0) {
        Err(error) if pruned_n.is_some() && error.is_damage() => return Ok(()),
        first => first?,
    };
    match first.map_or(pruned_seq, |row| row.chunk.base.0) {
        begins if begins == pruned_seq => Ok(()),
        begins => Err(StoreError::Damaged(format!(
            "the ledger should begin after entry {pruned_seq}, but begins after entry {begins}"
        ))),
    }
}

/// The stock that the entries after the checkpoint made. A row may begin before the checkpoint, so
/// the stock table may hold a newer version of some of these SKUs.
fn read_after(db: &Connection, checkpoint_seq: Seq) -> Result<BTreeMap<Sku, Item>, StoreError> {
    let mut items = BTreeMap::new();
    let mut before: Option<ChunkKey> = None;
    if let Some(n) = first_row_after(db, checkpoint_seq)? {
        for_each_blob(db, n, |key, blob| {
            let ChunkSpan { first, base_seq } = add_stock(&mut items, key, blob)?;
            let follows = |before: ChunkKey| {
                (before.n + 1, before.seq) == (first, i64::try_from(base_seq).unwrap_or(-1))
            };
            if !before.is_none_or(follows) {
                let n = key.n;
                let why = format!("row {n} of the ledger does not follow from the row before it");
                return Err(StoreError::Damaged(why));
            }
            before = Some(key);
            Ok(true)
        })?;
    }
    Ok(items)
}

/// Adds the stock after each entry of a chunk; the last one of a SKU stays.
fn add_stock(
    items: &mut BTreeMap<Sku, Item>,
    key: ChunkKey,
    blob: &[u8],
) -> Result<ChunkSpan, StoreError> {
    let (n, mut parsed) = (key.n, Ok(()));
    let span = LedgerChunk::visit_stock(key, blob, |version, line| {
        let item = Item { on_hand: line.on_hand, reserved: line.reserved, version };
        match items.get_mut(line.sku) {
            Some(older) => *older = item,
            None => match Sku::parse(line.sku) {
                Ok(sku) => drop(items.insert(sku, item)),
                Err(error) => parsed = Err(StoreError::Damaged(format!("row {n}: SKU {error}"))),
            },
        }
    })?;
    parsed.map(|()| span)
}
