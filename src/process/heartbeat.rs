//! The sign of life of a thread, for the watchdog and for readiness.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// The time of a thread's last progress.
#[derive(Debug)]
pub struct Heartbeat {
    clock: Clock,
    beat_ms: AtomicU64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { clock: Clock::starting_at(0), beat_ms: AtomicU64::new(0) }
    }
}

impl Heartbeat {
    /// Records that the thread has finished a round of its loop.
    pub fn beat(&self) {
        self.beat_ms.store(self.clock.since_start_ms(), Ordering::Relaxed);
    }

    /// The time since the last round.
    pub fn silence(&self) -> Duration {
        let beat_ms = self.beat_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.clock.since_start_ms().saturating_sub(beat_ms))
    }

    /// Whether the thread has made progress within a watchdog interval.
    pub(super) fn is_alive(&self, interval: Duration) -> bool {
        may_feed(self.clock.since_start_ms(), self.beat_ms.load(Ordering::Relaxed), interval)
    }
}

/// A watchdog is fed only if the thread made progress within the interval, whatever other threads
/// did.
fn may_feed(now_ms: u64, beat_ms: u64, interval: Duration) -> bool {
    Duration::from_millis(now_ms.saturating_sub(beat_ms)) <= interval
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);

    #[test]
    fn the_watchdog_is_fed_until_the_last_round_is_an_interval_ago() {
        let fed = [(0, 0), (20_000, 0), (20_001, 0), (90_000, 89_000), (110_000, 89_000)]
            .map(|(now_ms, beat_ms)| may_feed(now_ms, beat_ms, INTERVAL));
        assert_eq!(fed, [true, true, false, true, false]);
        assert!(may_feed(5, 9, INTERVAL), "a round that ended between two readings of the clock");
    }
}
