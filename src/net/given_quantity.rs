//! Quantities as clients give them.

use serde::{Deserialize, Deserializer};

use crate::limits::QUANTITY_MAX;
use crate::problem::Problem;
use crate::stock::{Amount, Decimal, Decimals, Quantity, Sku};

/// A quantity as a client gives it.
#[derive(Clone, Copy, Debug)]
pub enum GivenQuantity {
    /// A number in the unit of its SKU.
    Number(Decimal),
    /// In the smallest unit; where requests are no JSON.
    Units(u64),
}

impl From<Decimal> for GivenQuantity {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl<'de> Deserialize<'de> for GivenQuantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Decimal::deserialize(deserializer).map(Self::Number)
    }
}

impl GivenQuantity {
    /// The quantity of a line in the smallest unit.
    ///
    /// # Errors
    /// If it is out of range, or has more decimals than its SKU.
    pub(super) fn of_line(self, sku: &Sku, decimals: Decimals) -> Result<Quantity, Problem> {
        let units = match self {
            Self::Number(number) => number.units(decimals).ok(),
            Self::Units(units) => Some(units),
        };
        units.and_then(Quantity::of_line).ok_or_else(|| {
            let (least, most) = (Amount::of(1, decimals), Amount::of(QUANTITY_MAX, decimals));
            let number = match u8::from(decimals) {
                0 => "a whole number".to_owned(),
                count => format!("a number with at most {count} decimals"),
            };
            Problem::bad_request(format!(
                "quantity: SKU {sku}: must be {number} from {least} to {most}"
            ))
        })
    }
}
