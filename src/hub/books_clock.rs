//! The time by which reservations and open sales end. Setting a clock while a hub runs does not change it.
//!
//! With SQLite it begins as the wall clock, passes as the monotonic clock does, and follows small
//! corrections of the wall clock. With PostgreSQL it is the time of the server, which all workers share;
//! unless the server's clock is set far off, and the wall clock here does not agree with it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{Clock, Now, wall_ms};
use crate::process::log_throttle::LogThrottle;

/// By how much the wall clock may differ without having been set.
const TOLERANCE_MS: i64 = 2_000;
/// By how much the time of a server may differ from the time until then, or from the wall clock here,
/// without having been set wrong.
const FAR_MS: u64 = 3_600_000;

/// Such a clock. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct BooksClock {
    monotonic: Clock,
    /// By how much its time is ahead of the monotonic one.
    ahead_ms: Arc<AtomicI64>,
    /// Whether it is that of a server.
    follows: Arc<AtomicBool>,
    /// That the time of the server is not followed.
    refused: Arc<Mutex<LogThrottle>>,
}

impl Default for BooksClock {
    fn default() -> Self {
        let (monotonic, ahead_ms) = (Clock::starting_at(0), Arc::default());
        let clock = Self { monotonic, ahead_ms, follows: Arc::default(), refused: Arc::default() };
        clock.set(wall_ms());
        clock
    }
}

impl BooksClock {
    /// Goes on from this time of the server, in milliseconds since 1970; the first one is taken as it is.
    pub(super) fn follow(&self, server_ms: i64) {
        if self.follow_at(server_ms, self.monotonic.now()) {
            return;
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.should_log(self.monotonic.since_start_ms()) {
            let ahead_s = server_ms.saturating_sub(self.now_ms()) / 1_000;
            tracing::error!(
                ahead_s,
                next = "set the clock of the server, or of this machine, whichever is wrong",
                "the clock of the PostgreSQL server was set, and the one of this machine does not agree with it; reservations and open sales end by the time before"
            );
        }
    }

    /// The same at this moment; returns false for a time that is not followed.
    fn follow_at(&self, server_ms: i64, now: Now) -> bool {
        let is_first = !self.follows.swap(true, Ordering::Relaxed);
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let books_ms = ahead_ms.saturating_add_unsigned(now.running_ms);
        let is_far = |time_ms: i64| server_ms.abs_diff(time_ms) > FAR_MS;
        if !is_first && is_far(books_ms) && is_far(now.wall_ms) {
            return false;
        }
        self.ahead_ms.store(server_ms.saturating_sub_unsigned(now.running_ms), Ordering::Relaxed);
        true
    }

    fn set(&self, now_ms: i64) {
        let passed_ms = self.monotonic.now().running_ms;
        self.ahead_ms.store(now_ms.saturating_sub_unsigned(passed_ms), Ordering::Relaxed);
    }

    /// The wall clock, with the time of the books as running time: by one look at both, so that what
    /// ends by one of them has the same end by the other. That of a server is both, so that
    /// all workers tell the same end of a reservation.
    pub(super) fn now(&self) -> Now {
        self.at(self.monotonic.now())
    }

    /// The time of the books in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(self.now().running_ms).unwrap_or(i64::MAX)
    }

    fn at(&self, now: Now) -> Now {
        let by_wall_ms = now.wall_ms.saturating_sub_unsigned(now.running_ms);
        let mut ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let is_near = by_wall_ms.abs_diff(ahead_ms) <= TOLERANCE_MS.unsigned_abs();
        let follows = self.follows.load(Ordering::Relaxed);
        if is_near && !follows {
            self.ahead_ms.store(by_wall_ms, Ordering::Relaxed);
            ahead_ms = by_wall_ms;
        }
        let books_ms = ahead_ms.saturating_add_unsigned(now.running_ms).max(0);
        let wall_ms = if follows { books_ms } else { now.wall_ms };
        Now { wall_ms, running_ms: books_ms.unsigned_abs(), ..now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn time_goes_on_though_the_wall_clock_is_set_and_follows_small_corrections_and_the_server() {
        let clock = BooksClock::default();
        let start_ms = 1_800_000_000_000;
        clock.ahead_ms.store(start_ms, Ordering::Relaxed);
        let at = |wall_ms: i64, running_ms: u64| {
            let now = clock.at(Now { wall_ms, running_ms, trusted: true });
            i64::try_from(now.running_ms).unwrap() - start_ms
        };
        assert_eq!(at(start_ms + 5_000, 5_000), 5_000);
        assert_eq!(at(start_ms + 6_500, 6_000), 6_500, "a correction");
        assert_eq!(at(start_ms + HOUR_MS, 7_000), 7_500, "it is set ahead");
        assert_eq!(at(start_ms - HOUR_MS, 8_000), 8_500, "and back");
        assert_eq!(at(start_ms + 9_400, 9_000), 9_400, "and right");
        clock.ahead_ms.store(start_ms + HOUR_MS, Ordering::Relaxed);
        assert_eq!(at(start_ms + 9_000, 9_000), HOUR_MS + 9_000, "it was set before");
    }

    #[test]
    fn workers_have_the_time_of_the_server_however_near_their_own_clocks_are() {
        let clock = BooksClock::default();
        let now = clock.monotonic.now();
        let server_ms = now.wall_ms + 1_500;
        clock.follow(server_ms);
        let told = clock.at(now);
        let ahead_ms = i64::try_from(told.running_ms).unwrap() - server_ms;
        assert!((-500..=0).contains(&ahead_ms), "{ahead_ms}");
        assert_eq!(told.wall_ms.unsigned_abs(), told.running_ms, "as every other worker tells it");
    }

    #[test]
    fn a_server_whose_clock_is_set_far_off_is_followed_only_if_the_wall_clock_agrees() {
        let clock = BooksClock::default();
        let (start_ms, year_ms) = (1_800_000_000_000, 365 * 24 * HOUR_MS);
        let now = |wall_ms, running_ms| Now { wall_ms, running_ms, trusted: true };
        let told = |moment: Now| clock.at(moment).wall_ms - start_ms;
        assert!(clock.follow_at(start_ms, now(start_ms + year_ms, 0)), "the first one");
        let later = now(start_ms + 1_000, 1_000);
        for server_ms in [start_ms + year_ms, start_ms - year_ms, i64::MIN, i64::MAX] {
            assert!(!clock.follow_at(server_ms, later));
            assert_eq!(told(later), 1_000, "the time goes on");
        }
        assert!(clock.follow_at(start_ms + HOUR_MS, later), "a correction");
        assert_eq!(told(later), HOUR_MS);
        let resumed = now(start_ms + year_ms, 2_000);
        assert!(clock.follow_at(start_ms + year_ms + 300, resumed), "this machine was suspended");
        assert_eq!(told(resumed), year_ms + 300);
    }
}
