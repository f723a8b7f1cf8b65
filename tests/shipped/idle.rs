//! An idle gateway sleeps, except for its housekeeping once a second.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::edge::{ARMV7, Edge, X86_64};
use crate::support::gateway::Gateway;
use crate::support::patience::until;

const WATCHED: Duration = Duration::from_secs(4);
/// It makes about thirty system calls a second. A wait that ends too early and is repeated makes
/// thousands.
const SYSTEM_CALLS_MAX: usize = 400;

#[test]
fn the_armv7_file_is_idle_without_work() {
    assert_sleeps(&ARMV7);
}

#[test]
fn the_x86_64_file_is_idle_without_work() {
    assert_sleeps(&X86_64);
}

fn assert_sleeps(edge: &Edge) {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("calls");
    // The emulator writes one line for each system call.
    let calls = || fs::read_to_string(&log).unwrap().lines().count();
    let program = edge.emulated(&format!("-strace -D {}", log.display()));
    let mut gateway = Gateway::prepare_with(program, "");
    gateway.launch();
    until("it has settled", || {
        let before = calls();
        sleep(Duration::from_secs(1));
        calls() - before <= SYSTEM_CALLS_MAX / 4
    });
    let before = calls();

    sleep(WATCHED);

    let made = calls() - before;
    assert!(made > 0, "it looks at its clocks");
    assert!(made <= SYSTEM_CALLS_MAX, "{made} system calls in {WATCHED:?}");
}
