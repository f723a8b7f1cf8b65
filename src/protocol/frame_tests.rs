use proptest::prelude::*;

use super::Version::{V1, V2};
use super::*;
use crate::protocol::drift::{Figures, Part, Sums};
use crate::protocol::frame::{
    Behind, Checkpoint, Demand, Held, Position, Probe, ProbeAnswer, Refused, RefusedDemand, Resume,
    TakenUpTo, Transfers,
};
use crate::stock::{
    Actor, Barcode, Cause, Chain, Day, Decimals, Digest, Direction, Kind, Line, Listing, Lot,
    OrderId, Quantity, Reason, RequestId, Serial, Sku, Trace, Transfer,
};

#[test]
fn a_cut_or_lengthened_frame_is_refused() {
    for whole in encoded_samples() {
        for length in 0..whole.len() {
            assert!(Frame::decode(&whole[..length]).is_err(), "cut to {length}: {whole:?}");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(Frame::decode(&longer), Err(FrameError::Length));
    }
}

#[test]
fn a_flipped_bit_is_detected() {
    for whole in encoded_samples() {
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(&flipped).is_err(), "bit {bit} of {whole:?}");
        }
    }
}

#[test]
fn unknown_versions_and_kinds_are_distinguished_from_damage() {
    let mut newer = samples()[0].encode(Wire::UP);
    newer[2] = 9;
    assert_eq!(Frame::decode(&newer), Err(FrameError::Version(9)));
    assert_eq!(Frame::decode(&seal(V2, 77, b"whatever")), Err(FrameError::Kind(77)));
    assert_eq!(Frame::decode(&seal(V1, HELD, b"")), Err(FrameError::Kind(HELD)));
    assert_eq!(Frame::decode(b"{\"online\":true}"), Err(FrameError::Magic));
    let longest = seal(V2, 77, &[0; FRAME_BYTES_MAX - HEADER_BYTES]);
    assert_eq!(Frame::decode(&longest), Err(FrameError::Kind(77)));
    assert_eq!(Frame::decode(&vec![0; FRAME_BYTES_MAX + 1]), Err(FrameError::TooLarge));
}

#[test]
fn a_frame_tells_its_database_its_direction_and_what_is_taken() {
    for frame in [samples(), samples_of_v2()].concat() {
        let (is_upward, tells_taken) = match frame {
            Frame::Hello(_) | Frame::Entries(_) | Frame::Taken(_) => (true, true),
            Frame::Behind(_)
            | Frame::Sums(_)
            | Frame::Figures(_)
            | Frame::Demand(_)
            | Frame::Checkpoint(_) => (true, false),
            Frame::Resume(_)
            | Frame::Ack(_)
            | Frame::Refused(_)
            | Frame::Held(_)
            | Frame::Transfers(_)
            | Frame::Catalogue(_)
            | Frame::Probe(_)
            | Frame::Call(_) => (false, false),
        };
        assert_eq!(frame.is_upward(), is_upward, "{frame:?}");
        assert_eq!(frame.taken(), tells_taken.then(taken), "{frame:?}");
        assert_eq!(frame.epoch(), Uuid::from(epoch()), "{frame:?}");
    }
}

#[test]
fn fields_appended_by_a_newer_program_are_ignored() {
    for whole in encoded_samples() {
        let version = Version::from_number(whole[2]).unwrap();
        let longer = [&whole[HEADER_BYTES..], b"and more"].concat();
        let decoded = Frame::decode_with_wire(&seal(version, whole[3], &longer));
        assert_eq!(decoded, Frame::decode_with_wire(&whole));
    }
}

#[test]
fn a_frame_that_is_filled_has_its_size_and_is_read_as_what_it_is_filled_from() {
    let hello = samples().remove(0);
    let position = Position { epoch: epoch(), acked_seq: 300 };
    for bytes in [1_000, 16_128, FRAME_BYTES_MAX] {
        let filled = hello.encode_filled(Wire::UP, bytes);
        assert_eq!((filled.len(), Frame::decode(&filled).as_ref()), (bytes, Ok(&hello)));
        let call = Frame::Call(Call { position, bytes }).encode(Wire::V2(books()));
        let resume = Frame::Resume(Resume { position, nonce: 0 });
        assert_eq!((call.len(), Frame::decode(&call)), (bytes, Ok(resume)));
    }
    assert_eq!(hello.encode_filled(Wire::UP, 10), hello.encode(Wire::UP), "nothing is cut");
    assert_eq!(hello.encode_filled(Wire::UP, 1 << 20).len(), FRAME_BYTES_MAX);
}

#[test]
fn transfers_with_a_gap_or_an_impossible_quantity_are_refused() {
    let mut gap = vec![transfer(4, "a", Direction::Grant), transfer(6, "b", Direction::Grant)];
    let frame = |transfers| Transfers { epoch: epoch(), transfers };
    let sealed = |transfers| Frame::decode(&seal(V1, TRANSFERS, &plain(&frame(transfers))));
    assert!(sealed(gap.clone()).is_err());
    assert!(sealed(vec![]).is_err());
    gap.truncate(1);
    assert!(sealed(gap.clone()).is_ok());
    gap[0].lines.clear();
    assert!(sealed(gap).is_err());
    let mut body = plain(&frame(vec![transfer(1, "a", Direction::Grant)]));
    assert_eq!(body.pop(), Some(1), "the last quantity");
    for quantity in [0, i64::MAX.unsigned_abs(), u64::MAX] {
        let body = [body.clone(), plain(&quantity)].concat();
        assert!(Frame::decode(&seal(V1, TRANSFERS, &body)).is_err(), "{quantity}");
    }
}

#[test]
fn counts_are_checked_before_memory_is_allocated() {
    for (first_seq, count) in [(1, 0), (1, u32::MAX), (0, 1), (u64::MAX, 2), (i64::MAX as u64, 2)] {
        let head = EntriesV1 {
            epoch: epoch(),
            first_seq,
            checks: checks(0).into(),
            count,
            taken: taken(),
            columns: &[],
        };
        let frame = seal(V1, ENTRIES, &plain(&head));
        assert!(matches!(Frame::decode(&frame), Err(FrameError::Body(_))), "{first_seq} {count}");
    }
}

#[test]
fn a_long_backlog_is_packed_into_frames_within_the_limit() {
    let posted: Vec<Posted> = (1..=2_500)
        .map(|seq| Posted { entry: entry(seq, &"x".repeat(64)), checks: checks(seq) })
        .collect();
    let mut rest = posted.as_slice();
    while !rest.is_empty() {
        let (frame, taken) = pack(epoch().into(), rest, taken());
        assert!(taken > 0 && frame.len() <= FRAME_BYTES_MAX);
        let Ok(Frame::Entries(entries)) = Frame::decode(&frame) else { panic!("it was packed") };
        assert_eq!(entries.checks, rest[taken - 1].checks);
        let taken_entries: Vec<Entry> =
            rest[..taken].iter().map(|posted| posted.entry.clone()).collect();
        assert_eq!(entries.entries, taken_entries);
        rest = &rest[taken..];
    }
    let short: Vec<Posted> =
        (1..=2_500).map(|seq| Posted { entry: entry(seq, "s"), checks: checks(0) }).collect();
    assert!(pack(epoch().into(), &short, taken()).1 <= FRAME_ENTRIES_MAX);
}

#[test]
fn a_frame_is_filled_up_to_its_limit_and_not_beyond() {
    let (checks, largest) = (checks(u64::MAX), i64::MAX.unsigned_abs());
    let taken = Taken { transfer: largest, at_seq: largest, catalogue: largest };
    let mut random = fastrand::Rng::with_seed(7);
    let mut letters =
        |length: usize| -> String { (0..length).map(|_| random.alphabetic()).collect() };
    let mut entries: Vec<Entry> =
        (largest - 1_000..largest).map(|seq| entry(seq, &letters(64))).collect();
    let nearly =
        |count: &usize| columns::encode(&entries[..*count], V2).len() < FRAME_BYTES_MAX - 200;
    let counts: Vec<usize> = (1..900).collect();
    let count = counts.partition_point(nearly);
    let mut longest = 0;
    for last in count..count + 4 {
        for length in (2..=64).step_by(2) {
            entries[last].sku = Sku::parse(&letters(length)).unwrap();
            let posted: Vec<Posted> =
                entries[..=last].iter().map(|e| Posted { entry: e.clone(), checks }).collect();
            let (frame, _) = pack(epoch().into(), &posted, taken);
            assert!(frame.len() <= FRAME_BYTES_MAX, "{} bytes", frame.len());
            longest = longest.max(frame.len());
        }
    }
    assert!(longest > FRAME_BYTES_MAX - 40, "{longest}");
}

proptest! {
    #[test]
    fn whatever_arrives_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Frame::decode(&bytes);
    }

    #[test]
    fn a_sealed_body_of_any_content_never_panics(
        kind in 0..17_u8,
        body in prop::collection::vec(any::<u8>(), 0..200),
        version in prop_oneof![Just(V1), Just(V2)],
    ) {
        if let Ok((frame, wire)) = Frame::decode_with_wire(&seal(version, kind, &body)) {
            prop_assert_eq!(wire.version(), version);
            prop_assert_eq!(Frame::decode_with_wire(&frame.encode(wire)), Ok((frame, wire)));
        }
    }
}

pub(super) fn samples() -> Vec<Frame> {
    let position = Position { epoch: epoch(), acked_seq: 300 };
    let mut reserved = entry(301, "85123A");
    reserved.kind = Kind::Commit;
    reserved.reserved_change = -6;
    reserved.order_id = None;
    let hello = Hello {
        epoch: epoch(),
        ledger_seq: 541_909,
        checks: checks(0x0123_4567_89ab_cdef),
        nonce: 86_400_000,
        software: "0.1.0".into(),
        taken: taken(),
        bound: Bound::default(),
    };
    let entries = Entries {
        epoch: epoch(),
        checks: checks(7),
        taken: taken(),
        entries: vec![reserved, entry(302, "Grün")],
        decimals: None,
    };
    let reason = "an older copy was put back".into();
    let grant = transfer(4, "po-7", Direction::Grant);
    let recall = transfer(5, "back-1", Direction::Recall);
    let part = Part { bits: 8, prefix: 0xa5 };
    let sums = (0..16).map(|n| Digest(n << 56 | n)).collect();
    let figures = vec![(Sku::parse("85123A").unwrap(), 94, 5)];
    vec![
        Frame::Hello(hello),
        Frame::Entries(entries),
        Frame::Resume(Resume { position, nonce: 86_400_000 }),
        Frame::Ack(position),
        Frame::Refused(Refused { epoch: epoch(), reason }),
        Frame::Behind(Behind { position, ledger_seq: 7 }),
        Frame::Taken(TakenUpTo { epoch: epoch(), taken: taken() }),
        Frame::Transfers(Transfers { epoch: epoch(), transfers: vec![grant, recall] }),
        Frame::Catalogue(catalogue()),
        Frame::Probe(Probe { epoch: epoch(), part }),
        Frame::Sums(ProbeAnswer { epoch: epoch(), seq: 300, content: Sums { part, sums } }),
        Frame::Figures(ProbeAnswer {
            epoch: epoch(),
            seq: 300,
            content: Figures { part, figures },
        }),
    ]
}

/// What only version 2 can say.
pub(super) fn samples_of_v2() -> Vec<Frame> {
    let Frame::Hello(hello) = samples().remove(0) else { panic!("the first is a greeting") };
    let bound = Bound {
        books: Some(books()),
        acked_seq: 541_900,
        frame_bytes: 16_384,
        device_key: Some([0xd5; 32]),
    };
    let reason = "the books are older than what the gateway has".into();
    let refused =
        |sku: &str, lines, units| RefusedDemand { sku: Sku::parse(sku).unwrap(), lines, units };
    let refused = vec![refused("85123A", 3, 40), refused("Grün", 1, 1)];
    let (chain, signature) = ([0xc4; 32], [[0x51; 32], [0x52; 32]]);
    let at_ms = 1_291_191_960_123;
    vec![
        Frame::Hello(Hello { bound, ..hello }),
        Frame::Catalogue(Catalogue { listings: vec![weighed()], ..catalogue() }),
        Frame::Held(Held { epoch: epoch(), reason }),
        Frame::Demand(Demand { epoch: epoch(), day: 20_600, refused }),
        Frame::Checkpoint(Checkpoint { epoch: epoch(), seq: 300, chain, at_ms, signature }),
        Frame::Transfers(Transfers { epoch: epoch(), transfers: vec![said(), silent()] }),
    ]
}

/// The samples in both versions.
fn encoded_samples() -> Vec<Vec<u8>> {
    let v1 = samples().into_iter().map(|frame| frame.encode(Wire::V1));
    let v2 = [samples(), samples_of_v2()].concat().into_iter();
    v1.chain(v2.map(|frame| frame.encode(Wire::V2(books())))).collect()
}

#[test]
fn a_frame_downwards_of_version_2_names_its_books_and_one_upwards_does_not() {
    for frame in [samples(), samples_of_v2()].concat() {
        let (decoded, wire) = Frame::decode_with_wire(&frame.encode(Wire::V2(books()))).unwrap();
        let expected = if frame.is_upward() { Wire::UP } else { Wire::V2(books()) };
        assert_eq!((decoded, wire), (frame, expected));
    }
    for frame in samples() {
        let decoded = Frame::decode_with_wire(&frame.encode(Wire::V1));
        assert_eq!(decoded, Ok((frame, Wire::V1)));
    }
}

#[test]
fn a_gateway_of_version_1_is_refused_instead_of_held() {
    let (epoch, reason) = (epoch(), "the books are older".to_owned());
    let held = Frame::Held(Held { epoch, reason: reason.clone() });
    let decoded = Frame::decode_with_wire(&held.encode(Wire::V1));
    assert_eq!(decoded, Ok((Frame::Refused(Refused { epoch, reason }), Wire::V1)));
}

pub(super) fn books() -> BooksId {
    let books = Uuid::from_u128(0xb00c_b00c_b00c_4b0c_8b0c_b00c_b00c_b00c);
    BooksId { books, generation: 2 }
}

pub(super) fn transfer(number: u64, request_id: &str, direction: Direction) -> Transfer {
    let request_id = RequestId::parse(request_id).unwrap();
    let line =
        |sku: &str, units| Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap());
    Transfer {
        number,
        request_id,
        direction,
        lines: vec![line("85123A", 24), line("Grün", 1)],
        cause: Cause::default(),
    }
}

/// A transfer with all that version 1 cannot say.
fn said() -> Transfer {
    let mut said = silent();
    said.number = 4;
    said.cause = Cause { actor: Actor::parse("office").ok(), reason: Reason::parse("season").ok() };
    let expires = Day::parse("2027-01-31").ok();
    said.lines[0].trace = Trace::of(Lot::parse("L1").ok(), Serial::parse("S1").ok(), expires);
    said
}

fn silent() -> Transfer {
    transfer(5, "po-7", Direction::Grant)
}

/// With all that version 1 cannot say.
fn weighed() -> Listing {
    Listing {
        name: Some("Nails".into()),
        unit: Some("kg".into()),
        decimals: Decimals::try_from(3).unwrap(),
        barcodes: vec![Barcode { code: "4006381333931".into(), content: 2_500 }],
        ..Listing::removed(Sku::parse("NAILS").unwrap())
    }
}

fn catalogue() -> Catalogue {
    let listing = |sku: &str, name: Option<&str>, barcodes: &[&str]| Listing {
        name: name.map(Into::into),
        barcodes: barcodes.iter().map(|code| Barcode::single(*code)).collect(),
        ..Listing::removed(Sku::parse(sku).unwrap())
    };
    let lamp = listing("85123A", Some("Lamp, white"), &["4006381333931", "036000291452"]);
    let listings = vec![lamp, listing("Grün", None, &[])];
    Catalogue { epoch: epoch(), after: 12, up_to: 14, listings }
}

pub(super) fn entry(seq: Seq, sku: &str) -> Entry {
    Entry {
        seq,
        kind: Kind::Deduct,
        sku: Sku::parse(sku).unwrap(),
        change: -6,
        reserved_change: 0,
        order_id: Some(OrderId::parse("536365").unwrap()),
        request_id: RequestId::parse("536365:1").unwrap(),
        at_ms: 1_291_191_960_123,
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
}

pub(super) fn checks(digest: u64) -> Checks {
    Checks { digest: Digest(digest), chain: Chain::Xxh3(digest ^ 0xff) }
}

pub(super) fn taken() -> Taken {
    Taken { transfer: 3, at_seq: 299, catalogue: 12 }
}

pub(super) fn epoch() -> Epoch {
    Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff).into()
}
