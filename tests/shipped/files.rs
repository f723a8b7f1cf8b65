//! The properties of the files: the right machine, no other file needed, and the size.

use std::fs;
use std::path::Path;

use super::edge::{ARMV7, Edge, HUB, SHIPPED, X86_64};
use super::elf::{Elf, PT_INTERP};
use crate::support::process::run_to_end;

#[test]
fn each_file_is_for_its_machine_and_needs_no_other_file() {
    for edge in SHIPPED {
        let elf = Elf::read(&edge.file());

        assert_eq!((elf.machine(), elf.is_64), (edge.machine, edge.is_64), "{edge:?}");
        assert!(!elf.has_segment(PT_INTERP), "{edge:?} asks for a loader");
        assert_eq!(elf.libraries_needed(), 0, "{edge:?}");
    }
}

#[test]
fn each_file_is_stripped() {
    for edge in SHIPPED {
        assert!(!Elf::read(&edge.file()).has_symbols(), "{edge:?}");
    }
}

#[test]
fn the_armv7_file_is_within_its_budget() {
    assert_within_budget(&ARMV7);
}

#[test]
fn the_x86_64_file_is_within_its_budget() {
    assert_within_budget(&X86_64);
}

#[test]
fn the_hub_is_within_its_budget() {
    assert_within_budget(&HUB);
}

#[test]
fn each_file_names_its_version_commit_and_target() {
    for edge in SHIPPED {
        let finished = run_to_end(edge.emulated("").command().arg("--version"));

        assert_eq!(finished.code, Some(0), "{finished:?}");
        let begin = format!("{} {} (", edge.program, env!("CARGO_PKG_VERSION"));
        let end = format!(", {})\n", edge.target);
        let commit = finished.stdout.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(&end));
        assert!(commit.is_some_and(is_commit), "{finished:?}");
    }
}

/// It is in builds from source only, which the message names.
#[test]
fn the_gateway_says_where_the_demo_is() {
    for edge in [ARMV7, X86_64] {
        let finished = run_to_end(edge.emulated("").command().args(["demo", "--duration", "5"]));
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr.contains("cargo run --release -- demo"), "{finished:?}");
    }
}

fn assert_within_budget(edge: &Edge) {
    let bytes = fs::metadata(edge.file()).unwrap().len();
    assert!(bytes <= edge.bytes_max, "{bytes} bytes, {} are allowed", edge.bytes_max);
}

/// A source tree without a repository has no commit to name.
fn is_commit(text: &str) -> bool {
    let has_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists();
    let is_hex = text.len() >= 7 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    is_hex || (text == "unknown" && !has_repository)
}
