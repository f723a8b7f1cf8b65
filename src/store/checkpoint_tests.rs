//! Whatever moment a kill comes at, the stock table and the ledger after the checkpoint lead to the
//! whole stock.

use std::cell::Cell;

use super::shop::{HOUR_MS, Shop};
use crate::stock::{Action, Changes, Line, Quantity, Sku};

/// More than one large step of the checkpoint.
const SKUS: usize = 5_000;
const LINES: usize = 500;

#[test]
fn a_kill_between_any_two_commits_loses_no_change_of_thousands_of_skus() {
    let mut shop = stocked(SKUS);
    let mut rng = fastrand::Rng::with_seed(7);
    let mut checkpoints = vec![shop.store.checkpoint.seq];
    for round in 0..110 {
        let changes = some_restocks(&shop, round, &mut rng);
        if round % 5 == 0 {
            shop.fail_to_commit(&changes);
        }
        shop.commit(&changes);
        checkpoints.push(shop.store.checkpoint.seq);
        if round % 10 == 0 {
            assert_survives_a_kill(&shop);
        }
    }
    checkpoints.dedup();
    assert!(checkpoints.len() >= 3, "three passes, of which the first began at 0: {checkpoints:?}");
    assert!(checkpoints.is_sorted(), "{checkpoints:?}");
}

#[test]
fn a_stop_that_has_no_time_for_the_whole_checkpoint_claims_only_what_it_wrote() {
    let mut shop = stocked(SKUS);
    let mut rng = fastrand::Rng::with_seed(7);
    let steps = Cell::new(0);
    shop.store.finish_checkpoint(&shop.stock, || steps.replace(1) == 0).unwrap();
    assert_survives_a_kill(&shop);
    for round in 0..3 {
        let changes = some_restocks(&shop, round, &mut rng);
        shop.commit(&changes);
        assert_survives_a_kill(&shop);
    }
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    assert_eq!(shop.store.checkpoint.seq, shop.stock.seq());
    assert_survives_a_kill(&shop);
}

#[test]
fn pruning_waits_until_the_stock_table_has_what_it_deletes() {
    let mut shop = Shop::unsynced();
    for n in 0..130 {
        let changes = restock(&shop, &format!("r{n}"), [n]);
        shop.commit(&changes);
    }
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    assert_eq!(shop.store.checkpoint.seq, 0, "the ledger alone has the changes");
    while shop.prune(9 * HOUR_MS, 130) {
        assert_survives_a_kill(&shop);
        assert!(shop.store.positions.pruned_seq <= shop.store.checkpoint.seq);
    }
    assert_eq!(shop.store.positions.pruned_seq, 129, "all but the last row is deleted");
}

fn assert_survives_a_kill(shop: &Shop) {
    let found = shop.killed().expect("the stock table and the ledger match");
    assert!(found.stock == shop.stock, "the stock after a kill at entry {}", shop.stock.seq());
}

fn stocked(skus: usize) -> Shop {
    let mut shop = Shop::unsynced();
    for first in (0..skus).step_by(1_000) {
        let changes = restock(&shop, &format!("seed-{first}"), first..first + 1_000);
        shop.commit(&changes);
    }
    shop
}

fn some_restocks(shop: &Shop, round: usize, rng: &mut fastrand::Rng) -> Changes {
    let numbers = rng.choose_multiple(0..SKUS, LINES);
    restock(shop, &format!("r{round}"), numbers)
}

fn restock(shop: &Shop, name: &str, numbers: impl IntoIterator<Item = usize>) -> Changes {
    let line = |n: usize| {
        Line::new(Sku::parse(&format!("S{n:05}")).unwrap(), Quantity::of_line(1).unwrap())
    };
    let lines = numbers.into_iter().map(line).collect();
    shop.draft(name, Action::Restock { order_id: None, lines })
}
