//! The answer of the engine to a command.

use super::decimals::Decimals;
use super::record::Outcome;
use super::request_kind::RequestKind;
use super::types::{RequestId, Sku};
#[cfg(doc)]
use crate::limits::{RESERVATIONS_MAX, RESERVED_LINES_MAX, STOCK_MAX};

/// What the engine answers to a command.
pub type CommandAnswer = Result<Decided, Undecided>;

/// A decided command, refused or applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The outcome, refusals included.
    pub outcome: Outcome,
    /// Whether the command had been decided before.
    pub replayed: bool,
    /// The request whose outcome this is: the command's own, or the one that it repeats.
    pub request_id: RequestId,
    /// The reservation that the command made or extended.
    pub reservation: Option<RequestId>,
    /// The decimals in which a repeated refusal was decided, if the catalogue has changed those of its
    /// SKU since.
    pub decimals: Option<Decimals>,
}

/// Why a command was not decided. Nothing is recorded of it, so it may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// The request id belongs to another request.
    IdempotencyConflict {
        request_id: RequestId,
        /// The kind of the earlier request.
        kind: RequestKind,
    },
    /// On hand would exceed [`STOCK_MAX`], the largest number that JSON holds exactly.
    StockTooLarge {
        /// The first line that fails.
        sku: Sku,
    },
    /// [`RESERVATIONS_MAX`] reservations are open.
    ReservationsFull,
    /// With this reservation, more than [`RESERVED_LINES_MAX`] lines would be reserved.
    ReservedLinesFull,
    /// The record of this request, or of the request that it names, cannot be read, so it is not
    /// known whether it was decided before.
    RecordLost {
        /// Why the record cannot be read.
        why: String,
    },
    /// The catalogue has changed since the request was read, and with it maybe the decimals of a SKU
    /// that has no entries yet.
    DecimalsChanged {
        /// The first line that fails.
        sku: Sku,
    },
    /// A SKU can't be merged as it is.
    Impossible {
        sku: Sku,
        /// Why, and what to do first.
        why: String,
    },
    /// The stock of a SKU was lost to damage of the database, or may have been.
    StockLost {
        /// The first line that fails.
        sku: Sku,
    },
}
