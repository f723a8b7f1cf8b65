//! What is fuzzed: everything that reads bytes from elsewhere, with what must hold of the result.
//!
//! `fuzz/` makes a fuzzer of each of these; the tests here run what it has kept in `fuzz/corpus`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use crate::barcode::{Gtin, InStoreForm, Reading, canonical, elements, read};
use crate::cli::orders::{Columns, Movement, Quantity, rows_of, unpacked};
use crate::config::read_as_either;
use crate::hub::catalogue::read_catalogue;
use crate::hub::frame_json;
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::limits::{
    CATALOGUE_LISTINGS_MAX, FRAME_BYTES_MAX, FRAME_ENTRIES_MAX, ID_BYTES_MAX, LINES_MAX,
};
use crate::net::request::{ClientRequestId, idempotency_key, no_decimals};
use crate::protocol::Frame;
use crate::protocol::columns as columns_of_entries;
use crate::protocol::drift::{Content, Search};
use crate::protocol::frame::{BooksId, Catalogue};
use crate::protocol::topic::parse_topic;
use crate::protocol::wire::{Version, Wire};
use crate::stock::{Action, Chain, Command, Sku};
use crate::terminal::request::{Mutation, Request};
use crate::terminal::wire::{RequestMessage, json, postcard};

/// A frame: as it is, and with a header that fits the rest.
pub fn frame(bytes: &[u8]) {
    read_frame(bytes);
    if let Some(sealed) = sealed(bytes) {
        read_frame(&sealed);
    }
}

fn read_frame(bytes: &[u8]) {
    let Ok((frame, wire)) = Frame::decode_with_wire(bytes) else {
        return;
    };
    let again = frame.encode(wire);
    // Another encoder may pack tighter than this one.
    if again.len() <= FRAME_BYTES_MAX {
        let same = Ok((frame.clone(), wire));
        assert_eq!(Frame::decode_with_wire(&again), same, "it is read as it was written");
    }
    let _ = (frame.epoch(), frame.taken(), frame.is_upward());
    frame_json(bytes).expect("what can be read can be shown");
    use_frame(frame);
}

/// What a receiver calculates from the content of a frame.
fn use_frame(frame: Frame) {
    let stock: Vec<(Sku, (i64, i64))> =
        ["A", "B", "C"].map(|sku| (Sku::parse(sku).expect("a plain id"), (5, 2))).to_vec();
    let stock = || stock.iter().map(|(sku, figures)| (sku, *figures));
    let compare = |content: Content| {
        let mut search = Search::new();
        search.compare(&content, stock());
        assert!(search.next().is_none_or(|part| part.bits > 0), "it was answered");
    };
    let is_whole = |content: &Content| match content {
        Content::Sums(sums) => sums.part.bits == 0,
        Content::Figures(figures) => figures.part.bits == 0,
    };
    let content = match frame {
        Frame::Entries(entries) => {
            entries.entries.iter().fold(Chain::default(), |chain, entry| chain.with(entry));
            return;
        }
        Frame::Probe(probe) => probe.part.content(stock()),
        Frame::Sums(answer) => Content::Sums(answer.content),
        Frame::Figures(answer) => Content::Figures(answer.content),
        Frame::Hello(_)
        | Frame::Behind(_)
        | Frame::Taken(_)
        | Frame::Resume(_)
        | Frame::Ack(_)
        | Frame::Refused(_)
        | Frame::Held(_)
        | Frame::Demand(_)
        | Frame::Checkpoint(_)
        | Frame::Call(_)
        | Frame::Transfers(_)
        | Frame::Catalogue(_) => return,
    };
    if is_whole(&content) {
        compare(content);
    }
}

/// Keeps version, kind and body, and puts the rest of the header right.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut frame = bytes.to_vec();
    let length = u32::try_from(bytes.len().checked_sub(12)?).ok()?;
    frame[..2].copy_from_slice(b"SG");
    frame[2] = if frame[2] == 2 { 2 } else { 1 };
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[2..8]);
    hasher.update(&frame[12..]);
    frame[8..12].copy_from_slice(&hasher.finalize().to_le_bytes());
    Some(frame)
}

/// The columns of entries, after two bytes with their number.
pub fn columns(bytes: &[u8]) {
    let Some(([low, high], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let count = usize::from(u16::from_le_bytes([*low, *high])) % FRAME_ENTRIES_MAX + 1;
    for version in [Version::V1, Version::V2] {
        if let Ok(entries) = columns_of_entries::decode(bytes, version, 1, count) {
            assert_eq!(entries.len(), count);
            let again = columns_of_entries::encode(&entries, version);
            assert_eq!(columns_of_entries::decode(&again, version, 1, count), Ok(entries));
        }
    }
}

/// A terminal's message or a request of the hub, after a byte that says which.
pub fn terminal(bytes: &[u8]) {
    const MUTATIONS: [Mutation; 7] = [
        Mutation::Deduct,
        Mutation::Restock,
        Mutation::Count,
        Mutation::Rollback,
        Mutation::Reserve,
        Mutation::Commit,
        Mutation::Release,
    ];
    let Some((&which, body)) = bytes.split_first() else {
        return;
    };
    if let Ok(text) = str::from_utf8(body) {
        check_message(&json::read_message(text, &no_decimals));
    }
    check_message(&postcard::read_message(body));
    check_key(body);
    match MUTATIONS.get(usize::from(which % 9)) {
        Some(&mutation) => {
            let has_path = matches!(mutation, Mutation::Commit | Mutation::Release);
            if let Ok(command) =
                json::read_mutation(mutation, body, None, has_path.then_some("r"), &no_decimals)
            {
                check_lines(&command);
            }
        }
        None => {
            let operation = match which % 9 == 8 {
                true => CentralOperation::Grant,
                false => CentralOperation::Deduct,
            };
            let _ = IdentifiedRequest::read(operation, Some("r"), &HeaderMap::new(), body);
        }
    }
}

/// The same bytes as an `Idempotency-Key`.
fn check_key(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), value)]);
    if let Ok(Some(ClientRequestId(id))) = idempotency_key(&headers) {
        assert!((1..=ID_BYTES_MAX).contains(&id.as_str().len()), "{id}");
    }
}

fn check_message(message: &RequestMessage) {
    match message {
        RequestMessage::Decoded { request: Ok(Request::Mutate(command)), .. } => {
            check_lines(command);
        }
        RequestMessage::Decoded { .. } | RequestMessage::Malformed { .. } => {}
    }
}

fn check_lines(command: &Command) {
    if let Action::Deduct { lines, .. } | Action::Restock { lines, .. } = &command.action {
        assert!((1..=LINES_MAX).contains(&lines.len()), "{} lines", lines.len());
    }
}

/// A catalogue as it is published.
pub fn catalogue(bytes: &[u8]) {
    let Ok(read) = read_catalogue(bytes) else {
        return;
    };
    let mut listings: Vec<_> = read.listings.into_iter().map(|(_, listing)| listing).collect();
    let codes = || listings.iter().flat_map(|listing| &listing.barcodes);
    let different: BTreeSet<&str> = codes().map(|barcode| barcode.code.as_str()).collect();
    assert_eq!(codes().count(), different.len(), "a barcode stands for one thing");
    listings.truncate(CATALOGUE_LISTINGS_MAX);
    let epoch = Uuid::nil().into();
    let frame = Frame::Catalogue(Catalogue { epoch, after: 0, up_to: 1, listings });
    let encoded = frame.encode(Wire::V2(BooksId::default()));
    if encoded.len() <= FRAME_BYTES_MAX {
        assert_eq!(Frame::decode(&encoded), Ok(frame));
    }
}

/// A scanned code.
pub fn barcode(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let name = canonical(text, 2026);
    assert_eq!(canonical(&name, 2026), name, "a canonical name is its own");
    match read(text, 2026) {
        Ok(reading) => {
            let spellings = reading.gtin.map(Gtin::spellings).unwrap_or_default();
            let same = spellings
                .iter()
                .all(|spelling| spelling.len() == 8 || canonical(spelling, 2026) == spellings[0]);
            assert!(same, "{spellings:?}");
            let count = reading.count.map(|count| count.to_string()).unwrap_or_default();
            assert!(text.contains('%') || text.contains(&count), "{count} is not in it");
            reading.gtin.into_iter().for_each(check_in_store);
            check_measures(&reading);
        }
        Err(error) => assert!(!error.to_string().is_empty(), "what is wrong is said"),
    }
    // As people read it, it is the same.
    if let Ok(found) = elements(text)
        && found.iter().all(|element| !element.value.contains('('))
    {
        let printed: String =
            found.iter().map(|each| format!("({}){}", each.ai, each.value)).collect();
        assert_eq!(elements(&printed).as_ref(), Ok(&found));
    }
}

/// A quantity that follows from a measure is as exact as it.
fn check_measures(reading: &Reading) {
    for (unit, decimals) in [("kg", 3), ("g", 0), ("m", 6), ("lb", 1), ("", 2)] {
        match reading.measured(unit, decimals) {
            Ok(Some(units)) => {
                let one = reading.measures.iter().find(|measure| measure.unit == unit);
                assert_eq!(one.and_then(|one| one.with_decimals(decimals)), Some(units));
            }
            Err(measure) => assert!(measure.to_string().ends_with(measure.unit)),
            Ok(None) => {}
        }
    }
}

/// What an in-store number says is in it, and its item has a number of its own.
fn check_in_store(gtin: Gtin) {
    for form in ["21iiiiiwwwwwc", "02iiiixnnnnnc"] {
        let form = InStoreForm::parse(form).expect("a form");
        let Some(item) = form.read(gtin) else { continue };
        let number = item.measure.map_or(item.count, |measure| Some(measure.digits.into()));
        let number = number.expect("a weight or a count").to_string();
        assert!(gtin.to_string().contains(&number), "{number} is in {gtin}");
        assert!(Gtin::read(&item.gtin.to_string()).is_ok(), "{} is a GTIN", item.gtin);
    }
}

/// A file of orders, after a byte that names its compression.
pub fn orders(bytes: &[u8]) {
    const UNPACKED_MAX: u64 = 256 * 1024;
    let Some((&packed, bytes)) = bytes.split_first() else {
        return;
    };
    let extension = ["csv", "gz", "zst"][usize::from(packed % 3)];
    let file = unpacked(bytes, extension);
    if let Ok(rows) = rows_of(file.take(UNPACKED_MAX), "orders".into(), &Columns::default()) {
        let rows = rows.take_while(Result::is_ok).flatten();
        rows.filter_map(|row| row.movement.ok()).for_each(|movement| check_movement(&movement));
    }
}

fn check_movement(movement: &Movement) {
    let Movement { sku, quantity, .. } = movement;
    assert_eq!(sku.as_str().trim(), sku.as_str(), "blanks are cut off");
    let sent = match quantity.magnitude() {
        Value::String(text) => text,
        number @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => number.to_string(),
    };
    let again = Quantity::read(&sent).expect("what is sent is a number");
    assert_eq!(again.millionths(), quantity.millionths().abs(), "and the same one");
}

/// A topic.
pub fn topic(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Some((gateway, channel)) = parse_topic(text)
    {
        assert_eq!(gateway.topic(channel), text);
    }
}

/// A configuration, of the gateway or of the hub.
pub fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    // It names files, which are read; these have no end.
    if text.contains("dev") || text.contains("proc") {
        return;
    }
    for read in read_as_either(Path::new("fuzz.toml"), text) {
        if let Err(problems) = read {
            assert!(!problems.to_string().is_empty(), "what is wrong is said");
        }
    }
}

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
