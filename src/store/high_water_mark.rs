//! The high-water mark: a file beside the database that says which database it is and how
//! far its ledger had come: to which record, to which entry, and up to which entry it was signed. A
//! refusal is a record without entries.
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
use super::ledger_end::LedgerEnd;
use crate::stock::{Origin, Seq};

/// The high-water mark of one data directory.
#[derive(Debug)]
pub struct HighWaterMark {
    data_dir: PathBuf,
    /// What the file says; `None` if it does not exist or cannot be read.
    saved: Option<Marked>,
    /// Whether the file is there and cannot be read.
    is_unreadable: bool,
    /// Whether a gateway has run here, so that there must be a mark beside a database with a ledger.
    expected: bool,
    /// Whether the file could not be written the last time.
    failed: bool,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) epoch: Uuid,
    pub(super) end: LedgerEnd,
    /// The ledger is signed up to here. A mark of an earlier version says 0.
    pub(super) signed_seq: Seq,
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
        let is_there = !bytes.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let saved = bytes.ok().and_then(|bytes| parse(&bytes));
        let is_unreadable = is_there && saved.is_none();
        let expected = was_used || is_there;
        Self { data_dir: data_dir.into(), saved, is_unreadable, expected, failed: false }
    }

    /// Whether there is a mark that can be read, or one was written.
    pub(super) fn exists(&self) -> bool {
        self.saved.is_some()
    }

    /// Checks that there was no database yet. A new one must not take the place of one that is
    /// gone. This also holds for an empty file: all of its content may have been in the WAL.
    pub(super) fn check_may_create(&self, database: &Path) -> Result<(), StoreError> {
        match self.saved {
            Some(Marked { epoch, end: LedgerEnd { seq, .. }, .. }) => {
                let aside = database.parent().and_then(newest_aside);
                Err(StoreError::Gone { path: database.into(), epoch, seq, aside })
            }
            None if self.is_unreadable => {
                let mark = self.data_dir.join(HIGH_WATER_MARK_FILE);
                Err(StoreError::GoneUnknown { path: database.into(), mark })
            }
            None => Ok(()),
        }
    }

    /// Checks that a database whose ledger ends at `end` is the one that was here, and has not lost
    /// entries or refusals.
    ///
    /// # Errors
    /// If it is another one, if it has lost some, or if there is no mark although there should
    /// be one.
    pub fn check_reached(&self, origin: &Origin, end: LedgerEnd) -> Result<(), StoreError> {
        let path = self.data_dir.join(DATABASE_FILE);
        match self.saved {
            Some(marked) if marked.epoch == origin.epoch => check_not_shorter(end, marked.end),
            Some(_) if self.is_just_restored(origin.epoch) => Ok(()),
            Some(Marked { epoch: marked, end: LedgerEnd { seq: reached, .. }, .. }) => {
                Err(StoreError::OtherEpoch { path, found: origin.epoch, marked, reached })
            }
            None if self.expected && end != LedgerEnd::default() => {
                Err(StoreError::Unmarked { path })
            }
            None => Ok(()),
        }
    }

    /// Whether a restore was interrupted when it had put this database in its place, and not yet
    /// the mark.
    fn is_just_restored(&self, epoch: Uuid) -> bool {
        let mark = self.data_dir.join(UNFINISHED_DIR).join(HIGH_WATER_MARK_FILE);
        let saved = fs::read(mark).ok().and_then(|bytes| parse(&bytes));
        saved.is_some_and(|saved| saved.epoch == epoch)
    }

    /// The position that the database of this epoch had reached; `None` if the mark is another's.
    pub fn seq_of(&self, epoch: Uuid) -> Option<Seq> {
        self.of(epoch).map(|saved| saved.end.seq)
    }

    /// The position up to which the ledger of this epoch had been signed; 0 if nothing is known of it.
    pub fn signed_seq_of(&self, epoch: Uuid) -> Seq {
        self.of(epoch).map_or(0, |saved| saved.signed_seq)
    }

    fn of(&self, epoch: Uuid) -> Option<Marked> {
        self.saved.filter(|saved| saved.epoch == epoch)
    }

    /// Writes the mark if it has changed or its file is gone. A failure is logged and tried again:
    /// the commits go on, and the hub notices a loss, too.
    pub(super) fn write(&mut self, data_dir: &DataDir, marked: Marked) {
        let is_there = self.saved.is_some() && data_dir.exists(HIGH_WATER_MARK_FILE);
        if is_there && self.saved == Some(marked) {
            return;
        }
        // One of an earlier version names no record, and its file is shorter.
        let is_same = is_there && self.of(marked.epoch).is_some_and(|saved| saved.end.n > 0);
        let written = if is_same { overwrite(data_dir, marked) } else { create(data_dir, marked) };
        if let (Err(error), false) = (&written, self.failed) {
            tracing::error!(%error, "the file {HIGH_WATER_MARK_FILE} beside the database cannot be written; without it the next start is refused");
        }
        self.failed = written.is_err();
        if !self.failed {
            self.saved = Some(marked);
            self.is_unreadable = false;
        }
    }
}

/// Checks that a ledger does not end before where it had come to.
fn check_not_shorter(found: LedgerEnd, reached: LedgerEnd) -> Result<(), StoreError> {
    let (what, found, reached) = match (reached.seq > found.seq, reached.n > found.n) {
        (true, _) => ("entry", found.seq.to_string(), reached.seq.to_string()),
        (false, true) => ("record", found.n.to_string(), reached.n.to_string()),
        (false, false) => return Ok(()),
    };
    Err(StoreError::Damaged(format!(
        "it ends at {what} {found}, but had come to {what} {reached}: its log was lost or cut, or it is an older copy"
    )))
}

/// Writes a mark where there was none, or another database's. It is on disk when this returns.
pub(super) fn create(data_dir: &DataDir, marked: Marked) -> io::Result<()> {
    let text = text(marked);
    let flags = OFlags::WRONLY | OFlags::CREATE;
    let file = data_dir.open(HIGH_WATER_MARK_FILE, flags)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    data_dir.sync()
}

/// In place: that works on a full disk, too.
fn overwrite(data_dir: &DataDir, marked: Marked) -> io::Result<()> {
    let file = data_dir.open(HIGH_WATER_MARK_FILE, OFlags::WRONLY)?;
    file.write_all_at(text(marked).as_bytes(), 0)
}

/// The whole file. It is as long as that of a program that names two numbers of 20 digits, which reads
/// and overwrites it.
fn text(Marked { epoch, end: LedgerEnd { n, seq }, signed_seq }: Marked) -> String {
    let mark = format!("{epoch} {seq:013} {n:013} {signed_seq:013}");
    let line = format!("{mark} {:08x}\n", crc32fast::hash(mark.as_bytes()));
    line.repeat(2)
}

/// The mark in either half of the file.
fn parse(bytes: &[u8]) -> Option<Marked> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let marks = [first, second].map(parse_line);
    marks
        .into_iter()
        .flatten()
        .max_by_key(|mark| (mark.end.n, mark.end.seq, mark.signed_seq))
        .or_else(|| parse_old(bytes))
}

fn parse_line(bytes: &[u8]) -> Option<Marked> {
    // The last byte is the end of the line, whatever it is.
    let line = std::str::from_utf8(bytes.split_last()?.1).ok()?;
    let (mark, checksum) = line.rsplit_once(' ')?;
    let is_whole = checksum == format!("{:08x}", crc32fast::hash(mark.as_bytes()));
    is_whole.then(|| parse_mark(mark))?
}

/// A file of the versions that wrote the mark once, without a checksum.
fn parse_old(bytes: &[u8]) -> Option<Marked> {
    const BYTES: usize = 57;
    let mark = bytes.strip_suffix(b"\n").filter(|mark| mark.len() == BYTES)?;
    parse_mark(std::str::from_utf8(mark).ok()?)
}

/// A mark of an earlier version names no record, or no signature.
fn parse_mark(mark: &str) -> Option<Marked> {
    let mut parts = mark.split(' ');
    let epoch = Uuid::try_parse(parts.next()?).ok()?;
    let seq = parts.next()?.parse().ok()?;
    let n = parts.next().map_or(Ok(0), str::parse).ok()?;
    let signed_seq = parts.next().map_or(Ok(0), str::parse).ok()?;
    Some(Marked { epoch, end: LedgerEnd { n, seq }, signed_seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_whatever_single_bit_of_its_file_is_flipped() {
        let marked = marked(5_000, 4_711, 4_700);
        let whole = text(marked).into_bytes();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), Some(marked), "bit {bit}");
        }
        for cut_to in 0..whole.len() / 2 {
            assert_eq!(parse(&whole[..cut_to]), None, "cut to {cut_to}");
        }
    }

    #[test]
    fn a_ledger_of_refusals_alone_must_have_its_mark() {
        let directory = tempfile::tempdir().unwrap();
        let mark = HighWaterMark::read_if(directory.path(), true);
        let origin = Origin { site: "s".into(), gateway: "g".into(), epoch: Uuid::nil() };
        let refusals = LedgerEnd { n: 3, seq: 0 };
        let checked = mark.check_reached(&origin, refusals);
        assert!(matches!(checked, Err(StoreError::Unmarked { .. })), "{checked:?}");
        mark.check_reached(&origin, LedgerEnd::default()).unwrap();
    }

    #[test]
    fn a_mark_of_an_earlier_version_is_read() {
        let epoch = Uuid::from_bytes([7; 16]);
        let mark = format!("{epoch} {:020}", 12);
        assert_eq!(parse(format!("{mark}\n").as_bytes()), Some(marked(0, 12, 0)));
        let with_record = format!("{mark} {:020}", 15);
        for (mark, expected) in [(mark, marked(0, 12, 0)), (with_record, marked(15, 12, 0))] {
            let line = format!("{mark} {:08x}\n", crc32fast::hash(mark.as_bytes()));
            assert_eq!(parse(line.repeat(2).as_bytes()), Some(expected));
        }
    }

    #[test]
    fn a_mark_is_as_long_as_one_of_an_earlier_version_that_overwrites_it() {
        let earlier = format!("{} {:020} {:020} {:08x}\n", Uuid::nil(), 1, 1, 1).repeat(2);
        assert_eq!(text(marked(i64::from(u32::MAX), 1, 1)).len(), earlier.len());
    }

    fn marked(n: i64, seq: Seq, signed_seq: Seq) -> Marked {
        let epoch = Uuid::from_bytes([7; 16]);
        Marked { epoch, end: LedgerEnd { n, seq }, signed_seq }
    }
}
