//! A wall clock that shows another time, by libfaketime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::parse_rfc3339;

use crate::support::clock::library;

/// A clock that runs like the real one, ahead by a fixed time. The monotonic clock is the real one,
/// as on a controller whose wall clock was set.
pub(super) struct Clock {
    ahead_s: u64,
}

impl Clock {
    /// A clock that shows this time now, to the second.
    pub(super) fn showing(moment: SystemTime) -> Self {
        let ahead = moment.duration_since(SystemTime::now()).expect("the moment is to come");
        Self { ahead_s: ahead.as_secs() }
    }

    pub(super) fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.ahead_s)
    }

    /// The runner that makes a program read this clock.
    pub(super) fn runner(&self) -> String {
        let ahead_s = self.ahead_s;
        let library = library();
        format!("env LD_PRELOAD={library} FAKETIME=+{ahead_s} FAKETIME_DONT_FAKE_MONOTONIC=1")
    }
}

/// A time in the format of the programs.
pub(super) fn moment(text: &str) -> SystemTime {
    parse_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The first second that a signed 32-bit number cannot hold.
pub(super) fn end_of_32_bits() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1 << 31)
}
