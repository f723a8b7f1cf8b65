//! Replaces books in a SQLite file by a copy.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::copy::copy_books;
use crate::clock::rfc3339;
use crate::hub::db::{BooksError, BooksLock, restore_marker};

/// What a replacement has done.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// The directory that keeps the books that were there.
    pub(crate) kept: Option<PathBuf>,
}

/// Puts a copy in the place of the books. Those that were there are kept beside it. The copy belongs
/// to the owner of the directory.
///
/// # Errors
/// If a hub runs on the books, or files cannot be written. After an interruption no hub starts until
/// the replacement has been run again.
pub(crate) fn replace_books(
    books: &Path,
    from: &Path,
    now_ms: i64,
) -> Result<Replaced, BooksError> {
    let _lock = BooksLock::of_restore(books)?;
    let at = |cause| BooksError::Directory { path: books.into(), cause };
    let directory = directory_of(books);
    let owner = directory.metadata().map_err(at)?;
    // First of all: a hub could not take a lock that root has left.
    give(&books.with_added_extension("lock"), &owner, 0o600).map_err(at)?;
    let unfinished = books.with_added_extension("unfinished");
    remove(&unfinished).map_err(at)?;
    copy_books(from, &unfinished)?;
    give(&unfinished, &owner, 0o600).map_err(at)?;

    let marker = restore_marker(books);
    File::create(&marker).and_then(|file| file.sync_all()).map_err(at)?;
    sync(directory).map_err(at)?;
    let kept = set_aside(books, &owner, now_ms).map_err(at)?;
    fs::rename(&unfinished, books).and_then(|()| sync(directory)).map_err(at)?;
    remove(&marker).and_then(|()| sync(directory)).map_err(at)?;
    Ok(Replaced { kept })
}

/// Moves the books and their log into a directory of their own, if there are any.
fn set_aside(books: &Path, owner: &Metadata, now_ms: i64) -> io::Result<Option<PathBuf>> {
    let logs = ["-wal", "-shm"].map(|suffix| with_suffix(books, suffix));
    let files = [books.to_owned()].into_iter().chain(logs).filter(|file| file.exists());
    let files: Vec<PathBuf> = files.collect();
    if files.is_empty() {
        return Ok(None);
    }
    let time = rfc3339(now_ms).replace(':', "-");
    let aside = books.with_added_extension(format!("aside-{time}"));
    fs::create_dir(&aside)?;
    give(&aside, owner, 0o700)?;
    for file in files {
        fs::rename(&file, aside.join(file.file_name().unwrap_or_default()))?;
    }
    sync(&aside)?;
    Ok(Some(aside))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn give(file: &Path, owner: &Metadata, mode: u32) -> io::Result<()> {
    let is_theirs = file.metadata()?.uid() == owner.uid();
    if !is_theirs {
        chown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::set_permissions(file, Permissions::from_mode(mode))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
