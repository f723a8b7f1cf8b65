//! A walk through the figures of every SKU at one position, beside commits.
//!
//! The lock of the stock is held for some of the SKUs at a time, because the writer waits for it. What
//! a commit changes meanwhile is kept as it was.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashMap;

use crate::limits::STOCK_SCAN_MAX;
use crate::stock::{Changes, Item, Seq, Sku, Stock};

/// What commits have changed since a walk began, as it was before; `None` while there is no walk.
#[derive(Debug, Default)]
pub(super) struct KeptItems {
    items: Mutex<Option<HashMap<Sku, Item>>>,
    /// Locked by the one walk that there may be.
    walking: Mutex<()>,
}

impl KeptItems {
    /// Keeps what these changes are about to change.
    pub(super) fn keep(&self, stock: &Stock, changes: &Changes) {
        if let Some(kept) = &mut *self.lock() {
            for sku in changes.items.keys() {
                if !kept.contains_key(sku) {
                    kept.insert(sku.clone(), stock.item(sku.as_str()).unwrap_or_default());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Sku, Item>>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A walk through the stock of its beginning.
pub(super) struct FiguresWalk<'a> {
    stock: &'a RwLock<Stock>,
    kept: &'a KeptItems,
    _walking: MutexGuard<'a, ()>,
    pub(super) seq: Seq,
    visited: usize,
}

impl<'a> FiguresWalk<'a> {
    /// Waits for the end of another walk: that of a lost connection goes on beside the next one.
    pub(super) fn begin(stock: &'a RwLock<Stock>, kept: &'a KeptItems) -> Self {
        let _walking = kept.walking.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = {
            let stock = read(stock);
            *kept.lock() = Some(HashMap::new());
            stock.seq()
        };
        Self { stock, kept, _walking, seq, visited: 0 }
    }

    /// Visits the next SKUs with on hand and reserved; whether there may be more.
    pub(super) fn step(&mut self, visit: &mut dyn FnMut(&Sku, (i64, i64))) -> bool {
        let (stock, kept) = (read(self.stock), self.kept.lock());
        let before = self.visited;
        for (sku, item) in stock.items_from(before).take(STOCK_SCAN_MAX) {
            let kept = kept.as_ref().filter(|_| item.version > self.seq);
            let item = kept.and_then(|kept| kept.get(sku)).unwrap_or(item);
            visit(sku, (item.on_hand, item.reserved));
            self.visited += 1;
        }
        // SKUs that became known since the beginning need not be visited.
        self.visited == before + STOCK_SCAN_MAX
    }
}

impl Drop for FiguresWalk<'_> {
    fn drop(&mut self) {
        *self.kept.lock() = None;
    }
}

fn read(stock: &RwLock<Stock>) -> RwLockReadGuard<'_, Stock> {
    stock.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Now;
    use crate::engine::state::CommittedState;
    use crate::engine::sync_status::LinkState;
    use crate::stock::{Action, Command, Draft, Line, Quantity, RequestId};
    use crate::store::Store;

    /// Commits between all steps, some of SKUs that were visited and some that were not, and of new ones.
    #[test]
    fn a_walk_visits_the_stock_of_its_beginning_and_holds_the_lock_for_a_part_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let (store, opened) = Store::open(directory.path(), "site", "gateway").unwrap();
        let state = CommittedState::new(opened, None, LinkState::Disabled);
        let skus = 3 * STOCK_SCAN_MAX + 7;
        restock(&store, &state, 0, 0..skus);
        let before: BTreeMap<Sku, (i64, i64)> = (0..skus).map(|n| (sku(n), (1, 0))).collect();
        let (mut found, mut walk) = (BTreeMap::new(), state.figures_walk());
        for round in 1.. {
            let seen = found.len();
            let has_more =
                walk.step(&mut |sku, figures| assert_eq!(found.insert(sku.clone(), figures), None));
            assert!(found.len() - seen <= STOCK_SCAN_MAX, "the lock is held for no more");
            if !has_more {
                break;
            }
            restock(&store, &state, round, (0..skus + 300 * round).step_by(3 + round));
        }
        found.retain(|_, figures| *figures != (0, 0));
        assert_eq!(found, before);
        assert_eq!(walk.seq, skus as Seq);
        drop(walk);
        assert!(state.kept_items.lock().is_none(), "nothing is kept without a walk");
    }

    fn restock(
        store: &Store,
        state: &CommittedState,
        round: usize,
        skus: impl Iterator<Item = usize>,
    ) {
        let line = |n| Line::new(sku(n), Quantity::of_line(1).unwrap());
        let action = Action::Restock { order_id: None, lines: skus.map(line).collect() };
        let command = Command::chosen(RequestId::parse(&format!("r{round}")).unwrap(), action);
        let changes = {
            let (stock, now) = (state.stock(), Now { wall_ms: 0, running_ms: 0, trusted: true });
            let mut draft = Draft::new(&stock, now, 900);
            assert!(draft.decide(&command, store).unwrap().unwrap().outcome.is_ok());
            draft.finish()
        };
        state.commit(&changes);
    }

    fn sku(n: usize) -> Sku {
        Sku::parse(&format!("S{n}")).unwrap()
    }
}
