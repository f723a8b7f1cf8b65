//! The errors of the store. Their texts say what to do.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use super::displacement::{Displacement, Remedy};
use super::free_space::{FreeSpace, Shortage};
use super::ledger_end::LedgerEnd;
use super::lock_holders::LockHolder;
use crate::limits::{READ_WAIT, RESERVE_BYTES, RESERVE_SPARE_BYTES};
use crate::sizes::Bytes;

/// An error of a database, or of its data directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used.
    #[error("data directory {path}: {source}; it must exist or be creatable, and be writable")]
    Directory { path: PathBuf, source: std::io::Error },
    /// Another process has locked this data directory.
    #[error(
        "data directory {0} is in use by another stockgate; stop that one, or set another gateway.data_dir"
    )]
    InUse(PathBuf),
    /// There is no database at this path.
    #[error("no stockgate database at {0}; name the data directory of a gateway that has run")]
    Missing(PathBuf),
    /// The database is not this account's to read.
    #[error(
        "no permission to read {file}: {closed} belongs to {owner} and has mode {mode:04o}; run this as that account, `sudo -u {owner} stockgate …`, or as root"
    )]
    Denied {
        file: PathBuf,
        /// The file, or the directory on the way to it, that is not open to this account.
        closed: PathBuf,
        owner: String,
        mode: u32,
    },
    /// The file is not a gateway's database.
    #[error(
        "the file is not a stockgate database; it is left untouched, choose another data directory"
    )]
    NotOurs,
    /// A newer program wrote the database.
    #[error(
        "the database {path} has version {found}, this program knows up to {known}; install a stockgate at least as new as the one that wrote it{}",
        OlderCopy(path, copy.as_deref())
    )]
    Newer {
        path: PathBuf,
        found: i32,
        /// The newest version that this program knows.
        known: i32,
        /// A copy from before an upgrade, of a version that this program knows.
        copy: Option<PathBuf>,
    },
    /// The database comes from before the first release.
    #[error(
        "the database has version {found}, of a program before the first release; keep it aside and choose another data directory"
    )]
    Older { found: i32 },
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
    /// What is stored cannot be read, or contradicts itself.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// As [`StoreError::Damaged`], with the place and what to do.
    #[error(
        "the database {path} is damaged: {why}; keep it, stop the gateway, and bring it back with `stockgate restore --from-damaged --data-dir {}`, or with --from and a backup",
        directory(path)
    )]
    Broken { path: PathBuf, why: String },
    /// The high-water mark says that there was a database, and there is none.
    #[error(
        "the database {path} is gone: here was epoch {epoch}, with entries up to {seq}; nothing was made in its place. {}Put it back, or bring back a backup with `stockgate restore --from FILE --data-dir {}`, or begin with an empty one on purpose with --empty",
        KeptAside(aside.as_deref()), directory(path)
    )]
    Gone {
        path: PathBuf,
        epoch: uuid::Uuid,
        /// The position that its ledger had reached at least.
        seq: u64,
        /// The directory of a database that a restore has moved aside.
        aside: Option<PathBuf>,
    },
    /// The database is gone, and the high-water mark cannot be read.
    #[error(
        "there is no database {path}, but the file {mark} says that there was one, and cannot be read: restore a backup with `stockgate restore --from FILE --data-dir {data_dir}`, or begin with an empty database on purpose with `stockgate restore --empty --data-dir {data_dir}`",
        data_dir = directory(.path)
    )]
    GoneUnknown { path: PathBuf, mark: PathBuf },
    /// The database is another one than the high-water mark says.
    #[error(
        "the database {path} is another database than the one that was here: it has epoch {found}; here was epoch {marked}, with entries up to {reached}, says the file position beside it. {}",
        RestoreOrAccept(path)
    )]
    OtherEpoch {
        path: PathBuf,
        /// The epoch of the database.
        found: uuid::Uuid,
        /// The epoch in the high-water mark.
        marked: uuid::Uuid,
        /// The position in it.
        reached: u64,
    },
    /// There is no high-water mark where one must have been.
    #[error(
        "nothing says how far the database {path} had come: the file position beside it is missing or cannot be read. {}",
        RestoreOrAccept(path)
    )]
    Unmarked { path: PathBuf },
    /// A file is no longer where it was opened.
    #[error("{0}; {remedy}", remedy = Remedy(.0))]
    Displaced(Displacement),
    /// The ledger does not end where this process has ended it.
    #[error(
        "another program has written to the database {path}: its ledger ends with record {}, entry {}, and this gateway's last one is record {}, entry {}; find that program and end it, then start the gateway again",
        found.n, found.seq, expected.n, expected.seq
    )]
    WrittenByOther { path: PathBuf, found: LedgerEnd, expected: LedgerEnd },
    /// The source of a restore cannot be read.
    #[error(
        "nothing can be restored from {path}: {why}; use a backup with --from FILE, or begin with an empty database on purpose with --empty"
    )]
    Unreadable { path: PathBuf, why: String },
    /// The target of a restore cannot be closed, so it is not one whole file.
    #[error(
        "the new database {0} cannot be closed: its log is not empty; nothing was put in place, make sure that there is space and that no other process reads it, and try again"
    )]
    NotClosed(PathBuf),
    /// The disk fails, or can only be read.
    #[error(
        "database: {source}; the filesystem of {path} fails or can only be read: the kernel's log (`dmesg`) says why"
    )]
    Failing {
        /// The data directory.
        path: PathBuf,
        source: rusqlite::Error,
    },
    /// The disk failed when a commit was to be synced. This process goes on without the changes,
    /// and the next commit overwrites them; but if it ends before that, the next start may find
    /// them.
    #[error(
        "database: {source}: the disk did not confirm a commit; the filesystem of {path} fails or can only be read: the kernel's log (`dmesg`) says why"
    )]
    Unconfirmed {
        /// The data directory.
        path: PathBuf,
        source: rusqlite::Error,
    },
    /// The disk has not answered in time.
    #[error(
        "the disk has not answered for {} s; the kernel's log (`dmesg`) may say why",
        READ_WAIT.as_secs()
    )]
    NoAnswer,
    /// Too many others wait for what is read beside the writer.
    #[error("too many queries wait for the disk")]
    TooManyRead,
    /// The disk is full.
    #[error("database: {source}; {}", Shortage(path, *.free))]
    Full {
        /// The data directory.
        path: PathBuf,
        /// What is left there.
        free: FreeSpace,
        source: rusqlite::Error,
    },
    /// Mutations are refused until there is space for housekeeping again.
    #[error(
        "no room is held back for housekeeping; {}, {needed} are needed",
        Shortage(path, *.free), needed = Bytes(RESERVE_BYTES + RESERVE_SPARE_BYTES)
    )]
    NoRoom {
        /// The data directory.
        path: PathBuf,
        /// What is left there.
        free: FreeSpace,
    },
    /// Another process has locked the database.
    #[error(
        "the database in {path} is locked by {}; the disk is not at fault, and mutations go on as soon as the lock is released",
        HolderOrUnknown(holder.as_ref())
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// `None` if the lock was released in the meantime.
        holder: Option<LockHolder>,
    },
    /// SQLite reports an error.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The data directory of a database, as an option of a command.
fn directory(database: &Path) -> std::path::Display<'_> {
    database.parent().unwrap_or(database).display()
}

/// What to do with a database that may be a copy.
struct RestoreOrAccept<'a>(&'a Path);

impl std::fmt::Display for RestoreOrAccept<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data_dir = directory(self.0);
        write!(
            to,
            "If it is a copy, units may have been sold since: bring it back with `stockgate restore --from-damaged --data-dir {data_dir}`, or another copy with `stockgate restore --from FILE --data-dir {data_dir}`. If you know that nothing was decided after it, `stockgate restore --accept --data-dir {data_dir}` lets it go on as it is"
        )
    }
}

/// What to do with a database that was moved aside.
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

/// How to go back to the copy from before an upgrade. What was deducted since must not be deducted
/// again, so the copy is restored as any backup is.
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

/// The holder of a lock that may be unknown.
struct HolderOrUnknown<'a>(Option<&'a LockHolder>);

impl std::fmt::Display for HolderOrUnknown<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(holder) => holder.fmt(to),
            None => "another program, for longer than this one has waited".fmt(to),
        }
    }
}

impl StoreError {
    /// The error of a commit at its end. The changes are in the log by then, as far as the disk has
    /// taken them.
    pub(super) fn of_commit(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) => Self::Unconfirmed { path: PathBuf::new(), source },
            Some(_) | None => Self::Sqlite(source),
        }
    }

    /// Whether the changes of the commit that failed may be found by the next start.
    pub fn may_be_committed(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }

    /// Whether the disk is full, as opposed to failing.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
            || matches!(self, Self::Sqlite(source) if says_full(source))
    }

    /// Whether the files could not be opened or made.
    pub fn is_out_of_reach(&self) -> bool {
        let Self::Sqlite(source) = self else { return false };
        let code = source.sqlite_error_code();
        matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    }

    /// Whether the stored data is damaged, as opposed to out of reach.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Broken { .. })
            || matches!(self, Self::Sqlite(source) if says_damaged(source))
    }

    /// Whether a file is no longer in its place.
    pub fn is_displacement(&self) -> bool {
        matches!(self, Self::Displaced(_))
    }

    /// Whether another program has written over a file, so that the next start may find less.
    pub fn is_overwriting(&self) -> bool {
        matches!(self, Self::Displaced(displacement) if displacement.is_overwritten())
    }

    /// The error of a restore whose source cannot be read.
    pub(super) fn unreadable(path: &Path, error: Self) -> Self {
        let path = path.into();
        match error.damage() {
            Ok(why) => Self::Unreadable { path, why },
            Err(error) => error,
        }
    }

    /// Adds to a damage the database that has it.
    pub(super) fn at(self, path: PathBuf) -> Self {
        match self.damage() {
            Ok(why) => Self::Broken { path, why },
            Err(error) => error,
        }
    }

    /// What is damaged, or the error itself if it says so already.
    fn damage(self) -> Result<String, Self> {
        if let Self::Damaged(why) = self {
            return Ok(why);
        }
        if let Self::Sqlite(source) = self {
            return Ok(source.to_string());
        }
        Err(self)
    }
}

fn says_damaged(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || is_foreign_value(error)
}

/// Whether a value was read that no gateway stores.
fn is_foreign_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}

/// Whether the disk fails, or can only be read.
pub(super) fn says_failing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
    )
}

/// Whether another process has locked the database.
pub(super) fn says_locked(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Whether the disk is full.
pub(super) fn says_full(error: &rusqlite::Error) -> bool {
    // The second code is what a start reports that has no space for the WAL's index.
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}
