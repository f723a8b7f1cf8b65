//! Books that are older than what gateways have: nobody is fenced, and an operator takes them on
//! again.

use super::test_hub::{TestHub, lines, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::frame::{BooksId, Bound, Frame};
use crate::protocol::wire::Version;
use crate::stock::{Actor, Cause, Listing, Reason, RequestId};

#[test]
fn a_gateway_that_has_more_than_the_books_is_held_and_nothing_is_booked_or_sent() {
    let (mut hub, mut gateway) = lost_grant(100);
    let frames = [gateway.hello(), gateway.post(&[("deduct", -1)]), gateway.taken_report()];
    for frame in frames {
        let held = hub.handle(&gateway.gateway, &frame).answer;
        assert!(matches!(&held, Some(FrameAnswer::Held { .. })), "{frame:?}: {held:?}");
    }
    assert_eq!(hub.places(), (100, 0, 5));
    assert!(hub.sent(1).is_empty());
    let refused = hub.grant("more", 1);
    assert!(matches!(refused, Err(Rejection::Fenced(..))), "{refused:?}");
    assert_eq!(hub.problem(), None, "it is not its fault");
}

#[test]
fn a_held_gateway_is_released_when_the_newer_books_are_back() {
    let (mut hub, gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());
    let mut in_step = gateway;
    (in_step.bound, in_step.taken) = Default::default();
    let answer = hub.handle(&in_step.gateway, &in_step.hello()).answer;
    assert!(matches!(answer, Some(FrameAnswer::Resume { acked_seq: 1, .. })), "{answer:?}");
}

#[test]
fn recovered_books_take_over_the_grants_of_a_ledger_and_go_on() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (60, 0, 42), "5 and 40, less 3 that were sold");
    assert_eq!(hub.number("SELECT taken_over_units FROM book"), 40_000_000, "millionths");
    assert_eq!(hub.number("SELECT taken_over_transfers FROM book"), 1);
    assert!(hub.balanced());
    hub.grant("more", 10).unwrap().outcome.unwrap();
    assert_eq!(hub.deliver(&mut gateway).entries, 1);
    assert_eq!(hub.places(), (50, 0, 52));
}

#[test]
fn a_grant_and_a_recall_that_were_taken_over_keep_who_asked_and_why() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = hub.stocked("gw", 5);
    hub.receive("in", 100);
    let mut older = hub.copy();
    let cause = Cause { actor: Actor::parse("ann").ok(), reason: Reason::parse("spring").ok() };
    let to = |gateway: &Ledger| (gateway.gateway.clone(), lines(4));
    let (to, units) = to(&gateway);
    let grant = CentralRequest::Grant { gateway: to.clone(), lines: units.clone() };
    let recall = CentralRequest::Recall { gateway: to, lines: units };
    for (id, request) in [("g", grant), ("r", recall)] {
        let id = RequestId::parse(id).unwrap();
        hub.change(|books| decide(books, &id, &request, &cause)).unwrap().outcome.unwrap();
    }
    hub.deliver(&mut gateway);
    bind(&mut hub, &mut gateway);
    older.handle(&gateway.gateway, &gateway.hello());

    recover_and_send(&mut older, &mut gateway);

    let known = "SELECT count(*) FROM movement WHERE request_id IN ('g', 'r')";
    assert_eq!(older.number(known), 2);
    let known = format!("{known} AND actor = 'ann' AND reason = 'spring'");
    assert_eq!(older.number(&known), 2);
}

#[test]
fn a_request_that_was_taken_over_is_not_made_again() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());
    recover_and_send(&mut hub, &mut gateway);

    let again = hub.grant("g", 40).unwrap();

    assert!(again.replayed && again.outcome.is_ok(), "{again:?}");
    assert_eq!(hub.places(), (60, 0, 42));
}

#[test]
fn a_ledger_is_not_matched_with_what_is_issued_for_the_same_request_after_it() {
    let (mut hub, mut gateway) = lost_grant(100);
    // Number 1 is another transfer than the one that the gateway has taken, which number 2 repeats.
    hub.recall("other", 3).unwrap().outcome.unwrap();
    hub.grant("g", 40).unwrap().outcome.unwrap();
    hub.handle(&gateway.gateway, &gateway.hello());

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (20, 40, 42));
    assert_eq!(hub.deliver(&mut gateway).entries, 1);
    assert_eq!(hub.places(), (20, 0, 82));
    assert!(hub.balanced());
}

#[test]
fn nor_is_it_before_anybody_knows_that_the_books_are_older() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.recall("other", 3).unwrap().outcome.unwrap();
    hub.grant("g", 40).unwrap().outcome.unwrap();
    // The books that are lost had acknowledged nothing, so its greeting is like any other.
    gateway.bound.acked_seq = 1;
    hub.handle(&gateway.gateway, &gateway.hello());
    let held = hub.handle(&gateway.gateway, &gateway.frame(1)).answer;
    assert!(matches!(held, Some(FrameAnswer::Held { .. })), "{held:?}");

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (20, 40, 42));
}

#[test]
fn a_lost_receipt_is_a_named_difference_until_it_is_booked() {
    let (mut hub, mut gateway) = lost_grant(0);
    hub.handle(&gateway.gateway, &gateway.hello());

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (-40, 0, 42));
    assert!(!hub.balanced(), "40 units came from nowhere");
    let none = CentralRequest::Deduct { order_id: None, lines: lines(1) };
    let id = |id: &str| RequestId::parse(id).unwrap();
    let decided = hub.database.change(|books| decide(books, &id("d"), &none, &Cause::default()));
    assert!(decided.unwrap().unwrap().outcome.is_err(), "nothing can be sold twice");
    let receipt = CentralRequest::Receive { order_id: None, lines: lines(100) };
    hub.database
        .change(|books| decide(books, &id("in"), &receipt, &Cause::default()))
        .unwrap()
        .unwrap();
    assert_eq!(hub.places(), (60, 0, 42));
    assert!(hub.balanced());
}

#[test]
fn a_transfer_under_a_number_that_the_gateway_has_taken_before_is_undone() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.grant("other", 7).unwrap().outcome.unwrap();
    assert_eq!(hub.places(), (93, 7, 5));
    let held = hub.handle(&gateway.gateway, &gateway.hello()).answer;
    assert!(matches!(held, Some(FrameAnswer::Held { .. })));

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (60, 0, 42));
    assert!(hub.sent(1).is_empty());
}

#[test]
fn a_ledger_that_speaks_of_another_transfer_is_held_until_the_books_are_recovered() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.grant("other", 7).unwrap().outcome.unwrap();
    gateway.bound.acked_seq = 1;
    for _ in 0..2 {
        hub.handle(&gateway.gateway, &gateway.hello());
        let answer = hub.handle(&gateway.gateway, &gateway.frame(1)).answer;
        assert!(matches!(answer, Some(FrameAnswer::Held { .. })), "{answer:?}");
    }
    assert_eq!(hub.places(), (93, 7, 5), "nothing is booked");

    recover_and_send(&mut hub, &mut gateway);

    assert_eq!(hub.places(), (60, 0, 42));
}

#[test]
fn a_database_that_the_books_do_not_know_is_held_and_taken_over_from_its_beginning() {
    let mut hub = TestHub::new().of_version(Version::V2);
    hub.receive("in", 100);
    let mut older = hub.copy();
    let mut gateway = hub.stocked("gw", 5);
    hub.grant("g", 40).unwrap().outcome.unwrap();
    hub.deliver(&mut gateway);
    bind(&mut hub, &mut gateway);

    let held = older.handle(&gateway.gateway, &gateway.hello()).answer;
    assert!(matches!(held, Some(FrameAnswer::Held { .. })), "{held:?}");
    recover_and_send(&mut older, &mut gateway);

    assert_eq!(older.places(), (60, 0, 45));
}

#[test]
fn recovery_of_books_that_nobody_is_ahead_of_changes_nothing() {
    let mut hub = TestHub::new().of_version(Version::V2);
    hub.stocked("gw", 5);
    let before = hub.change(|books| books.identity());
    let recovery = hub.change(|books| recover(books));
    assert_eq!((recovery.books, recovery.gateways.len()), (before, 0));
}

#[test]
fn a_fenced_database_whose_ledger_continues_the_books_is_opened_again() {
    for version in [Version::V1, Version::V2] {
        let mut hub = TestHub::new().of_version(version);
        let mut gateway = hub.stocked("gw", 9);
        let mut clone = gateway.clone();
        hub.sell(&mut gateway, 2);
        clone.post(&[("deduct", -3)]);
        let refused = hub.handle(&clone.gateway, &clone.hello()).answer;
        assert!(matches!(refused, Some(FrameAnswer::Refused { .. })), "{refused:?}");
        gateway.post(&[("deduct", -1)]);

        hub.change(|books| reopen(books, &gateway.gateway, gateway.epoch)).unwrap();
        assert!(hub.grant("g", 1).is_err(), "it has shown nothing yet");
        let resumed = hub.handle(&gateway.gateway, &gateway.hello()).answer;
        assert!(matches!(resumed, Some(FrameAnswer::Resume { acked_seq: 2, .. })), "{resumed:?}");
        let acked = hub.handle(&gateway.gateway, &gateway.frame(2)).answer;
        assert!(matches!(acked, Some(FrameAnswer::Ack { acked_seq: 3, .. })), "{acked:?}");
        assert_eq!((hub.problem(), hub.on_hand()), (None, 6));
    }
}

#[test]
fn a_fenced_database_that_differs_stays_fenced() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = hub.stocked("gw", 9);
    let mut clone = gateway.clone();
    hub.sell(&mut gateway, 2);
    clone.post(&[("deduct", -3), ("deduct", -1)]);
    hub.handle(&clone.gateway, &clone.frame(1));
    let mut shorter = clone.clone();
    shorter.entries.truncate(1);

    for frames in [vec![clone.hello(), clone.frame(2)], vec![shorter.hello()]] {
        hub.change(|books| reopen(books, &gateway.gateway, gateway.epoch)).unwrap();
        let answers = frames.iter().map(|frame| hub.handle(&clone.gateway, frame).answer);
        let last = answers.last().flatten();
        assert!(matches!(last, Some(FrameAnswer::Refused { .. })), "{last:?}");
        assert_eq!(hub.on_hand(), 7);
    }
}

#[test]
fn a_retired_or_replaced_database_is_not_opened_again() {
    let mut hub = TestHub::new();
    let old = hub.stocked("gw", 9);
    hub.greet_and_send(&Ledger::at("gw", 99));
    let reopened = hub.change(|books| reopen(books, &old.gateway, old.epoch));
    assert_eq!(reopened, Err(NotReopened::Replaced));
    hub.retire(&old);
    let reopened = hub.change(|books| reopen(books, &old.gateway, old.epoch));
    assert_eq!(reopened, Err(NotReopened::Retired));
}

#[test]
fn claims_that_no_books_can_have_made_stay_with_the_device_that_makes_them() {
    const MOST: u64 = i64::MAX.unsigned_abs();
    for (transfer, generation) in [(MOST, 1), (0, MOST)] {
        let (mut hub, mut device) = lost_grant(100);
        device.taken.transfer = transfer;
        let books = hub.change(|books| books.identity());
        device.bound.books = Some(BooksId { generation, ..books });
        for _ in 0..2 {
            let held = hub.handle(&device.gateway, &device.hello()).answer;
            assert!(matches!(&held, Some(FrameAnswer::Held { .. })), "{held:?}");
            let recovered = hub.change(|books| recover(books)).books;
            assert!(recovered.generation <= books.generation + 2, "{recovered:?}");
        }
        let held = hub.handle(&device.gateway, &device.hello()).answer;
        assert!(matches!(&held, Some(FrameAnswer::Held { .. })), "{held:?}");
        assert_eq!(hub.number("SELECT issued FROM book"), 0);
    }
}

#[test]
fn a_takeover_ends_with_the_ledger_whatever_its_device_says() {
    let (mut hub, mut gateway) = lost_grant(100);
    gateway.taken.at_seq = i64::MAX.unsigned_abs();
    hub.handle(&gateway.gateway, &gateway.hello());
    recover_and_send(&mut hub, &mut gateway);
    assert_eq!(hub.number("SELECT takeover_up_to FROM book"), 0);
    assert_eq!(hub.places(), (60, 0, 42));
}

#[test]
fn a_database_that_is_retired_is_not_held_any_more() {
    let (mut hub, gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());
    hub.retire(&gateway);
    let before = hub.change(|books| books.identity());
    let recovery = hub.change(|books| recover(books));
    assert_eq!((recovery.books, recovery.gateways.len()), (before, 0));
}

#[test]
fn a_gateway_with_a_newer_catalogue_than_the_books_is_sent_theirs_and_what_comes_after() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let listing = |name: &str| Listing { name: Some(name.into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing("first")]));
    let mut gateway = hub.stocked("gw", 5);
    // The books end at change 1, the gateway has taken change 7.
    gateway.taken.catalogue = 7;
    hub.handle(&gateway.gateway, &gateway.hello());
    let [Frame::Catalogue(whole)] = &hub.sent(1)[..] else { panic!("what the books have") };
    assert_eq!((whole.after, whole.up_to, whole.listings.len()), (7, 8, 1));
    gateway.taken.catalogue = 8;
    hub.handle(&gateway.gateway, &gateway.taken_report());
    assert_eq!(hub.sent(60_000), [], "it has everything");

    hub.change(|books| publish(books, vec![listing("later")]));

    let [Frame::Catalogue(later)] = &hub.sent(61_000)[..] else { panic!("what comes after") };
    assert_eq!((later.after, later.up_to), (8, 9));
    assert_eq!(later.listings[0].name.as_deref(), Some("later"));
    // A copy of the database that has taken less is not left behind.
    gateway.taken.catalogue = 3;
    hub.handle(&gateway.gateway, &gateway.hello());
    hub.downlink.handle_greeting(&gateway.gateway);
    let [Frame::Catalogue(again)] = &hub.sent(62_000)[..] else { panic!("once more") };
    assert_eq!((again.after, again.up_to), (3, 9));
}

/// Books from before a grant of 40, which the gateway has taken, with 100 or 0 units in the pool.
pub(super) fn lost_grant(units: u64) -> (TestHub, Ledger) {
    let mut hub = TestHub::new().of_version(Version::V2);
    let mut gateway = hub.stocked("gw", 5);
    if units > 0 {
        hub.receive("in", units);
    }
    let older = hub.copy();
    if units == 0 {
        hub.receive("in", 100);
    }
    hub.grant("g", 40).unwrap().outcome.unwrap();
    hub.deliver(&mut gateway);
    hub.sell(&mut gateway, 3);
    bind(&mut hub, &mut gateway);
    (older, gateway)
}

/// The gateway belongs to the hub's books, which have confirmed its whole ledger.
pub(super) fn bind(hub: &mut TestHub, gateway: &mut Ledger) {
    let books = Some(hub.change(|books| books.identity()));
    let acked_seq = gateway.entries.len() as u64;
    gateway.bound = Bound { books, acked_seq, ..Bound::default() };
}

/// Recovers the books; then the gateway greets, is bound to them again, and sends its ledger.
pub(super) fn recover_and_send(hub: &mut TestHub, gateway: &mut Ledger) {
    let recovery = hub.change(|books| recover(books));
    assert_eq!(recovery.gateways, std::slice::from_ref(&gateway.gateway));
    let greeted = hub.handle(&gateway.gateway, &gateway.hello()).answer;
    let Some(FrameAnswer::Resume { acked_seq, .. }) = greeted else { panic!("{greeted:?}") };
    gateway.bound.books = Some(recovery.books);
    gateway.bound.acked_seq = acked_seq;
    let again = hub.handle(&gateway.gateway, &gateway.hello()).answer;
    assert!(matches!(again, Some(FrameAnswer::Resume { .. })), "{again:?}");
    let change = hub.database.change(|books| {
        handle_frame(books, &gateway.gateway, &gateway.frame(acked_seq), Version::V2, 0)
    });
    let answer = change.unwrap().answer;
    assert!(matches!(answer, Some(FrameAnswer::Ack { .. })), "{answer:?}");
}
