//! Moving a database aside: into a directory of its own within the data directory, where it is
//! kept and never overwritten.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use super::directories::{create_directory, sync_directory};
use super::files::{DATABASE_FILE, database_files};
use crate::clock::rfc3339;

/// What the names of these directories begin with; the time follows.
const PREFIX: &str = "aside-";

/// Moves the database aside, under a name with this time in it. Returns the new directory; `None`
/// if there was no database.
pub(super) fn move_aside(data_dir: &Path, now_ms: i64) -> io::Result<Option<PathBuf>> {
    if !database_files().iter().any(|file| data_dir.join(file).exists()) {
        return Ok(None);
    }
    let time = rfc3339(now_ms).replace([':', '.'], "-");
    let name = |n: u32| data_dir.join(format!("{PREFIX}{time}-{n}"));
    let aside = (1..).map(name).find(|path| !path.exists()).expect("a number is free");
    create_directory(&aside)?;
    copy_owner(data_dir, &aside)?;
    move_files(data_dir, &aside)?;
    Ok(Some(aside))
}

/// Finishes a move that was interrupted after the database itself, and returns where the database
/// is. `None` if the database is in its place, or was never moved: an older one may have been, and the
/// database that came after it may have been removed without its WAL. Read with that WAL, the older
/// one would be a mixture of both. `is_newest` says whether a database is the one that was here last.
pub(super) fn finish_move(
    data_dir: &Path,
    is_newest: impl FnOnce(&Path) -> bool,
) -> io::Result<Option<PathBuf>> {
    if data_dir.join(DATABASE_FILE).exists() {
        return Ok(None);
    }
    let Some(aside) = newest_aside(data_dir) else { return Ok(None) };
    let is_left = |file: &String| data_dir.join(file).exists();
    let is_free = |file: &String| !aside.join(file).exists();
    let left: Vec<String> = database_files().into_iter().filter(is_left).collect();
    if !left.is_empty() && left.iter().all(is_free) {
        if !is_newest(&aside.join(DATABASE_FILE)) {
            return Ok(None);
        }
        move_files(data_dir, &aside)?;
    }
    Ok(Some(aside))
}

/// The directory of the database that was moved aside last: its name is the greatest.
pub(super) fn newest_aside(data_dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(data_dir).ok()?.flatten();
    let is_aside = |name: &OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
    let asides = entries.map(|entry| entry.file_name()).filter(is_aside);
    asides.map(|name| data_dir.join(name)).filter(|dir| dir.join(DATABASE_FILE).exists()).max()
}

/// Moves the database first. If the move is interrupted, the missing database shows it, and the
/// next attempt moves the rest.
fn move_files(from: &Path, to: &Path) -> io::Result<()> {
    for file in database_files() {
        match fs::rename(from.join(&file), to.join(&file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_directory(to)?;
    sync_directory(from)
}

/// Gives `file` the owner of the data directory: root restores, and the gateway runs under an
/// account of its own.
pub(super) fn copy_owner(data_dir: &Path, file: &Path) -> io::Result<()> {
    let (owner, now) = (fs::metadata(data_dir)?, fs::metadata(file)?);
    if (owner.uid(), owner.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    chown(file, Some(owner.uid()), Some(owner.gid()))
}
