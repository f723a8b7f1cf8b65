//! Failures of the books database: counted by what is done with them, and logged at most once a
//! minute for each reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::db::BooksError;
use crate::clock::Clock;
use crate::process::log_throttle::LogThrottle;

/// Logs failures of the writer and of the readers.
#[derive(Debug)]
pub(super) struct BooksFailures {
    clock: Clock,
    /// The failures since the last success, by reason.
    reasons: Mutex<BTreeMap<String, LogThrottle>>,
}

impl Default for BooksFailures {
    fn default() -> Self {
        Self { clock: Clock::starting_at(0), reasons: Mutex::default() }
    }
}

impl BooksFailures {
    /// Logs that something failed, unless the reason was logged within the last minute.
    pub(super) fn record(&self, consequence: &str, error: &BooksError) {
        let now_ms = self.clock.since_start_ms();
        let key = format!("{consequence} {}", error.reason());
        if self.reasons().entry(key).or_default().should_log(now_ms) {
            tracing::error!(%error, "{consequence}");
        }
    }

    /// Logs the end of the failures, if there were any since the last success.
    pub(super) fn end(&self, message: &str) {
        let ended = self.reasons().values_mut().filter_map(LogThrottle::end).sum::<u64>();
        if ended > 0 {
            tracing::info!(failures = ended, "{message}");
        }
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, LogThrottle>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
