//! JSON that gateway and hub write in the same shape.

use serde::{Deserialize, Serialize};

use crate::clock::rfc3339;
use crate::hex;
use crate::stock::{
    Actor, Amount, Cause, Decimals, Entry, Lot, OrderId, Origin, Reason, Seq, Serial,
    SignedPosition, Trace,
};

/// A ledger entry as JSON.
#[derive(Debug, Serialize)]
pub struct EntryJson<'a> {
    seq: Seq,
    event_id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<&'static str>,
    sku: &'a str,
    change: Amount,
    #[serde(skip_serializing_if = "is_zero")]
    reserved_change: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    request_id: &'a str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
    #[serde(flatten)]
    cause: CauseJson<'a>,
    #[serde(flatten)]
    trace: Option<TraceJson<'a>>,
}

/// The cause of an entry as JSON fields.
#[derive(Debug, Serialize)]
pub struct CauseJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> CauseJson<'a> {
    /// The fields of a cause, as far as they are known.
    pub fn new(cause: &'a Cause) -> Self {
        Self {
            actor: cause.actor.as_ref().map(Actor::as_str),
            reason: cause.reason.as_ref().map(Reason::as_str),
        }
    }
}

/// The trace of a line or entry as JSON fields.
#[derive(Debug, Serialize)]
pub struct TraceJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lot: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

impl<'a> TraceJson<'a> {
    /// The fields of a trace; `None` without one.
    pub fn new(trace: Option<&'a Trace>) -> Option<Self> {
        trace.map(|trace| Self {
            lot: trace.lot.as_ref().map(Lot::as_str),
            serial: trace.serial.as_ref().map(Serial::as_str),
            expires: trace.expires.map(|day| day.to_string()),
        })
    }
}

impl<'a> EntryJson<'a> {
    /// The entry of a ledger with this origin.
    pub fn new(origin: &Origin, entry: &'a Entry, decimals: Decimals) -> Self {
        let amount = |units: i64| Amount::new(units, decimals);
        Self {
            seq: entry.seq,
            event_id: origin.event_id(entry.seq).to_string(),
            kind: entry.kind.as_str(),
            undoes: entry.kind.undoes(),
            sku: entry.sku.as_str(),
            change: amount(entry.change),
            reserved_change: amount(entry.reserved_change),
            order_id: entry.order_id.as_ref().map(OrderId::as_str),
            request_id: entry.request_id.as_str(),
            at: rfc3339(entry.at_ms),
            clock: (!entry.clock_trusted).then_some("untrusted"),
            cause: CauseJson::new(&entry.cause),
            trace: TraceJson::new(entry.trace.as_deref()),
        }
    }
}

fn is_zero(amount: &Amount) -> bool {
    amount.units == 0
}

/// A page of ledger entries, and the position after which the next page begins; `null` on the last
/// one. `decimals` are those of the SKU of each entry; those that are missing are 0.
pub fn ledger_json(
    origin: &Origin,
    entries: &[Entry],
    decimals: &[Decimals],
    last_seq: Seq,
) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        entries: Vec<EntryJson<'a>>,
        next: Option<Seq>,
    }
    let next = entries.last().map(|last| last.seq).filter(|&seq| seq < last_seq);
    json(&Page {
        entries: entries
            .iter()
            .zip(decimals.iter().copied().chain(std::iter::repeat(Decimals::default())))
            .map(|(entry, decimals)| EntryJson::new(origin, entry, decimals))
            .collect(),
        next,
    })
}

/// Writes plain data as JSON.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data always serializes")
}

/// A signed position of a ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointJson {
    seq: Seq,
    chain: String,
    at_ms: i64,
    signature: String,
    /// The key that it was signed with, where that is not known from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl CheckpointJson {
    pub(crate) fn new(signed: &SignedPosition) -> Self {
        let SignedPosition { seq, chain, at_ms, signature } = signed;
        let (chain, signature) = (hex::encode(chain), hex::encode(signature));
        Self { seq: *seq, chain, at_ms: *at_ms, signature, public_key: None }
    }

    /// Says which key it was signed with.
    #[cfg(feature = "hub")]
    pub(crate) fn by(self, key: [u8; 32]) -> Self {
        Self { public_key: Some(hex::encode(&key)), ..self }
    }

    /// What was signed; `None` if it is none.
    pub(crate) fn signed(&self) -> Option<SignedPosition> {
        let Self { seq, chain, at_ms, signature, .. } = self;
        let (chain, signature) = (hex::decode(chain)?, hex::decode(signature)?);
        Some(SignedPosition { seq: *seq, chain, at_ms: *at_ms, signature })
    }
}
