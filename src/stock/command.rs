//! What a client may ask of the stock.

use hashbrown::HashMap;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::types::{Line, OrderId, RequestId, Sku};

/// A mutation under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The name by which it is decided once.
    pub request_id: RequestId,
    /// Whether the client chose the name; if not, it is the default one of a commit or release.
    pub chosen: bool,
    /// What to do.
    pub action: Action,
}

/// What to do. Lines name each SKU once: lines of one SKU are summed when a request is read.
///
/// The variants' order is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Take from what is available.
    Deduct {
        /// The customer's order.
        order_id: Option<OrderId>,
        /// How much of what.
        lines: Vec<Line>,
    },
    /// Add to what is on hand; creates unknown SKUs.
    Restock {
        /// The order that brought the goods.
        order_id: Option<OrderId>,
        /// How much of what.
        lines: Vec<Line>,
    },
    /// Set on hand to what was counted.
    Count {
        /// What was counted.
        sku: Sku,
        /// How much was found.
        counted: i64,
    },
    /// Undo a deduction or commit.
    Rollback {
        /// The request to undo.
        of: RequestId,
        /// How much of what; without it, all that remains.
        lines: Option<Vec<Line>>,
    },
    /// Hold for an order.
    Reserve {
        /// The customer's order.
        order_id: Option<OrderId>,
        /// How much of what.
        lines: Vec<Line>,
        /// Life in seconds; without it, the configured one.
        ttl_s: Option<u64>,
    },
    /// Turn a reservation into a deduction.
    Commit {
        /// Which.
        reservation: RequestId,
        /// The part to deduct; without it, all.
        lines: Option<Vec<Line>>,
    },
    /// Give a reservation back.
    Release {
        /// Which.
        reservation: RequestId,
    },
}

impl Action {
    /// How many SKUs it may change, as far as its own lines tell.
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

    /// Identifies the body of a request, to tell a repetition from another request under the
    /// same name.
    pub fn fingerprint(&self) -> Fingerprint {
        let bytes = postcard::to_extend(self, Vec::with_capacity(128));
        xxh3_64(&bytes.expect("plain data always serializes"))
    }
}

/// See [`Action::fingerprint`].
pub type Fingerprint = u64;

/// Sums lines of the same SKU, in the order in which the SKUs first appear.
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
    fn the_operation_is_part_of_the_fingerprint() {
        let deduct = Action::Deduct { order_id: None, lines: vec![line("A", 1)] };
        let restock = Action::Restock { order_id: None, lines: vec![line("A", 1)] };
        let more = Action::Deduct { order_id: None, lines: vec![line("A", 2)] };
        assert_eq!(deduct.fingerprint(), deduct.fingerprint());
        assert_ne!(deduct.fingerprint(), restock.fingerprint());
        assert_ne!(deduct.fingerprint(), more.fingerprint());
    }
}
