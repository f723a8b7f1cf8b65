//! Recovery: a network that works again brings everything to the hub, whatever happened before.

use super::action::{Action, Fate};
use super::effects::act;
use super::gateway::Gateway;
use super::hub::Books;
use super::network::Link;
use super::scenario::Scenario;
use super::world::World;

/// From a state with nothing in flight, greetings, entries and orders lead to a state in which
/// everything has arrived. Every other state leads to one with nothing in flight, because the
/// network may lose all messages, so only those need to be examined.
pub(crate) fn is_always_possible(scenario: &Scenario, world: &World) -> bool {
    if !world.links.iter().all(Link::is_empty) {
        return true;
    }
    let roomy = Scenario { in_flight: 8, ..scenario.clone() };
    let mut world = world.clone();
    // A gateway that was upgraded first waits for that.
    if world.gateways.iter().any(|at| at.version > world.hub.version) {
        act(&mut world, Action::UpgradeHub, &roomy);
    }
    for gateway in 0..scenario.gateways {
        converse(&mut world, gateway, &roomy);
    }
    world.sides().all(|(at, books)| has_landed(at, books))
}

/// Whether nothing is left to do between a gateway and the hub.
pub(crate) fn has_landed(at: &Gateway, books: &Books) -> bool {
    !at.is_dirty()
        && books.acked_seq == at.ledger.len()
        && at.acked_seq == at.ledger.len()
        && books.in_transit == 0
        && books.closed == books.orders.len()
}

/// A greeting, whose answer brings the position and the orders; then their effects.
fn converse(world: &mut World, gateway: usize, scenario: &Scenario) {
    for action in [
        Action::Sync { gateway },
        Action::SyncTaken { gateway },
        Action::Greet { gateway },
        Action::Sync { gateway },
        Action::SyncTaken { gateway },
    ] {
        act(world, action, scenario);
        deliver(world, gateway, scenario);
    }
    let count = world.gateways[gateway].unsent(scenario.bug);
    if count > 0 {
        act(world, Action::SendEntries { gateway, count }, scenario);
    }
    act(world, Action::SendTaken { gateway }, scenario);
    deliver(world, gateway, scenario);
}

/// Delivers every message once.
fn deliver(world: &mut World, gateway: usize, scenario: &Scenario) {
    let (index, fate) = (0, Fate::Survives);
    while !world.links[gateway].up.is_empty() {
        act(world, Action::HubReceives { gateway, index, fate }, scenario);
        act(world, Action::LoseUp { gateway, index }, scenario);
    }
    while !world.links[gateway].down.is_empty() {
        act(world, Action::GatewayReceives { gateway, index }, scenario);
        act(world, Action::LoseDown { gateway, index }, scenario);
    }
}
