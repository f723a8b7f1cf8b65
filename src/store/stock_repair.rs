//! Repair of the tables of stock and of open reservations, when rows of them are damaged or
//! missing.
//!
//! A row is corrected if one of its bits has flipped, or rebuilt from the last entry of its SKU, or
//! from the record of its reservation, if the ledger still has that. What is left then is lost:
//! nothing is decided about those SKUs any more. The digest in the ledger confirms the rest.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Transaction};

use super::catalogue::listing;
use super::error::StoreError;
use super::gateway_row::Positions;
use super::ledger_scan::{LastStock, last_stock, open_reservations};
use super::repairs::{HOLD, Repairs, STOCK, keep_sound_rows, named};
use super::row_check::RowChecks;
use super::stock_table::{
    ReadHolds, ReadItems, delete_lost, read_holds, read_items, save_again, save_hold, save_lost,
};
use crate::stock::{Hold, Item, Items, Lost, RequestId, Sku, Stock};

/// What must be written so that the tables are sound again.
#[derive(Debug, Default)]
pub(super) struct StockRepair {
    corrected: BTreeMap<Sku, Item>,
    derived: BTreeMap<Sku, Item>,
    /// Those that are hidden.
    hidden: BTreeSet<Sku>,
    pub(super) lost: Lost,
    /// SKUs whose reservations do not add up.
    wrong: Vec<Sku>,
    corrected_holds: Vec<(RequestId, Hold, i64)>,
    derived_holds: Vec<(RequestId, Hold, i64)>,
    damaged_holds: usize,
    /// Whether the stock table must be rewritten, and whether the table of reservations.
    rewrite: (bool, bool),
}

impl StockRepair {
    /// Reads the stock table, and makes up for what is damaged or missing in it.
    pub(super) fn of_items(
        db: &Connection,
        positions: &Positions,
    ) -> Result<(Items, Self), StoreError> {
        let read = read_items(db)?;
        let rows = usize::try_from(positions.rows.stock).unwrap_or(usize::MAX);
        let missing =
            if RowChecks::of(db)?.exist() { rows.saturating_sub(read.sound()) } else { 0 };
        let ReadItems { items, hidden, corrected, damaged, lost: (lost, _), unreadable } = read;
        let mut items: Items = items.into_iter().collect();
        items.set_all(&corrected);
        let is_damaged = missing > 0 || unreadable > 0 || !damaged.is_empty();
        let mut repair = Self { lost, hidden, ..Self::default() };
        if is_damaged {
            let last = last_stock(db, positions.checkpoint_seq)?;
            repair.derive(last, &items, damaged, missing);
            repair.hidden.retain(|sku| !repair.derived.contains_key(sku) || is_unlisted(db, sku));
            items.set_all(&repair.derived);
        }
        items.hide(&repair.hidden);
        repair.rewrite.0 = is_damaged || !corrected.is_empty();
        repair.corrected = corrected;
        Ok((items, repair))
    }

    /// Makes up for `missing` rows, of which those of the SKUs `damaged` are there.
    fn derive(
        &mut self,
        last: BTreeMap<Sku, LastStock>,
        known: &Items,
        damaged: Vec<Sku>,
        mut missing: usize,
    ) {
        let is_known = |sku: &Sku| known.get(sku.as_str()).is_some();
        let mut last: BTreeMap<Sku, LastStock> = last
            .into_iter()
            .filter(|(sku, _)| !is_known(sku) && !self.lost.skus.contains(sku))
            .collect();
        for sku in damaged.into_iter().filter(|sku| !is_known(sku)) {
            missing = missing.saturating_sub(1);
            match last.remove(&sku) {
                Some(last) => self.add_derived(sku, &last),
                None => drop(self.lost.skus.insert(sku)),
            }
        }
        if missing > 0 {
            let had_row = last.into_iter().filter(|(_, last)| last.had_row);
            let found: Vec<(Sku, LastStock)> = had_row.collect();
            self.lost.unnamed |= missing > found.len();
            found.into_iter().for_each(|(sku, last)| self.add_derived(sku, &last));
        }
    }

    fn add_derived(&mut self, sku: Sku, last: &LastStock) {
        self.hidden.extend(last.is_hidden().then(|| sku.clone()));
        self.derived.insert(sku, last.item);
    }

    /// Reads the open reservations.
    pub(super) fn read_holds(
        &mut self,
        db: &Connection,
    ) -> Result<Vec<(RequestId, Hold)>, StoreError> {
        let ReadHolds { holds, corrected, damaged } = read_holds(db)?;
        self.rewrite.1 = damaged > 0 || !corrected.is_empty();
        self.damaged_holds = damaged;
        self.corrected_holds = corrected;
        let all = holds.into_iter().chain(self.corrected_holds.iter().cloned());
        Ok(all.map(|(id, hold, _)| (id, hold)).collect())
    }

    /// Makes up for damaged and missing reservations. If what is reserved of a SKU does not add up
    /// then, nothing about it is decided.
    pub(super) fn settle_holds(
        &mut self,
        db: &Connection,
        positions: &Positions,
        mut stock: Stock,
    ) -> Result<Stock, StoreError> {
        if !self.lost.is_empty() {
            let digest = stock.checks().digest;
            stock = stock.without(self.lost.clone(), digest);
        }
        if self.damaged_holds == 0 && stock.skus_with_wrong_holds().is_empty() {
            return Ok(stock);
        }
        let (open, last_ms) = open_reservations(db)?;
        for (id, reservation) in open.into_iter().filter(|(id, _)| stock.hold(id).is_none()) {
            if let Some(hold) = reservation.hold(last_ms, positions.progress.running_ms) {
                self.derived_holds.push((id, hold, reservation.n));
            }
        }
        let derived = self.derived_holds.iter().map(|(id, hold, _)| (id.clone(), hold.clone()));
        let stock = stock.with_holds(derived);
        self.wrong = stock.skus_with_wrong_holds().into_iter().cloned().collect();
        self.lost.skus.extend(self.wrong.iter().cloned());
        Ok(stock)
    }

    /// Writes what was repaired. The stock of SKUs that are wrong by their reservations stays as it
    /// is: the digest confirms it.
    pub(super) fn write(
        &self,
        db: &Transaction<'_>,
        positions: &mut Positions,
    ) -> Result<(), StoreError> {
        if self.rewrite.0 {
            let mut rows = keep_sound_rows(db, STOCK)?;
            rows += save_again(db, self.corrected.iter().chain(&self.derived), &self.hidden)?;
            let mut lost = self.lost.clone();
            lost.skus.retain(|sku| !self.wrong.contains(sku));
            rows -= delete_lost(db)?;
            rows += save_lost(db, &lost)?;
            positions.rows.stock = rows;
        }
        if self.rewrite.1 {
            keep_sound_rows(db, HOLD)?;
        }
        for (id, hold, n) in self.corrected_holds.iter().chain(&self.derived_holds) {
            save_hold(db, id, Some(hold), *n)?;
        }
        Ok(())
    }

    /// Says what is damaged, and what becomes of it. Returns whether anything must be written.
    pub(super) fn tell(&self, repairs: &mut Repairs) -> bool {
        let right = "the bit is put right";
        let skus = |skus: &BTreeMap<Sku, Item>| named(skus.keys().map(Sku::as_str));
        if !self.corrected.is_empty() {
            let skus = skus(&self.corrected);
            repairs.add(format!("rows of the table stock have a flipped bit (SKU {skus})"), right);
        }
        if !self.derived.is_empty() {
            let skus = skus(&self.derived);
            let fault = format!("rows of the table stock are damaged or missing (SKU {skus})");
            repairs.add(fault, "they are rebuilt from the ledger");
        }
        self.tell_lost(repairs);
        self.tell_holds(repairs);
        self.rewrite.0 || self.rewrite.1 || !self.derived_holds.is_empty()
    }

    fn tell_lost(&self, repairs: &mut Repairs) {
        let mut lost = self.lost.skus.iter().filter(|sku| !self.wrong.contains(sku)).peekable();
        if lost.peek().is_some() {
            let skus = named(lost.map(Sku::as_str));
            let fault = format!(
                "rows of the table stock are damaged, and the ledger does not have their SKUs any more (SKU {skus})"
            );
            repairs.add_lost(fault, LOST_REMEDY);
        }
        if self.lost.unnamed {
            let fault = "rows of the table stock are missing, and it is not known of which SKUs";
            repairs.add_lost(fault.into(), "nothing that touches a SKU which is not known is decided, until the database is restored");
        }
        if !self.wrong.is_empty() {
            let skus = named(self.wrong.iter().map(Sku::as_str));
            let fault = format!("open reservations do not add up to what is reserved (SKU {skus})");
            repairs.add_lost(fault, LOST_REMEDY);
        }
    }

    fn tell_holds(&self, repairs: &mut Repairs) {
        let ids =
            |holds: &[(RequestId, Hold, i64)]| named(holds.iter().map(|(id, ..)| id.as_str()));
        if !self.corrected_holds.is_empty() {
            let ids = ids(&self.corrected_holds);
            repairs.add(
                format!("rows of the table hold have a flipped bit ({ids})"),
                "the bit is put right",
            );
        }
        if !self.derived_holds.is_empty() {
            let ids = ids(&self.derived_holds);
            let fault = format!("rows of the table hold are damaged or missing ({ids})");
            repairs
                .add(fault, "they are rebuilt from the ledger, with deadlines that may be later");
        }
        let dropped = self.damaged_holds.saturating_sub(self.derived_holds.len());
        if dropped > 0 {
            let fault = format!("{dropped} rows of the table hold are damaged");
            repairs.add(fault, "they are dropped: no open reservation is missing");
        }
    }
}

/// What is listed is in the lists again without an entry. A SKU that was listed for a while after it
/// was hidden is hidden again by a repair.
fn is_unlisted(db: &Connection, sku: &Sku) -> bool {
    listing(db, sku).is_ok_and(|listing| listing.is_none())
}

const LOST_REMEDY: &str =
    "nothing that touches these SKUs is decided, until the database is restored";
