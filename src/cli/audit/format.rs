//! The lines of an export, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::hex;
use crate::net::json::{CheckpointJson, EntryJson, json};
use crate::stock::{
    Actor, Cause, Chain, Day, Decimals, Entry, Kind, Lot, OptionalTrace, Origin, Posted, Reason,
    RequestId, Seq, Serial, SignedPosition, Sku, Trace, is_name,
};

/// The version of the format.
const VERSION: u32 = 1;

/// The first line: whose ledger it is, and where the export begins.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) origin: Origin,
    /// The key that has signed something in the export, if anything is signed.
    pub(super) key: Option<[u8; 32]>,
    /// Older entries, up to here, were removed because they were old and the hub has them.
    pub(super) pruned: Seq,
    /// The position before the first entry, and the chain there.
    pub(super) start: (Seq, Chain),
}

#[derive(Serialize)]
struct HeadJson<'a> {
    stockgate_export: u32,
    site: &'a str,
    gateway: &'a str,
    epoch: Uuid,
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pruned: Option<Seq>,
    after: Seq,
    chain: String,
}

impl Head {
    pub(super) fn line(&self) -> String {
        json(&self.json())
    }

    fn json(&self) -> HeadJson<'_> {
        HeadJson {
            stockgate_export: VERSION,
            site: &self.origin.site,
            gateway: &self.origin.gateway,
            epoch: self.origin.epoch,
            public_key: self.key.map(|key| hex::encode(&key)),
            pruned: Some(self.pruned).filter(|pruned| *pruned > 0),
            after: self.start.0,
            chain: hex::encode(&self.start.1.to_bytes()),
        }
    }

    /// Reads a head that is exactly as one is written.
    pub(super) fn read(line: &Value) -> Result<Self, &'static str> {
        match line.get("stockgate_export").map(Value::as_u64) {
            None => Err("the first line is not the head of an export"),
            Some(version) if version != Some(VERSION.into()) => {
                Err("its export has a version that this program does not know: use a newer one")
            }
            Some(_) => {
                let head = Self::parse(line).filter(|head| is_same(line, &head.json()));
                let head = head.ok_or("the head of the export is damaged")?;
                match head.pruned > head.start.0 {
                    true => Err("entries are there that were removed as old, its head says"),
                    false => Ok(head),
                }
            }
        }
    }

    fn parse(line: &Value) -> Option<Self> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let number = |name: &str| line.get(name).and_then(Value::as_u64);
        let (site, gateway): (String, String) = (text("site")?.into(), text("gateway")?.into());
        // The hub's own ledger is of no gateway.
        let has_owner = is_name(&site) && is_name(&gateway);
        let origin = Origin { site, gateway, epoch: text("epoch")?.parse().ok()? };
        let key = match text("public_key") {
            Some(key) => Some(hex::decode(key)?),
            None => None,
        };
        let start = (number("after")?, Chain::from_bytes(hex::decode(text("chain")?)?));
        let head = Self { origin, key, pruned: number("pruned").unwrap_or(0), start };
        let is_in_range = i64::try_from(start.0).is_ok();
        let is_of_hub = (head.origin.site.as_str(), head.origin.gateway.as_str()) == ("", "");
        ((has_owner || is_of_hub) && is_in_range).then_some(head)
    }
}

/// Whether a line is exactly what is written for this.
pub(super) fn is_same(line: &Value, written: &impl Serialize) -> bool {
    serde_json::to_value(written).is_ok_and(|written| written == *line)
}

/// Whether a line has a name twice, of which only the last one would be read: JSON has one colon
/// outside of texts for each name.
pub(super) fn repeats_a_name(line: &str, value: &Value) -> bool {
    let (mut colons, mut in_text, mut is_escaped) = (0, false, false);
    for byte in line.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_text = !in_text,
            b':' if !in_text => colons += 1,
            _ => {}
        }
    }
    colons != count_names(value)
}

fn count_names(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len() + fields.values().map(count_names).sum::<usize>(),
        Value::Array(items) => items.iter().map(count_names).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
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
    is_same(line, &ExportedEntry::new(origin, &entry, chain)).then_some(chain)
}

/// Reads the line of an entry. Fields that say something twice are not looked at here.
fn read_entry(line: &Value) -> Option<Posted> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let number = |name: &str| line.get(name).and_then(Value::as_i64);
    let said = (text("kind"), text("undoes"));
    let kind = Kind::ALL.into_iter().find(|kind| (Some(kind.as_str()), kind.undoes()) == said)?;
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

    /// What was signed. A file from the hub says more than the line of an export.
    pub(super) fn signed(&self) -> Option<SignedPosition> {
        self.checkpoint.signed().filter(|signed| i64::try_from(signed.seq).is_ok())
    }

    /// Reads a line that is exactly as one is written.
    pub(super) fn read(line: &Value) -> Option<SignedPosition> {
        let signed = Self::deserialize(line).ok()?.signed()?;
        is_same(line, &Self::new(&signed)).then_some(signed)
    }
}
