//! Books the hub's own movements: every change of a pool that no gateway's entry explains goes
//! through here, and so is in the hub's ledger, with who asked for it and why.

use std::collections::BTreeMap;

use super::books::Books;
use super::movement::{Movement, MovementKind};
use super::records::Pool;
use crate::stock::Sku;

/// Changes the pools by these movements, and enters them in the hub's ledger. The caller has
/// checked that the pools allow it.
pub(super) fn book<B: Books>(books: &mut B, movements: &[Movement]) -> Result<(), B::Error> {
    if movements.is_empty() {
        return Ok(());
    }
    let skus: Vec<Sku> = movements.iter().map(|movement| movement.sku.clone()).collect();
    books.expect_skus(&skus)?;
    let mut pools = BTreeMap::new();
    for movement in movements {
        if !pools.contains_key(&movement.sku) {
            pools.insert(movement.sku.clone(), books.pool(&movement.sku)?);
        }
        pools.get_mut(&movement.sku).expect("just read").apply(movement);
    }
    let pools: Vec<(Sku, Pool)> = pools.into_iter().collect();
    books.save_pools(&pools)?;
    books.enter_movements(movements)
}

impl Pool {
    fn apply(&mut self, movement: &Movement) {
        let Movement { change, reserved_change, in_transit_change, .. } = *movement;
        self.unallotted += change;
        self.reserved += reserved_change;
        self.in_transit += in_transit_change;
        match movement.kind {
            MovementKind::Receipt => self.received += change,
            MovementKind::Deduct | MovementKind::Commit | MovementKind::Rollback => {
                self.deducted -= change;
            }
            MovementKind::Grant | MovementKind::Recall => self.given -= change,
            MovementKind::BringBack
            | MovementKind::Reserve
            | MovementKind::Release
            | MovementKind::Expire => {}
            MovementKind::Correction => self.adjusted += change,
        }
    }
}
