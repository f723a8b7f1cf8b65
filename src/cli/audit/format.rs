//! The lines of an export, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::net::json::EntryJson;
use crate::stock::{
    Actor, Cause, Chain, Day, Decimals, Entry, Kind, Lot, Origin, Posted, Reason, RequestId, Seq,
    Serial, SignedPosition, Sku, Trace,
};

/// The version of the format.
const VERSION: u32 = 1;

/// The first line: whose ledger it is, and where the export begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadJson {
    stockgate_export: u32,
    site: String,
    gateway: String,
    epoch: String,
    /// The device's public key; `null` if nothing is signed.
    pub(super) public_key: Option<String>,
    /// The position before the first entry …
    pub(super) after: Seq,
    /// … and the chain there.
    chain: String,
}

impl HeadJson {
    pub(super) fn new(
        origin: &Origin,
        key: Option<[u8; 32]>,
        (after, chain): (Seq, Chain),
    ) -> Self {
        Self {
            stockgate_export: VERSION,
            site: origin.site.clone(),
            gateway: origin.gateway.clone(),
            epoch: origin.epoch.to_string(),
            public_key: key.map(|key| hex(&key)),
            after,
            chain: hex(&chain.to_bytes()),
        }
    }

    pub(super) fn origin(&self) -> Option<Origin> {
        let (site, gateway) = (self.site.clone(), self.gateway.clone());
        let is_known = self.stockgate_export == VERSION;
        Some(Origin { site, gateway, epoch: self.epoch.parse::<Uuid>().ok()? }).filter(|_| is_known)
    }

    pub(super) fn chain(&self) -> Option<Chain> {
        Some(Chain::from_bytes(unhex(&self.chain)?))
    }
}

/// The line of an entry: as the gateway shows it, with what the chain needs exactly.
#[derive(Serialize)]
pub(super) struct ExportedEntry<'a> {
    #[serde(flatten)]
    entry: EntryJson<'a>,
    at_ms: i64,
    /// The chain after the entry.
    chain: String,
}

impl<'a> ExportedEntry<'a> {
    pub(super) fn new(origin: &Origin, entry: &'a Entry, chain: Chain) -> Self {
        let at_ms = entry.at_ms;
        // In the smallest unit, whatever the catalogue says of decimals.
        let entry = EntryJson::new(origin, entry, Decimals::default());
        Self { entry, at_ms, chain: hex(&chain.to_bytes()) }
    }
}

/// Reads the line of an entry. The caller compares what it would have written with the line, so
/// fields that say something twice are not looked at here.
pub(super) fn read_entry(line: &Value) -> Option<Posted> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let number = |name: &str| line.get(name).and_then(Value::as_i64);
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.as_str()) == text("kind"))?;
    let parsed = |name| text(name).map(|text| (text.to_owned(), name));
    let lot = parsed("lot").map(|(text, _)| Lot::parse(&text)).transpose().ok()?;
    let serial = parsed("serial").map(|(text, _)| Serial::parse(&text)).transpose().ok()?;
    let expires = parsed("expires").map(|(text, _)| Day::parse(&text)).transpose().ok()?;
    let order_id = text("order_id").map(crate::stock::OrderId::parse).transpose().ok()?;
    let cause = Cause {
        actor: text("actor").map(Actor::parse).transpose().ok()?,
        reason: text("reason").map(Reason::parse).transpose().ok()?,
    };
    let entry = Entry {
        seq: line.get("seq")?.as_u64()?,
        kind,
        sku: Sku::parse(text("sku")?).ok()?,
        change: number("change")?,
        reserved_change: number("reserved_change").unwrap_or(0),
        order_id,
        request_id: RequestId::parse(text("request_id")?).ok()?,
        at_ms: number("at_ms")?,
        clock_trusted: text("clock") != Some("untrusted"),
        cause,
        trace: Trace::of(lot, serial, expires),
    };
    let chain = Chain::from_bytes(unhex(text("chain")?)?);
    let checks = crate::stock::Checks { chain, ..crate::stock::Checks::default() };
    Some(Posted { entry, checks })
}

/// The line of a signed position.
#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointLine {
    checkpoint: CheckpointJson,
}

#[derive(Serialize, Deserialize)]
struct CheckpointJson {
    seq: Seq,
    chain: String,
    at_ms: i64,
    signature: String,
}

impl CheckpointLine {
    pub(super) fn new(signed: &SignedPosition) -> Self {
        let SignedPosition { seq, chain, at_ms, signature } = signed;
        let (chain, signature) = (hex(chain), hex(signature));
        Self { checkpoint: CheckpointJson { seq: *seq, chain, at_ms: *at_ms, signature } }
    }

    pub(super) fn signed(&self) -> Option<SignedPosition> {
        let CheckpointJson { seq, chain, at_ms, signature } = &self.checkpoint;
        let (chain, signature) = (unhex(chain)?, unhex(signature)?);
        Some(SignedPosition { seq: *seq, chain, at_ms: *at_ms, signature })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly so many bytes.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
