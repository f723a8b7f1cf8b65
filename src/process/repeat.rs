//! Complaining about the same thing at most once a minute.

use crate::limits::LOG_REPEAT_MS;

/// Counts repeats of one complaint and says when it is due again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeat {
    last_ms: Option<u64>,
    count: u64,
    /// Whether its end has been said since.
    ended: bool,
}

impl Repeat {
    /// Counts one, and returns whether to say it at this running time.
    pub fn due(&mut self, running_ms: u64) -> bool {
        self.count += 1;
        let due = self.last_ms.is_none_or(|last_ms| running_ms >= last_ms + LOG_REPEAT_MS);
        if due {
            self.last_ms = Some(running_ms);
            self.ended = false;
        }
        due
    }

    /// The count, if the end of it is to be said: once at first, and once for each time that it
    /// was complained. What comes and goes is not said more often for that.
    pub fn take(&mut self) -> Option<u64> {
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
    fn a_complaint_is_due_once_a_minute() {
        let mut repeat = Repeat::default();
        let due: Vec<bool> = [0, 1, 59_999, 60_000].map(|ms| repeat.due(ms)).into();
        assert_eq!(due, [true, false, false, true]);
        assert_eq!(repeat.take(), Some(4));
    }

    #[test]
    fn what_comes_and_goes_is_said_once_a_minute_and_so_is_its_end() {
        let mut repeat = Repeat::default();
        assert_eq!(repeat.take(), Some(0), "a beginning");
        let said: Vec<_> =
            [0, 1_000, 59_999, 60_000, 200_000].map(|ms| (repeat.due(ms), repeat.take())).into();
        let silent = (false, None);
        assert_eq!(said, [(true, Some(1)), silent, silent, (true, Some(3)), (true, Some(1))]);
    }
}
