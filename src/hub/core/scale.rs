//! How a database counts a SKU that it books in other decimals than the catalogue gives now.

use serde::{Deserialize, Serialize};

use crate::stock::Decimals;

/// The decimals of a SKU in the catalogue, and those in which a database books it.
///
/// Stored in a byte: the former in its lower four bits, the latter in the next three, which are 0 for
/// whole units. The view `inventory_changed_event` reads it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Scale {
    pub(super) listed: Decimals,
    pub(super) own: Decimals,
    /// The database has had none since, so people have settled it.
    pub(super) is_settled: bool,
}

const OWN: u8 = 4;
const SETTLED: u8 = 1 << 7;

impl TryFrom<u8> for Scale {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, Self::Error> {
        let listed = Decimals::try_from(byte & 15)?;
        let own = Decimals::try_from((byte & !SETTLED) >> OWN)?;
        Ok(Self { listed, own, is_settled: byte & SETTLED != 0 })
    }
}

impl From<Scale> for u8 {
    fn from(Scale { listed, own, is_settled }: Scale) -> Self {
        let settled = if is_settled { SETTLED } else { 0 };
        Self::from(listed) | Self::from(own) << OWN | settled
    }
}

impl Scale {
    pub(super) fn new(listed: Decimals, own: Decimals) -> Self {
        Self { listed, own, is_settled: false }
    }

    /// Units of the database in those of the catalogue; `None` if they are no whole number of these.
    pub(super) fn to_books(self, units: i64) -> Option<i64> {
        rescaled(units, (self.own, self.listed))
    }

    /// The same, rounded up.
    pub(super) fn to_books_up(self, units: i64) -> i64 {
        let units = self.own.rescaled_up(units.max(0).unsigned_abs(), self.listed);
        i64::try_from(units).unwrap_or(i64::MAX)
    }

    /// Units of the catalogue in those of the database; `None` if they are no whole number of these.
    pub(super) fn to_own(self, units: i64) -> Option<i64> {
        rescaled(units, (self.listed, self.own))
    }

    /// The same, rounded down.
    pub(super) fn to_own_down(self, units: i64) -> i64 {
        let step = self.listed.one().cast_signed() / self.own.one().cast_signed().max(1);
        self.to_own(units).unwrap_or_else(|| units / step.max(1))
    }
}

fn rescaled(units: i64, (from, to): (Decimals, Decimals)) -> Option<i64> {
    let size = from.rescaled(units.unsigned_abs(), to)?;
    Some(i64::try_from(size).ok()? * units.signum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_same_in_both_decimals_or_there_are_none() {
        let [two, three] = [2, 3].map(|count| Decimals::try_from(count).unwrap());
        let finer = Scale::new(three, two);
        assert_eq!((finer.to_books(-125), finer.to_own(-1_250)), (Some(-1_250), Some(-125)));
        assert_eq!((finer.to_own(1_255), finer.to_own_down(1_255)), (None, 125));
        let coarser = Scale::new(two, three);
        assert_eq!((coarser.to_books(1_250), coarser.to_books(1_255)), (Some(125), None));
        assert_eq!((coarser.to_books_up(1_251), coarser.to_own(125)), (126, Some(1_250)));
        assert_eq!(finer.to_books(i64::MAX), None);
    }

    #[test]
    fn whole_units_are_stored_as_the_decimals_of_the_catalogue_alone() {
        let [none, two, three] = [0, 2, 3].map(|count| Decimals::try_from(count).unwrap());
        let whole = Scale::new(three, none);
        assert_eq!((u8::from(whole), Scale::try_from(3)), (3, Ok(whole)));
        let settled = Scale { is_settled: true, ..Scale::new(three, two) };
        assert_eq!((u8::from(settled), Scale::try_from(0xa3)), (0xa3, Ok(settled)));
        assert!(Scale::try_from(7).is_err() && Scale::try_from(0x70).is_err());
    }
}
