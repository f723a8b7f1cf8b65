//! Net weights, lengths, areas and volumes in metric units (AI 310n to 316n).

/// A measure of the goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// `kg`, `m`, `m2`, `l` or `m3`.
    pub unit: &'static str,
    /// The number without its decimal point.
    pub digits: u32,
    /// How many of the digits are decimals.
    pub decimals: u8,
}

impl Measure {
    /// The measure in an element; `None` for any other element.
    pub(super) fn of(ai: &str, value: &str) -> Option<Self> {
        let (kind, decimals) = ai.split_at_checked(3)?;
        let unit = match kind {
            "310" => "kg",
            // Length, width and height.
            "311" | "312" | "313" => "m",
            "314" => "m2",
            "315" => "l",
            "316" => "m3",
            _ => return None,
        };
        Some(Self { unit, digits: value.parse().ok()?, decimals: decimals.parse().ok()? })
    }

    /// The measure as a whole number of the smallest part of its unit, if that part is a decimal
    /// with this many digits; `None` if the measure is more exact.
    pub fn with_decimals(self, decimals: u8) -> Option<u64> {
        let digits = u64::from(self.digits);
        let power = |exponent: u8| 10_u64.checked_pow(exponent.into());
        match decimals.checked_sub(self.decimals) {
            Some(more) => digits.checked_mul(power(more)?),
            None => {
                let divisor = power(self.decimals - decimals)?;
                digits.is_multiple_of(divisor).then_some(digits / divisor)
            }
        }
    }
}
