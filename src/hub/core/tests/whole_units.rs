//! A gateway books a SKU in whole units, and the catalogue gives it decimals.

use super::test_hub::{Ledger, TestHub, gateway_id, lines, sku};
use crate::hub::core::*;
use crate::protocol::frame::Frame;
use crate::protocol::wire::Version;
use crate::stock::{Decimals, Listing};

fn listed_in_thousandths() -> Listing {
    let decimals = Decimals::try_from(3).unwrap();
    Listing { name: Some("Apples".into()), decimals, ..Listing::removed(sku()) }
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
