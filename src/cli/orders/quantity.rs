//! Quantities as spreadsheets and programs write them, read exactly or not at all.

use crate::limits::QUANTITY_MAX;
use crate::stock::{Amount, Decimal, DecimalError, Decimals};

/// A decimal number, in units of the last one of its decimals, which is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Quantity {
    is_negative: bool,
    units: u64,
    decimals: Decimals,
}

impl Quantity {
    /// Reads `12`, `-12`, `12.0`, `1.2e1` and the like.
    ///
    /// # Errors
    /// Says what is wrong. A comma is: it divides thousands in one country and decimals in another.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the quantity is missing".into());
        }
        let wrong = |why: &str| format!("the quantity {text:?} {why}");
        if text.contains([',', '\'', ' ', '\u{a0}', '\u{202f}']) {
            return Err(wrong("may be thousands or decimals; write it without separators"));
        }
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.starts_with('-') {
            return Err(wrong("is not a number"));
        }
        let too_much = || {
            let decimals = u8::from(Decimals::MOST);
            wrong(&format!("has over {decimals} decimals, or is over {QUANTITY_MAX}"))
        };
        let number = match Decimal::parse(without_leading_zeros(digits)) {
            Ok(number) => number,
            Err(DecimalError::TooLarge) => return Err(too_much()),
            Err(_) => return Err(wrong("is not a number")),
        };
        let decimals = number.decimals().ok_or_else(too_much)?;
        let units = number.units(decimals).ok().filter(|units| *units <= QUANTITY_MAX);
        Ok(Self { is_negative, units: units.ok_or_else(too_much)?, decimals })
    }

    /// Decimals that it needs.
    pub(crate) fn decimals(self) -> u8 {
        self.decimals.into()
    }

    pub(crate) fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Whether units go out.
    pub(crate) fn is_positive(self) -> bool {
        self.units > 0 && !self.is_negative
    }

    /// Without its sign, as JSON.
    pub(crate) fn magnitude(self) -> serde_json::Value {
        match self.decimals() {
            0 => self.units.into(),
            _ => Amount::of(self.units, self.decimals).to_string().into(),
        }
    }

    /// In millionths, in which quantities of any decimals can be summed.
    pub(crate) fn millionths(self) -> i128 {
        let units = i128::from(self.units) * i128::from(Decimals::MOST.one() / self.decimals.one());
        if self.is_negative { -units } else { units }
    }
}

/// Some programs write leading zeros.
fn without_leading_zeros(digits: &str) -> &str {
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let is_followed = digits[zeros..].starts_with(|next: char| next.is_ascii_digit());
    &digits[if is_followed { zeros } else { zeros.saturating_sub(1) }..]
}

/// Millionths as a decimal number that needs no more digits than shown.
pub(crate) fn in_decimals(millionths: i128) -> String {
    Amount::sum(millionths, Decimals::MOST).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        let read = |text: &str| {
            Quantity::read(text).map(|q| {
                let units = i64::try_from(q.units).unwrap();
                (if q.is_negative { -units } else { units }, q.decimals())
            })
        };
        for (text, units) in
            [("1", 1), ("1.0", 1), ("1e0", 1), ("+7", 7), ("-12", -12), ("007", 7), ("1.2e1", 12)]
        {
            assert_eq!(read(text), Ok((units, 0)), "{text}");
        }
        assert_eq!(read("1E3"), Ok((1_000, 0)));
        assert_eq!(read("1000e-3"), Ok((1, 0)));
        assert_eq!(read("1000000000.000"), Ok((1_000_000_000, 0)));
        assert_eq!(read("-1.250"), Ok((-125, 2)));
        assert_eq!(read("0.000001"), Ok((1, 6)));
        assert_eq!(read("-0.0"), Ok((0, 0)));
    }

    #[test]
    fn what_could_be_two_numbers_or_none_is_refused() {
        for text in [
            "",
            "1,000",
            "1,5",
            "1 000",
            "1'000",
            "many",
            "1.",
            ".5",
            "1e",
            "e1",
            "1.2.3",
            "--1",
            "--0",
            "+-0",
            "+-1",
            "0x10",
            "1_000",
            "(5)",
            "5-",
            "NaN",
            "inf",
            "١",
            "−5",
            "1e99999",
            "1e18",
            "1000000001",
            "0.0000001",
            "1e+-1",
            "99999999999999999999",
        ] {
            assert!(Quantity::read(text).is_err(), "{text:?}");
        }
        let why = Quantity::read("1,000").unwrap_err();
        assert!(why.contains("\"1,000\""), "{why}");
    }

    #[test]
    fn a_quantity_is_sent_as_it_is() {
        let sent = |text: &str| Quantity::read(text).unwrap().magnitude().to_string();
        assert_eq!(sent("-1.0"), "1");
        assert_eq!(sent("-1.250"), "\"1.25\"");
        assert_eq!(in_decimals(2_500_000), "2.5");
        assert_eq!(in_decimals(2_000_000), "2");
    }
}
