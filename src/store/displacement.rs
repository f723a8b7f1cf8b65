//! A file that is no longer where it was opened, in words.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file that is no longer at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Displacement {
    pub(super) path: PathBuf,
    pub(super) kind: DisplacedKind,
    pub(super) change: Change,
    /// Where it is now; `None` if it has no name any more.
    pub(super) now_at: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DisplacedKind {
    Directory,
    Database,
    /// The WAL or its index. The database has its place, and can take in what the WAL holds.
    Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing is at the path.
    Gone,
    /// Another file is.
    Replaced,
    /// The file is the one that was opened, but another program has written into it.
    Overwritten,
    /// The path cannot be followed.
    Unreachable(io::ErrorKind),
}

impl Displacement {
    /// Whether the next start finds everything once the database has taken in what the WAL holds.
    /// It must not find another WAL: SQLite would read that as the database's.
    pub(super) fn ends_with_restart(&self) -> bool {
        self.kind == DisplacedKind::Log && self.change == Change::Gone
    }

    /// Whether the database has its place, so that it can take in what the WAL holds.
    pub(super) fn is_of_log(&self) -> bool {
        self.kind == DisplacedKind::Log && !self.is_overwritten()
    }

    /// Whether what was answered is no longer in any file.
    pub(super) fn is_overwritten(&self) -> bool {
        self.change == Change::Overwritten
    }
}

impl fmt::Display for Displacement {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DisplacedKind::Directory => "the data directory",
            DisplacedKind::Database => "the database",
            DisplacedKind::Log => "the log of the database,",
        };
        write!(to, "{what} {} ", self.path.display())?;
        match (self.change, &self.now_at) {
            (Change::Gone, None) => to.write_str("was removed while the gateway ran"),
            (Change::Gone, Some(_)) => to.write_str("was moved away while the gateway ran"),
            (Change::Replaced, _) if self.kind == DisplacedKind::Directory => {
                to.write_str("is another directory than the one that the gateway has opened")
            }
            (Change::Replaced, _) => {
                to.write_str("is another file than the one that the gateway has opened")
            }
            (Change::Overwritten, _) => {
                to.write_str("was written over or cut by another program while the gateway ran")
            }
            (Change::Unreachable(error), _) => write!(to, "cannot be reached any more ({error})"),
        }
    }
}

/// What to do about a displacement.
pub(super) struct Remedy<'a>(pub(super) &'a Displacement);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.kind, &self.0.now_at) {
            _ if self.0.is_overwritten() => to.write_str(
                "some of what was answered may be lost: stop the gateway, and bring the database back with `stockgate restore --from-damaged`, or a backup with `--from FILE`",
            ),
            (DisplacedKind::Log, _) if self.0.ends_with_restart() => to
                .write_str("what was answered is moved into the database; start the gateway again"),
            (DisplacedKind::Log, _) => to.write_str(
                "what was answered is moved into the database; take that file away, which would be read as its log, and start the gateway again",
            ),
            (_, Some(now_at)) => write!(
                to,
                "what was answered is in {}: move it back, and the gateway goes on",
                now_at.display()
            ),
            (_, None) => write!(
                to,
                "what was answered is only in files that this process has open: before you stop it, copy them from /proc/{}/fd, as OPERATIONS.md says, and restore the copy with `stockgate restore --from`",
                std::process::id()
            ),
        }
    }
}
