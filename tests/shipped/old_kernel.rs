//! The gateway on the oldest supported kernel: every newer system call is missing.
//!
//! For the ARM file this shows less: the emulator itself makes calls for those of 64-bit time
//! (`clock_gettime64`, `futex_time64`), so only the others are missing.

use std::process::Command;

use super::edge::{ARMV7, X86_64};
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::program::Program;
use crate::support::terminal::Terminal as _;

/// The last system call of Linux 4.9 on x86_64.
const LAST_OF_4_9: u32 = 331;
const RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shipped/old-kernel.py");

#[test]
fn the_x86_64_file_works_on_linux_4_9() {
    works(on_linux_4_9(Program::at(&X86_64.file())));
}

#[test]
fn the_armv7_file_works_on_linux_4_9() {
    works(on_linux_4_9(ARMV7.emulated("")));
}

/// Checks the method: a call that 4.9 does not have is really missing.
#[test]
fn a_newer_call_is_missing() {
    let asks = "import ctypes; c = ctypes.CDLL(None, use_errno=True); \
                print(c.syscall(332, 0, b'', 0, 0, 0), ctypes.get_errno())";
    let last = LAST_OF_4_9.to_string();
    let arguments = [RUNNER, &last, "python3", "-c", asks];
    let output = Command::new("python3").args(arguments).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "-1 38\n", "{output:?}");
}

fn on_linux_4_9(program: Program) -> Program {
    program.run_by(&format!("python3 {RUNNER} {LAST_OF_4_9}"))
}

fn works(program: Program) {
    let mut gateway = Gateway::prepare_with(program, "");
    gateway.launch();
    gateway.http().ok("restock", one("in", "A", 5));
    gateway.ws().ok("deduct", one("out", "A", 2));
    gateway.kill9();
    gateway.launch();
    let again = gateway.ws().ok("deduct", one("out", "A", 2));
    assert_eq!(again["replayed"], true);
    assert_eq!(gateway.http().figures("A"), (3, 0));
    gateway.terminate();
}
