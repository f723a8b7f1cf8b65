//! The bounds of a model: which actions may happen, and how often.

use super::bug::Bug;
use super::entry::Quantity;

/// The bounds of a model.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) gateways: usize,
    /// Units in the pool initially.
    pub(crate) pool: Quantity,
    /// Units at each gateway initially.
    pub(crate) opening: Quantity,
    /// The quantity of one restock at a gateway.
    pub(crate) restocks: &'static [Quantity],
    /// The quantity of one sale at a gateway.
    pub(crate) deducts: &'static [Quantity],
    /// The number of entries without an order in each ledger.
    pub(crate) own_entries: usize,
    /// The number of central sales of one unit.
    pub(crate) central: Quantity,
    /// The quantity of a grant.
    pub(crate) grants: &'static [Quantity],
    /// The quantity of a recall.
    pub(crate) recalls: &'static [Quantity],
    /// Whether answering terminals is a step apart from the commit.
    pub(crate) answers: bool,
    /// The number of orders to each gateway.
    pub(crate) orders: usize,
    /// The number of different messages in flight each way.
    pub(crate) in_flight: usize,
    /// The number of gateway crashes. The hub may crash any number of times.
    pub(crate) crashes: usize,
    /// The number of greetings after which a nonce is reused.
    pub(crate) nonces: usize,
    /// Whether gateways greet. If not, they have been answered, and lost messages stay lost.
    pub(crate) greetings: bool,
    /// Whether everything begins with the programs before version 2 of the protocol, and is upgraded
    /// in any order.
    pub(crate) upgrade: bool,
    pub(crate) bug: Option<Bug>,
}

impl Scenario {
    /// Bounds that permit no action.
    pub(crate) const STILL: Self = Self {
        gateways: 1,
        pool: 0,
        opening: 0,
        restocks: &[],
        deducts: &[],
        own_entries: 0,
        central: 0,
        grants: &[],
        recalls: &[],
        answers: false,
        orders: 0,
        in_flight: 1,
        crashes: 0,
        nonces: 1,
        greetings: true,
        upgrade: false,
        bug: None,
    };
}
