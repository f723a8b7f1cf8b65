//! The only module that reads the wall clock and the monotonic clock.
//!
//! The wall clock labels events for people (`at`, `expires_at`). It may jump by decades on a
//! controller without a battery, so nothing is decided by it. Lifetimes are counted in *running
//! time*: the milliseconds that the database has been in use. Running time continues from the
//! stored value at the next start and does not pass while the gateway is off.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 2026-01-01 UTC, in milliseconds since 1970.
const FIRST_RELEASE_MS: i64 = 1_767_225_600_000;

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock in milliseconds since 1970-01-01 UTC.
    pub wall_ms: i64,
    /// Running time in milliseconds.
    pub running_ms: u64,
    /// Whether the wall clock may be right; see [`is_believable`].
    pub trusted: bool,
}

/// Reads the wall clock and the monotonic clock. Clones share what they keep.
///
/// Both are cut to milliseconds at different moments, so their difference alternates between two
/// values. One is kept as long as the wall clock is not set, so that a deadline in running time is
/// the same moment whenever it is told.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    running_ms_before: u64,
    /// By how much the wall clock is ahead of running time.
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// A clock whose running time continues from `running_ms_before`.
    pub fn starting_at(running_ms_before: u64) -> Self {
        let clock = Self { started: Instant::now(), running_ms_before, ahead_ms: Arc::default() };
        clock.now();
        clock
    }

    /// Reads both clocks now.
    pub fn now(&self) -> Now {
        let before_ms = self.running_ms();
        let seen_ms = wall_ms();
        self.at(before_ms, seen_ms, self.running_ms())
    }

    /// The moment at which the wall clock was read between two looks at the running time.
    fn at(&self, before_ms: u64, seen_ms: i64, running_ms: u64) -> Now {
        let [least, most] = [running_ms, before_ms].map(|ms| seen_ms.saturating_sub_unsigned(ms));
        let mut ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        if !(least.saturating_sub(1)..=most.saturating_add(1)).contains(&ahead_ms) {
            ahead_ms = least;
            self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        }
        let wall_ms = ahead_ms.saturating_add_unsigned(running_ms);
        Now { wall_ms, running_ms, trusted: is_believable(wall_ms) }
    }

    fn running_ms(&self) -> u64 {
        self.running_ms_before + self.since_start_ms()
    }

    /// Milliseconds since this clock was created.
    pub fn since_start_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether the times of entries are trusted now. This detects clocks that are not set, but not
/// clocks that are wrong.
pub fn is_trusted() -> bool {
    is_believable(wall_ms()) && !is_unset()
}

/// Whether a wall clock can be right: it is not before the first release of this program.
///
/// A clock that runs ahead is believed, by a minute or by decades: nothing here knows better, and a
/// gateway must work in 2039. The metric `stockgate_clock_seconds` lets a monitoring system with
/// the right time compare; one of the alerts does.
pub fn is_believable(wall_ms: i64) -> bool {
    wall_ms >= FIRST_RELEASE_MS
}

/// Whether systemd-timesyncd runs here and has not set the clock yet: it keeps a directory, and
/// creates a file in it once it has heard from a server after the start.
pub fn is_unset() -> bool {
    let timesync = Path::new("/run/systemd/timesync");
    timesync.is_dir() && !timesync.join("synchronized").exists()
}

/// Milliseconds since 1970-01-01 UTC by the wall clock; 0 before 1970.
pub fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// A monotonic moment, for measuring durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// Formats as `2026-01-31T08:26:00.123Z`. Moments outside the years 1970 to 9999 are clamped.
pub fn rfc3339(wall_ms: i64) -> String {
    const YEAR_9999_MS: i64 = 253_402_300_799_999;
    let ms = u64::try_from(wall_ms.clamp(0, YEAR_9999_MS)).expect("clamped to at least 0");
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_time_goes_on_from_what_was_stored() {
        let clock = Clock::starting_at(5_000);
        let first = clock.now().running_ms;
        assert!((5_000..6_000).contains(&first));
        assert!(clock.now().running_ms >= first);
    }

    #[test]
    fn a_deadline_is_the_same_moment_by_the_wall_clock_until_that_is_set() {
        let clock = Clock::starting_at(5_000);
        let first = clock.at(5_000, 1_000_000, 5_000);
        let ahead_of = |now: Now| now.wall_ms - i64::try_from(now.running_ms).unwrap();
        for (before_ms, seen_ms, running_ms) in
            [(5_009, 1_000_010, 5_009), (5_010, 1_000_009, 5_010), (5_020, 1_000_030, 5_040)]
        {
            let now = clock.at(before_ms, seen_ms, running_ms);
            assert_eq!((ahead_of(now), now.running_ms), (ahead_of(first), running_ms));
        }
        for set in [2, -2, 3_600_000] {
            let now = clock.at(6_000, 1_001_000 + set, 6_000);
            assert_eq!(now.wall_ms, 1_001_000 + set, "the wall clock is set");
        }
    }

    #[test]
    fn moments_are_written_with_milliseconds_in_utc() {
        assert_eq!(rfc3339(1_769_847_960_123), "2026-01-31T08:26:00.123Z");
        assert_eq!(rfc3339(-5), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(2_200_000_000_000), "2039-09-18T23:06:40.000Z");
    }
}
