//! The pauses between failed deliveries.

use std::time::Duration;

use crate::limits::{SINK_PAUSE_MAX, SINK_PAUSE_MIN};

/// The highest value of a chance.
pub(super) const CHANCE_MAX: u32 = 1_000;

/// The pause after so many failures in a row, from 1 on: it doubles up to a maximum, and is between
/// half of that and all of it, so that sinks and workers that failed together do not come back
/// together. `chance` is from 0 to [`CHANCE_MAX`].
pub(super) fn pause(failures: u32, chance: u32) -> Duration {
    let doubled = SINK_PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let half = doubled.min(SINK_PAUSE_MAX) / 2;
    half + half * chance.min(CHANCE_MAX) / CHANCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_maximum_and_vary_by_half() {
        let longest: Vec<u128> =
            (1..=4).map(|count| pause(count, CHANCE_MAX).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1_000, 2_000]);
        assert_eq!(pause(1, 0).as_millis(), 125);
        for count in [12, 100, u32::MAX] {
            assert_eq!([pause(count, CHANCE_MAX), pause(count, 0)].map(|p| p.as_secs()), [60, 30]);
        }
    }
}
