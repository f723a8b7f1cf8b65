//! The messages between a gateway and the hub.
//!
//! The end and digest of the ledger in a greeting only serve to detect a replaced database. The
//! model has no replaced databases, so it leaves them out.

use super::entry::{Entry, Number, Seq};
use super::order::Order;

/// A version of the protocol. Version 1 has no place for who asked for a sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    V1,
    #[default]
    V2,
}

/// A message in the version in which it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Written<M> {
    pub(crate) version: Version,
    pub(crate) message: M,
}

/// How far a gateway has applied its orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Taken {
    /// The number of the last order applied.
    pub(crate) number: Number,
    /// The end of the ledger when it was applied.
    pub(crate) at_seq: Seq,
}

/// A message from a gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Up {
    /// Asks for the hub's position.
    Hello { nonce: usize, taken: Taken },
    /// Contiguous entries of the ledger.
    Entries { first_seq: Seq, entries: Vec<Entry>, taken: Taken },
    /// Orders were applied, perhaps without an entry.
    Taken(Taken),
}

/// A message from the hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Down {
    /// The committed position, from which to send on. Nonce 0 asks for a greeting.
    Resume { acked_seq: Seq, nonce: usize },
    /// The committed position.
    Ack { acked_seq: Seq },
    /// Orders with contiguous numbers.
    Orders { first: Number, orders: Vec<Order> },
}
