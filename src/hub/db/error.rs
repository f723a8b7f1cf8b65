//! What can go wrong with the books database.
//!
//! Every message contains its cause, so no error has a source: a cause is printed once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

use crate::protocol::topic::GatewayId;
use crate::stock::{RequestId, Sku};

/// Rows to be locked, or read, before anything else.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    /// The gateways whose books are locked.
    pub(in crate::hub) gateways: BTreeSet<GatewayId>,
    /// The SKUs whose pools are locked.
    pub(in crate::hub) skus: BTreeSet<Sku>,
    /// The requests that are decided. They are read once the pools are locked.
    pub(in crate::hub) requests: BTreeSet<RequestId>,
}

impl Locks {
    /// Adds others.
    pub(in crate::hub) fn add(&mut self, others: &Self) {
        self.gateways.extend(others.gateways.iter().cloned());
        self.skus.extend(others.skus.iter().cloned());
        self.requests.extend(others.requests.iter().cloned());
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The directory of the file cannot be used.
    #[error("{path}: {cause}; it must exist or be creatable, and be writable")]
    Directory { path: PathBuf, cause: std::io::Error },
    /// There is nothing where the books should be.
    #[error("there are no books at {0}")]
    Missing(PathBuf),
    /// A hub uses the books.
    #[error("a hub runs on the books {0}; stop it first")]
    InUse(PathBuf),
    /// Another hub uses the books, or a restore begins with them.
    #[error(
        "a hub runs on the books {0} already, and SQLite takes one; stop it, or keep the books in PostgreSQL, which several workers share"
    )]
    TakenByHub(PathBuf),
    /// A restore has the books at the moment.
    #[error("a restore replaces the books {0} at the moment")]
    BeingReplaced(PathBuf),
    /// A restore has not come to its end.
    #[error("a restore of the books {0} was interrupted; run it again")]
    HalfReplaced(PathBuf),
    /// The file is not a hub's.
    #[error("the file is not a hub's books; it is left untouched, choose another hub.store")]
    NotOurs,
    /// The books come from a newer program.
    #[error(
        "the books {path} have version {found}, this program knows up to {known}; install a hub at least as new as the one that wrote them"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
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
    /// The server does not isolate transactions as it is told to.
    #[error(
        "the database makes a transaction {0} that asks for read committed, so it is no PostgreSQL that the books can be in"
    )]
    Isolation(String),
    /// The books in PostgreSQL come from a newer program.
    #[error(
        "the books in PostgreSQL have version {found}, this program knows up to {known}; install a hub at least as new as the one that wrote them"
    )]
    NewerInPostgres { found: i64, known: i64 },
    /// Another worker has changed or locked the same rows; the transaction can be repeated. What is
    /// named is locked first then.
    #[error("another worker holds the same rows of the books")]
    Contended(Box<Locks>),
    /// What is stored contradicts itself.
    #[error("the books are damaged: {0}")]
    Damaged(String),
    /// What is booked in a month is in the table for months without one of their own.
    #[error("{0} has rows of {1}, which therefore gets no table of its own; they can be moved")]
    InDefault(&'static str, String),
    /// PostgreSQL does not answer within the limit.
    #[error("PostgreSQL does not answer in time")]
    SlowServer,
    /// The connection was lost, or the disk has failed, while a commit was under way.
    #[error("whether it was committed is not known: {0}")]
    Unconfirmed(Box<Self>),
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
        self.sql_state().map_or_else(|| self.to_string(), str::to_owned)
    }

    /// Says that others have locked rows, if that is what this error means.
    pub(super) fn or_contended(self, at_once: bool, locks: Locks) -> Self {
        let is_locked = self.sql_state() == Some(SqlState::LOCK_NOT_AVAILABLE.code());
        if at_once && is_locked { Self::Contended(Box::new(locks)) } else { self }
    }

    /// Whether the same transaction may succeed when it is repeated: others have changed or locked
    /// what it needs.
    pub(in crate::hub) fn is_contention(&self) -> bool {
        const STATES: [SqlState; 3] = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        let found = self.sql_state();
        matches!(self, Self::Contended(_)) || STATES.iter().any(|state| found == Some(state.code()))
    }

    /// Whether the database takes no such text: PostgreSQL takes no NUL character.
    pub(in crate::hub) fn is_of_text(&self) -> bool {
        self.sql_state() == Some("22021")
    }

    /// Whether the database refuses what it was told to store, and works otherwise.
    pub(in crate::hub) fn is_of_data(&self) -> bool {
        if let Self::Sqlite(error) = self {
            return matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
            );
        }
        let class = self.sql_state().map(|state| &state[..2]);
        matches!(self, Self::Damaged(_)) || matches!(class, Some("22" | "23" | "54"))
    }

    /// This error of a commit, which may have been made all the same.
    pub(super) fn in_commit(self) -> Self {
        let is_of_disk = matches!(&self, Self::Sqlite(error)
            if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure));
        match self.ends_connection() || is_of_disk {
            true => Self::Unconfirmed(Box::new(self)),
            false => self,
        }
    }

    /// Whether what was to be committed may be in the books.
    pub(in crate::hub) fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Unconfirmed(_))
    }

    /// Whether the connection cannot be used any more, or should be made again: a server that has
    /// become read-only is no longer the one to talk to.
    pub(in crate::hub) fn ends_connection(&self) -> bool {
        const STATES: [SqlState; 2] =
            [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
        if let Self::Unconfirmed(error) = self {
            return error.ends_connection();
        }
        let Some(found) = self.sql_state() else {
            return matches!(self, Self::SlowServer | Self::Postgres(_));
        };
        let is_of_session = found.starts_with("08") || found.starts_with("57");
        (is_of_session && found != SqlState::QUERY_CANCELED.code())
            || STATES.iter().any(|state| found == state.code())
    }

    /// The five characters by which PostgreSQL names an error of its own.
    fn sql_state(&self) -> Option<&str> {
        if let Self::Unconfirmed(error) = self {
            return error.sql_state();
        }
        let Self::Postgres(error) = self else {
            return None;
        };
        error.code().map(SqlState::code)
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
