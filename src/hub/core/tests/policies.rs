//! Replenishment: who is granted more, when, and in which order.

use super::test_hub::{ENDINGS, TestHub, gateway_id, named, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::wire::Version;

/// Nobody was granted anything.
const NOBODY: [&str; 0] = [];

#[test]
fn a_gateway_that_runs_low_is_granted_up_to_its_target() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10)]));
    hub.set_policy(5, 12);
    hub.receive("in", 3);
    hub.answer_to(&gateway.post(&[("deduct", -5)]));
    assert_eq!(hub.places(), (3, 0, 5), "5 are not below 5");
    hub.answer_to(&gateway.post(&[("deduct", -4)]));
    assert_eq!(hub.places(), (0, 3, 1), "a short pool grants what it has");
    hub.receive("more", 100);
    assert_eq!(hub.places(), (92, 11, 1), "and the rest when it comes");
    let mut transfers = hub.transfers();
    transfers.drain(..).for_each(|transfer| gateway.take(&transfer));
    hub.answer_to(&gateway.frame(3));
    assert_eq!(hub.places(), (92, 0, 12));
}

#[test]
fn gateways_that_run_low_are_served_in_the_order_in_which_they_asked() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| hub.stocked(name, 5));
    for ledger in [&mut b, &mut c, &mut a] {
        assert_eq!(hub.sell(ledger, 5), NOBODY, "the pool is empty");
    }

    assert_eq!(hub.receive("in-1", 3), ["b"]);
    assert_eq!(hub.receive("in-2", 8), ["b"], "with 3 it is still low and comes first");
    assert_eq!(hub.receive("in-3", 5), ["c"], "11 are enough for the first");
    assert_eq!(hub.receive("in-4", 20), ["a"], "5 are enough for the second");

    assert_eq!([&a, &b, &c].map(|ledger| hub.allotment_of(ledger)), [(0, 12), (0, 11), (0, 5)]);
    assert_eq!(hub.places(), (8, 28, 0));
}

#[test]
fn a_gateway_that_is_low_no_longer_loses_its_turn() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| hub.stocked(name, 5));
    for ledger in [&mut b, &mut a, &mut c] {
        hub.sell(ledger, 5);
    }
    let supply = a.post(&[("restock", 6)]);
    hub.handle(&a.gateway, &supply);
    hub.sell(&mut a, 6);

    assert_eq!(hub.receive("in-1", 12), ["b"]);
    assert_eq!(hub.receive("in-2", 12), ["c"]);
    assert_eq!(hub.receive("in-3", 12), ["a"]);
}

#[test]
fn a_gateway_whose_units_are_reserved_is_low() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let mut gateway = hub.stocked("gw", 10);
    hub.receive("in", 20);
    let reserved = gateway.post(&[("reserve", 6)]);

    assert_eq!(hub.handle(&gateway.gateway, &reserved).granted, [gateway_id()]);

    assert_eq!(hub.allotment_of(&gateway), (10, 8), "4 were available");
}

#[test]
fn a_new_policy_serves_the_gateways_that_are_low_in_the_order_of_their_names() {
    let mut hub = TestHub::new();
    let [b, a] = ["b", "a"].map(|name| hub.stocked(name, 1));
    let enough = hub.stocked("0", 5);
    hub.receive("in", 12);

    assert_eq!(hub.set_policy(5, 12), ["a", "b"]);

    assert_eq!([&a, &b, &enough].map(|ledger| hub.allotment_of(ledger)), [(1, 11), (1, 1), (5, 0)]);
    assert_eq!(hub.set_policy(1, 12), NOBODY, "nobody is below 1");
    assert_eq!(hub.receive("more", 9), NOBODY);
}

#[test]
fn units_that_a_gateway_returns_go_to_the_one_that_waits() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let [mut a, mut b] = ["a", "b"].map(|name| hub.stocked(name, 20));
    hub.sell(&mut b, 20);
    hub.recall_from(&a, "back", 8);

    assert_eq!(hub.deliver(&mut a).granted, [b.gateway.clone()]);

    assert_eq!([&a, &b].map(|ledger| hub.allotment_of(ledger)), [(12, 0), (0, 8)]);
}

#[test]
fn units_that_a_gateway_without_a_policy_returns_go_to_the_one_that_waits() {
    let mut hub = TestHub::new();
    let [mut a, mut b] = ["a", "b"].map(|name| hub.stocked(name, 20));
    own(&mut hub, "b", Some(Policy::new(5, 12)), 0);
    hub.sell(&mut b, 20);
    hub.recall_from(&a, "back", 8);

    assert_eq!(hub.deliver(&mut a).granted, [b.gateway.clone()]);

    assert_eq!([&a, &b].map(|ledger| hub.allotment_of(ledger)), [(12, 0), (0, 8)]);
}

#[test]
fn a_waiting_database_that_ends_loses_its_turn() {
    for ending in ENDINGS {
        let mut hub = TestHub::new();
        hub.set_policy(5, 12);
        let [mut a, mut b] = ["a", "b"].map(|name| hub.stocked(name, 5));
        hub.sell(&mut a, 5);
        hub.sell(&mut b, 5);
        ending.end(&mut hub, &a);

        assert_eq!(hub.receive("in", 20), ["b"], "{ending:?}");

        assert_eq!(
            [&a, &b].map(|ledger| hub.allotment_of(ledger)),
            [(0, 0), (0, 12)],
            "{ending:?}"
        );
    }
}

#[test]
fn a_policy_grants_nothing_to_a_database_that_has_ended() {
    for ending in ENDINGS {
        let mut hub = TestHub::new();
        let [a, b] = ["a", "b"].map(|name| hub.stocked(name, 1));
        hub.receive("in", 20);
        ending.end(&mut hub, &a);

        assert_eq!(hub.set_policy(5, 12), ["b"], "{ending:?}");

        assert_eq!(
            [&a, &b].map(|ledger| hub.allotment_of(ledger)),
            [(1, 0), (1, 11)],
            "{ending:?}"
        );
    }
}

#[test]
fn a_new_database_is_replenished_after_its_stock_was_brought_back() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let mut old = hub.stocked("gw", 5);
    hub.sell(&mut old, 2);
    let mut new = Ledger::new(77);
    hub.greet_and_send(&new);
    hub.retire(&old);
    hub.bring_back(&old, &new).unwrap();
    assert_eq!(hub.receive("in", 20), NOBODY, "it asks with its first entries");

    assert_eq!(hub.deliver(&mut new).granted, [gateway_id()]);

    assert_eq!(hub.allotment_of(&new), (3, 9));
    assert_eq!(hub.allotment_of(&old), (0, 0));
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_policy_of_one_gateway_comes_before_the_general_one() {
    let mut hub = TestHub::new();
    let [a, b] = ["a", "b"].map(|name| hub.stocked(name, 1));
    hub.receive("in", 100);
    assert_eq!(own(&mut hub, "a", Some(Policy::new(2, 4)), 0), ["a"]);
    assert_eq!(hub.set_policy(5, 12), ["b"], "4 are enough for the first");
    assert_eq!([&a, &b].map(|ledger| hub.allotment_of(ledger)), [(1, 3), (1, 11)]);

    assert_eq!(own(&mut hub, "a", None, 0), ["a"], "now the general one holds");
    assert_eq!(hub.allotment_of(&a), (1, 11));
}

#[test]
fn a_policy_that_was_ended_grants_nothing() {
    let mut hub = TestHub::new();
    hub.set_policy(5, 12);
    let mut gateway = hub.stocked("gw", 5);
    hub.sell(&mut gateway, 5);
    hub.change(|books| set_policy(books, &sku(), None::<Policy>));
    assert_eq!(hub.receive("in", 20), NOBODY, "nobody waits any more");
    assert_eq!(hub.number("SELECT count(*) FROM policy"), 0);
}

#[test]
fn a_policy_grants_a_gateway_no_more_than_its_bound_in_a_day() {
    let mut hub = TestHub::new();
    let bounded = Policy { max_per_day: Some(10), ..Policy::new(5, 8) };
    let [mut a, mut b] = ["a", "b"].map(|name| hub.stocked(name, 8));
    hub.receive("in", 100);
    own(&mut hub, "a", Some(bounded), 0);
    own(&mut hub, "b", Some(Policy::new(5, 8)), 0);

    assert_eq!(sell_at(&mut hub, &mut a, 8, 0), ["a"]);
    hub.deliver(&mut a);
    assert_eq!(sell_at(&mut hub, &mut a, 8, HOUR_MS), ["a"]);
    assert_eq!(hub.allotment_of(&a), (0, 2), "10 in all");
    assert_eq!(sell_at(&mut hub, &mut b, 8, HOUR_MS), ["b"], "it stops nobody else");
    assert_eq!(serve_at(&mut hub, 23 * HOUR_MS), NOBODY);
    assert_eq!(serve_at(&mut hub, 26 * HOUR_MS), ["a"], "a day later");
    assert_eq!(hub.allotment_of(&a), (0, 8));
}

#[test]
fn what_a_policy_granted_before_it_had_a_bound_counts() {
    let mut hub = TestHub::new();
    let mut a = hub.stocked("a", 8);
    hub.receive("in", 100);
    own(&mut hub, "a", Some(Policy::new(5, 8)), 0);
    assert_eq!(sell_at(&mut hub, &mut a, 8, 0), ["a"]);
    hub.deliver(&mut a);
    own(&mut hub, "a", Some(Policy { max_per_day: Some(10), ..Policy::new(5, 8) }), HOUR_MS);
    assert_eq!(sell_at(&mut hub, &mut a, 8, HOUR_MS), ["a"]);
    assert_eq!(hub.allotment_of(&a), (0, 2), "10 in all");
}

#[test]
fn a_new_database_does_not_open_the_bound_again() {
    let mut hub = TestHub::new();
    let bounded = Policy { max_per_day: Some(9), ..Policy::new(5, 10) };
    hub.stocked("gw", 1);
    hub.receive("in", 100);
    own(&mut hub, "gw", Some(bounded), 0);
    let next = Ledger::new(77);
    hub.greet_and_send(&next);
    assert_eq!(own(&mut hub, "gw", Some(bounded), HOUR_MS), NOBODY);
    assert_eq!(hub.allotment_of(&next), (0, 0));
}

/// Sets the policy of one gateway at a time.
fn own(hub: &mut TestHub, gateway: &str, policy: Option<Policy>, now_ms: i64) -> Vec<String> {
    let gateway = named(gateway);
    let granted = hub.change(|books| {
        books.set_rules(Rules::default(), now_ms);
        set_gateway_policy(books, &sku(), &gateway, policy)
    });
    granted.into_iter().map(|gateway| gateway.gateway).collect()
}

fn serve_at(hub: &mut TestHub, now_ms: i64) -> Vec<String> {
    let granted = hub.change(|books| {
        books.set_rules(Rules::default(), now_ms);
        serve_all(books, &[sku()])
    });
    granted.into_iter().map(|gateway| gateway.gateway).collect()
}

fn sell_at(hub: &mut TestHub, ledger: &mut Ledger, units: i64, now_ms: i64) -> Vec<String> {
    let frame = ledger.post(&[("deduct", -units)]);
    let gateway = ledger.gateway.clone();
    let granted = hub.change(|books| {
        books.set_rules(Rules::default(), now_ms);
        Ok(handle_frame(books, &gateway, &frame, Version::V2, now_ms)?.granted)
    });
    granted.into_iter().map(|gateway| gateway.gateway).collect()
}
