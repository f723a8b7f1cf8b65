//! What hub, gateways and terminals know of the ledgers.

use super::scenario::Scenario;
use super::world::World;

/// The hub has every entry up to its position exactly once and in order, and no other.
pub(crate) fn are_copied_in_order(_: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| {
        at.durable().get(..books.acked_seq).is_some_and(|known| known == books.entries)
    })
}

/// A gateway holds only committed entries for acknowledged; it may prune no others.
pub(crate) fn are_acked_when_committed(_: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| at.acked_seq <= books.entries.len())
}

/// Everything that a terminal was told is durable.
pub(crate) fn are_answered_when_durable(_: &Scenario, world: &World) -> bool {
    world.gateways.iter().all(|at| at.answered_seq <= at.durable_seq)
}
