//! Transfers: units that move between the hub's pool and this gateway, as the hub numbers them.
//!
//! A grant was taken out of the pool before it was sent, and is in nobody's hands until the
//! gateway has it. A recall only asks: what comes back is what the gateway gave up, and it gives
//! up what it has not promised. Each is taken once, in the order of the numbers, and its entries
//! and the number become durable together; so it does not matter how often it arrives.

use serde::{Deserialize, Serialize};

use super::types::{Line, RequestId, Seq};

/// One transfer, or a part of a long one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Counted from 1 for each database of a gateway.
    pub number: u64,
    /// The hub's request that it belongs to.
    pub request_id: RequestId,
    pub direction: Direction,
    /// How much of what; each SKU once.
    pub lines: Vec<Line>,
}

/// Which way units move. The variants' order is on the wire: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the hub's pool to the gateway.
    Grant,
    /// Back to the hub, as far as they are available.
    Recall,
}

/// How far a gateway has taken what the hub sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The number of the last transfer applied.
    pub transfer: u64,
    /// Its entries are at or before this position of the ledger.
    pub at_seq: Seq,
    /// The last change of the catalogue.
    pub catalogue: u64,
}
