//! The catalogue: changes are numbered, so that a gateway is sent those after the last one it has
//! taken.

use std::collections::BTreeMap;

use super::books::Books;
use crate::stock::{Listing, Sku};

/// Replaces the whole catalogue; returns how many listings changed. A listing that is gone stays as
/// one without a name, so that gateways learn of it.
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
    let gone = listed.map(|listing| Listing::removed(listing.sku));
    let changed: Vec<Listing> = gone.chain(changed).collect();
    let first = books.last_listing()? + 1;
    for (listing, number) in changed.iter().zip(first..) {
        books.save_listing(number, listing)?;
    }
    Ok(changed.len())
}
