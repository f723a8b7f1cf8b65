//! The catalogue: changes are numbered, so that a gateway is sent those after the last one it has
//! taken.

use std::collections::BTreeMap;

use super::books::{Books, PolicyOfSku};
use super::records::{Book, Policy};
use crate::limits::STOCK_MAX;
use crate::stock::{Decimals, Listing, Sku};

/// What a new catalogue changes.
#[derive(Debug, Default)]
pub struct CatalogueChange {
    /// The listings that there were.
    pub listed_before: usize,
    /// New and changed listings.
    pub changed: Vec<Listing>,
    /// The SKUs that are not listed any more. They keep the decimals of their quantities.
    pub dropped: Vec<Listing>,
    /// The SKUs whose decimals must not change, because there are quantities with these decimals.
    pub with_fixed_decimals: BTreeMap<Sku, Decimals>,
    /// The SKUs that have another unit than before, which is given here, and quantities in it.
    pub with_other_unit: BTreeMap<Sku, Option<String>>,
    /// The SKUs with a policy that cannot be said in their new decimals.
    pub with_unfit_policies: BTreeMap<Sku, Decimals>,
    /// The policies of SKUs that get other decimals, in these.
    policies: Vec<PolicyOfSku>,
    /// The SKUs that were listed and get other decimals.
    rescaled: Rescaled,
}

/// Compares a new catalogue with the one in the books.
///
/// # Errors
/// If the books database fails.
pub fn compare<B: Books>(
    books: &mut B,
    listings: Vec<Listing>,
) -> Result<CatalogueChange, B::Error> {
    let before = books.catalogue()?.into_iter().map(|listing| (listing.sku.clone(), listing));
    let mut before: BTreeMap<Sku, Listing> = before.collect();
    let is_listed = |listing: &Listing| listing.name.is_some();
    let listed_before = before.values().filter(|listing| is_listed(listing)).count();
    let mut change = CatalogueChange { listed_before, ..CatalogueChange::default() };
    let (mut rescaled, mut remeasured): (Rescaled, _) = (BTreeMap::new(), Vec::new());
    for listing in listings {
        let known = before.remove(&listing.sku);
        let listed = known.as_ref().filter(|known| is_listed(known));
        if let Some(known) = listed.filter(|known| known.unit != listing.unit) {
            remeasured.push((listing.sku.clone(), known.unit.clone()));
        }
        let decimals = known.as_ref().map(|known| known.decimals).unwrap_or_default();
        if decimals != listing.decimals {
            let both = (decimals, listing.decimals);
            rescaled.insert(listing.sku.clone(), both);
            // Nobody asks for a SKU that no gateway knows.
            if known.is_some() {
                change.rescaled.insert(listing.sku.clone(), both);
            }
        }
        if known.as_ref() != Some(&listing) {
            change.changed.push(listing);
        }
    }
    let dropped = before.into_values().filter(is_listed);
    let kept = |Listing { sku, decimals, .. }| Listing { decimals, ..Listing::removed(sku) };
    change.dropped = dropped.map(kept).collect();
    let decimals = rescaled.iter().map(|(sku, (decimals, _))| (sku.clone(), *decimals));
    change.with_fixed_decimals = with_units(books, decimals.collect())?;
    change.with_other_unit = with_units(books, remeasured)?;
    change.rescale_policies(books, &rescaled)?;
    Ok(change)
}

/// The decimals that SKUs had, and those that they get.
type Rescaled = BTreeMap<Sku, (Decimals, Decimals)>;

/// Those of the SKUs that have ever had units, with what was known of each.
fn with_units<B: Books, T>(
    books: &mut B,
    changed: Vec<(Sku, T)>,
) -> Result<BTreeMap<Sku, T>, B::Error> {
    let skus: Vec<Sku> = changed.iter().map(|(sku, _)| sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut found = BTreeMap::new();
    for (sku, known) in changed {
        if books.sku_record(&sku)?.pool.is_some() {
            found.insert(sku, known);
        }
    }
    Ok(found)
}

impl Policy {
    /// The same policy in other decimals; `None` if these cannot say it.
    fn in_decimals(self, before: Decimals, after: Decimals) -> Option<Self> {
        let scaled = |units: i64| {
            let units = i128::from(units) * i128::from(after.one());
            let (whole, one) = (units / i128::from(before.one()), i128::from(before.one()));
            let whole = i64::try_from(whole).ok().filter(|whole| *whole <= STOCK_MAX);
            whole.filter(|_| units % one == 0)
        };
        let max_per_day = match self.max_per_day {
            Some(max) => Some(scaled(max)?),
            None => None,
        };
        Some(Self { low_water: scaled(self.low_water)?, target: scaled(self.target)?, max_per_day })
    }
}

impl CatalogueChange {
    fn rescale_policies<B: Books>(
        &mut self,
        books: &mut B,
        rescaled: &Rescaled,
    ) -> Result<(), B::Error> {
        let skus: Vec<Sku> = rescaled.keys().cloned().collect();
        for (sku, gateway, policy) in books.policies_of(&skus)? {
            let (before, after) = rescaled.get(&sku).copied().unwrap_or_default();
            match policy.in_decimals(before, after) {
                Some(policy) => self.policies.push((sku, gateway, policy)),
                None => drop(self.with_unfit_policies.insert(sku, before)),
            }
        }
        Ok(())
    }

    /// Whether it can be stored.
    pub fn is_sound(&self) -> bool {
        self.with_fixed_decimals.is_empty() && self.with_unfit_policies.is_empty()
    }

    /// Stores the change. A listing that is dropped stays as one without a name, so that gateways
    /// learn of it and the SKU keeps its decimals. A policy and what was refused keep what they say.
    ///
    /// # Errors
    /// If the books database fails.
    pub fn save<B: Books>(&self, books: &mut B) -> Result<(), B::Error> {
        let dropped = self.dropped.iter().cloned();
        let first = books.last_listing()? + 1;
        for (listing, number) in dropped.chain(self.changed.iter().cloned()).zip(first..) {
            books.save_listing(number, &listing)?;
        }
        for (sku, gateway, policy) in &self.policies {
            books.save_policy(sku, gateway.as_ref(), Some(*policy))?;
        }
        for (sku, (before, after)) in &self.rescaled {
            books.rescale_demand(sku, *before, *after)?;
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
