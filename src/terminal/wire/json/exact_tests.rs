//! From the text of a request to the text of its answer: the same number, digit by digit.

use std::convert::Infallible;

use proptest::prelude::*;

use super::{applied_json, read_mutation};
use crate::clock::Now;
use crate::stock::number_text::NumberText;
use crate::stock::{Decimals, Draft, RequestId, RequestRecord, RequestRecords, Stock};
use crate::terminal::request::Mutation;
use crate::terminal::response::AppliedMutation;

struct NoRecord;

impl RequestRecords for NoRecord {
    type Error = Infallible;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(None)
    }
}

/// Reads a restock, decides it and writes the answer. `None` if it is refused.
fn answer(number: &NumberText, decimals: Decimals) -> Option<String> {
    let body = format!(r#"{{"request_id":"r","sku":"A","quantity":{}}}"#, number.json);
    let read = read_mutation(Mutation::Restock, body.as_bytes(), None, None, &|_| decimals);
    let stock = Stock::default();
    let now = Now { wall_ms: 0, running_ms: 0, trusted: true };
    let Ok(decided) = Draft::new(&stock, now, 900).decide(&read.ok()?, &NoRecord);
    let decided = decided.unwrap();
    Some(applied_json(&AppliedMutation {
        request_id: &decided.request_id,
        replayed: false,
        applied: decided.outcome.as_ref().unwrap(),
        decimals_of: &|_| decimals,
        reservation: None,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_quantity_is_answered_as_the_text_of_the_request_says(
        number in NumberText::any(),
        decimals in 0..=6_u8,
    ) {
        let answer = answer(&number, Decimals::try_from(decimals).unwrap());
        number.check_answer(decimals, answer.as_deref(), ["quantity", "on_hand", "available"])?;
    }
}
