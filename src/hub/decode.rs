//! A captured frame as JSON, for people.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::stock::Entry;
use crate::sync::Frame;
use crate::sync::frame::{Behind, FrameError, Resume};

/// Reads a frame and writes it as JSON.
///
/// # Errors
/// If it is no whole, undamaged frame.
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
        }),
        Frame::Entries(entries) => json!({
            "kind": "entries",
            "epoch": Uuid::from(entries.epoch),
            "digest": format!("{:016x}", entries.checks.digest.0),
            "chain": format!("{:016x}", entries.checks.chain.0),
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
        Frame::Refused(refused) => json!({
            "kind": "refused", "epoch": Uuid::from(refused.epoch), "reason": refused.reason,
        }),
    })
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "seq": entry.seq,
        "kind": entry.kind.as_str(),
        "sku": entry.sku.as_str(),
        "change": entry.change,
        "reserved_change": entry.reserved_change,
        "order_id": entry.order_id.as_ref().map(ToString::to_string),
        "request_id": entry.request_id.as_str(),
        "at": rfc3339(entry.at_ms),
    })
}
