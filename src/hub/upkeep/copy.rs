//! Copies books in a SQLite file, while a hub runs on them too.

use std::path::Path;

use crate::hub::db::{BooksError, open_books_file};

/// Writes a consistent copy of the books to a file that is absent or empty.
///
/// # Errors
/// If there are no books, they are of a newer program, or the copy cannot be written.
pub(crate) fn copy_books(books: &Path, to: &Path) -> Result<(), BooksError> {
    let db = open_books_file(books)?;
    db.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    let synced = std::fs::File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|cause| BooksError::Directory { path: to.into(), cause })
}
