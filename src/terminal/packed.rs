//! From the messages of [`super::binary`] to the fields of a request, and from what came of it
//! back to them.

use tokio_tungstenite::tungstenite::Message;

use super::answer::Found;
use super::binary::{
    AppliedLine, Entry, Item, Line, Op, Outcome, PROTOCOL, Reply, Request, Sync, Wanted,
};
use super::message::{After, Chosen, Deduction, Fields, LineText, MessageId};
use super::query::Status;
use super::wire::Unread;
use crate::engine::sync_status::SyncStatus;
use crate::problem::Problem;
use crate::stock::{Applied, IdError, OrderId, Origin, RequestId, Sku};

/// A message as it is sent.
pub(super) fn postcard(reply: &Reply<'_>) -> Message {
    Message::binary(postcard::to_stdvec(reply).expect("plain data always serializes"))
}

/// Reads a message into the fields that it would have in JSON.
///
/// # Errors
/// The problem, with the message's id if that could be read.
pub(super) fn read(bytes: &[u8]) -> Result<Fields, Unread> {
    let id = postcard::take_from_bytes::<u64>(bytes).ok();
    let id = id.map(|(id, _)| MessageId::Number(id.into()));
    let malformed = |why: &dyn std::fmt::Display| {
        let message = format!("the message is no Request of {PROTOCOL}: {why}");
        Unread::from((id.clone(), Problem::bad_request(message)))
    };
    let (request, rest) =
        postcard::take_from_bytes::<Request<'_>>(bytes).map_err(|error| malformed(&error))?;
    if !rest.is_empty() {
        return Err(malformed(&format!("{} bytes are left over", rest.len())));
    }
    let mut fields =
        fields_of(&request.op).map_err(|problem| Unread::from((id.clone(), problem)))?;
    fields.id = id;
    Ok(fields)
}

fn fields_of(op: &Op<'_>) -> Result<Fields, Problem> {
    let mut fields = Fields::default();
    let op = match *op {
        Op::Auth { token } => {
            fields.token = Some(token.into());
            "auth"
        }
        Op::Deduct { request_id, order_id, ref lines } => {
            fields.take(Some(request_id), order_id, Some(lines))?;
            "deduct"
        }
        Op::Restock { request_id, order_id, ref lines } => {
            fields.take(Some(request_id), order_id, Some(lines))?;
            "restock"
        }
        Op::Count { request_id, sku, counted } => {
            fields.take(Some(request_id), None, None)?;
            fields.sku = Some(parsed("sku", sku, Sku::parse)?);
            fields.counted = Some(i64::try_from(counted).unwrap_or(i64::MAX));
            "count"
        }
        Op::Rollback { request_id, of, ref lines } => {
            fields.take(Some(request_id), None, lines.as_ref())?;
            fields.of = Some(Deduction::parse(of)?);
            "rollback"
        }
        Op::Reserve { request_id, order_id, ref lines, ttl_s } => {
            fields.take(Some(request_id), order_id, Some(lines))?;
            fields.ttl_s = ttl_s;
            "reserve"
        }
        Op::Commit { request_id, reservation, ref lines } => {
            fields.take(request_id, None, lines.as_ref())?;
            fields.reservation = Some(Chosen::parse("reservation", reservation)?);
            "commit"
        }
        Op::Release { request_id, reservation } => {
            fields.take(request_id, None, None)?;
            fields.reservation = Some(Chosen::parse("reservation", reservation)?);
            "release"
        }
        Op::Get { sku } => {
            fields.sku = Some(parsed("sku", sku, Sku::parse)?);
            "get"
        }
        Op::List { prefix, after, limit } => {
            fields.prefix = Some(prefix.into());
            fields.after = after.map(|sku| After::Sku(sku.into()));
            fields.limit = limit;
            "list"
        }
        Op::Ledger { after, limit } => {
            fields.after = Some(After::Seq(after));
            fields.limit = limit;
            "ledger"
        }
        Op::Status => "status",
        Op::Subscribe { ref to, since } => {
            match to {
                Wanted::All => fields.all = Some(true),
                Wanted::Prefix(prefix) => fields.prefix = Some((*prefix).into()),
                Wanted::Skus(skus) => {
                    let skus = skus.iter().map(|sku| parsed("skus", sku, Sku::parse));
                    fields.skus = Some(skus.collect::<Result<_, _>>()?);
                }
            }
            fields.since = since;
            "subscribe"
        }
        Op::Unsubscribe => "unsubscribe",
        Op::Resolve { code } => {
            fields.code = Some(code.into());
            "resolve"
        }
    };
    fields.op = Some(smol_str::SmolStr::new_static(op));
    Ok(fields)
}

fn parsed<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<T, Problem> {
    parse(text).map_err(|error| Problem::bad_request(format!("{field}: {error}")))
}

impl Fields {
    fn take(
        &mut self,
        request_id: Option<&str>,
        order_id: Option<&str>,
        lines: Option<&Vec<Line<'_>>>,
    ) -> Result<(), Problem> {
        self.request_id = request_id.map(|id| Chosen::parse("request_id", id)).transpose()?;
        self.order_id = order_id.map(|id| parsed("order_id", id, OrderId::parse)).transpose()?;
        let line = |line: &Line<'_>| {
            LineText::new(parsed("lines: sku", line.sku, Sku::parse)?, line.quantity)
        };
        self.lines =
            lines.map(|lines| lines.iter().map(line).collect::<Result<_, _>>()).transpose()?;
        Ok(())
    }
}

impl<'a> Item<'a> {
    /// The contract's stock item.
    pub(super) fn new(sku: &'a str, item: &crate::stock::Item) -> Self {
        let crate::stock::Item { on_hand, reserved, version } = *item;
        Self { sku, on_hand, reserved, version }
    }
}

impl<'a> From<&'a SyncStatus> for Sync<'a> {
    fn from(status: &'a SyncStatus) -> Self {
        let SyncStatus { state, reason, acked_seq, pending, oldest_pending_s } = status;
        let (acked_seq, pending) = (*acked_seq, *pending);
        let oldest_pending_s = *oldest_pending_s;
        Self { state, reason: reason.as_deref(), acked_seq, pending, oldest_pending_s }
    }
}

/// The answer to a query.
pub(super) fn done(id: Option<&MessageId>, found: &Found, origin: &Origin) -> Message {
    let expiry;
    let result = match found {
        Found::Item(sku, item) => Outcome::Item(Item::new(sku.as_str(), item)),
        Found::Items { items, next } => Outcome::Items {
            items: items.iter().map(|(sku, item)| Item::new(sku.as_str(), item)).collect(),
            next: next.as_ref().map(Sku::as_str),
        },
        Found::Ledger { entries, last_seq } => Outcome::Ledger {
            entries: entries.iter().map(|entry| Entry::new(entry, origin)).collect(),
            next: entries.last().map(|last| last.seq).filter(|seq| seq < last_seq),
        },
        Found::Status(status) => Outcome::of_status(status, origin),
        Found::Resolved(resolved) => {
            expiry = resolved.reading.expiry.map(|date| date.to_string());
            Outcome::Resolved {
                format: resolved.reading.format.as_str(),
                gtin: resolved.reading.gtin.map(Into::into),
                quantity: resolved.reading.quantity,
                batch: resolved.reading.batch.as_deref(),
                expiry: expiry.as_deref(),
                serial: resolved.reading.serial.as_deref(),
                item: Item::new(resolved.sku.as_str(), &resolved.item),
            }
        }
        Found::Role(role) => Outcome::Role(*role as u8),
        Found::Matched(count) => Outcome::Matched(*count as u64),
        Found::Unsubscribed => Outcome::Unsubscribed,
    };
    postcard(&Reply::Done { id: number(id).unwrap_or_default(), result })
}

/// The answer to a mutation that was applied.
pub(super) fn applied(
    id: Option<&MessageId>,
    request_id: &RequestId,
    replayed: bool,
    applied: &Applied,
) -> Message {
    let lines = applied.lines.iter().map(|line| AppliedLine {
        sku: line.sku.as_str(),
        quantity: line.quantity,
        on_hand: line.on_hand,
        reserved: line.reserved,
        version: line.version,
    });
    let result = Outcome::Applied {
        request_id: request_id.as_str(),
        seq: applied.seq,
        replayed,
        lines: lines.collect(),
        expires_at_ms: applied.expires_at_ms,
    };
    postcard(&Reply::Done { id: number(id).unwrap_or_default(), result })
}

/// The answer to a message that was not done.
pub(super) fn failed(id: Option<&MessageId>, problem: &Problem) -> Message {
    postcard(&Reply::Failed {
        id: number(id),
        code: problem.code.as_str(),
        message: &problem.message,
        sku: problem.sku.as_deref(),
        requested: problem.requested,
        available: problem.available,
        replayed: problem.replayed,
        retry_after_s: problem.retry_after_s,
    })
}

/// Here every id is a number.
fn number(id: Option<&MessageId>) -> Option<u64> {
    match id {
        Some(MessageId::Number(number)) => number.as_u64(),
        Some(MessageId::Text(_)) | None => None,
    }
}

impl<'a> Entry<'a> {
    fn new(entry: &'a crate::stock::Entry, origin: &Origin) -> Self {
        Self {
            seq: entry.seq,
            event_id: origin.event_id(entry.seq).into_bytes(),
            kind: entry.kind.as_str(),
            sku: entry.sku.as_str(),
            change: entry.change,
            reserved_change: entry.reserved_change,
            order_id: entry.order_id.as_ref().map(OrderId::as_str),
            request_id: entry.request_id.as_str(),
            at_ms: entry.at_ms,
            clock_trusted: entry.clock_trusted,
        }
    }
}

impl<'a> Outcome<'a> {
    fn of_status(status: &'a Status, origin: &'a Origin) -> Self {
        Self::Status {
            gateway: &origin.gateway,
            site: &origin.site,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: status.uptime_s,
            skus: status.skus as u64,
            reservations: status.reservations as u64,
            ledger_seq: status.ledger_seq,
            problem: status.problem.as_deref(),
            sync: (&status.sync).into(),
        }
    }
}
