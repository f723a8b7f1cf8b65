//! Why a catalogue is refused, and what is doubtful in it.

use serde::Serialize;

use crate::problem::Problem;

/// The most errors that one answer lists.
const LISTED_MAX: usize = 20;

/// What makes a catalogue unusable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineError {
    /// `None` for the whole text.
    pub(super) line: Option<u64>,
    pub(super) what: String,
}

impl LineError {
    pub(crate) fn at(line: u64, what: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into() }
    }

    pub(super) fn of_all(what: impl Into<String>) -> Self {
        Self { line: None, what: what.into() }
    }
}

/// A refusal that names the lines, the first ones if there are many.
pub(crate) fn refusal(mut errors: Vec<LineError>) -> Problem {
    errors.sort_by_key(|error| error.line);
    let text = |LineError { line, what }: &LineError| match line {
        Some(line) => format!("line {line}: {what}"),
        None => what.clone(),
    };
    let listed: Vec<String> = errors.iter().take(LISTED_MAX).map(text).collect();
    let more = errors.len() - listed.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Problem::bad_request(format!("{}{more}; nothing was changed", listed.join("; ")))
}

/// Something doubtful that was taken as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    pub(crate) line: u64,
    /// The kind of doubt, for programs.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Warning {
    pub(crate) fn new(line: u64, code: &'static str, message: impl Into<String>) -> Self {
        Self { line, code, message: message.into() }
    }
}
