//! SKUs that the catalogue lacks, where such are refused; and entries that wait.

use super::test_hub::{TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::Frame;
use crate::protocol::wire::Version;
use crate::stock::Listing;

#[test]
fn entries_of_an_unlisted_sku_wait_for_its_listing_where_such_are_refused() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let frame = gateway.post(&[("restock", 10)]);

    let refused = ruled(&mut hub, &frame);

    let Some(FrameAnswer::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains(sku().as_str()) && reason.contains("catalogue"), "{reason}");
    assert_eq!((hub.allotment_of(&gateway), hub.problem()), ((0, 0), Some(reason)));
    let waits =
        hub.number("SELECT count(*) FROM book WHERE known_seq = 1 AND pending_since_ms > 0");
    assert_eq!(waits, 1, "its greeting came before the entry");
    let listing = Listing { name: Some("a".into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing]));
    let taken = ruled(&mut hub, &frame);
    assert!(matches!(taken, Some(FrameAnswer::Ack { acked_seq: 1, .. })), "{taken:?}");
    assert_eq!((hub.allotment_of(&gateway), hub.problem()), ((10, 0), None));
}

#[test]
fn entries_of_a_sku_that_the_books_know_are_taken_whatever_the_catalogue_says() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 10);
    let taken = ruled(&mut hub, &gateway.post(&[("deduct", -4)]));
    assert!(matches!(taken, Some(FrameAnswer::Ack { acked_seq: 2, .. })), "{taken:?}");
}

#[test]
fn entries_of_too_many_unknown_skus_wait_and_those_of_listed_ones_do_not() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let frame = gateway.post(&[("restock", 10)]);
    let limited = |hub: &mut TestHub, new_skus| {
        hub.change(|books| {
            books.set_rules(Rules { new_skus, ..Rules::default() }, 0);
            handle_frame(books, &gateway_id(), &frame, Version::V2, 0)
        })
    };
    let waits = limited(&mut hub, 0);
    assert_eq!((waits.limited, waits.new_skus), (Some(Quota::Skus), 0));
    assert!(matches!(waits.answer, Some(FrameAnswer::Refused { .. })), "{waits:?}");
    assert!(hub.problem().is_some_and(|problem| problem.contains("publish a catalogue")));
    let mut later = hub.copy();
    let taken = limited(&mut later, 1);
    assert_eq!((taken.entries, taken.new_skus, later.problem()), (1, 1, None));
    let listing = Listing { name: Some("a".into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing]));
    let taken = limited(&mut hub, 0);
    assert_eq!((taken.entries, taken.new_skus, hub.problem()), (1, 0, None));
}

#[test]
fn it_is_known_since_when_entries_wait() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let pending = |hub: &mut TestHub, frame: &Frame, now_ms| {
        hub.change(|books| handle_frame(books, &gateway_id(), frame, Version::V2, now_ms));
        hub.number("SELECT pending_since_ms FROM book")
    };
    let frame = gateway.post(&[("restock", 10), ("restock", 1)]);
    let hello = gateway.hello();
    assert_eq!(pending(&mut hub, &hello, 5_000), 5_000);
    assert_eq!(pending(&mut hub, &hello, 9_000), 5_000, "since then");
    assert_eq!(pending(&mut hub, &frame, 9_000), 0, "nothing waits");
}

fn ruled(hub: &mut TestHub, frame: &Frame) -> Option<FrameAnswer> {
    hub.change(|books| {
        books.set_rules(Rules { refuses_unknown_skus: true, ..Rules::default() }, 0);
        handle_frame(books, &gateway_id(), frame, Version::V2, 0)
    })
    .answer
}
