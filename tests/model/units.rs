//! Conservation of units. The durable ledgers of the gateways are the truth.

use super::entry::{Entry, Quantity, sum};
use super::gateway::Gateway;
use super::hub::Books;
use super::scenario::Scenario;
use super::world::World;

/// Every unit that came in was sold or is in exactly one place: in the pool, in transit, or at one
/// gateway.
pub(crate) fn are_conserved(scenario: &Scenario, world: &World) -> bool {
    let at_gateways = |of| world.gateways.iter().map(|at| sum(at.durable(), of)).sum::<Quantity>();
    let received = scenario.pool + at_gateways(Entry::received);
    let sold = world.hub.deducted + at_gateways(Entry::deducted);
    let on_the_way = world.sides().map(|(at, books)| on_the_way(at, books)).sum::<Quantity>();
    received - sold == world.hub.pool + on_the_way + at_gateways(Entry::effect)
}

/// No more is sold than came in.
pub(crate) fn are_not_oversold(scenario: &Scenario, world: &World) -> bool {
    let at_gateways = |of| world.gateways.iter().map(|at| sum(at.durable(), of)).sum::<Quantity>();
    let received = scenario.pool + at_gateways(Entry::received);
    world.hub.deducted + at_gateways(Entry::deducted) <= received
}

/// No quantity is negative, neither in the books nor in truth.
pub(crate) fn are_nowhere_negative(_: &Scenario, world: &World) -> bool {
    world.hub.pool >= 0
        && world.sides().all(|(at, books)| {
            let booked = books.held.min(books.in_transit);
            booked.min(on_the_way(at, books)).min(lowest(&at.ledger)) >= 0
        })
}

/// The hub's books balance at every moment.
pub(crate) fn are_balanced(scenario: &Scenario, world: &World) -> bool {
    let books = &world.hub.books;
    let booked = |of| books.iter().map(|books| sum(&books.entries, of)).sum::<Quantity>();
    let received = scenario.pool + booked(Entry::received);
    let sold = world.hub.deducted + booked(Entry::deducted);
    let placed = books.iter().map(|books| books.in_transit + books.held).sum::<Quantity>();
    received - sold == world.hub.pool + placed
}

/// The units truly in transit between the hub and a gateway's durable ledger: granted and not
/// applied, or returned and not booked.
fn on_the_way(at: &Gateway, books: &Books) -> Quantity {
    let unknown = at.durable().get(books.acked_seq..).unwrap_or_default();
    books.in_transit - sum(unknown, Entry::granted) + sum(unknown, Entry::recalled)
}

/// The lowest stock in the history of a ledger.
fn lowest(ledger: &[Entry]) -> Quantity {
    let levels = ledger.iter().scan(0, |level, entry| {
        *level += entry.effect();
        Some(*level)
    });
    levels.min().unwrap_or(0)
}
