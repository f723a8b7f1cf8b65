//! Movements of the hub's own: what changes a pool beside the entries of gateways.

use uuid::Uuid;

use crate::limits::{ID_BYTES_MAX, REQUEST_ID_BYTES_MAX};
use crate::protocol::topic::GatewayId;
use crate::stock::{
    Cause, Chain, ChainedBytes, Entry, Kind, OptionalTrace, OrderId, Origin, RequestId, Seq, Sku,
};

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
    /// A sale, commit or receipt was undone, in whole or in part.
    Rollback = 6,
    /// Units of the pool were promised to an order.
    Reserve = 7,
    /// A reservation was turned into a sale.
    Commit = 8,
    /// A reservation was given up.
    Release = 9,
    /// The time of a reservation was over.
    Expire = 10,
}

impl MovementKind {
    /// Every kind, at the index of its number.
    pub const ALL: [Self; 11] = [
        Self::Receipt,
        Self::Deduct,
        Self::Grant,
        Self::Recall,
        Self::BringBack,
        Self::Correction,
        Self::Rollback,
        Self::Reserve,
        Self::Commit,
        Self::Release,
        Self::Expire,
    ];

    /// The number in the books.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The kind with this name in JSON.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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
            Self::Rollback => "rollback",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Expire => "expire",
        }
    }

    /// The kind of what an order has entered.
    fn of_order(kind: Kind) -> Self {
        match kind {
            Kind::Deduct => Self::Deduct,
            Kind::Restock => Self::Receipt,
            Kind::Rollback => Self::Rollback,
            Kind::Reserve => Self::Reserve,
            Kind::Commit => Self::Commit,
            Kind::Release => Self::Release,
            Kind::Expire => Self::Expire,
            Kind::Count | Kind::CountRollback | Kind::Grant | Kind::Recall => Self::Correction,
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
    /// Change of those of them that are promised to reservations.
    pub reserved_change: i64,
    /// Change of the units in transit.
    pub in_transit_change: i64,
    /// The gateway on the other side.
    pub gateway: Option<GatewayId>,
    pub order_id: Option<OrderId>,
    pub request_id: RequestId,
    pub cause: Cause,
    pub trace: OptionalTrace,
}

/// A movement in the hub's own ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnteredMovement {
    pub seq: Seq,
    pub at_ms: i64,
    pub movement: Movement,
}

/// The bytes that are hashed at most: a chain, a mark, five numbers, ten texts, a day.
const CHAINED_BYTES_MAX: usize = 32 + 1 + 40 + 10 + 9 * ID_BYTES_MAX + REQUEST_ID_BYTES_MAX + 4;
/// What the bytes of a movement begin with, after the chain. No entry of a gateway does.
const OF_BOOKS: u8 = 128;

impl EnteredMovement {
    /// The chain of a ledger without movements.
    pub fn first_chain() -> [u8; 32] {
        Chain::default().upgraded(0).to_bytes()
    }

    /// The chain after this movement: the hash of the chain before it and of the movement, as
    /// docs/EXPORT.md describes.
    #[must_use]
    pub fn chained(&self, before: &[u8; 32]) -> [u8; 32] {
        let Self { seq, at_ms, movement } = self;
        let mut bytes = ChainedBytes::<CHAINED_BYTES_MAX>::default();
        bytes.put(before);
        bytes.put(&[OF_BOOKS]);
        let Movement { change, reserved_change, in_transit_change, .. } = *movement;
        for number in [change, reserved_change, in_transit_change, *at_ms, seq.cast_signed()] {
            bytes.put_number(number);
        }
        bytes.put_text(Some(movement.kind.as_str()));
        bytes.put_text(Some(movement.sku.as_str()));
        bytes.put_text(movement.order_id.as_ref().map(OrderId::as_str));
        bytes.put_text(Some(movement.request_id.as_str()));
        bytes.put_said(&movement.cause, &movement.trace);
        let gateway = movement.gateway.as_ref();
        bytes.put_text(gateway.map(|id| id.site.as_str()));
        bytes.put_text(gateway.map(|id| id.gateway.as_str()));
        bytes.sha256()
    }
}

impl Movement {
    /// The origin of the hub's own ledger: no gateway of no site, and the identity of the books.
    pub fn origin(books: Uuid) -> Origin {
        Origin { site: String::new(), gateway: String::new(), epoch: books }
    }

    /// What an order has entered into the stock that was made of the pools.
    pub(super) fn of_entry(entry: &Entry) -> Self {
        Self {
            kind: MovementKind::of_order(entry.kind),
            sku: entry.sku.clone(),
            change: entry.change,
            reserved_change: entry.reserved_change,
            in_transit_change: 0,
            gateway: None,
            order_id: entry.order_id.clone(),
            request_id: entry.request_id.clone(),
            cause: entry.cause.clone(),
            trace: entry.trace.clone(),
        }
    }
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
            MovementKind::Receipt
            | MovementKind::Recall
            | MovementKind::Correction
            | MovementKind::Rollback => (units, 0),
            MovementKind::Deduct | MovementKind::Commit => (-units, 0),
            MovementKind::Grant => (-units, units),
            MovementKind::BringBack => (0, units),
            MovementKind::Reserve | MovementKind::Release | MovementKind::Expire => (0, 0),
        };
        Movement {
            kind: self.kind,
            sku: sku.clone(),
            change,
            reserved_change: 0,
            in_transit_change,
            gateway: self.gateway.cloned(),
            order_id: self.order_id.cloned(),
            request_id: self.request_id.clone(),
            cause: self.cause.clone(),
            trace: trace.clone(),
        }
    }
}
