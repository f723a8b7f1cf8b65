//! The lines of an export of the hub's own ledger.

use serde::Serialize;
use serde_json::Value;

use super::format::{is_same, read_said};
use crate::hex;
use crate::hub::MovementJson;
use crate::hub::core::{EnteredMovement, Movement, MovementKind};
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Decimals, OrderId, Origin, RequestId, Seq, Sku, is_name};

/// The line of a movement: as the hub shows it, with what the chain needs exactly.
#[derive(Serialize)]
pub(in crate::cli) struct ExportedMovement<'a> {
    #[serde(flatten)]
    movement: MovementJson<'a>,
    at_ms: i64,
    /// The chain after the movement.
    chain: String,
}

impl<'a> ExportedMovement<'a> {
    pub(in crate::cli) fn new(origin: &Origin, entered: &'a EnteredMovement, chain: Chain) -> Self {
        let (at_ms, chain) = (entered.at_ms, hex::encode(&chain.to_bytes()));
        // In the smallest unit, whatever the catalogue says of decimals.
        let movement = MovementJson::new(origin.epoch, entered, Decimals::default());
        Self { movement, at_ms, chain }
    }
}

/// The chain after the movement of a line, if the line is exactly what is written for it.
pub(super) fn chain_of_movement(
    origin: &Origin,
    (last, before): (Seq, Chain),
    line: &Value,
) -> Option<Chain> {
    let entered = read_movement(line)?;
    let chain = Chain::Sha256(entered.chained(&before.upgraded(last).to_bytes()));
    is_same(line, &ExportedMovement::new(origin, &entered, chain)).then_some(chain)
}

fn read_movement(line: &Value) -> Option<EnteredMovement> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let number = |name: &str| line.get(name).and_then(Value::as_i64);
    let (cause, trace) = read_said(line)?;
    let gateway = text("site").zip(text("gateway"));
    if gateway.is_some_and(|(site, gateway)| !is_name(site) || !is_name(gateway)) {
        return None;
    }
    let movement = Movement {
        kind: MovementKind::of_name(text("kind")?)?,
        sku: Sku::parse(text("sku")?).ok()?,
        change: number("change")?,
        reserved_change: number("reserved_change").unwrap_or(0),
        in_transit_change: number("in_transit_change").unwrap_or(0),
        gateway: gateway
            .map(|(site, gateway)| GatewayId { site: site.into(), gateway: gateway.into() }),
        order_id: text("order_id").map(OrderId::parse).transpose().ok()?,
        request_id: RequestId::parse(text("request_id")?).ok()?,
        cause,
        trace,
    };
    Some(EnteredMovement { seq: line.get("seq")?.as_u64()?, at_ms: number("at_ms")?, movement })
}
