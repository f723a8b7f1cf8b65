//! Puts version, commit and target into the program.

use std::path::Path;
use std::process::Command;

/// Makes std's timed waits end on time where time has 64 bits and a machine word has 32.
const FUTEX: &str = "src/futex_time64.c";

fn main() {
    let commit = std::env::var("STOCKGATE_COMMIT").ok().or_else(commit).unwrap_or("unknown".into());
    let target = std::env::var("TARGET").unwrap_or("unknown".into());
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=STOCKGATE_VERSION={version} ({commit}, {target})");
    println!("cargo::rerun-if-env-changed=STOCKGATE_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("RUST_LIBC_UNSTABLE_MUSL_V1_2_3").is_some() {
        cc::Build::new().file(FUTEX).opt_level(2).flag("-marm").compile("futex_time64");
    }
    println!("cargo::rerun-if-env-changed=RUST_LIBC_UNSTABLE_MUSL_V1_2_3");
    println!("cargo::rerun-if-changed={FUTEX}");
    // A source tree without a repository has no such file, and would be rebuilt each time.
    for file in [".git/HEAD", ".git/logs/HEAD"].into_iter().filter(|file| Path::new(file).exists())
    {
        println!("cargo::rerun-if-changed={file}");
    }
}

/// The commit that is checked out, if there is a repository.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
