//! The data disk between two lives of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::run_to_end;
use crate::support::program::stockgate;

pub(crate) fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--sparse=always").arg(from).arg(to), &[0]);
}

/// The doctor's report of the database after the power cut; `None` if there is no database yet.
pub(crate) fn visit_doctor(disk: &Path, work: &Path) -> Option<String> {
    let (copied, files) = (work.join("examined.img"), work.join("examined"));
    copy(disk, &copied);
    let _ = fs::remove_dir_all(&files);
    fs::create_dir(&files).unwrap();
    // Exit code 1: the journal was replayed.
    run(Command::new("e2fsck").arg("-fy").arg(&copied), &[0, 1]);
    let dump = format!("rdump / {}", files.display());
    run(Command::new("debugfs").arg("-R").arg(dump).arg(&copied), &[0]);
    let data_dir = find(&files)?;
    let mut doctor = stockgate();
    let visit = run_to_end(doctor.arg("doctor").arg("--data-dir").arg(data_dir));
    assert_eq!(visit.code, Some(0), "{}", visit.output());
    Some(visit.output())
}

/// The directory of the database on that disk.
fn find(within: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(within).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| !path.is_symlink()).collect();
    if paths.iter().any(|path| path.ends_with("stockgate.db")) {
        return Some(within.into());
    }
    paths.retain(|path| path.is_dir());
    paths.iter().find_map(|path| find(path))
}

fn run(command: &mut Command, fine: &[i32]) {
    let output = command.output().unwrap();
    let code = output.status.code().unwrap_or(-1);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(fine.contains(&code), "{command:?}: {code}: {said}");
}
