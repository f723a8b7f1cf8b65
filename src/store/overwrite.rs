//! Overwriting: whether another program has written into the files of an open database.
//!
//! A copy over a file, or a truncation, leaves the file in its place, and SQLite goes on for a while with
//! the pages that it has in memory. What shows it are two rules that SQLite itself keeps
//! (<https://sqlite.org/walformat.html>):
//!
//! - The WAL begins with the two salts that its index names, and reaches as far as the index says. Every
//!   frame has the salts, too. A checkpoint of any program that truncates the WAL has set the index to no
//!   frames before.
//! - Only a checkpoint writes into the database, and the index says how far one has come.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;

use rustix::fs::OFlags;

use super::data_dir::{DataDir, is_on_shared_filesystem};
use super::displacement::DisplacedKind;

const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;
/// Both copies of the index's header, and what follows up to how far the last checkpoint has tried.
const INDEX_BYTES: usize = 132;
const INDEX_HEADER_BYTES: usize = 48;

/// What was found by the last look at the files. They are open as long as the database is: closing one would
/// drop the locks of this process on it.
#[derive(Debug)]
pub(super) struct OverwriteWatch {
    log: File,
    index: File,
    /// A server may set the time of a file later than it is written.
    is_shared: bool,
    /// The index, and how the database was, when they were looked at last.
    seen: Option<(LogIndex, Modified)>,
    /// What is overwritten stays so.
    found: Option<DisplacedKind>,
}

/// When a file was written last, if that is known, and its length.
type Modified = (Option<SystemTime>, u64);

/// What the index says of the WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LogIndex {
    /// Counts commits.
    commits: u32,
    frames: u32,
    frame_bytes: u64,
    salts: [u8; 8],
    /// How many frames the database has taken in, and how many it was to take in.
    copied: [u32; 2],
}

impl OverwriteWatch {
    pub(super) fn open(data_dir: &DataDir, log: &str, index: &str) -> io::Result<Self> {
        let open = |name| data_dir.open(name, OFlags::RDONLY);
        let (log, index) = (open(log)?, open(index)?);
        let is_shared = is_on_shared_filesystem(&log);
        Ok(Self { log, index, is_shared, seen: None, found: None })
    }

    /// Finds what another program has written into. A program that writes at this moment may be a
    /// checkpoint, so what looks wrong is looked at once more.
    pub(super) fn find(&mut self, database: &File) -> Option<DisplacedKind> {
        if self.found.is_none() && self.look(database).is_some() {
            self.found = self.look(database);
        }
        self.found
    }

    /// The order counts: the index is written after the WAL, and a checkpoint says in the index what it
    /// has done after it has written to the database.
    fn look(&mut self, database: &File) -> Option<DisplacedKind> {
        // Without asking for its times, as in `FileId::at`.
        let log_bytes = (&self.log).seek(SeekFrom::End(0)).ok()?;
        let salts = salts_at(&self.log, 16);
        // Without frames nothing is lost; nor can SQLite use an index whose copies differ.
        let index = LogIndex::read(&self.index)?;
        if index.frames > 0 && (salts != index.salts || log_bytes < index.end_of(index.frames)) {
            return Some(DisplacedKind::Log);
        }
        let metadata = database.metadata().ok()?;
        let at = metadata.modified().ok().filter(|_| !self.is_shared);
        let modified = (at, metadata.len());
        if let Some((seen, was)) = self.seen {
            // It was truncated, and a commit has made it longer again.
            if seen.salts == index.salts
                && (1..=index.frames).contains(&seen.frames)
                && salts_at(&self.log, seen.end_of(seen.frames - 1) + 8) != index.salts
            {
                return Some(DisplacedKind::Log);
            }
            if modified != was && !may_be_checkpoint(seen, &self.index, modified.1 < was.1) {
                return Some(DisplacedKind::Database);
            }
        }
        self.seen = Some((index, modified));
        None
    }
}

/// Whether a checkpoint may have written to the database since the index was seen. A commit that starts the
/// WAL from the beginning changes the salts as well, but if all was copied before, there was nothing to copy.
/// That is certain of one commit only, which is still in the WAL.
fn may_be_checkpoint(seen: LogIndex, index: &File, is_shorter: bool) -> bool {
    LogIndex::read(index).is_none_or(|now| {
        let is_alone = now.commits.wrapping_sub(seen.commits) <= 1 && now.frames > 0;
        let is_restarted = is_alone && seen.copied[0] >= seen.frames && now.copied == [0, 0];
        let has_finished = !is_restarted && (now.salts, now.copied) != (seen.salts, seen.copied);
        let [copied, to_copy] = now.copied;
        has_finished || (copied < to_copy && !is_shorter)
    })
}

impl LogIndex {
    fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; INDEX_BYTES];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let (first, rest) = bytes.split_at(INDEX_HEADER_BYTES);
        let number = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let page_bytes = u16::from_ne_bytes(*first.get(14..)?.first_chunk()?);
        rest.starts_with(first).then_some(Self {
            commits: number(8)?,
            frames: number(16)?,
            frame_bytes: u64::from(page_bytes) + FRAME_HEADER_BYTES,
            salts: *first.get(32..)?.first_chunk()?,
            copied: [number(96)?, number(128)?],
        })
    }

    /// Where so many frames end.
    fn end_of(&self, frames: u32) -> u64 {
        LOG_HEADER_BYTES + u64::from(frames) * self.frame_bytes
    }
}

/// The salts in the WAL at this place; zeros beyond its end.
fn salts_at(log: &File, at: u64) -> [u8; 8] {
    let mut salts = [0; 8];
    let _ = log.read_at(&mut salts, at);
    salts
}
