//! Checks the value of an application identifier: length, characters and content.

use super::ai::{Ai, Lint, Part, Set};
use super::checks::{demand, obeys};

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The last of these digits is not the check digit of the others.
    CheckDigit(String),
    Other(String),
}

impl From<String> for Flaw {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

/// # Errors
/// Says what is wrong with a value, and with which part of it.
pub(super) fn check_value(row: &Ai, value: &str) -> Result<(), Flaw> {
    check_length(row, value)?;
    let mut rest = value;
    for part in row.parts {
        if rest.is_empty() && part.is_optional {
            break;
        }
        rest = check_part(part, rest).map_err(|flaw| at_part(flaw, rest, value))?;
    }
    match rest {
        "" => Ok(()),
        rest => Err(Flaw::Other(format!("has {rest:?} too much"))),
    }
}

/// Names the part of a value that has a flaw, unless it is the whole value.
fn at_part(flaw: Flaw, part: &str, value: &str) -> Flaw {
    match flaw {
        Flaw::Other(why) if part != value => Flaw::Other(format!("{why}, at {part:?}")),
        Flaw::Other(_) | Flaw::CheckDigit(_) => flaw,
    }
}

fn check_length(row: &Ai, value: &str) -> Result<(), String> {
    let (least, most) = (row.least(), row.most());
    let length = value.chars().count();
    let needed = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    match length {
        0 => Err("is empty".into()),
        length if length < least => Err(format!("is too short, it needs {needed} characters")),
        length if length > most => Err(format!("is too long, it may have {needed} characters")),
        _ => Ok(()),
    }
}

/// Checks the start of a text; returns the rest.
fn check_part<'a>(part: &Part, text: &'a str) -> Result<&'a str, Flaw> {
    if let Some(wrong) = text.chars().take(part.most.into()).find(|&char| !has(part.set, char)) {
        return Err(Flaw::Other(match part.set {
            Set::Digits => format!("must be digits, but has {wrong:?}"),
            Set::Text | Set::Upper | Set::Base64 => {
                format!("has other characters than are allowed: {wrong:?}")
            }
        }));
    }
    if part.set == Set::Base64 && !is_padded(text) {
        return Err(Flaw::Other("may have = only at its end, and two of them".into()));
    }
    // All of them are ASCII.
    let (value, rest) = text.split_at(text.len().min(part.most.into()));
    if value.len() < part.least.into() {
        return Err(Flaw::Other(format!("is too short or too long at {value:?}")));
    }
    match part.lints().find(|&lint| !obeys(lint, value)) {
        None => Ok(rest),
        Some(Lint::Csum) => Err(Flaw::CheckDigit(value.to_owned())),
        Some(lint) => Err(Flaw::Other(format!("is not {}", demand(lint)))),
    }
}

/// Whether base64 has its padding at the end.
fn is_padded(text: &str) -> bool {
    let content = text.trim_end_matches('=');
    !content.contains('=') && text.len() - content.len() <= 2
}

fn has(set: Set, char: char) -> bool {
    match set {
        Set::Digits => char.is_ascii_digit(),
        Set::Text => is_text(char),
        Set::Upper => {
            char.is_ascii_digit() || char.is_ascii_uppercase() || matches!(char, '#' | '-' | '/')
        }
        Set::Base64 => char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '='),
    }
}

/// CSET 82.
fn is_text(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!\"%&'()*+,-./:;<=>?_".contains(char)
}
