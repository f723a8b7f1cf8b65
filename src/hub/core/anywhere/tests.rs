//! Orders for the tests of the plan.

use super::{Asked, OpenOrder, Purpose};
use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, Line, Quantity, RequestId, Sku};

pub(super) fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

pub(super) fn gateway(name: &str) -> GatewayId {
    GatewayId { site: "wh".into(), gateway: name.into() }
}

/// An order for SKU A with these preferences, whose recalls are late after 300 ms.
pub(super) fn order(prefer: &[&str]) -> OpenOrder {
    OpenOrder {
        purpose: Purpose::Sale,
        order_id: None,
        lines: vec![line(4)],
        prefer: prefer.iter().map(|&name| name.to_owned()).collect(),
        wait_ms: 900,
        time_ms: 900,
        cause: Cause::default(),
        deadline_ms: 900,
        asked: Vec::new(),
    }
}

pub(super) fn asked(name: &str, units: u64, at_ms: i64) -> Asked {
    let recall = RequestId::parse(&format!("recall {name}")).unwrap();
    Asked { gateway: gateway(name), recall, at_ms, lines: vec![line(units)], answered: false }
}

fn line(units: u64) -> Line {
    Line::new(sku("A"), Quantity::of_sum(units).unwrap())
}
