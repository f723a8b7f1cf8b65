//! A process that runs until it is stopped: its log goes to a file, it is stopped by its process
//! id, and it is never left behind.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

use super::patience::stretched;
use super::process::wait;

const READY_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(15);

pub struct Daemon {
    name: String,
    log_path: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    pub fn new(name: &str, log_path: PathBuf) -> Self {
        Self { name: name.into(), log_path, child: None }
    }

    /// Starts the process and waits until it is ready.
    pub fn launch(&mut self, command: Command, is_ready: impl Fn() -> bool) {
        self.spawn(command);
        self.wait_until(is_ready);
    }

    /// Starts the process without waiting.
    pub fn spawn(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(&self.log_path).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap_or_else(|error| {
            panic!("{} cannot be started: {error}; {command:?}", self.name)
        }));
    }

    /// Waits until it is ready.
    pub fn wait_until(&mut self, is_ready: impl Fn() -> bool) {
        let deadline = Instant::now() + stretched(READY_LIMIT);
        while !is_ready() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended at its start: {ended:?}", self.name);
            assert!(Instant::now() < deadline, "{} did not become ready", self.name);
            sleep(Duration::from_millis(5));
        }
    }

    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.pid().to_string()];
        let sent = Command::new("kill").args(arguments).status().unwrap();
        assert!(sent.success(), "{} was gone before it was sent {name}", self.name);
    }

    /// Asks the process to stop and returns its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        let status = wait(self.child.as_mut().expect("it runs"), stretched(STOP_LIMIT));
        self.child = None;
        status.unwrap_or_else(|| panic!("SIGTERM did not end {}", self.name)).code()
    }

    /// Waits until the process has ended by itself, and returns its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = wait(self.child.as_mut().expect("it runs"), stretched(STOP_LIMIT));
        self.child = None;
        status.unwrap_or_else(|| panic!("{} did not end by itself", self.name)).code()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log_path).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut ended = None;
        if let Some(mut child) = self.child.take() {
            ended = child.try_wait().ok().flatten();
            let _ = child.kill();
            let _ = child.wait();
        }
        if panicking() {
            eprintln!("--- log of {} ---\n{}---", self.name, self.log());
            if let Some(status) = ended {
                eprintln!("{} had ended by itself: {status}", self.name);
            }
        }
    }
}
