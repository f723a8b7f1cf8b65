//! A decision as a value: movements of stock, and an effect on reservations or earlier requests.

use smallvec::SmallVec;

use super::Hold;
use super::entry::Kind;
use super::line::Line;
use super::record::RequestRecord;
use super::reservation_state::ReservationState;
use super::trace::OptionalTrace;
use super::types::{OrderId, RequestId, Sku};

/// A decision that is not applied yet.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) kind: Kind,
    pub(super) order_id: Option<OrderId>,
    pub(super) movements: MovementList,
    pub(super) effect: Effect,
}

/// The movements of a decision. Most have one.
pub(super) type MovementList = SmallVec<[Movement; 1]>;

/// The change of one SKU, in units.
#[derive(Debug)]
pub(super) struct Movement {
    pub(super) sku: Sku,
    /// The quantity in the client's answer; for a count, the counted quantity.
    pub(super) quantity: u64,
    pub(super) change: i64,
    pub(super) reserved_change: i64,
    pub(super) trace: OptionalTrace,
}

/// What a decision changes besides the stock.
#[derive(Debug)]
pub(super) enum Effect {
    None,
    Open {
        hold: Hold,
        expires_at_ms: i64,
    },
    Close {
        reservation: RequestId,
        state: ReservationState,
    },
    /// Replace an open reservation and its record.
    Replace(Replacement),
    Undo {
        of: RequestId,
        record: RequestRecord,
    },
    /// Take a SKU out of the lists.
    Hide(Sku),
}

/// An open reservation as it is after a part of it was committed, or its lifetime was changed.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) reservation: RequestId,
    pub(super) hold: Hold,
    pub(super) record: RequestRecord,
    /// The new end by the wall clock, if it changed.
    pub(super) expires_at_ms: Option<i64>,
}

impl Decision {
    /// A decision without an effect beyond its movements.
    pub(super) fn plain(kind: Kind, order_id: Option<&OrderId>, movements: MovementList) -> Self {
        Self { kind, order_id: order_id.cloned(), movements, effect: Effect::None }
    }
}

impl Movement {
    pub(super) fn new(line: &Line, on_hand_sign: i64, reserved_sign: i64) -> Self {
        let units = line.quantity.units();
        Self {
            sku: line.sku.clone(),
            quantity: units.unsigned_abs(),
            change: units * on_hand_sign,
            reserved_change: units * reserved_sign,
            trace: line.trace.clone(),
        }
    }

    /// Sets on hand from `on_hand` to what was counted.
    pub(super) fn count(sku: Sku, on_hand: i64, counted: i64, trace: OptionalTrace) -> Self {
        let (quantity, change) = (counted.unsigned_abs(), counted - on_hand);
        Self { sku, quantity, change, reserved_change: 0, trace }
    }

    pub(super) fn expire(held: &Line) -> Self {
        Self::new(held, 0, -1)
    }

    pub(super) fn grant(line: &Line) -> Self {
        Self::new(line, 1, 0)
    }

    /// A part of a line.
    pub(super) fn give_back(line: &Line, units: i64) -> Self {
        Self {
            sku: line.sku.clone(),
            quantity: units.unsigned_abs(),
            change: -units,
            reserved_change: 0,
            trace: line.trace.clone(),
        }
    }
}
