//! Disk space that is held back, so that housekeeping goes on when the disk is full.
//!
//! On a full disk mutations are refused. But acknowledgements of the hub must still be saved and
//! old records must still be pruned, which may be the only way out, and both need space before
//! they free any. A transaction is first appended to the WAL; the WAL is then moved into the
//! database file, which grows by every new page in it; and a start rebuilds the WAL's index. So a
//! file lies beside the database that is as large as all of that together. Housekeeping that finds
//! the disk full deletes the file and goes on. Mutations stay refused until it is there again, or
//! they would take what was freed for housekeeping.
//!
//! The space that pruning frees stays within the database file: the filesystem never gets it back.
//! So free pages in there count as much as the reserve. Otherwise a gateway that has filled its
//! disk could not recover on its own.

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::data_dir::DataDir;
use super::error::{StoreError, says_failing, says_full, says_locked};
use super::files::{DATABASE_FILE, RESERVE_FILE};
use super::lock_holders;
use super::sql_values::get_u64;
use crate::limits::{RESERVE_BYTES, RESERVE_SPARE_BYTES};

const BLOCK_BYTES: usize = 64 * 1024;

/// The reserve of one data directory.
#[derive(Debug)]
pub(super) struct DiskReserve {
    data_dir: Arc<DataDir>,
    exists: bool,
}

impl DiskReserve {
    /// The reserve as the last gateway has left it. A file that a power cut has left unfinished is
    /// deleted: its space is needed to write it in full.
    pub(super) fn open(data_dir: Arc<DataDir>) -> Self {
        let exists = is_whole(&data_dir);
        if !exists {
            let _ = data_dir.remove(RESERVE_FILE);
        }
        Self { data_dir, exists }
    }

    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    /// Notices that the file was removed or truncated.
    pub(super) fn notice_loss(&mut self) {
        if self.exists && !is_whole(&self.data_dir) {
            let _ = self.data_dir.remove(RESERVE_FILE);
            self.exists = false;
            tracing::warn!(
                "the file {RESERVE_FILE} was removed while the gateway ran; it is made again as soon as there is space"
            );
        }
    }

    /// Writes the file, if it is missing and the disk has room for it and some more.
    pub(super) fn create(&mut self) {
        let enough = RESERVE_BYTES + RESERVE_SPARE_BYTES;
        if self.exists || self.data_dir.free_space().bytes.is_none_or(|free| free < enough) {
            return;
        }
        self.exists = self.write().is_ok();
        if !self.exists {
            let _ = self.data_dir.remove(RESERVE_FILE);
        }
    }

    /// Deletes the file. Returns whether that freed its space.
    pub(super) fn release(&mut self) -> bool {
        std::mem::take(&mut self.exists) && self.data_dir.remove(RESERVE_FILE).is_ok()
    }

    /// The error that says that there is no reserve, and how much is free.
    pub(super) fn no_room(&self) -> StoreError {
        StoreError::NoRoom { path: self.data_dir.path().into(), free: self.data_dir.free_space() }
    }

    /// See [`super::Store::explain`].
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        let path = self.data_dir.path().to_owned();
        if error.is_damage() {
            return error.at(path.join(DATABASE_FILE));
        }
        if let StoreError::Unconfirmed { source, .. } = error {
            return StoreError::Unconfirmed { path, source };
        }
        let StoreError::Sqlite(source) = error else { return error };
        if says_full(&source) {
            return StoreError::Full { path, free: self.data_dir.free_space(), source };
        }
        if says_locked(&source) {
            let holder = lock_holders::writer(&path);
            return StoreError::Locked { path, holder };
        }
        if says_failing(&source) {
            let free = self.data_dir.free_space();
            // SQLite cannot make its files then.
            if free.is_out_of_inodes() {
                return StoreError::Full { path, free, source };
            }
            return StoreError::Failing { path, source };
        }
        StoreError::Sqlite(source)
    }

    /// Allocates every block: a file with a hole would hold nothing back.
    fn write(&self) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let mut file = self.data_dir.open(RESERVE_FILE, flags)?;
        if fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_err() {
            // Some filesystems for flash cannot allocate, and some compress what is written.
            let mut noise = vec![0; BLOCK_BYTES];
            for _ in 0..RESERVE_BYTES / BLOCK_BYTES as u64 {
                fastrand::fill(&mut noise);
                file.write_all(&noise)?;
            }
        }
        file.sync_all()
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }
}

fn is_whole(data_dir: &DataDir) -> bool {
    data_dir.metadata(RESERVE_FILE).is_ok_and(|file| file.blocks() * 512 >= RESERVE_BYTES)
}

/// Bytes of free pages within the database file.
///
/// # Errors
/// If the database cannot be read.
pub fn free_pages_bytes(db: &Connection) -> Result<u64, StoreError> {
    let number = |name| db.pragma_query_value(None, name, |row| get_u64(row, 0));
    Ok(number("freelist_count")? * number("page_size")?)
}
