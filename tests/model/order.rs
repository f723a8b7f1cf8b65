//! The orders of the hub to a gateway: grants and recalls.

use super::entry::Quantity;

/// An order on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    /// A grant of these units, which have left the pool.
    Grant(Quantity),
    /// A recall of up to these units.
    Recall(Quantity),
}

/// An order in the hub's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Issued {
    pub(crate) order: Order,
    /// The units that a recall has returned.
    pub(crate) returned: Quantity,
}
