//! The files that ship: the gateway for each machine, and the hub.

use std::env;
use std::path::{Path, PathBuf};

use crate::support::program::Program;

/// A target and its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) program: &'static str,
    pub(super) target: &'static str,
    /// The machine number in the ELF header.
    pub(super) machine: u64,
    pub(super) is_64: bool,
    pub(super) bytes_max: u64,
    /// The environment variable that names another file.
    variable: &'static str,
    emulator: &'static str,
}

pub(super) const ARMV7: Edge = Edge {
    program: "stockgate",
    target: "armv7-unknown-linux-musleabihf",
    machine: 40,
    is_64: false,
    bytes_max: 4_000_000,
    variable: "STOCKGATE_STATIC_ARMV7",
    emulator: "qemu-arm",
};

pub(super) const X86_64: Edge = Edge {
    program: "stockgate",
    target: "x86_64-unknown-linux-musl",
    machine: 62,
    is_64: true,
    bytes_max: 5_200_000,
    variable: "STOCKGATE_STATIC_X86_64",
    emulator: "qemu-x86_64",
};

/// Not for the edge, but a static file like the others. It has room for gRPC and three kinds of sinks.
pub(super) const HUB: Edge = Edge {
    program: "stockgate-hub",
    bytes_max: 8_200_000,
    variable: "STOCKGATE_STATIC_HUB",
    ..X86_64
};

pub(super) const SHIPPED: [Edge; 3] = [ARMV7, X86_64, HUB];

impl Edge {
    pub(super) fn file(&self) -> PathBuf {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let usual = package.join("target/static").join(self.target).join(self.program);
        let file = env::var_os(self.variable).map_or(usual, PathBuf::from);
        assert!(
            file.is_file(),
            "{} is not there; scripts/build-static makes it, {} names another",
            file.display(),
            self.variable,
        );
        file
    }

    /// Runs the file under its emulator, even for this machine, because the fake clock and the
    /// counting of system calls reach a static file only through the emulator.
    pub(super) fn emulated(&self, options: &str) -> Program {
        Program::at(&self.file()).run_by(&format!("{} {options}", self.emulator))
    }
}
