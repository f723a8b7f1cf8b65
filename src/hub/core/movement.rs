//! Movements of the hub's own: what changes a pool beside the entries of gateways.

use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, OptionalTrace, OrderId, RequestId, Sku};

/// The kind of a movement. The numbers are in the books: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind {
    /// Goods arrived in the pool.
    Receipt = 0,
    /// Goods left the pool for a customer.
    Deduct = 1,
    /// Units went from the pool towards a gateway.
    Grant = 2,
    /// Units of a recall came back into the pool.
    Recall = 3,
    /// The stock of a retired database went towards the gateway's new one.
    BringBack = 4,
    /// An operator put the pool right.
    Correction = 5,
}

impl MovementKind {
    /// Every kind, at the index of its number.
    pub const ALL: [Self; 6] =
        [Self::Receipt, Self::Deduct, Self::Grant, Self::Recall, Self::BringBack, Self::Correction];

    /// The number in the books.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Deduct => "deduct",
            Self::Grant => "grant",
            Self::Recall => "recall",
            Self::BringBack => "bring_back",
            Self::Correction => "correction",
        }
    }
}

/// A movement of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub kind: MovementKind,
    pub sku: Sku,
    /// Change of the units in the pool that no gateway has.
    pub change: i64,
    /// Change of the units in transit.
    pub in_transit_change: i64,
    /// The gateway on the other side.
    pub gateway: Option<GatewayId>,
    pub order_id: Option<OrderId>,
    pub request_id: RequestId,
    pub cause: Cause,
    pub trace: OptionalTrace,
}

/// What the movements of one request have in common.
#[derive(Clone, Debug)]
pub(super) struct Occasion<'a> {
    pub(super) kind: MovementKind,
    pub(super) gateway: Option<&'a GatewayId>,
    pub(super) order_id: Option<&'a OrderId>,
    pub(super) request_id: &'a RequestId,
    pub(super) cause: &'a Cause,
}

impl Occasion<'_> {
    /// A movement of this many units: into the pool, out of it, or past it.
    pub(super) fn movement(&self, sku: &Sku, units: i64, trace: &OptionalTrace) -> Movement {
        let (change, in_transit_change) = match self.kind {
            MovementKind::Receipt | MovementKind::Recall | MovementKind::Correction => (units, 0),
            MovementKind::Deduct => (-units, 0),
            MovementKind::Grant => (-units, units),
            MovementKind::BringBack => (0, units),
        };
        Movement {
            kind: self.kind,
            sku: sku.clone(),
            change,
            in_transit_change,
            gateway: self.gateway.cloned(),
            order_id: self.order_id.cloned(),
            request_id: self.request_id.clone(),
            cause: self.cause.clone(),
            trace: trace.clone(),
        }
    }
}
