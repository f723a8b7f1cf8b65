//! Restore: a new database from a backup, or from a damaged one.
//!
//! A copy must not go on where it was, because what was deducted after it would be deducted again.
//! So the restore target has a new epoch and nothing on hand. It takes over the request index: a
//! request that the source knows gets the same answer again and moves nothing. The units come from
//! the hub, whose books hold what was confirmed, once an operator has retired the old epoch there.
//! Reservations of the source have ended: their units are the hub's to grant.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use uuid::Uuid;

use super::aside::{copy_owner, finish_move, move_aside};
use super::chunk::LedgerChunk;
use super::data_dir::DataDir;
use super::database::Store;
use super::directories::sync_directory;
use super::error::StoreError;
use super::files::{DATABASE_FILE, HIGH_WATER_MARK_FILE, LOCK_FILE, UNFINISHED_DIR};
use super::gateway_row::{GatewayRow, Identity, Positions, Progress, read_identity};
use super::high_water_mark::{self, HighWaterMark, Marked};
use super::ledger::{read_end, row_from};
use super::ledger_end::LedgerEnd;
use super::locked_file::LockedFile;
use super::read_only::{open_file_read_only, open_read_only, open_without_log};
use super::salvage::for_each_readable_chunk;
use super::signed_table::read_signed;
use super::stock_table;
use crate::clock::Now;
use crate::limits::REQUEST_HASHES_PER_ROW;
use crate::stock::{
    BooksId, Draft, LedgerRecord, Origin, Posted, RequestId, RequestRecord, ReservationState, Seq,
    Sku, Stock,
};

/// What a restore reads.
#[derive(Clone, Copy, Debug)]
pub enum RestoreSource<'a> {
    /// A whole database, as `stockgate backup` writes it. The caller has checked it.
    Backup(&'a Path),
    /// The database in the data directory, as far as it can be read.
    Damaged,
}

/// What a restore has done.
#[derive(Debug)]
pub struct Restored {
    /// The new database.
    pub origin: Origin,
    /// The database that it replaces, at the hub too.
    pub replaced: Origin,
    /// Where the old files are kept; `None` if there were none.
    pub kept: Option<PathBuf>,
    /// How many requests the new database remembers.
    pub remembered: u64,
    /// The last entry that could be read.
    pub last_seq: Seq,
    /// How many entries before it could not be read.
    pub missing: u64,
    /// The position that the source had reached at least. The entries after `last_seq` up to there
    /// are lost.
    pub known_seq: Seq,
    /// The position that the hub had confirmed to the source. Entries after it may be missing in
    /// the hub's books.
    pub confirmed_seq: Seq,
    /// By how much those entries changed on hand, for each SKU.
    pub unconfirmed: BTreeMap<Sku, i64>,
}

/// Builds a new database from the source, moves the old one aside under a name with this time in
/// it, and puts the new one in its place. A restore that was interrupted is finished by the next
/// one, whether or not it had moved the old database.
///
/// # Errors
/// If the gateway runs, the source cannot be read, or the disk fails. Then the old database is in
/// its place, or, if the very last step failed, aside.
pub fn restore(
    data_dir: &Path,
    source: RestoreSource<'_>,
    now_ms: i64,
) -> Result<Restored, StoreError> {
    let lock = RestoreLock::take(data_dir)?;
    let aside = finish_move(data_dir, is_marked(data_dir)).map_err(at(data_dir))?;
    let source = match source {
        RestoreSource::Backup(file) => SourceDatabase::open(file, data_dir)?,
        RestoreSource::Damaged => SourceDatabase::open_damaged(data_dir, aside.as_deref())?,
    };
    let unfinished = data_dir.join(UNFINISHED_DIR);
    remove_directory(&unfinished).map_err(at(&unfinished))?;
    let mut restored = build_target(source, &unfinished)?;
    restored.kept = move_aside(data_dir, now_ms).map_err(at(data_dir))?.or(aside);
    put_in_place(&unfinished, &lock, restored.origin.epoch).map_err(at(data_dir))?;
    Ok(restored)
}

/// Moves the database aside, so that the next start creates an empty one. Returns where the old
/// one is kept; `None` if there was none.
///
/// # Errors
/// If the gateway runs, or the disk fails.
pub fn move_database_aside(data_dir: &Path, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    let _lock = RestoreLock::take(data_dir)?;
    let aside = finish_move(data_dir, is_marked(data_dir)).map_err(at(data_dir))?;
    let kept = move_aside(data_dir, now_ms).map_err(at(data_dir))?.or(aside);
    match fs::remove_file(data_dir.join(HIGH_WATER_MARK_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(data_dir)(error)),
        _ => Ok(kept),
    }
}

/// Takes the database in the data directory as it is: writes the high-water mark that it should
/// have. Returns whose it is, and the last position of its ledger.
///
/// # Errors
/// If the gateway runs, or the database cannot be read.
pub fn accept(data_dir: &Path) -> Result<(Origin, Seq), StoreError> {
    let lock = RestoreLock::take(data_dir)?;
    let found = open_read_only(data_dir).and_then(|db| {
        let identity = read_identity(&db)?;
        let (origin, _) = identity.ok_or_else(|| StoreError::Damaged(NOBODYS.into()))?;
        let signed_seq = read_signed(&db, 0)?.last().map_or(0, |(signed, _)| signed.seq);
        Ok((Marked { epoch: origin.epoch, end: read_end(&db)?, signed_seq }, origin))
    });
    let (marked, origin) = found.map_err(|error| error.at(data_dir.join(DATABASE_FILE)))?;
    lock.write_mark(marked).map_err(at(data_dir))?;
    Ok((origin, marked.end.seq))
}

/// Whether a database is the one that the high-water mark names. It is read without its WAL, which may
/// have been left behind.
fn is_marked(data_dir: &Path) -> impl FnOnce(&Path) -> bool {
    let mark = HighWaterMark::read(data_dir);
    move |database| {
        let identity = open_without_log(database).and_then(|db| read_identity(&db));
        identity.is_ok_and(|it| it.is_some_and(|(origin, _)| mark.seq_of(origin.epoch).is_some()))
    }
}

const NOBODYS: &str = "it does not say whose it is";

/// Keeps a gateway from using a data directory and its database meanwhile.
struct RestoreLock {
    data_dir: DataDir,
    _database: Option<LockedFile>,
}

impl RestoreLock {
    fn take(path: &Path) -> Result<Self, StoreError> {
        let data_dir = DataDir::lock(path)?;
        copy_owner(path, &path.join(LOCK_FILE)).map_err(at(path))?;
        let database = data_dir.exists(DATABASE_FILE).then(|| data_dir.lock_database());
        Ok(Self { data_dir, _database: database.transpose()? })
    }

    fn write_mark(&self, marked: Marked) -> io::Result<()> {
        high_water_mark::create(&self.data_dir, marked)?;
        let path = self.data_dir.path();
        copy_owner(path, &path.join(HIGH_WATER_MARK_FILE))
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Directory { path: path.clone(), source }
}

/// The restore source, open for reading.
struct SourceDatabase {
    db: Connection,
    origin: Origin,
    progress: Progress,
    /// The books that its gateway belongs to.
    books: Option<BooksId>,
    /// The position up to which its ledger was pruned.
    pruned_seq: Seq,
    /// The position in the high-water mark, if that is this database's; 0 otherwise.
    marked_seq: Seq,
}

impl SourceDatabase {
    fn open(file: &Path, data_dir: &Path) -> Result<Self, StoreError> {
        let unreadable = |error| StoreError::unreadable(file, error);
        let db = open_file_read_only(file).map_err(unreadable)?;
        let Some(row) = GatewayRow::read(&db).map_err(unreadable)? else {
            return Err(unreadable(StoreError::Damaged(NOBODYS.into())));
        };
        let Identity { origin, .. } = row.identity;
        let Positions { progress, books, pruned_seq, .. } = row.positions;
        let marked_seq = HighWaterMark::read(data_dir).seq_of(origin.epoch).unwrap_or(0);
        Ok(Self { db, origin, progress, books, pruned_seq, marked_seq })
    }

    /// Opens the damaged database: in its place, or where an interrupted restore has moved it. One
    /// that was moved must be the database of the high-water mark, and not an older one.
    fn open_damaged(data_dir: &Path, aside: Option<&Path>) -> Result<Self, StoreError> {
        let in_place = data_dir.join(DATABASE_FILE);
        let file = aside.unwrap_or(data_dir).join(DATABASE_FILE);
        if in_place.exists() {
            return Self::open(&file, data_dir);
        }
        let mark = HighWaterMark::read(data_dir);
        if !file.exists() {
            mark.check_may_create(&in_place)?;
        }
        let source = Self::open(&file, data_dir)?;
        if mark.seq_of(source.origin.epoch).is_none() {
            mark.check_may_create(&in_place)?;
        }
        Ok(source)
    }
}

/// Builds the target in a directory of its own. When this returns, it is whole, closed and on
/// disk.
fn build_target(source: SourceDatabase, unfinished: &Path) -> Result<Restored, StoreError> {
    let SourceDatabase { db, origin: replaced, progress, books, pruned_seq, marked_seq } = source;
    let (mut store, opened) = Store::open(unfinished, &replaced.site, &replaced.gateway)?;
    if let Some(books) = books {
        store.bind(books, 0, &opened.stock)?;
    }
    let restored = Restored {
        origin: opened.origin,
        replaced,
        kept: None,
        remembered: 0,
        last_seq: pruned_seq,
        missing: 0,
        known_seq: marked_seq.max(progress.acked_seq),
        confirmed_seq: progress.acked_seq,
        unconfirmed: BTreeMap::new(),
    };
    let mut target = RestoreTarget {
        store: &mut store,
        empty: opened.stock,
        records: Vec::new(),
        progress,
        restored,
    };
    let filled = target.fill(&db);
    let mut restored = target.restored;
    filled.map_err(|error| store.explain(error))?;
    restored.known_seq = restored.known_seq.max(restored.last_seq);
    store.close()?;
    Ok(restored)
}

/// The new database while it is filled.
struct RestoreTarget<'a> {
    store: &'a mut Store,
    empty: Stock,
    /// Records that were read and not committed yet.
    records: Vec<LedgerRecord>,
    progress: Progress,
    restored: Restored,
}

impl RestoreTarget<'_> {
    fn fill(&mut self, source: &Connection) -> Result<(), StoreError> {
        for_each_readable_chunk(source, |chunk| self.add_chunk(chunk))?;
        // Reservations that cannot be read are lost, with what is known of their requests.
        let read = stock_table::read_holds(source).unwrap_or_default();
        for (id, _, n) in read.holds.into_iter().chain(read.corrected) {
            self.end_reservation(source, id, n)?;
        }
        self.commit()
    }

    fn add_chunk(&mut self, chunk: LedgerChunk) -> Result<(), StoreError> {
        let restored = &mut self.restored;
        restored.missing += chunk.base.0.saturating_sub(restored.last_seq);
        restored.last_seq = chunk.last().0;
        for Posted { entry, .. } in &chunk.entries {
            if entry.seq > restored.confirmed_seq {
                *restored.unconfirmed.entry(entry.sku.clone()).or_default() += entry.change;
            }
        }
        for LedgerRecord { request_id, record, .. } in chunk.ledger_records {
            if let Some(record) = record {
                self.add_record(request_id, record)?;
            }
        }
        Ok(())
    }

    fn add_record(
        &mut self,
        request_id: RequestId,
        record: RequestRecord,
    ) -> Result<(), StoreError> {
        self.records.push(LedgerRecord { request_id, record: Some(record), entries: 0 });
        self.restored.remembered += 1;
        if self.records.len() < REQUEST_HASHES_PER_ROW { Ok(()) } else { self.commit() }
    }

    /// Adds a record of an open reservation's request that says that it has expired.
    fn end_reservation(
        &mut self,
        source: &Connection,
        id: RequestId,
        n: i64,
    ) -> Result<(), StoreError> {
        let row = row_from(source, n).ok().flatten();
        let records = row.map_or(Vec::new(), |row| row.chunk.ledger_records);
        let its = records.into_iter().rfind(|record| record.request_id == id);
        match its.and_then(|its| its.record) {
            Some(record) => self
                .add_record(id, RequestRecord { state: Some(ReservationState::Expired), ..record }),
            None => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let now = Now { wall_ms: 0, running_ms: self.progress.running_ms, trusted: true };
        let mut changes = Draft::new(&self.empty, now, 0).finish();
        changes.ledger_records = std::mem::take(&mut self.records);
        let progress = Progress { acked_seq: 0, ..self.progress };
        self.store.commit(&changes, Some(progress), &self.empty)
    }
}

/// Moves the target, which was closed and so is one file, into its place, and renews the mark.
/// Until the mark is renewed, the one in the directory of the target says that the database is the
/// right one: see [`HighWaterMark::check_reached`].
fn put_in_place(unfinished: &Path, lock: &RestoreLock, epoch: Uuid) -> io::Result<()> {
    let target = unfinished.join(DATABASE_FILE);
    let data_dir = lock.data_dir.path();
    File::open(&target)?.sync_all()?;
    copy_owner(data_dir, &target)?;
    fs::rename(target, data_dir.join(DATABASE_FILE))?;
    sync_directory(data_dir)?;
    lock.write_mark(Marked { epoch, end: LedgerEnd::default(), signed_seq: 0 })?;
    let _ = fs::remove_dir_all(unfinished);
    Ok(())
}

/// Removes what an interrupted restore has left. If it stayed, the new target would begin with it.
fn remove_directory(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
