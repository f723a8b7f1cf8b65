//! Frames as they are on the wire, for ever: `tests/golden/*.hex` of version 1 and
//! `tests/golden/2/*.hex` of version 2, in hexadecimal digits, beside each the JSON that says what
//! is in it. Those in `tests/golden/bad` are to be left aside.
//!
//! `STOCKGATE_GOLDEN=write cargo test --lib golden` writes files that are not there, and changes
//! none that is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;

use super::Version::{V1, V2};
use super::tests::{books, checks, entry, epoch, samples, samples_of_v2, taken, transfer};
use super::*;
use crate::protocol::drift::{Figures, Part};
use crate::protocol::frame::{Position, Probe, ProbeAnswer, Transfers};
use crate::stock::{
    Actor, Cause, Day, Decimals, Direction, Kind, Lot, OrderId, Origin, Reason, RequestId, Serial,
    Sku, Trace, Transfer,
};

const NAMES: [&str; 12] = [
    "hello",
    "entries",
    "resume",
    "ack",
    "refused",
    "behind",
    "taken",
    "transfers",
    "catalogue",
    "probe",
    "sums",
    "figures",
];

/// What there is in version 2 beside them.
const NAMES_OF_V2: [&str; 6] =
    ["hello-bound", "catalogue-units", "held", "demand", "checkpoint", "transfers-said"];

/// A golden frame: its name, bytes and decoded form.
struct Vector {
    name: String,
    frame: Frame,
    wire: Wire,
    bytes: Vec<u8>,
    /// As this program writes it, and not only others.
    is_ours: bool,
}

#[test]
fn frames_keep_their_bytes() {
    let vectors = vectors();
    for Vector { name, frame, wire, bytes, is_ours } in &vectors {
        let golden = golden(name, bytes);
        let again = frame.encode(*wire);
        let read = if frame.is_upward() && *wire != Wire::V1 { Wire::UP } else { *wire };
        assert_eq!(Frame::decode_with_wire(&golden), Ok((frame.clone(), read)), "{name}");
        assert_eq!(Frame::decode_with_wire(&again), Ok((frame.clone(), read)), "{name}");
        assert!(!is_ours || inflated(&again) == inflated(&golden), "{name} is written otherwise");
    }
    let files = ["", "2"].into_iter().flat_map(|folder| fs::read_dir(dir().join(folder)).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "hex"));
    assert_eq!(files.count(), vectors.len(), "every file is one of them");
}

/// What of a frame is the same for ever: deflate may come to write the same otherwise.
fn inflated(frame: &[u8]) -> Vec<u8> {
    if frame[3] != ENTRIES {
        return frame.to_vec();
    }
    let (head, columns) = if frame[2] == 1 {
        let body: EntriesV1<'_> = body(&frame[HEADER_BYTES..]).unwrap();
        (plain(&EntriesV1 { columns: &[], ..body }), body.columns)
    } else {
        let body: EntriesV2<'_> = body(&frame[HEADER_BYTES..]).unwrap();
        (plain(&EntriesV2 { columns: &[], ..body }), body.columns)
    };
    let (length, columns): (usize, _) = part(columns).unwrap();
    let mut inflated = head;
    match length {
        0 => inflated.extend(columns),
        _ => drop(DeflateDecoder::new(columns).read_to_end(&mut inflated).unwrap()),
    }
    inflated
}

#[cfg(feature = "hub")]
#[test]
fn frames_keep_their_content() {
    for Vector { name, bytes, .. } in vectors() {
        let file = dir().join(format!("{name}.json"));
        let json = crate::hub::frame_json(&golden(&name, &bytes)).unwrap();
        written(&file, || format!("{json:#}\n"));
        let kept: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(kept, json, "{name}");
    }
}

/// The figures that docs/PROTOCOL.md gives, to try another program on.
#[test]
fn the_checksums_and_names_in_the_protocol_document_are_right() {
    let text = include_str!("../../docs/PROTOCOL.md");
    let (first, last) = (reached(&kinds()[..1]), reached(&kinds()));
    let chain = |checks: Checks| match checks.chain {
        Chain::Xxh3(chain) => chain,
        Chain::Sha256(_) => panic!("these ledgers have the older chain"),
    };
    for number in [chain(first), first.digest.0, chain(last), last.digest.0] {
        assert!(text.contains(&format!("`{number:016x}`")), "{number:016x}");
    }
    let (site, gateway) = ("wh-01".into(), "gw-01".into());
    let event_id = Origin { site, gateway, epoch: epoch().into() }.event_id(1);
    assert!(text.contains(&format!("`{event_id}`")), "{event_id}");
}

#[test]
fn bad_frames_are_refused() {
    for (name, bytes) in bad() {
        let golden = golden(&format!("bad/{name}"), &bytes);
        assert!(Frame::decode(&golden).is_err(), "{name}");
    }
}

#[test]
fn a_damaged_golden_frame_is_refused_and_never_panics() {
    for Vector { name, bytes, .. } in vectors() {
        let golden = golden(&name, &bytes);
        for length in 0..golden.len() {
            assert!(Frame::decode(&golden[..length]).is_err(), "{name} cut to {length}");
        }
        for at in 0..golden.len() {
            let flips: &[u8] = if golden.len() < 400 { &[1, 0x10, 0x80, 0xff] } else { &[0x80] };
            for flip in flips {
                let mut damaged = golden.clone();
                damaged[at] ^= flip;
                assert!(Frame::decode(&damaged).is_err(), "{name}, byte {at} ^ {flip}");
                #[cfg(feature = "hub")]
                crate::fuzzing::frame(&damaged);
            }
        }
    }
}

fn vectors() -> Vec<Vector> {
    let mut vectors = vectors_of("", Wire::V1);
    vectors.extend(vectors_of("2/", Wire::V2(books())));
    let of_v2 = NAMES_OF_V2.into_iter().zip(samples_of_v2());
    vectors.extend(of_v2.map(|(name, frame)| ours("2/", name, frame, Wire::V2(books()))));
    let mut said = frame(said());
    said.checks.chain = Chain::default().upgraded(0);
    for entry in &said.entries {
        said.checks.chain = said.checks.chain.with(entry);
    }
    let said = Frame::Entries(said);
    vectors.push(ours("2/", "entries-said", said, Wire::V2(books())));
    let three = Decimals::try_from(3).unwrap();
    let booked = vec![(lines().remove(0).sku, three)];
    for (name, decimals) in [("entries-whole", Vec::new()), ("entries-decimals", booked)] {
        let frame = Entries { decimals: Some(decimals), ..frame(lines()) };
        vectors.push(ours("2/", name, Frame::Entries(frame), Wire::V2(books())));
    }
    vectors
}

/// A frame as this program writes it.
fn ours(folder: &str, name: &str, frame: Frame, wire: Wire) -> Vector {
    let bytes = frame.encode(wire);
    Vector { name: format!("{folder}{name}"), frame, wire, bytes, is_ours: true }
}

/// The frames that there are in both versions.
fn vectors_of(folder: &str, wire: Wire) -> Vec<Vector> {
    let version = wire.version();
    let of_entries = [
        ("entries-kinds", kinds()),
        ("entries-one", one()),
        ("entries-odd", odd()),
        ("entries-clock", without_clock()),
        ("entries-undone", undone()),
        ("entries-uuids", uuids()),
        ("entries-steps", steps()),
        ("entries-texts", texts()),
        ("entries-lines", lines()),
        ("entries-deflated", deflated()),
        ("entries-250", many(250)),
    ];
    let simple = frame(kinds());
    let hello = samples().remove(0);
    let longer =
        [&hello.encode(wire)[HEADER_BYTES..], b"\x07and what a newer program adds"].concat();
    let others = [
        ("entries-simple", simplest(&simple, version), Frame::Entries(simple)),
        ("hello-longer", seal(version, HELLO, &longer), hello),
    ];
    let other = |(name, bytes, frame)| {
        let name = format!("{folder}{name}");
        Vector { name, frame, wire, bytes, is_ours: false }
    };
    NAMES
        .into_iter()
        .zip(samples())
        .chain(of_entries.map(|(name, entries)| (name, Frame::Entries(frame(entries)))))
        .map(|(name, frame)| ours(folder, name, frame, wire))
        .chain(others.map(other))
        .collect()
}

fn frame(entries: Vec<Entry>) -> Entries {
    let checks = reached(&entries);
    Entries { epoch: epoch(), checks, taken: taken(), entries, decimals: None }
}

/// The checks after entries that begin with an empty stock and ledger.
fn reached(entries: &[Entry]) -> Checks {
    let (mut checks, mut stock) = (Checks::default(), BTreeMap::<Sku, (i64, i64)>::new());
    for entry in entries {
        let figures = stock.entry(entry.sku.clone()).or_default();
        let before = *figures;
        figures.0 = figures.0.wrapping_add(entry.change);
        figures.1 = figures.1.wrapping_add(entry.reserved_change);
        checks.digest = checks.digest.moved(&entry.sku, before, *figures);
        checks.chain = checks.chain.with(entry);
    }
    checks
}

fn entry_of(seq: Seq, kind: Kind, sku: &str, changes: (i64, i64), ids: (&str, &str)) -> Entry {
    let (order, request) = ids;
    Entry {
        kind,
        change: changes.0,
        reserved_change: changes.1,
        order_id: (!order.is_empty()).then(|| OrderId::parse(order).unwrap()),
        request_id: RequestId::parse(request).unwrap(),
        at_ms: 1_291_191_960_123 + 977 * i64::try_from(seq).unwrap(),
        ..entry(seq, sku)
    }
}

/// With causes and traces: those of lines 1 to 3 are from one request, and lot L1 is of two SKUs.
fn said() -> Vec<Entry> {
    let said =
        |seq: Seq, sku, (actor, reason): (&str, &str), (lot, serial, day): (&str, &str, &str)| {
            let trace =
                Trace::of(Lot::parse(lot).ok(), Serial::parse(serial).ok(), Day::parse(day).ok());
            let cause =
                Cause { actor: Actor::parse(actor).ok(), reason: Reason::parse(reason).ok() };
            let request = format!("r{}", seq.min(3));
            let at_ms = 1_291_191_960_123;
            let entry = entry_of(seq, Kind::Deduct, sku, (-2, 0), ("", &request));
            Entry { cause, trace, at_ms, ..entry }
        };
    let (line, office) = (("line-3", ""), ("office", "broken"));
    vec![
        said(1, "85123A", line, ("L1", "", "2027-01-31")),
        said(2, "85123A", line, ("L2", "S-0007", "2027-02-28")),
        said(3, "85123A", office, ("L2", "S-0008", "2027-02-28")),
        said(4, "22423", ("office", ""), ("L1", "", "")),
        said(5, "22423", ("", ""), ("", "", "1969-12-31")),
        said(6, "22423", office, ("", "", "")),
    ]
}

/// One of each kind, as a gateway makes them.
fn kinds() -> Vec<Entry> {
    vec![
        entry_of(1, Kind::Restock, "85123A", (100, 0), ("po-7", "in-1")),
        entry_of(2, Kind::Count, "85123A", (-3, 0), ("", "count-1")),
        entry_of(3, Kind::Deduct, "85123A", (-6, 0), ("536365", "536365:1")),
        entry_of(4, Kind::Rollback, "85123A", (2, 0), ("536365", "back-1")),
        entry_of(5, Kind::Reserve, "85123A", (0, 10), ("536366", "hold-1")),
        entry_of(6, Kind::Commit, "85123A", (-4, -4), ("536366", "commit:hold-1")),
        entry_of(7, Kind::Release, "85123A", (0, -3), ("536366", "release:hold-1")),
        entry_of(8, Kind::Expire, "85123A", (0, -3), ("536366", "hold-1")),
        entry_of(9, Kind::Grant, "Grün", (24, 0), ("", "po-8")),
        entry_of(10, Kind::Recall, "Grün", (-4, 0), ("", "recall-1")),
    ]
}

/// The last entry that there can be.
fn one() -> Vec<Entry> {
    vec![Entry {
        seq: i64::MAX.unsigned_abs(),
        at_ms: 0,
        ..entry_of(1, Kind::Restock, "x", (1, 0), ("", "r"))
    }]
}

/// Counts that are undone, and a restock.
fn undone() -> Vec<Entry> {
    vec![
        entry_of(1, Kind::Restock, "A", (9, 0), ("", "in-1")),
        entry_of(2, Kind::Count, "A", (-3, 0), ("", "count-1")),
        entry_of(3, Kind::CountRollback, "A", (3, 0), ("", "back-1")),
        entry_of(4, Kind::Count, "A", (2, 0), ("", "count-2")),
        entry_of(5, Kind::CountRollback, "A", (-2, 0), ("", "back-2")),
        entry_of(6, Kind::Restock, "A", (4, 0), ("po-7", "in-2")),
        entry_of(7, Kind::Rollback, "A", (-4, 0), ("po-7", "back-3")),
    ]
}

/// From a start in 1970, then with a clock that was set.
fn without_clock() -> Vec<Entry> {
    let first = entry_of(1, Kind::Restock, "A", (5, 0), ("", "in-1"));
    let early = Entry { at_ms: 61_000, clock_trusted: false, ..first };
    vec![early, entry_of(2, Kind::Deduct, "A", (-2, 0), ("o-1", "r-1"))]
}

/// Amounts that no gateway makes, at the ends of what can be read, and times likewise.
fn odd() -> Vec<Entry> {
    let most = crate::limits::STOCK_MAX;
    let mut entries = vec![
        entry_of(1, Kind::Commit, "A", (-5, -3), ("", "r1")),
        entry_of(2, Kind::Restock, "A", (7, 1), ("", "r2")),
        entry_of(3, Kind::Reserve, "A", (most, -most), ("", "r3")),
        entry_of(4, Kind::Deduct, "A", (-most, 0), ("", "r4")),
        entry_of(5, Kind::Deduct, "A", (2, 0), ("", "r5")),
        entry_of(6, Kind::Expire, "A", (0, 0), ("", "r6")),
        entry_of(6, Kind::Expire, "B", (1, 0), ("", "r6")),
        entry_of(8, Kind::Count, "A", (0, 0), ("", "r8")),
        entry_of(9, Kind::Count, "A", (-most, 0), ("", "r9")),
    ];
    entries[6].seq = 7;
    entries[7].at_ms = i64::MIN;
    entries[8].at_ms = i64::MAX;
    entries
}

/// Ids that are UUIDs, after a word and without one, and some that only look like it.
fn uuids() -> Vec<Entry> {
    let mut random = Random(7);
    let mut entries = Vec::new();
    for seq in 1..=8 {
        let (order, request) = (random.uuid(), random.uuid());
        let ids = match seq % 4 {
            0 => (format!("web-{order}"), order.to_string()),
            1 => (String::new(), request.to_string()),
            2 => (order.to_string(), format!("commit:{request}")),
            _ => (order.to_string().to_uppercase(), request.simple().to_string()),
        };
        entries.push(entry_of(seq, Kind::Deduct, "A", (-1, 0), (&ids.0, &ids.1)));
    }
    entries
}

/// Ids whose numbers continue: over tens, with zeros before them, down, and too long.
fn steps() -> Vec<Entry> {
    let ids = [
        ("9", "r-9"),
        ("10", "r-10"),
        ("10", "r-12"),
        ("0099", "r-0099"),
        ("0100", "r-0100"),
        ("100", "r-100"),
        ("536365:1", "536365:1"),
        ("536366:2", "536366:2/1"),
        ("536360:9", "536360:9/7"),
        ("999999999999999998", "x999999999999999998"),
        ("999999999999999999", "x999999999999999999"),
        ("1000000000000000000", "x1000000000000000000"),
        ("1000000000000000001", "x1000000000000000001"),
        ("0000000000000000000000", "x00000000000000000000"),
    ];
    let entry = |(seq, ids): (Seq, &(&str, &str))| {
        entry_of(seq, Kind::Deduct, &format!("SKU-{:03}", seq * 7 % 5), (-1, 0), *ids)
    };
    (1..).zip(&ids).map(entry).collect()
}

/// Texts that have bytes in common, and letters or not; the longest that there are.
fn texts() -> Vec<Entry> {
    let (long, longest) = ("ä".repeat(32), format!("release:{}", "z".repeat(64)));
    vec![
        entry_of(1, Kind::Restock, "é", (1, 0), ("Grün", "Grün")),
        entry_of(2, Kind::Restock, "è", (1, 0), ("Grüße", "Grün 2")),
        entry_of(3, Kind::Restock, "😀", (1, 0), ("Grüße 😀", "Grüße 😀")),
        entry_of(4, Kind::Restock, "😁", (1, 0), ("٣", "٣")),
        entry_of(5, Kind::Restock, &long, (1, 0), (&long, &longest)),
        entry_of(6, Kind::Restock, "a b\"c\\d", (1, 0), (" ", "\u{feff}\u{a0}")),
    ]
}

/// Mutations of several lines, with SKUs in no order and again.
fn lines() -> Vec<Entry> {
    let skus = ["C", "A", "B", "A", "D", "C", "C", "E"];
    let line = |(seq, sku): (Seq, &&str)| {
        let (first, quantity) = (seq - seq % 4, i64::try_from(seq).unwrap() * 75);
        let order = if first == 4 { "o-2" } else { "" };
        let ids = format!("r-{first}");
        Entry { seq, ..entry_of(first, Kind::Deduct, sku, (-quantity, 0), (order, &ids)) }
    };
    (1..).zip(&skus).map(line).collect()
}

/// So alike that deflate makes them shorter.
fn deflated() -> Vec<Entry> {
    let line = |seq: Seq| {
        let (sku, request) = (format!("{:05}", 22_000 + seq), format!("in-{seq}"));
        Entry {
            at_ms: 1_291_191_960_000,
            ..entry_of(seq, Kind::Restock, &sku, (12, 0), ("po-7", &request))
        }
    };
    (1..=24).map(line).collect()
}

/// Entries like those of a day of orders.
fn many(count: Seq) -> Vec<Entry> {
    let mut random = Random(42);
    let mut left = 0;
    let (mut order, mut at_ms, mut line) = (536_365, 1_291_191_960_000, 0);
    let one = |seq: Seq| {
        if left == 0 {
            (left, order, line) = (1 + random.below(6), order + 1, 0);
            at_ms += 1 + i64::try_from(random.below(90_000)).unwrap();
        }
        (left, line) = (left - 1, line + 1);
        let sku = format!("{}{}", 20_000 + random.below(60) * 37, ["", "A", "B"][seq as usize % 3]);
        let quantity = 1 + i64::try_from(random.below(24)).unwrap();
        let order = order.to_string();
        let request = if seq < 100 { format!("{order}:{line}") } else { order.clone() };
        Entry { at_ms, ..entry_of(seq, Kind::Deduct, &sku, (-quantity, 0), (&order, &request)) }
    };
    (1..=count).map(one).collect()
}

/// The least that an encoder needs to do: a group an entry, every text written out, both amounts,
/// nothing deflated.
fn simplest(entries: &Entries, version: Version) -> Vec<u8> {
    let Entries { epoch, checks, taken, entries, .. } = entries;
    let unsigned = |number: usize| plain(&number);
    let signed = |number: i64| plain(&number);
    let written = |texts: &[&str]| {
        let needs = texts.iter().flat_map(|text| [vec![0], plain(text)]);
        [vec![4; texts.len()], needs.collect::<Vec<_>>().concat()].concat()
    };
    let order = |entry: &&Entry| entry.order_id.is_some();
    let orders: Vec<&str> =
        entries.iter().filter_map(|entry| Some(entry.order_id.as_ref()?.as_str())).collect();
    let requests: Vec<&str> = entries.iter().map(|entry| entry.request_id.as_str()).collect();
    let mut skus: Vec<&str> = entries.iter().map(|entry| entry.sku.as_str()).collect();
    skus.sort_unstable();
    skus.dedup();
    let place = |entry: &Entry| skus.iter().position(|sku| *sku == entry.sku.as_str()).unwrap();
    let places = entries.iter().map(|entry| i64::try_from(place(entry)).unwrap());
    let flags = |entry: &Entry| entry.code() + 32 + if order(&entry) { 16 } else { 0 };
    let columns = [
        vec![0],
        unsigned(entries.len()),
        vec![1; entries.len()],
        entries.iter().map(flags).collect(),
        differences(entries.iter().map(|entry| entry.at_ms)),
        written(&orders),
        written(&requests),
        unsigned(skus.len()),
        written(&skus),
        differences(places),
        entries
            .iter()
            .flat_map(|e| [signed(e.change), signed(e.reserved_change)].concat())
            .collect(),
        if version == V2 { vec![0] } else { vec![] },
    ];
    let body = entries_body(version, *epoch, entries, (*checks, *taken), &columns.concat());
    seal(version, ENTRIES, &body)
}

fn differences(numbers: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut before = 0;
    let one = |number: i64| plain(&(number - std::mem::replace(&mut before, number)));
    numbers.flat_map(one).collect()
}

/// Frames that change nothing, each for a reason of its own.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let entries = Frame::Entries(frame(lines()));
    let sound = entries.encode(Wire::V1);
    let with = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        bytes
    };
    let transfers = |transfers: Vec<Transfer>| {
        seal(V1, TRANSFERS, &plain(&Transfers { epoch: epoch(), transfers }))
    };
    let body = |count: u32, first_seq: Seq, columns: &[u8]| {
        let (epoch, checks, taken) = (epoch(), checks(7), taken());
        seal(
            V1,
            ENTRIES,
            &plain(&EntriesV1 { epoch, first_seq, checks: checks.into(), count, taken, columns }),
        )
    };
    let columns = columns::encode(&lines(), V1);
    assert_eq!(columns[0], 0, "they are too few to be deflated");
    let grant = transfer(4, "po-7", Direction::Grant);
    let nothing = Transfer { lines: Vec::new(), ..grant.clone() };
    let after_gap = Transfer { number: 6, ..grant.clone() };
    vec![
        ("empty", Vec::new()),
        ("cut", sound[..sound.len() - 1].to_vec()),
        ("cut-header", sound[..11].to_vec()),
        ("longer", [sound.as_slice(), &[0]].concat()),
        ("magic", with(0, b'X')),
        ("version", with(2, 2)),
        ("version-3", reversioned(&sound, 3)),
        ("held-of-version-1", seal(V1, HELD, &plain(&epoch()))),
        ("sections", entries_of_v2(&[columns.as_slice(), &[128]].concat())),
        ("generation-beyond", generation_beyond()),
        ("checksum", with(40, !sound[40])),
        ("kind", seal(V1, 77, &sound[HEADER_BYTES..])),
        ("no-entries", body(0, 1, &columns)),
        ("too-many-entries", body(1_001, 1, &columns)),
        ("fewer-entries", body(7, 1, &columns)),
        ("position-0", body(8, 0, &columns)),
        ("position-beyond", body(8, i64::MAX.unsigned_abs() - 6, &columns)),
        ("columns-longer", body(8, 1, &[columns.as_slice(), &[0]].concat())),
        ("columns-cut", body(8, 1, &columns[..columns.len() - 1])),
        ("no-transfers", transfers(Vec::new())),
        ("transfers-gap", transfers(vec![grant, after_gap])),
        ("transfer-without-lines", transfers(vec![nothing])),
        ("hello-beyond", hello(|hello| hello.ledger_seq = BEYOND)),
        ("hello-taken-beyond", hello(|hello| hello.taken.transfer = BEYOND)),
        ("hello-software", hello(|hello| hello.software = "x".repeat(257))),
        ("ack-beyond", seal(V1, ACK, &plain(&Position { epoch: epoch(), acked_seq: BEYOND }))),
        (
            "transfer-0",
            transfers(vec![Transfer { number: 0, ..transfer(4, "po-7", Direction::Grant) }]),
        ),
        ("catalogue-nothing", catalogue(7, 7)),
        ("catalogue-beyond", catalogue(7, BEYOND)),
        ("figures-beyond", figures(crate::limits::STOCK_MAX + 1)),
        (
            "part",
            seal(V1, PROBE, &plain(&Probe { epoch: epoch(), part: Part { bits: 64, prefix: 0 } })),
        ),
    ]
}

/// The frame in another version, with its checksum put right.
fn reversioned(frame: &[u8], version: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[2] = version;
    let sum = [&frame[2..8], &frame[HEADER_BYTES..]].concat();
    frame[8..12].copy_from_slice(&crc32fast::hash(&sum).to_le_bytes());
    frame
}

/// Entries whose columns end with these bytes.
fn entries_of_v2(columns: &[u8]) -> Vec<u8> {
    let lines = lines();
    let state = (checks(7), taken());
    seal(V2, ENTRIES, &entries_body(V2, epoch(), &lines, state, columns))
}

fn generation_beyond() -> Vec<u8> {
    let books = BooksId { generation: BEYOND, ..books() };
    Frame::Ack(Position { epoch: epoch(), acked_seq: 1 }).encode(Wire::V2(books))
}

/// The first number that is neither a position nor the number of a transfer or a change.
const BEYOND: u64 = 1 << 63;

fn hello(change: impl FnOnce(&mut Hello)) -> Vec<u8> {
    let (epoch, checks, taken) = (epoch(), checks(7), taken());
    let software = "0.1.0".into();
    let (nonce, bound) = (86_400_000, Bound::default());
    let mut hello = Hello { epoch, ledger_seq: 300, checks, nonce, software, taken, bound };
    change(&mut hello);
    Frame::Hello(hello).encode(Wire::V1)
}

fn catalogue(after: u64, up_to: u64) -> Vec<u8> {
    let catalogue = Catalogue { epoch: epoch(), after, up_to, listings: Vec::new() };
    Frame::Catalogue(catalogue).encode(Wire::V1)
}

fn figures(on_hand: i64) -> Vec<u8> {
    let figures = vec![(Sku::parse("85123A").unwrap(), on_hand, 0)];
    let content = Figures { part: Part::default(), figures };
    seal(V1, FIGURES, &plain(&ProbeAnswer { epoch: epoch(), seq: 300, content }))
}

/// Numbers by chance, the same ones for ever.
struct Random(u64);

impl Random {
    /// Knuth's MMIX generator; its upper bits are the better ones.
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn uuid(&mut self) -> Uuid {
        let words = [self.next(), self.next(), self.next(), self.next()];
        Uuid::from_u128(words.into_iter().fold(0, |all, word| all << 32 | u128::from(word)))
    }
}

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden")
}

/// The bytes in a file.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let file = dir().join(format!("{name}.hex"));
    written(&file, || bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
    let text =
        fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is not there", file.display()));
    let hex = text.trim();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn written(file: &Path, text: impl FnOnce() -> String) {
    if std::env::var_os("STOCKGATE_GOLDEN").is_some_and(|what| what == "write") && !file.exists() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text()).unwrap();
    }
}
