//! SKUs that are booked in other decimals than the hub's catalogue gives them.
//!
//! A SKU keeps the decimals in which it was booked first. The hub grants none of it as long as there is
//! any, so people here have to know. What the catalogue says of them is in no table: it is known from
//! when it came until the gateway stops.

use std::collections::BTreeMap;

use crate::limits::WHOLE_UNITS_MAX;
use crate::stock::{Decimals, Sku, Stock};

/// The SKUs, with their own decimals and those of the catalogue.
#[derive(Debug, Default)]
pub struct OtherDecimals(BTreeMap<Sku, (Decimals, Decimals)>);

impl OtherDecimals {
    /// Notes listings that the hub has sent.
    pub(super) fn note(&mut self, kept: &[(Sku, Option<(Decimals, Decimals)>)]) {
        for (sku, both) in kept {
            match both {
                Some(both) if self.0.len() < WHOLE_UNITS_MAX => {
                    if self.0.insert(sku.clone(), *both) != Some(*both) {
                        let why = sentence(sku, *both);
                        tracing::warn!("{why}");
                    }
                }
                Some(_) | None => drop(self.0.remove(sku)),
            }
        }
    }

    /// Of which SKU there is any, in a sentence; the first one, if there are several. One of which
    /// nothing is left is settled.
    pub fn told(&mut self, stock: &Stock) -> Option<String> {
        let has_any = |sku: &Sku| stock.item(sku.as_str()).is_some_and(|item| item.on_hand > 0);
        self.0.retain(|sku, _| has_any(sku));
        self.0.first_key_value().map(|(sku, both)| sentence(sku, *both))
    }
}

fn sentence(sku: &Sku, (own, listed): (Decimals, Decimals)) -> String {
    format!(
        "SKU {sku} is booked here with {} decimals, and the hub's catalogue gives it {}: the hub grants none of it until it is counted to 0; keep the goods under another SKU",
        u8::from(own),
        u8::from(listed)
    )
}
