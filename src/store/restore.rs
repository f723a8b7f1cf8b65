//! A new database out of a backup, or out of a damaged one.
//!
//! A copy must not go on where it was: what was sold behind it would be sold again. So the new
//! database has a new epoch and nothing in stock. What it takes over is the memory of requests: a
//! request that the copy knows gets the answer it had, and moves nothing. The units come from the
//! hub, whose books know what was confirmed, once an operator has retired the old epoch there.
//! Reservations of the copy have ended: their units are the hub's to give.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chunk::LedgerChunk;
use super::high_water_mark::{HIGH_WATER_MARK_FILE, HighWaterMark};
use super::{
    DATABASE_FILE, LOCK_FILE, Progress, Store, StoreError, lock, open_file_read_only, pruned_seq,
    read_identity, row_from, stock,
};
use crate::limits::REQUEST_HASHES_PER_ROW;
use crate::stock::{
    Closed, Draft, LedgerRecord, Origin, Posted, RequestId, RequestRecord, Seq, Sku, Stock,
};

/// Where a new database is made before it takes the place of the old one.
const UNFINISHED_DIR: &str = "restoring";
/// What directories are called that keep an old database, before the moment.
const ASIDE: &str = "aside-";
/// What SQLite keeps beside a database, and the database itself.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// What a new database is made of.
#[derive(Clone, Copy, Debug)]
pub enum RestoreSource<'a> {
    /// A whole one, as `backup` makes it. It must have been checked.
    Backup(&'a Path),
    /// What can still be read of the one that is there.
    Damaged,
}

/// What became of it.
#[derive(Debug)]
pub struct Restored {
    /// The new database.
    pub origin: Origin,
    /// Whose place it takes, at the hub too.
    pub replaced: Origin,
    /// Where the old files are kept; `None` if there were none.
    pub kept: Option<PathBuf>,
    /// Requests that are remembered.
    pub remembered: u64,
    /// The last entry that could be read.
    pub last_seq: Seq,
    /// Entries up to there that could not be read.
    pub missing: u64,
    /// How far the old database had come at least: entries behind `last_seq` up to there are lost.
    pub known_seq: Seq,
    /// Entries behind this one may not be in the hub's books, as far as the copy knows.
    pub confirmed_seq: Seq,
    /// What those entries made of on hand, for each SKU.
    pub unconfirmed: BTreeMap<Sku, i64>,
}

/// Makes a new database and puts the old one aside, under a name with this moment in it. Goes on
/// where one that was broken off has left it: the old database may have been put aside already.
///
/// # Errors
/// If the gateway runs, the source cannot be read, or the disk says no. Then the old database is
/// where it was; or, when the last step of all failed, is kept aside.
pub fn restore(
    data_dir: &Path,
    source: RestoreSource<'_>,
    now_ms: i64,
) -> Result<Restored, StoreError> {
    let _lock = lock(data_dir)?;
    hand_over(&data_dir.join(LOCK_FILE), data_dir).map_err(at(data_dir))?;
    let aside = finish_aside(data_dir).map_err(at(data_dir))?;
    let from = match source {
        RestoreSource::Backup(file) => file.to_owned(),
        RestoreSource::Damaged => aside.as_deref().unwrap_or(data_dir).join(DATABASE_FILE),
    };
    let high_water_mark = HighWaterMark::find(data_dir);
    let must_be_noted =
        matches!(source, RestoreSource::Damaged) && !data_dir.join(DATABASE_FILE).exists();
    let old = Old::open(&from, &high_water_mark, must_be_noted.then_some(data_dir))?;
    let unfinished = data_dir.join(UNFINISHED_DIR);
    discard(&unfinished).map_err(at(&unfinished))?;
    let mut restored = take_over(old, &unfinished)?;
    restored.kept = put_aside(data_dir, now_ms).map_err(at(data_dir))?.or(aside);
    put_in_place(&unfinished, data_dir).map_err(at(data_dir))?;
    Ok(restored)
}

/// Puts what is there aside, so that the next start makes a new database with nothing in it.
///
/// # Errors
/// If the gateway runs, or the disk says no.
pub fn move_database_aside(data_dir: &Path, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    let _lock = lock(data_dir)?;
    hand_over(&data_dir.join(LOCK_FILE), data_dir).map_err(at(data_dir))?;
    let aside = finish_aside(data_dir).map_err(at(data_dir))?;
    let kept = put_aside(data_dir, now_ms).map_err(at(data_dir))?.or(aside);
    match fs::remove_file(data_dir.join(HIGH_WATER_MARK_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(data_dir)(error)),
        _ => Ok(kept),
    }
}

/// What a new database is made of, as far as it can be read.
struct Old {
    db: Connection,
    origin: Origin,
    progress: Progress,
    /// Up to here its ledger was forgotten on purpose.
    pruned_seq: Seq,
    /// How far it is noted to have come.
    noted_seq: Seq,
}

impl Old {
    /// With `data_dir`, it must be the one that is noted there to be gone.
    fn open(
        file: &Path,
        high_water_mark: &HighWaterMark,
        data_dir: Option<&Path>,
    ) -> Result<Self, StoreError> {
        let unreadable = |error| StoreError::unreadable(file, error);
        if let Some(data_dir) = data_dir.filter(|_| !file.exists()) {
            high_water_mark.check_may_create(&data_dir.join(DATABASE_FILE))?;
        }
        let db = open_file_read_only(file).map_err(unreadable)?;
        let Some((origin, progress)) = read_identity(&db).map_err(unreadable)? else {
            return Err(unreadable(StoreError::Damaged("it does not say whose it is".into())));
        };
        let noted_seq = high_water_mark.seq_of(origin.epoch);
        if let (Some(data_dir), None) = (data_dir, noted_seq) {
            high_water_mark.check_may_create(&data_dir.join(DATABASE_FILE))?;
        }
        let pruned_seq = pruned_seq(&db).unwrap_or(0);
        Ok(Self { db, origin, progress, pruned_seq, noted_seq: noted_seq.unwrap_or(0) })
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Directory { path: path.clone(), source }
}

/// Makes the new database. It is whole, on disk and closed, or there is an error.
fn take_over(old: Old, unfinished: &Path) -> Result<Restored, StoreError> {
    let Old { db: old, origin: replaced, progress, pruned_seq, noted_seq } = old;
    let (mut store, opened) = Store::open(unfinished, &replaced.site, &replaced.gateway)?;
    let restored = Restored {
        origin: opened.origin,
        replaced,
        kept: None,
        remembered: 0,
        last_seq: pruned_seq,
        missing: 0,
        known_seq: noted_seq.max(progress.acked_seq),
        confirmed_seq: progress.acked_seq,
        unconfirmed: BTreeMap::new(),
    };
    let mut heir = Heir {
        store: &mut store,
        empty: opened.stock,
        ledger_records: Vec::new(),
        progress,
        restored,
    };
    let filled = heir.fill(&old);
    let mut restored = heir.restored;
    filled.map_err(|error| store.explain(error))?;
    restored.known_seq = restored.known_seq.max(restored.last_seq);
    store.close()?;
    Ok(restored)
}

/// The new database being filled.
struct Heir<'a> {
    store: &'a mut Store,
    empty: Stock,
    ledger_records: Vec<LedgerRecord>,
    progress: Progress,
    restored: Restored,
}

impl Heir<'_> {
    fn fill(&mut self, old: &Connection) -> Result<(), StoreError> {
        each_readable(old, |part| self.take(part))?;
        // Reservations that cannot be read are forgotten with their requests.
        for (id, _) in stock::holds(old).unwrap_or_default() {
            self.end(old, id)?;
        }
        self.commit()
    }

    fn take(&mut self, part: LedgerChunk) -> Result<(), StoreError> {
        let restored = &mut self.restored;
        restored.missing += part.base.0.saturating_sub(restored.last_seq);
        restored.last_seq = part.last().0;
        for Posted { entry, .. } in &part.entries {
            if entry.seq > restored.confirmed_seq {
                *restored.unconfirmed.entry(entry.sku.clone()).or_default() += entry.change;
            }
        }
        for LedgerRecord { request_id, record, .. } in part.ledger_records {
            if let Some(record) = record {
                self.remember(request_id, record)?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, request_id: RequestId, record: RequestRecord) -> Result<(), StoreError> {
        self.ledger_records.push(LedgerRecord { request_id, record: Some(record), entries: 0 });
        self.restored.remembered += 1;
        if self.ledger_records.len() < REQUEST_HASHES_PER_ROW { Ok(()) } else { self.commit() }
    }

    /// Notes that a reservation is over.
    fn end(&mut self, old: &Connection, id: RequestId) -> Result<(), StoreError> {
        let sql = "SELECT n FROM hold WHERE id = ?1";
        let Ok(n) = old.query_row(sql, [id.as_str()], |row| row.get(0)) else { return Ok(()) };
        let ledger_records =
            row_from(old, n).ok().flatten().map_or(Vec::new(), |row| row.chunk.ledger_records);
        let record = ledger_records.into_iter().rfind(|fact| fact.request_id == id);
        match record.and_then(|fact| fact.record) {
            Some(record) => {
                self.remember(id, RequestRecord { closed: Some(Closed::Expired), ..record })
            }
            None => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let now =
            crate::clock::Now { wall_ms: 0, running_ms: self.progress.running_ms, trusted: true };
        let mut changes = Draft::new(&self.empty, now, 0).finish();
        changes.ledger_records = std::mem::take(&mut self.ledger_records);
        let progress = Progress { acked_seq: 0, ..self.progress };
        self.store.commit(&changes, Some(progress), &self.empty)
    }
}

/// Goes through the parts of a ledger that can be read: from the start as far as it goes, and what
/// lies behind a damage.
fn each_readable(
    db: &Connection,
    mut take: impl FnMut(LedgerChunk) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut from, mut last) = (0, 0);
    let mut taken = Ok(());
    loop {
        let whole = each_bytes(db, from, |n, bytes| {
            last = n;
            // A row that fails its CRC is passed over.
            taken = LedgerChunk::decode(n, bytes).map_or(Ok(()), &mut take);
            taken.is_ok()
        });
        match first_behind_damage(db, last) {
            Some(next) if whole.is_err() && taken.is_ok() && next > from => from = next,
            _ => return taken,
        }
    }
}

fn each_bytes(
    db: &Connection,
    from: i64,
    mut take: impl FnMut(i64, &[u8]) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT n, chunk FROM ledger WHERE n >= ?1 ORDER BY n")?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        if !take(row.get(0)?, row.get_ref(1)?.as_blob()?) {
            break;
        }
    }
    Ok(())
}

/// Where the ledger can be read again behind a damage, from its end backwards.
fn first_behind_damage(db: &Connection, damaged: i64) -> Option<i64> {
    let mut first = None;
    let mut statement =
        db.prepare("SELECT n, chunk FROM ledger WHERE n > ?1 ORDER BY n DESC").ok()?;
    let mut rows = statement.query([damaged]).ok()?;
    while let Ok(Some(row)) = rows.next() {
        first = Some(row.get(0).ok()?);
    }
    first
}

/// Moves the database and what belongs to it into a directory of its own, and never over
/// another.
fn put_aside(data_dir: &Path, now_ms: i64) -> io::Result<Option<PathBuf>> {
    if !files().iter().any(|file| data_dir.join(file).exists()) {
        return Ok(None);
    }
    let moment = crate::clock::rfc3339(now_ms).replace([':', '.'], "-");
    let name = |n: u32| data_dir.join(format!("{ASIDE}{moment}-{n}"));
    let kept = (1..).map(name).find(|path| !path.exists()).expect("a number is free");
    fs::create_dir(&kept)?;
    hand_over(&kept, data_dir)?;
    move_files(data_dir, &kept)?;
    Ok(Some(kept))
}

/// The database first: what was broken off behind it can be told, and is finished.
fn move_files(from: &Path, to: &Path) -> io::Result<()> {
    for file in files() {
        match fs::rename(from.join(&file), to.join(&file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync(to)?;
    sync(from)
}

fn files() -> [String; 3] {
    SUFFIXES.map(|suffix| format!("{DATABASE_FILE}{suffix}"))
}

/// Where a restore that was broken off has put the database, whose log goes there now if it was
/// not moved yet; `None` if the database is in its place.
fn finish_aside(data_dir: &Path) -> io::Result<Option<PathBuf>> {
    if data_dir.join(DATABASE_FILE).exists() {
        return Ok(None);
    }
    let Some(aside) = newest_aside(data_dir) else { return Ok(None) };
    let is_split = |file: &String| data_dir.join(file).exists();
    let is_free = |file: &String| !aside.join(file).exists();
    let left: Vec<String> = files().into_iter().filter(is_split).collect();
    if !left.is_empty() && left.iter().all(is_free) {
        move_files(data_dir, &aside)?;
    }
    Ok(Some(aside))
}

/// The directory of the database that was put aside last; their names go up with time.
pub(super) fn newest_aside(data_dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(data_dir).ok()?.flatten();
    let is_aside = |name: &OsString| name.as_encoded_bytes().starts_with(ASIDE.as_bytes());
    let asides = entries.map(|entry| entry.file_name()).filter(is_aside);
    asides.map(|name| data_dir.join(name)).filter(|dir| dir.join(DATABASE_FILE).exists()).max()
}

/// The new database has been closed, and is one file. What is left behind is nothing that counts.
fn put_in_place(unfinished: &Path, data_dir: &Path) -> io::Result<()> {
    let made = unfinished.join(DATABASE_FILE);
    File::open(&made)?.sync_all()?;
    hand_over(&made, data_dir)?;
    fs::rename(made, data_dir.join(DATABASE_FILE))?;
    sync(data_dir)?;
    let _ = fs::remove_dir_all(unfinished);
    Ok(())
}

/// Removes what a restore that was broken off has left. What stayed would be gone on with.
fn discard(unfinished: &Path) -> io::Result<()> {
    match fs::remove_dir_all(unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Root restores; the gateway's account has to work with it.
fn hand_over(file: &Path, data_dir: &Path) -> io::Result<()> {
    let (owner, now) = (fs::metadata(data_dir)?, fs::metadata(file)?);
    if (owner.uid(), owner.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    chown(file, Some(owner.uid()), Some(owner.gid()))
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
