//! What can go wrong with the books database.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The directory of the file cannot be used.
    #[error("{path}: {source}; it must exist or be creatable, and be writable")]
    Directory { path: PathBuf, source: std::io::Error },
    /// The file is not a hub's.
    #[error("the file is not a hub's books; it is left untouched, choose another hub.store")]
    NotOurs,
    /// The books come from a newer program.
    #[error(
        "the books {path} have version {found}, this program knows up to {known}; install a hub at least as new as the one that wrote them"
    )]
    Newer { path: PathBuf, found: i32, known: i32 },
    /// The books come from before the first release.
    #[error(
        "the books have version {found}, of a program before the first release; keep them aside and choose another hub.store"
    )]
    Older { found: i32 },
    /// What is stored contradicts itself.
    #[error("the books are damaged: {0}")]
    Damaged(String),
    /// PostgreSQL reports an error, or cannot be reached.
    #[error("PostgreSQL: {}", with_cause(.0))]
    Postgres(#[from] postgres::Error),
    /// SQLite reports an error of its own or of the disk.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The server's own message is in the cause.
fn with_cause(error: &postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
