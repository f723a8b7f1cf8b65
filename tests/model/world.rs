//! The state of all parts, and its successors.

use stateright::{Model, Property};

use super::action::Action;
use super::effects;
use super::gateway::Gateway;
use super::hub::{Books, Hub};
use super::message::Version;
use super::moves;
use super::network::Link;
use super::properties;
use super::scenario::Scenario;

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) links: Vec<Link>,
    /// The number of gateway crashes so far.
    pub(crate) crashes: usize,
}

impl World {
    /// The initial state.
    fn new(scenario: &Scenario) -> Self {
        let mut opened = Gateway::opened(scenario.opening);
        let version = if scenario.upgrade { Version::V1 } else { Version::V2 };
        opened.version = version;
        let gateway = if scenario.greetings { opened } else { opened.greeted() };
        let books = vec![Books::opened(&gateway.ledger, version); scenario.gateways];
        Self {
            hub: Hub { version, pool: scenario.pool, deducted: 0, books },
            gateways: vec![gateway; scenario.gateways],
            links: vec![Link::default(); scenario.gateways],
            crashes: 0,
        }
    }

    /// Every gateway with its books.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (&Gateway, &Books)> {
        self.gateways.iter().zip(&self.hub.books)
    }
}

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        moves::list(self, world, actions);
    }

    /// An action that changes nothing leads nowhere.
    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        effects::act(&mut world, action, self);
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::list(self)
    }
}
