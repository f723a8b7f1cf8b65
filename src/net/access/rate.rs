//! A rate limit with a burst. This file is pure: the time is an argument.

use std::time::Duration;

use crate::limits::REQUESTS_BURST;

/// How much is allowed: a burst, and one more per interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    interval_us: u64,
    /// The burst, as the time it would take at one per interval.
    burst_us: u64,
}

impl Rate {
    /// `burst` at once, then one per `interval`.
    pub(super) fn new(burst: u32, interval: Duration) -> Self {
        let interval_us = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        Self { interval_us, burst_us: interval_us.saturating_mul(burst.into()) }
    }

    /// A limit in requests per second; `None`, which means no limit, for 0.
    pub(super) fn per_second(requests: u32) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(requests)?;
        let burst = requests.saturating_mul(u32::try_from(REQUESTS_BURST.as_secs()).unwrap_or(1));
        Some(Self::new(burst, interval))
    }
}

/// How much of a [`Rate`] is used, by the generic cell rate algorithm: each request moves a
/// moment on by one interval, and that moment may lead the clock by the burst at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateLimiter {
    used_until_us: u64,
}

impl RateLimiter {
    /// Counts one request.
    ///
    /// # Errors
    /// How long to wait until the next one is allowed. Nothing is counted then.
    pub(super) fn acquire(&mut self, rate: &Rate, now_us: u64) -> Result<(), Duration> {
        self.check(rate, now_us)?;
        self.used_until_us = self.used_until_us.max(now_us).saturating_add(rate.interval_us);
        Ok(())
    }

    /// Checks whether a request is allowed, without counting it.
    ///
    /// # Errors
    /// As [`RateLimiter::acquire`].
    pub(super) fn check(&self, rate: &Rate, now_us: u64) -> Result<(), Duration> {
        let ahead_us = self.used_until_us.saturating_sub(now_us);
        match ahead_us.saturating_add(rate.interval_us).checked_sub(rate.burst_us) {
            Some(wait_us @ 1..) => Err(Duration::from_micros(wait_us)),
            Some(0) | None => Ok(()),
        }
    }

    /// Whether the whole burst is available again.
    pub(super) fn is_unused(&self, now_us: u64) -> bool {
        self.used_until_us <= now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_passes_at_once_and_then_one_per_interval() {
        let (rate, mut limiter) = (Rate::new(3, Duration::from_secs(1)), RateLimiter::default());
        let mut acquire = |now_us| limiter.acquire(&rate, now_us);
        assert_eq!([0, 0, 0].map(&mut acquire), [Ok(()); 3]);
        assert_eq!(acquire(0), Err(Duration::from_secs(1)));
        assert_eq!(acquire(999_999), Err(Duration::from_micros(1)));
        assert_eq!((acquire(1_000_000), acquire(1_000_000).is_err()), (Ok(()), true));
        assert_eq!([9_000_000; 3].map(&mut acquire), [Ok(()); 3], "never more than the burst");
        assert!(acquire(9_000_000).is_err());
    }

    #[test]
    fn zero_per_second_means_no_limit() {
        assert_eq!(Rate::per_second(0), None);
        assert_eq!(Rate::per_second(4), Some(Rate::new(8, Duration::from_millis(250))));
    }

    proptest! {
        #[test]
        fn never_more_pass_than_the_rate_and_the_burst(
            per_s in 1_u32..2_000, steps in prop::collection::vec(0_u64..100_000, 1..300),
        ) {
            let rate = Rate::per_second(per_s).unwrap();
            let (mut limiter, mut now_us, mut passed) = (RateLimiter::default(), 0, 0_u64);
            for step in steps {
                now_us += step;
                passed += u64::from(limiter.acquire(&rate, now_us).is_ok());
                let most = u64::from(per_s) * 2 + now_us / rate.interval_us + 1;
                prop_assert!(passed <= most, "{passed} after {now_us} us at {per_s} a second");
            }
        }
    }
}
