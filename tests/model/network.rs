//! A network that loses, duplicates and reorders messages.
//!
//! The messages in flight are a set. Any of them may arrive at any time and stays in flight, so it
//! may arrive again and out of order; any may be lost at any time. A message that arrives once is
//! one that arrives and is then lost. A message for which there is no room is lost at once.

use super::message::{Down, Up, Written};

/// The messages in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel<M> {
    in_flight: Vec<M>,
}

/// Both directions between the hub and one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) up: Channel<Written<Up>>,
    pub(crate) down: Channel<Written<Down>>,
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

    /// Delivers a message.
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
