mod anywhere;
mod aside;
mod chains;
mod claimed;
mod demand;
mod forged;
mod forget;
mod keys;
mod movements;
mod older;
mod policies;
mod reserved;
mod retired;
mod room;
mod sent;
mod size_limits;
pub(in crate::hub) mod test_hub;
pub(in crate::hub) mod test_ledger;
mod unlisted;
mod whole_units;

use self::test_hub::{TestHub, gateway_id, lines, sku};
use self::test_ledger::Ledger;
use super::*;
use crate::config::BookStore;
use crate::hub::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::protocol::frame::{Behind, Frame, Position};
use crate::protocol::topic::GatewayId;
use crate::stock::Taken;

#[test]
fn entries_their_stock_and_the_position_move_together() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    assert_eq!(
        hub.answer_to(&gateway.hello()),
        Some(FrameAnswer::Resume { epoch: gateway.epoch, acked_seq: 0, nonce: 5 })
    );
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    assert_eq!(
        hub.answer_to(&frame),
        Some(FrameAnswer::Ack { epoch: gateway.epoch, acked_seq: 2 })
    );
    assert_eq!((hub.on_hand(), hub.entries()), (7, 2));
    assert!(hub.balanced());
}

#[test]
fn a_repeated_frame_changes_nothing() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    for _ in 0..3 {
        assert_eq!(
            hub.answer_to(&frame),
            Some(FrameAnswer::Ack { epoch: gateway.epoch, acked_seq: 2 })
        );
    }
    let longer = gateway.resend(1, &[("deduct", -1)]);
    assert_eq!(
        hub.answer_to(&longer),
        Some(FrameAnswer::Ack { epoch: gateway.epoch, acked_seq: 3 }),
        "of it only what is new"
    );
    assert_eq!((hub.on_hand(), hub.entries()), (6, 3));
}

#[test]
fn a_gap_is_not_taken() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    gateway.post(&[("restock", 10)]);
    let later = gateway.post(&[("deduct", -3)]);
    assert_eq!(
        hub.answer_to(&later),
        Some(FrameAnswer::Resume { epoch: gateway.epoch, acked_seq: 0, nonce: 0 })
    );
    assert_eq!(hub.entries(), 0);
}

#[test]
fn a_copy_that_went_on_differently_is_fenced_though_its_stock_is_the_same() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10)]));
    let mut copy = gateway.clone();
    hub.answer_to(&gateway.post(&[("deduct", -1)]));
    copy.requests = 70;
    copy.post(&[("deduct", -1)]);
    let frame = copy.post(&[("deduct", -1)]);
    let refused = hub.answer_to(&frame);
    assert!(matches!(refused, Some(FrameAnswer::Refused { .. })), "{refused:?}");
    assert_eq!((hub.on_hand(), hub.entries()), (9, 2), "what was committed stays as it is");
    assert!(hub.problem().is_some_and(|problem| problem.contains("differently")));
    let again = hub.answer_to(&gateway.hello());
    assert!(
        matches!(again, Some(FrameAnswer::Refused { .. })),
        "until somebody decides: {again:?}"
    );
}

#[test]
fn a_copy_whose_ledger_ends_before_the_books_is_fenced() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10), ("deduct", -1)]));
    let position = Position { epoch: gateway.epoch.into(), acked_seq: 2 };
    let refused = hub.answer_to(&Frame::Behind(Behind { position, ledger_seq: 1 }));
    assert!(matches!(refused, Some(FrameAnswer::Refused { .. })), "{refused:?}");
    assert!(hub.problem().is_some_and(|problem| problem.contains("older copy")));
}

#[test]
fn a_new_database_gets_books_of_its_own_and_the_old_one_is_refused() {
    let mut hub = TestHub::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    hub.answer_to(&old.hello());
    hub.answer_to(&old.post(&[("restock", 10)]));
    assert_eq!(
        hub.answer_to(&new.hello()),
        Some(FrameAnswer::Resume { epoch: new.epoch, acked_seq: 0, nonce: 5 })
    );
    assert_eq!(
        hub.answer_to(&new.post(&[("restock", 4)])),
        Some(FrameAnswer::Ack { epoch: new.epoch, acked_seq: 1 })
    );
    let problem = hub.problem();
    assert!(problem.as_ref().is_some_and(|problem| problem.contains("replaced")), "{problem:?}");
    let refused = hub.answer_to(&old.post(&[("deduct", -1)]));
    assert!(
        matches!(refused, Some(FrameAnswer::Refused { epoch, .. }) if epoch == old.epoch),
        "{refused:?}"
    );
    assert_eq!((hub.entries(), hub.problem()), (2, problem), "and changes nothing");
}

#[test]
fn impossible_stock_is_fenced() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let refused = hub.answer_to(&gateway.post(&[("deduct", -1)]));
    assert!(matches!(refused, Some(FrameAnswer::Refused { .. })), "{refused:?}");
    assert_eq!(hub.entries(), 0);
}

#[test]
fn every_kind_keeps_the_books_balanced() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let changes = [("restock", 50), ("deduct", -7), ("count", -2), ("rollback", 3)];
    hub.answer_to(&gateway.post(&changes));
    hub.answer_to(&gateway.post(&[("reserve", 6), ("commit", -4), ("release", -2)]));
    assert_eq!(hub.on_hand(), 40);
    assert!(hub.balanced());
    hub.db("UPDATE held SET on_hand = on_hand + 1");
    assert!(!hub.balanced(), "and a unit too many is noticed");
}

#[test]
fn the_books_are_kept_after_reopening_and_foreign_files_left_untouched() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10)]));
    let TestHub { directory, database, .. } = hub;
    drop(database);
    let store = |name: &str| BookStore::Sqlite(directory.path().join(name));
    let positions =
        BooksDatabase::open(&store("hub.db")).unwrap().change(|books| books.open_books()).unwrap();
    assert_eq!((positions.len(), positions[0].cursor.acked_seq), (1, 1));
    let other = rusqlite::Connection::open(directory.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(BooksDatabase::open(&store("other.db")), Err(BooksError::NotOurs)));
}

#[test]
fn a_granted_unit_is_in_one_place_at_every_step() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.receive("in", 10);
    hub.grant("g1", 4).unwrap().outcome.unwrap();
    assert_eq!(hub.places(), (6, 4, 0));
    let again = hub.grant("g1", 4).unwrap();
    assert!(again.replayed && hub.places() == (6, 4, 0), "a repetition changes nothing");
    let transfer = hub.transfer();
    gateway.take(&transfer);
    let frame = gateway.frame(0);
    hub.answer_to(&frame);
    assert_eq!(hub.places(), (6, 0, 4));
    hub.answer_to(&frame);
    assert_eq!(hub.places(), (6, 0, 4), "nor does a frame that comes again");
    assert_eq!(hub.sent(100_000), []);
}

#[test]
fn a_grant_beyond_the_pool_is_refused_as_a_whole_and_remembered() {
    let mut hub = TestHub::new();
    hub.answer_to(&Ledger::new(1).hello());
    hub.receive("in", 10);
    for replayed in [false, true] {
        let CentralDecision { outcome, replayed: again, .. } = hub.grant("g1", 11).unwrap();
        assert!(outcome.is_err() && again == replayed);
    }
    hub.receive("in2", 10);
    assert!(hub.grant("g1", 11).unwrap().outcome.is_err(), "the same request, the same answer");
    assert!(matches!(hub.grant("g1", 12), Err(Rejection::Conflict(_))));
    let nobody = GatewayId { site: "wh".into(), gateway: "nobody".into() };
    let unknown = hub.decide("g2", CentralRequest::Grant { gateway: nobody, lines: lines(1) });
    assert!(matches!(unknown, Err(Rejection::UnknownGateway(_))));
}

#[test]
fn a_recall_takes_back_what_the_gateway_gave_up() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 5)]));
    hub.recall("back", 8).unwrap().outcome.unwrap();
    assert_eq!((hub.recalled("back"), hub.places()), ((false, 0), (0, 0, 5)));
    let transfer = hub.transfer();
    gateway.take(&transfer);
    hub.answer_to(&gateway.taken_report());
    assert_eq!(hub.recalled("back"), (false, 0), "not before its entry is here");
    hub.answer_to(&gateway.frame(1));
    assert_eq!((hub.recalled("back"), hub.places()), ((true, 5), (5, 0, 0)));
}

#[test]
fn a_recall_that_returns_more_than_was_asked_is_not_booked() {
    for (given, is_booked) in [(8, true), (9, false)] {
        let mut hub = TestHub::new();
        let mut gateway = hub.stocked("gw", 20);
        hub.recall("back", 8).unwrap().outcome.unwrap();
        let answer = hub.answer_to(&gateway.post_as("back", "recall", -given));
        let is_refused = matches!(answer, Some(FrameAnswer::Refused { .. }));
        assert_eq!(is_refused, !is_booked, "{given} units: {answer:?}");
        let places = if is_booked { (8, 0, 12) } else { (0, 0, 20) };
        assert_eq!(hub.places(), places, "{given} units");
    }
}

#[test]
fn units_that_come_back_under_another_name_than_the_recall_s_are_not_booked() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 20);
    hub.recall("back", 8).unwrap().outcome.unwrap();
    let answer = hub.answer_to(&gateway.post_as("another", "recall", -3));
    assert!(matches!(answer, Some(FrameAnswer::Refused { .. })), "{answer:?}");
    assert_eq!(hub.places(), (0, 0, 20));
}

#[test]
fn a_recall_that_returns_twice_is_not_booked_twice() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 20);
    hub.recall("back", 8).unwrap().outcome.unwrap();
    hub.answer_to(&gateway.post_as("back", "recall", -3));
    let answer = hub.answer_to(&gateway.post_as("back", "recall", -5));
    assert!(matches!(answer, Some(FrameAnswer::Refused { .. })), "{answer:?}");
    assert_eq!(hub.places(), (3, 0, 17));
}

#[test]
fn a_recall_that_returns_nothing_is_closed() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.receive("in", 1);
    hub.recall("back", 8).unwrap().outcome.unwrap();
    let transfer = hub.transfer();
    gateway.take(&transfer);
    hub.answer_to(&gateway.taken_report());
    assert_eq!(hub.recalled("back"), (true, 0));
}

#[test]
fn a_gateway_ahead_of_restored_books_is_told_so() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 5);
    gateway.taken = Taken { transfer: 1, at_seq: 1, catalogue: 0 };
    for frame in [gateway.taken_report(), gateway.hello()] {
        let refused = hub.answer_to(&frame);
        let says_so = |reason: &str| reason.contains("older books were put back");
        assert!(
            matches!(&refused, Some(FrameAnswer::Refused { reason, .. }) if says_so(reason)),
            "{refused:?}"
        );
    }
    assert_eq!(hub.places(), (0, 0, 5));
}

#[test]
fn a_grant_is_not_closed_by_a_confirmation_without_its_entries() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 5);
    hub.receive("in", 10);
    hub.grant("g", 4).unwrap().outcome.unwrap();
    gateway.taken = Taken { transfer: 1, at_seq: 1, catalogue: 0 };
    let refused = hub.answer_to(&gateway.taken_report());
    let says_so = |reason: &str| reason.contains("transfer 1 is not in its ledger");
    assert!(
        matches!(&refused, Some(FrameAnswer::Refused { reason, .. }) if says_so(reason)),
        "{refused:?}"
    );
    assert_eq!(hub.places(), (6, 4, 5));
}

#[test]
fn units_that_the_hub_has_not_granted_are_not_booked() {
    for (kind, change) in [("grant", 5), ("recall", -1)] {
        let mut hub = TestHub::new();
        let mut gateway = Ledger::new(1);
        hub.answer_to(&gateway.hello());
        hub.receive("in", 10);
        hub.grant("r2", 4).unwrap().outcome.unwrap();
        hub.answer_to(&gateway.post(&[("restock", 9)]));
        let answer = hub.answer_to(&gateway.post(&[(kind, change)]));
        assert!(matches!(answer, Some(FrameAnswer::Refused { .. })), "{kind}: {answer:?}");
        assert_eq!(hub.places(), (6, 4, 9));
    }
}

#[test]
fn a_stock_that_differs_is_found_and_repaired_from_the_ledger() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10)]));
    hub.db("UPDATE held SET on_hand = on_hand + 1");
    hub.answer_to(&gateway.post(&[("deduct", -1)]));
    assert!(hub.problem().is_some_and(|problem| problem.contains("differ")));
    let [Frame::Probe(probe)] = hub.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (9, 0))].into_iter());
    let downlink = &mut hub.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 2, &content);
    hub.database.change(answered).unwrap();
    assert!(hub.problem().is_some_and(|problem| problem.contains("1 SKUs")));
    let repaired = hub.change(|books| repair(books, &gateway_id())).unwrap();
    assert_eq!((repaired, hub.problem()), (vec![sku()], None));
    assert_eq!(hub.on_hand(), 9);
}

#[test]
fn a_gateway_that_greets_with_another_stock_is_probed_and_not_fenced() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.answer_to(&gateway.post(&[("restock", 10)]));
    let sound = gateway.checks.digest;
    gateway.checks.digest = sound.moved(&sku(), (10, 0), (11, 0));
    assert!(matches!(hub.answer_to(&gateway.hello()), Some(FrameAnswer::Resume { .. })));
    assert!(hub.problem().is_some_and(|problem| problem.contains("differ")));
    assert!(matches!(hub.sent(1)[..], [Frame::Probe(_)]));
    gateway.checks.digest = sound;
    hub.answer_to(&gateway.hello());
    let [Frame::Probe(probe)] = hub.sent(10_000)[..] else { panic!("the hub asks again") };
    let content = probe.part.content([(&sku(), (10, 0))].into_iter());
    let downlink = &mut hub.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 1, &content);
    hub.database.change(answered).unwrap();
    assert_eq!(hub.problem(), None, "nothing differs any more");
}
