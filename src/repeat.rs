//! Complaining about the same thing at most once a minute.

use crate::limits::LOG_REPEAT_MS;

/// Counts repeats of one complaint and says when it is due again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeat {
    last_ms: Option<u64>,
    count: u64,
}

impl Repeat {
    /// Counts one, and returns whether to say it at this running time.
    pub fn due(&mut self, running_ms: u64) -> bool {
        self.count += 1;
        let due = self.last_ms.is_none_or(|last_ms| running_ms >= last_ms + LOG_REPEAT_MS);
        if due {
            self.last_ms = Some(running_ms);
        }
        due
    }

    /// The count since the last call; the next complaint is due at once.
    pub fn take(&mut self) -> u64 {
        self.last_ms = None;
        std::mem::take(&mut self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_due_once_a_minute_and_after_a_recovery() {
        let mut repeat = Repeat::default();
        let due: Vec<bool> = [0, 1, 59_999, 60_000].map(|ms| repeat.due(ms)).into();
        assert_eq!(due, [true, false, false, true]);
        assert_eq!(repeat.take(), 4);
        assert!(repeat.due(60_001));
    }
}
