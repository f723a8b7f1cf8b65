//! What was booked for a central request, as clients see it.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::hub::core::{CentralDecision, PoolLine, SkuDecimals};
use crate::stock::{Amount, RequestId, Sku};

/// A receipt, grant or order that was applied.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct Applied<'a> {
    pub(in crate::hub) request_id: &'a str,
    pub(in crate::hub) seq: u64,
    pub(in crate::hub) replayed: bool,
    pub(in crate::hub) lines: Vec<AppliedLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) reservation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) expires_at: Option<String>,
}

/// One SKU of it, and the pool afterwards.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct AppliedLine<'a> {
    pub(in crate::hub) sku: &'a Sku,
    pub(in crate::hub) quantity: Amount,
    pub(in crate::hub) unallotted: Amount,
    pub(in crate::hub) reserved: Amount,
    pub(in crate::hub) available: Amount,
    pub(in crate::hub) in_transit: Amount,
}

impl<'a> Applied<'a> {
    /// # Panics
    /// If the request was refused.
    pub(super) fn new(decision: &'a CentralDecision, decimals: &SkuDecimals) -> Self {
        let applied = decision.outcome.as_ref().expect("it was applied");
        let record = decision.record.as_ref();
        let known = record.and_then(|record| record.outcome.as_ref().ok());
        // Earlier programs had no reservations in the pool.
        let reserved = known.iter().flat_map(|known| &known.lines).map(|line| line.reserved);
        let lines = applied.lines.iter().zip(reserved.chain(std::iter::repeat(0)));
        let line = |(line, reserved): (&'a PoolLine, i64)| {
            let amount = |units| Amount::new(units, decimals.of(&line.sku));
            AppliedLine {
                sku: &line.sku,
                quantity: Amount::of(line.quantity, decimals.of(&line.sku)),
                unallotted: amount(line.unallotted),
                reserved: amount(reserved),
                available: amount((line.unallotted - reserved).max(0)),
                in_transit: amount(line.in_transit),
            }
        };
        Self {
            request_id: decision.request_id.as_str(),
            seq: applied.seq,
            replayed: decision.replayed,
            lines: lines.map(line).collect(),
            reservation: decision.reservation.as_ref().map(RequestId::as_str),
            expires_at: known.and_then(|known| known.expires_at_ms).map(rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use proptest::prelude::*;

    use super::*;
    use crate::hub::core::{AppliedRequest, CentralRequest};
    use crate::hub::request::{CentralOperation, IdentifiedRequest};
    use crate::net::json::json;
    use crate::stock::number_text::NumberText;
    use crate::stock::{Decimals, Line};

    /// Reads a receipt and writes the answer to it. `None` if it is refused.
    fn answer(number: &NumberText, decimals: Decimals) -> Option<String> {
        let body = format!(r#"{{"request_id":"r","sku":"A","quantity":{}}}"#, number.json);
        let (receipt, headers) = (CentralOperation::Receipt, HeaderMap::new());
        let read = IdentifiedRequest::read(receipt, None, &headers, body.as_bytes()).ok()?;
        let scaled = read.scaled(&|_| decimals).ok()?;
        let CentralRequest::Receive { lines, .. } = scaled else { panic!("{scaled:?}") };
        let pool = |line: &Line| PoolLine {
            sku: line.sku.clone(),
            quantity: line.quantity.units().unsigned_abs(),
            unallotted: line.quantity.units(),
            in_transit: 0,
        };
        let applied = AppliedRequest { seq: 1, lines: lines.iter().map(pool).collect() };
        let decision = CentralDecision {
            request_id: read.request_id,
            outcome: Ok(applied),
            replayed: false,
            gateways: Vec::new(),
            record: None,
            reservation: None,
            elsewhere: None,
        };
        let of_skus = lines.iter().map(|line| (line.sku.clone(), decimals)).collect();
        Some(json(&Applied::new(&decision, &of_skus)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_quantity_is_answered_as_the_text_of_the_request_says(
            number in NumberText::any(),
            decimals in 0..=6_u8,
        ) {
            let answer = answer(&number, Decimals::try_from(decimals).unwrap());
            number.check_answer(decimals, answer.as_deref(), ["quantity", "unallotted", "available"])?;
        }
    }
}
