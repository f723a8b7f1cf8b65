//! What can go wrong with the database, in words that say what to do.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::limits::{RESERVE_BYTES, RESERVE_SPARE_BYTES};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used.
    #[error("data directory {path}: {source}; it must exist or be creatable, and be writable")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another gateway runs on this data directory.
    #[error(
        "data directory {0} is in use by another stockgate; stop that one, or set another gateway.data_dir"
    )]
    InUse(PathBuf),
    /// There is no database here.
    #[error("no stockgate database at {0}; name the data directory of a gateway that has run")]
    Missing(PathBuf),
    /// The file is something else.
    #[error(
        "the file is not a stockgate database; it is left untouched, choose another data directory"
    )]
    NotOurs,
    /// The database comes from a newer program.
    #[error(
        "the database {path} has version {found}, this program knows up to {known}; install a stockgate at least as new as the one that wrote it{}",
        OlderCopy(path, copy.as_deref())
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i32,
        /// Newest version known.
        known: i32,
        /// What is kept of a version that is known, if anything is.
        copy: Option<PathBuf>,
    },
    /// The database comes from before the first release.
    #[error(
        "the database has version {found}, of a program before the first release; keep it aside and choose another data directory"
    )]
    Older {
        /// Version of the file.
        found: i32,
    },
    /// The database belongs to another gateway.
    #[error(
        "the database belongs to gateway {found}, the configuration says {configured}; put gateway.site and gateway.id right, or choose another data directory"
    )]
    OtherGateway {
        /// `site/gateway` of the database.
        found: String,
        /// `site/gateway` of the configuration.
        configured: String,
    },
    /// What is stored contradicts itself.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The same, with where and what to do.
    #[error(
        "the database {path} is damaged: {why}; keep it, stop the gateway, and bring it back with `stockgate restore --from-damaged --data-dir {}`, or with --from and a backup",
        directory(path)
    )]
    Broken {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There was a database here.
    #[error(
        "the database {path} is gone: here was epoch {epoch}, with entries up to {seq}; nothing was made in its place. {}Put it back, or bring back a backup with `stockgate restore --from FILE --data-dir {}`, or begin with an empty one on purpose with --empty",
        KeptAside(aside.as_deref()), directory(path)
    )]
    Gone {
        /// Where it should be.
        path: PathBuf,
        /// Which it was.
        epoch: uuid::Uuid,
        /// How far its ledger went, at least.
        seq: u64,
        /// Where a restore has put one, if there is any.
        aside: Option<PathBuf>,
    },
    /// Nothing of a database can be taken over.
    #[error(
        "nothing can be taken over of {path}: {why}; use a backup with --from FILE, or begin with an empty database on purpose with --empty"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A new database is not on disk as a whole.
    #[error(
        "the new database {0} cannot be closed: its log is not empty; nothing was put in place, see that there is room and that nobody else reads it, and try again"
    )]
    NotClosed(PathBuf),
    /// The disk fails, or can only be read.
    #[error(
        "database: {source}; the filesystem of {path} fails or can only be read: the kernel's log (`dmesg`) says why"
    )]
    Failing {
        /// The data directory.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The disk is full.
    #[error("database: {source}; free space on the filesystem of {path}: {} bytes are free", Told(*.free))]
    Full {
        /// The data directory.
        path: PathBuf,
        /// Bytes that are free there, if that is known.
        free: Option<u64>,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The disk has been full, and housekeeping must not be left without room.
    #[error(
        "no room is held back for housekeeping; free space on the filesystem of {path}: {} bytes are free, {needed} are needed",
        Told(*.free), needed = RESERVE_BYTES + RESERVE_SPARE_BYTES
    )]
    NoRoom {
        /// The data directory.
        path: PathBuf,
        /// Bytes that are free there, if that is known.
        free: Option<u64>,
    },
    /// SQLite or the disk says no.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Where a database is, as commands are told it.
fn directory(database: &Path) -> std::path::Display<'_> {
    database.parent().unwrap_or(database).display()
}

/// What to do with a database that was put aside.
struct KeptAside<'a>(Option<&'a Path>);

impl std::fmt::Display for KeptAside<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(aside) = self.0 else { return Ok(()) };
        write!(
            to,
            "One was put aside in {}: if a restore was broken off, `stockgate restore --from-damaged --data-dir {}` goes on with it. ",
            aside.display(),
            directory(aside)
        )
    }
}

/// How to go back to what is kept of an older version. What was sold since must not be sold again,
/// so it is a backup like any other.
struct OlderCopy<'a>(&'a Path, Option<&'a Path>);

impl std::fmt::Display for OlderCopy<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(copy) = self.1 else { return Ok(()) };
        let (copy, data_dir) = (copy.display(), directory(self.0));
        write!(
            to,
            ", or go back to the copy from before: `stockgate restore --from {copy} --data-dir {data_dir}`"
        )
    }
}

/// A number, or that it is not known.
struct Told(Option<u64>);

impl std::fmt::Display for Told {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(number) => number.fmt(to),
            None => "an unknown number of".fmt(to),
        }
    }
}

impl StoreError {
    /// Whether the disk is full, rather than failing.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
            || matches!(self, Self::Sqlite(source) if says_full(source))
    }
}

impl StoreError {
    /// Whether what is stored is damaged, rather than out of reach.
    pub fn is_damage(&self) -> bool {
        let says_damaged = |error: &rusqlite::Error| {
            let code = error.sqlite_error_code();
            matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
                || says_unreadable(error)
        };
        matches!(self, Self::Damaged(_) | Self::Broken { .. })
            || matches!(self, Self::Sqlite(error) if says_damaged(error))
    }
}

impl StoreError {
    /// What is wrong with a file that something was to be taken over of.
    pub(super) fn unreadable(path: &Path, error: Self) -> Self {
        let path = path.into();
        if let Self::Damaged(why) = error {
            return Self::Unreadable { path, why };
        }
        if let Self::Sqlite(source) = error {
            return Self::Unreadable { path, why: source.to_string() };
        }
        error
    }

    /// A damage, with the database that has it.
    pub(super) fn at(self, path: PathBuf) -> Self {
        if let Self::Damaged(why) = self {
            return Self::Broken { path, why };
        }
        if let Self::Sqlite(source) = self {
            return Self::Broken { path, why: source.to_string() };
        }
        self
    }
}

/// Whether a value was stored that no gateway stores.
fn says_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}

/// Whether it is the disk that fails.
pub(super) fn says_failing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
    )
}

/// Whether it is the room that is missing.
pub(super) fn says_full(error: &rusqlite::Error) -> bool {
    // The second is what a start says that finds no room for the log's index.
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}
