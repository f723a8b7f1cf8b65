//! Applying what the hub sends: transfers of units, and changes of the catalogue.

use super::Item;
use super::decision::Movement;
use super::draft::Draft;
use super::entry::Kind;
use super::line::Line;
use super::listing::{CatalogueUpdate, Listing};
use super::transfer::{Direction, Taken, Transfer};
use super::types::Sku;
use crate::limits::STOCK_MAX;

/// The outcome of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The transfer is applied.
    Applied,
    /// It was applied before, or an earlier one is missing. Nothing changes.
    OutOfTurn,
    /// It has to wait: on hand of this SKU would exceed [`STOCK_MAX`], or was lost to damage.
    NoRoom(Sku),
}

impl Draft<'_> {
    /// Applies a transfer if it is the next one, whole or not at all. Its entries and its number
    /// are committed together.
    pub fn apply_transfer(&mut self, transfer: &Transfer) -> TransferOutcome {
        let taken = self.taken();
        if taken.transfer.checked_add(1) != Some(transfer.number) {
            return TransferOutcome::OutOfTurn;
        }
        // One line of each SKU is left: no transfer has a SKU of two lots, see protocol/ranges.rs.
        let lines = super::merge_lines(transfer.lines.clone());
        let (kind, movements) = match transfer.direction {
            Direction::Grant => match self.without_room(&lines) {
                Some(sku) => return TransferOutcome::NoRoom(sku),
                None => (Kind::Grant, lines.iter().map(Movement::grant).collect()),
            },
            Direction::Recall => (Kind::Recall, self.given_up(&lines)),
        };
        self.enter_without_request(kind, &transfer.request_id, &transfer.cause, movements.into());
        self.set_taken(Taken { transfer: transfer.number, at_seq: self.seq(), ..taken });
        TransferOutcome::Applied
    }

    /// Applies a change of the catalogue that follows the last one, or overlaps it; returns
    /// whether it did. A SKU that was unknown becomes known, without stock and
    /// without an entry; one that was hidden is in the lists again.
    pub fn apply_catalogue_update(&mut self, update: &CatalogueUpdate) -> bool {
        let mut taken = self.taken();
        let goes_on = update.after <= taken.catalogue && taken.catalogue < update.up_to;
        // The database stores numbers up to 2^63 - 1.
        if !goes_on || i64::try_from(update.up_to).is_err() {
            return false;
        }
        for listing in update.listings.iter().filter(|listing| listing.is_listed()) {
            self.show(&listing.sku);
        }
        taken.catalogue = update.up_to;
        self.set_taken(taken);
        let listings: Vec<Listing> =
            update.listings.iter().map(|listing| self.kept_decimals(listing)).collect();
        self.add_listings(&update.listings, listings);
        true
    }

    /// Puts a listed SKU into the lists, if it is not in them.
    fn show(&mut self, sku: &Sku) {
        match self.item(sku) {
            Some(item) if self.is_hidden(sku) => self.set_item(sku.clone(), item),
            None if !self.stock.is_lost(sku.as_str()) => {
                self.set_item(sku.clone(), Item::default());
            }
            Some(_) | None => {}
        }
    }

    /// A listing with the decimals that the SKU's entries were made in: those of stock that was
    /// booked do not change, whatever the catalogue says later.
    fn kept_decimals(&self, listing: &Listing) -> Listing {
        let has_entries = self.item(&listing.sku).is_some_and(|item| item.version > 0);
        let decimals = self.decimals(&listing.sku);
        let is_known = self.stock.catalogue().knows_decimals(listing.sku.as_str());
        match has_entries && is_known && decimals != listing.decimals {
            // One that is removed has nothing but its decimals.
            true if !listing.is_listed() => listing.in_decimals(decimals, None),
            true => listing.in_decimals(decimals, self.unit(&listing.sku)),
            false => listing.clone(),
        }
    }

    fn without_room(&self, lines: &[Line]) -> Option<Sku> {
        let is_full = |line: &&Line| {
            let on_hand = self.item(&line.sku).unwrap_or_default().on_hand;
            on_hand > STOCK_MAX - line.quantity.units() || self.stock.is_lost(line.sku.as_str())
        };
        lines.iter().find(is_full).map(|line| line.sku.clone())
    }

    /// What is given up of each line: as much as is asked for and available.
    fn given_up(&self, lines: &[Line]) -> Vec<Movement> {
        let given = |line: &Line| {
            let available = self.item(&line.sku).unwrap_or_default().available();
            let units = line.quantity.units().min(available);
            (units > 0).then(|| Movement::give_back(line, units))
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
