//! Writes answers and events in JSON, in the shapes of the contract.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::reservation::{reservation_json, reservations_json};
use crate::clock::rfc3339;
use crate::engine::sync_status::SyncStatus;
use crate::net::access::Role;
use crate::net::json::{TraceJson, json, ledger_json};
use crate::problem::Problem;
use crate::process::RELEASE;
use crate::stock::{Amount, AppliedLine, Decimals, ListedItem, Origin, RequestId, Seq};
use crate::terminal::response::{
    AppliedMutation, GatewayStatus, ItemPage, RequestResult, ResolvedCode,
};
use crate::terminal::wire::SESSION_PROTOCOL;
use crate::terminal::wire::message::MessageId;

/// The length of an item in JSON whose SKU has an ordinary length.
const ITEM_JSON_BYTES: usize = 128;

/// The first message of a session.
pub(in crate::terminal) fn hello(origin: &Origin) -> String {
    let (gateway, site) = (origin.gateway.as_str(), origin.site.as_str());
    format!(
        r#"{{"event":"hello","gateway":{},"site":{},"version":{},"protocol":{SESSION_PROTOCOL}}}"#,
        json(&gateway),
        json(&site),
        json(&RELEASE),
    )
}

/// The answer to a request other than a mutation.
pub(in crate::terminal) fn result(
    id: &MessageId,
    result: &RequestResult,
    origin: &Origin,
) -> String {
    let (id, result) = (json(id), result_json(result, origin));
    format!(r#"{{"id":{id},"ok":true,"result":{result}}}"#)
}

/// Writes the answer to a mutation that was applied.
pub(in crate::terminal) fn write_applied(
    message: &mut Vec<u8>,
    id: Option<&MessageId>,
    mutation: &AppliedMutation<'_>,
) {
    #[derive(Serialize)]
    struct Answer<'a> {
        id: Option<&'a MessageId>,
        ok: bool,
        result: AppliedMutationJson<'a>,
    }
    write_json(message, &Answer { id, ok: true, result: AppliedMutationJson::new(mutation) });
}

/// Writes the answer to a message that came to an error.
pub(in crate::terminal) fn write_error(
    message: &mut Vec<u8>,
    id: Option<&MessageId>,
    problem: &Problem,
) {
    #[derive(Serialize)]
    struct Answer<'a> {
        id: Option<&'a MessageId>,
        ok: bool,
        error: &'a Problem,
    }
    write_json(message, &Answer { id, ok: false, error: problem });
}

fn write_json(message: &mut Vec<u8>, answer: &impl Serialize) {
    serde_json::to_writer(message, answer).expect("plain data always serializes");
}

/// The event that tells items as they are at a position.
pub(in crate::terminal) fn stock_event<'a>(
    seq: Seq,
    items: impl IntoIterator<Item = &'a ListedItem>,
) -> Vec<u8> {
    let items: Vec<_> = items.into_iter().map(ItemJson::new).collect();
    let texts = |item: &ItemJson<'_>| item.name.map_or(0, str::len);
    let texts: usize = items.iter().map(texts).sum();
    // Allocated once, and not as it grows: a terminal that connects reads all of the stock.
    let mut event = String::with_capacity((1 + items.len()) * ITEM_JSON_BYTES + texts);
    let _ = write!(event, r#"{{"event":"stock","seq":{seq},"items":"#);
    let mut event = event.into_bytes();
    write_json(&mut event, &items);
    event.push(b'}');
    event
}

/// The event that tells the state of the hub link.
pub(in crate::terminal) fn sync_event(status: &SyncStatus) -> String {
    format!(r#"{{"event":"sync","sync":{}}}"#, json(status))
}

/// The `result` of a mutation that was applied.
pub(in crate::terminal) fn applied_json(mutation: &AppliedMutation<'_>) -> String {
    json(&AppliedMutationJson::new(mutation))
}

/// The `result` of a request other than a mutation.
pub(in crate::terminal) fn result_json(result: &RequestResult, origin: &Origin) -> String {
    match result {
        RequestResult::Item(item) => json(&ItemJson::new(item)),
        RequestResult::Items(page) => json(&ItemsJson::new(page)),
        RequestResult::Ledger { entries, decimals, last_seq } => {
            ledger_json(origin, entries, decimals, *last_seq)
        }
        RequestResult::Reservation(reservation) => reservation_json(reservation),
        RequestResult::Reservations(page) => reservations_json(page),
        RequestResult::Status(status) => json(&StatusJson::new(status, origin)),
        RequestResult::Resolved(resolved) => json(&ResolvedJson::new(resolved)),
        RequestResult::Role { role, name } => {
            format!(r#"{{"role":"{}","name":{}}}"#, role_name(*role), json(name))
        }
        RequestResult::Matched(count) => format!(r#"{{"matched":{count}}}"#),
        RequestResult::Unsubscribed => "{}".into(),
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

#[derive(Debug, Serialize)]
struct ItemJson<'a> {
    sku: &'a str,
    name: Option<&'a str>,
    unit: Option<&'a str>,
    /// How many decimals a quantity has; left out if it has none.
    #[serde(skip_serializing_if = "is_none")]
    decimals: Decimals,
    on_hand: Amount,
    reserved: Amount,
    available: Amount,
    version: Seq,
    /// Only of an item that is in no list any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(decimals: &Decimals) -> bool {
    *decimals == Decimals::default()
}

impl<'a> ItemJson<'a> {
    fn new(listed: &'a ListedItem) -> Self {
        let (item, decimals) = (&listed.item, listed.decimals());
        let amount = |units: i64| Amount::new(units, decimals);
        Self {
            sku: listed.sku.as_str(),
            name: listed.name(),
            unit: listed.unit(),
            decimals,
            on_hand: amount(item.on_hand),
            reserved: amount(item.reserved),
            available: amount(item.available()),
            version: item.version,
            hidden: listed.hidden,
        }
    }
}

#[derive(Serialize)]
struct ItemsJson<'a> {
    items: Vec<ItemJson<'a>>,
    next: Option<&'a str>,
}

impl<'a> ItemsJson<'a> {
    fn new(page: &'a ItemPage) -> Self {
        let items = page.items.iter().map(ItemJson::new).collect();
        Self { items, next: page.next.as_deref() }
    }
}

#[derive(Serialize)]
struct AppliedMutationJson<'a> {
    request_id: &'a str,
    seq: Seq,
    replayed: bool,
    lines: AppliedLines<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> AppliedMutationJson<'a> {
    fn new(mutation: &'a AppliedMutation<'a>) -> Self {
        let request_id = mutation.request_id.as_str();
        let expires_at_ms = mutation.applied.expires_at_ms;
        Self {
            request_id,
            seq: mutation.applied.seq,
            replayed: mutation.replayed,
            lines: AppliedLines(mutation),
            reservation: mutation.reservation,
            expires_at: expires_at_ms.map(rfc3339),
        }
    }
}

/// Written line by line, without a list of what is written.
struct AppliedLines<'a>(&'a AppliedMutation<'a>);

impl Serialize for AppliedLines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AppliedMutation { applied, decimals_of, .. } = self.0;
        let json = |line| AppliedLineJson::new(line, decimals_of(&line.sku));
        serializer.collect_seq(applied.lines.iter().map(json))
    }
}

#[derive(Serialize)]
struct AppliedLineJson<'a> {
    sku: &'a str,
    quantity: Amount,
    on_hand: Amount,
    reserved: Amount,
    available: Amount,
    version: Seq,
    #[serde(flatten)]
    trace: Option<TraceJson<'a>>,
}

impl<'a> AppliedLineJson<'a> {
    fn new(line: &'a AppliedLine, decimals: Decimals) -> Self {
        let &AppliedLine { ref sku, quantity, on_hand, reserved, version, ref trace, .. } = line;
        let amount = |units: i64| Amount::new(units, decimals);
        let trace = TraceJson::new(trace.as_deref());
        Self {
            sku: sku.as_str(),
            quantity: Amount::of(quantity, decimals),
            on_hand: amount(on_hand),
            reserved: amount(reserved),
            available: amount(on_hand - reserved),
            version,
            trace,
        }
    }
}

#[derive(Serialize)]
struct StatusJson<'a> {
    gateway: &'a str,
    site: &'a str,
    epoch: String,
    version: &'a str,
    uptime_s: u64,
    skus: usize,
    reservations: usize,
    ledger_seq: Seq,
    catalogue: u64,
    reasons: &'a [String],
    ready: bool,
    problem: Option<&'a str>,
    sync: &'a SyncStatus,
}

impl<'a> StatusJson<'a> {
    fn new(status: &'a GatewayStatus, origin: &'a Origin) -> Self {
        Self {
            gateway: &origin.gateway,
            site: &origin.site,
            epoch: origin.epoch.to_string(),
            version: RELEASE,
            uptime_s: status.uptime_s,
            skus: status.skus,
            reservations: status.reservations,
            ledger_seq: status.ledger_seq,
            catalogue: status.catalogue,
            reasons: &status.reasons,
            ready: status.problem.is_none(),
            problem: status.problem.as_deref(),
            sync: &status.sync,
        }
    }
}

#[derive(Serialize)]
struct ResolvedJson<'a> {
    code: &'a str,
    format: &'static str,
    gtin: Option<String>,
    sku: &'a str,
    quantity: Amount,
    content: Amount,
    lot: Option<&'a str>,
    serial: Option<&'a str>,
    expires: Option<String>,
    best_before: Option<String>,
    item: ItemJson<'a>,
}

impl<'a> ResolvedJson<'a> {
    fn new(resolved: &'a ResolvedCode) -> Self {
        let ResolvedCode { code, reading, content, quantity, item } = resolved;
        Self {
            code,
            format: reading.format.as_str(),
            gtin: reading.gtin.map(|gtin| gtin.to_string()),
            sku: item.sku.as_str(),
            quantity: Amount::of(*quantity, item.decimals()),
            content: Amount::of(*content, item.decimals()),
            lot: reading.lot.as_deref(),
            serial: reading.serial.as_deref(),
            expires: reading.expires.map(|date| date.to_string()),
            best_before: reading.best_before.map(|date| date.to_string()),
            item: ItemJson::new(item),
        }
    }
}
