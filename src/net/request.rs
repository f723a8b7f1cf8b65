//! What the JSON requests of gateway and hub have in common: ids that a client chose, lines, and the
//! `Idempotency-Key` header.

use hyper::HeaderMap;
use serde::Deserialize;
use serde::de::Deserializer;
use smallvec::{SmallVec, smallvec};

use super::given_quantity::GivenQuantity;
pub(crate) use super::line_json::at;
#[cfg(any(test, fuzzing))]
pub use super::line_json::no_decimals;
pub use super::line_json::{DayJson, DecimalsOf, LineJson, LinesJson, TraceFields};
use crate::limits::{LINES_MAX, STOCK_MAX};
use crate::problem::{Code, Problem};
use crate::stock::{
    Amount, Decimal, Decimals, IdText, Line, RequestId, Sku, is_invisible, merge_lines,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    lines: Option<LinesJson>,
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
    lines: Option<LinesJson>,
    sku: Option<Sku>,
    quantity: Option<impl Into<GivenQuantity>>,
    trace: TraceFields,
) -> Result<Option<UnscaledLines>, Problem> {
    let lines = match (lines, sku, quantity) {
        (None, Some(sku), Some(quantity)) => {
            smallvec![LineJson::new(sku, quantity.into(), trace)]
        }
        (lines, None, None) => {
            if let Some(field) = trace.first() {
                let message = format!("{field}: belongs to a line, beside its sku");
                return Err(Problem::bad_request(message));
            }
            let Some(LinesJson(lines)) = lines else { return Ok(None) };
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
    let is_blank = |char: &char| char.is_whitespace() || is_invisible(*char);
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
