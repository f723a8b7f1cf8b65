//! The actions that are possible in a state.

use super::action::{Action, Fate};
use super::bug::Bug;
use super::gateway::Gateway;
use super::message::Version;
use super::order::Order;
use super::scenario::Scenario;
use super::world::World;

/// Lists every possible action.
pub(crate) fn list(scenario: &Scenario, world: &World, actions: &mut Vec<Action>) {
    for quantity in 1..=scenario.central - world.hub.deducted {
        if world.hub.may_deduct(quantity, scenario.bug) {
            actions.push(Action::DeductCentrally { quantity });
        }
    }
    if world.hub.version == Version::V1 {
        actions.push(Action::UpgradeHub);
    }
    for gateway in 0..scenario.gateways {
        decide(scenario, &world.gateways[gateway], gateway, actions);
        keep(scenario, world, gateway, actions);
        speak(scenario, &world.gateways[gateway], gateway, actions);
        order(scenario, world, gateway, actions);
        deliver(world, gateway, actions);
        lose(world, gateway, actions);
    }
}

fn decide(scenario: &Scenario, at: &Gateway, gateway: usize, actions: &mut Vec<Action>) {
    if at.own_entries() >= scenario.own_entries {
        return;
    }
    let available = at.available();
    let restocks = scenario.restocks.iter();
    let deducts = scenario.deducts.iter().filter(|&&quantity| quantity <= available);
    actions.extend(restocks.map(|&quantity| Action::Restock { gateway, quantity }));
    actions.extend(deducts.map(|&quantity| Action::Deduct { gateway, quantity }));
}

fn keep(scenario: &Scenario, world: &World, gateway: usize, actions: &mut Vec<Action>) {
    let at = &world.gateways[gateway];
    if at.is_dirty() {
        actions.push(Action::Sync { gateway });
    }
    if at.is_dirty() && scenario.bug == Some(Bug::TakenApart) {
        actions.push(Action::SyncTaken { gateway });
    }
    if scenario.answers && at.answered_seq < at.answerable_seq(scenario.bug) {
        actions.push(Action::Answer { gateway });
    }
    if at.version == Version::V1 {
        actions.push(Action::UpgradeGateway { gateway });
    }
    if world.crashes < scenario.crashes {
        let positions = 0..=at.acked_seq;
        actions.extend(positions.map(|acked_seq| Action::CrashGateway { gateway, acked_seq }));
    }
}

fn speak(scenario: &Scenario, at: &Gateway, gateway: usize, actions: &mut Vec<Action>) {
    if scenario.greetings {
        actions.push(Action::Greet { gateway });
    }
    let counts = 1..=at.unsent(scenario.bug);
    actions.extend(counts.map(|count| Action::SendEntries { gateway, count }));
    if at.tell_taken().is_some() {
        actions.push(Action::SendTaken { gateway });
    }
}

fn order(scenario: &Scenario, world: &World, gateway: usize, actions: &mut Vec<Action>) {
    let books = &world.hub.books[gateway];
    if books.orders.len() < scenario.orders {
        let grants = scenario.grants.iter().map(|&quantity| Order::Grant(quantity));
        let recalls = scenario.recalls.iter().map(|&quantity| Order::Recall(quantity));
        let orders = grants.chain(recalls).filter(|&order| world.hub.may_issue(order));
        actions.extend(orders.map(|order| Action::Issue { gateway, order }));
    }
    if books.closed < books.orders.len() {
        actions.push(Action::SendOrders { gateway });
    }
}

fn deliver(world: &World, gateway: usize, actions: &mut Vec<Action>) {
    let link = &world.links[gateway];
    for index in 0..link.up.len() {
        let fates = Fate::ALL.into_iter();
        actions.extend(fates.map(|fate| Action::HubReceives { gateway, index, fate }));
    }
    let down = 0..link.down.len();
    actions.extend(down.map(|index| Action::GatewayReceives { gateway, index }));
}

fn lose(world: &World, gateway: usize, actions: &mut Vec<Action>) {
    let link = &world.links[gateway];
    let (up, down) = (0..link.up.len(), 0..link.down.len());
    actions.extend(up.map(|index| Action::LoseUp { gateway, index }));
    actions.extend(down.map(|index| Action::LoseDown { gateway, index }));
}
