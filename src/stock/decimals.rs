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
    /// As many as a quantity can have, in which figures of any decimals can be compared.
    pub const MOST: Self = Self(Self::MAX);

    /// All that there are, the fewest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=Self::MAX).map(Self)
    }

    /// Units of these decimals in those of others; `None` if they are no whole number there.
    pub(crate) fn rescaled(self, units: u64, to: Self) -> Option<u64> {
        let step = Self(self.0.abs_diff(to.0)).one();
        match to > self {
            true => units.checked_mul(step),
            false => units.is_multiple_of(step).then_some(units / step),
        }
    }

    /// Units of these decimals in those of others, rounded up where they are no whole number there.
    pub(crate) fn rescaled_up(self, units: u64, to: Self) -> u64 {
        let step = Self(self.0.abs_diff(to.0)).one();
        if to > self { units.saturating_mul(step) } else { units.div_ceil(step) }
    }

    /// How many of the smallest unit make one: 1,000 with three decimals.
    pub fn one(self) -> u64 {
        10_u64.pow(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact_in_other_decimals_or_none() {
        let [two, three] = [2, 3].map(|count| Decimals::try_from(count).unwrap());
        assert_eq!(two.rescaled(125, three), Some(1_250));
        assert_eq!(three.rescaled(1_250, two), Some(125));
        assert_eq!(three.rescaled(1_255, two), None);
        assert_eq!(two.rescaled(u64::MAX, three), None);
        assert_eq!(Decimals::all().last(), Some(Decimals::MOST));
        assert_eq!([two.rescaled_up(125, three), three.rescaled_up(1_250, two)], [1_250, 125]);
        assert_eq!(
            [three.rescaled_up(1_241, two), two.rescaled_up(u64::MAX, three)],
            [125, u64::MAX]
        );
    }

    #[test]
    fn a_quantity_has_at_most_six_decimals() {
        assert_eq!(Decimals::try_from(6).map(Decimals::one), Ok(1_000_000));
        assert!(Decimals::try_from(7).is_err());
        assert!(postcard::from_bytes::<Decimals>(&[7]).is_err());
    }
}
