//! The high-water mark: a file beside the database that says which position its ledger had
//! reached.
//!
//! A database that is gone, or whose WAL was lost or cut, looks to SQLite like a new or an older
//! one, and nothing in it says otherwise. The mark does. It is written once a second if the ledger
//! has grown, and never synced, so it may lag the database, but is never ahead of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::aside::newest_aside;
use super::error::StoreError;
use super::files::HIGH_WATER_MARK_FILE;
use crate::stock::{Origin, Seq};

/// The high-water mark of one data directory.
#[derive(Debug)]
pub struct HighWaterMark {
    path: PathBuf,
    /// The epoch and the position in the file; `None` if it does not exist or cannot be read.
    saved: Option<(Uuid, Seq)>,
}

impl HighWaterMark {
    pub(super) fn read(data_dir: &Path) -> Self {
        let path = data_dir.join(HIGH_WATER_MARK_FILE);
        let saved = fs::read_to_string(&path).ok().and_then(|text| parse(&text));
        Self { path, saved }
    }

    /// Checks that there was no database yet. A new one must not take the place of one that is
    /// gone. This also holds for an empty file: all of its content may have been in the WAL.
    pub(super) fn check_may_create(&self, database: &Path) -> Result<(), StoreError> {
        match self.saved {
            Some((epoch, seq)) => {
                let aside = database.parent().and_then(newest_aside);
                Err(StoreError::Gone { path: database.into(), epoch, seq, aside })
            }
            None => Ok(()),
        }
    }

    /// Checks that a ledger which ends at `seq` has not lost entries. A mark of another epoch says
    /// nothing about it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it has.
    pub fn check_reached(&self, origin: &Origin, seq: Seq) -> Result<(), StoreError> {
        match self.saved {
            Some((epoch, reached)) if epoch == origin.epoch && reached > seq => {
                Err(StoreError::Damaged(format!(
                    "it ends at entry {seq}, but had come to entry {reached}: its log was lost or cut, or it is an older copy"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The position that the database of this epoch had reached; `None` if the mark is another's.
    pub(super) fn seq_of(&self, epoch: Uuid) -> Option<Seq> {
        self.saved.filter(|saved| saved.0 == epoch).map(|saved| saved.1)
    }

    /// Writes the mark. A failure is not reported: without the mark a loss would go unnoticed here,
    /// and the hub would notice it.
    pub(super) fn write(&mut self, epoch: Uuid, seq: Seq) {
        if self.saved == Some((epoch, seq)) {
            return;
        }
        // In place: that works on a full disk, too.
        let text = format!("{epoch} {seq:020}\n");
        let file = File::options().create(true).truncate(false).write(true).open(&self.path);
        if file.and_then(|file| file.write_all_at(text.as_bytes(), 0)).is_ok() {
            self.saved = Some((epoch, seq));
        }
    }
}

fn parse(text: &str) -> Option<(Uuid, Seq)> {
    let (epoch, seq) = text.trim_end().split_once(' ')?;
    Some((Uuid::try_parse(epoch).ok()?, seq.parse().ok()?))
}
