//! Reservations in JSON.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::net::json::{TraceJson, json};
use crate::stock::{Actor, Amount, Decimals, Ending, Line, OrderId, RequestId};
use crate::terminal::response::{Reservation, ReservationEnd, ReservationPage};

/// One reservation, with its state.
pub(super) fn reservation_json(reservation: &Reservation) -> String {
    json(&StatedJson {
        state: reservation.state(),
        reservation: ReservationJson::new(reservation),
        end: reservation.end.as_ref().and_then(EndJson::new),
    })
}

/// A page of open reservations.
pub(super) fn reservations_json(page: &ReservationPage) -> String {
    #[derive(Serialize)]
    struct Page<'a> {
        items: Vec<ReservationJson<'a>>,
        next: Option<&'a RequestId>,
    }
    let items = page.items.iter().map(ReservationJson::new).collect();
    json(&Page { items, next: page.next.as_ref() })
}

#[derive(Serialize)]
struct StatedJson<'a> {
    state: &'static str,
    #[serde(flatten)]
    reservation: ReservationJson<'a>,
    #[serde(flatten)]
    end: Option<EndJson<'a>>,
}

#[derive(Serialize)]
struct ReservationJson<'a> {
    reservation: &'a RequestId,
    order_id: Option<&'a OrderId>,
    lines: Vec<LineJson<'a>>,
    expires_at: Option<String>,
    expires_in_s: Option<u64>,
    actor: Option<&'a str>,
}

#[derive(Serialize)]
struct LineJson<'a> {
    sku: &'a str,
    quantity: Amount,
    #[serde(flatten)]
    trace: Option<TraceJson<'a>>,
}

impl<'a> LineJson<'a> {
    fn new((line, decimals): &'a (Line, Decimals)) -> Self {
        let quantity = Amount::new(line.quantity.units(), *decimals);
        let trace = TraceJson::new(line.trace.as_deref());
        Self { sku: line.sku.as_str(), quantity, trace }
    }
}

impl<'a> ReservationJson<'a> {
    fn new(reservation: &'a Reservation) -> Self {
        Self {
            reservation: &reservation.id,
            order_id: reservation.order_id.as_ref(),
            lines: reservation.lines.iter().map(LineJson::new).collect(),
            expires_at: reservation.expires_at_ms.map(rfc3339),
            expires_in_s: reservation.expires_in_s,
            actor: reservation.actor.as_ref().map(Actor::as_str),
        }
    }
}

/// How a reservation was closed, when and by whom.
#[derive(Serialize)]
struct EndJson<'a> {
    closed_by: &'a RequestId,
    closed_at: Option<String>,
    closed_actor: Option<&'a str>,
}

impl<'a> EndJson<'a> {
    fn new(end: &'a ReservationEnd) -> Option<Self> {
        let ReservationEnd::Closed(Ending { request_id, at_ms, actor, .. }) = end else {
            return None;
        };
        let closed_at = at_ms.map(rfc3339);
        Some(Self {
            closed_by: request_id,
            closed_at,
            closed_actor: actor.as_ref().map(Actor::as_str),
        })
    }
}
