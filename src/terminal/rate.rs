//! So many at once, then one every so often. Pure: the time is an argument.

use std::time::Duration;

use crate::limits::REQUESTS_BURST;

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// The time that one takes, in microseconds.
    every_us: u64,
    /// How many may come at once, as time.
    burst_us: u64,
}

impl Rate {
    /// `many` at once, then one every `every`.
    pub(super) fn new(many: u32, every: Duration) -> Self {
        let every_us = u64::try_from(every.as_micros()).unwrap_or(u64::MAX);
        Self { every_us, burst_us: every_us.saturating_mul(many.into()) }
    }

    /// So many requests a second; of none there is no limit.
    pub(super) fn per_second(requests: u32) -> Option<Self> {
        let every = Duration::from_secs(1).checked_div(requests)?;
        let burst = requests.saturating_mul(u32::try_from(REQUESTS_BURST.as_secs()).unwrap_or(1));
        Some(Self::new(burst, every))
    }
}

/// How much of its rate somebody has used: the moment until which what came is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meter {
    paid_until_us: u64,
}

impl Meter {
    /// Takes one.
    ///
    /// # Errors
    /// How long to wait before there is one again; nothing is taken.
    pub(super) fn take(&mut self, rate: &Rate, now_us: u64) -> Result<(), Duration> {
        self.wait(rate, now_us)?;
        self.paid_until_us = self.paid_until_us.max(now_us).saturating_add(rate.every_us);
        Ok(())
    }

    /// Looks whether there is one.
    ///
    /// # Errors
    /// As [`Meter::take`].
    pub(super) fn wait(&self, rate: &Rate, now_us: u64) -> Result<(), Duration> {
        let ahead_us = self.paid_until_us.saturating_sub(now_us);
        match ahead_us.saturating_add(rate.every_us).checked_sub(rate.burst_us) {
            Some(wait_us @ 1..) => Err(Duration::from_micros(wait_us)),
            Some(0) | None => Ok(()),
        }
    }

    /// Whether it is as if nothing had ever come.
    pub(super) fn is_fresh(&self, now_us: u64) -> bool {
        self.paid_until_us <= now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn so_many_pass_at_once_and_then_as_many_as_time_brings() {
        let (rate, mut meter) = (Rate::new(3, Duration::from_secs(1)), Meter::default());
        let mut take = |now_us| meter.take(&rate, now_us);
        assert_eq!([0, 0, 0].map(&mut take), [Ok(()); 3]);
        assert_eq!(take(0), Err(Duration::from_secs(1)));
        assert_eq!(take(999_999), Err(Duration::from_micros(1)));
        assert_eq!((take(1_000_000), take(1_000_000).is_err()), (Ok(()), true));
        assert_eq!([9_000_000; 3].map(&mut take), [Ok(()); 3], "never more than at first");
        assert!(take(9_000_000).is_err());
    }

    #[test]
    fn none_a_second_is_no_limit() {
        assert_eq!(Rate::per_second(0), None);
        assert_eq!(Rate::per_second(4), Some(Rate::new(8, Duration::from_millis(250))));
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_the_burst(
            per_s in 1_u32..2_000, steps in prop::collection::vec(0_u64..100_000, 1..300),
        ) {
            let rate = Rate::per_second(per_s).unwrap();
            let (mut meter, mut now_us, mut taken) = (Meter::default(), 0, 0_u64);
            for step in steps {
                now_us += step;
                taken += u64::from(meter.take(&rate, now_us).is_ok());
                let most = u64::from(per_s) * 2 + now_us / rate.every_us + 1;
                prop_assert!(taken <= most, "{taken} after {now_us} us at {per_s} a second");
            }
        }
    }
}
