//! Room held back on the disk, so that housekeeping goes on when everything else has filled it.
//!
//! On a full disk mutations are refused. But what the hub acknowledges must still be noted and
//! what is old must still be forgotten, which may be the only way out; and both need room before
//! they make any. A transaction is first appended to the log; the log is then taken into the
//! database file, which grows by every new page that the log holds; and a start makes the log's
//! index anew. So a file lies beside the database, as large as all of that together. Housekeeping
//! that finds the disk full removes it and goes on; mutations stay refused until it is there
//! again, or they would take what was freed for housekeeping.
//!
//! What pruning frees stays within the database file: the filesystem never gets it back. So free
//! pages in there are as good as the file, or a gateway that has filled its disk by itself could
//! not come out of that by itself.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::error::{says_failing, says_full};
use super::{DATABASE_FILE, Store, StoreError};
use crate::limits::{RESERVE_BYTES, RESERVE_SPARE_BYTES};

/// The file's name within the data directory.
pub const RESERVE_FILE: &str = "reserve";
const BLOCK: usize = 64 * 1024;

/// The file that is held back.
#[derive(Debug)]
pub(super) struct Reserve {
    data_dir: PathBuf,
    is_there: bool,
}

impl Reserve {
    /// The reserve of this data directory, as the last gateway has left it. What a power cut has
    /// left half made goes: its room is needed to make it whole.
    pub(super) fn find(data_dir: &Path) -> Self {
        let whole = |data: fs::Metadata| data.blocks() * 512 >= RESERVE_BYTES;
        let path = data_dir.join(RESERVE_FILE);
        let is_there = fs::metadata(&path).is_ok_and(whole);
        if !is_there {
            let _ = fs::remove_file(path);
        }
        Self { data_dir: data_dir.into(), is_there }
    }

    /// Makes the file if the disk has room for it, and for something else besides.
    fn make(&mut self) {
        let enough = RESERVE_BYTES + RESERVE_SPARE_BYTES;
        if self.is_there || self.free_bytes().is_none_or(|free| free < enough) {
            return;
        }
        self.is_there = self.write().is_ok();
        if !self.is_there {
            let _ = fs::remove_file(self.path());
        }
    }

    /// Removes the file; returns whether there was one.
    pub(super) fn give_up(&mut self) -> bool {
        std::mem::take(&mut self.is_there) && fs::remove_file(self.path()).is_ok()
    }

    /// See [`Store::explain`].
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        let path = self.data_dir.clone();
        if error.is_damage() {
            return error.at(path.join(DATABASE_FILE));
        }
        let StoreError::Sqlite(source) = error else { return error };
        if says_full(&source) {
            return StoreError::Full { path, free: self.free_bytes(), source };
        }
        if says_failing(&source) {
            return StoreError::Failing { path, source };
        }
        StoreError::Sqlite(source)
    }

    /// A file with a hole would hold nothing back.
    fn write(&self) -> io::Result<()> {
        let mut file = File::create(self.path())?;
        if fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_err() {
            // Not every filesystem of flash can do that, and some compress what they are given.
            let mut noise = vec![0; BLOCK];
            for _ in 0..RESERVE_BYTES / BLOCK as u64 {
                fastrand::fill(&mut noise);
                file.write_all(&noise)?;
            }
        }
        file.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.data_dir.join(RESERVE_FILE)
    }

    /// Bytes that the filesystem still has for this process.
    fn free_bytes(&self) -> Option<u64> {
        free_bytes(&self.data_dir)
    }
}

/// Bytes that the filesystem of a directory still has for this process.
pub fn free_bytes(directory: &Path) -> Option<u64> {
    let filesystem = statvfs(directory).ok()?;
    Some(filesystem.f_bavail.saturating_mul(filesystem.f_frsize))
}

impl Store {
    /// Makes the reserve if it is not there and the disk has room again.
    pub fn restore_reserve(&mut self) {
        self.reserve.make();
    }

    /// Whether housekeeping would have room if the disk were full now; if not, there must be no
    /// mutations. For `resuming` them some more must be free, or they would end again at once.
    ///
    /// # Errors
    /// If it would not.
    pub fn check_space(&self, resuming: bool) -> Result<(), StoreError> {
        let enough = RESERVE_BYTES + if resuming { RESERVE_SPARE_BYTES } else { 0 };
        if self.reserve.is_there || free_pages_bytes(&self.db)? >= enough {
            return Ok(());
        }
        let Reserve { data_dir, .. } = &self.reserve;
        Err(StoreError::NoRoom { path: data_dir.clone(), free: self.reserve.free_bytes() })
    }

    /// Makes room on a full disk: gives the reserve up and takes the log into the database, so
    /// that the log's own room can be used again.
    pub fn release_reserve(&mut self) {
        if self.reserve.give_up() {
            tracing::warn!(
                bytes = RESERVE_BYTES,
                "the disk is full: what was held back for housekeeping is used now"
            );
        }
        // Success is told by what comes next.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// Says where to free space, if that is what an error comes from.
    pub fn explain(&self, error: StoreError) -> StoreError {
        self.reserve.explain(error)
    }
}

/// Room within the database, left by what was forgotten.
///
/// # Errors
/// If the database cannot be read.
pub fn free_pages_bytes(db: &Connection) -> Result<u64, StoreError> {
    let number = |name| db.pragma_query_value(None, name, |row| super::get_u64(row, 0));
    Ok(number("freelist_count")? * number("page_size")?)
}
