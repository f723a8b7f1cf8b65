//! Why a delivery failed, in words.

use std::time::Duration;

/// A delivery that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The events from the first one on that the sink has taken all the same.
    pub(super) taken: usize,
    /// Whether the sink has refused the event after those, rather than being down: the same would be
    /// refused again.
    pub(super) is_refused: bool,
    /// What is wrong, in words and without secrets.
    pub(super) why: String,
    /// How long the sink asks to be left alone.
    pub(super) pause: Duration,
}

impl Failure {
    /// The sink did not take events, and may later.
    pub(super) fn unavailable(why: impl Into<String>) -> Self {
        Self { taken: 0, is_refused: false, why: why.into(), pause: Duration::ZERO }
    }

    /// The sink has refused events as they are.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self { is_refused: true, ..Self::unavailable(why) }
    }
}

/// An error with its causes, which say what happened.
pub(super) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
