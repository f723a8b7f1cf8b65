//! Waiting for what another process is about to do.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::program::is_emulated;

const PATIENCE: Duration = Duration::from_secs(40);
/// How many times as long everything may take under an emulator.
const EMULATED: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// Longer than anything takes on a busy machine.
pub fn patience() -> Duration {
    stretched(PATIENCE)
}

/// What becomes of a limit where something is put before the programs.
pub fn stretched(limit: Duration) -> Duration {
    if is_emulated() { EMULATED * limit } else { limit }
}

/// Probes until there is an answer, and fails when none comes in time.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(PAUSE);
    }
}

/// Probes until a condition holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}

/// Checks again and again for a while that a condition still holds.
pub fn throughout(duration: Duration, mut check: impl FnMut()) {
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        check();
        sleep(PAUSE);
    }
}

/// Tries again what a signal has interrupted: a read with a timeout is, by whatever stops the
/// process for a moment.
pub fn uninterrupted(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
