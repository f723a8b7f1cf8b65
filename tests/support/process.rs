//! Processes that run to their end, and free ports.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::patience::stretched;

const PORTS_FIRST: u32 = 10_000;
const PORTS_COUNT: u32 = 20_000;
pub const RUN_LIMIT: Duration = Duration::from_secs(20);

/// The exit status of a command, with everything that it wrote.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command that ends by itself.
pub fn run_to_end(command: &mut Command) -> Finished {
    run_within(RUN_LIMIT, command)
}

/// The same with another limit.
pub fn run_within(limit: Duration, command: &mut Command) -> Finished {
    let mut stdout = tempfile::tempfile().unwrap();
    let mut stderr = tempfile::tempfile().unwrap();
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().expect("the program starts");
    let status = wait(&mut child, stretched(limit));
    let (stdout, stderr) = (from_the_start(&mut stdout), from_the_start(&mut stderr));
    let status = status.unwrap_or_else(|| panic!("{command:?} did not end:\n{stdout}{stderr}"));
    Finished { code: status.code(), stdout, stderr }
}

/// Runs a command until a condition holds, then ends it.
pub fn run_until(command: &mut Command, condition: impl Fn() -> bool) {
    let mut log = tempfile::tempfile().unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
    let mut child = command.spawn().expect("the program starts");
    let deadline = Instant::now() + stretched(RUN_LIMIT);
    while !condition() && Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(10));
    }
    let held = condition();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(held, "{command:?} did not do what it should:\n{}", from_the_start(&mut log));
}

/// Waits for the end of a process; kills it and returns `None` when it takes too long.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// A free port below the range that the kernel gives to clients, so that no connection of another
/// test takes it while a gateway restarts.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = id().wrapping_mul(101).wrapping_add(step) % PORTS_COUNT;
        let port = u16::try_from(PORTS_FIRST + offset).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

fn from_the_start(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}
