//! What is answered, as messages. The figures are those that HTTP answers.

use prost::Message;

use super::proto::{
    Amount as AmountMessage, GatewayStock, OutcomeLine, Reservation, ReservedLine, StockItem,
    StockOutcome, Trace as TraceMessage,
};
use crate::hub::api::{Applied, AppliedLine};
use crate::hub::reader::{GatewayStockJson, ReservationJson, StockJson};
use crate::limits::GRPC_ANSWER_BYTES_MAX;
use crate::stock::{Amount, Trace};

/// An amount in both forms. A sum over 64 bits, which only forged figures come to, is exact as a
/// decimal number.
fn amount<N: Copy + Into<i128>>(amount: Amount<N>) -> Option<AmountMessage> {
    let units: i128 = amount.units.into();
    let most = if units < 0 { i64::MIN } else { i64::MAX };
    let decimal = Amount::sum(units, amount.decimals).to_string();
    Some(AmountMessage { units: i64::try_from(units).unwrap_or(most), decimal })
}

/// What was booked.
pub(super) fn outcome(applied: Applied<'_>) -> StockOutcome {
    StockOutcome {
        request_id: applied.request_id.to_owned(),
        seq: applied.seq,
        replayed: applied.replayed,
        lines: applied.lines.iter().map(outcome_line).collect(),
        reservation: applied.reservation.unwrap_or_default().to_owned(),
        expires_at: applied.expires_at.unwrap_or_default(),
    }
}

fn outcome_line(line: &AppliedLine<'_>) -> OutcomeLine {
    OutcomeLine {
        sku: line.sku.to_string(),
        quantity: amount(line.quantity),
        unallotted: amount(line.unallotted),
        reserved: amount(line.reserved),
        available: amount(line.available),
        in_transit: amount(line.in_transit),
    }
}

pub(super) fn stock_item(stock: StockJson) -> StockItem {
    let none_reserved = Amount::new(0, stock.unallotted.decimals);
    StockItem {
        unallotted: amount(stock.unallotted),
        reserved: amount(stock.reserved.unwrap_or(none_reserved)),
        in_transit: amount(stock.in_transit),
        total: amount(stock.total),
        gateways: stock.gateways.into_iter().map(gateway_stock).collect(),
        sku: stock.sku,
    }
}

fn gateway_stock(stock: GatewayStockJson) -> GatewayStock {
    GatewayStock {
        site: stock.site,
        gateway: stock.gateway,
        on_hand: amount(stock.on_hand),
        reserved: amount(stock.reserved),
        replaced_epoch: stock.replaced_epoch.unwrap_or_default(),
    }
}

pub(super) fn reservation(reservation: ReservationJson) -> Reservation {
    let lines = reservation.lines.into_iter().map(|line| ReservedLine {
        sku: line.sku,
        quantity: amount(line.quantity),
        trace: line.trace.and_then(|fields| fields.0).map(|trace| trace_message(&trace)),
    });
    Reservation {
        reservation: reservation.reservation,
        order_id: reservation.order_id.unwrap_or_default(),
        lines: lines.collect(),
        expires_at: reservation.expires_at.unwrap_or_default(),
        expires_in_s: reservation.expires_in_s.unwrap_or_default(),
        actor: reservation.actor.unwrap_or_default(),
    }
}

fn trace_message(trace: &Trace) -> TraceMessage {
    let text = |id: Option<String>| id.unwrap_or_default();
    TraceMessage {
        lot: text(trace.lot.as_ref().map(ToString::to_string)),
        serial: text(trace.serial.as_ref().map(ToString::to_string)),
        expires: text(trace.expires.map(|day| day.to_string())),
    }
}

/// How many of the first items fit a message; at least one, if there are any.
pub(super) fn fitting<M: Message>(items: &[M]) -> usize {
    let mut bytes = 0;
    let fits = |item: &&M| {
        bytes += item.encoded_len();
        bytes <= GRPC_ANSWER_BYTES_MAX
    };
    items.iter().take_while(fits).count().max(1).min(items.len())
}

/// The first items, as many as fit a message, and the name of the last one if others are left.
pub(super) fn cut<M: Message>(
    mut items: Vec<M>,
    name: fn(&M) -> &String,
) -> (Vec<M>, Option<String>) {
    let count = fitting(&items);
    let is_cut = items.len() > count;
    items.truncate(count);
    let last = items.last().filter(|_| is_cut).map(|item| name(item).clone());
    (items, last)
}
