//! Replaced, fenced and retired databases, and what they held.

use super::test_hub::{Ending, TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::db::BooksTransaction;
use crate::protocol::frame::Frame;

#[test]
fn a_retired_database_is_brought_back_at_an_operators_word() {
    let mut hub = TestHub::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    hub.answer_to(&old.hello());
    hub.answer_to(&old.post(&[("restock", 10)]));
    hub.receive("in", 5);
    hub.grant("g", 5).unwrap().outcome.unwrap();
    hub.answer_to(&new.hello());
    assert_eq!(hub.places(), (0, 5, 10), "as long as the old one may come back, it has them");
    assert!(hub.problem().is_some());
    let held = |units: &Retired| {
        units.held.iter().map(|held| (held.on_hand, held.in_transit)).collect::<Vec<_>>()
    };
    assert_eq!(held(&hub.retire(&old)), [(10, 5)]);
    assert_eq!((hub.places(), hub.problem()), ((0, 5, 10), None), "nothing moves yet");
    assert_eq!(hub.bring_back(&old, &new).unwrap().lines.len(), 1);
    assert_eq!(hub.places(), (0, 15, 0));
    let transfer = hub.transfer();
    new.take(&transfer);
    hub.answer_to(&new.frame(0));
    assert_eq!(hub.places(), (0, 0, 15));
    hub.answer_to(&old.post(&[("deduct", -1)]));
    let aside = hub.number("SELECT count(*) FROM aside");
    assert_eq!((hub.places(), aside), ((0, 0, 15), 1), "what comes later is kept aside");
    let again = hub.retire(&old);
    assert_eq!((again.acked_seq, again.known_seq, held(&again)), (1, 2, vec![]));
    assert!(hub.bring_back(&old, &new).unwrap().replayed, "once");
    assert_eq!(hub.places(), (0, 0, 15));
}

#[test]
fn a_database_that_is_fenced_or_retired_is_granted_nothing() {
    for ending in [Ending::Fenced, Ending::Retired] {
        let mut hub = TestHub::new();
        let old = hub.stocked("gw", 5);
        hub.receive("in", 12);
        hub.grant("under way", 2).unwrap().outcome.unwrap();
        ending.end(&mut hub, &old);

        for refused in [hub.grant("g", 4), hub.recall("r", 4)] {
            assert!(matches!(refused, Err(Rejection::Fenced(..))), "{ending:?}: {refused:?}");
        }
        assert_eq!(hub.places(), (10, 2, 5), "{ending:?}");
        assert_eq!(hub.sent(1), [], "nor sent what is under way: {ending:?}");

        let new = Ledger::new(77);
        hub.greet_and_send(&new);
        hub.grant("g", 4).unwrap().outcome.unwrap();
        assert_eq!(hub.allotment_of(&old), (5, 2), "{ending:?}");
        assert_eq!(hub.allotment_of(&new), (0, 4), "{ending:?}");
    }
}

#[test]
fn the_units_of_a_database_retired_in_force_wait_for_the_next_one() {
    let mut hub = TestHub::new();
    let mut old = hub.stocked("gw", 10);
    hub.answer_to(&old.post(&[("reserve", 6)]));
    hub.receive("in", 3);
    hub.grant("g", 3).unwrap().outcome.unwrap();

    let retired = hub.retire(&old);

    assert_eq!(retired.epoch, old.epoch);
    assert_eq!(hub.allotment_of(&old), (10, 3));
    let new = Ledger::new(77);
    hub.greet_and_send(&new);
    assert_eq!((hub.allotment_of(&old), hub.allotment_of(&new)), ((10, 3), (0, 0)));
    hub.bring_back(&old, &new).unwrap();
    assert_eq!((hub.allotment_of(&old), hub.allotment_of(&new)), ((0, 0), (0, 13)));
    assert_eq!(hub.problem(), None);
}

#[test]
fn a_replaced_database_keeps_its_units_until_it_is_retired_itself() {
    let mut hub = TestHub::new();
    let first = hub.stocked("gw", 10);
    let second = hub.stocked("gw", 4);
    let third = hub.stocked("gw", 1);
    let units =
        |hub: &mut TestHub| [&first, &second, &third].map(|ledger| hub.allotment_of(ledger));
    assert_eq!(units(&mut hub), [(10, 0), (4, 0), (1, 0)]);

    hub.retire(&second);
    assert_eq!(hub.bring_back(&first, &third), Err(CannotBringBack::NotRetired));
    hub.bring_back(&second, &third).unwrap();
    assert_eq!(units(&mut hub), [(10, 0), (0, 0), (1, 4)]);
    assert!(hub.problem().is_some(), "the first one may still come back");

    hub.retire(&first);
    hub.bring_back(&first, &third).unwrap();
    assert_eq!(units(&mut hub), [(0, 0), (0, 0), (1, 14)]);
    assert_eq!(hub.problem(), None);
}

#[test]
fn a_replaced_database_is_reported_by_every_later_one_until_it_is_retired() {
    let mut hub = TestHub::new();
    let first = hub.stocked("gw", 10);
    let second = hub.stocked("gw", 4);
    hub.retire(&second);

    let third = hub.stocked("gw", 1);

    let problem = hub.problem().unwrap_or_default();
    assert!(problem.contains(&first.epoch.to_string()), "{problem}");
    assert_eq!(hub.allotment_of(&third), (1, 0), "an operator's word is missing");
    hub.retire(&first);
    assert_eq!((hub.problem(), hub.allotment_of(&third)), (None, (1, 0)));
}

#[test]
fn retiring_again_never_ends_the_database_in_force() {
    let mut hub = TestHub::new();
    let [old, live] = [10, 4].map(|units| hub.stocked("gw", units));

    for _ in 0..3 {
        assert_eq!(hub.retire(&old).epoch, old.epoch);
    }

    hub.receive("in", 1);
    hub.grant("g", 1).unwrap().outcome.unwrap();
    assert_eq!(hub.allotment_of(&live), (4, 1));
}

#[test]
fn an_open_recall_is_closed_when_its_database_is_retired() {
    let mut hub = TestHub::new();
    let gateway = hub.stocked("gw", 10);
    hub.recall("back", 8).unwrap().outcome.unwrap();
    assert_eq!(hub.recalled("back"), (false, 0));

    hub.retire(&gateway);

    assert_eq!(hub.recalled("back"), (true, 0));
}

#[test]
fn an_epoch_that_the_gateway_never_had_is_not_retired() {
    let mut hub = TestHub::new();
    let [ours, theirs] = ["gw", "other"].map(|name| hub.stocked(name, 5));

    let refused = hub.change(|books| retire(books, &gateway_id(), theirs.epoch));

    assert_eq!(refused, Err(NoSuchEpoch { known: vec![ours.epoch] }));
}

#[test]
fn a_fenced_database_is_not_given_what_a_retired_one_held() {
    let mut hub = TestHub::new();
    let first = hub.stocked("gw", 10);
    let second = hub.stocked("gw", 4);
    Ending::Fenced.end(&mut hub, &second);

    hub.retire(&first);

    let closed = hub.bring_back(&first, &second);
    assert!(matches!(closed, Err(CannotBringBack::Closed(_))), "{closed:?}");
    assert_eq!((hub.allotment_of(&first), hub.allotment_of(&second)), ((10, 0), (4, 0)));
    let third = hub.stocked("gw", 1);
    hub.bring_back(&first, &third).unwrap();
    assert_eq!((hub.allotment_of(&first), hub.allotment_of(&third)), ((0, 0), (1, 10)));
    assert_eq!(hub.allotment_of(&second), (4, 0), "nobody has retired it");
}

/// Only retiring the old one settles it.
#[test]
fn a_repair_and_a_reopening_leave_it_said_that_a_database_was_replaced() {
    let mut hub = TestHub::new();
    let first = hub.stocked("gw", 10);
    let second = hub.stocked("gw", 4);
    let new = hub.stocked("gw", 2);
    let names = |hub: &mut TestHub, old: &Ledger| {
        let problem = hub.problem().unwrap_or_default();
        assert!(problem.contains(&format!("replaced: epoch {}", old.epoch)), "{problem}");
    };
    assert!(hub.change(|books| repair(books, &gateway_id())).is_some());
    names(&mut hub, &second);
    Ending::Fenced.end(&mut hub, &new);
    hub.change(|books| reopen(books, &gateway_id(), new.epoch)).unwrap();
    hub.answer_to(&new.hello());
    hub.receive("in", 1);
    hub.grant("g", 1).unwrap().outcome.expect("it is open again");
    names(&mut hub, &second);
    hub.retire(&second);
    names(&mut hub, &first);
    hub.retire(&first);
    assert_eq!(hub.problem(), None);
}

#[test]
fn a_stock_that_differs_is_reported_on_after_the_replaced_database_is_retired() {
    let mut hub = TestHub::new();
    let old = hub.stocked("gw", 10);
    let mut new = hub.stocked("gw", 4);
    new.checks.digest = new.checks.digest.moved(&sku(), (4, 0), (5, 0));
    hub.answer_to(&new.hello());
    let [Frame::Probe(probe)] = hub.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (5, 0))].into_iter());
    let downlink = &mut hub.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 1, &content);
    hub.database.change(answered).unwrap();

    hub.retire(&old);

    assert!(hub.problem().is_some(), "the stock is still another");
}
