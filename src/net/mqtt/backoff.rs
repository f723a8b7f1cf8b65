//! The waits between attempts to connect.

use std::time::Duration;

use crate::limits::{
    RECONNECT_FLAPPING_MS_MAX, RECONNECT_MS_MAX, RECONNECT_MS_MIN, RECONNECT_STEADY_MS,
    RECONNECT_UNREACHABLE_MS_MAX,
};

/// The waits between attempts to connect: random up to a bound that doubles, so that the gateways
/// of a site do not all connect at the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    bound_ms: u64,
    /// The bound after the next loss of a connection on which the other side has answered.
    first_ms: u64,
    answered_ms: Option<u64>,
    random: fastrand::Rng,
}

impl Default for Backoff {
    fn default() -> Self {
        let (bound_ms, first_ms) = (RECONNECT_MS_MIN, RECONNECT_MS_MIN);
        Self { bound_ms, first_ms, answered_ms: None, random: fastrand::Rng::new() }
    }
}

impl Backoff {
    /// The wait after a loss at this running time. If nothing has answered at all, the next attempt
    /// burdens nobody, so that the network is used soon after it is back.
    pub fn next_wait(&mut self, now_ms: u64, is_unreachable: bool) -> Duration {
        if is_unreachable {
            self.bound_ms = self.bound_ms.min(RECONNECT_UNREACHABLE_MS_MAX);
        }
        if let Some(answered_ms) = self.answered_ms.take() {
            self.start_over(now_ms.saturating_sub(answered_ms));
        }
        let wait_ms = self.random.u64(RECONNECT_MS_MIN / 4..=self.bound_ms);
        self.bound_ms = (self.bound_ms * 2).min(RECONNECT_MS_MAX);
        Duration::from_millis(wait_ms)
    }

    /// Notes that the other side answers at this running time.
    pub fn answered(&mut self, now_ms: u64) {
        self.answered_ms.get_or_insert(now_ms);
    }

    /// Starts again with a short wait. Where each connection is lost soon after an answer, as when
    /// two clients with one id displace each other, it starts with a longer wait each time.
    fn start_over(&mut self, lasted_ms: u64) {
        if lasted_ms >= RECONNECT_STEADY_MS {
            self.first_ms = RECONNECT_MS_MIN;
        }
        self.bound_ms = self.first_ms;
        if lasted_ms < RECONNECT_STEADY_MS {
            self.first_ms = (self.first_ms * 2).min(RECONNECT_FLAPPING_MS_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff { random: fastrand::Rng::with_seed(7), ..Backoff::default() }
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_an_answer() {
        let mut backoff = backoff();
        let waits: Vec<u64> = (0..200)
            .map(|_| u64::try_from(backoff.next_wait(0, false).as_millis()).unwrap())
            .collect();
        assert!(waits.iter().all(|ms| (RECONNECT_MS_MIN / 4..=RECONNECT_MS_MAX).contains(ms)));
        assert!(waits[100..].iter().any(|&ms| ms > RECONNECT_MS_MAX / 2));
        backoff.answered(5);
        assert!(backoff.next_wait(6, false) <= Duration::from_millis(RECONNECT_MS_MIN));
    }

    #[test]
    fn losses_soon_after_an_answer_make_waits_grow_until_a_connection_has_lasted() {
        let mut backoff = backoff();
        let mut bounds = Vec::new();
        for loss in 0..9 {
            backoff.answered(loss * 1_000);
            backoff.next_wait(loss * 1_000 + 900, false);
            bounds.push(backoff.bound_ms / 2);
        }
        assert_eq!(bounds[..5], [1_000, 2_000, 4_000, 4_000, 4_000]);

        backoff.answered(100_000);
        backoff.answered(100_000 + RECONNECT_STEADY_MS);
        assert!(backoff.next_wait(100_001 + RECONNECT_STEADY_MS, false) <= Duration::from_secs(1));
        assert_eq!(backoff.first_ms, RECONNECT_MS_MIN);
    }

    #[test]
    fn after_a_long_outage_the_waits_are_short() {
        let mut backoff = backoff();
        let waits: Vec<Duration> = (0..200).map(|_| backoff.next_wait(0, true)).collect();
        assert!(waits.iter().max() <= Some(&Duration::from_secs(4)));
        assert!(waits.iter().max() >= Some(&Duration::from_secs(3)), "they still differ");
    }
}
