//! Books the hub's own movements: every change of a pool that no gateway's entry explains goes
//! through here, and so is in the hub's ledger, with who asked for it and why.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::books::Books;
use super::movement::{Movement, MovementKind};
use super::records::Pool;
use crate::stock::Sku;

/// Some pools, by SKU.
pub(super) type Pools = Vec<(Sku, Pool)>;

/// A pool of this SKU would have figures that no pool has. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct TooMuch(pub(super) Sku);

/// Changes the pools by these movements, and enters them in the hub's ledger. The caller has
/// checked that the pools allow it.
pub(super) fn book<B: Books>(
    books: &mut B,
    movements: &[Movement],
) -> Result<Result<(), TooMuch>, B::Error> {
    let pools = match pools_after(books, &BTreeMap::new(), movements)? {
        Ok(pools) => pools,
        Err(too_much) => return Ok(Err(too_much)),
    };
    save(books, &pools, movements)?;
    Ok(Ok(()))
}

/// The pools after units have arrived that were in transit, and after these movements.
pub(super) fn pools_after<B: Books>(
    books: &mut B,
    arrived: &BTreeMap<Sku, i64>,
    movements: &[Movement],
) -> Result<Result<Pools, TooMuch>, B::Error> {
    let mut skus: Vec<Sku> = movements.iter().map(|movement| movement.sku.clone()).collect();
    skus.extend(arrived.keys().cloned());
    if skus.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    books.expect_skus(&skus)?;
    let mut pools = BTreeMap::new();
    for sku in skus {
        if let Entry::Vacant(place) = pools.entry(sku) {
            let pool = books.pool(place.key())?;
            place.insert(pool);
        }
    }
    for (sku, units) in arrived {
        let pool = pools.get_mut(sku).expect("just read");
        let Some(in_transit) = pool.in_transit.checked_sub(*units) else {
            return Ok(Err(TooMuch(sku.clone())));
        };
        pool.in_transit = in_transit;
    }
    for movement in movements {
        let pool = pools.get_mut(&movement.sku).expect("just read");
        match pool.after(movement).filter(Pool::is_sound) {
            Some(after) => *pool = after,
            None => return Ok(Err(TooMuch(movement.sku.clone()))),
        }
    }
    Ok(Ok(pools.into_iter().collect()))
}

/// Stores pools as they are after these movements.
pub(super) fn save<B: Books>(
    books: &mut B,
    pools: &[(Sku, Pool)],
    movements: &[Movement],
) -> Result<(), B::Error> {
    if !pools.is_empty() {
        books.save_pools(pools)?;
    }
    if !movements.is_empty() {
        books.enter_movements(movements)?;
    }
    Ok(())
}

impl Pool {
    fn after(mut self, movement: &Movement) -> Option<Self> {
        let Movement { change, reserved_change, in_transit_change, .. } = *movement;
        self.unallotted = self.unallotted.checked_add(change)?;
        self.reserved = self.reserved.checked_add(reserved_change)?;
        self.in_transit = self.in_transit.checked_add(in_transit_change)?;
        match movement.kind {
            // A rollback lowers what it undoes: only that of a receipt takes units away.
            MovementKind::Rollback if change < 0 => {
                self.received = self.received.checked_add(change)?;
            }
            MovementKind::Receipt => self.received = self.received.checked_add(change)?,
            MovementKind::Deduct | MovementKind::Commit | MovementKind::Rollback => {
                self.deducted = self.deducted.checked_sub(change)?;
            }
            MovementKind::Grant | MovementKind::Recall => {
                self.given = self.given.checked_sub(change)?;
            }
            MovementKind::BringBack
            | MovementKind::Reserve
            | MovementKind::Release
            | MovementKind::Expire => {}
            MovementKind::Correction => self.adjusted = self.adjusted.checked_add(change)?,
        }
        Some(self)
    }

    /// Whether its figures are far from an overflow, so that sums of them are exact.
    fn is_sound(&self) -> bool {
        let Self { received, adjusted, deducted, unallotted, reserved, in_transit, given } = *self;
        let figures = [received, adjusted, deducted, unallotted, reserved, in_transit, given];
        figures.iter().all(|figure| figure.unsigned_abs() <= i64::MAX.unsigned_abs() / 4)
    }
}
