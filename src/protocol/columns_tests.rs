use proptest::prelude::*;

use super::super::envelope::Version::{V1, V2};
use super::bytes::*;
use super::text::*;
use super::*;
use crate::limits::{FRAME_BYTES_MAX, ID_BYTES_MAX, REQUEST_ID_BYTES_MAX};
use crate::stock::{Actor, Day, Decimals, Lot, Reason, Serial, Trace};

proptest! {
    #[test]
    fn any_entries_come_back(entries in entries(60)) {
        for version in [V1, V2] {
            let bytes = encode(&entries, version);
            let decoded = decode(&bytes, version, entries[0].seq, entries.len());
            prop_assert_eq!(decoded.as_ref(), Ok(&entries));
        }
    }

    #[test]
    fn a_text_follows_any_other(before in text(), next in text(), orders in text()) {
        for order in [None, Some(orders.as_str()), Some(next.as_str())] {
            let (way, needs) = follow(&before, &next, order);
            let mut reader = ColumnReader(&needs);
            prop_assert_eq!(read(&mut reader, way, &before, order), Ok(next.clone()));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn whatever_arrives_never_panics(
        head in 0..3_u8,
        bytes in prop::collection::vec(0..40_u8, 0..200),
        count in 1..20_usize,
    ) {
        // As it is: deflated columns are hardly ever hit by chance.
        let _ = decode(&[&[0], bytes.as_slice()].concat(), V2, 1, count);
        let _ = decode(&[&[head], bytes.as_slice()].concat(), V2, 1, count);
    }

    #[test]
    fn causes_and_traces_come_back(entries in said_entries()) {
        let bytes = encode(&entries, V2);
        prop_assert_eq!(decode(&bytes, V2, entries[0].seq, entries.len()), Ok(entries));
    }

    #[test]
    fn as_many_are_packed_as_fit(entries in entries(60), limit in 0..2_000_usize) {
        let (bytes, taken) = pack(&entries, None, V2, limit);
        prop_assert!(taken == 1 || bytes.len() <= limit);
        prop_assert_eq!(decode(&bytes, V2, entries[0].seq, taken), Ok(entries[..taken].to_vec()));
        prop_assert!(taken == entries.len() || encode(&entries, V2).len() > limit);
    }
}

#[test]
fn samples_are_decoded_as_encoded_deflated_and_plain() {
    for entries in samples() {
        let first_seq = entries[0].seq;
        let raw = [&[0], columns(&entries, None, V2).as_slice()].concat();
        assert_eq!(decode(&raw, V2, first_seq, entries.len()).as_ref(), Ok(&entries));
        assert_eq!(decode(&encode(&entries, V2), V2, first_seq, entries.len()), Ok(entries));
    }
}

#[test]
fn cut_or_lengthened_bytes_are_refused() {
    for (bytes, entries) in encoded_samples() {
        for length in 0..bytes.len() {
            assert!(
                decode(&bytes[..length], V2, 1, entries).is_err(),
                "cut to {length} of {bytes:?}"
            );
        }
        assert!(decode(&[bytes.as_slice(), &[0]].concat(), V2, 1, entries).is_err(), "{bytes:?}");
        assert!(decode(&bytes, V2, 1, entries + 1).is_err(), "an entry is missing: {bytes:?}");
        assert!(decode(&bytes, V2, 1, entries - 1).is_err(), "an entry is left: {bytes:?}");
    }
}

#[test]
fn a_flipped_bit_never_panics_and_never_yields_invalid_entries() {
    for (bytes, count) in encoded_samples() {
        for at in 0..bytes.len() {
            for bit in 0..u8::BITS {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                if let Ok(entries) = decode(&changed, V2, 1, count) {
                    assert_eq!(entries.len(), count);
                    assert_eq!(decode(&encode(&entries, V2), V2, 1, count), Ok(entries));
                }
            }
        }
    }
}

#[test]
fn sizes_are_checked_before_memory_is_allocated() {
    let mut huge = Vec::new();
    put_size(&mut huge, COLUMNS_BYTES_MAX + 1);
    let deflated = deflate(&vec![0; COLUMNS_BYTES_MAX + 1]).expect("zeros are short");
    assert_eq!(
        decode(&[huge.as_slice(), &deflated].concat(), V2, 1, 1),
        Err(FrameError::Body("a size is out of range"))
    );
    for bytes in [[0xff; 9].as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
        assert!(decode(bytes, V2, 1, 1_000).is_err());
    }
}

#[test]
fn the_groups_have_as_many_entries_as_the_frame_and_none_is_empty() {
    let wrong = Err(FrameError::Body("the groups do not add up to the number of entries"));
    let alike = vec![entry(1), Entry { seq: 2, ..entry(1) }];
    for (entries, changed) in
        [(vec![entry(1)], &[1, 0][..]), (alike, &[1, 1]), (vec![entry(1), entry(2)], &[2, 0, 2])]
    {
        let mut raw = [&[0], columns(&entries, None, V2).as_slice()].concat();
        raw[1..=changed.len()].copy_from_slice(changed);
        assert_eq!(decode(&raw, V2, 1, entries.len()), wrong, "{changed:?}");
    }
}

#[test]
fn inflated_columns_have_exactly_the_announced_length() {
    let columns = columns(&samples()[0], None, V2);
    let deflated = deflate(&columns).expect("this one is regular");
    for (length, good) in [(columns.len() - 1, false), (columns.len(), true)] {
        assert_eq!(inflate(&deflated, length).is_ok(), good, "{length}");
    }
    assert!(inflate(&deflated, columns.len() + 1).is_err());
}

#[test]
fn changes_out_of_range_are_refused_and_those_at_the_limits_accepted() {
    let largest = Entry { change: STOCK_MAX, reserved_change: -STOCK_MAX, ..entry(1) };
    let larger = Entry { change: STOCK_MAX + 1, ..entry(1) };
    let smallest = Entry { change: i64::MIN, reserved_change: i64::MIN, ..entry(1) };
    assert_eq!(decode(&encode(std::slice::from_ref(&largest), V2), V2, 1, 1), Ok(vec![largest]));
    for entry in [larger, smallest] {
        let decoded = decode(&encode(&[entry], V2), V2, 1, 1);
        assert_eq!(decoded, Err(FrameError::Body("a change is out of range")));
    }
}

#[test]
fn columns_are_deflated_only_if_that_makes_them_shorter() {
    // Among these are columns that are as long when deflated.
    for zeros in 0..100 {
        let length = deflate(&vec![0; zeros]).map(|deflated| deflated.len());
        assert!(length.is_none_or(|length| length < zeros), "{zeros} zeros deflated to {length:?}");
    }
    assert!(deflate(&[0; 100]).is_some());
}

#[test]
fn a_number_takes_a_byte_for_each_seven_bits() {
    for (number, expected) in [(0, &[0][..]), (127, &[0x7f]), (128, &[0x80, 1])] {
        let mut bytes = Vec::new();
        put_size(&mut bytes, number);
        assert_eq!(bytes, expected);
    }
}

#[test]
fn a_number_is_read_up_to_64_bits() {
    for number in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
        let mut bytes = Vec::new();
        put_signed(&mut bytes, number);
        assert_eq!(ColumnReader(&bytes).signed(), Ok(number));
    }
    let longer = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert!(ColumnReader(&longer).varint().is_err());
}

#[test]
fn a_number_in_a_text_steps_from_0_to_18_nines() {
    let (nines, ten) = ("9".repeat(18), "10");
    let too_large = Err(FrameError::Body("a text's number is too large"));
    for (before, by, stepped) in [
        (nines.as_str(), 0, Ok(nines.clone())),
        (&nines, 1, too_large.clone()),
        (&nines, i64::MAX, too_large.clone()),
        (ten, -10, Ok("00".to_owned())),
        (ten, -11, too_large),
    ] {
        let mut operand = Vec::new();
        put_signed(&mut operand, by);
        assert_eq!(read(&mut ColumnReader(&operand), STEPPED, before, None), stepped, "{by}");
    }
}

#[test]
fn each_text_takes_the_shortest_encoding() {
    let uuid = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    let other = "5ca24a01-7a0f-4b4f-a1ad-2a0f7d3ef9f5";
    let ways = [
        ("a", "a", None, SAME, 0),
        ("a", "b", Some("b"), ORDER, 0),
        ("536365:9", "536366:10", None, STEPPED, 2),
        ("A-099", "A-100", None, STEPPED, 1),
        ("A-100", "A-099", None, STEPPED, 1),
        ("100", "99", None, REST, 4),
        ("99", "099", None, REST, 5),
        ("85123A", "85123B", None, REST, 3),
        (uuid, other, None, UUID, 17),
        (&format!("commit:{uuid}"), &format!("commit:{other}"), None, UUID, 17),
        (uuid, &other.to_uppercase(), None, REST, 38),
    ];
    for (before, next, order, way, needed) in ways {
        let (followed, needs) = follow(before, next, order);
        assert_eq!((followed, needs.len()), (way, needed), "{before} {next}");
    }
}

#[test]
fn a_thousand_entries_of_the_largest_size_can_be_decoded() {
    let entries: Vec<Entry> = (1..=1_000).map(largest).collect();
    let columns = columns(&entries, None, V2);
    assert!(columns.len() > 190_000, "they are large: {}", columns.len());
    assert!(columns.len() <= COLUMNS_BYTES_MAX);
    let (one, taken) = pack(&entries, None, V2, 1);
    assert!(taken == 1 && one.len() < 260, "{}", one.len());
    let (bytes, taken) = pack(&entries, None, V2, FRAME_BYTES_MAX);
    assert!((100..1_000).contains(&taken));
    assert_eq!(decode(&bytes, V2, 1, taken), Ok(entries[..taken].to_vec()));
}

#[test]
fn a_thousand_entries_that_say_as_much_as_they_can_be_decoded() {
    let text = |seq: u64, salt: u64| -> String {
        let mut random = fastrand::Rng::with_seed(seq * 7 + salt);
        (0..ID_BYTES_MAX).map(|_| random.alphabetic()).collect()
    };
    let entries = (1..=1_000).map(|seq| Entry {
        cause: Cause {
            actor: Actor::parse(&text(seq, 4)).ok(),
            reason: Reason::parse(&text(seq, 5)).ok(),
        },
        trace: Trace::of(Lot::parse(&text(seq, 6)).ok(), Serial::parse(&text(seq, 8)).ok(), None),
        ..largest(seq)
    });
    let entries: Vec<Entry> = entries.collect();
    assert!((440_000..=COLUMNS_BYTES_MAX).contains(&columns(&entries, None, V2).len()));
    let (bytes, taken) = pack(&entries, None, V2, FRAME_BYTES_MAX);
    assert_eq!(decode(&bytes, V2, 1, taken), Ok(entries[..taken].to_vec()));
}

#[test]
fn a_section_that_is_not_known_is_refused() {
    let mut raw = [&[0], columns(&[entry(1)], None, V2).as_slice()].concat();
    assert!(decode(&raw, V2, 1, 1).is_ok());
    *raw.last_mut().unwrap() = 128;
    let error = FrameError::Body("the columns have a section that is not known");
    assert_eq!(decode(&raw, V2, 1, 1), Err(error));
}

#[test]
fn decimals_are_said_of_those_skus_that_have_them() {
    let entries: Vec<Entry> = (1..=40).map(entry).collect();
    let (first, three) = (entries[0].sku.clone(), Decimals::try_from(3).unwrap());
    let other = Sku::parse("not among them").unwrap();
    let booked = vec![(first.clone(), three), (other, three)];
    let with = |decimals: &BookedDecimals| encode_with(&entries, Some(decimals), V2);
    let read = |bytes: &[u8]| decode_with(bytes, V2, 1, 40).unwrap();
    assert_eq!(read(&with(&booked)), (entries.clone(), Some(vec![(first, three)])));
    assert_eq!(read(&with(&Vec::new())).1, Some(Vec::new()));
    assert_eq!(read(&encode(&entries, V2)).1, None, "an earlier program does not say it");
    assert_eq!(encode_with(&entries, Some(&booked), V1), encode(&entries, V1));
    let whole = columns(&entries, Some(&Vec::new()), V2);
    assert_eq!(whole.len(), columns(&entries, None, V2).len(), "and costs nothing");
}

#[test]
fn what_is_said_of_decimals_has_one_form() {
    let (entries, three) = ([entry(1)], Decimals::try_from(3).unwrap());
    let booked = vec![(entries[0].sku.clone(), three)];
    let columns = columns(&entries, Some(&booked), V2);
    let (before, said) = columns.split_at(columns.len() - 4);
    assert_eq!(said, [64, 1, 0, 3]);
    let read = |said: &[u8]| decode_with(&[&[0], before, said].concat(), V2, 1, 1);
    assert!(read(said).is_ok());
    for forged in
        [&[64, 1, 0, 0][..], &[64, 1, 0, 7], &[64, 1, 1, 3], &[64, 2, 0, 3, 0, 3], &[96, 1, 0, 3]]
    {
        assert!(read(forged).is_err(), "{forged:?}");
    }
}

#[test]
fn what_is_not_used_takes_one_byte_in_a_frame() {
    let plain: Vec<Entry> = (1..=400).map(entry).collect();
    let (v1, v2) = (columns(&plain, None, V1), columns(&plain, None, V2));
    assert_eq!(v2.len(), v1.len() + 1);
}

#[test]
fn regular_entries_take_a_few_bytes_each() {
    let (bytes, taken) = pack(&samples()[0], None, V2, FRAME_BYTES_MAX);
    assert_eq!(taken, 400);
    assert!(bytes.len() < 400, "{}", bytes.len());
}

/// Samples with their own first position, of which `decode` is told 1.
fn encoded_samples() -> Vec<(Vec<u8>, usize)> {
    let small = samples().into_iter().map(|mut entries| {
        entries.truncate(12);
        entries
    });
    let both = small.flat_map(|entries| {
        let raw = [&[0], columns(&entries, None, V2).as_slice()].concat();
        [(raw, entries.len()), (encode(&entries, V2), entries.len())]
    });
    both.collect()
}

fn samples() -> Vec<Vec<Entry>> {
    let odd = |seq| Entry { reserved_change: -8, kind: Kind::Commit, order_id: None, ..entry(seq) };
    vec![
        (1..=400).map(entry).collect(),
        (1..=3).map(largest).collect(),
        vec![entry(1), odd(2), Entry { at_ms: i64::MIN, ..entry(3) }, entry(4)],
        vec![entry(9)],
        (1..=7).map(said).collect(),
    ]
}

/// One line of an order by itself.
fn entry(seq: Seq) -> Entry {
    Entry {
        seq,
        kind: Kind::Deduct,
        sku: Sku::parse(&format!("{}A", 85_123 + seq % 7)).unwrap(),
        change: -6,
        reserved_change: 0,
        order_id: Some(OrderId::parse("536365").unwrap()),
        request_id: RequestId::parse(&format!("536365:{seq}")).unwrap(),
        at_ms: 1_291_191_960_000 + 700 * seq.cast_signed(),
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
}

/// With something of everything that an entry may say.
fn said(seq: Seq) -> Entry {
    let some = |every: u64, text: &str| seq.is_multiple_of(every).then(|| text.to_owned());
    let serial = some(2, &format!("S{seq}")).map(|text| Serial::parse(&text).unwrap());
    let lot = some(3, "L7").map(|text| Lot::parse(&text).unwrap());
    let day = some(3, "2027-01-31").map(|text| Day::parse(&text).unwrap());
    Entry {
        cause: Cause {
            actor: some(2, "line-3").map(|text| Actor::parse(&text).unwrap()),
            reason: some(5, "broken").map(|text| Reason::parse(&text).unwrap()),
        },
        trace: Trace::of(lot, serial, day),
        ..entry(seq)
    }
}

/// As large as can be, and without anything in common with the one before.
fn largest(seq: Seq) -> Entry {
    let letters = |salt: u64, length: usize| -> String {
        let mut random = fastrand::Rng::with_seed(seq * 7 + salt);
        (0..length).map(|_| random.alphabetic()).collect()
    };
    let even = seq.is_multiple_of(2);
    Entry {
        seq,
        kind: Kind::Commit,
        sku: Sku::parse(&letters(1, ID_BYTES_MAX)).unwrap(),
        change: STOCK_MAX,
        reserved_change: -STOCK_MAX,
        order_id: Some(OrderId::parse(&letters(2, ID_BYTES_MAX)).unwrap()),
        request_id: RequestId::parse(&letters(3, REQUEST_ID_BYTES_MAX)).unwrap(),
        at_ms: if even { i64::MIN / 3 } else { i64::MAX / 3 },
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    }
}

/// Ids that have something in common now and then, and odd ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-C]?[0-9]{1,3}(:[0-9]{1,2})?",
        "0{0,3}9{0,20}[0-9]{1,20}",
        "(commit:|x)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fF]{12}",
        "\\PC{1,16}",
    ]
}

/// Entries with causes and traces of a few kinds.
fn said_entries() -> impl Strategy<Value = Vec<Entry>> {
    let text = || prop::option::of(prop_oneof!["[a-c]{1,2}", text()]);
    let said = (text(), text(), text(), text(), prop::option::of(-3..3_i32));
    (entries(60), prop::collection::vec(said, 1..20)).prop_map(|(mut entries, said)| {
        for (entry, said) in entries.iter_mut().zip(said.iter().cycle()) {
            let (actor, reason, lot, serial, day) = said.clone();
            entry.cause.actor = actor.and_then(|text| Actor::parse(&text).ok());
            entry.cause.reason = reason.and_then(|text| Reason::parse(&text).ok());
            let lot = lot.and_then(|text| Lot::parse(&text).ok());
            let serial = serial.and_then(|text| Serial::parse(&text).ok());
            let day = day.map(|day| Day::try_from(day * 40_000).unwrap());
            entry.trace = Trace::of(lot, serial, day);
        }
        entries
    })
}

fn entries(most: usize) -> impl Strategy<Value = Vec<Entry>> {
    let change = prop_oneof![-9..9_i64, -STOCK_MAX..=STOCK_MAX];
    let head = (
        prop::sample::select(&Kind::ALL),
        prop::option::of(text()),
        text(),
        prop_oneof![0..9_i64, any::<i64>()],
    );
    let line = (text(), change.clone(), prop_oneof![Just(0), change], any::<bool>());
    let group = (head, prop::collection::vec(line, 1..5));
    (1..1_u64 << 40, prop::collection::vec(group, 1..most / 4)).prop_map(|(first, groups)| {
        let mut entries = Vec::new();
        for ((kind, order_id, request_id, at_ms), lines) in groups {
            let order_id = order_id.map(|id| OrderId::parse(&id).unwrap());
            let request_id = RequestId::parse(&request_id).unwrap();
            for (sku, change, reserved_change, usual) in lines {
                let (usual_change, usual_reserved) = changes(kind, change);
                entries.push(Entry {
                    seq: first + entries.len() as u64,
                    kind,
                    sku: Sku::parse(&sku).unwrap(),
                    change: if usual { usual_change } else { change },
                    reserved_change: if usual { usual_reserved } else { reserved_change },
                    order_id: order_id.clone(),
                    request_id: request_id.clone(),
                    at_ms,
                    clock_trusted: true,
                    cause: Cause::default(),
                    trace: None,
                });
            }
        }
        entries
    })
}
