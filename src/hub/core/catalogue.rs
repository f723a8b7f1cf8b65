//! The catalogue: numbered changes, so that each gateway is told what it has not heard.

use std::collections::BTreeMap;

use super::books::Books;
use crate::stock::Listing;
use crate::stock::Sku;

/// Puts a whole catalogue in the place of the one before; returns how many listings changed.
///
/// # Errors
/// If the books database fails.
pub fn publish<B: Books>(books: &mut B, listings: Vec<Listing>) -> Result<usize, B::Error> {
    let mut before: BTreeMap<Sku, Listing> =
        books.catalogue()?.into_iter().map(|listing| (listing.sku.clone(), listing)).collect();
    let changed: Vec<Listing> = listings
        .into_iter()
        .filter(|listing| before.remove(&listing.sku).as_ref() != Some(listing))
        .collect();
    let listed = before.into_values().filter(|listing| listing.name.is_some());
    let gone = listed.map(|listing| Listing { name: None, barcodes: Vec::new(), ..listing });
    let changed: Vec<Listing> = gone.chain(changed).collect();
    let first = books.last_listing()? + 1;
    for (listing, number) in changed.iter().zip(first..) {
        books.save_listing(number, listing)?;
    }
    Ok(changed.len())
}
