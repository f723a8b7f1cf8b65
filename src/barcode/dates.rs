//! GS1 dates, which have two digits each for year, month and day.

use std::fmt;

use super::gtin::are_digits;

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// All four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// Parses `YYMMDD`; day 00 is the last day of the month. The century is chosen so that the year
    /// is within 50 years of the current one, as the GS1 General Specifications require.
    pub(super) fn read(yymmdd: &str, current_year: u16) -> Option<Self> {
        let yy = yymmdd.get(..2).filter(|yy| are_digits(yy))?.parse().ok()?;
        Self::of_digits(&format!("{:04}{}", year_near(yy, current_year), yymmdd.get(2..)?))
    }

    /// Parses `YYYYMMDD`; day 00 is the last day of the month.
    pub(super) fn of_digits(yyyymmdd: &str) -> Option<Self> {
        let digits = Some(yyyymmdd).filter(|text| text.len() == 8 && are_digits(text))?;
        let (year, month, day) =
            (digits[..4].parse().ok()?, digits[4..6].parse().ok()?, &digits[6..]);
        let (day, last): (u8, u8) = (day.parse().ok()?, last_day(year, month)?);
        let day = if day == 0 { last } else { day };
        (day <= last).then_some(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    /// Writes `2026-01-31`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Whether two digits are less than a number, as hours, minutes and seconds are.
pub(super) fn is_time(digits: &str, below: u8) -> bool {
    are_digits(digits) && digits.parse().is_ok_and(|number: u8| number < below)
}

fn year_near(yy: u8, current_year: u16) -> u16 {
    let (yy, current) = (u16::from(yy), current_year % 100);
    let year = current_year - current + yy;
    if yy >= current + 51 {
        year - 100
    } else if yy + 50 <= current {
        year + 100
    } else {
        year
    }
}

fn last_day(year: u16, month: u8) -> Option<u8> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if is_leap { 29 } else { 28 }),
        _ => None,
    }
}
