//! Texts, each encoded as a difference from the one before it.

use std::fmt::Write as _;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::bytes::{ColumnReader, put_signed, put_size};
use crate::protocol::envelope::FrameError;
use crate::stock::IdError;

pub(super) const SAME: u8 = 0;
pub(super) const ORDER: u8 = 1;
pub(super) const STEPPED: u8 = 2;
pub(super) const UUID: u8 = 3;
pub(super) const REST: u8 = 4;

/// The digits of one number within a text at most, so that it fits a u64.
const DIGITS_MAX: usize = 18;
const NUMBER_MAX: u64 = 10_u64.pow(18) - 1;

/// The shortest encoding of a text after another one, with its operands.
pub(super) fn follow(before: &str, text: &str, order: Option<&str>) -> (u8, Vec<u8>) {
    if order == Some(text) {
        return (ORDER, Vec::new());
    }
    if before == text {
        return (SAME, Vec::new());
    }
    let ways =
        [(STEPPED, stepped(before, text)), (UUID, uuid(before, text)), (REST, rest(before, text))];
    let possible = ways.into_iter().filter_map(|(way, needs)| Some((way, needs?)));
    possible.min_by_key(|(_, needs)| needs.len()).expect("there is always a rest")
}

/// The differences of the numbers in two texts, if they differ in nothing else.
fn stepped(before: &str, text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut parts = (Parts(before), Parts(text));
    loop {
        match (parts.0.next(), parts.1.next()) {
            (None, None) => return Some(out),
            (Some(Part::Plain(before)), Some(Part::Plain(text))) if before == text => {}
            (Some(Part::Number(before, digits)), Some(Part::Number(number, long)))
                // Padding with zeros must restore the same digits.
                if long == digits.max(decimals(number)) =>
            {
                put_signed(&mut out, number.cast_signed() - before.cast_signed());
            }
            _ => return None,
        }
    }
}

fn decimals(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |tens| tens as usize + 1)
}

fn uuid(before: &str, text: &str) -> Option<Vec<u8>> {
    let kept = text.len().checked_sub(Hyphenated::LENGTH)?;
    let (same, name) = text.split_at_checked(kept)?;
    let uuid = Uuid::try_parse(name).ok()?;
    let spelled = *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *name;
    let mut out = Vec::new();
    put_size(&mut out, kept);
    out.extend(uuid.into_bytes());
    (spelled && before.starts_with(same)).then_some(out)
}

fn rest(before: &str, text: &str) -> Option<Vec<u8>> {
    let pairs = before.chars().zip(text.chars()).take_while(|(one, other)| one == other);
    let kept: usize = pairs.map(|(same, _)| same.len_utf8()).sum();
    let mut out = Vec::new();
    put_size(&mut out, kept);
    put_size(&mut out, text.len() - kept);
    out.extend(&text.as_bytes()[kept..]);
    Some(out)
}

/// A text divided into numbers and what is between them.
struct Parts<'a>(&'a str);

enum Part<'a> {
    Plain(&'a str),
    /// The value of the number, and how many digits it has.
    Number(u64, usize),
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let digit = |byte: u8| byte.is_ascii_digit();
        let first = digit(*self.0.as_bytes().first()?);
        let end = self.0.bytes().position(|byte| digit(byte) != first).unwrap_or(self.0.len());
        let end = if first { end.min(DIGITS_MAX) } else { end };
        let (part, after) = self.0.split_at(end);
        self.0 = after;
        Some(match part.parse() {
            Ok(number) => Part::Number(number, end),
            Err(_) => Part::Plain(part),
        })
    }
}

/// The text that an encoding describes, after another text.
pub(super) fn read(
    reader: &mut ColumnReader<'_>,
    way: u8,
    before: &str,
    order: Option<&str>,
) -> Result<String, FrameError> {
    match (way, order) {
        (SAME, _) => Ok(before.to_owned()),
        (ORDER, Some(order)) => Ok(order.to_owned()),
        (STEPPED, _) => step(reader, before),
        (UUID, _) => {
            let kept = kept(reader, before)?;
            let uuid = reader.bytes(16)?.try_into().expect("sixteen bytes");
            Ok(format!("{kept}{}", Uuid::from_bytes(uuid)))
        }
        (REST, _) => {
            let kept = kept(reader, before)?;
            let length = reader.size(reader.0.len())?;
            let rest = str::from_utf8(reader.bytes(length)?);
            Ok(format!("{kept}{}", rest.map_err(|_| FrameError::Body("a text is not UTF-8"))?))
        }
        _ => Err(FrameError::Body("a text has an unknown encoding")),
    }
}

fn step(reader: &mut ColumnReader<'_>, before: &str) -> Result<String, FrameError> {
    let mut text = String::new();
    for part in Parts(before) {
        match part {
            Part::Plain(part) => text.push_str(part),
            Part::Number(number, digits) => {
                let number = number.checked_add_signed(reader.signed()?);
                let number = number.filter(|number| *number <= NUMBER_MAX);
                let number = number.ok_or(FrameError::Body("a text's number is too large"))?;
                let _ = write!(text, "{number:0digits$}");
            }
        }
    }
    Ok(text)
}

fn kept<'b>(reader: &mut ColumnReader<'_>, before: &'b str) -> Result<&'b str, FrameError> {
    let kept = reader.size(before.len())?;
    before.get(..kept).ok_or(FrameError::Body("a text is cut within a character"))
}

/// The texts of a column, each with the order id that it may equal.
pub(super) fn put_texts<'a>(
    out: &mut Vec<u8>,
    texts: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) {
    let mut before = "";
    let mut needed = Vec::new();
    for (text, order) in texts {
        let (way, needs) = follow(before, text, order);
        out.push(way);
        needed.extend(needs);
        before = text;
    }
    out.extend(needed);
}

impl ColumnReader<'_> {
    /// The texts of a column, each with the order id that it may equal.
    pub(super) fn texts<'o, T>(
        &mut self,
        orders: impl ExactSizeIterator<Item = Option<&'o str>>,
        parse: fn(&str) -> Result<T, IdError>,
    ) -> Result<Vec<T>, FrameError> {
        let ways = self.bytes(orders.len())?;
        let mut text = String::new();
        let mut texts = Vec::with_capacity(ways.len());
        for (way, order) in ways.iter().zip(orders) {
            text = read(self, *way, &text, order)?;
            texts.push(parse(&text).map_err(|_| FrameError::Body("an id is not valid"))?);
        }
        Ok(texts)
    }
}
