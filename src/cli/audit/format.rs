//! The lines of an export, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::hex;
use crate::net::json::{CheckpointJson, EntryJson};
use crate::stock::{
    Actor, Cause, Chain, Day, Decimals, Entry, Kind, Lot, OptionalTrace, Origin, Posted, Reason,
    RequestId, Seq, Serial, SignedPosition, Sku, Trace,
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
            public_key: key.map(|key| hex::encode(&key)),
            after,
            chain: hex::encode(&chain.to_bytes()),
        }
    }

    pub(super) fn origin(&self) -> Option<Origin> {
        let (site, gateway) = (self.site.clone(), self.gateway.clone());
        let is_known = self.stockgate_export == VERSION;
        Some(Origin { site, gateway, epoch: self.epoch.parse::<Uuid>().ok()? }).filter(|_| is_known)
    }

    pub(super) fn chain(&self) -> Option<Chain> {
        Some(Chain::from_bytes(hex::decode(&self.chain)?))
    }
}

/// The line of an entry: as the gateway shows it, with what the chain needs exactly.
#[derive(Serialize)]
pub(in crate::cli) struct ExportedEntry<'a> {
    #[serde(flatten)]
    entry: EntryJson<'a>,
    at_ms: i64,
    /// The chain after the entry.
    chain: String,
}

impl<'a> ExportedEntry<'a> {
    pub(in crate::cli) fn new(origin: &Origin, entry: &'a Entry, chain: Chain) -> Self {
        let at_ms = entry.at_ms;
        // In the smallest unit, whatever the catalogue says of decimals.
        let entry = EntryJson::new(origin, entry, Decimals::default());
        Self { entry, at_ms, chain: hex::encode(&chain.to_bytes()) }
    }
}

/// The chain after the entry of a line, if the line is exactly what is written for that entry.
pub(super) fn chain_of_entry(
    origin: &Origin,
    (last, before): (Seq, Chain),
    line: &Value,
) -> Option<Chain> {
    let Posted { entry, checks } = read_entry(line)?;
    let before = match checks.chain {
        Chain::Xxh3(_) => before,
        Chain::Sha256(_) => before.upgraded(last),
    };
    let chain = before.with(&entry);
    let again = serde_json::to_value(ExportedEntry::new(origin, &entry, chain));
    (again.ok().as_ref() == Some(line)).then_some(chain)
}

/// Reads the line of an entry. Fields that say something twice are not looked at here.
fn read_entry(line: &Value) -> Option<Posted> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let number = |name: &str| line.get(name).and_then(Value::as_i64);
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.as_str()) == text("kind"))?;
    let order_id = text("order_id").map(crate::stock::OrderId::parse).transpose().ok()?;
    let (cause, trace) = read_said(line)?;
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
        trace,
    };
    let chain = Chain::from_bytes(hex::decode(text("chain")?)?);
    let checks = crate::stock::Checks { chain, ..crate::stock::Checks::default() };
    Some(Posted { entry, checks })
}

/// Reads who asked and why, and which goods they were.
pub(super) fn read_said(line: &Value) -> Option<(Cause, OptionalTrace)> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let lot = text("lot").map(Lot::parse).transpose().ok()?;
    let serial = text("serial").map(Serial::parse).transpose().ok()?;
    let expires = text("expires").map(Day::parse).transpose().ok()?;
    let cause = Cause {
        actor: text("actor").map(Actor::parse).transpose().ok()?,
        reason: text("reason").map(Reason::parse).transpose().ok()?,
    };
    Some((cause, Trace::of(lot, serial, expires)))
}

/// The line of a signed position.
#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointLine {
    checkpoint: CheckpointJson,
}

impl CheckpointLine {
    pub(super) fn new(signed: &SignedPosition) -> Self {
        Self { checkpoint: CheckpointJson::new(signed) }
    }

    pub(super) fn signed(&self) -> Option<SignedPosition> {
        self.checkpoint.signed()
    }
}
