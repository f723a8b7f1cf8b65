//! The gateway's database: SQLite, synchronous, one connection for writing.
//!
//! Every batch is one transaction, synced to disk (`synchronous=FULL`) before [`Store::commit`]
//! returns; what it returns from is there after a power cut. Nothing here decides anything.

mod catalogue;
mod checkpoint;
mod chunk;
mod error;
mod high_water_mark;
mod ledger;
mod request_hashes;
mod request_index;
mod reserve;
mod restore;
mod retention;
mod schema;
#[cfg(test)]
mod shop;
mod stock;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use uuid::Uuid;

pub use self::catalogue::{listing, sku_of_barcode};
use self::checkpoint::Checkpoint;
pub use self::chunk::LedgerChunk;
pub use self::error::StoreError;
pub use self::high_water_mark::{HIGH_WATER_MARK_FILE, HighWaterMark};
use self::ledger::row_from;
pub use self::ledger::{DatabaseSizes, LedgerReader, for_each_chunk, read_last_seq, read_ledger};
use self::request_index::RequestIndex;
use self::reserve::Reserve;
pub use self::reserve::{RESERVE_FILE, free_bytes, free_pages_bytes};
pub use self::restore::{RestoreSource, Restored, move_database_aside, restore};
use self::schema::Copies;
use crate::limits::{CHECKPOINT_STEP_AT_STOP, DATABASE_WAIT};
use crate::stock::{Changes, Item, LedgerRecord, Origin, Seq, Sku, Stock, Taken};

/// The database's file within the data directory.
pub const DATABASE_FILE: &str = "stockgate.db";
/// The file within it that a gateway at work holds locked.
pub const LOCK_FILE: &str = "lock";

/// The writing side of the database.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    request_index: RequestIndex,
    checkpoint: Checkpoint,
    reserve: Reserve,
    high_water_mark: HighWaterMark,
    copies: Copies,
    epoch: Uuid,
    /// Held as long as the store lives, so that no other process opens it for writing.
    _lock: File,
}

/// What a database holds when it is opened.
#[derive(Debug)]
pub struct Opened {
    /// Whose it is.
    pub origin: Origin,
    /// The stock, with open reservations.
    pub stock: Stock,
    /// Positions that are not in the ledger.
    pub progress: Progress,
}

/// Positions that are saved beside the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to where the hub has committed the ledger.
    pub acked_seq: Seq,
    /// Milliseconds this database has been in use.
    pub running_ms: u64,
}

impl Store {
    /// Opens the database of a gateway, or creates it, and loads what it holds.
    ///
    /// # Errors
    /// If the directory is in use or unusable, or the database is another's or damaged.
    pub fn open(data_dir: &Path, site: &str, gateway: &str) -> Result<(Self, Opened), StoreError> {
        let lock = lock(data_dir)?;
        let reserve = Reserve::find(data_dir);
        Self::open_locked(data_dir, (site, gateway), lock, reserve)
    }

    fn open_locked(
        data_dir: &Path,
        name: (&str, &str),
        lock: File,
        mut reserve: Reserve,
    ) -> Result<(Self, Opened), StoreError> {
        let mut high_water_mark = HighWaterMark::find(data_dir);
        let prepared = match prepare(data_dir, &high_water_mark) {
            Err(error) if error.is_full() && reserve.give_up() => {
                prepare(data_dir, &high_water_mark)
            }
            prepared => prepared,
        };
        let loaded = prepared.and_then(|(db, is_new_version)| {
            let (origin, progress) = claim(&db, name.0, name.1)?;
            let stock = load_stock(&db)?;
            high_water_mark.check_reached(&origin, stock.seq())?;
            let request_index = RequestIndex::load(&db, seed(&db)?)?;
            let checkpoint = Checkpoint::new(checkpoint_seq(&db)?, stock.seq());
            let copies = Copies::kept_by(data_dir, progress.running_ms, is_new_version);
            Ok((db, request_index, checkpoint, copies, Opened { origin, stock, progress }))
        });
        let (db, request_index, checkpoint, copies, opened) =
            loaded.map_err(|error| reserve.explain(error))?;
        let epoch = opened.origin.epoch;
        high_water_mark.write(epoch, opened.stock.seq());
        let mut store = Self {
            db,
            request_index,
            checkpoint,
            reserve,
            high_water_mark,
            copies,
            epoch,
            _lock: lock,
        };
        store.restore_reserve();
        Ok((store, opened))
    }

    /// Notes beside the database how far the ledger has come.
    pub fn save_high_water_mark(&mut self, seq: Seq) {
        self.high_water_mark.write(self.epoch, seq);
    }

    /// Removes the copies of older versions once the newest has proved itself by this running time.
    pub fn remove_upgrade_copies(&mut self, running_ms: u64) {
        self.copies.forget(running_ms);
    }

    /// Puts a batch that was decided on this stock on disk: when this returns, it survives a
    /// power cut.
    ///
    /// # Errors
    /// If the disk is full or failing, or the database is locked; then nothing was changed.
    pub fn commit(
        &mut self,
        changes: &Changes,
        progress: Option<Progress>,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        let mut checkpoint = self.checkpoint.clone();
        let transaction = self.db.transaction()?;
        ledger::append(&transaction, changes, stock.checks(), self.request_index.next)?;
        stock::save_items(&transaction, checkpoint.step(stock, changes.entries.len()))?;
        save_holds(&transaction, changes, self.request_index.next)?;
        save_taken(&transaction, changes)?;
        let saved = self.request_index.save(&transaction)?;
        if let Some(progress) = progress {
            save_progress(&transaction, progress)?;
        }
        if checkpoint.seq != self.checkpoint.seq {
            save_checkpoint_seq(&transaction, checkpoint.seq)?;
        }
        transaction.commit()?;
        self.checkpoint = checkpoint;
        if saved {
            self.request_index.saved();
        }
        self.request_index.remember(&changes.ledger_records);
        Ok(())
    }

    /// Brings the table of stock so many SKUs further.
    fn checkpoint_step(&mut self, stock: &Stock, looks: usize) -> Result<(), StoreError> {
        let mut checkpoint = self.checkpoint.clone();
        let transaction = self.db.transaction()?;
        stock::save_items(&transaction, checkpoint.visit(stock, looks))?;
        save_checkpoint_seq(&transaction, checkpoint.seq)?;
        transaction.commit()?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Brings the table of stock up to the ledger's end, so that the next start has less to read;
    /// `go_on` is asked now and then.
    ///
    /// # Errors
    /// If the database cannot be written; then the next start reads more of the ledger.
    pub fn finish_checkpoint(
        &mut self,
        stock: &Stock,
        go_on: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        self.checkpoint = Checkpoint::new(self.checkpoint.seq, stock.seq());
        while self.checkpoint.seq < stock.seq() && go_on() {
            self.checkpoint_step(stock, CHECKPOINT_STEP_AT_STOP)?;
        }
        Ok(())
    }

    /// Takes the log into the database, which is one file behind this, and closes it. SQLite does
    /// so at any close, but tells nobody when it fails: the log stays then, with what was answered.
    ///
    /// # Errors
    /// If the disk is full or failing, or somebody else reads the database.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        let Self { db, reserve, .. } = self;
        let explained = |error| reserve.explain(StoreError::Sqlite(error));
        let path = PathBuf::from(db.path().unwrap_or_default());
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let busy: i64 = db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(explained)?;
        db.close().map_err(|(_, error)| explained(error))?;
        if busy != 0 || std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
            return Err(StoreError::NotClosed(path));
        }
        Ok(())
    }

    /// Sets how long to wait for a database that another process holds.
    ///
    /// # Errors
    /// Never in practice; SQLite only takes a number.
    pub fn set_busy_timeout(&self, wait: Duration) -> Result<(), StoreError> {
        Ok(self.db.busy_timeout(wait)?)
    }

    /// When the entry at this position was decided.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn decided_at_ms(&self, seq: Seq) -> Result<Option<i64>, StoreError> {
        let found = read_ledger(&self.db, seq.saturating_sub(1), 1)?;
        Ok(found.first().filter(|posted| posted.entry.seq == seq).map(|posted| posted.entry.at_ms))
    }
}

fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let directory = |source| StoreError::Directory { path: data_dir.into(), source };
    std::fs::create_dir_all(data_dir).map_err(directory)?;
    let file = File::create(data_dir.join(LOCK_FILE)).map_err(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(data_dir.into())),
        Err(std::fs::TryLockError::Error(source)) => Err(directory(source)),
    }
}

/// Opens the database and brings its tables up to date; returns whether there was need for that.
fn prepare(
    data_dir: &Path,
    high_water_mark: &HighWaterMark,
) -> Result<(Connection, bool), StoreError> {
    let path = data_dir.join(DATABASE_FILE);
    if !path.exists() {
        high_water_mark.check_may_create(&path)?;
    }
    let mut db = Connection::open(&path)?;
    // Looked at first: what is not ours, or newer, is left as it is.
    if schema::check_ours(&db, schema::newest())? == 0 {
        high_water_mark.check_may_create(&path)?;
    }
    configure(&db)?;
    let is_new_version = schema::migrate(&mut db, data_dir)?;
    Ok((db, is_new_version))
}

fn configure(db: &Connection) -> Result<(), StoreError> {
    // Another process may hold the database for a backup: wait for it, but not for ever.
    db.busy_timeout(DATABASE_WAIT)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL would sync at checkpoints only, and a power cut would take back answered deductions.
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "wal_autocheckpoint", 1_000)?;
    db.pragma_update(None, "journal_size_limit", 8 << 20)?;
    // The writer appends and hardly reads.
    db.pragma_update(None, "cache_size", -1_024)?;
    db.pragma_update(None, "temp_store", "memory")?;
    // A memory map would turn an I/O error into SIGBUS.
    db.pragma_update(None, "mmap_size", 0)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Opens an existing database for reading only, beside the daemon.
///
/// # Errors
/// If there is none, or it is not a gateway's.
pub fn open_read_only(data_dir: &Path) -> Result<Connection, StoreError> {
    open_file_read_only(&data_dir.join(DATABASE_FILE))
}

/// The same for whom it must be the one that was there: with the note, which is read first and so
/// is never ahead of the database.
///
/// # Errors
/// As [`open_read_only`], and if there was a database and is none now.
pub fn open_with_high_water_mark(
    data_dir: &Path,
) -> Result<(Connection, HighWaterMark), StoreError> {
    let high_water_mark = HighWaterMark::find(data_dir);
    match open_read_only(data_dir) {
        Ok(db) => Ok((db, high_water_mark)),
        Err(StoreError::Missing(path)) => {
            high_water_mark.check_may_create(&path)?;
            Err(StoreError::Missing(path))
        }
        Err(error) => Err(error),
    }
}

/// The same, whatever the file is called.
///
/// # Errors
/// As [`open_read_only`].
pub fn open_file_read_only(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.into()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(DATABASE_WAIT)?;
    match schema::check_ours(&db, schema::newest())? {
        0 => Err(StoreError::Missing(path.into())),
        _ => Ok(db),
    }
}

/// The version of a database, and the newest that this program knows.
///
/// # Errors
/// If it is not a gateway's.
pub fn version(db: &Connection) -> Result<(i32, i32), StoreError> {
    let newest = schema::newest();
    Ok((schema::check_ours(db, newest)?, newest))
}

/// When the last entry of the database in this directory was decided.
///
/// # Errors
/// If there is no database, or it cannot be read.
pub fn last_decided_at_ms(data_dir: &Path) -> Result<Option<i64>, StoreError> {
    let db = open_read_only(data_dir)?;
    let found = read_ledger(&db, read_last_seq(&db)?.saturating_sub(1), 1)?;
    Ok(found.last().map(|posted| posted.entry.at_ms))
}

/// Reads whose database this is, or makes it the configured gateway's if it is new.
fn claim(db: &Connection, site: &str, gateway: &str) -> Result<(Origin, Progress), StoreError> {
    let Some((origin, progress)) = read_identity(db)? else {
        let epoch = Uuid::new_v4();
        db.execute(
            "INSERT INTO gateway VALUES (1, ?1, ?2, ?3, 0, 0, 0, 0, ?4, 0, 0, 0)",
            params![site, gateway, epoch.as_bytes(), fastrand::i64(..)],
        )?;
        let origin = Origin { site: site.into(), gateway: gateway.into(), epoch };
        return Ok((origin, Progress::default()));
    };
    check_owner(&origin, site, gateway)?;
    Ok((origin, progress))
}

/// A database is not another gateway's.
///
/// # Errors
/// If it is.
pub fn check_owner(origin: &Origin, site: &str, gateway: &str) -> Result<(), StoreError> {
    if (origin.site.as_str(), origin.gateway.as_str()) == (site, gateway) {
        return Ok(());
    }
    Err(StoreError::OtherGateway {
        found: format!("{}/{}", origin.site, origin.gateway),
        configured: format!("{site}/{gateway}"),
    })
}

/// Whose database this is; `None` if it has not been claimed.
///
/// # Errors
/// If it cannot be read.
pub fn read_identity(db: &Connection) -> Result<Option<(Origin, Progress)>, StoreError> {
    // The running clock is saved with other news only; a mark is set every hour.
    let sql = "SELECT site, gateway, epoch, acked_seq,
               max(running_ms, coalesce((SELECT max(running_ms) FROM mark), 0)) FROM gateway";
    let row = db.query_row(sql, [], |row| {
        let origin = Origin {
            site: row.get(0)?,
            gateway: row.get(1)?,
            epoch: Uuid::from_bytes(row.get(2)?),
        };
        let progress = Progress { acked_seq: get_u64(row, 3)?, running_ms: get_u64(row, 4)? };
        Ok((origin, progress))
    });
    Ok(row.optional()?)
}

/// The stock: the table of stock, and what the ledger has behind it. Checked against the
/// ledger's last entry.
///
/// # Errors
/// If it cannot be read, or does not match the ledger.
pub fn load_stock(db: &Connection) -> Result<Stock, StoreError> {
    check_beginning(db)?;
    let mut items = stock::items(db)?;
    if let Some(n) = ledger::n_behind(db, checkpoint_seq(db)?)? {
        let mut newer = BTreeMap::new();
        ledger::each_chunk(db, n, |n, chunk| {
            catch_up(&mut newer, n, chunk)?;
            Ok(true)
        })?;
        let is_newer = |sku: &Sku, item: &Item| {
            items.get(sku.as_str()).is_none_or(|known| known.version < item.version)
        };
        newer.retain(|sku, item| is_newer(sku, item));
        items.set_all(&newer);
    }
    let (seq, checks) = ledger::last_row(db)?.map(|row| row.chunk.last()).unwrap_or_default();
    let stock = Stock::load(items, stock::holds(db)?, seq, checks.chain, taken(db)?);
    if stock.checks() != checks {
        return Err(StoreError::Damaged(format!(
            "the stock does not match the ledger at entry {seq}"
        )));
    }
    match stock.sku_with_wrong_holds() {
        Some(sku) => Err(StoreError::Damaged(format!(
            "the open reservations of SKU {sku} do not add up to what is reserved"
        ))),
        None => Ok(stock),
    }
}

/// A ledger begins where pruning has left it.
fn check_beginning(db: &Connection) -> Result<(), StoreError> {
    let pruned_seq = pruned_seq(db)?;
    match row_from(db, 0)?.map_or(pruned_seq, |row| row.chunk.base.0) {
        begins if begins == pruned_seq => Ok(()),
        begins => Err(StoreError::Damaged(format!(
            "the ledger should begin behind entry {pruned_seq}, but begins behind entry {begins}"
        ))),
    }
}

fn pruned_seq(db: &Connection) -> Result<Seq, StoreError> {
    let sql = "SELECT pruned_seq FROM gateway";
    Ok(db.query_row(sql, [], |row| get_u64(row, 0)).optional()?.unwrap_or(0))
}

/// Notes what a chunk made of the stock over what those before it did.
fn catch_up(newer: &mut BTreeMap<Sku, Item>, n: i64, chunk: &[u8]) -> Result<(), StoreError> {
    let mut unknown = Ok(());
    LedgerChunk::scan(n, chunk, |version, sku, (on_hand, reserved)| {
        let item = Item { on_hand, reserved, version };
        match newer.get_mut(sku) {
            Some(older) => *older = item,
            None => match Sku::parse(sku) {
                Ok(sku) => drop(newer.insert(sku, item)),
                Err(error) => unknown = Err(StoreError::Damaged(format!("row {n}: SKU {error}"))),
            },
        }
    })?;
    unknown
}

fn checkpoint_seq(db: &Connection) -> Result<Seq, StoreError> {
    let sql = "SELECT stocked_seq FROM gateway";
    Ok(db.query_row(sql, [], |row| get_u64(row, 0)).optional()?.unwrap_or(0))
}

fn save_checkpoint_seq(db: &Connection, seq: Seq) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE gateway SET stocked_seq = ?1")?.execute([to_i64(seq)])?;
    Ok(())
}

fn taken(db: &Connection) -> Result<Taken, StoreError> {
    if !schema::has_catalogue(db)? {
        return Ok(Taken::default());
    }
    let sql = "SELECT taken_transfer, taken_at_seq, taken_catalogue FROM gateway";
    let taken = db.query_row(sql, [], |row| {
        let (transfer, at_seq) = (get_u64(row, 0)?, get_u64(row, 1)?);
        Ok(Taken { transfer, at_seq, catalogue: get_u64(row, 2)? })
    });
    Ok(taken.optional()?.unwrap_or_default())
}

/// Saves what was taken of what the hub sent. A SKU that only became known is in no entry of the
/// ledger, so its row is written at once.
fn save_taken(db: &Transaction<'_>, changes: &Changes) -> Result<(), StoreError> {
    let Some(taken) = changes.taken else {
        return Ok(());
    };
    let sql = "UPDATE gateway SET taken_transfer = ?1, taken_at_seq = ?2, taken_catalogue = ?3";
    db.prepare_cached(sql)?.execute([taken.transfer, taken.at_seq, taken.catalogue].map(to_i64))?;
    stock::save_items(db, changes.items.iter().filter(|(_, item)| item.version == 0))?;
    catalogue::save(db, &changes.listings)
}

fn seed(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.query_row("SELECT seed FROM gateway", [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

/// Saves the reservations that a batch opened and closed; `next` is the number of its first fact.
fn save_holds(db: &Transaction<'_>, changes: &Changes, next: i64) -> Result<(), StoreError> {
    for (id, hold) in &changes.holds {
        let numbered = changes.ledger_records.iter().zip(next..);
        let is_its = |fact: &LedgerRecord| fact.request_id == *id && fact.record.is_some();
        let n = numbered.filter(|(fact, _)| is_its(fact)).map(|(_, n)| n).last();
        stock::save_hold(db, id, hold.as_ref(), n.unwrap_or(next))?;
    }
    Ok(())
}

fn save_progress(db: &Connection, progress: Progress) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE gateway SET acked_seq = ?1, running_ms = ?2")?
        .execute([to_i64(progress.acked_seq), to_i64(progress.running_ms)])?;
    Ok(())
}

/// SQLite's integers are signed; positions and times never come near the sign.
pub(crate) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).expect("positions and times are counted up from 0")
}

pub(crate) fn get_u64(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// Turns a stored text back into an id; only damage makes this fail.
pub(crate) fn stored<T, E: std::error::Error + Send + Sync + 'static>(
    index: usize,
    parsed: Result<T, E>,
) -> rusqlite::Result<T> {
    parsed.map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
#[cfg(test)]
mod write_cost_tests;
