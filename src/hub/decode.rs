//! Shows a captured frame as JSON, for `stockgate-hub decode`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::protocol::Frame;
use crate::protocol::envelope::FrameError;
use crate::protocol::frame::{Behind, Catalogue, Probe, ProbeAnswer, Resume, TakenUpTo, Transfers};
use crate::stock::{Barcode, Decimals, Entry, Listing, Taken};

/// Decodes a frame to JSON.
///
/// # Errors
/// If the bytes are not a whole, undamaged frame of a known kind.
pub fn frame_json(bytes: &[u8]) -> Result<Value, FrameError> {
    Ok(match Frame::decode(bytes)? {
        Frame::Hello(hello) => json!({
            "kind": "hello",
            "epoch": Uuid::from(hello.epoch),
            "ledger_seq": hello.ledger_seq,
            "digest": format!("{:016x}", hello.checks.digest.0),
            "chain": format!("{:016x}", hello.checks.chain.0),
            "nonce": hello.nonce,
            "software": hello.software,
            "taken": taken_json(&hello.taken),
        }),
        Frame::Entries(entries) => json!({
            "kind": "entries",
            "epoch": Uuid::from(entries.epoch),
            "digest": format!("{:016x}", entries.checks.digest.0),
            "chain": format!("{:016x}", entries.checks.chain.0),
            "taken": taken_json(&entries.taken),
            "entries": entries.entries.iter().map(entry_json).collect::<Vec<_>>(),
        }),
        Frame::Resume(Resume { position, nonce }) => json!({
            "kind": "resume",
            "epoch": Uuid::from(position.epoch),
            "acked_seq": position.acked_seq,
            "nonce": nonce,
        }),
        Frame::Ack(position) => json!({
            "kind": "ack", "epoch": Uuid::from(position.epoch), "acked_seq": position.acked_seq,
        }),
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
        Frame::Transfers(Transfers { epoch, transfers }) => json!({
            "kind": "transfers", "epoch": Uuid::from(epoch), "transfers": transfers,
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
    })
}

fn taken_json(taken: &Taken) -> Value {
    json!({
        "transfer": taken.transfer, "at_seq": taken.at_seq, "catalogue": taken.catalogue,
    })
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
    if !entry.clock_trusted {
        json["clock"] = "untrusted".into();
    }
    json
}
