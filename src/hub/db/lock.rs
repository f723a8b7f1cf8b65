//! The lock beside books in a SQLite file, which one hub has, or a restore. What one hub commits, another
//! one would not hear of.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::BooksError;

/// Keeps others from replacing books, or from using them while they are replaced. The system gives
/// the lock back when the process ends, however it ends.
#[derive(Debug)]
pub(in crate::hub) struct BooksLock {
    _file: File,
}

impl BooksLock {
    /// For a hub that uses the books in this file.
    ///
    /// # Errors
    /// If another hub uses them, a restore replaces them, or one that did was interrupted.
    pub(in crate::hub) fn of_hub(books: &Path) -> Result<Self, BooksError> {
        let file = open(books)?;
        let is_replaced = || marker(books).exists();
        let lock = taken(books, file, || match is_replaced() {
            true => BooksError::BeingReplaced(books.into()),
            false => BooksError::TakenByHub(books.into()),
        })?;
        match is_replaced() {
            true => Err(BooksError::HalfReplaced(books.into())),
            false => Ok(lock),
        }
    }

    /// For a restore, which replaces the books in this file.
    ///
    /// # Errors
    /// If a hub uses them.
    pub(in crate::hub) fn of_restore(books: &Path) -> Result<Self, BooksError> {
        taken(books, open(books)?, || BooksError::InUse(books.into()))
    }
}

/// The file that is there while books are replaced. No hub starts on what an interrupted restore has
/// left, and makes new books where the old ones were.
pub(in crate::hub) fn marker(books: &Path) -> PathBuf {
    books.with_added_extension("restoring")
}

fn open(books: &Path) -> Result<File, BooksError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause: io::Error| BooksError::Directory { path, cause }
    };
    if let Some(directory) = books.parent() {
        std::fs::create_dir_all(directory).map_err(failed(directory))?;
    }
    let path = books.with_added_extension("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(&path).map_err(failed(&path))
}

fn taken(
    books: &Path,
    file: File,
    is_held: impl FnOnce() -> BooksError,
) -> Result<BooksLock, BooksError> {
    match file.try_lock() {
        Ok(()) => Ok(BooksLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(is_held()),
        Err(TryLockError::Error(cause)) => {
            Err(BooksError::Directory { path: books.with_added_extension("lock"), cause })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hub_has_the_books_or_a_restore() {
        let directory = tempfile::tempdir().unwrap();
        let books = directory.path().join("new").join("hub.db");
        let hub = BooksLock::of_hub(&books).unwrap();
        assert!(matches!(BooksLock::of_hub(&books), Err(BooksError::TakenByHub(_))));
        assert!(matches!(BooksLock::of_restore(&books), Err(BooksError::InUse(_))));
        drop(hub);
        let restore = BooksLock::of_restore(&books).unwrap();
        File::create(marker(&books)).unwrap();
        assert!(matches!(BooksLock::of_hub(&books), Err(BooksError::BeingReplaced(_))));
        drop(restore);
        assert!(matches!(BooksLock::of_hub(&books), Err(BooksError::HalfReplaced(_))));
        assert!(BooksLock::of_restore(&books).is_ok());
    }
}
