//! Writes answers and events in postcard.

use super::messages::{
    WireAppliedLine, WireEntry, WireEntryNote, WireItem, WireLine, WireOutcome, WireReply,
    WireReservation, WireSync, WireTrace,
};
use crate::engine::sync_status::SyncStatus;
use crate::problem::Problem;
use crate::process::RELEASE;
use crate::stock::{
    Actor, AppliedLine, Day, Entry, Item, Line, ListedItem, Lot, OrderId, Origin, Reason,
    RequestId, Seq, Serial,
};
use crate::terminal::response::{
    AppliedMutation, GatewayStatus, RequestResult, Reservation, ResolvedCode,
};
use crate::terminal::wire::SESSION_PROTOCOL;
use crate::terminal::wire::message::MessageId;

/// The first message of a session.
pub(in crate::terminal) fn hello(origin: &Origin) -> Vec<u8> {
    let (gateway, site) = (origin.gateway.as_str(), origin.site.as_str());
    let protocol = SESSION_PROTOCOL;
    message(&WireReply::Hello { gateway, site, version: RELEASE, protocol })
}

/// The answer to a request other than a mutation.
pub(in crate::terminal) fn result(
    id: &MessageId,
    result: &RequestResult,
    origin: &Origin,
) -> Vec<u8> {
    match result {
        RequestResult::Item(item) => done(id, WireOutcome::Item(WireItem::new(item))),
        RequestResult::Items(page) => done(id, items_outcome(&page.items, page.next.as_deref())),
        RequestResult::Ledger { entries, last_seq, .. } => {
            done(id, ledger_outcome(entries, *last_seq, origin))
        }
        RequestResult::Reservation(reservation) => done(
            id,
            WireOutcome::Reservation {
                state: reservation.state(),
                reservation: WireReservation::new(reservation),
            },
        ),
        RequestResult::Reservations(page) => {
            let items = page.items.iter().map(WireReservation::new).collect();
            let next = page.next.as_ref().map(RequestId::as_str);
            done(id, WireOutcome::Reservations { items, next })
        }
        RequestResult::Status(status) => done(id, status_outcome(status, origin)),
        RequestResult::Resolved(resolved) => {
            let reading = &resolved.reading;
            let dates = [reading.expires, reading.best_before];
            let [expires, best_before] = dates.map(|date| date.map(|date| date.to_string()));
            done(id, resolved_outcome(resolved, expires.as_deref(), best_before.as_deref()))
        }
        RequestResult::Role { role, .. } => done(id, WireOutcome::Role(*role as u8)),
        RequestResult::Matched(count) => done(id, WireOutcome::Matched(*count as u64)),
        RequestResult::Unsubscribed => done(id, WireOutcome::Unsubscribed),
    }
}

/// Writes the answer to a mutation that was applied.
pub(in crate::terminal) fn write_applied(
    bytes: &mut Vec<u8>,
    id: Option<&MessageId>,
    mutation: &AppliedMutation<'_>,
) {
    let AppliedMutation { request_id, replayed, applied, .. } = mutation;
    let result = WireOutcome::Applied {
        request_id: request_id.as_str(),
        seq: applied.seq,
        replayed: *replayed,
        lines: applied.lines.iter().map(WireAppliedLine::new).collect(),
        expires_at_ms: applied.expires_at_ms,
    };
    write(bytes, &WireReply::Done { id: id.and_then(number).unwrap_or_default(), result });
}

/// Writes the answer to a message that came to an error.
pub(in crate::terminal) fn write_error(
    bytes: &mut Vec<u8>,
    id: Option<&MessageId>,
    problem: &Problem,
) {
    let reply = WireReply::Failed {
        id: id.and_then(number),
        code: problem.code.as_str(),
        message: &problem.message,
        sku: problem.sku.as_deref(),
        requested: problem.requested.as_ref().map(|amount| amount.units.unsigned_abs()),
        available: problem.available.as_ref().map(|amount| amount.units),
        replayed: problem.replayed,
        retry_after_s: problem.retry_after_s.map(u64::from),
    };
    write(bytes, &reply);
}

/// The event that tells items as they are at a position.
pub(in crate::terminal) fn stock_event<'a>(
    seq: Seq,
    items: impl IntoIterator<Item = &'a ListedItem>,
) -> Vec<u8> {
    let items = items.into_iter().map(WireItem::new).collect();
    message(&WireReply::Stock { seq, items })
}

/// The event that tells the state of the hub link.
pub(in crate::terminal) fn sync_event(status: &SyncStatus) -> Vec<u8> {
    message(&WireReply::Sync(WireSync::new(status)))
}

fn message(reply: &WireReply<'_>) -> Vec<u8> {
    postcard::to_stdvec(reply).expect("plain data always serializes")
}

/// Appends a reply.
fn write(bytes: &mut Vec<u8>, reply: &WireReply<'_>) {
    let written = postcard::to_extend(reply, std::mem::take(bytes));
    *bytes = written.expect("plain data always serializes");
}

fn done(id: &MessageId, result: WireOutcome<'_>) -> Vec<u8> {
    message(&WireReply::Done { id: number(id).unwrap_or_default(), result })
}

/// The id as a number; in postcard every id is one.
fn number(id: &MessageId) -> Option<u64> {
    match id {
        MessageId::Number(number) => Some(*number),
        MessageId::Written(_) | MessageId::Text(_) => None,
    }
}

fn items_outcome<'a>(items: &'a [ListedItem], next: Option<&'a str>) -> WireOutcome<'a> {
    let items = items.iter().map(WireItem::new).collect();
    WireOutcome::Items { items, next }
}

fn ledger_outcome<'a>(entries: &'a [Entry], last_seq: Seq, origin: &Origin) -> WireOutcome<'a> {
    let next = entries.last().map(|last| last.seq).filter(|&seq| seq < last_seq);
    let noted = entries.iter().any(|entry| !entry.cause.is_empty() || entry.trace.is_some());
    let notes = entries.iter().filter(|_| noted).map(WireEntryNote::new).collect();
    let entries = entries.iter().map(|entry| WireEntry::new(entry, origin)).collect();
    match noted {
        true => WireOutcome::NotedLedger { entries, notes, next },
        false => WireOutcome::Ledger { entries, next },
    }
}

fn status_outcome<'a>(status: &'a GatewayStatus, origin: &'a Origin) -> WireOutcome<'a> {
    WireOutcome::Status {
        gateway: &origin.gateway,
        site: &origin.site,
        version: RELEASE,
        uptime_s: status.uptime_s,
        skus: status.skus as u64,
        reservations: status.reservations as u64,
        ledger_seq: status.ledger_seq,
        problem: status.problem.as_deref(),
        sync: WireSync::new(&status.sync),
    }
}

/// The first form of the answer, which every terminal knows, says all that most codes say.
fn resolved_outcome<'a>(
    resolved: &'a ResolvedCode,
    expires: Option<&'a str>,
    best_before: Option<&'a str>,
) -> WireOutcome<'a> {
    let ResolvedCode { reading, content, quantity, item, .. } = resolved;
    let (content, quantity) = (*content, *quantity);
    let (format, gtin) = (reading.format.as_str(), reading.gtin.map(Into::into));
    let (lot, serial) = (reading.lot.as_deref(), reading.serial.as_deref());
    let item = WireItem::new(item);
    if content == 1 && best_before.is_none() {
        let quantity = Some(quantity);
        return WireOutcome::Resolved { format, gtin, quantity, lot, expires, serial, item };
    }
    WireOutcome::ResolvedInFull {
        format,
        gtin,
        content,
        quantity,
        lot,
        expires,
        best_before,
        serial,
        item,
    }
}

impl<'a> WireItem<'a> {
    fn new(listed: &'a ListedItem) -> Self {
        let ListedItem { sku, item: Item { on_hand, reserved, version }, .. } = listed;
        let (on_hand, reserved, version) = (*on_hand, *reserved, *version);
        Self { sku: sku.as_str(), on_hand, reserved, version }
    }
}

impl<'a> WireAppliedLine<'a> {
    fn new(line: &'a AppliedLine) -> Self {
        let &AppliedLine { ref sku, quantity, on_hand, reserved, version, .. } = line;
        Self { sku: sku.as_str(), quantity, on_hand, reserved, version }
    }
}

impl<'a> WireReservation<'a> {
    fn new(reservation: &'a Reservation) -> Self {
        Self {
            reservation: reservation.id.as_str(),
            order_id: reservation.order_id.as_ref().map(OrderId::as_str),
            lines: reservation.lines.iter().map(|(line, _)| WireLine::new(line)).collect(),
            expires_at_ms: reservation.expires_at_ms,
            expires_in_s: reservation.expires_in_s,
            actor: reservation.actor.as_ref().map(Actor::as_str),
        }
    }
}

impl<'a> WireLine<'a> {
    fn new(line: &'a Line) -> Self {
        Self { sku: line.sku.as_str(), quantity: line.quantity.units().unsigned_abs() }
    }
}

impl<'a> WireSync<'a> {
    fn new(status: &'a SyncStatus) -> Self {
        let SyncStatus { state, reason, acked_seq, pending, oldest_pending_s, books: _ } = status;
        Self {
            state,
            reason: reason.as_deref(),
            acked_seq: *acked_seq,
            pending: *pending,
            oldest_pending_s: *oldest_pending_s,
        }
    }
}

impl<'a> WireEntryNote<'a> {
    fn new(entry: &'a Entry) -> Self {
        let trace = entry.trace.as_deref();
        Self {
            actor: entry.cause.actor.as_ref().map(Actor::as_str),
            reason: entry.cause.reason.as_ref().map(Reason::as_str),
            trace: WireTrace {
                lot: trace.and_then(|trace| trace.lot.as_ref()).map(Lot::as_str),
                serial: trace.and_then(|trace| trace.serial.as_ref()).map(Serial::as_str),
                expires: trace.and_then(|trace| trace.expires).map(Day::number),
            },
        }
    }
}

impl<'a> WireEntry<'a> {
    fn new(entry: &'a Entry, origin: &Origin) -> Self {
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
