//! The waits between attempts to connect.

use std::time::Duration;

use crate::limits::{
    RECONNECT_FLAPPING_MS_MAX, RECONNECT_MS_MAX, RECONNECT_MS_MIN, RECONNECT_STEADY_MS,
    RECONNECT_UNANSWERED_MS_MAX,
};

/// The waits between attempts to connect: random up to a bound that doubles, so that the gateways
/// of a site do not all connect at the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    bound_ms: u64,
    /// The bound after the next loss of a connection on which the other side has answered.
    first_ms: u64,
    answered_ms: Option<u64>,
    /// When the attempt began that is under way.
    began_ms: u64,
    random: fastrand::Rng,
}

impl Default for Backoff {
    fn default() -> Self {
        let (bound_ms, first_ms) = (RECONNECT_MS_MIN, RECONNECT_MS_MIN);
        let random = fastrand::Rng::new();
        Self { bound_ms, first_ms, answered_ms: None, began_ms: 0, random }
    }
}

impl Backoff {
    /// An attempt to connect begins at this running time.
    pub fn begin(&mut self, now_ms: u64) {
        self.began_ms = now_ms;
    }

    /// The wait after a loss at this running time. If no broker has answered, the next attempt
    /// burdens none: it begins soon after this one, which may have waited long itself, so that the
    /// network is used soon after it is back.
    pub fn next_wait(&mut self, now_ms: u64, is_unanswered: bool) -> Duration {
        if is_unanswered {
            self.bound_ms = self.bound_ms.min(RECONNECT_UNANSWERED_MS_MAX);
        }
        if let Some(answered_ms) = self.answered_ms.take() {
            self.start_over(now_ms.saturating_sub(answered_ms));
        }
        let mut wait_ms = self.random.u64(RECONNECT_MS_MIN / 4..=self.bound_ms);
        if is_unanswered {
            let least_ms = self.random.u64(RECONNECT_MS_MIN / 4..=RECONNECT_MS_MIN);
            let lasted_ms = now_ms.saturating_sub(self.began_ms);
            wait_ms = wait_ms.min(wait_ms.saturating_sub(lasted_ms).max(least_ms));
        }
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

    fn ms(wait: Duration) -> u64 {
        u64::try_from(wait.as_millis()).unwrap()
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_an_answer() {
        let mut backoff = backoff();
        let waits: Vec<u64> = (0..200).map(|_| ms(backoff.next_wait(0, false))).collect();
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

    /// The time from the end of an outage to the beginning of the next attempt, and the number of
    /// attempts during it. Each attempt lasts so long.
    fn outage(backoff: &mut Backoff, outage_ms: u64, lasts_ms: u64) -> (u64, u64) {
        let (mut now_ms, mut attempts) = (0, 0);
        backoff.answered(0);
        now_ms += ms(backoff.next_wait(now_ms, false));
        while now_ms < outage_ms {
            backoff.begin(now_ms);
            // What is under way when the network comes back uses it.
            if now_ms + lasts_ms >= outage_ms {
                return (0, attempts);
            }
            now_ms += lasts_ms;
            now_ms += ms(backoff.next_wait(now_ms, true));
            attempts += 1;
        }
        (now_ms - outage_ms, attempts)
    }

    #[test]
    fn the_next_attempt_begins_within_4_seconds_of_the_end_of_any_outage() {
        let mut backoff = backoff();
        let mut tails = Vec::new();
        for outage_ms in (1_000..600_000).step_by(977) {
            let (tail_ms, attempts) = outage(&mut backoff, outage_ms, 20);
            assert!(attempts <= 2 + outage_ms / 1_000, "{attempts} in {outage_ms} ms");
            tails.push(tail_ms);
        }
        assert!(tails.iter().max() <= Some(&RECONNECT_UNANSWERED_MS_MAX), "{tails:?}");
        assert!(tails.iter().max() >= Some(&3_000), "the attempts of a site differ: {tails:?}");
    }

    #[test]
    fn an_attempt_that_took_long_is_followed_by_another_within_a_second() {
        let mut backoff = backoff();
        for outage_ms in (60_000..600_000).step_by(977) {
            let (tail_ms, _) = outage(&mut backoff, outage_ms, 9_000);
            assert!(tail_ms <= RECONNECT_MS_MIN, "{tail_ms}");
        }
    }
}
