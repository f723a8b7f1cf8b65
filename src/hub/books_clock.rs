//! The time by which reservations and open sales end. Setting a clock while a hub runs does not change it.
//!
//! With SQLite it begins as the wall clock, passes as the monotonic clock does, and follows small
//! corrections of the wall clock. With PostgreSQL it is the time of the server, which all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::clock::{Clock, Now, wall_ms};

/// By how much the wall clock may differ without having been set.
const TOLERANCE_MS: i64 = 2_000;

/// Such a clock. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct BooksClock {
    monotonic: Clock,
    /// By how much its time is ahead of the monotonic one.
    ahead_ms: Arc<AtomicI64>,
    /// Whether it is that of a server.
    follows: Arc<AtomicBool>,
}

impl Default for BooksClock {
    fn default() -> Self {
        let (monotonic, ahead_ms) = (Clock::starting_at(0), Arc::default());
        let clock = Self { monotonic, ahead_ms, follows: Arc::default() };
        clock.set(wall_ms());
        clock
    }
}

impl BooksClock {
    /// Goes on from this time of the server, in milliseconds since 1970.
    pub(super) fn follow(&self, now_ms: i64) {
        self.follows.store(true, Ordering::Relaxed);
        self.set(now_ms);
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
}
