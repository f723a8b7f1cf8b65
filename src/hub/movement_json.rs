//! The JSON of the hub's own ledger.

use serde::Serialize;
use uuid::Uuid;

use super::core::EnteredMovement;
use crate::clock::rfc3339;
use crate::net::json::{CauseJson, TraceJson};
use crate::stock::{Amount, Decimals, OrderId, Seq, books_event_id};

/// An entry of the hub's own ledger, shaped as those of gateways.
#[derive(Debug, Serialize)]
pub(crate) struct MovementJson<'a> {
    seq: Seq,
    event_id: String,
    kind: &'static str,
    sku: &'a str,
    change: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_change: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_transit_change: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    request_id: &'a str,
    at: String,
    #[serde(flatten)]
    cause: CauseJson<'a>,
    #[serde(flatten)]
    trace: Option<TraceJson<'a>>,
}

impl<'a> MovementJson<'a> {
    /// The entry of a ledger of these books.
    pub(crate) fn new(books: Uuid, entered: &'a EnteredMovement, decimals: Decimals) -> Self {
        let EnteredMovement { seq, at_ms, movement } = entered;
        let in_transit = Some(movement.in_transit_change).filter(|change| *change != 0);
        let gateway = movement.gateway.as_ref();
        Self {
            seq: *seq,
            event_id: books_event_id(books, *seq).to_string(),
            kind: movement.kind.as_str(),
            sku: movement.sku.as_str(),
            change: Amount::new(movement.change, decimals),
            reserved_change: Some(movement.reserved_change)
                .filter(|change| *change != 0)
                .map(|change| Amount::new(change, decimals)),
            in_transit_change: in_transit.map(|change| Amount::new(change, decimals)),
            site: gateway.map(|id| id.site.as_str()),
            gateway: gateway.map(|id| id.gateway.as_str()),
            order_id: movement.order_id.as_ref().map(OrderId::as_str),
            request_id: movement.request_id.as_str(),
            at: rfc3339(*at_ms),
            cause: CauseJson::new(&movement.cause),
            trace: TraceJson::new(movement.trace.as_deref()),
        }
    }
}
