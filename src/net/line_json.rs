//! The lines of a request as JSON. An error in one names the line and the field.

use std::fmt::{Display, Formatter};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use super::given_quantity::GivenQuantity;
use crate::problem::Problem;
use crate::stock::{Day, Decimals, Line, Lot, OptionalTrace, Serial, Sku, Trace};

/// Says where an error is, which may be within something that has a place itself: `[2].lot: …` in
/// `lines` is in `lines[2].lot`.
pub(crate) fn at(place: &str, error: &dyn Display) -> String {
    let error = error.to_string();
    let is_within = error.starts_with(['[', '.']);
    [place, if is_within { "" } else { ": " }, &error].concat()
}

/// The lines of a mutation. An error names the line, from 0 on.
#[derive(Debug, Default)]
pub struct LinesJson(pub Vec<LineJson>);

impl<'de> Deserialize<'de> for LinesJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lines;

        impl<'de> Visitor<'de> for Lines {
            type Value = LinesJson;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of lines")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LinesJson, A::Error> {
                let mut lines = Vec::new();
                loop {
                    let next = seq.next_element().map_err(|error| {
                        A::Error::custom(at(&format!("[{}]", lines.len()), &error))
                    })?;
                    let Some(line) = next else { return Ok(LinesJson(lines)) };
                    lines.push(line);
                }
            }
        }

        deserializer.deserialize_seq(Lines)
    }
}

/// One line of a mutation, its quantity not yet in the smallest unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineJson {
    #[serde(deserialize_with = "sku")]
    sku: Sku,
    #[serde(deserialize_with = "quantity")]
    quantity: GivenQuantity,
    #[serde(default, deserialize_with = "lot")]
    lot: Option<Lot>,
    #[serde(default, deserialize_with = "serial")]
    serial: Option<Serial>,
    #[serde(default, deserialize_with = "expires")]
    expires: Option<DayJson>,
}

/// Reads the fields of a line, each of which is named if it is wrong.
macro_rules! line_fields {
    ($($field:ident: $kind:ty,)*) => {
        $(fn $field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$kind, D::Error> {
            let place = concat!(".", stringify!($field));
            let read = Deserialize::deserialize(deserializer);
            read.map_err(|error: D::Error| D::Error::custom(at(place, &error)))
        })*
    };
}

line_fields! {
    sku: Sku,
    quantity: GivenQuantity,
    lot: Option<Lot>,
    serial: Option<Serial>,
    expires: Option<DayJson>,
}

/// A calendar day, written `2026-01-31`.
#[derive(Clone, Debug)]
pub struct DayJson(Day);

impl DayJson {
    /// Reads a day that is no JSON.
    ///
    /// # Errors
    /// If it is none.
    #[cfg(feature = "hub")]
    pub fn parse(text: &str) -> Result<Self, crate::stock::DayError> {
        Day::parse(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for DayJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Day::parse(&text)
            .map(Self)
            .map_err(|error| D::Error::custom(format!("{error}, is {text:?}")))
    }
}

/// The fields that say which goods of a SKU a line is about.
#[derive(Debug, Default)]
pub struct TraceFields {
    pub lot: Option<Lot>,
    pub serial: Option<Serial>,
    pub expires: Option<DayJson>,
}

impl TraceFields {
    /// The trace that the fields give; `None` if there are none.
    pub fn trace(self) -> OptionalTrace {
        Trace::of(self.lot, self.serial, self.expires.map(|DayJson(day)| day))
    }

    /// The first field that is given.
    pub(super) fn first(&self) -> Option<&'static str> {
        let given = [
            (self.lot.is_some(), "lot"),
            (self.serial.is_some(), "serial"),
            (self.expires.is_some(), "expires"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, field)| field)
    }
}

/// The decimals of a SKU.
pub type DecimalsOf<'a> = &'a dyn Fn(&Sku) -> Decimals;

/// Whole units for every SKU.
#[cfg(any(test, fuzzing))]
pub fn no_decimals(_: &Sku) -> Decimals {
    Decimals::default()
}

impl LineJson {
    /// A line that is not from a list in JSON.
    pub fn new(sku: Sku, quantity: GivenQuantity, trace: TraceFields) -> Self {
        let TraceFields { lot, serial, expires } = trace;
        Self { sku, quantity, lot, serial, expires }
    }

    /// The SKU.
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    pub(super) fn line(self, decimals_of: DecimalsOf<'_>) -> Result<Line, Problem> {
        let Self { sku, quantity, lot, serial, expires } = self;
        let trace = TraceFields { lot, serial, expires }.trace();
        let quantity = quantity.of_line(&sku, decimals_of(&sku))?;
        Ok(Line { sku, quantity, trace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line_and_the_field() {
        let said = |lines: &str| {
            let read = serde_json::from_str::<LinesJson>(lines);
            at("lines", &read.unwrap_err())
        };
        let good = r#"{"sku":"A","quantity":1,"lot":"L","serial":"S","expires":"2027-01-31"}"#;
        for (bad, place) in [
            (r#"{"sku":"A","quantity":1,"lot":""}"#, "lines[2].lot: "),
            (r#"{"sku":"A","quantity":1,"serial":5}"#, "lines[2].serial: "),
            (r#"{"sku":"A","quantity":1,"expires":"soon"}"#, "lines[2].expires: "),
            (r#"{"sku":"","quantity":1}"#, "lines[2].sku: "),
            (r#"{"sku":"A","quantity":"x"}"#, "lines[2].quantity: "),
            (r#"{"sku":"A"}"#, "lines[2]: missing field `quantity`"),
            (r#"{"sku":"A","quantity":1,"Lot":"L"}"#, "lines[2]: unknown field `Lot`"),
            ("7", "lines[2]: "),
        ] {
            let said = said(&format!("[{good},{good},{bad}]"));
            assert!(said.starts_with(place), "{said}");
        }
        assert!(said("7").starts_with("lines: invalid type"), "{}", said("7"));
    }
}
