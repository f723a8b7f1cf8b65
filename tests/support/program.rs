//! The programs under test: their files and their runners.
//!
//! `STOCKGATE_BIN` and `STOCKGATE_HUB_BIN` name other files than those that cargo has built.
//! `STOCKGATE_RUNNER` and `STOCKGATE_HUB_RUNNER` are prefixed, such as `qemu-arm` for a file of
//! another machine. They are split at blanks, and must replace themselves with the program's
//! process, as `env` and emulators do, because processes are stopped by their id.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variables that a service manager sets, and others that would change the programs.
const OF_THE_SURROUNDINGS: [&str; 7] = [
    "RUST_LOG",
    "STATE_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
];

/// A program, and the command line that runs it.
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<OsString>,
}

impl Program {
    pub fn gateway() -> Self {
        Self::chosen("STOCKGATE_BIN", env!("CARGO_BIN_EXE_stockgate"), "STOCKGATE_RUNNER")
    }

    pub fn hub() -> Self {
        Self::chosen(
            "STOCKGATE_HUB_BIN",
            env!("CARGO_BIN_EXE_stockgate-hub"),
            "STOCKGATE_HUB_RUNNER",
        )
    }

    pub fn at(file: &Path) -> Self {
        Self { words: vec![file.into()] }
    }

    /// The same with this runner before it.
    pub fn run_by(mut self, runner: &str) -> Self {
        self.words.splice(..0, runner.split_whitespace().map(OsString::from));
        self
    }

    /// A command without any variable of the environment that would configure the program.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("STOCKGATE_") {
                command.env_remove(name);
            }
        }
        for name in OF_THE_SURROUNDINGS {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    fn chosen(file: &str, built: &str, runner: &str) -> Self {
        let file = env::var_os(file).unwrap_or_else(|| built.into());
        Self::at(Path::new(&file)).run_by(&env::var(runner).unwrap_or_default())
    }
}

/// Whether a runner slows the programs down.
pub fn is_emulated() -> bool {
    ["STOCKGATE_RUNNER", "STOCKGATE_HUB_RUNNER"].iter().any(|name| env::var_os(name).is_some())
}

pub fn stockgate() -> Command {
    Program::gateway().command()
}

pub fn stockgate_hub() -> Command {
    Program::hub().command()
}
