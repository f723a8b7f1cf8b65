//! The content of a code.

use super::dates::Date;
use super::element::Element;
use super::error::CodeError;
use super::format::Format;
use super::gtin::Gtin;
use super::measure::{Measure, is_measure};

/// The content of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub format: Format,
    /// The GTIN of the trade item, or of the items that a parcel contains.
    pub gtin: Option<Gtin>,
    /// Other names of the item, for which a text stands that is not known itself: the item numbers
    /// of a message of ISO/IEC 15434, the best one first, or the GTINs that a short UPC-E may mean, of
    /// each the form with 14 digits first.
    pub names: Vec<String>,
    /// The count of things with that GTIN: variable count (AI 30), or items in the parcel (AI 37).
    pub count: Option<u64>,
    pub measures: Vec<Measure>,
    /// Batch or lot number (AI 10).
    pub lot: Option<String>,
    pub serial: Option<String>,
    /// Expiration date (AI 17, or 7003).
    pub expires: Option<Date>,
    /// Best before date (AI 15).
    pub best_before: Option<Date>,
    /// Whether the code names a logistic unit (AI 00).
    pub is_logistic_unit: bool,
    /// Whether the code names one of several pieces of the trade item (AI 8006 or 8026).
    pub is_piece: bool,
    /// The GTIN that a text may stand for. It may as well be any other number.
    pub likely: Option<Gtin>,
}

impl Reading {
    /// The content of a code that is a plain text.
    pub fn text() -> Self {
        Self::plain(Format::Text, None)
    }

    /// The content of an SSCC without its identifier.
    pub(super) fn logistic_unit() -> Self {
        Self { is_logistic_unit: true, ..Self::plain(Format::Gs1, None) }
    }

    pub(super) fn plain(format: Format, gtin: Option<Gtin>) -> Self {
        Self {
            format,
            gtin,
            names: Vec::new(),
            count: None,
            measures: Vec::new(),
            lot: None,
            serial: None,
            expires: None,
            best_before: None,
            is_logistic_unit: false,
            is_piece: false,
            likely: None,
        }
    }

    /// The units that the code stands for, if one thing with its GTIN holds this many; `None` if
    /// they are too many for a number.
    pub fn units(&self, content: u64) -> Option<u64> {
        self.count.unwrap_or(1).checked_mul(content)
    }

    /// The measure in a unit, as a whole number of the smallest part of a unit with this many
    /// decimals; `None` if the code measures nothing that is counted in such a unit.
    ///
    /// # Errors
    /// A measure from which the quantity does not follow: it is more exact, in another unit, or one
    /// of several.
    pub fn measured(&self, unit: &str, decimals: u8) -> Result<Option<u64>, Measure> {
        let is_counted = decimals == 0 && !is_measure(unit);
        let mut same = self.measures.iter().filter(|measure| measure.is_in(unit));
        match (same.next(), same.next()) {
            (Some(one), None) => one.with_decimals(decimals).map(Some).ok_or(*one),
            (Some(one), Some(_)) => Err(*one),
            (None, _) if is_counted => Ok(None),
            (None, _) => self.measures.first().map_or(Ok(None), |other| Err(*other)),
        }
    }

    /// The content of elements that go together.
    ///
    /// # Errors
    /// If a date or a count is none.
    pub(super) fn of_elements(elements: &[Element<'_>], year: u16) -> Result<Self, CodeError> {
        let mut reading = Self::plain(Format::Gs1, None);
        elements.iter().try_for_each(|element| reading.add(element, year))?;
        Ok(reading)
    }

    fn add(&mut self, element: &Element<'_>, year: u16) -> Result<(), CodeError> {
        let Element { ai, value } = element;
        let date = || {
            let date = value.get(..6).and_then(|yymmdd| Date::read(yymmdd, year));
            date.map(Some).ok_or_else(|| element.wrong("is not a date"))
        };
        match *ai {
            "00" => self.is_logistic_unit = true,
            "01" | "02" | "03" | "8006" | "8026" => {
                self.gtin = Gtin::of_digits(&value[..14]);
                // The piece and the total of them follow.
                self.is_piece = value.get(16..).is_some_and(|total| !matches!(total, "" | "01"));
            }
            "10" => self.lot = Some(value.to_string()),
            "15" => self.best_before = date()?,
            "17" => self.expires = date()?,
            "21" => self.serial = Some(value.to_string()),
            "30" | "37" => self.count = Some(element.count()?),
            "7003" if self.expires.is_none() => self.expires = date()?,
            _ => self.measures.extend(Measure::of(ai, value)),
        }
        Ok(())
    }
}
