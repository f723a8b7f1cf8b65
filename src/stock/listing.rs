//! What goods are called, and what is printed on them.

use serde::{Deserialize, Serialize};

use super::Item;
use super::draft::Draft;
use super::types::Sku;

/// One SKU's place in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Which.
    pub sku: Sku,
    /// For people; `None` if it is in the catalogue no longer.
    pub name: Option<String>,
    /// Every code that stands for it, without check digits left out or added.
    pub barcodes: Vec<String>,
}

/// What changed in the catalogue between two of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Behind this one …
    pub after: u64,
    /// … up to this one.
    pub up_to: u64,
    /// In the order of their changes, as they are now.
    pub listings: Vec<Listing>,
}

impl Draft<'_> {
    /// Takes an update that goes on where the last one ended, or before; returns whether it did.
    /// SKUs that were not known become known, with no stock and no entry in the ledger.
    pub fn take_update(&mut self, update: &Update) -> bool {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::stock::{Stock, Taken};

    #[test]
    fn what_is_listed_is_known_without_stock_and_without_an_entry() {
        let mut stock = Stock::default();
        assert!(take(&mut stock, &update(0, 7, &["A", "B"])));
        assert_eq!((stock.item("A"), stock.sku_count()), (Some(Item::default()), 2));
        assert_eq!((stock.seq(), stock.checks()), Default::default());
        assert_eq!(stock.changed_after(0).count(), 0);
        assert_eq!(stock.taken(), Taken { catalogue: 7, ..Taken::default() });
    }

    #[test]
    fn an_update_that_is_known_or_behind_a_gap_changes_nothing() {
        let mut stock = Stock::default();
        take(&mut stock, &update(0, 7, &["A"]));
        let before = stock.clone();
        for (after, up_to) in [(0, 7), (0, 6), (8, 9), (7, 7), (9, 3), (0, u64::MAX)] {
            assert!(!take(&mut stock, &update(after, up_to, &["B"])), "{after} to {up_to}");
        }
        assert_eq!(stock, before);
        assert!(take(&mut stock, &update(3, 8, &["A", "B"])), "it goes on, and says more");
    }

    #[test]
    fn what_is_listed_no_longer_does_not_become_known() {
        let mut stock = Stock::default();
        let mut gone = update(0, 1, &["A"]);
        gone.listings[0].name = None;
        assert!(take(&mut stock, &gone));
        assert_eq!((stock.item("A"), stock.taken().catalogue), (None, 1));
    }

    fn take(stock: &mut Stock, update: &Update) -> bool {
        let mut draft = Draft::new(stock, Now { wall_ms: 0, running_ms: 0, trusted: true }, 900);
        let taken = draft.take_update(update);
        let changes = draft.finish();
        assert_eq!(changes.is_empty(), !taken);
        assert_eq!(changes.listings.len(), if taken { update.listings.len() } else { 0 });
        stock.apply(&changes);
        taken
    }

    fn update(after: u64, up_to: u64, skus: &[&str]) -> Update {
        let listing = |sku: &&str| Listing {
            sku: Sku::parse(sku).unwrap(),
            name: Some(format!("{sku} in words")),
            barcodes: Vec::new(),
        };
        Update { after, up_to, listings: skus.iter().map(listing).collect() }
    }
}
