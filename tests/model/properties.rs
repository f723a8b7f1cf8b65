//! The properties: what always holds, and what must be reachable.

use stateright::Property;

use super::scenario::Scenario;
use super::{ledgers, orders, reach, recovery, units};

pub(crate) const CONSERVED: &str = "every unit is in one place";
pub(crate) const NOT_OVERSOLD: &str = "nothing is sold that did not come in";
pub(crate) const NOT_NEGATIVE: &str = "nothing is below zero";
pub(crate) const BALANCED: &str = "the hub's books balance";
pub(crate) const COPIED: &str = "the books are a prefix of the ledger";
pub(crate) const ACKED: &str = "acknowledged is committed";
pub(crate) const ANSWERED: &str = "answered is durable";
pub(crate) const ONE_EFFECT: &str = "an order has one effect";
pub(crate) const RETURNED: &str = "a recall returns what was given up";
pub(crate) const DONE: &str = "an order that is done is done for good";
pub(crate) const LANDED: &str = "the landed pointer never goes back";
pub(crate) const RECOVERS: &str = "everything can still land";

/// The properties of a model.
pub(crate) fn list(scenario: &Scenario) -> Vec<Property<Scenario>> {
    let mut all = invariants();
    all.push(Property::sometimes("everything has landed", reach::all_landed));
    if scenario.crashes > 0 {
        all.push(Property::sometimes("the hub is ahead", reach::hub_ahead_after_crash));
    }
    if !scenario.grants.is_empty() && !scenario.deducts.is_empty() {
        all.push(Property::sometimes("a sale overtakes a grant", reach::grant_raced_by_deduct));
    }
    if !scenario.recalls.is_empty() {
        all.push(Property::sometimes("a recall of nothing", reach::recall_of_nothing));
        all.push(Property::sometimes("a recall of a part", reach::recall_of_part));
    }
    if scenario.upgrade {
        all.push(Property::sometimes("a gateway is upgraded first", reach::upgraded_first));
        all.push(Property::sometimes("both versions are booked", reach::both_versions_booked));
    }
    if scenario.gateways > 1 {
        all.push(Property::sometimes("units move on", reach::units_moved_on));
    }
    all
}

fn invariants() -> Vec<Property<Scenario>> {
    vec![
        Property::always(CONSERVED, units::are_conserved),
        Property::always(NOT_OVERSOLD, units::are_not_oversold),
        Property::always(NOT_NEGATIVE, units::are_nowhere_negative),
        Property::always(BALANCED, units::are_balanced),
        Property::always(COPIED, ledgers::are_copied_in_order),
        Property::always(ACKED, ledgers::are_acked_when_committed),
        Property::always(ANSWERED, ledgers::are_answered_when_durable),
        Property::always(ONE_EFFECT, orders::have_one_effect),
        Property::always(RETURNED, orders::return_what_was_given),
        Property::always(DONE, orders::are_done_for_good),
        Property::always(LANDED, orders::have_landed_in_order),
        Property::always(RECOVERS, recovery::is_always_possible),
    ]
}
