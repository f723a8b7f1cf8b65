//! What the JSON requests of gateway and hub have in common: the fields of an object, ids that a
//! client chose, lines, and the `Idempotency-Key` header.

use hyper::HeaderMap;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use smallvec::{SmallVec, smallvec};

use super::given_quantity::GivenQuantity;
use crate::limits::{LINES_MAX, STOCK_MAX};
use crate::problem::{Code, Problem};
use crate::stock::{
    Amount, Day, Decimal, Decimals, IdText, Line, Lot, OptionalTrace, RequestId, Serial, Sku,
    Trace, merge_lines,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Characters without a width: the zero-width space and the byte order mark.
const INVISIBLE: [char; 2] = ['\u{200b}', '\u{feff}'];

/// Defines a struct that holds the fields of a JSON object, each of them optional, among them
/// `lines`.
///
/// A request reads the object first and then takes the fields of its operation, because these may
/// stand before the field that names the operation. What is left over is an error, so that a
/// misspelt field never passes unnoticed. Hence `left_over`, and `lines_are_null`: a `null` there
/// is a mistake and not a request for all lines.
macro_rules! json_fields {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident {
        $($field:ident: $kind:ty,)*
    }) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        $visibility struct $name {
            $($visibility $field: Option<$kind>,)*
            /// The first field that no request has.
            unknown: Option<String>,
            lines_are_null: bool,
        }

        impl $name {
            /// Reads a JSON object.
            ///
            /// # Errors
            /// Says where the text is malformed.
            $visibility fn read(json: &[u8]) -> Result<Self, $crate::problem::Problem> {
                $crate::net::request::read_json(json)
            }

            /// Checks that every field has been taken.
            ///
            /// # Errors
            /// Names one that has not.
            $visibility fn expect_empty(&self) -> Result<(), $crate::problem::Problem> {
                match self.left_over() {
                    None => Ok(()),
                    Some(field) => Err($crate::problem::Problem::bad_request(format!(
                        "{field}: this operation has no such field"
                    ))),
                }
            }

            fn left_over(&self) -> Option<&str> {
                $(if self.$field.is_some() {
                    return Some(stringify!($field));
                })*
                self.unknown.as_deref()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name, A::Error> {
                        use serde::de::Error as _;

                        let mut fields = $name::default();
                        while let Some($crate::net::request::FieldName(key)) = map.next_key()? {
                            match &*key {
                                $(stringify!($field) => {
                                    if fields.$field.is_some() {
                                        return Err(A::Error::duplicate_field(
                                            stringify!($field),
                                        ));
                                    }
                                    fields.$field = map.next_value().map_err(|error| {
                                        let field = stringify!($field);
                                        A::Error::custom(format!("{field}: {error}"))
                                    })?;
                                    fields.lines_are_null |=
                                        key == "lines" && fields.$field.is_none();
                                })*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    fields.unknown.get_or_insert_with(|| key.into_owned());
                                }
                            }
                        }
                        Ok(fields)
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
}
pub(crate) use json_fields;

/// The name of a field, which is copied only if it has an escape.
#[derive(Deserialize)]
pub(crate) struct FieldName<'a>(#[serde(borrow)] pub(crate) std::borrow::Cow<'a, str>);

/// Reads JSON of a known shape, with or without a byte order mark: some programs write one before
/// UTF-8, and it changes no meaning.
///
/// # Errors
/// Says where the text is malformed.
pub fn read_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json))
        .map_err(|error| Problem::bad_request(format!("the JSON cannot be used: {error}")))
}

/// A request id that a client chose, which leaves room for the prefixes of derived ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequestId(pub RequestId);

impl ClientRequestId {
    /// Takes an id from a header, a path or a message.
    ///
    /// # Errors
    /// Names the place and what is wrong with the id.
    pub fn parse(place: &str, text: &str) -> Result<Self, Problem> {
        let id = RequestId::chosen(text);
        id.map(Self).map_err(|error| Problem::bad_request(format!("{place}: {error}")))
    }
}

impl<'de> Deserialize<'de> for ClientRequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdText(RequestId::chosen)).map(Self)
    }
}

/// The id in the `Idempotency-Key` header; `None` without such a header.
///
/// # Errors
/// `bad_request` if it is not a request id.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<ClientRequestId>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::bad_request("Idempotency-Key: must be given once"));
    }
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Problem::bad_request("Idempotency-Key: must be UTF-8"))?;
    let text = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted).ok_or_else(|| {
            Problem::bad_request("Idempotency-Key: begins with a quote and is no quoted string")
        })?,
        None => text.into(),
    };
    ClientRequestId::parse("Idempotency-Key", &text).map(Some)
}

/// The text of a quoted string (RFC 8941, 3.3.3) after its first quote; `None` if it is none.
fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return chars.as_str().is_empty().then_some(text),
            '\\' => text.push(chars.next().filter(|char| ['"', '\\'].contains(char))?),
            char => text.push(char),
        }
    }
    None
}

/// The request id from the body or from the `Idempotency-Key` header.
///
/// # Errors
/// `bad_request` if both have one and they differ.
pub fn request_id(
    body: Option<ClientRequestId>,
    header: Option<ClientRequestId>,
) -> Result<Option<ClientRequestId>, Problem> {
    match (body, header) {
        (Some(body), Some(header)) if body != header => Err(Problem::bad_request(
            "request_id: differs from the Idempotency-Key header; send one of them",
        )),
        (body, header) => Ok(header.or(body)),
    }
}

/// One line of a mutation, its quantity not yet in the smallest unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineJson {
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
    fn first(&self) -> Option<&'static str> {
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
    /// A line that is no JSON.
    #[cfg(feature = "hub")]
    pub fn new(sku: Sku, quantity: GivenQuantity, trace: TraceFields) -> Self {
        let TraceFields { lot, serial, expires } = trace;
        Self { sku, quantity, lot, serial, expires }
    }

    /// The SKU.
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    fn line(self, decimals_of: DecimalsOf<'_>) -> Result<Line, Problem> {
        let Self { sku, quantity, lot, serial, expires } = self;
        let trace = TraceFields { lot, serial, expires }.trace();
        let quantity = quantity.of_line(&sku, decimals_of(&sku))?;
        Ok(Line { sku, quantity, trace })
    }
}

/// The amount of a SKU's stock in a field, in the smallest unit.
///
/// # Errors
/// If it has more decimals than the SKU, or is over [`STOCK_MAX`].
pub fn stock_units(field: &str, number: Decimal, decimals: Decimals) -> Result<i64, Problem> {
    let most = Amount::new(STOCK_MAX, decimals);
    let units = number.units(decimals);
    let units = units
        .map_err(|error| Problem::bad_request(format!("{field}: {error}, from 0 to {most}")))?;
    let units = i64::try_from(units).ok().filter(|units| *units <= STOCK_MAX);
    units.ok_or_else(|| Problem::bad_request(format!("{field}: must be from 0 to {most}")))
}

/// The lines of a request, written as `lines` or as the fields of a single line; `None` if it has
/// none of these.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn lines(
    lines: Option<Vec<LineJson>>,
    sku: Option<Sku>,
    quantity: Option<Decimal>,
    trace: TraceFields,
    decimals_of: DecimalsOf<'_>,
) -> Result<Option<Vec<Line>>, Problem> {
    let lines = unscaled_lines(lines, sku, quantity, trace)?;
    lines.map(|lines| scaled_lines(lines, decimals_of)).transpose()
}

/// Lines before the decimals of their SKUs are known.
pub type UnscaledLines = SmallVec<[LineJson; 1]>;

/// The lines of a request before the decimals of their SKUs are known.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn unscaled_lines(
    lines: Option<Vec<LineJson>>,
    sku: Option<Sku>,
    quantity: Option<impl Into<GivenQuantity>>,
    trace: TraceFields,
) -> Result<Option<UnscaledLines>, Problem> {
    let lines = match (lines, sku, quantity) {
        (None, Some(sku), Some(quantity)) => {
            let TraceFields { lot, serial, expires } = trace;
            smallvec![LineJson { sku, quantity: quantity.into(), lot, serial, expires }]
        }
        (lines, None, None) => {
            if let Some(field) = trace.first() {
                let message = format!("{field}: belongs to a line, beside its sku");
                return Err(Problem::bad_request(message));
            }
            let Some(lines) = lines else { return Ok(None) };
            SmallVec::from_vec(lines)
        }
        (None, Some(_), None) => return Err(missing("quantity")),
        (None, None, Some(_)) => return Err(missing("sku")),
        (Some(_), _, _) => {
            return Err(Problem::bad_request(
                "lines: give either lines, or sku and quantity for one line",
            ));
        }
    };
    check_lines(lines.iter().map(LineJson::sku))?;
    Ok(Some(lines))
}

/// The lines in the smallest units of their SKUs; those of one SKU and trace are summed.
///
/// # Errors
/// If a quantity is out of range, or has more decimals than its SKU.
pub fn scaled_lines(
    unscaled: UnscaledLines,
    decimals_of: DecimalsOf<'_>,
) -> Result<Vec<Line>, Problem> {
    let mut lines = Vec::with_capacity(unscaled.len());
    for line in unscaled {
        lines.push(line.line(decimals_of)?);
    }
    Ok(merge_lines(lines))
}

/// Checks that an id has nothing at its ends that cannot be seen: people would take it for another
/// id. Databases of earlier versions may hold such ids, so only requests are checked.
///
/// # Errors
/// Names the field and the character.
pub fn check_ends(field: &str, id: &str) -> Result<(), Problem> {
    let is_blank = |char: &char| char.is_whitespace() || INVISIBLE.contains(char);
    let ends = [id.chars().next(), id.chars().next_back()];
    match ends.into_iter().flatten().find(is_blank) {
        None => Ok(()),
        Some(blank) => Err(Problem::bad_request(format!(
            "{field}: must not begin or end with white space, {id:?} does with U+{:04X}",
            u32::from(blank)
        ))),
    }
}

/// Checks the number of lines and their SKUs, and sums those of one SKU and trace.
///
/// # Errors
/// If there are none, or more than [`LINES_MAX`], or if a SKU has white space at an end.
pub fn checked_lines(lines: Vec<Line>) -> Result<Vec<Line>, Problem> {
    check_lines(lines.iter().map(|line| &line.sku))?;
    Ok(merge_lines(lines))
}

fn check_lines<'a>(mut skus: impl ExactSizeIterator<Item = &'a Sku>) -> Result<(), Problem> {
    if skus.len() == 0 {
        return Err(Problem::bad_request("lines: must not be empty"));
    }
    if skus.len() > LINES_MAX {
        let message = format!("lines: {} are over the limit of {LINES_MAX}", skus.len());
        return Err(Problem::new(Code::TooLarge, message));
    }
    skus.try_for_each(|sku| check_ends("sku", sku.as_str()))
}

/// Says that `lines` is `null`.
pub fn null_lines() -> Problem {
    Problem::bad_request("lines: must be a list, is null")
}

/// Says that a field is missing.
pub fn missing(field: &str) -> Problem {
    Problem::bad_request(format!("{field}: is missing"))
}
