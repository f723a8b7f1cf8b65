//! What a gateway is sent: transfers, the catalogue, and how much of them at once.

use super::test_hub::{TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::db::BooksTransaction;
use crate::limits::{
    CATALOGUE_BARCODES_MAX, CATALOGUE_NAME_BYTES_MAX, DOWN_RESEND_MS, FRAME_BYTES_MAX,
    FRAME_TRIAL_MS, ID_BYTES_MAX, TRANSFER_LINES_ISSUED,
};
use crate::protocol::frame::{BooksId, Frame, Resume};
use crate::protocol::wire::Wire;
use crate::stock::{Barcode, Line, Listing, Quantity, Sku, Taken, Transfer};

#[test]
fn a_catalogue_is_sent_in_numbered_changes() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let listing = |sku: &str, name: &str| Listing {
        name: Some(name.into()),
        barcodes: vec![Barcode::single("4006381333931")],
        ..Listing::removed(Sku::parse(sku).unwrap())
    };
    let publish = |hub: &mut TestHub, listings| hub.change(|books| publish(books, listings));
    assert_eq!(publish(&mut hub, vec![listing("A", "a"), listing("B", "b")]), 2);
    assert_eq!(publish(&mut hub, vec![listing("A", "a"), listing("B", "b")]), 0);
    let sent = hub.sent(1);
    let [Frame::Catalogue(first)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((first.after, first.up_to, first.listings.len()), (0, 2, 2));
    assert_eq!(first.listings[0].barcodes, [Barcode::single("4006381333931")]);
    assert_eq!(hub.sent(2), [], "once is enough for a while");
    gateway.taken.catalogue = 2;
    hub.answer_to(&gateway.taken_report());
    assert_eq!(publish(&mut hub, vec![listing("A", "new")]), 2, "one changed, one gone");
    let sent = hub.sent(3);
    let [Frame::Catalogue(second)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((second.after, second.up_to), (2, 4));
    let removed = Listing::removed(Sku::parse("B").unwrap());
    assert_eq!(second.listings[0], removed, "its codes are free for another SKU");
}

#[test]
fn unconfirmed_transfers_are_sent_again() {
    let mut hub = TestHub::new();
    let gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.receive("in", 10);
    hub.grant("g", 4).unwrap().outcome.unwrap();
    assert_eq!(hub.sent(1).len(), 1);
    assert_eq!(hub.sent(2), []);
    assert_eq!(hub.sent(6_000).len(), 1);
    hub.downlink.handle_greeting(&gateway_id());
    assert_eq!(hub.sent(6_001).len(), 1, "and at once to one that greets");
}

#[test]
fn a_copy_with_the_same_ledger_is_sent_what_it_has_not_taken() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    hub.receive("in", 1);
    hub.recall("back", 8).unwrap().outcome.unwrap();
    let copy = gateway.clone();
    let listing = Listing { name: Some("a".into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing]));
    assert_eq!(hub.sent(1).len(), 2);
    gateway.taken = Taken { transfer: 1, at_seq: 0, catalogue: 1 };
    hub.answer_to(&gateway.taken_report());
    assert_eq!(hub.sent(2), []);
    hub.answer_to(&copy.hello());
    hub.downlink.handle_greeting(&gateway_id());
    assert_eq!(hub.sent(3).len(), 2, "though another has taken it: a recall of nothing");
    hub.answer_to(&gateway.taken_report());
    assert_eq!((hub.recalled("back"), hub.sent(100_000)), ((true, 0), vec![]));
}

#[test]
fn a_catalogue_of_the_longest_listings_arrives_in_frames_within_the_limit() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 1);
    let listings: Vec<Listing> = (0..600).map(longest_listing).collect();
    hub.change(|books| publish(books, listings.clone()));

    let mut arrived = Vec::new();
    while gateway.taken.catalogue < 600 {
        let frames = hub.sent(1);
        let [Frame::Catalogue(part)] = &frames[..] else { panic!("{frames:?}") };
        assert_fits(&frames[0]);
        assert_eq!(part.after, gateway.taken.catalogue);
        arrived.extend(part.listings.iter().cloned());
        gateway.taken.catalogue = part.up_to;
        hub.answer_to(&gateway.taken_report());
    }

    assert_eq!(arrived, listings);
    assert_eq!(hub.sent(1), []);
}

#[test]
fn many_long_transfers_are_sent_in_frames_within_the_limit() {
    let mut hub = TestHub::new();
    hub.stocked("gw", 1);
    let lines: Vec<Line> = (0..600).map(longest_line).collect();
    hub.decide("in", CentralRequest::Receive { order_id: None, lines: lines.clone() })
        .unwrap()
        .outcome
        .unwrap();
    let names: Vec<String> = (0..8).map(|n| format!("{n:0>ID_BYTES_MAX$}")).collect();
    for (n, name) in names.iter().enumerate() {
        let (gateway, lines) = (gateway_id(), lines.clone());
        let request = match n {
            0 => CentralRequest::Grant { gateway, lines },
            _ => CentralRequest::Recall { gateway, lines },
        };
        hub.decide(name, request).unwrap().outcome.unwrap();
    }

    let mut arrived: Vec<Transfer> = Vec::new();
    while let [Frame::Transfers(sent)] = &hub.sent(1)[..] {
        assert_fits(&Frame::Transfers(sent.clone()));
        arrived.extend(sent.transfers.iter().cloned());
    }

    let numbers: Vec<u64> = arrived.iter().map(|transfer| transfer.number).collect();
    let parts = lines.len().div_ceil(TRANSFER_LINES_ISSUED);
    assert_eq!(numbers, (1..=8 * parts as u64).collect::<Vec<u64>>());
    for (name, parts) in names.iter().zip(arrived.chunks(parts)) {
        assert!(parts.iter().all(|part| part.request_id.as_str() == name));
        let sent: Vec<Line> = parts.iter().flat_map(|part| part.lines.clone()).collect();
        assert_eq!(sent, lines);
    }
}

/// As a gateway reads it: a frame beyond the limit is not read.
fn assert_fits(frame: &Frame) {
    let bytes = frame.encode(Wire::V2(BooksId::default()));
    assert!(bytes.len() <= FRAME_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(Frame::decode(&bytes).as_ref(), Ok(frame));
}

fn longest_listing(n: usize) -> Listing {
    let code = |code| Barcode::single(format!("{code:0>ID_BYTES_MAX$}"));
    Listing {
        name: Some("n".repeat(CATALOGUE_NAME_BYTES_MAX)),
        barcodes: (0..CATALOGUE_BARCODES_MAX).map(code).collect(),
        ..Listing::removed(longest_sku(n))
    }
}

fn longest_line(n: usize) -> Line {
    Line::new(longest_sku(n), Quantity::of_line(1_000_000).unwrap())
}

/// Four-digit numbers first, so that their order is that of the texts.
fn longest_sku(n: usize) -> Sku {
    Sku::parse(&format!("{n:0>4}{}", "s".repeat(ID_BYTES_MAX - 4))).unwrap()
}

/// The longest frame that is sent for a catalogue of these many listings, in bytes.
fn longest_sent(hub: &mut TestHub, now_ms: u64) -> usize {
    let frames = hub.sent(now_ms);
    frames.iter().map(|frame| frame.encode(Wire::UP).len()).max().unwrap_or(0)
}

#[test]
fn a_limit_that_was_found_is_in_the_books_and_counts_after_a_restart() {
    let mut hub = TestHub::new();
    let gateway = hub.stocked("gw", 1);
    let listings: Vec<Listing> = (0..300).map(longest_listing).collect();
    hub.change(|books| publish(books, listings));
    let Frame::Hello(hello) = gateway.hello() else { panic!() };
    let greet = |hub: &mut TestHub, now_ms| {
        let downlink = &mut hub.downlink;
        let known = |books: &mut BooksTransaction<'_>| {
            downlink.weigh_up(books, &gateway_id(), &hello, now_ms)
        };
        hub.database.change(known).unwrap();
        hub.downlink.handle_greeting(&gateway_id());
    };
    let first = longest_sent(&mut hub, 1);
    assert!(first > 16_000, "the largest frames come first: {first}");
    let called = hub.sent(6_000);
    assert!(is_call(&called), "the gateway is asked before it is sent once more: {called:?}");
    assert_eq!(hub.sent(7_000), [], "once");
    greet(&mut hub, 7_100);
    assert_eq!(hub.downlink.take_limit_news(), [], "the gateway may take nothing at all");
    let frames = hub.sent(7_200);
    let [sent @ Frame::Catalogue(part)] = &frames[..] else { panic!() };
    let smaller = sent.encode(Wire::UP).len();
    assert!((4_000..16_400).contains(&smaller), "{smaller}");
    hub.change(|books| {
        let book = books.books(&gateway_id())?.pop().unwrap();
        books.save(&Book { taken: Taken { catalogue: part.up_to, ..book.taken }, ..book })
    });
    let next = longest_sent(&mut hub, 7_300);
    let [(limited, Some(bytes))] = &hub.downlink.take_limit_news()[..] else { panic!("no news") };
    assert!(limited == &gateway_id() && *bytes > 16_000, "{limited} {bytes}");

    hub.downlink = Downlink::default();

    assert_eq!(longest_sent(&mut hub, 1), next, "the books know the limit");
    assert!(is_call(&hub.sent(FRAME_TRIAL_MS + 2)));
    let again = longest_sent(&mut hub, FRAME_TRIAL_MS + 2 + DOWN_RESEND_MS);
    assert!(again > smaller, "it is tried once more after a while: {again}");
}

fn is_call(frames: &[Frame]) -> bool {
    matches!(frames, [Frame::Resume(Resume { nonce: 0, .. })])
}

#[test]
fn what_a_gateway_that_does_not_answer_was_sent_is_sent_again() {
    let mut hub = TestHub::new();
    hub.stocked("gw", 1);
    hub.change(|books| publish(books, (0..300).map(longest_listing).collect()));
    let first = longest_sent(&mut hub, 1);
    assert!(is_call(&hub.sent(6_000)));
    assert_eq!(longest_sent(&mut hub, 11_000), first);
    assert_eq!(hub.downlink.take_limit_news(), [], "nothing is known");
}

#[test]
fn what_a_gateway_knows_of_its_broker_counts_for_the_frames_to_it() {
    let mut hub = TestHub::new();
    let gateway = hub.stocked("gw", 1);
    let listings: Vec<Listing> = (0..300).map(longest_listing).collect();
    hub.change(|books| publish(books, listings));
    let Frame::Hello(mut hello) = gateway.hello() else { panic!() };
    hello.bound.frame_bytes = 3_840;

    let downlink = &mut hub.downlink;
    let greet =
        |books: &mut BooksTransaction<'_>| downlink.weigh_up(books, &gateway_id(), &hello, 1);
    hub.database.change(greet).unwrap();

    let sent = longest_sent(&mut hub, 2);
    assert!((1_000..4_000).contains(&sent), "{sent}");
}
