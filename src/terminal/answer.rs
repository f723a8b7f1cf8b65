//! What a terminal is answered, the same over HTTP and WebSocket.

use serde::Serialize;

use super::access::Role;
use super::query::Status;
use super::resolve::Resolved;
use crate::clock::rfc3339;
use crate::net::json::{json, ledger_json};
use crate::problem::Problem;
use crate::stock::{Applied, AppliedLine, Decided, Entry, Item, Origin, Seq, Sku};

/// A stock item as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ItemJson<'a> {
    sku: &'a str,
    on_hand: i64,
    reserved: i64,
    available: i64,
    version: Seq,
}

impl<'a> ItemJson<'a> {
    /// The contract's stock item.
    pub(super) fn new(sku: &'a str, item: &Item) -> Self {
        let Item { on_hand, reserved, version } = *item;
        Self { sku, on_hand, reserved, available: item.available(), version }
    }
}

/// A success as the client is told.
///
/// # Errors
/// The refusal, as the client is told.
pub(super) fn outcome(decided: &Decided) -> Result<AppliedJson<'_>, Problem> {
    match &decided.outcome {
        Ok(applied) => Ok(AppliedJson::new(decided, applied)),
        Err(refusal) => Err(Problem::refused(refusal, decided.replayed)),
    }
}

impl<'a> AppliedJson<'a> {
    /// The contract's success.
    pub(super) fn new(decided: &'a Decided, applied: &'a Applied) -> Self {
        let &Applied { seq, ref lines, expires_at_ms } = applied;
        let (request_id, replayed) = (decided.request_id.as_str(), decided.replayed);
        Self {
            request_id,
            seq,
            replayed,
            lines: LinesJson(lines),
            reservation: expires_at_ms.map(|_| request_id),
            expires_at: expires_at_ms.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AppliedJson<'a> {
    request_id: &'a str,
    seq: Seq,
    replayed: bool,
    lines: LinesJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

struct LinesJson<'a>(&'a [AppliedLine]);

impl Serialize for LinesJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(LineJson::new))
    }
}

#[derive(Serialize)]
struct LineJson<'a> {
    sku: &'a str,
    quantity: u64,
    on_hand: i64,
    reserved: i64,
    available: i64,
    version: Seq,
}

impl<'a> LineJson<'a> {
    fn new(line: &'a AppliedLine) -> Self {
        let &AppliedLine { ref sku, quantity, on_hand, reserved, version } = line;
        let available = on_hand - reserved;
        Self { sku: sku.as_str(), quantity, on_hand, reserved, available, version }
    }
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Found {
    Item(Sku, Item),
    /// A page, and the cursor for the next one.
    Items {
        items: Vec<(Sku, Item)>,
        next: Option<Sku>,
    },
    /// A page of a ledger that ends at `last_seq`.
    Ledger {
        entries: Vec<Entry>,
        last_seq: Seq,
    },
    Status(Status),
    Resolved(Resolved),
    /// By the token shown.
    Role(Role),
    /// How many SKUs a subscription is to.
    Matched(usize),
    Unsubscribed,
}

impl Found {
    /// The contract's result.
    pub(super) fn json(&self, origin: &Origin) -> String {
        #[derive(Serialize)]
        struct Page<'a> {
            items: Vec<ItemJson<'a>>,
            next: Option<&'a Sku>,
        }
        match self {
            Self::Item(sku, item) => json(&ItemJson::new(sku.as_str(), item)),
            Self::Items { items, next } => {
                let items = items.iter().map(|(sku, item)| ItemJson::new(sku.as_str(), item));
                json(&Page { items: items.collect(), next: next.as_ref() })
            }
            Self::Ledger { entries, last_seq } => ledger_json(origin, entries, *last_seq),
            Self::Status(status) => status.json(origin),
            Self::Resolved(resolved) => resolved.json(),
            Self::Role(role) => format!(r#"{{"role":"{}"}}"#, format!("{role:?}").to_lowercase()),
            Self::Matched(count) => format!(r#"{{"matched":{count}}}"#),
            Self::Unsubscribed => "{}".into(),
        }
    }
}
