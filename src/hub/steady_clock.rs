//! Whether the wall clock was set ahead lately.
//!
//! What a clock makes old for a moment must not be deleted. So the wall clock is compared with the running
//! time, which nobody sets: what is shown after a jump counts only once it has been shown for an hour.

/// By how much the two may go apart between two looks.
const TOLERANCE_MS: u64 = 60_000;
/// For how long a clock is doubted that was set ahead.
const DOUBTED_MS: u64 = 3_600_000;

/// Remembers the last look at the clocks, and the last jump.
#[derive(Debug, Default)]
pub(super) struct SteadyClock {
    /// Wall clock and running time.
    last: Option<(i64, u64)>,
    doubted_until_ms: u64,
}

impl SteadyClock {
    /// Looks at the wall clock and the running time, in milliseconds; returns whether the wall clock
    /// can be believed.
    pub(super) fn is_steady(&mut self, wall_ms: i64, running_ms: u64) -> bool {
        if let Some((wall_before_ms, running_before_ms)) = self.last.replace((wall_ms, running_ms))
        {
            let passed_ms = running_ms.saturating_sub(running_before_ms) + TOLERANCE_MS;
            if wall_ms > wall_before_ms.saturating_add_unsigned(passed_ms) {
                self.doubted_until_ms = running_ms.saturating_add(DOUBTED_MS);
            }
        }
        running_ms >= self.doubted_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const YEAR: i64 = 366 * 86_400_000;

    #[test]
    fn a_clock_that_was_set_ahead_is_doubted_for_an_hour() {
        let mut clock = SteadyClock::default();
        let wall = |minutes: u64| 1_800_000_000_000_i64.saturating_add_unsigned(minutes * MINUTE);
        assert!(clock.is_steady(wall(0), 0));
        assert!(clock.is_steady(wall(1), MINUTE));
        assert!(!clock.is_steady(wall(2) + YEAR, 2 * MINUTE));
        assert!(!clock.is_steady(wall(3) + YEAR, 3 * MINUTE), "it has stayed so for a minute");
        assert!(!clock.is_steady(wall(4), 4 * MINUTE), "and was set back");
        assert!(clock.is_steady(wall(62), 62 * MINUTE));
    }

    #[test]
    fn a_clock_that_stays_so_or_is_set_back_is_believed() {
        let mut clock = SteadyClock::default();
        assert!(clock.is_steady(0, 0));
        assert!(!clock.is_steady(YEAR, MINUTE));
        let mut later = (1..=60).map(|minutes| {
            let passed = minutes * MINUTE;
            clock.is_steady(YEAR.saturating_add_unsigned(passed), MINUTE + passed)
        });
        assert_eq!(later.position(|is_steady| is_steady), Some(59), "after an hour");
        assert!(clock.is_steady(5, 62 * MINUTE), "set back: less is old then");
    }
}
