//! What the writer does for the files of a database beside its commits.

use std::path::Path;

use rusqlite::config::DbConfig;

use super::database::Store;
use super::error::StoreError;
use super::files::DATABASE_FILE;
use super::high_water_mark::Marked;
use super::lock_holders::{self, LockHolder};
use super::reserve::free_pages_bytes;
use crate::clock;
use crate::limits::{PLACEMENT_CHECK_FRESH, RESERVE_BYTES, RESERVE_SPARE_BYTES, WAL_LARGE_BYTES};
use crate::sizes::Bytes;
use crate::stock::Stock;

impl Store {
    /// Checks that every file is where it was when it was opened. Nothing may be answered, nor
    /// written beside the database, after a check that failed.
    ///
    /// # Errors
    /// [`StoreError::Displaced`] if one is not. It may come back.
    pub fn check_placement(&mut self) -> Result<(), StoreError> {
        let found = self.placement.find_displaced(&self.data_dir);
        if found.is_some() != self.displaced.is_some() {
            // When SQLite closes a database that is in its place, it removes whatever file is at
            // the path of the WAL. Setting this does not fail.
            let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.db.set_db_config(setting, found.is_some());
        }
        self.displaced = found;
        self.placement_checked_at = clock::instant();
        self.last_check_of_placement()
    }

    /// As [`Store::check_placement`], for the files that hold what a commit has written: no answer is
    /// given before they were looked at.
    ///
    /// # Errors
    /// As there.
    pub fn check_commit_placement(&mut self) -> Result<(), StoreError> {
        if self.displaced.is_some() || !self.placement.holds_commits() {
            return self.check_placement();
        }
        self.placement_checked_at = clock::instant();
        Ok(())
    }

    /// As [`Store::check_placement`], but a check that has just passed counts. It is for the time
    /// before a batch: under load the batch before has just been checked.
    ///
    /// # Errors
    /// As there.
    pub fn check_placement_if_old(&mut self) -> Result<(), StoreError> {
        match self.displaced.is_none()
            && self.placement_checked_at.elapsed() < PLACEMENT_CHECK_FRESH
        {
            true => Ok(()),
            false => self.check_placement(),
        }
    }

    /// What the last [`Store::check_placement`] has found.
    ///
    /// # Errors
    /// As there.
    pub fn last_check_of_placement(&self) -> Result<(), StoreError> {
        self.displaced.clone().map_or(Ok(()), |found| Err(StoreError::Displaced(found)))
    }

    /// Moves what a displaced WAL holds into the database, if that has its place. Returns whether a
    /// start now finds everything that was answered.
    pub fn save_displaced_log(&self) -> bool {
        let Some(displaced) = self.displaced.as_ref().filter(|it| it.is_of_log()) else {
            return false;
        };
        let moved = self.db.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        let is_saved =
            moved.is_ok_and(|(busy, in_log, in_database)| busy == 0 && in_log == in_database);
        is_saved && displaced.ends_with_restart()
    }

    /// Writes the high-water mark: where the ledger of this stock ends, and up to where it is signed.
    pub fn save_high_water_mark(&mut self, stock: &Stock) {
        let (epoch, end) = (self.identity.origin.epoch, self.end(stock));
        // Signatures that the database no longer has are not forgotten.
        let signed_seq = self.signed_seq.max(self.high_water_mark.signed_seq_of(epoch));
        self.high_water_mark.write(&self.data_dir, Marked { epoch, end, signed_seq });
    }

    /// Deletes the copies from before an upgrade, once the new version has served long enough.
    pub fn remove_upgrade_copies(&mut self, running_ms: u64) {
        self.copies.remove_when_due(running_ms);
    }

    /// Creates the disk reserve if it is not there and the disk has room for it again.
    pub fn restore_reserve(&mut self) {
        self.reserve.notice_loss();
        self.reserve.create();
    }

    /// Checks that housekeeping would have space if the disk were full now. If it would not,
    /// mutations must be refused. With `resuming`, more must be free, or they would be refused
    /// again at once.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] if it would not.
    pub fn check_space(&self, resuming: bool) -> Result<(), StoreError> {
        let enough = RESERVE_BYTES + if resuming { RESERVE_SPARE_BYTES } else { 0 };
        if self.reserve.exists() || free_pages_bytes(&self.db)? >= enough {
            return Ok(());
        }
        Err(self.reserve.no_room())
    }

    /// Makes space on a full disk: deletes the reserve, and moves the WAL into the database so that
    /// the WAL's own space can be used again.
    pub fn release_reserve(&mut self) {
        if self.reserve.release() {
            tracing::warn!(
                held = %Bytes(RESERVE_BYTES),
                "the disk is full: the space held back for housekeeping is used now"
            );
        }
        // Whether it succeeded shows in the commit that follows.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// The processes that keep a large write-ahead log from starting over, and its size.
    pub fn log_readers(&self) -> (u64, Vec<LockHolder>) {
        let data_dir = self.reserve.data_dir();
        match wal_bytes(data_dir) {
            bytes @ WAL_LARGE_BYTES.. => (bytes, lock_holders::readers(data_dir)),
            bytes => (bytes, Vec::new()),
        }
    }

    /// Adds to an error the file or the filesystem that it concerns, and what to do about it.
    pub fn explain(&self, error: StoreError) -> StoreError {
        self.reserve.explain(error)
    }
}

/// The size of the write-ahead log in this directory; 0 if there is none.
pub fn wal_bytes(data_dir: &Path) -> u64 {
    let file = data_dir.join(format!("{DATABASE_FILE}-wal"));
    std::fs::metadata(file).map_or(0, |file| file.len())
}
