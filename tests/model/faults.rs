//! Each planted fault violates properties, and the model finds a path to a violation. Each property
//! is violated by some fault, so none is vacuous.

use stateright::{Checker, HasDiscoveries, Model};

use super::bug::Bug;
use super::models::{acknowledgement, escrow, group_commit, reordered_escrow, upgrade};
use super::properties::{
    ACKED, ANSWERED, BALANCED, CONSERVED, COPIED, DONE, LANDED, NOT_NEGATIVE, NOT_OVERSOLD,
    ONE_EFFECT, RECOVERS, RETURNED,
};
use super::scenario::Scenario;

/// Searches until each of these properties is violated.
fn assert_found(bug: Bug, scenario: Scenario, properties: &[&'static str]) {
    let scenario = Scenario { bug: Some(bug), ..scenario };
    let found = HasDiscoveries::AllOf(properties.iter().copied().collect());
    let checker = scenario.checker().finish_when(found).spawn_bfs().join();
    for &property in properties {
        let steps = checker.assert_any_discovery(property).into_actions();
        eprintln!("{bug:?}: not {property:?}: {} steps: {steps:?}", steps.len());
    }
    eprintln!("{bug:?}: {} states", checker.unique_state_count());
}

/// A gateway without initial stock: what it sells was granted.
fn grants_only() -> Scenario {
    Scenario { opening: 0, own_entries: 2, central: 0, recalls: &[], ..escrow() }
}

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    assert_found(Bug::AckBeforeCommit, acknowledgement(), &[ACKED]);
}

#[test]
fn a_gap_in_the_books_is_found() {
    assert_found(Bug::GapAccepted, acknowledgement(), &[COPIED]);
}

#[test]
fn an_entry_applied_twice_is_found() {
    assert_found(Bug::KnownNotSkipped, acknowledgement(), &[COPIED]);
}

#[test]
fn a_sent_position_that_is_not_forgotten_is_found() {
    assert_found(Bug::SentNotForgotten, acknowledgement(), &[RECOVERS]);
}

#[test]
fn an_answer_before_the_commit_is_found() {
    assert_found(Bug::AnsweredEarly, group_commit(), &[ANSWERED]);
}

#[test]
fn an_entry_written_in_a_version_that_cannot_say_it_is_found() {
    assert_found(Bug::WrittenInVersion1, upgrade(), &[COPIED]);
}

#[test]
fn an_answer_in_another_version_than_the_gateway_s_is_found() {
    assert_found(Bug::AnswersOfVersion1, upgrade(), &[RECOVERS]);
}

#[test]
fn an_entry_sent_before_its_commit_is_found() {
    assert_found(Bug::SentEarly, group_commit(), &[COPIED]);
}

#[test]
fn a_recall_booked_before_it_is_given_is_found() {
    assert_found(Bug::RecallTrusted, escrow(), &[NOT_OVERSOLD, RETURNED, CONSERVED]);
}

#[test]
fn an_order_done_before_its_entry_has_arrived_is_found() {
    assert_found(Bug::TakenCountedEarly, escrow(), &[DONE]);
}

#[test]
fn a_sale_of_units_in_transit_is_found() {
    assert_found(Bug::TransitSold, Scenario { central: 1, ..grants_only() }, &[NOT_OVERSOLD]);
}

#[test]
fn an_order_taken_twice_is_found() {
    assert_found(Bug::NumberUnchecked, grants_only(), &[NOT_OVERSOLD, NOT_NEGATIVE, ONE_EFFECT]);
}

#[test]
fn an_order_taken_after_a_later_one_is_found() {
    assert_found(Bug::NumberUnchecked, reordered_escrow(), &[LANDED]);
}

#[test]
fn an_order_durable_apart_from_its_entry_is_found() {
    assert_found(Bug::TakenApart, grants_only(), &[NOT_OVERSOLD]);
}

#[test]
fn a_torn_commit_of_the_hub_is_found() {
    assert_found(Bug::CommitTorn, escrow(), &[BALANCED, CONSERVED]);
}
