mod aside;
pub(in crate::hub) mod desk;
mod policies;
mod retired;
mod sent;

use self::desk::{Desk, Ledger, gateway_id, lines, sku};
use super::*;
use crate::config::BookStore;
use crate::hub::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::protocol::frame::{Behind, Frame, Position};
use crate::protocol::topic::GatewayId;
use crate::stock::Taken;

#[test]
fn entries_their_stock_and_the_position_move_together() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    assert_eq!(desk.take(&gateway.hello()), Some(FrameAnswer::Resume(gateway.epoch, 0, 5)));
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    assert_eq!(desk.take(&frame), Some(FrameAnswer::Ack(gateway.epoch, 2)));
    assert_eq!((desk.on_hand(), desk.entries()), (7, 2));
    assert!(desk.balanced());
}

#[test]
fn a_repeated_frame_changes_nothing() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let frame = gateway.post(&[("restock", 10), ("deduct", -3)]);
    for _ in 0..3 {
        assert_eq!(desk.take(&frame), Some(FrameAnswer::Ack(gateway.epoch, 2)));
    }
    let longer = gateway.resend(1, &[("deduct", -1)]);
    assert_eq!(
        desk.take(&longer),
        Some(FrameAnswer::Ack(gateway.epoch, 3)),
        "of it only what is new"
    );
    assert_eq!((desk.on_hand(), desk.entries()), (6, 3));
}

#[test]
fn a_gap_is_not_taken() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    gateway.post(&[("restock", 10)]);
    let later = gateway.post(&[("deduct", -3)]);
    assert_eq!(desk.take(&later), Some(FrameAnswer::Resume(gateway.epoch, 0, 0)));
    assert_eq!(desk.entries(), 0);
}

#[test]
fn a_copy_that_went_on_differently_is_fenced_though_its_stock_is_the_same() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let mut copy = gateway.clone();
    desk.take(&gateway.post(&[("deduct", -1)]));
    copy.requests = 70;
    copy.post(&[("deduct", -1)]);
    let frame = copy.post(&[("deduct", -1)]);
    let refused = desk.take(&frame);
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert_eq!((desk.on_hand(), desk.entries()), (9, 2), "what was committed stays as it is");
    assert!(desk.problem().is_some_and(|problem| problem.contains("differently")));
    let again = desk.take(&gateway.hello());
    assert!(matches!(again, Some(FrameAnswer::Refused(..))), "until somebody decides: {again:?}");
}

#[test]
fn a_copy_whose_ledger_ends_before_the_books_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10), ("deduct", -1)]));
    let position = Position { epoch: gateway.epoch.into(), acked_seq: 2 };
    let refused = desk.take(&Frame::Behind(Behind { position, ledger_seq: 1 }));
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert!(desk.problem().is_some_and(|problem| problem.contains("older copy")));
}

#[test]
fn a_new_database_gets_books_of_its_own_and_the_old_one_is_refused() {
    let mut desk = Desk::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    desk.take(&old.hello());
    desk.take(&old.post(&[("restock", 10)]));
    assert_eq!(desk.take(&new.hello()), Some(FrameAnswer::Resume(new.epoch, 0, 5)));
    assert_eq!(desk.take(&new.post(&[("restock", 4)])), Some(FrameAnswer::Ack(new.epoch, 1)));
    let problem = desk.problem();
    assert!(problem.as_ref().is_some_and(|problem| problem.contains("replaced")), "{problem:?}");
    let refused = desk.take(&old.post(&[("deduct", -1)]));
    assert!(
        matches!(refused, Some(FrameAnswer::Refused(epoch, _)) if epoch == old.epoch),
        "{refused:?}"
    );
    assert_eq!((desk.entries(), desk.problem()), (2, problem), "and changes nothing");
}

#[test]
fn impossible_stock_is_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let refused = desk.take(&gateway.post(&[("deduct", -1)]));
    assert!(matches!(refused, Some(FrameAnswer::Refused(..))), "{refused:?}");
    assert_eq!(desk.entries(), 0);
}

#[test]
fn every_kind_keeps_the_books_balanced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    let changes = [("restock", 50), ("deduct", -7), ("count", -2), ("rollback", 3), ("commit", -4)];
    desk.take(&gateway.post(&changes));
    assert_eq!(desk.on_hand(), 40);
    assert!(desk.balanced());
    desk.db("UPDATE held SET on_hand = on_hand + 1");
    assert!(!desk.balanced(), "and a unit too many is noticed");
}

#[test]
fn the_books_are_kept_after_reopening_and_foreign_files_left_untouched() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let Desk { directory, database, .. } = desk;
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
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 10);
    desk.grant("g1", 4).unwrap().outcome.unwrap();
    assert_eq!(desk.places(), (6, 4, 0));
    let again = desk.grant("g1", 4).unwrap();
    assert!(again.replayed && desk.places() == (6, 4, 0), "a repetition changes nothing");
    let transfer = desk.transfer();
    gateway.take(&transfer);
    let frame = gateway.frame(0);
    desk.take(&frame);
    assert_eq!(desk.places(), (6, 0, 4));
    desk.take(&frame);
    assert_eq!(desk.places(), (6, 0, 4), "nor does a frame that comes again");
    assert_eq!(desk.sent(100_000), []);
}

#[test]
fn a_grant_beyond_the_pool_is_refused_as_a_whole_and_remembered() {
    let mut desk = Desk::new();
    desk.take(&Ledger::new(1).hello());
    desk.receive("in", 10);
    for replayed in [false, true] {
        let CentralDecision { outcome, replayed: again, .. } = desk.grant("g1", 11).unwrap();
        assert!(outcome.is_err() && again == replayed);
    }
    desk.receive("in2", 10);
    assert!(desk.grant("g1", 11).unwrap().outcome.is_err(), "the same request, the same answer");
    assert!(matches!(desk.grant("g1", 12), Err(Rejection::Conflict(_))));
    let nobody = GatewayId { site: "wh".into(), gateway: "nobody".into() };
    let unknown = desk.decide("g2", CentralRequest::Grant { gateway: nobody, lines: lines(1) });
    assert!(matches!(unknown, Err(Rejection::UnknownGateway(_))));
}

#[test]
fn a_recall_takes_back_what_the_gateway_gave_up() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 5)]));
    desk.recall("back", 8).unwrap().outcome.unwrap();
    assert_eq!((desk.recalled("back"), desk.places()), ((false, 0), (0, 0, 5)));
    let transfer = desk.transfer();
    gateway.take(&transfer);
    desk.take(&gateway.told());
    assert_eq!(desk.recalled("back"), (false, 0), "not before its entry is here");
    desk.take(&gateway.frame(1));
    assert_eq!((desk.recalled("back"), desk.places()), ((true, 5), (5, 0, 0)));
}

#[test]
fn a_recall_that_returns_more_than_was_asked_is_not_booked() {
    for (given, is_booked) in [(8, true), (9, false)] {
        let mut desk = Desk::new();
        let mut gateway = desk.stocked("gw", 20);
        desk.recall("back", 8).unwrap().outcome.unwrap();
        let answer = desk.take(&gateway.post_as("back", "recall", -given));
        let is_refused = matches!(answer, Some(FrameAnswer::Refused(..)));
        assert_eq!(is_refused, !is_booked, "{given} units: {answer:?}");
        let places = if is_booked { (8, 0, 12) } else { (0, 0, 20) };
        assert_eq!(desk.places(), places, "{given} units");
    }
}

#[test]
fn units_that_come_back_under_another_name_than_the_recall_s_are_not_booked() {
    let mut desk = Desk::new();
    let mut gateway = desk.stocked("gw", 20);
    desk.recall("back", 8).unwrap().outcome.unwrap();
    let answer = desk.take(&gateway.post_as("another", "recall", -3));
    assert!(matches!(answer, Some(FrameAnswer::Refused(..))), "{answer:?}");
    assert_eq!(desk.places(), (0, 0, 20));
}

#[test]
fn a_recall_that_returns_twice_is_not_booked_twice() {
    let mut desk = Desk::new();
    let mut gateway = desk.stocked("gw", 20);
    desk.recall("back", 8).unwrap().outcome.unwrap();
    desk.take(&gateway.post_as("back", "recall", -3));
    let answer = desk.take(&gateway.post_as("back", "recall", -5));
    assert!(matches!(answer, Some(FrameAnswer::Refused(..))), "{answer:?}");
    assert_eq!(desk.places(), (3, 0, 17));
}

#[test]
fn a_recall_that_returns_nothing_is_closed() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.receive("in", 1);
    desk.recall("back", 8).unwrap().outcome.unwrap();
    let transfer = desk.transfer();
    gateway.take(&transfer);
    desk.take(&gateway.told());
    assert_eq!(desk.recalled("back"), (true, 0));
}

#[test]
fn a_gateway_ahead_of_restored_books_is_told_so() {
    let mut desk = Desk::new();
    let mut gateway = desk.stocked("gw", 5);
    gateway.taken = Taken { transfer: 1, at_seq: 1, catalogue: 0 };
    for frame in [gateway.told(), gateway.hello()] {
        let refused = desk.take(&frame);
        let told = |reason: &str| reason.contains("older books were put back");
        assert!(matches!(&refused, Some(FrameAnswer::Refused(_, why)) if told(why)), "{refused:?}");
    }
    assert_eq!(desk.places(), (0, 0, 5));
}

#[test]
fn a_grant_is_not_closed_by_a_confirmation_without_its_entries() {
    let mut desk = Desk::new();
    let mut gateway = desk.stocked("gw", 5);
    desk.receive("in", 10);
    desk.grant("g", 4).unwrap().outcome.unwrap();
    gateway.taken = Taken { transfer: 1, at_seq: 1, catalogue: 0 };
    let refused = desk.take(&gateway.told());
    let told = |reason: &str| reason.contains("transfer 1 is not in its ledger");
    assert!(matches!(&refused, Some(FrameAnswer::Refused(_, why)) if told(why)), "{refused:?}");
    assert_eq!(desk.places(), (6, 4, 5));
}

#[test]
fn units_that_the_hub_has_not_granted_are_not_booked() {
    for (kind, change) in [("grant", 5), ("recall", -1)] {
        let mut desk = Desk::new();
        let mut gateway = Ledger::new(1);
        desk.take(&gateway.hello());
        desk.receive("in", 10);
        desk.grant("r2", 4).unwrap().outcome.unwrap();
        desk.take(&gateway.post(&[("restock", 9)]));
        let answer = desk.take(&gateway.post(&[(kind, change)]));
        assert!(matches!(answer, Some(FrameAnswer::Refused(..))), "{kind}: {answer:?}");
        assert_eq!(desk.places(), (6, 4, 9));
    }
}

#[test]
fn a_stock_that_differs_is_found_and_repaired_from_the_ledger() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    desk.db("UPDATE held SET on_hand = on_hand + 1");
    desk.take(&gateway.post(&[("deduct", -1)]));
    assert!(desk.problem().is_some_and(|problem| problem.contains("differ")));
    let [Frame::Probe(probe)] = desk.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (9, 0))].into_iter());
    let downlink = &mut desk.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 2, &content);
    desk.database.change(answered).unwrap();
    assert!(desk.problem().is_some_and(|problem| problem.contains("1 SKUs")));
    let repaired = desk.change(|books| repair(books, &gateway_id())).unwrap();
    assert_eq!((repaired, desk.problem()), (vec![sku()], None));
    assert_eq!(desk.on_hand(), 9);
}

#[test]
fn a_gateway_that_greets_with_another_stock_is_probed_and_not_fenced() {
    let mut desk = Desk::new();
    let mut gateway = Ledger::new(1);
    desk.take(&gateway.hello());
    desk.take(&gateway.post(&[("restock", 10)]));
    let sound = gateway.checks.digest;
    gateway.checks.digest = sound.moved(&sku(), (10, 0), (11, 0));
    assert!(matches!(desk.take(&gateway.hello()), Some(FrameAnswer::Resume(..))));
    assert!(desk.problem().is_some_and(|problem| problem.contains("differ")));
    assert!(matches!(desk.sent(1)[..], [Frame::Probe(_)]));
    gateway.checks.digest = sound;
    desk.take(&gateway.hello());
    let [Frame::Probe(probe)] = desk.sent(10_000)[..] else { panic!("the hub asks again") };
    let content = probe.part.content([(&sku(), (10, 0))].into_iter());
    let downlink = &mut desk.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 1, &content);
    desk.database.change(answered).unwrap();
    assert_eq!(desk.problem(), None, "nothing differs any more");
}
