//! Quantities as spreadsheets and programs write them, read exactly or not at all.

use crate::limits::QUANTITY_MAX;

/// Decimals that a quantity can have.
const DECIMALS_MAX: usize = 6;

/// A decimal number: `units` of the last one of its decimals, which is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Quantity {
    units: i64,
    decimals: u8,
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
        let (digits, exponent) = digits(text).ok_or_else(|| wrong("is not a number"))?;
        let exact = exact(&digits, exponent).ok_or_else(|| {
            wrong(&format!("has over {DECIMALS_MAX} decimals, or is over {QUANTITY_MAX}"))
        })?;
        Ok(if text.starts_with('-') { Self { units: -exact.units, ..exact } } else { exact })
    }

    /// Decimals that it needs.
    pub(crate) fn decimals(self) -> u8 {
        self.decimals
    }

    pub(crate) fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Whether units go out.
    pub(crate) fn is_positive(self) -> bool {
        self.units > 0
    }

    /// Without its sign, as JSON.
    pub(crate) fn magnitude(self) -> serde_json::Value {
        match self.decimals {
            0 => self.units.unsigned_abs().into(),
            _ => in_decimals(self.millionths().unsigned_abs()).into(),
        }
    }

    /// In millionths, in which quantities of any decimals can be summed.
    pub(crate) fn millionths(self) -> i128 {
        i128::from(self.units) * 10_i128.pow(DECIMALS_MAX as u32 - u32::from(self.decimals))
    }
}

/// Millionths as a decimal number that needs no more digits than shown.
pub(crate) fn in_decimals(millionths: u128) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The digits of a number, and the power of ten of the last one; `None` if it is no number.
fn digits(text: &str) -> Option<(String, i64)> {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    if mantissa.ends_with('.') || !is_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))
    {
        return None;
    }
    let exponent: i64 = exponent.parse::<i16>().ok()?.into();
    Some((format!("{whole}{fraction}"), exponent - i64::try_from(fraction.len()).ok()?))
}

/// The number exactly; `None` if it is out of range.
fn exact(digits: &str, mut exponent: i64) -> Option<Quantity> {
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    exponent += i64::try_from(digits.len() - significant.len()).ok()?;
    if significant.is_empty() {
        return Some(Quantity { units: 0, decimals: 0 });
    }
    let units: i64 = significant.parse().ok()?;
    let (units, decimals) = match exponent {
        0.. => (units.checked_mul(10_i64.checked_pow(u32::try_from(exponent).ok()?)?)?, 0),
        _ => (units, usize::try_from(-exponent).ok()?),
    };
    let is_in_range = decimals <= DECIMALS_MAX && units.unsigned_abs() <= QUANTITY_MAX;
    is_in_range.then_some(Quantity { units, decimals: u8::try_from(decimals).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        let read = |text: &str| Quantity::read(text).map(|q| (q.units, q.decimals));
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
