//! GS1 Digital Link: elements in a web address, `https://example.com/01/04006381333931/10/A?17=261231`.
//! The compressed form is not read.

use std::borrow::Cow;

use super::ai::Ai;
use super::ai_table::row_of;
use super::element::Element;
use super::error::CodeError;
use super::gtin::are_digits;
use super::rules::check_rules;

/// What begins with fewer digits is no key, but a part of some other address.
const KEY_DIGITS_MIN: usize = 6;
/// All its addresses are links of GS1.
const HOST_OF_GS1: &str = "id.gs1.org";

/// The elements of a link; `None` if the text is no address, or one without a GS1 key.
///
/// # Errors
/// If the address has a GS1 key, but something in it is invalid.
pub(super) fn link_elements(text: &str) -> Result<Option<Vec<Element<'_>>>, CodeError> {
    let Some(address) = without_scheme(text) else {
        return Ok(None);
    };
    let address = address.split('#').next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let Some((key, at)) = find_key(host, &segments) else {
        return Ok(None);
    };
    let (ai, after) = (segments[at], &segments[at + 1..]);
    // Without its value, the key is empty.
    let (value, after) = after.split_first().unwrap_or((&"", after));
    let mut elements = vec![Element::new(ai, key_value(ai, value)?)?];
    elements.extend(qualifiers(key, after)?);
    elements.extend(attributes(query)?);
    check_rules(&elements)?;
    Ok(Some(elements))
}

fn without_scheme(text: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// The row of the key's identifier, and its place.
fn find_key(host: &str, segments: &[&str]) -> Option<(&'static Ai, usize)> {
    let begins_key = |value: &&str| value.get(..KEY_DIGITS_MIN).is_some_and(are_digits);
    let is_of_gs1 = host.eq_ignore_ascii_case(HOST_OF_GS1);
    segments.iter().enumerate().find_map(|(at, ai)| {
        let row = row_of(ai).filter(|row| row.key.is_some())?;
        let is_key = is_of_gs1 && at == 0 || segments.get(at + 1).is_some_and(begins_key);
        is_key.then_some((row, at))
    })
}

/// The value of a key. A GTIN may have 8, 12 or 13 digits.
fn key_value<'a>(ai: &str, segment: &'a str) -> Result<Cow<'a, str>, CodeError> {
    let value = decode(ai, segment)?;
    match (ai, value.len()) {
        ("01", 8 | 12 | 13) => Ok(format!("{value:0>14}").into()),
        _ => Ok(value),
    }
}

fn qualifiers<'a>(key: &Ai, segments: &[&'a str]) -> Result<Vec<Element<'a>>, CodeError> {
    let ais: Vec<&str> = segments.iter().step_by(2).copied().collect();
    let sequences = key.key.unwrap_or_default();
    if !sequences.split('|').any(|sequence| is_part_of(&ais, sequence)) {
        let what = segments.join("/");
        return Err(CodeError::Form(format!(
            "{what:?} must not follow ({}) in a GS1 Digital Link",
            key.first
        )));
    }
    // Without its value, the last one is empty.
    let value = |pair: &[&'a str]| pair.get(1).copied().unwrap_or_default();
    let pairs = segments.chunks(2);
    pairs.map(|pair| Element::new(pair[0], decode(pair[0], value(pair))?)).collect()
}

/// Whether identifiers stand in a sequence in this order.
fn is_part_of(ais: &[&str], sequence: &str) -> bool {
    let mut sequence = sequence.split(',');
    ais.iter().all(|ai| sequence.any(|each| each == *ai))
}

/// The elements in a query. Keys that are no numbers are not from GS1.
fn attributes(query: &str) -> Result<Vec<Element<'_>>, CodeError> {
    let pairs = query.split(['&', ';']).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let numbered = pairs.filter(|(ai, _)| !ai.is_empty() && are_digits(ai));
    let attribute = |(ai, value)| match row_of(ai).filter(|row| row.is_attribute) {
        Some(_) => Element::new(ai, decode(ai, value)?),
        None => Err(CodeError::Form(format!("({ai}) is no attribute of a GS1 Digital Link"))),
    };
    numbered.map(attribute).collect()
}

/// Decodes percent-encoding.
fn decode<'a>(ai: &str, text: &'a str) -> Result<Cow<'a, str>, CodeError> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let wrong = || CodeError::Form(format!("({ai}){text} is not percent-encoded"));
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(hex, 16).ok().filter(|_| is_hex).ok_or_else(wrong)?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| wrong())
}
