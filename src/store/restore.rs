//! A new database out of a backup, or out of a damaged one.
//!
//! A copy must not go on where it was: what was sold behind it would be sold again. So the new
//! database has a new epoch and nothing in stock. What it takes over is the memory of requests: a
//! request that the copy knows gets the answer it had, and moves nothing. The units come from the
//! hub, whose books know what was confirmed, once an operator has retired the old epoch there.
//! Reservations of the copy have ended: their units are the hub's to give.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chunk::LedgerPart;
use super::note::NOTE_FILE;
use super::{
    DATABASE_FILE, LOCK_FILE, Position, Store, StoreError, lock, open_file_read_only,
    read_identity, row_from, stock,
};
use crate::limits::SEEN_STEP;
use crate::stock::{Closed, Draft, Fact, Origin, Posted, Record, RequestId, Seq, Sku, Stock};

/// Where a new database is made before it takes the place of the old one.
const UNFINISHED_DIR: &str = "restoring";
/// What SQLite keeps beside a database, and the database itself.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// What a new database is made of.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
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
    /// Entries that could not be read, between those that could.
    pub missing: u64,
    /// Entries behind this one may not be in the hub's books, as far as the copy knows.
    pub confirmed_seq: Seq,
    /// What those entries made of on hand, for each SKU.
    pub unconfirmed: BTreeMap<Sku, i64>,
}

/// Makes a new database and puts the old one aside, under a name with this moment in it.
///
/// # Errors
/// If the gateway runs, the source cannot be read, or the disk says no. Then the old database is
/// where it was; or, when the last step of all failed, is kept aside.
pub fn restore(data_dir: &Path, source: Source<'_>, now_ms: i64) -> Result<Restored, StoreError> {
    let _lock = lock(data_dir)?;
    hand_over(&data_dir.join(LOCK_FILE), data_dir).map_err(at(data_dir))?;
    let database = data_dir.join(DATABASE_FILE);
    let from = match source {
        Source::Backup(file) => file,
        Source::Damaged => &database,
    };
    let old = open_file_read_only(from)?;
    let unfinished = data_dir.join(UNFINISHED_DIR);
    let _ = fs::remove_dir_all(&unfinished);
    let mut restored = take_over(&old, &unfinished)?;
    drop(old);
    restored.kept = put_aside(data_dir, now_ms).map_err(at(data_dir))?;
    put_in_place(&unfinished, data_dir).map_err(at(data_dir))?;
    Ok(restored)
}

/// Puts what is there aside, so that the next start makes a new database with nothing in it.
///
/// # Errors
/// If the gateway runs, or the disk says no.
pub fn begin_empty(data_dir: &Path, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    let _lock = lock(data_dir)?;
    hand_over(&data_dir.join(LOCK_FILE), data_dir).map_err(at(data_dir))?;
    let kept = put_aside(data_dir, now_ms).map_err(at(data_dir))?;
    match fs::remove_file(data_dir.join(NOTE_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(data_dir)(error)),
        _ => Ok(kept),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Directory { path: path.clone(), source }
}

fn take_over(old: &Connection, unfinished: &Path) -> Result<Restored, StoreError> {
    let Some((replaced, position)) = read_identity(old)? else {
        return Err(StoreError::Damaged("it does not say whose it is".into()));
    };
    let (mut store, opened) = Store::open(unfinished, &replaced.site, &replaced.gateway)?;
    let restored = Restored {
        origin: opened.origin,
        replaced,
        kept: None,
        remembered: 0,
        last_seq: 0,
        missing: 0,
        confirmed_seq: position.acked_seq,
        unconfirmed: BTreeMap::new(),
    };
    let mut heir =
        Heir { store: &mut store, empty: opened.stock, facts: Vec::new(), position, restored };
    each_readable(old, |part| heir.take(part))?;
    // Reservations that cannot be read are forgotten with their requests.
    for (id, _) in stock::holds(old).unwrap_or_default() {
        heir.end(old, id)?;
    }
    heir.commit()?;
    Ok(heir.restored)
}

/// The new database being filled.
struct Heir<'a> {
    store: &'a mut Store,
    empty: Stock,
    facts: Vec<Fact>,
    position: Position,
    restored: Restored,
}

impl Heir<'_> {
    fn take(&mut self, part: LedgerPart) -> Result<(), StoreError> {
        let restored = &mut self.restored;
        if restored.last_seq > 0 {
            restored.missing += part.base.0.saturating_sub(restored.last_seq);
        }
        restored.last_seq = part.last().0;
        for Posted { entry, .. } in &part.entries {
            if entry.seq > restored.confirmed_seq {
                *restored.unconfirmed.entry(entry.sku.clone()).or_default() += entry.change;
            }
        }
        for Fact { request_id, record, .. } in part.facts {
            if let Some(record) = record {
                self.remember(request_id, record)?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, request_id: RequestId, record: Record) -> Result<(), StoreError> {
        self.facts.push(Fact { request_id, record: Some(record), entries: 0 });
        self.restored.remembered += 1;
        if self.facts.len() < SEEN_STEP { Ok(()) } else { self.commit() }
    }

    /// Notes that a reservation is over.
    fn end(&mut self, old: &Connection, id: RequestId) -> Result<(), StoreError> {
        let sql = "SELECT n FROM hold WHERE id = ?1";
        let n: i64 = old.query_row(sql, [id.as_str()], |row| row.get(0))?;
        let facts = row_from(old, n).ok().flatten().map_or(Vec::new(), |row| row.chunk.facts);
        let record = facts.into_iter().rfind(|fact| fact.request_id == id);
        match record.and_then(|fact| fact.record) {
            Some(record) => self.remember(id, Record { closed: Some(Closed::Expired), ..record }),
            None => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let now =
            crate::clock::Now { wall_ms: 0, running_ms: self.position.running_ms, trusted: true };
        let mut changes = Draft::new(&self.empty, now, 0).finish();
        changes.facts = std::mem::take(&mut self.facts);
        let position = Position { acked_seq: 0, ..self.position };
        self.store.commit(&changes, Some(position), &self.empty)
    }
}

/// Goes through the parts of a ledger that can be read: from the start as far as it goes, and what
/// lies behind a damage.
fn each_readable(
    db: &Connection,
    mut take: impl FnMut(LedgerPart) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut from, mut last) = (0, 0);
    let mut taken = Ok(());
    loop {
        let whole = each_bytes(db, from, |n, bytes| {
            last = n;
            // A row that fails its CRC is passed over.
            taken = LedgerPart::unpack(n, bytes).map_or(Ok(()), &mut take);
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
    let files = SUFFIXES.map(|suffix| format!("{DATABASE_FILE}{suffix}"));
    if !files.iter().any(|file| data_dir.join(file).exists()) {
        return Ok(None);
    }
    let moment = crate::clock::rfc3339(now_ms).replace([':', '.'], "-");
    let name = |n: u32| data_dir.join(format!("aside-{moment}-{n}"));
    let kept = (1..).map(name).find(|path| !path.exists()).expect("a number is free");
    fs::create_dir(&kept)?;
    hand_over(&kept, data_dir)?;
    for file in files {
        match fs::rename(data_dir.join(&file), kept.join(&file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync(&kept)?;
    sync(data_dir)?;
    Ok(Some(kept))
}

/// The new database has been closed, and so is one file.
fn put_in_place(unfinished: &Path, data_dir: &Path) -> io::Result<()> {
    let made = unfinished.join(DATABASE_FILE);
    File::open(&made)?.sync_all()?;
    hand_over(&made, data_dir)?;
    fs::rename(made, data_dir.join(DATABASE_FILE))?;
    sync(data_dir)?;
    fs::remove_dir_all(unfinished)
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
