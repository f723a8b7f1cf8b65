use uuid::Uuid;

use super::*;
use crate::protocol::drift::Part;
use crate::protocol::frame::{Bound, Entries, Epoch, Held, Refused, RefusedDemand};
use crate::stock::{
    Cause, Checks, Digest, Direction, Line, Listing, Lot, Quantity, RequestId, Sku, Trace, Transfer,
};

#[test]
fn positions_and_numbers_are_at_most_the_largest_signed_integer() {
    let frames: [fn(u64) -> Frame; 19] = [
        |number| Frame::Hello(Hello { ledger_seq: number, ..hello() }),
        |number| Frame::Hello(Hello { taken: Taken { transfer: number, ..taken() }, ..hello() }),
        |number| Frame::Hello(Hello { taken: Taken { at_seq: number, ..taken() }, ..hello() }),
        |number| Frame::Hello(Hello { taken: Taken { catalogue: number, ..taken() }, ..hello() }),
        |number| Frame::Hello(Hello { bound: bound(number, 1), ..hello() }),
        |number| Frame::Hello(Hello { bound: bound(1, number), ..hello() }),
        |number| Frame::Checkpoint(Checkpoint { seq: number, ..checkpoint() }),
        |number| entries(Taken { transfer: number, ..taken() }),
        |number| taken_up_to(Taken { at_seq: number, ..taken() }),
        |number| Frame::Behind(Behind { position: position(number), ledger_seq: 1 }),
        |number| Frame::Behind(Behind { position: position(1), ledger_seq: number }),
        |number| sums(number, sixteen_sums(Part::default())),
        |number| figures(number, Part::default(), vec![]),
        |number| Frame::Resume(Resume { position: position(number), nonce: u64::MAX }),
        |number| Frame::Ack(position(number)),
        |number| transfers(vec![transfer(number, 1)]),
        |number| transfers(vec![transfer(number - 1, 1), transfer(number, 1)]),
        |number| catalogue(0, number, 1),
        |number| catalogue(number - 1, number, 1),
    ];
    let largest = i64::MAX.unsigned_abs();
    for (at, frame) in frames.iter().enumerate() {
        assert_eq!(frame(largest).check_ranges(), Ok(()), "frame {at}");
        for number in [largest + 1, u64::MAX] {
            assert!(frame(number).check_ranges().is_err(), "frame {at} with {number}");
        }
    }
}

#[test]
fn stocks_of_a_part_are_within_the_stock_limit() {
    let with = |on_hand, reserved| figures(1, Part::default(), vec![(sku(), on_hand, reserved)]);
    for (on_hand, reserved) in [(STOCK_MAX, STOCK_MAX), (-STOCK_MAX, -STOCK_MAX), (0, 0)] {
        assert_eq!(with(on_hand, reserved).check_ranges(), Ok(()), "{on_hand} {reserved}");
    }
    for beyond in [STOCK_MAX + 1, -STOCK_MAX - 1] {
        for frame in [with(beyond, 0), with(0, beyond)] {
            assert_eq!(frame.check_ranges(), Err("a stock is out of range"), "{beyond}");
        }
    }
}

#[test]
fn a_part_that_no_search_asks_for_is_rejected() {
    let probe = |part| Frame::Probe(Probe { epoch: epoch(), part });
    let smallest = Part { bits: 60, prefix: (1 << 60) - 1 };
    for part in [Part::default(), Part { bits: 4, prefix: 15 }, smallest] {
        assert_eq!(probe(part).check_ranges(), Ok(()), "{part:?}");
        assert_eq!(figures(1, part, vec![]).check_ranges(), Ok(()), "{part:?}");
        let summed = if part == smallest { Err(NO_PART) } else { Ok(()) };
        assert_eq!(sums(1, sixteen_sums(part)).check_ranges(), summed, "{part:?}");
    }
    for (bits, prefix) in [(2, 1), (4, 16), (64, 0), (u8::MAX, 0)] {
        let part = Part { bits, prefix };
        for frame in [probe(part), sums(1, sixteen_sums(part)), figures(1, part, vec![])] {
            assert_eq!(frame.check_ranges(), Err(NO_PART), "{frame:?}");
        }
    }
    let mut fifteen = sixteen_sums(Part::default());
    fifteen.sums.pop();
    assert_eq!(sums(1, fifteen).check_ranges(), Err(NO_PART));
}

#[test]
fn lists_and_names_in_a_frame_are_bounded() {
    type FrameOf = fn(usize) -> Frame;
    let frames: [(FrameOf, usize); 6] = [
        (|count| demand(vec![(1, 1); count]), DEMAND_SKUS_MAX),
        (|count| figures(1, Part::default(), vec![(sku(), 1, 0); count]), DRIFT_FIGURES_MAX),
        (
            |count| transfers((1..).map(|n| transfer(n, 1)).take(count).collect()),
            FRAME_TRANSFERS_MAX,
        ),
        (|count| transfers(vec![transfer(1, 1), transfer(2, count)]), TRANSFER_LINES_MAX),
        (|count| catalogue(1, 2, count), CATALOGUE_LISTINGS_MAX),
        (
            |count| Frame::Hello(Hello { software: "x".repeat(count), ..hello() }),
            SOFTWARE_BYTES_MAX,
        ),
    ];
    for (frame, most) in frames {
        assert_eq!(frame(most).check_ranges(), Ok(()), "{most}");
        assert!(frame(most + 1).check_ranges().is_err(), "{most} and one");
    }
}

#[test]
fn transfers_are_numbered_from_one_without_a_gap_and_have_lines() {
    let check = |numbers: &[(u64, usize)]| {
        transfers(numbers.iter().map(|(number, lines)| transfer(*number, *lines)).collect())
            .check_ranges()
    };
    assert_eq!(check(&[(4, 1), (5, 2)]), Ok(()));
    assert_eq!(check(&[]), Err("the number of transfers is out of range"));
    assert_eq!(check(&[(1, 1), (2, 0)]), Err("a transfer's number of lines is out of range"));
    assert_eq!(check(&[(0, 1), (1, 1)]), Err("a transfer's number is out of range"));
    let mut twice = transfer(1, 2);
    twice.lines[1] = twice.lines[0].clone();
    assert_eq!(transfers(vec![twice.clone()]).check_ranges(), Ok(()), "it is summed");
    twice.lines[1].trace = Trace::of(Lot::parse("L2").ok(), None, None);
    assert_eq!(transfers(vec![twice]).check_ranges(), Err("a transfer has a SKU of two lots"));
    for numbers in [[(4, 1), (6, 1)], [(4, 1), (4, 1)], [(5, 1), (4, 1)]] {
        assert_eq!(check(&numbers), Err("there is a gap between transfers"), "{numbers:?}");
    }
}

#[test]
fn changes_of_the_catalogue_follow_one_another() {
    assert_eq!(catalogue(6, 7, 0).check_ranges(), Ok(()));
    for (after, up_to) in [(7, 7), (8, 7)] {
        assert!(catalogue(after, up_to, 0).check_ranges().is_err(), "{after} {up_to}");
    }
}

#[test]
fn a_refusal_has_no_number_to_check() {
    let refused = Refused { epoch: epoch(), reason: "it is retired".into() };
    assert_eq!(Frame::Refused(refused).check_ranges(), Ok(()));
    let held = Held { epoch: epoch(), reason: "the books are older".into() };
    assert_eq!(Frame::Held(held).check_ranges(), Ok(()));
}

#[test]
fn a_demand_is_within_the_stock_limit() {
    let most = STOCK_MAX.unsigned_abs();
    assert_eq!(demand(vec![(most, most)]).check_ranges(), Ok(()));
    for beyond in [demand(vec![(most + 1, 1)]), demand(vec![(1, 1), (1, most + 1)])] {
        assert_eq!(beyond.check_ranges(), Err("a demand is out of range"));
    }
}

fn hello() -> Hello {
    let (checks, software) = (Checks::default(), "1.0.0".into());
    let (taken, bound) = (taken(), Bound::default());
    Hello { epoch: epoch(), ledger_seq: 1, checks, nonce: u64::MAX, software, taken, bound }
}

fn bound(acked_seq: u64, generation: u64) -> Bound {
    let books = Some(BooksId { books: Uuid::from_u128(8), generation });
    Bound { books, acked_seq, ..Bound::default() }
}

fn checkpoint() -> Checkpoint {
    let (chain, signature) = ([7; 32], [[7; 32]; 2]);
    Checkpoint { epoch: epoch(), seq: 1, chain, at_ms: 0, signature }
}

fn demand(refused: Vec<(u64, u64)>) -> Frame {
    let one = |(lines, units)| RefusedDemand { sku: sku(), lines, units };
    let refused = refused.into_iter().map(one).collect();
    Frame::Demand(Demand { epoch: epoch(), day: 20_000, refused })
}

fn entries(taken: Taken) -> Frame {
    let (epoch, checks) = (epoch(), Checks::default());
    Frame::Entries(Entries { epoch, checks, taken, entries: vec![], decimals: None })
}

fn taken_up_to(taken: Taken) -> Frame {
    Frame::Taken(TakenUpTo { epoch: epoch(), taken })
}

fn sums(seq: u64, content: Sums) -> Frame {
    Frame::Sums(ProbeAnswer { epoch: epoch(), seq, content })
}

fn sixteen_sums(part: Part) -> Sums {
    Sums { part, sums: vec![Digest(u64::MAX); 16] }
}

fn figures(seq: u64, part: Part, figures: Vec<(Sku, i64, i64)>) -> Frame {
    let content = Figures { part, figures };
    Frame::Figures(ProbeAnswer { epoch: epoch(), seq, content })
}

fn transfers(transfers: Vec<Transfer>) -> Frame {
    Frame::Transfers(Transfers { epoch: epoch(), transfers })
}

fn transfer(number: u64, lines: usize) -> Transfer {
    let line = |n: usize| {
        let sku = Sku::parse(&format!("S{n}")).unwrap();
        Line::new(sku, Quantity::of_line(1).unwrap())
    };
    let request_id = RequestId::parse("r").unwrap();
    Transfer {
        number,
        request_id,
        direction: Direction::Grant,
        lines: (0..lines).map(line).collect(),
        cause: Cause::default(),
    }
}

fn catalogue(after: u64, up_to: u64, count: usize) -> Frame {
    let listing = Listing::removed(sku());
    Frame::Catalogue(Catalogue { epoch: epoch(), after, up_to, listings: vec![listing; count] })
}

fn position(acked_seq: u64) -> Position {
    Position { epoch: epoch(), acked_seq }
}

fn taken() -> Taken {
    Taken { transfer: 1, at_seq: 1, catalogue: 1 }
}

fn epoch() -> Epoch {
    Uuid::from_u128(7).into()
}

fn sku() -> Sku {
    Sku::parse("A").unwrap()
}
