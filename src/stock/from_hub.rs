//! Taking transfers: how units come from the hub and go back to it.

use super::Item;
use super::decision::Movement;
use super::draft::Draft;
use super::entry::Kind;
use super::listing::CatalogueUpdate;
use super::transfer::{Direction, Taken, Transfer};
use super::types::{Line, Sku};
use crate::limits::STOCK_MAX;

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// It is applied.
    Applied,
    /// It was taken before, or one before it is missing: nothing changes.
    OutOfTurn,
    /// It waits: with it there would be more of this SKU than can be counted.
    NoRoom(Sku),
}

impl Draft<'_> {
    /// Takes a transfer if it is the next one, whole or not at all; it, and how far the hub's
    /// transfers are taken, become durable together.
    pub fn apply_transfer(&mut self, transfer: &Transfer) -> TransferOutcome {
        let taken = self.taken();
        if taken.transfer.checked_add(1) != Some(transfer.number) {
            return TransferOutcome::OutOfTurn;
        }
        // A SKU named twice is one line, as in a mutation.
        let lines = super::merge_lines(transfer.lines.clone());
        let (kind, movements) = match transfer.direction {
            Direction::Grant => match self.without_room(&lines) {
                Some(sku) => return TransferOutcome::NoRoom(sku),
                None => (Kind::Grant, lines.iter().map(Movement::grant).collect()),
            },
            Direction::Recall => (Kind::Recall, self.given_up(&lines)),
        };
        self.enter_unasked(kind, &transfer.request_id, movements);
        self.set_taken(Taken { transfer: transfer.number, at_seq: self.seq(), ..taken });
        TransferOutcome::Applied
    }

    /// Takes an update that goes on where the last one ended, or before; returns whether it did.
    /// SKUs that were not known become known, with no stock and no entry in the ledger.
    pub fn apply_catalogue_update(&mut self, update: &CatalogueUpdate) -> bool {
        let mut taken = self.taken();
        let goes_on = update.after <= taken.catalogue && taken.catalogue < update.up_to;
        // The database counts up to 2^63 - 1; a number beyond is nobody's change.
        if !goes_on || i64::try_from(update.up_to).is_err() {
            return false;
        }
        for listing in update.listings.iter().filter(|listing| listing.name.is_some()) {
            if self.item(&listing.sku).is_none() {
                self.set_item(listing.sku.clone(), Item::default());
            }
        }
        taken.catalogue = update.up_to;
        self.set_taken(taken);
        self.add_listings(&update.listings);
        true
    }

    fn without_room(&self, lines: &[Line]) -> Option<Sku> {
        let is_full = |line: &&Line| {
            let on_hand = self.item(&line.sku).unwrap_or_default().on_hand;
            on_hand > STOCK_MAX - line.quantity.units()
        };
        lines.iter().find(is_full).map(|line| line.sku.clone())
    }

    /// As much of each line as is not promised to anybody.
    fn given_up(&self, lines: &[Line]) -> Vec<Movement> {
        let given = |line: &Line| {
            let available = self.item(&line.sku).unwrap_or_default().available();
            let units = line.quantity.units().min(available);
            (units > 0).then(|| Movement::give_back(line.sku.clone(), units))
        };
        lines.iter().filter_map(given).collect()
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod catalogue_tests;
#[cfg(test)]
#[path = "from_hub_tests.rs"]
mod tests;
