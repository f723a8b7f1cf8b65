//! What a movement says besides its units: who asked for it and why, and which goods of the SKU
//! they were. It is a trace for people and audits; no decision about stock depends on it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::types::{Actor, Lot, Reason, Serial};

/// Who asked for a movement, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// The name of the token that sent the request; `None` where no tokens are configured, and for
    /// what the gateway does by itself.
    pub actor: Option<Actor>,
    /// The reason that the client gave.
    pub reason: Option<Reason>,
}

impl Cause {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.actor.is_none() && self.reason.is_none()
    }
}

/// Which goods of a SKU a line is about. At least one of the fields is given: see [`Trace::of`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Trace {
    pub lot: Option<Lot>,
    pub serial: Option<Serial>,
    pub expires: Option<Day>,
}

/// The trace of a line, if it has one: a pointer, because most lines have none.
pub type OptionalTrace = Option<Box<Trace>>;

impl Trace {
    /// A trace with these fields; `None` if there are none.
    pub fn of(lot: Option<Lot>, serial: Option<Serial>, expires: Option<Day>) -> OptionalTrace {
        let trace = Self { lot, serial, expires };
        (trace != Self::default()).then(|| Box::new(trace))
    }

    /// What it counts for beside its line: one for the fields, and one for each 64 bytes of text.
    pub(super) fn weight(&self) -> usize {
        let lot = self.lot.as_ref().map_or(0, |lot| lot.as_str().len());
        let serial = self.serial.as_ref().map_or(0, |serial| serial.as_str().len());
        1 + (lot + serial) / 64
    }
}

/// A calendar day from 0001-01-01 to 9999-12-31, as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32")]
pub struct Day(i32);

/// The days before the years 1970 and 10000, counted from 0001-01-01.
const BEFORE_1970: i32 = 719_162;
const BEFORE_10000: i32 = 3_652_059;

/// A text that is not a calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2026-01-31")]
pub struct DayError;

impl Day {
    /// Milliseconds in a day.
    pub const MS: i64 = 86_400_000;

    /// Parses `YYYY-MM-DD`.
    ///
    /// # Errors
    /// If the text has another form, or there is no such day.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        Self::read(text).ok_or(DayError)
    }

    fn read(text: &str) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
        let number = |digits: &[u8]| {
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
            digits.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
        };
        let (year, month, day) =
            (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
        let exists =
            year > 0 && (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
        exists.then(|| Self(days_before(year, month) + day - 1 - BEFORE_1970))
    }

    /// The number of days since 1970-01-01, negative before.
    pub fn number(self) -> i32 {
        self.0
    }

    fn date(self) -> (i32, i32, i32) {
        let days = self.0 + BEFORE_1970;
        // At most the right year, and at most one before it.
        let mut year = days / 366 + 1;
        while days_before(year + 1, 1) <= days {
            year += 1;
        }
        let month = (1..=12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(1);
        (year, month, days - days_before(year, month) + 1)
    }
}

impl TryFrom<i32> for Day {
    type Error = &'static str;

    fn try_from(number: i32) -> Result<Self, Self::Error> {
        let days = -BEFORE_1970..BEFORE_10000 - BEFORE_1970;
        days.contains(&number).then_some(Self(number)).ok_or("a day is out of range")
    }
}

impl fmt::Display for Day {
    /// Writes `2026-01-31`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The days from 0001-01-01 to the first of a month.
fn days_before(year: i32, month: i32) -> i32 {
    let years = year - 1;
    let of_years = years * 365 + years / 4 - years / 100 + years / 400;
    of_years + (1..month).map(|month| month_length(year, month)).sum::<i32>()
}

fn month_length(year: i32, month: i32) -> i32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_written_as_it_was_read() {
        let mut number = -BEFORE_1970;
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=month_length(year, month) {
                    assert_eq!(Day(number).date(), (year, month, day));
                    number += 1;
                }
            }
        }
        assert_eq!(number, BEFORE_10000 - BEFORE_1970);
        for text in ["0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Day::parse("1970-01-02").unwrap().number(), 1);
    }

    #[test]
    fn what_is_not_a_day_is_refused() {
        let wrong = [
            "",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-01-32",
            "0000-01-01",
            "2026-1-31",
            "26-01-31",
            "2026/01/31",
            "2026-01-31 ",
            "2026-01-3x",
            "+026-01-31",
        ];
        for text in wrong {
            assert_eq!(Day::parse(text), Err(DayError), "{text}");
        }
        for number in [-BEFORE_1970 - 1, BEFORE_10000 - BEFORE_1970, i32::MIN, i32::MAX] {
            assert!(Day::try_from(number).is_err(), "{number}");
        }
    }

    #[test]
    fn a_trace_without_a_field_is_none() {
        assert_eq!(Trace::of(None, None, None), None);
        let lot = Lot::parse("L").unwrap();
        assert_eq!(Trace::of(Some(lot.clone()), None, None).unwrap().lot, Some(lot));
    }
}
