//! A gateway books a SKU in whole units, and the catalogue gives it decimals.

use super::test_hub::{TestHub, gateway_id, lines, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::frame::{BookedDecimals, Frame};
use crate::protocol::wire::Version;
use crate::stock::{Decimals, Listing};

fn listed_in_thousandths() -> Listing {
    listed_in(3)
}

fn listed_in(decimals: u8) -> Listing {
    let decimals = Decimals::try_from(decimals).unwrap();
    Listing { name: Some("Apples".into()), decimals, ..Listing::removed(sku()) }
}

/// What a frame says of the decimals of the SKU.
fn said(decimals: u8) -> Option<BookedDecimals> {
    Some(vec![(sku(), Decimals::try_from(decimals).unwrap())])
}

/// A gateway that has booked so much by a catalogue with these decimals, and is cut off when the next
/// catalogue comes with others.
fn cut_off((before, after): (u8, u8), units: i64) -> (TestHub, Ledger) {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    hub.change(|books| publish(books, vec![listed_in(before)]));
    hub.answer_to(&gateway.hello());
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    gateway.post(&[("restock", units)]);
    hub.change(|books| publish(books, vec![listed_in(after)]));
    (hub, gateway)
}

/// A gateway that was offline when the catalogue came, with 5 whole units.
pub(super) fn in_conflict() -> (TestHub, Ledger) {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    gateway.post(&[("restock", 7), ("deduct", -2)]);
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    hub.receive("in", 12_500);
    hub.answer_to(&gateway.hello());
    // By now it has the catalogue; its entries are older.
    gateway.taken.catalogue = 1;
    let acked = hub.answer_to(&gateway.frame(0));
    assert!(matches!(acked, Some(FrameAnswer::Ack { acked_seq: 2, .. })), "{acked:?}");
    (hub, gateway)
}

#[test]
fn whole_units_are_counted_in_the_smallest_unit_of_the_catalogue_and_the_conflict_is_shown() {
    let (mut hub, mut gateway) = in_conflict();
    assert_eq!(hub.places(), (12_500, 0, 5_000), "no sum mixes the two");
    assert!(hub.problem().is_some_and(|problem| problem.contains("SKU A in whole units")));
    hub.sell(&mut gateway, 1);
    assert_eq!(hub.places(), (12_500, 0, 4_000), "and its ledger goes on");
    assert_eq!(hub.number("SELECT sum(change) FROM entry"), 4, "as it has it");
    assert_eq!(hub.number("SELECT searching FROM book"), 0, "nothing drifts");
    let repaired = hub.change(|books| repair(books, &gateway_id()));
    assert_eq!(repaired, Some(Vec::new()));
}

#[test]
fn nothing_of_it_is_granted_or_recalled_until_the_conflict_is_settled() {
    let (mut hub, _) = in_conflict();
    let refused = hub.grant("g", 1_250);
    assert!(
        matches!(refused, Err(Rejection::Fenced(_, why)) if Some(&why) == hub.problem().as_ref())
    );
    let recall = CentralRequest::Recall { gateway: gateway_id(), lines: lines(500) };
    assert!(hub.decide("r", recall).is_err());
    assert_eq!(hub.set_policy(9_000, 12_000), [""; 0]);
    assert_eq!(hub.places(), (12_500, 0, 5_000));
}

#[test]
fn a_count_to_0_settles_it_as_the_problem_says_until_units_are_booked_again() {
    let (mut hub, mut gateway) = in_conflict();
    let drift = |hub: &mut TestHub| {
        let reconciled = serde_json::to_value(hub.reconcile()).unwrap();
        (reconciled["drift"][0]["skus"].clone(), reconciled["balanced"] == true)
    };
    assert!(hub.problem().unwrap().contains("count it to 0 there"));
    assert_eq!(drift(&mut hub), (serde_json::json!(["A"]), true));
    hub.change(|books| repair(books, &gateway_id()));
    assert!(hub.problem().is_some(), "a repair settles nothing of it");
    hub.answer_to(&gateway.post(&[("count", -5)]));
    assert_eq!((hub.problem(), hub.places()), (None, (12_500, 0, 0)));
    assert_eq!(drift(&mut hub), (serde_json::Value::Null, true));
    assert!(hub.grant("g", 1_250).is_err(), "it keeps to whole units");
    hub.answer_to(&gateway.post(&[("restock", 2)]));
    assert!(hub.problem().is_some());
}

#[test]
fn a_new_database_settles_it_and_gets_what_the_old_one_held() {
    let (mut hub, old) = in_conflict();
    let mut new = Ledger::new(2);
    new.taken.catalogue = 1;
    hub.answer_to(&new.hello());
    hub.retire(&old);
    let back = hub.bring_back(&old, &new).unwrap();
    assert_eq!(back.lines[0].quantity.units(), 5_000);
}

#[test]
fn nothing_is_brought_back_to_a_database_in_conflict() {
    let mut hub = TestHub::new().of_version(Version::V2);
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    let mut old = Ledger::new(1);
    hub.answer_to(&old.hello());
    old.taken.catalogue = 1;
    hub.answer_to(&old.taken_report());
    hub.answer_to(&old.post(&[("restock", 5_000)]));
    let mut new = Ledger::new(2);
    new.post(&[("restock", 7)]);
    hub.answer_to(&new.hello());
    new.taken.catalogue = 1;
    hub.answer_to(&new.frame(0));
    hub.retire(&old);

    let back = hub.bring_back(&old, &new);

    let is_said = |why: &String| why.contains("SKU A in whole units");
    assert!(matches!(&back, Err(CannotBringBack::Closed(why)) if is_said(why)), "{back:?}");
    assert_eq!(hub.number("SELECT count(*) FROM transfer"), 0, "it would hold up all others");
    assert_eq!(hub.allotment_of(&old), (5_000, 0));
}

#[test]
fn a_gateway_that_knew_the_decimals_is_in_no_conflict() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    hub.answer_to(&gateway.hello());
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    hub.answer_to(&gateway.post(&[("restock", 2_500)]));
    assert_eq!((hub.on_hand(), hub.problem()), (2_500, None));
    hub.receive("in", 500);
    hub.grant("g", 500).unwrap().outcome.unwrap();
}

#[test]
fn a_transfer_waits_until_the_gateway_knows_the_decimals() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    gateway.post(&[("restock", 7)]);
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    hub.receive("in", 500);
    hub.answer_to(&gateway.hello());
    hub.grant("g", 500).unwrap().outcome.unwrap();
    let transfers = |hub: &mut TestHub, now_ms| {
        let sent = hub.sent(now_ms).into_iter();
        sent.filter(|frame| matches!(frame, Frame::Transfers(_))).count()
    };
    assert_eq!(transfers(&mut hub, 1), 0, "it would take them for whole units");
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    assert_eq!(transfers(&mut hub, 60_000), 0, "its ledger may have them in whole units");
    hub.answer_to(&gateway.frame(0));
    assert_eq!(transfers(&mut hub, 120_000), 0, "and it has");
    let problem = hub.problem().unwrap();
    assert!(problem.contains("on its way") && !problem.contains("count it"), "{problem}");
    assert_eq!(hub.places(), (0, 500, 7_000));
}

#[test]
fn a_gateway_where_it_is_settled_is_granted_what_its_own_decimals_can_say() {
    let (mut hub, mut gateway) = in_conflict();
    hub.answer_to(&gateway.post(&[("count", -5)]));
    hub.grant("g", 2_000).unwrap().outcome.unwrap();
    assert_eq!(hub.transfer().lines[0].quantity.units(), 2, "in its own units");
    assert_eq!(hub.deliver(&mut gateway).entries, 1);
    assert_eq!((hub.problem(), hub.places()), (None, (10_500, 0, 2_000)));
    let inexact = hub.grant("h", 1_250);
    assert!(
        matches!(&inexact, Err(Rejection::Fenced(_, why)) if why.contains("SKU A in whole units")),
        "{inexact:?}"
    );
    hub.recall("r", 1_000).unwrap().outcome.unwrap();
    hub.deliver(&mut gateway);
    assert_eq!((hub.recalled("r"), hub.places()), ((true, 1_000), (11_500, 0, 1_000)));
    assert_eq!(hub.number("SELECT searching FROM book"), 0, "nothing drifts");
}

#[test]
fn a_gateway_that_booked_by_an_earlier_catalogue_keeps_to_its_decimals() {
    for said in [None, said(2)] {
        let (mut hub, mut gateway) = cut_off((2, 3), 125);
        gateway.decimals = said;
        hub.answer_to(&gateway.hello());
        // By now it has the newer catalogue; its entries are older.
        gateway.taken.catalogue = 2;
        hub.answer_to(&gateway.frame(0));
        assert_eq!(hub.places(), (0, 0, 1_250));
        let problem = hub.problem().unwrap();
        assert!(problem.contains("SKU A in 2 decimals, before it knew that"), "{problem}");
        hub.sell(&mut gateway, 25);
        assert_eq!(hub.places(), (0, 0, 1_000));
        assert_eq!(hub.number("SELECT sum(change) FROM entry"), 100, "as it has it");
        assert_eq!(hub.number("SELECT searching FROM book"), 0, "nothing drifts");
        let shown = "SELECT CAST(sum(change_amount * 100) AS INTEGER) FROM inventory_changed_event";
        assert_eq!(hub.number(shown), 100, "which analysts see as kilograms");
    }
}

#[test]
fn what_the_entries_say_of_decimals_comes_before_what_the_gateway_has_taken() {
    for (decimals, units) in [(Some(Vec::new()), 7_000), (said(3), 7), (said(1), 700)] {
        let mut hub = TestHub::new().of_version(Version::V2);
        let mut gateway = Ledger::new(1);
        hub.answer_to(&gateway.hello());
        // They wait behind a backlog while the catalogue comes.
        gateway.post(&[("restock", 7)]);
        hub.change(|books| publish(books, vec![listed_in_thousandths()]));
        gateway.taken.catalogue = 1;
        gateway.decimals = decimals;
        hub.answer_to(&gateway.taken_report());
        hub.answer_to(&gateway.frame(0));
        assert_eq!((hub.on_hand(), hub.problem().is_some()), (units, units != 7));
    }
}

#[test]
fn entries_that_are_finer_than_the_catalogue_wait_for_another_one() {
    for said in [None, said(3)] {
        let (mut hub, mut gateway) = cut_off((3, 2), 1_255);
        gateway.decimals = said;
        hub.answer_to(&gateway.hello());
        let answer = hub.answer_to(&gateway.frame(0));
        let is_said = |reason: &str| reason.contains("SKU A in 3 decimals");
        assert!(
            matches!(&answer, Some(FrameAnswer::Refused { reason, .. }) if is_said(reason)),
            "{answer:?}"
        );
        assert!(hub.problem().is_some_and(|problem| is_said(&problem)));
        assert_eq!((hub.entries(), hub.on_hand()), (0, 0), "nothing is rounded");
        hub.change(|books| publish(books, vec![listed_in_thousandths()]));
        hub.answer_to(&gateway.frame(0));
        assert_eq!((hub.on_hand(), hub.problem()), (1_255, None));
    }
}

#[test]
fn finer_entries_of_a_sku_with_fixed_decimals_are_exact_or_wait() {
    let (mut hub, mut gateway) = cut_off((3, 2), 1_250);
    hub.receive("in", 10);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.frame(0));
    assert_eq!(hub.places(), (10, 0, 125));
    let answer = hub.answer_to(&gateway.post(&[("restock", 5)]));
    let is_said = |reason: &str| reason.contains("entry 2 books SKU A in 3 decimals");
    assert!(
        matches!(&answer, Some(FrameAnswer::Refused { reason, .. }) if is_said(reason)),
        "{answer:?}"
    );
    assert_eq!((hub.entries(), hub.places()), (1, (10, 0, 125)));
}

#[test]
fn a_transfer_goes_once_the_gateway_knows_the_decimals() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    hub.receive("in", 500);
    hub.answer_to(&gateway.hello());
    hub.grant("g", 500).unwrap().outcome.unwrap();
    let frames = hub.sent(1);
    assert!(matches!(frames[..], [Frame::Catalogue(_)]), "{frames:?}");
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    assert_eq!(hub.deliver(&mut gateway).entries, 1);
    assert_eq!(hub.places(), (0, 0, 500));
}

#[test]
fn a_transfer_waits_until_the_gateway_knows_that_the_decimals_are_gone() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.change(|books| publish(books, vec![listed_in_thousandths()]));
    gateway.taken.catalogue = 1;
    hub.answer_to(&gateway.taken_report());
    let whole = Listing { decimals: Decimals::default(), ..listed_in_thousandths() };
    hub.change(|books| publish(books, vec![whole]));
    hub.receive("in", 500);
    hub.grant("g", 500).unwrap().outcome.unwrap();
    let frames = hub.sent(1);
    assert!(matches!(frames[..], [Frame::Catalogue(_)]), "it would take them for half a one");
    gateway.taken.catalogue = 2;
    hub.answer_to(&gateway.taken_report());
    assert_eq!(hub.deliver(&mut gateway).entries, 1);
    assert_eq!((hub.places(), hub.problem()), ((0, 0, 500), None));
}

#[test]
fn a_transfer_of_a_sku_that_never_had_decimals_waits_for_no_listing() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let whole = Listing { decimals: Decimals::default(), ..listed_in_thousandths() };
    hub.change(|books| publish(books, vec![whole]));
    hub.receive("in", 500);
    hub.grant("g", 500).unwrap().outcome.unwrap();
    let frames = hub.sent(1).into_iter();
    assert_eq!(frames.filter(|frame| matches!(frame, Frame::Transfers(_))).count(), 1);
}

#[test]
fn a_listing_that_changes_otherwise_makes_no_conflict_for_one_that_knows_its_decimals() {
    let renamed = Listing { name: Some("Pears".into()), ..listed_in_thousandths() };
    for changed in [vec![renamed], Vec::new()] {
        let mut hub = TestHub::new().of_version(Version::V2);
        hub.change(|books| publish(books, vec![listed_in_thousandths()]));
        let mut gateway = Ledger::new(1);
        hub.answer_to(&gateway.hello());
        gateway.taken.catalogue = 1;
        let entries = gateway.post(&[("restock", 1_250)]);
        hub.change(|books| publish(books, changed));
        hub.answer_to(&entries);
        assert_eq!((hub.problem(), hub.places()), (None, (0, 0, 1_250)));
    }
}
