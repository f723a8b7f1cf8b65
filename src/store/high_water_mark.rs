//! The high-water mark: a file beside the database that says which database it is and which
//! position its ledger had reached.
//!
//! A database that is gone, or whose WAL was lost or cut, looks to SQLite like a new or an older
//! one, and nothing in it says otherwise. The mark does. It is written before a new database
//! answers anything, and then once a second if the ledger has grown. Only the first is synced, so
//! it may lag the database, but is never ahead of it.
//!
//! The file holds the mark twice, each time with a checksum, because a gateway with a mark that
//! cannot be read does not start.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use uuid::Uuid;

use super::aside::newest_aside;
use super::data_dir::{DataDir, was_used};
use super::error::StoreError;
use super::files::{DATABASE_FILE, HIGH_WATER_MARK_FILE, UNFINISHED_DIR};
use crate::stock::{Origin, Seq};

/// The high-water mark of one data directory.
#[derive(Debug)]
pub struct HighWaterMark {
    data_dir: PathBuf,
    /// The epoch and the position in the file; `None` if it does not exist or cannot be read.
    saved: Option<(Uuid, Seq)>,
    /// Whether a gateway has run here, so that there must be a mark beside a database with entries.
    expected: bool,
    /// Whether the file could not be written the last time.
    failed: bool,
}

impl HighWaterMark {
    /// The mark beside a database that another process may have open.
    pub(super) fn read(data_dir: &Path) -> Self {
        Self::read_if(data_dir, was_used(data_dir))
    }

    /// The mark in a directory that was just locked.
    pub(super) fn read_locked(data_dir: &DataDir) -> Self {
        Self::read_if(data_dir.path(), data_dir.was_used())
    }

    fn read_if(data_dir: &Path, was_used: bool) -> Self {
        let bytes = fs::read(data_dir.join(HIGH_WATER_MARK_FILE));
        let expected = was_used || bytes.is_ok();
        let saved = bytes.ok().and_then(|bytes| parse(&bytes));
        Self { data_dir: data_dir.into(), saved, expected, failed: false }
    }

    /// Whether there is a mark that can be read, or one was written.
    pub(super) fn exists(&self) -> bool {
        self.saved.is_some()
    }

    /// Does without a mark from here on: a program from before there were marks has left none.
    pub(super) fn expect_none(&mut self) {
        self.expected = false;
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

    /// Checks that a database whose ledger ends at `seq` is the one that was here, and has not lost
    /// entries.
    ///
    /// # Errors
    /// If it is another one, if it has lost entries, or if there is no mark although there should
    /// be one.
    pub fn check_reached(&self, origin: &Origin, seq: Seq) -> Result<(), StoreError> {
        let path = self.data_dir.join(DATABASE_FILE);
        match self.saved {
            Some((epoch, reached)) if epoch == origin.epoch => match reached > seq {
                true => Err(StoreError::Damaged(format!(
                    "it ends at entry {seq}, but had come to entry {reached}: its log was lost or cut, or it is an older copy"
                ))),
                false => Ok(()),
            },
            Some(_) if self.is_just_restored(origin.epoch) => Ok(()),
            Some((marked, reached)) => {
                Err(StoreError::OtherEpoch { path, found: origin.epoch, marked, reached })
            }
            None if self.expected && seq > 0 => Err(StoreError::Unmarked { path }),
            None => Ok(()),
        }
    }

    /// Whether a restore was interrupted when it had put this database in its place, and not yet
    /// the mark.
    fn is_just_restored(&self, epoch: Uuid) -> bool {
        let mark = self.data_dir.join(UNFINISHED_DIR).join(HIGH_WATER_MARK_FILE);
        let saved = fs::read(mark).ok().and_then(|bytes| parse(&bytes));
        saved.is_some_and(|saved| saved.0 == epoch)
    }

    /// The position that the database of this epoch had reached; `None` if the mark is another's.
    pub(super) fn seq_of(&self, epoch: Uuid) -> Option<Seq> {
        self.saved.filter(|saved| saved.0 == epoch).map(|saved| saved.1)
    }

    /// Writes the mark if it has changed or its file is gone. A failure is logged and tried again:
    /// the commits go on, and the hub notices a loss, too.
    pub(super) fn write(&mut self, data_dir: &DataDir, epoch: Uuid, seq: Seq) {
        let is_there = self.saved.is_some() && data_dir.exists(HIGH_WATER_MARK_FILE);
        if is_there && self.saved == Some((epoch, seq)) {
            return;
        }
        let is_same = is_there && self.saved.is_some_and(|saved| saved.0 == epoch);
        let written =
            if is_same { overwrite(data_dir, epoch, seq) } else { create(data_dir, epoch, seq) };
        if let (Err(error), false) = (&written, self.failed) {
            tracing::error!(%error, "the file {HIGH_WATER_MARK_FILE} beside the database cannot be written; without it the next start is refused");
        }
        self.failed = written.is_err();
        if !self.failed {
            self.saved = Some((epoch, seq));
        }
    }
}

/// Writes a mark where there was none, or another database's. It is on disk when this returns.
pub(super) fn create(data_dir: &DataDir, epoch: Uuid, seq: Seq) -> io::Result<()> {
    let text = text(epoch, seq);
    let flags = OFlags::WRONLY | OFlags::CREATE;
    let file = data_dir.open(HIGH_WATER_MARK_FILE, flags)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    data_dir.sync()
}

/// In place: that works on a full disk, too.
fn overwrite(data_dir: &DataDir, epoch: Uuid, seq: Seq) -> io::Result<()> {
    let file = data_dir.open(HIGH_WATER_MARK_FILE, OFlags::WRONLY)?;
    file.write_all_at(text(epoch, seq).as_bytes(), 0)
}

fn text(epoch: Uuid, seq: Seq) -> String {
    let mark = format!("{epoch} {seq:020}");
    let line = format!("{mark} {:08x}\n", crc32fast::hash(mark.as_bytes()));
    line.repeat(2)
}

/// The mark in either half of the file.
fn parse(bytes: &[u8]) -> Option<(Uuid, Seq)> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let marks = [first, second].map(parse_line);
    marks.into_iter().flatten().max_by_key(|mark| mark.1).or_else(|| parse_old(bytes))
}

fn parse_line(bytes: &[u8]) -> Option<(Uuid, Seq)> {
    // The last byte is the end of the line, whatever it is.
    let line = std::str::from_utf8(bytes.split_last()?.1).ok()?;
    let (mark, checksum) = line.rsplit_once(' ')?;
    let is_whole = checksum == format!("{:08x}", crc32fast::hash(mark.as_bytes()));
    is_whole.then(|| parse_mark(mark))?
}

/// A file of the versions that wrote the mark once, without a checksum.
fn parse_old(bytes: &[u8]) -> Option<(Uuid, Seq)> {
    const BYTES: usize = 57;
    let mark = bytes.strip_suffix(b"\n").filter(|mark| mark.len() == BYTES)?;
    parse_mark(std::str::from_utf8(mark).ok()?)
}

fn parse_mark(mark: &str) -> Option<(Uuid, Seq)> {
    let (epoch, seq) = mark.split_once(' ')?;
    Some((Uuid::try_parse(epoch).ok()?, seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_whatever_single_bit_of_its_file_is_flipped() {
        let (epoch, seq) = (Uuid::from_bytes([7; 16]), 4_711);
        let whole = text(epoch, seq).into_bytes();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), Some((epoch, seq)), "bit {bit}");
        }
        for cut_to in 0..whole.len() / 2 {
            assert_eq!(parse(&whole[..cut_to]), None, "cut to {cut_to}");
        }
    }

    #[test]
    fn a_mark_of_an_earlier_version_is_read() {
        let epoch = Uuid::from_bytes([7; 16]);
        assert_eq!(parse(format!("{epoch} {:020}\n", 12).as_bytes()), Some((epoch, 12)));
    }
}
