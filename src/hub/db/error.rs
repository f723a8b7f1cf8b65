//! What can go wrong with the books database.
//!
//! Every message contains its cause, so no error has a source: a cause is printed once.

use std::path::PathBuf;

use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The directory of the file cannot be used.
    #[error("{path}: {cause}; it must exist or be creatable, and be writable")]
    Directory { path: PathBuf, cause: std::io::Error },
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
    /// The database cannot hold every text.
    #[error(
        "the PostgreSQL database has the encoding {0}, the books need UTF8: create it with ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    /// What is stored contradicts itself.
    #[error("the books are damaged: {0}")]
    Damaged(String),
    /// PostgreSQL does not answer within the limit.
    #[error("PostgreSQL does not answer in time")]
    SlowServer,
    /// Other transactions use all connections for too long.
    #[error("all connections to the books are in use")]
    Busy,
    /// PostgreSQL reports an error, or cannot be reached.
    #[error("PostgreSQL: {}", with_causes(.0))]
    Postgres(tokio_postgres::Error),
    /// SQLite reports an error of its own or of the disk.
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
}

impl BooksError {
    /// What fails, in a word: errors of one reason are logged once.
    pub(in crate::hub) fn reason(&self) -> String {
        match self {
            Self::Postgres(error) => {
                error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
            }
            Self::Sqlite(error) => error
                .sqlite_error_code()
                .map_or_else(|| "sqlite".to_owned(), |code| format!("{code:?}")),
            other => other.to_string(),
        }
    }

    /// Whether the connection cannot be used any more, or should be made again: a server that has
    /// become read-only is no longer the one to talk to.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::SlowServer => true,
            Self::Postgres(error) => match error.code() {
                None => true,
                Some(code) => {
                    let is_of_session = ["08", "57"].contains(&&code.code()[..2]);
                    (is_of_session && *code != SqlState::QUERY_CANCELED)
                        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                }
            },
            _ => false,
        }
    }
}

impl From<tokio_postgres::Error> for BooksError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<rusqlite::Error> for BooksError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The server's own message is a cause; "db error" before it says nothing.
fn with_causes(error: &tokio_postgres::Error) -> String {
    let own = Some(error.to_string()).filter(|_| error.as_db_error().is_none());
    let mut messages: Vec<String> = own.into_iter().collect();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !messages.iter().any(|known| known.contains(&message)) {
            messages.push(message);
        }
        cause = error.source();
    }
    messages.join(": ")
}
