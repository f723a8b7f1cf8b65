//! Whole numbers as clients give them.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::stock::{Decimal, DecimalError, Decimals};

/// A whole number, however it is written: `60`, `60.0` and `6e1` are the same. One that has no room in
/// 64 bits is over every limit, so it is the largest.
#[derive(Clone, Copy, Debug)]
pub struct WholeNumber(pub u64);

impl<'de> Deserialize<'de> for WholeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        match Decimal::parse(json).and_then(|number| number.units(Decimals::default())) {
            Ok(number) => Ok(Self(number)),
            Err(DecimalError::TooLarge) => Ok(Self(u64::MAX)),
            Err(
                DecimalError::NotANumber
                | DecimalError::Negative
                | DecimalError::TooManyDecimals(_)
                | DecimalError::NotWhole,
            ) => Err(D::Error::custom("must be a whole number, 0 or more")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_in_any_way_and_be_larger_than_any() {
        let read = |json| serde_json::from_str(json).ok().map(|WholeNumber(number)| number);
        for same in ["60", "60.0", "6e1", "6000E-2"] {
            assert_eq!(read(same), Some(60), "{same}");
        }
        let nines = "9".repeat(60);
        for large in ["100000000000000000000", "1e30", "1e999999999999", &nines] {
            assert_eq!(read(large), Some(u64::MAX), "{large}");
        }
        for other in ["-1", "1.5", "\"60\"", "true", "[60]", "{}"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
