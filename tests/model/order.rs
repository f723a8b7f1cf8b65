//! What the hub orders of a gateway.

use super::entry::Quantity;

/// An order as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    /// Take these units; they have left the pool.
    Grant(Quantity),
    /// Give back up to so many.
    Recall(Quantity),
}

/// An order in the hub's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Issued {
    pub(crate) order: Order,
    /// What has come back for a recall.
    pub(crate) returned: Quantity,
}
