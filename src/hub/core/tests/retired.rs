//! Replaced, fenced and retired databases, and what they held.

use super::desk::{Closing, Desk, Ledger, gateway_id, sku};
use crate::hub::core::*;
use crate::hub::db::BooksTransaction;
use crate::protocol::frame::Frame;

#[test]
fn a_retired_database_is_brought_back_to_the_next_one() {
    let mut desk = Desk::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    desk.take(&old.hello());
    desk.take(&old.post(&[("restock", 10)]));
    desk.receive("in", 5);
    desk.grant("g", 5).unwrap().outcome.unwrap();
    desk.take(&new.hello());
    assert_eq!(desk.places(), (0, 5, 10), "as long as the old one may come back, it has them");
    assert!(desk.problem().is_some());
    let retired = desk.change(|books| retire(books, &gateway_id(), Some(old.epoch))).unwrap();
    assert_eq!(retired.moved_to, Some(new.epoch));
    assert_eq!((desk.places(), desk.problem()), ((0, 15, 0), None));
    let transfer = desk.transfer();
    new.take(&transfer);
    desk.take(&new.frame(0));
    assert_eq!(desk.places(), (0, 0, 15));
    desk.take(&old.post(&[("deduct", -1)]));
    let aside = desk.number("SELECT count(*) FROM aside");
    assert_eq!((desk.places(), aside), ((0, 0, 15), 1), "what comes later is kept aside");
    let again = desk.change(|books| retire(books, &gateway_id(), Some(old.epoch))).unwrap();
    assert_eq!((again.acked_seq, again.known_seq), (1, 2));
    assert_eq!(desk.places(), (0, 0, 15));
}

#[test]
fn a_database_that_is_fenced_or_retired_is_granted_nothing() {
    for closing in [Closing::Fenced, Closing::Retired] {
        let mut desk = Desk::new();
        let old = desk.stocked("gw", 5);
        desk.receive("in", 12);
        desk.grant("under way", 2).unwrap().outcome.unwrap();
        closing.close(&mut desk, &old);

        for refused in [desk.grant("g", 4), desk.recall("r", 4)] {
            assert!(matches!(refused, Err(Rejection::Closed(..))), "{closing:?}: {refused:?}");
        }
        assert_eq!(desk.places(), (10, 2, 5), "{closing:?}");
        assert_eq!(desk.sent(1), [], "nor sent what is under way: {closing:?}");

        let new = Ledger::new(77);
        desk.meet(&new);
        desk.grant("g", 4).unwrap().outcome.unwrap();
        let (left, brought_back) = match closing {
            Closing::Retired => ((0, 0), 7),
            Closing::Fenced | Closing::Replaced => ((5, 2), 0),
        };
        assert_eq!(desk.allotment_of(&old), left, "{closing:?}");
        assert_eq!(desk.allotment_of(&new), (0, 4 + brought_back), "{closing:?}");
    }
}

#[test]
fn the_units_of_a_database_retired_in_force_wait_for_the_next_one() {
    let mut desk = Desk::new();
    let mut old = desk.stocked("gw", 10);
    desk.take(&old.post(&[("reserve", 6)]));
    desk.receive("in", 3);
    desk.grant("g", 3).unwrap().outcome.unwrap();

    let retired = desk.retire(&old);

    assert_eq!((retired.epoch, retired.moved_to), (old.epoch, None));
    assert_eq!(desk.allotment_of(&old), (10, 3));
    let new = Ledger::new(77);
    desk.meet(&new);
    assert_eq!((desk.allotment_of(&old), desk.allotment_of(&new)), ((0, 0), (0, 13)));
    assert_eq!(desk.problem(), None);
}

#[test]
fn a_replaced_database_keeps_its_units_until_it_is_retired_itself() {
    let mut desk = Desk::new();
    let first = desk.stocked("gw", 10);
    let second = desk.stocked("gw", 4);
    let third = desk.stocked("gw", 1);
    let units = |desk: &mut Desk| [&first, &second, &third].map(|ledger| desk.allotment_of(ledger));
    assert_eq!(units(&mut desk), [(10, 0), (4, 0), (1, 0)]);

    assert_eq!(desk.retire(&second).moved_to, Some(third.epoch));
    assert_eq!(units(&mut desk), [(10, 0), (0, 0), (1, 4)]);
    assert!(desk.problem().is_some(), "the first one may still come back");

    desk.retire(&first);
    assert_eq!(units(&mut desk), [(0, 0), (0, 0), (1, 14)]);
    assert_eq!(desk.problem(), None);
}

#[test]
fn a_replaced_database_is_reported_by_every_later_one_until_it_is_retired() {
    let mut desk = Desk::new();
    let first = desk.stocked("gw", 10);
    let second = desk.stocked("gw", 4);
    desk.retire(&second);

    let third = desk.stocked("gw", 1);

    let problem = desk.problem().unwrap_or_default();
    assert!(problem.contains(&first.epoch.to_string()), "{problem}");
    assert_eq!(desk.allotment_of(&third), (1, 4));
    desk.retire(&first);
    assert_eq!((desk.problem(), desk.allotment_of(&third)), (None, (1, 14)));
}

#[test]
fn retiring_without_an_epoch_begins_with_the_oldest_database() {
    let mut desk = Desk::new();
    let epochs = [10, 4, 1].map(|units| desk.stocked("gw", units).epoch);

    for epoch in [epochs[0], epochs[1], epochs[2], epochs[2]] {
        let retired = desk.change(|books| retire(books, &gateway_id(), None)).unwrap();
        assert_eq!(retired.epoch, epoch);
    }
}

#[test]
fn an_epoch_that_the_gateway_never_had_is_not_retired() {
    let mut desk = Desk::new();
    let [ours, theirs] = ["gw", "other"].map(|name| desk.stocked(name, 5));

    let refused = desk.change(|books| retire(books, &gateway_id(), Some(theirs.epoch)));

    assert_eq!(refused, Err(NoSuchEpoch { known: vec![ours.epoch] }));
}

#[test]
fn a_fenced_database_is_not_given_what_a_retired_one_held() {
    let mut desk = Desk::new();
    let first = desk.stocked("gw", 10);
    let second = desk.stocked("gw", 4);
    Closing::Fenced.close(&mut desk, &second);

    assert_eq!(desk.retire(&first).moved_to, None);

    assert_eq!((desk.allotment_of(&first), desk.allotment_of(&second)), ((10, 0), (4, 0)));
    let third = desk.stocked("gw", 1);
    assert_eq!((desk.allotment_of(&first), desk.allotment_of(&third)), ((0, 0), (1, 10)));
    assert_eq!(desk.allotment_of(&second), (4, 0), "nobody has retired it");
    desk.retire(&second);
    assert_eq!((desk.allotment_of(&second), desk.allotment_of(&third)), ((0, 0), (1, 14)));
}

#[test]
fn a_stock_that_differs_is_reported_on_after_the_replaced_database_is_retired() {
    let mut desk = Desk::new();
    let old = desk.stocked("gw", 10);
    let mut new = desk.stocked("gw", 4);
    new.checks.digest = new.checks.digest.moved(&sku(), (4, 0), (5, 0));
    desk.take(&new.hello());
    let [Frame::Probe(probe)] = desk.sent(1)[..] else { panic!("the hub asks where") };
    let content = probe.part.content([(&sku(), (5, 0))].into_iter());
    let downlink = &mut desk.downlink;
    let answered =
        |books: &mut BooksTransaction<'_>| downlink.answered(books, &gateway_id(), 1, &content);
    desk.database.change(answered).unwrap();

    desk.retire(&old);

    assert!(desk.problem().is_some(), "the stock is still another");
}
