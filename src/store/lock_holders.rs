//! Which other processes hold the database.
//!
//! SQLite locks bytes of the files `-shm` and of the database itself, and the kernel says which
//! process holds such a lock. Two of them matter to a gateway: the lock to write, without which no
//! mutation is decided, and a lock to read, which keeps the write-ahead log from starting over, so
//! that it grows as long as the reader stays.

use std::collections::HashMap;
use std::fmt::{Display, Formatter};
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::files::DATABASE_FILE;

/// The locks of `-shm`: <https://sqlite.org/walformat.html#walidxlock>.
const WRITERS: Range<u64> = 120..123;
const READERS: Range<u64> = 123..128;
/// The locks of the database file, for a process that excludes all others.
const PENDING_AND_SHARED: Range<u64> = 0x4000_0000..0x4000_0200;

/// A process that closes a file loses all its locks on it, SQLite's included. So the files that are
/// asked about stay open.
static FILES: LazyLock<Mutex<HashMap<(u64, u64), File>>> = LazyLock::new(Mutex::default);

/// Another process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// `None` for a process in another container.
    pid: Option<u32>,
    /// `None` if this process may not see it.
    command: Option<String>,
}

impl LockHolder {
    fn new(pid: Option<u32>) -> Self {
        let command = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
        Self { pid, command: command.map(|command| command.trim_end().to_owned()) }
    }

    /// Whether it is a gateway, which may hold its own database.
    pub fn is_gateway(&self) -> bool {
        let arguments = |pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok();
        self.pid.and_then(arguments).is_some_and(|arguments| {
            let mut words = arguments.split('\0');
            words.any(|word| Path::new(word).ends_with("stockgate"))
                && words.any(|word| ["run", "demo"].contains(&word))
        })
    }
}

impl Display for LockHolder {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        match (self.pid, &self.command) {
            (Some(pid), Some(command)) => write!(to, "process {pid} ({command})"),
            (Some(pid), None) => write!(to, "process {pid}"),
            (None, _) => to.write_str("a process of another container"),
        }
    }
}

/// The other processes that read the database in this directory at this moment.
pub fn readers(data_dir: &Path) -> Vec<LockHolder> {
    let mut found = Vec::new();
    for byte in READERS {
        if let Some(holder) = holder(&shared_memory(data_dir), byte..byte + 1)
            && !found.contains(&holder)
        {
            found.push(holder);
        }
    }
    found
}

/// The other process that keeps this one from writing the database at this moment.
pub fn writer(data_dir: &Path) -> Option<LockHolder> {
    holder(&shared_memory(data_dir), WRITERS)
        .or_else(|| holder(&data_dir.join(DATABASE_FILE), PENDING_AND_SHARED))
}

fn shared_memory(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join(format!("{DATABASE_FILE}-shm"))
}

fn holder(path: &Path, bytes: Range<u64>) -> Option<LockHolder> {
    let metadata = fs::metadata(path).ok()?;
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (metadata.dev(), metadata.ino());
    let file = match files.entry(key) {
        std::collections::hash_map::Entry::Occupied(file) => file.into_mut(),
        std::collections::hash_map::Entry::Vacant(place) => place.insert(File::open(path).ok()?),
    };
    let length = bytes.end - bytes.start;
    let lock = Flock { start: bytes.start, length, ..Flock::from(FlockType::WriteLock) };
    let held = fcntl_getlk(&*file, &lock).ok()??;
    let pid = held.pid.map(|pid| pid.as_raw_nonzero().get());
    Some(LockHolder::new(pid.and_then(|pid| u32::try_from(pid).ok())))
}
