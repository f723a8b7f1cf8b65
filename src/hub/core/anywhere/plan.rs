//! Which gateways are asked for what a pool lacks.

use std::collections::{BTreeMap, BTreeSet};

use super::open_order::{Asked, OpenOrder};
use crate::protocol::topic::GatewayId;
use crate::stock::{Line, Quantity, Sku};

/// A gateway that has units to spare, as far as the books know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    pub gateway: GatewayId,
    pub online: bool,
    /// On hand, and not promised to a reservation.
    pub units: i64,
}

/// What to ask of gateways, and what can be had at all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) recalls: BTreeMap<GatewayId, Vec<Line>>,
    /// Whether what was asked for, now or before, may suffice.
    pub(super) may_suffice: bool,
}

/// How often an order asks a gateway for a SKU: again if others gave less than they had, which it may
/// do itself.
const ASKED_MAX: usize = 4;

/// Plans the recalls of an order. `lacking` is what the pool lacks of each SKU; `spares` are the
/// gateways that have some. What a gateway was asked for counts as on its way until it is late, or the
/// gateway is offline; then others are asked as well, so at most twice as much is asked for as is
/// needed. A gateway that is late is not asked again.
pub(super) fn plan(
    order: &OpenOrder,
    lacking: &[(Sku, i64)],
    spares: &BTreeMap<Sku, Vec<Spare>>,
    left_out: &BTreeSet<GatewayId>,
    now_ms: i64,
) -> Plan {
    let mut plan = Plan { may_suffice: true, ..Plan::default() };
    for (sku, lacking) in lacking {
        let found = spares.get(sku).map(Vec::as_slice).unwrap_or_default();
        let is_gone = |of: &GatewayId| found.iter().any(|one| one.gateway == *of && !one.online);
        let is_late = |asked: &Asked| order.is_late(asked, now_ms) || is_gone(&asked.gateway);
        let (mut on_its_way, mut late) = (0, 0);
        for asked in order.asked.iter().filter(|asked| asked.is_open()) {
            let units = asked.units_of(sku);
            if is_late(asked) { late += units } else { on_its_way += units }
        }
        let mut needed = (lacking - on_its_way).max(0);
        let mut may_ask = (2 * lacking - on_its_way - late).max(0);
        for spare in in_order(order, found) {
            let of_it: Vec<&Asked> =
                order.asked.iter().filter(|asked| asked.has(&spare.gateway, sku)).collect();
            let open = of_it.iter().copied().filter(|asked| asked.is_open());
            let is_asked = of_it.len() >= ASKED_MAX || open.clone().any(is_late);
            if !spare.online || is_asked || left_out.contains(&spare.gateway) {
                continue;
            }
            let asked_for: i64 = open.map(|asked| asked.units_of(sku)).sum();
            let units = spare.units.saturating_sub(asked_for).min(needed).min(may_ask);
            let Some(quantity) = u64::try_from(units).ok().and_then(Quantity::of_sum) else {
                continue;
            };
            let lines = plan.recalls.entry(spare.gateway.clone()).or_default();
            lines.push(Line::new(sku.clone(), quantity));
            (needed, may_ask) = (needed - units, may_ask - units);
        }
        // What is late may come yet.
        plan.may_suffice &= needed <= late;
    }
    plan
}

/// The gateways in the order in which they are asked.
fn in_order<'a>(order: &OpenOrder, spares: &'a [Spare]) -> Vec<&'a Spare> {
    let mut sorted: Vec<&Spare> = spares.iter().collect();
    sorted.sort_by_key(|spare| {
        (order.rank(&spare.gateway), std::cmp::Reverse(spare.units), spare.gateway.clone())
    });
    sorted
}

impl Asked {
    fn has(&self, gateway: &GatewayId, sku: &Sku) -> bool {
        self.gateway == *gateway && self.lines.iter().any(|line| line.sku == *sku)
    }

    fn units_of(&self, sku: &Sku) -> i64 {
        let lines = self.lines.iter().filter(|line| line.sku == *sku);
        lines.map(|line| line.quantity.units()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::anywhere::tests::{asked, gateway, order, sku};

    fn spare(name: &str, units: i64) -> Spare {
        Spare { gateway: gateway(name), online: true, units }
    }

    fn planned(order: &OpenOrder, lacking: i64, spares: &[Spare], now_ms: i64) -> (String, bool) {
        let spares = BTreeMap::from([(sku("A"), spares.to_vec())]);
        let plan = plan(order, &[(sku("A"), lacking)], &spares, &BTreeSet::new(), now_ms);
        let recalls = plan
            .recalls
            .iter()
            .map(|(gateway, lines)| format!("{} {}", gateway.gateway, lines[0].quantity.units()));
        (recalls.collect::<Vec<_>>().join(", "), plan.may_suffice)
    }

    #[test]
    fn those_with_most_to_spare_are_asked_for_no_more_than_is_needed() {
        let spares = [spare("a", 2), spare("b", 5), spare("c", 3)];
        assert_eq!(planned(&order(&[]), 4, &spares, 0), ("b 4".into(), true));
        assert_eq!(planned(&order(&[]), 9, &spares, 0), ("a 1, b 5, c 3".into(), true));
        assert_eq!(planned(&order(&[]), 11, &spares, 0), ("a 2, b 5, c 3".into(), false));
    }

    #[test]
    fn preferred_gateways_and_sites_come_first_and_those_that_are_away_not_at_all() {
        let mut spares = [spare("a", 2), spare("b", 5), spare("c", 3)];
        assert_eq!(planned(&order(&["wh/a", "wh"]), 4, &spares, 0), ("a 2, b 2".into(), true));
        spares[1].online = false;
        assert_eq!(planned(&order(&[]), 4, &spares, 0), ("a 1, c 3".into(), true));
    }

    #[test]
    fn a_gateway_is_asked_for_more_if_another_one_gave_less() {
        let mut order = order(&["wh/a"]);
        order.asked.extend([asked("a", 10, 0), asked("b", 20, 0)]);
        order.asked[0].answered = true;
        let spares = [spare("b", 100)];
        assert_eq!(
            planned(&order, 25, &spares, 1),
            ("b 5".into(), true),
            "of 80 that it has still"
        );
        assert_eq!(planned(&order, 101, &spares, 1), ("b 80".into(), false));
        let twice = ASKED_MAX - 1;
        order.asked.extend((0..twice).map(|_| Asked { answered: true, ..asked("b", 1, 0) }));
        assert_eq!(planned(&order, 25, &spares, 1), (String::new(), false), "often enough");
    }

    #[test]
    fn what_was_asked_of_a_gateway_that_is_offline_is_asked_of_others_at_once() {
        let mut order = order(&[]);
        order.asked.push(asked("b", 4, 0));
        let mut spares = [spare("a", 3), spare("b", 9)];
        spares[1].online = false;
        assert_eq!(planned(&order, 4, &spares, 1), ("a 3".into(), true), "the rest may come yet");
    }

    #[test]
    fn what_is_late_is_asked_of_others_but_never_more_than_twice_as_much() {
        let mut order = order(&[]);
        order.asked.push(asked("b", 4, 0));
        let spares = [spare("a", 9), spare("b", 9), spare("c", 9)];
        assert_eq!(planned(&order, 4, &spares, 1), (String::new(), true), "it is on its way");
        assert_eq!(planned(&order, 4, &spares, 400), ("a 4".into(), true), "it is late");
        order.asked.push(asked("a", 4, 400));
        assert_eq!(planned(&order, 4, &spares, 900), (String::new(), true), "enough is asked for");
    }
}
