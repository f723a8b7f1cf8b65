//! Shows a captured frame as JSON, for `stockgate-hub decode`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::hex;
use crate::protocol::Frame;
use crate::protocol::envelope::FrameError;
use crate::protocol::frame::{
    Behind, BooksId, Bound, Catalogue, Entries, Hello, Probe, ProbeAnswer, Resume, TakenUpTo,
    Transfers,
};
use crate::protocol::wire::{Version, Wire};
use crate::stock::{
    Barcode, Cause, Chain, Decimals, Entry, Listing, OptionalTrace, Taken, Transfer,
};

/// Decodes a frame to JSON.
///
/// # Errors
/// If the bytes are not a whole, undamaged frame of a known kind.
pub fn frame_json(bytes: &[u8]) -> Result<Value, FrameError> {
    let (frame, wire) = Frame::decode_with_wire(bytes)?;
    let is_upward = frame.is_upward();
    let mut json = body_json(frame, wire.version());
    if let Wire::V2(BooksId { books, generation }) = wire {
        json["version"] = 2.into();
        if !is_upward {
            json["books"] = json!(books);
            json["generation"] = generation.into();
        }
    }
    Ok(json)
}

fn body_json(frame: Frame, version: Version) -> Value {
    match frame {
        Frame::Hello(hello) => hello_json(&hello, version),
        Frame::Entries(entries) => entries_json(&entries, version),
        Frame::Behind(Behind { position, ledger_seq }) => json!({
            "kind": "behind",
            "epoch": Uuid::from(position.epoch),
            "acked_seq": position.acked_seq,
            "ledger_seq": ledger_seq,
        }),
        Frame::Taken(TakenUpTo { epoch, taken }) => json!({
            "kind": "taken", "epoch": Uuid::from(epoch), "taken": taken_json(&taken),
        }),
        Frame::Sums(ProbeAnswer { epoch, seq, content }) => json!({
            "kind": "sums",
            "epoch": Uuid::from(epoch),
            "seq": seq,
            "part": content.part,
            "sums": content.sums.iter().map(|sum| format!("{:016x}", sum.0)).collect::<Vec<_>>(),
        }),
        Frame::Figures(ProbeAnswer { epoch, seq, content }) => json!({
            "kind": "figures",
            "epoch": Uuid::from(epoch),
            "seq": seq,
            "part": content.part,
            "figures": content.figures,
        }),
        Frame::Demand(demand) => json!({
            "kind": "demand",
            "epoch": Uuid::from(demand.epoch),
            "day": demand.day,
            "refused": demand.refused,
        }),
        Frame::Checkpoint(checkpoint) => json!({
            "kind": "checkpoint",
            "epoch": Uuid::from(checkpoint.epoch),
            "seq": checkpoint.seq,
            "chain": hex::encode(&checkpoint.chain),
            "at": rfc3339(checkpoint.at_ms),
            "signature": hex::encode(checkpoint.signature.as_flattened()),
        }),
        other @ (Frame::Resume(_)
        | Frame::Ack(_)
        | Frame::Refused(_)
        | Frame::Held(_)
        | Frame::Transfers(_)
        | Frame::Catalogue(_)
        | Frame::Probe(_)
        | Frame::Call(_)) => down_json(other),
    }
}

/// A frame of the hub.
fn down_json(frame: Frame) -> Value {
    match frame {
        Frame::Resume(Resume { position, nonce }) => json!({
            "kind": "resume",
            "epoch": Uuid::from(position.epoch),
            "acked_seq": position.acked_seq,
            "nonce": nonce,
        }),
        Frame::Ack(position) => json!({
            "kind": "ack", "epoch": Uuid::from(position.epoch), "acked_seq": position.acked_seq,
        }),
        Frame::Transfers(Transfers { epoch, transfers }) => json!({
            "kind": "transfers",
            "epoch": Uuid::from(epoch),
            "transfers": transfers.iter().map(transfer_json).collect::<Vec<_>>(),
        }),
        Frame::Catalogue(Catalogue { epoch, after, up_to, listings }) => json!({
            "kind": "catalogue",
            "epoch": Uuid::from(epoch),
            "after": after,
            "up_to": up_to,
            "listings": listings.iter().map(listing_json).collect::<Vec<_>>(),
        }),
        Frame::Probe(Probe { epoch, part }) => json!({
            "kind": "probe", "epoch": Uuid::from(epoch), "part": part,
        }),
        Frame::Refused(refused) => json!({
            "kind": "refused", "epoch": Uuid::from(refused.epoch), "reason": refused.reason,
        }),
        Frame::Held(held) => json!({
            "kind": "held", "epoch": Uuid::from(held.epoch), "reason": held.reason,
        }),
        Frame::Hello(_)
        | Frame::Entries(_)
        | Frame::Behind(_)
        | Frame::Taken(_)
        | Frame::Sums(_)
        | Frame::Figures(_)
        | Frame::Demand(_)
        | Frame::Checkpoint(_)
        | Frame::Call(_) => Value::Null,
    }
}

fn entries_json(entries: &Entries, version: Version) -> Value {
    let mut json = json!({
        "kind": "entries",
        "epoch": Uuid::from(entries.epoch),
        "digest": format!("{:016x}", entries.checks.digest.0),
        "chain": chain_json(entries.checks.chain, version),
        "taken": taken_json(&entries.taken),
        "entries": entries.entries.iter().map(entry_json).collect::<Vec<_>>(),
    });
    if let Some(booked) = &entries.decimals {
        let decimals = booked
            .iter()
            .map(|(sku, decimals)| (sku.as_str().to_owned(), Value::from(u8::from(*decimals))));
        json["decimals"] = Value::Object(decimals.collect());
    }
    json
}

fn hello_json(hello: &Hello, version: Version) -> Value {
    let mut json = json!({
        "kind": "hello",
        "epoch": Uuid::from(hello.epoch),
        "ledger_seq": hello.ledger_seq,
        "digest": format!("{:016x}", hello.checks.digest.0),
        "chain": chain_json(hello.checks.chain, version),
        "nonce": hello.nonce,
        "software": hello.software,
        "taken": taken_json(&hello.taken),
    });
    if version == Version::V2 {
        let Bound { books, acked_seq, frame_bytes, device_key } = hello.bound;
        json["books"] = json!(books.map(|id| id.books));
        json["generation"] = json!(books.map(|id| id.generation));
        json["acked_seq"] = acked_seq.into();
        json["frame_bytes"] = frame_bytes.into();
        json["device_key"] = json!(device_key.map(|key| hex::encode(&key)));
    }
    json
}

fn chain_json(chain: Chain, version: Version) -> String {
    match version {
        Version::V1 => match chain {
            Chain::Xxh3(chain) => format!("{chain:016x}"),
            Chain::Sha256(chain) => hex::encode(&chain),
        },
        Version::V2 => hex::encode(&chain.to_bytes()),
    }
}

fn taken_json(taken: &Taken) -> Value {
    json!({
        "transfer": taken.transfer, "at_seq": taken.at_seq, "catalogue": taken.catalogue,
    })
}

fn transfer_json(transfer: &Transfer) -> Value {
    let mut json = json!(transfer);
    say(&mut json, &transfer.cause, &None);
    for (at, line) in transfer.lines.iter().enumerate() {
        say(&mut json["lines"][at], &Cause::default(), &line.trace);
    }
    json
}

/// Names who asked and why, and which goods they were, as far as that is known.
fn say(json: &mut Value, cause: &Cause, trace: &OptionalTrace) {
    let trace = trace.as_deref().cloned().unwrap_or_default();
    let said = [
        ("actor", cause.actor.as_ref().map(ToString::to_string)),
        ("reason", cause.reason.as_ref().map(ToString::to_string)),
        ("lot", trace.lot.map(|lot| lot.to_string())),
        ("serial", trace.serial.map(|serial| serial.to_string())),
        ("expires", trace.expires.map(|day| day.to_string())),
    ];
    for (name, text) in said {
        if let Some(text) = text {
            json[name] = text.into();
        }
    }
}

/// Units, decimals and contents are named where there are any.
fn listing_json(listing: &Listing) -> Value {
    let Listing { sku, name, unit, decimals, barcodes } = listing;
    let text = |Barcode { code, content }: &Barcode| match content {
        1 => code.clone(),
        _ => format!("{code}*{content}"),
    };
    let barcodes: Vec<String> = barcodes.iter().map(text).collect();
    let mut json = json!({ "sku": sku, "name": name, "barcodes": barcodes });
    if let Some(unit) = unit {
        json["unit"] = unit.as_str().into();
    }
    if *decimals != Decimals::default() {
        json["decimals"] = u8::from(*decimals).into();
    }
    json
}

fn entry_json(entry: &Entry) -> Value {
    let mut json = json!({
        "seq": entry.seq,
        "kind": entry.kind.as_str(),
        "sku": entry.sku.as_str(),
        "change": entry.change,
        "reserved_change": entry.reserved_change,
        "order_id": entry.order_id.as_ref().map(ToString::to_string),
        "request_id": entry.request_id.as_str(),
        "at": rfc3339(entry.at_ms),
    });
    if let Some(undone) = entry.kind.undoes() {
        json["undoes"] = undone.into();
    }
    if !entry.clock_trusted {
        json["clock"] = "untrusted".into();
    }
    say(&mut json, &entry.cause, &entry.trace);
    json
}
