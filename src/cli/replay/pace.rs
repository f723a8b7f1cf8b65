//! The pace of a replay: as in the file, or as fast as the gateway answers.

use std::time::{Duration, Instant};

use crate::clock;

/// Paces the rows by the times in the file.
pub(super) struct Pace {
    speed: Option<f64>,
    first_at_ms: Option<i64>,
    started: Instant,
}

impl Pace {
    pub(super) fn new(speed: Option<f64>) -> Self {
        Self { speed, first_at_ms: None, started: clock::instant() }
    }

    /// How long to wait before a row with this time.
    pub(super) fn wait(&mut self, at_ms: Option<i64>) -> Option<Duration> {
        let (speed, at_ms) = (self.speed?, at_ms?);
        let since_first_ms = at_ms.saturating_sub(*self.first_at_ms.get_or_insert(at_ms)).max(0);
        let due = Duration::try_from_secs_f64(since_first_ms as f64 / 1_000.0 / speed);
        due.unwrap_or(Duration::MAX).checked_sub(self.started.elapsed())
    }
}
