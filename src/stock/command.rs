//! The mutations that a client may ask for.

use hashbrown::HashMap;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::types::{Line, OrderId, RequestId, Sku};

/// A mutation, identified by its request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Identifies the request: it is decided once, however often it arrives.
    pub request_id: RequestId,
    /// Whether the client chose the request id. If not, it is the default one of a commit or
    /// release.
    pub chosen: bool,
    pub action: Action,
}

/// The action of a mutation. Each SKU appears in one line: lines of one SKU are summed when a
/// request is read.
///
/// The variants' order is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Take units from what is available.
    Deduct {
        /// The customer order that the units are for.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
    },
    /// Add units to what is on hand. An unknown SKU becomes known.
    Restock {
        /// The order that brought the goods.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
    },
    /// Set on hand to a counted quantity.
    Count {
        sku: Sku,
        /// Units found, 0 included.
        counted: i64,
    },
    /// Undo a deduction or commit.
    Rollback {
        /// The request id of the deduction or commit to undo.
        of: RequestId,
        /// The part to undo; `None` for all that remains.
        lines: Option<Vec<Line>>,
    },
    /// Hold units for an order until they are committed or released, or the reservation expires.
    Reserve {
        /// The customer order that the units are for.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
        /// The lifetime in seconds; `None` for the configured one.
        ttl_s: Option<u64>,
    },
    /// Turn a reservation into a deduction, and release what is not committed.
    Commit {
        /// The request id of the reservation.
        reservation: RequestId,
        /// The part to commit; `None` for all of it.
        lines: Option<Vec<Line>>,
    },
    /// Give up a reservation; its units become available again.
    Release {
        /// The request id of the reservation.
        reservation: RequestId,
    },
}

impl Action {
    /// The number of SKUs that the action may change, as far as its own lines tell.
    pub fn line_count(&self) -> usize {
        match self {
            Self::Deduct { lines, .. }
            | Self::Restock { lines, .. }
            | Self::Reserve { lines, .. } => lines.len(),
            Self::Rollback { lines, .. } | Self::Commit { lines, .. } => {
                lines.as_ref().map_or(1, Vec::len)
            }
            Self::Count { .. } | Self::Release { .. } => 1,
        }
    }

    /// A hash of the action, to tell a retry from another request with the same id.
    pub fn fingerprint(&self) -> Fingerprint {
        let bytes = postcard::to_extend(self, Vec::with_capacity(128));
        xxh3_64(&bytes.expect("plain data always serializes"))
    }
}

/// The hash of an action, from [`Action::fingerprint`].
pub type Fingerprint = u64;

/// Sums lines of the same SKU. The SKUs keep the order of their first appearance.
pub fn merge_lines(lines: Vec<Line>) -> Vec<Line> {
    if lines.len() < 2 {
        return lines;
    }
    let mut merged: Vec<Line> = Vec::with_capacity(lines.len());
    let mut places = HashMap::with_capacity(lines.len());
    for line in lines {
        match places.get(&line.sku) {
            Some(&place) => {
                let earlier: &mut Line = &mut merged[place];
                earlier.quantity = earlier.quantity.plus(line.quantity);
            }
            None => {
                places.insert(line.sku.clone(), merged.len());
                merged.push(line);
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::types::Quantity;

    fn line(sku: &str, units: u64) -> Line {
        Line { sku: Sku::parse(sku).unwrap(), quantity: Quantity::of_line(units).unwrap() }
    }

    #[test]
    fn lines_of_one_sku_count_as_their_sum() {
        let merged = merge_lines(vec![line("A", 1), line("B", 2), line("A", 3)]);
        assert_eq!(merged, vec![line("A", 4), line("B", 2)]);
    }

    #[test]
    fn an_action_counts_as_many_lines_as_it_may_change_skus() {
        let lines = vec![line("A", 1), line("B", 2)];
        let id = || RequestId::parse("r").unwrap();
        let deduct = Action::Deduct { order_id: None, lines: lines.clone() };
        let part = Action::Commit { reservation: id(), lines: Some(lines) };
        let whole = Action::Commit { reservation: id(), lines: None };
        let release = Action::Release { reservation: id() };
        let counts = [deduct, part, whole, release].map(|action| action.line_count());
        assert_eq!(counts, [2, 2, 1, 1]);
    }

    #[test]
    fn the_operation_is_part_of_the_fingerprint() {
        let deduct = Action::Deduct { order_id: None, lines: vec![line("A", 1)] };
        let restock = Action::Restock { order_id: None, lines: vec![line("A", 1)] };
        let more = Action::Deduct { order_id: None, lines: vec![line("A", 2)] };
        assert_eq!(deduct.fingerprint(), deduct.fingerprint());
        assert_ne!(deduct.fingerprint(), restock.fingerprint());
        assert_ne!(deduct.fingerprint(), more.fingerprint());
    }
}
