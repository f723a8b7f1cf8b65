//! Waiting for another process, with limits.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::program::is_emulated;

const PATIENCE: Duration = Duration::from_secs(40);
/// The factor on every limit under an emulator.
const EMULATED: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// Longer than anything takes on a busy machine.
pub fn patience() -> Duration {
    stretched(PATIENCE)
}

/// The limit, extended where a runner slows the programs down.
pub fn stretched(limit: Duration) -> Duration {
    if is_emulated() { EMULATED * limit } else { limit }
}

/// Calls a probe until it returns something; fails when it does not in time.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out: {what}");
        sleep(PAUSE);
    }
}

/// Calls a probe until it is true.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}

/// The same with another limit.
pub fn until_within(limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + stretched(limit);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        sleep(PAUSE);
    }
}

/// Checks repeatedly for a while that a condition still holds.
pub fn throughout(duration: Duration, mut check: impl FnMut()) {
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        check();
        sleep(PAUSE);
    }
}

/// Retries what a signal has interrupted, such as a read with a timeout.
pub fn uninterrupted(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
