//! Logs a repeated event at most once a minute.

use crate::limits::LOG_REPEAT_MS;

/// Counts how often one event repeats and says when to log it again.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogThrottle {
    logged_ms: Option<u64>,
    count: u64,
    /// Whether the end of the repetition has been logged since `logged_ms`.
    ended: bool,
}

impl LogThrottle {
    /// Counts one event, and returns whether to log it at this running time.
    pub fn should_log(&mut self, running_ms: u64) -> bool {
        self.count += 1;
        let due = self.logged_ms.is_none_or(|logged_ms| running_ms >= logged_ms + LOG_REPEAT_MS);
        if due {
            self.logged_ms = Some(running_ms);
            self.ended = false;
        }
        due
    }

    /// The number of events since the last call, if the end of the repetition is to be logged:
    /// the first time, and then once for each logged event. A condition that comes and goes is
    /// therefore not logged more often than one that stays.
    pub fn end(&mut self) -> Option<u64> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_event_is_logged_once_a_minute() {
        let mut throttle = LogThrottle::default();
        let due: Vec<bool> = [0, 1, 59_999, 60_000].map(|ms| throttle.should_log(ms)).into();
        assert_eq!(due, [true, false, false, true]);
        assert_eq!(throttle.end(), Some(4));
    }

    #[test]
    fn an_event_that_comes_and_goes_is_logged_once_a_minute_and_so_is_its_end() {
        let mut throttle = LogThrottle::default();
        assert_eq!(throttle.end(), Some(0), "before the first event");
        let logged: Vec<_> = [0, 1_000, 59_999, 60_000, 200_000]
            .map(|ms| (throttle.should_log(ms), throttle.end()))
            .into();
        let nothing = (false, None);
        assert_eq!(logged, [(true, Some(1)), nothing, nothing, (true, Some(3)), (true, Some(1))]);
    }
}
