//! A note beside the database of how far its ledger had come.
//!
//! A database that is gone, or whose log was lost or cut, looks to SQLite like a new or an older
//! one, and nothing in it says otherwise. The note does: it is written once a second where the
//! ledger has grown, and never synced, so it may be behind the database, but is never ahead of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::StoreError;
use super::restore::newest_aside;
use crate::stock::{Origin, Seq};

/// The file's name within the data directory.
pub const HIGH_WATER_MARK_FILE: &str = "position";

/// The note of one data directory.
#[derive(Debug)]
pub struct HighWaterMark {
    path: PathBuf,
    /// What it says; `None` if there is none, or it cannot be read.
    said: Option<(Uuid, Seq)>,
}

impl HighWaterMark {
    pub(super) fn find(data_dir: &Path) -> Self {
        let path = data_dir.join(HIGH_WATER_MARK_FILE);
        let said = fs::read_to_string(&path).ok().and_then(|text| parse(&text));
        Self { path, said }
    }

    /// A database is not to be made new where one was. All that it had may have been in the log.
    pub(super) fn check_may_create(&self, database: &Path) -> Result<(), StoreError> {
        match self.said {
            Some((epoch, seq)) => {
                let aside = database.parent().and_then(newest_aside);
                Err(StoreError::Gone { path: database.into(), epoch, seq, aside })
            }
            None => Ok(()),
        }
    }

    /// The same database must have come as far as it had.
    ///
    /// # Errors
    /// If it has not.
    pub fn check_reached(&self, origin: &Origin, seq: Seq) -> Result<(), StoreError> {
        match self.said {
            Some((epoch, noted)) if epoch == origin.epoch && noted > seq => {
                Err(StoreError::Damaged(format!(
                    "it ends at entry {seq}, but had come to entry {noted}: its log was lost or cut, or it is an older copy"
                )))
            }
            _ => Ok(()),
        }
    }

    /// How far the database of this epoch had come; `None` if nothing is said of it.
    pub(super) fn seq_of(&self, epoch: Uuid) -> Option<Seq> {
        self.said.filter(|said| said.0 == epoch).map(|said| said.1)
    }

    /// Notes how far the ledger has come. Without the note a damage would go unseen, no more.
    pub(super) fn write(&mut self, epoch: Uuid, seq: Seq) {
        if self.said == Some((epoch, seq)) {
            return;
        }
        // In place: a full disk has room for that.
        let text = format!("{epoch} {seq:020}\n");
        let file = File::options().create(true).truncate(false).write(true).open(&self.path);
        if file.and_then(|file| file.write_all_at(text.as_bytes(), 0)).is_ok() {
            self.said = Some((epoch, seq));
        }
    }
}

fn parse(text: &str) -> Option<(Uuid, Seq)> {
    let (epoch, seq) = text.trim_end().split_once(' ')?;
    Some((Uuid::try_parse(epoch).ok()?, seq.parse().ok()?))
}
