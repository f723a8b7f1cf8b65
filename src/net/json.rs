//! JSON that gateway and hub write in the same shape.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::stock::{Entry, OrderId, Origin, Seq};

/// A ledger entry as JSON.
#[derive(Debug, Serialize)]
pub struct EntryJson<'a> {
    seq: Seq,
    event_id: String,
    kind: &'static str,
    sku: &'a str,
    change: i64,
    #[serde(skip_serializing_if = "is_zero")]
    reserved_change: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    request_id: &'a str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
}

impl<'a> EntryJson<'a> {
    /// The entry of a ledger with this origin.
    pub fn new(origin: &Origin, entry: &'a Entry) -> Self {
        Self {
            seq: entry.seq,
            event_id: origin.event_id(entry.seq).to_string(),
            kind: entry.kind.as_str(),
            sku: entry.sku.as_str(),
            change: entry.change,
            reserved_change: entry.reserved_change,
            order_id: entry.order_id.as_ref().map(OrderId::as_str),
            request_id: entry.request_id.as_str(),
            at: rfc3339(entry.at_ms),
            clock: (!entry.clock_trusted).then_some("untrusted"),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A page of ledger entries, and the position after which the next page begins; `null` on the last
/// one.
pub fn ledger_json(origin: &Origin, entries: &[Entry], last_seq: Seq) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        entries: Vec<EntryJson<'a>>,
        next: Option<Seq>,
    }
    let next = entries.last().map(|last| last.seq).filter(|&seq| seq < last_seq);
    json(&Page {
        entries: entries.iter().map(|entry| EntryJson::new(origin, entry)).collect(),
        next,
    })
}

/// Writes plain data as JSON.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data always serializes")
}
