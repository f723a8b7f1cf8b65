//! The effects of actions.

use super::action::{Action, Fate};
use super::bug::Bug;
use super::entry::{Entry, Seq};
use super::message::{Down, Up, Version, Written};
use super::scenario::Scenario;
use super::world::World;

/// Performs a possible action.
pub(crate) fn act(world: &mut World, action: Action, scenario: &Scenario) {
    let (gateways, bug) = (&mut world.gateways, scenario.bug);
    match action {
        Action::Restock { gateway, quantity } => gateways[gateway].decide(Entry::Restock(quantity)),
        Action::Deduct { gateway, quantity } => {
            let sale = gateways[gateway].sale(quantity);
            gateways[gateway].decide(sale);
        }
        Action::Sync { gateway } => gateways[gateway].sync(bug),
        Action::SyncTaken { gateway } => gateways[gateway].sync_taken(),
        Action::Answer { gateway } => gateways[gateway].answer(bug),
        Action::CrashGateway { gateway, acked_seq } => crash(world, gateway, acked_seq),
        Action::UpgradeGateway { gateway } => {
            let at = &mut gateways[gateway];
            at.crash(at.acked_seq);
            at.version = Version::V2;
        }
        Action::UpgradeHub => world.hub.version = Version::V2,
        Action::Greet { gateway } => {
            let hello = gateways[gateway].greet(scenario.nonces, bug);
            send_up(world, gateway, Some(hello), scenario);
        }
        Action::SendEntries { gateway, count } => {
            let entries = gateways[gateway].send(count);
            send_up(world, gateway, Some(entries), scenario);
        }
        Action::SendTaken { gateway } => {
            let taken = gateways[gateway].tell_taken();
            send_up(world, gateway, taken, scenario);
        }
        Action::GatewayReceives { gateway, index } => {
            let message = world.links[gateway].down.arriving(index);
            gateways[gateway].receive(message, bug);
        }
        Action::DeductCentrally { quantity } => world.hub.deduct(quantity),
        Action::Issue { gateway, order } => world.hub.issue(gateway, order, bug),
        Action::SendOrders { gateway } => {
            let orders = world.hub.books[gateway].open_orders();
            send_down(world, gateway, orders, scenario);
        }
        Action::HubReceives { gateway, index, fate } => {
            receive_at_hub(world, gateway, index, fate, scenario);
        }
        Action::LoseUp { gateway, index } => world.links[gateway].up.lose(index),
        Action::LoseDown { gateway, index } => world.links[gateway].down.lose(index),
    }
}

fn crash(world: &mut World, gateway: usize, acked_seq: Seq) {
    world.gateways[gateway].crash(acked_seq);
    world.crashes += 1;
}

fn receive_at_hub(
    world: &mut World,
    gateway: usize,
    index: usize,
    fate: Fate,
    scenario: &Scenario,
) {
    let message = world.links[gateway].up.arriving(index);
    let mut committed = world.hub.clone();
    let answers = committed.receive(gateway, message, scenario.bug);
    if fate == Fate::DiesAfterCommit && scenario.bug == Some(Bug::CommitTorn) {
        committed.pool = world.hub.pool;
    }
    if fate.commits() {
        world.hub = committed;
    }
    if fate.answers(scenario.bug) {
        send_down(world, gateway, answers, scenario);
    }
}

fn send_up(world: &mut World, gateway: usize, message: Option<Up>, scenario: &Scenario) {
    let version = match scenario.bug {
        Some(Bug::WrittenInVersion1) => Version::V1,
        _ => world.gateways[gateway].version,
    };
    if let Some(message) = message {
        world.links[gateway].up.send(Written { version, message }, scenario.in_flight);
    }
}

fn send_down(
    world: &mut World,
    gateway: usize,
    messages: impl IntoIterator<Item = Down>,
    scenario: &Scenario,
) {
    let version = match scenario.bug {
        Some(Bug::AnswersOfVersion1) => Version::V1,
        _ => world.hub.books[gateway].wire,
    };
    for message in messages {
        world.links[gateway].down.send(Written { version, message }, scenario.in_flight);
    }
}
