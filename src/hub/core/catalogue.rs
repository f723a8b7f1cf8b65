//! The catalogue: changes are numbered, so that a gateway is sent those after the last one it has
//! taken.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::Book;
use crate::stock::{Decimals, Listing, Sku};

/// What a new catalogue changes.
#[derive(Debug, Default)]
pub struct CatalogueChange {
    /// The listings that there were.
    pub listed_before: usize,
    /// New and changed listings.
    pub changed: Vec<Listing>,
    /// The SKUs that are not listed any more.
    pub dropped: Vec<Sku>,
    /// The SKUs whose decimals must not change, because there are quantities with these decimals.
    pub with_fixed_decimals: BTreeMap<Sku, Decimals>,
}

/// Compares a new catalogue with the one in the books.
///
/// # Errors
/// If the books database fails.
pub fn compare<B: Books>(
    books: &mut B,
    listings: Vec<Listing>,
) -> Result<CatalogueChange, B::Error> {
    let before = books.catalogue()?.into_iter().filter(|listing| listing.name.is_some());
    let mut before: BTreeMap<Sku, Listing> =
        before.map(|listing| (listing.sku.clone(), listing)).collect();
    let mut change = CatalogueChange { listed_before: before.len(), ..CatalogueChange::default() };
    let mut rescaled = Vec::new();
    for listing in listings {
        let known = before.remove(&listing.sku);
        let decimals = known.as_ref().map(|known| known.decimals).unwrap_or_default();
        if decimals != listing.decimals {
            rescaled.push((listing.sku.clone(), decimals));
        }
        if known.as_ref() != Some(&listing) {
            change.changed.push(listing);
        }
    }
    for Listing { sku, decimals, .. } in before.into_values() {
        if decimals != Decimals::default() {
            rescaled.push((sku.clone(), decimals));
        }
        change.dropped.push(sku);
    }
    change.with_fixed_decimals = with_units(books, rescaled)?;
    Ok(change)
}

/// Those of the SKUs that have ever had units.
fn with_units<B: Books>(
    books: &mut B,
    rescaled: Vec<(Sku, Decimals)>,
) -> Result<BTreeMap<Sku, Decimals>, B::Error> {
    let skus: Vec<Sku> = rescaled.iter().map(|(sku, _)| sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut found = BTreeMap::new();
    for (sku, decimals) in rescaled {
        if books.sku_record(&sku)?.pool.is_some() {
            found.insert(sku, decimals);
        }
    }
    Ok(found)
}

impl CatalogueChange {
    /// Stores the change. A listing that is dropped stays as one without a name, so that gateways
    /// learn of it.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn save<B: Books>(&self, books: &mut B) -> Result<(), B::Error> {
        let dropped = self.dropped.iter().cloned().map(Listing::removed);
        let first = books.last_listing()? + 1;
        for (listing, number) in dropped.chain(self.changed.iter().cloned()).zip(first..) {
            books.save_listing(number, &listing)?;
        }
        Ok(())
    }
}

/// Replaces the whole catalogue; returns how many listings changed.
///
/// # Errors
/// If the books database fails.
pub fn publish<B: Books>(books: &mut B, listings: Vec<Listing>) -> Result<usize, B::Error> {
    let change = compare(books, listings)?;
    change.save(books)?;
    Ok(change.changed.len() + change.dropped.len())
}

/// Numbers up to here leave room for changes to come.
const BASE_MAX: u64 = 1 << 62;

/// Handles a greeting: a gateway that has taken more than these books have ever sent it has that from
/// others, or from these before an older copy was put back.
pub(super) fn check_greeting<B: Books>(
    books: &mut B,
    book: &mut Book,
    taken: u64,
) -> Result<(), B::Error> {
    let known = taken.saturating_sub(book.catalogue_base);
    if known > 0 && known > books.last_listing()? {
        start_again(book, taken);
    }
    Ok(())
}

/// Sends a gateway the whole catalogue, under numbers that follow what it has taken.
pub(super) fn start_again(book: &mut Book, taken: u64) {
    if (1..=BASE_MAX).contains(&taken) {
        (book.catalogue_base, book.taken.catalogue) = (taken, taken);
    }
}
