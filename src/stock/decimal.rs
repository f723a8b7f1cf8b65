//! Decimal numbers, exact: read from text into whole numbers of the smallest unit, and written from
//! them. No binary floating-point number is between the two.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::decimals::Decimals;

/// A decimal number as a text says it, not negative: `digits * 10^exponent`. Equal numbers are
/// equal values: `digits` does not end with a zero, and 0 has the exponent 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u128,
    exponent: i64,
}

/// Why a text or number is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("must be a number such as 12 or 1.25")]
    NotANumber,
    #[error("must not be negative")]
    Negative,
    #[error("must have at most {0} decimals")]
    TooManyDecimals(u8),
    #[error("must be a whole number")]
    NotWhole,
    #[error("is too large")]
    TooLarge,
}

impl Decimal {
    /// Reads a number in the form of JSON: `12`, `1.25`, `1e3`.
    ///
    /// # Errors
    /// If it is none, or negative, or has more digits than any amount.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        match Self::parse_signed(text)? {
            (true, number) if number.digits > 0 => Err(DecimalError::Negative),
            (_, number) => Ok(number),
        }
    }

    /// Reads a number that may be negative: whether it has a minus, and the number without it.
    ///
    /// # Errors
    /// If it is none, or has more digits than any amount.
    pub fn parse_signed(text: &str) -> Result<(bool, Self), DecimalError> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(DecimalError::NotANumber),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        let is_number = !whole.is_empty() && is_digits(whole) && is_digits(fraction);
        if has_leading_zero || !is_number {
            return Err(DecimalError::NotANumber);
        }
        Ok((is_negative, Self::of_digits(whole, fraction, exponent)?))
    }

    /// The decimals that it needs; `None` if that is more than any quantity has.
    pub fn decimals(self) -> Option<Decimals> {
        u8::try_from(self.exponent.min(0).unsigned_abs()).ok()?.try_into().ok()
    }

    fn of_digits(whole: &str, fraction: &str, exponent: i64) -> Result<Self, DecimalError> {
        let fraction = fraction.trim_end_matches('0');
        let (whole, zeros) = match fraction.is_empty() {
            true => {
                let trimmed = whole.trim_end_matches('0');
                (trimmed, whole.len() - trimmed.len())
            }
            false => (whole, 0),
        };
        let mut digits = 0_u128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let more = digits.checked_mul(10).and_then(|d| d.checked_add((digit - b'0').into()));
            digits = more.ok_or(DecimalError::TooLarge)?;
        }
        let shift = i64::try_from(zeros).unwrap_or(i64::MAX)
            - i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let exponent = if digits == 0 { 0 } else { exponent.saturating_add(shift) };
        Ok(Self { digits, exponent })
    }

    /// The number as a whole number of the smallest unit.
    ///
    /// # Errors
    /// If it has more decimals, or is too large for any amount.
    pub fn units(self, decimals: Decimals) -> Result<u64, DecimalError> {
        u64::try_from(self.large_units(decimals)?).map_err(|_| DecimalError::TooLarge)
    }

    /// The same for figures that are larger than any amount.
    ///
    /// # Errors
    /// If it has more decimals, or is too large for any figure.
    pub fn large_units(self, decimals: Decimals) -> Result<u128, DecimalError> {
        let power = self.exponent.saturating_add(u8::from(decimals).into());
        let Ok(power) = u32::try_from(power) else {
            return Err(match u8::from(decimals) {
                _ if power > 0 => DecimalError::TooLarge,
                0 => DecimalError::NotWhole,
                decimals => DecimalError::TooManyDecimals(decimals),
            });
        };
        let units = 10_u128.checked_pow(power).and_then(|power| self.digits.checked_mul(power));
        units.or((self.digits == 0).then_some(0)).ok_or(DecimalError::TooLarge)
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An exponent that is too long for a number is as good as the longest one.
fn exponent_of(text: &str) -> Result<i64, DecimalError> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !is_digits(digits) {
        return Err(DecimalError::NotANumber);
    }
    const LARGE: i64 = 1_000_000_000;
    let exponent = digits.parse().unwrap_or(LARGE).min(LARGE);
    Ok(if is_negative { -exponent } else { exponent })
}

impl<'de> Deserialize<'de> for Decimal {
    /// Reads a JSON number, or a text of the same form.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let read = match json.starts_with('"') {
            true => serde_json::from_str::<String>(json)
                .map_err(|_| DecimalError::NotANumber)
                .and_then(|text| Self::parse(&text)),
            false => Self::parse(json),
        };
        read.map_err(|error| {
            let shown: String = json.chars().take(40).collect();
            de::Error::custom(format!("{error}, is {shown}"))
        })
    }
}

/// An amount in the smallest unit, with the decimals that it is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount<N = i64> {
    pub units: N,
    pub decimals: Decimals,
}

impl Amount<i128> {
    /// A sum of amounts, which may need more than 64 bits.
    pub fn sum(units: i128, decimals: Decimals) -> Self {
        Self { units, decimals }
    }

    /// The sum of amounts of any decimals, which is exact.
    pub fn total(amounts: impl Iterator<Item = Amount>) -> Self {
        let scaled = |Amount { units, decimals }: Amount| {
            i128::from(units) * i128::from(Decimals::MOST.one() / decimals.one())
        };
        Self::sum(amounts.map(scaled).sum(), Decimals::MOST)
    }
}

impl Amount {
    pub fn new(units: i64, decimals: Decimals) -> Self {
        Self { units, decimals }
    }

    /// An amount of a SKU without decimals.
    pub fn whole(units: i64) -> Self {
        Self::new(units, Decimals::default())
    }

    /// An amount that is not negative, as quantities are.
    pub fn of(units: u64, decimals: Decimals) -> Self {
        Self::new(i64::try_from(units).unwrap_or(i64::MAX), decimals)
    }
}

impl<N: Copy + Into<i128>> fmt::Display for Amount<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: i128 = self.units.into();
        let sign = if units < 0 { "-" } else { "" };
        let (units, one) = (units.unsigned_abs(), u128::from(self.decimals.one()));
        let (whole, rest) = (units / one, units % one);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let width = usize::from(u8::from(self.decimals));
        let fraction = format!("{rest:0width$}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl<N: Copy + Into<i128> + Serialize> Serialize for Amount<N> {
    /// Writes a JSON number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.decimals == Decimals::default() {
            return self.units.serialize(serializer);
        }
        let raw = RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
