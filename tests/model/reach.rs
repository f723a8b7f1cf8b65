//! States that must be reachable, or the model would prove little.

use super::entry::Entry;
use super::hub::Books;
use super::order::{Issued, Order};
use super::recovery::has_landed;
use super::scenario::Scenario;
use super::world::World;

/// All permitted actions have happened, and everything has arrived.
pub(crate) fn all_landed(scenario: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| {
        at.own_entries() == scenario.own_entries
            && books.orders.len() == scenario.orders
            && has_landed(at, books)
    })
}

/// After a crash the hub knows a later position than the gateway.
pub(crate) fn hub_ahead_after_crash(_: &Scenario, world: &World) -> bool {
    world.crashes > 0 && world.sides().any(|(at, books)| at.acked_seq < books.acked_seq)
}

/// A gateway sold while a grant was in transit.
pub(crate) fn grant_raced_by_deduct(_: &Scenario, world: &World) -> bool {
    world.sides().any(|(at, books)| {
        let unknown = at.ledger.get(books.acked_seq..).unwrap_or_default();
        let sold = unknown.iter().position(|entry| entry.deducted() > 0);
        let granted = unknown.iter().position(|entry| matches!(entry, Entry::Grant { .. }));
        matches!((sold, granted), (Some(sold), Some(granted)) if sold < granted)
    })
}

/// A gateway was upgraded before the hub and has sold since. It waits.
pub(crate) fn upgraded_first(_: &Scenario, world: &World) -> bool {
    world.sides().any(|(at, books)| {
        let waiting = at.durable().get(books.acked_seq..).unwrap_or_default();
        at.version > world.hub.version
            && waiting.iter().any(|entry| matches!(entry, Entry::Told(_)))
    })
}

/// Entries of both versions are booked.
pub(crate) fn both_versions_booked(_: &Scenario, world: &World) -> bool {
    let has = |books: &Books, is: fn(&Entry) -> bool| books.entries.iter().any(is);
    world.hub.books.iter().any(|books| {
        has(books, |entry| matches!(entry, Entry::Deduct(_)))
            && has(books, |entry| matches!(entry, Entry::Told(_)))
    })
}

/// A recall returned nothing.
pub(crate) fn recall_of_nothing(_: &Scenario, world: &World) -> bool {
    done(world).any(|issued| matches!(issued.order, Order::Recall(_)) && issued.returned == 0)
}

/// A recall returned less than was asked.
pub(crate) fn recall_of_part(_: &Scenario, world: &World) -> bool {
    done(world).any(|issued| {
        matches!(issued.order, Order::Recall(asked) if (1..asked).contains(&issued.returned))
    })
}

/// Units that one gateway returned are at another.
pub(crate) fn units_moved_on(_: &Scenario, world: &World) -> bool {
    let books = &world.hub.books;
    let has = |books: &Books, is: fn(&Entry) -> bool| books.entries.iter().any(is);
    let gives = |books: &Books| has(books, |entry| entry.recalled() > 0);
    let gets = |books: &Books| has(books, |entry| entry.granted() > 0);
    books.iter().any(|books| gives(books) && !gets(books))
        && books.iter().any(|books| gets(books) && !gives(books))
}

fn done(world: &World) -> impl Iterator<Item = &Issued> {
    world.hub.books.iter().flat_map(|books| books.orders.iter().take(books.closed))
}
