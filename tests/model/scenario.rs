//! How far a model reaches: what may happen, and how often.

use super::bug::Bug;
use super::entry::Quantity;

/// A bounded world.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) gateways: usize,
    /// Units in the pool at the beginning.
    pub(crate) pool: Quantity,
    /// Units at each gateway at the beginning.
    pub(crate) opening: Quantity,
    /// What may come in at a gateway at once.
    pub(crate) restocks: &'static [Quantity],
    /// What may be sold at a gateway at once.
    pub(crate) deducts: &'static [Quantity],
    /// How many entries each ledger may have that no order asked for.
    pub(crate) own_entries: usize,
    /// What may be sold out of the pool, unit by unit.
    pub(crate) central: Quantity,
    /// What may be granted at once.
    pub(crate) grants: &'static [Quantity],
    /// What may be asked back at once.
    pub(crate) recalls: &'static [Quantity],
    /// Whether answers to terminals are told apart from the commit before them.
    pub(crate) answers: bool,
    /// How many orders each gateway may get.
    pub(crate) orders: usize,
    /// How many different messages may be in flight each way.
    pub(crate) in_flight: usize,
    /// How many crashes of gateways there may be. The hub may crash without end.
    pub(crate) crashes: usize,
    /// After how many greetings a nonce is used again.
    pub(crate) nonces: usize,
    /// Whether gateways greet. If not, they have been, and what is lost stays lost for now.
    pub(crate) greetings: bool,
    pub(crate) bug: Option<Bug>,
}

impl Scenario {
    /// Nothing happens.
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
        bug: None,
    };
}
