//! What travels between a gateway and the hub.
//!
//! The ledger's end and digest in a greeting only serve to notice a replaced database. The model
//! has none, so it leaves them out.

use super::entry::{Entry, Number, Seq};
use super::order::Order;

/// How far a gateway has taken its orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Taken {
    /// The last order taken.
    pub(crate) number: Number,
    /// How far the ledger went when it had been taken.
    pub(crate) at_seq: Seq,
}

/// From a gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Up {
    /// Where do you stand?
    Hello { nonce: usize, taken: Taken },
    /// Entries of the ledger without a gap.
    Entries { first_seq: Seq, entries: Vec<Entry>, taken: Taken },
    /// Orders were taken, perhaps without an entry.
    Taken(Taken),
}

/// From the hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Down {
    /// Committed up to here, send what comes behind it. Nonce 0: greet me.
    Resume { acked_seq: Seq, nonce: usize },
    /// Committed up to here.
    Ack { acked_seq: Seq },
    /// Orders without a gap.
    Orders { first: Number, orders: Vec<Order> },
}
