//! The models without a planted fault. No state of them violates a property.

use stateright::{Checker, Model};

use super::scenario::Scenario;

/// The number of threads that explore states.
const THREADS: usize = 2;

/// Positions: greetings, entries and acknowledgements, two messages in flight each way, a crash.
pub(crate) fn acknowledgement() -> Scenario {
    Scenario {
        restocks: &[2],
        deducts: &[1],
        own_entries: 2,
        in_flight: 2,
        crashes: 1,
        nonces: 2,
        ..Scenario::STILL
    }
}

/// Entries that are decided, durable, answered and sent, with a crash between the steps.
pub(crate) fn group_commit() -> Scenario {
    Scenario {
        restocks: &[2],
        deducts: &[1],
        own_entries: 3,
        answers: true,
        crashes: 1,
        ..Scenario::STILL
    }
}

/// Two orders to one gateway, with sales on both sides, greetings and a crash.
pub(crate) fn escrow() -> Scenario {
    Scenario {
        pool: 1,
        opening: 1,
        deducts: &[1],
        own_entries: 3,
        central: 1,
        grants: &[1],
        recalls: &[2],
        orders: 2,
        crashes: 1,
        ..Scenario::STILL
    }
}

/// Two orders to one gateway over a network that reorders.
pub(crate) fn reordered_escrow() -> Scenario {
    Scenario { own_entries: 2, central: 0, crashes: 0, in_flight: 2, greetings: false, ..escrow() }
}

/// One order to each of two gateways.
pub(crate) fn two_gateways() -> Scenario {
    Scenario { gateways: 2, own_entries: 2, orders: 1, crashes: 0, greetings: false, ..escrow() }
}

/// Programs of both versions, upgraded in any order and at any moment, with an order on its way.
pub(crate) fn upgrade() -> Scenario {
    Scenario {
        pool: 1,
        opening: 2,
        deducts: &[1],
        own_entries: 3,
        grants: &[1],
        orders: 1,
        upgrade: true,
        ..Scenario::STILL
    }
}

/// Explores all states.
fn explore(name: &str, scenario: Scenario) {
    let checker = scenario.checker().threads(THREADS).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    eprintln!("{name}: {states} states, up to {depth} steps from the first");
    assert!(checker.is_done());
    checker.assert_properties();
}

#[test]
fn every_entry_reaches_the_hub_once_and_in_order() {
    explore("acknowledgement", acknowledgement());
}

#[test]
fn nothing_answered_is_lost_in_a_crash() {
    explore("group commit", group_commit());
}

#[test]
fn an_upgrade_in_any_order_loses_nothing() {
    explore("upgrade", upgrade());
}

#[test]
fn every_unit_is_in_one_place_whatever_the_hub_orders() {
    explore("escrow", escrow());
}

#[test]
fn orders_count_once_however_late_and_often_they_arrive() {
    explore("reordered escrow", reordered_escrow());
}

#[test]
fn two_gateways_never_have_the_same_unit() {
    explore("two gateways", two_gateways());
}
