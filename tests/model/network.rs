//! A network that loses, duplicates and reorders.
//!
//! What is in flight is a set. Any of it may arrive at any time and stays in flight, so it may
//! arrive again and out of order; any of it may be lost at any time. A message that arrives once
//! is one that arrives and is lost. Where there is no room for a message it is lost at once; for
//! another to be lost in its place, that one is lost before.

use super::message::{Down, Up};

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel<M> {
    in_flight: Vec<M>,
}

/// Both directions between the hub and one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) up: Channel<Up>,
    pub(crate) down: Channel<Down>,
}

impl<M> Default for Channel<M> {
    fn default() -> Self {
        Self { in_flight: Vec::new() }
    }
}

impl<M: Clone + Ord> Channel<M> {
    /// Adds a message if there is room for it.
    pub(crate) fn send(&mut self, message: M, room: usize) {
        if let (true, Err(place)) =
            (self.in_flight.len() < room, self.in_flight.binary_search(&message))
        {
            self.in_flight.insert(place, message);
        }
    }

    /// A message that arrives.
    pub(crate) fn arriving(&self, index: usize) -> M {
        self.in_flight[index].clone()
    }

    pub(crate) fn lose(&mut self, index: usize) {
        self.in_flight.remove(index);
    }

    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}

impl Link {
    pub(crate) fn is_empty(&self) -> bool {
        self.up.is_empty() && self.down.is_empty()
    }
}
