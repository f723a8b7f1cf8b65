//! Transfers: units that move between the hub's pool and this gateway, numbered by the hub.
//!
//! The units of a grant leave the pool before the grant is sent, and are in transit until the
//! gateway has applied it. A recall is a request: the gateway returns what is available of it. Each
//! transfer is applied once, in the order of the numbers, and its entries and its number are
//! committed together, so it does not matter how often it arrives.

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::trace::Cause;
use super::types::{RequestId, Seq};

/// A transfer, or one part of a long one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Starts at 1 for each database of a gateway.
    pub number: u64,
    /// The request at the hub that caused the transfer.
    pub request_id: RequestId,
    pub direction: Direction,
    /// Each SKU appears once.
    pub lines: Vec<Line>,
    /// Who asked for it, and why. As the traces of lines, it is not in the postcard form: where it is
    /// stored or sent, it stands beside.
    #[serde(skip)]
    pub cause: Cause,
}

/// The direction of a transfer. The variants' order is on the wire: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the hub's pool to the gateway.
    Grant,
    /// From the gateway back to the pool, as far as units are available.
    Recall,
}

/// How far a gateway has applied what the hub sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The number of the last transfer applied.
    pub transfer: u64,
    /// A ledger position at or after the last entry of that transfer.
    pub at_seq: Seq,
    /// The number of the last change of the catalogue applied.
    pub catalogue: u64,
}
