//! One event of the feed: an entry of a gateway's ledger, or of the hub's own.

use serde::Serialize;
use uuid::Uuid;

use super::feed_cursor::FeedCursor;
use crate::clock::rfc3339;
use crate::hub::core::EnteredMovement;
use crate::protocol::topic::GatewayId;
use crate::stock::{Amount, Decimals, Entry, Origin, Sku, Trace, books_event_id};

/// An event. The columns of an export are named like the fields, and are in their order.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct FeedEvent {
    #[serde(serialize_with = "as_text")]
    pub(in crate::hub) cursor: FeedCursor,
    pub(in crate::hub) event_id: Uuid,
    pub(in crate::hub) kind: &'static str,
    /// Without a site and a gateway, the event is of the hub's pool.
    pub(in crate::hub) site: Option<String>,
    pub(in crate::hub) gateway: Option<String>,
    pub(in crate::hub) sku: Sku,
    /// Of on hand at the gateway, or of the pool.
    pub(in crate::hub) change: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) reserved_change: Option<Amount>,
    /// Of what is on its way to gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) in_transit_change: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) order_id: Option<String>,
    pub(in crate::hub) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) lot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) expires: Option<String>,
    /// The gateway on the other side of a movement between it and the pool, as `site/gateway`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) peer: Option<String>,
    pub(in crate::hub) at: String,
    pub(in crate::hub) booked_at: String,
    /// The time of the booking, in milliseconds since 1970.
    #[serde(skip)]
    pub(in crate::hub) booked_ms: i64,
}

fn as_text<S: serde::Serializer>(cursor: &FeedCursor, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(cursor)
}

fn text<T: ToString>(id: Option<&T>) -> Option<String> {
    id.map(T::to_string)
}

fn amount_unless_zero(units: i64, decimals: Decimals) -> Option<Amount> {
    (units != 0).then(|| Amount::new(units, decimals))
}

impl FeedEvent {
    /// An entry of a gateway that was booked at this time; 0 if that is not known.
    pub(super) fn of_entry(
        cursor: FeedCursor,
        origin: &Origin,
        entry: &Entry,
        booked_ms: i64,
        decimals: Decimals,
    ) -> Self {
        let booked_ms = if booked_ms == 0 { entry.at_ms } else { booked_ms };
        let [lot, serial, expires] = traced(entry.trace.as_deref());
        Self {
            cursor,
            event_id: origin.event_id(entry.seq),
            kind: entry.kind.as_str(),
            site: Some(origin.site.clone()),
            gateway: Some(origin.gateway.clone()),
            change: Amount::new(entry.change, decimals),
            reserved_change: amount_unless_zero(entry.reserved_change, decimals),
            in_transit_change: None,
            order_id: text(entry.order_id.as_ref()),
            request_id: entry.request_id.to_string(),
            actor: text(entry.cause.actor.as_ref()),
            reason: text(entry.cause.reason.as_ref()),
            lot,
            serial,
            expires,
            peer: None,
            at: rfc3339(entry.at_ms),
            booked_at: rfc3339(booked_ms),
            booked_ms,
            sku: entry.sku.clone(),
        }
    }

    /// A movement of the books with this identity.
    pub(super) fn of_movement(
        cursor: FeedCursor,
        books: Uuid,
        entered: &EnteredMovement,
        booked_ms: i64,
        decimals: Decimals,
    ) -> Self {
        let EnteredMovement { seq, at_ms, movement } = entered;
        let [lot, serial, expires] = traced(movement.trace.as_deref());
        let booked_ms = if booked_ms == 0 { *at_ms } else { booked_ms };
        let peer = movement.gateway.as_ref();
        let (reserved, in_transit) = (movement.reserved_change, movement.in_transit_change);
        Self {
            cursor,
            event_id: books_event_id(books, *seq),
            kind: movement.kind.as_str(),
            site: None,
            gateway: None,
            change: Amount::new(movement.change, decimals),
            reserved_change: amount_unless_zero(reserved, decimals),
            in_transit_change: amount_unless_zero(in_transit, decimals),
            order_id: text(movement.order_id.as_ref()),
            request_id: movement.request_id.to_string(),
            actor: text(movement.cause.actor.as_ref()),
            reason: text(movement.cause.reason.as_ref()),
            lot,
            serial,
            expires,
            peer: peer.map(|GatewayId { site, gateway }| format!("{site}/{gateway}")),
            at: rfc3339(*at_ms),
            booked_at: rfc3339(booked_ms),
            booked_ms,
            sku: movement.sku.clone(),
        }
    }
}

/// Lot, serial number and expiry date.
fn traced(trace: Option<&Trace>) -> [Option<String>; 3] {
    let Some(trace) = trace else { return [const { None }; 3] };
    let expires = trace.expires.map(|day| day.to_string());
    [text(trace.lot.as_ref()), text(trace.serial.as_ref()), expires]
}
