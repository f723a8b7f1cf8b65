//! The decimals of quantities: inside, a quantity is a whole number of the smallest unit.

use serde::{Deserialize, Serialize};

/// How many decimals a quantity of a SKU has: 0 to 6.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8")]
pub struct Decimals(u8);

impl TryFrom<u8> for Decimals {
    type Error = &'static str;

    fn try_from(decimals: u8) -> Result<Self, Self::Error> {
        if decimals <= Self::MAX { Ok(Self(decimals)) } else { Err("at most 6 decimals") }
    }
}

impl From<Decimals> for u8 {
    fn from(Decimals(decimals): Decimals) -> Self {
        decimals
    }
}

impl Decimals {
    const MAX: u8 = 6;

    /// How many of the smallest unit make one: 1,000 with three decimals.
    pub fn one(self) -> u64 {
        10_u64.pow(self.0.into())
    }

    /// Reads a decimal number, in the smallest unit. `None` if it is none, has more decimals than
    /// there are, or is too large; zeros at the end say nothing.
    pub fn parse(self, text: &str) -> Option<i64> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let fraction =
            if are_digits(fraction) { fraction.trim_end_matches('0') } else { return None };
        let width = usize::from(self.0);
        if !are_digits(whole) || fraction.len() > width {
            return None;
        }
        format!("{whole}{fraction:0<width$}").parse::<i64>().ok().map(|units| sign * units)
    }

    /// Writes a quantity in the smallest unit as a decimal number, without zeros at the end.
    pub fn format(self, units: i64) -> String {
        let (one, sign) = (self.one(), if units < 0 { "-" } else { "" });
        let (whole, rest) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
        let fraction = format!("{rest:0width$}", width = usize::from(self.0));
        match fraction.trim_end_matches('0') {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_number_is_read_and_written_exactly() {
        let three = Decimals::try_from(3).unwrap();
        for (text, units, written) in [
            ("1.25", 1_250, "1.25"),
            ("12", 12_000, "12"),
            ("-0.001", -1, "-0.001"),
            ("0.5000", 500, "0.5"),
            ("9007199254740.991", 9_007_199_254_740_991, "9007199254740.991"),
        ] {
            assert_eq!(three.parse(text), Some(units), "{text}");
            assert_eq!(three.format(units), written);
        }
        for text in
            ["", ".", "1.", ".5", "1.0001", "1e3", "+1", "1,5", "--1", "99999999999999999999"]
        {
            assert_eq!(three.parse(text), None, "{text}");
        }
        assert_eq!(Decimals::default().parse("1.0"), Some(1));
        assert_eq!(Decimals::default().parse("1.5"), None);
        assert_eq!(Decimals::default().format(-7), "-7");
    }

    #[test]
    fn a_quantity_has_at_most_six_decimals() {
        assert_eq!(Decimals::try_from(6).map(Decimals::one), Ok(1_000_000));
        assert!(Decimals::try_from(7).is_err());
        assert!(postcard::from_bytes::<Decimals>(&[7]).is_err());
    }
}
