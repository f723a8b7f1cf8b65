//! Which permission is missing to read a file, and who has it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::error::StoreError;

/// The error of a file that this process may not read: because of itself, or of a directory on the
/// way to it. `None` if it may, or if the file does not exist.
pub(super) fn missing_permission(file: &Path) -> Option<StoreError> {
    let directories: Vec<&Path> = file.ancestors().skip(1).collect();
    let closed =
        directories.into_iter().rev().find(|directory| is_denied(directory, Access::EXEC_OK));
    let closed = closed.or_else(|| is_denied(file, Access::READ_OK).then_some(file))?;
    Some(denied(file, closed))
}

/// The error of a directory in which SQLite may not make the files that it needs to read a database.
pub(super) fn closed_directory(file: &Path) -> Option<StoreError> {
    let directory = file.parent()?;
    is_denied(directory, Access::WRITE_OK).then(|| denied(file, directory))
}

fn is_denied(path: &Path, how: Access) -> bool {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    access(path, how) == Err(Errno::ACCESS)
}

fn denied(file: &Path, closed: &Path) -> StoreError {
    let metadata = fs::metadata(closed).ok();
    let owner = metadata.as_ref().map(|of: &Metadata| account(of.uid()));
    StoreError::Denied {
        file: file.into(),
        closed: PathBuf::from(closed),
        owner: owner.unwrap_or_else(|| "another account".into()),
        mode: metadata.map_or(0, |of| of.mode() & 0o7777),
    }
}

/// The name of an account, or its number if it has none here.
fn account(uid: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}
