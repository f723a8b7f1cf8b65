//! Replenishment: who is granted more, when, and in which order.

use super::desk::{CLOSINGS, Desk, Ledger, gateway_id};

/// Nobody was granted anything.
const NOBODY: [&str; 0] = [];

#[test]
fn a_gateway_that_runs_low_is_granted_up_to_its_target() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    desk.follow(5, 12);
    desk.receive("in", 3);
    desk.take(&gateway.post(&[("deduct", -5)]));
    assert_eq!(desk.places(), (3, 0, 5), "5 are not below 5");
    desk.take(&gateway.post(&[("deduct", -4)]));
    assert_eq!(desk.places(), (0, 3, 1), "a short pool grants what it has");
    desk.receive("more", 100);
    assert_eq!(desk.places(), (92, 11, 1), "and the rest when it comes");
    let mut transfers = desk.transfers();
    transfers.drain(..).for_each(|transfer| gateway.take(&transfer));
    desk.take(&gateway.frame(3));
    assert_eq!(desk.places(), (92, 0, 12));
}

#[test]
fn gateways_that_run_low_are_served_in_the_order_in_which_they_asked() {
    let mut desk = Desk::new();
    desk.follow(5, 12);
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| desk.stocked(name, 5));
    for ledger in [&mut b, &mut c, &mut a] {
        assert_eq!(desk.sell(ledger, 5), NOBODY, "the pool is empty");
    }

    assert_eq!(desk.receive("in-1", 3), ["b"]);
    assert_eq!(desk.receive("in-2", 8), ["b"], "with 3 it is still low and comes first");
    assert_eq!(desk.receive("in-3", 5), ["c"], "11 are enough for the first");
    assert_eq!(desk.receive("in-4", 20), ["a"], "5 are enough for the second");

    assert_eq!([&a, &b, &c].map(|ledger| desk.allotment_of(ledger)), [(0, 12), (0, 11), (0, 5)]);
    assert_eq!(desk.places(), (8, 28, 0));
}

#[test]
fn a_gateway_that_is_low_no_longer_loses_its_turn() {
    let mut desk = Desk::new();
    desk.follow(5, 12);
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| desk.stocked(name, 5));
    for ledger in [&mut b, &mut a, &mut c] {
        desk.sell(ledger, 5);
    }
    let supply = a.post(&[("restock", 6)]);
    desk.hear(&a.gateway, &supply);
    desk.sell(&mut a, 6);

    assert_eq!(desk.receive("in-1", 12), ["b"]);
    assert_eq!(desk.receive("in-2", 12), ["c"]);
    assert_eq!(desk.receive("in-3", 12), ["a"]);
}

#[test]
fn a_gateway_whose_units_are_reserved_is_low() {
    let mut desk = Desk::new();
    desk.follow(5, 12);
    let mut gateway = desk.stocked("gw", 10);
    desk.receive("in", 20);
    let reserved = gateway.post(&[("reserve", 6)]);

    assert_eq!(desk.hear(&gateway.gateway, &reserved).granted, [gateway_id()]);

    assert_eq!(desk.allotment_of(&gateway), (10, 8), "4 were available");
}

#[test]
fn a_new_policy_serves_the_gateways_that_are_low_in_the_order_of_their_names() {
    let mut desk = Desk::new();
    let [b, a] = ["b", "a"].map(|name| desk.stocked(name, 1));
    let enough = desk.stocked("0", 5);
    desk.receive("in", 12);

    assert_eq!(desk.follow(5, 12), ["a", "b"]);

    assert_eq!(
        [&a, &b, &enough].map(|ledger| desk.allotment_of(ledger)),
        [(1, 11), (1, 1), (5, 0)]
    );
    assert_eq!(desk.follow(1, 12), NOBODY, "nobody is below 1");
    assert_eq!(desk.receive("more", 9), NOBODY);
}

#[test]
fn units_that_a_gateway_returns_go_to_the_one_that_waits() {
    let mut desk = Desk::new();
    desk.follow(5, 12);
    let [mut a, mut b] = ["a", "b"].map(|name| desk.stocked(name, 20));
    desk.sell(&mut b, 20);
    desk.recall_from(&a, "back", 8);

    assert_eq!(desk.deliver(&mut a).granted, [b.gateway.clone()]);

    assert_eq!([&a, &b].map(|ledger| desk.allotment_of(ledger)), [(12, 0), (0, 8)]);
}

#[test]
fn a_waiting_database_that_is_closed_loses_its_turn() {
    for closing in CLOSINGS {
        let mut desk = Desk::new();
        desk.follow(5, 12);
        let [mut a, mut b] = ["a", "b"].map(|name| desk.stocked(name, 5));
        desk.sell(&mut a, 5);
        desk.sell(&mut b, 5);
        closing.close(&mut desk, &a);

        assert_eq!(desk.receive("in", 20), ["b"], "{closing:?}");

        assert_eq!(
            [&a, &b].map(|ledger| desk.allotment_of(ledger)),
            [(0, 0), (0, 12)],
            "{closing:?}"
        );
    }
}

#[test]
fn a_policy_grants_nothing_to_a_database_that_is_closed() {
    for closing in CLOSINGS {
        let mut desk = Desk::new();
        let [a, b] = ["a", "b"].map(|name| desk.stocked(name, 1));
        desk.receive("in", 20);
        closing.close(&mut desk, &a);

        assert_eq!(desk.follow(5, 12), ["b"], "{closing:?}");

        assert_eq!(
            [&a, &b].map(|ledger| desk.allotment_of(ledger)),
            [(1, 0), (1, 11)],
            "{closing:?}"
        );
    }
}

#[test]
fn a_new_database_is_replenished_after_its_stock_was_brought_back() {
    let mut desk = Desk::new();
    desk.follow(5, 12);
    let mut old = desk.stocked("gw", 5);
    desk.sell(&mut old, 2);
    let mut new = Ledger::new(77);
    desk.meet(&new);
    desk.retire(&old);
    assert_eq!(desk.receive("in", 20), NOBODY, "it asks with its first entries");

    assert_eq!(desk.deliver(&mut new).granted, [gateway_id()]);

    assert_eq!(desk.allotment_of(&new), (3, 9));
    assert_eq!(desk.allotment_of(&old), (0, 0));
}
