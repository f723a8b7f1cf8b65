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

    /// Of which SKU there is any, in a sentence; the first one, if there are several. As long as nothing is
    /// left of one, it is settled.
    pub fn told(&self, stock: &Stock) -> Option<String> {
        let has_any = |sku: &Sku| stock.item(sku.as_str()).is_some_and(|item| item.on_hand > 0);
        let (sku, both) = self.0.iter().find(|(sku, _)| has_any(sku))?;
        Some(sentence(sku, *both))
    }
}

fn sentence(sku: &Sku, (own, listed): (Decimals, Decimals)) -> String {
    format!(
        "SKU {sku} is booked here with {} decimals, and the hub's catalogue gives it {}: the hub grants none of it until it is counted to 0; keep the goods under another SKU",
        u8::from(own),
        u8::from(listed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Changes, Item};

    #[test]
    fn a_sku_is_told_of_while_there_is_any_and_the_catalogue_gives_it_other_decimals() {
        let sku = Sku::parse("A").unwrap();
        let both = [0, 3].map(|count| Decimals::try_from(count).unwrap()).into();
        let mut other = OtherDecimals::default();
        other.note(&[(sku.clone(), Some(both))]);
        let with = |on_hand| {
            let mut stock = Stock::default();
            let mut changes = Changes::default();
            changes.items.insert(sku.clone(), Item { on_hand, ..Item::default() });
            stock.apply(&changes);
            stock
        };
        assert!(
            other.told(&with(5)).is_some_and(|told| told.contains("SKU A") && told.contains('3'))
        );
        assert_eq!((other.told(&with(0)), other.told(&Stock::default())), (None, None));
        assert!(other.told(&with(1)).is_some(), "there is some again");
        other.note(&[(sku.clone(), None)]);
        assert_eq!(other.told(&with(5)), None, "the catalogue gives it its own");
    }
}
