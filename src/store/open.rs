//! Opening of the database for writing: lock, migrate, load, check.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::checkpoint::Checkpoint;
use super::database::{Opened, Store};
use super::error::StoreError;
use super::files::{DATABASE_FILE, LOCK_FILE};
use super::gateway_row::{GatewayRow, read_or_create};
use super::high_water_mark::HighWaterMark;
use super::load::load_stock;
use super::migrate::migrate;
use super::request_index::RequestIndex;
use super::reservation_order::ReservationOrder;
use super::reserve::DiskReserve;
use super::retention::last_mark_ms;

use super::upgrade_copies::UpgradeCopies;
use super::version::check_ours;
use crate::limits::DATABASE_WAIT;

impl Store {
    /// Opens the database of a gateway, or creates it, and loads what it holds.
    ///
    /// # Errors
    /// If the directory is in use or unusable, or the database is damaged, is another gateway's,
    /// or is gone.
    pub fn open(data_dir: &Path, site: &str, gateway: &str) -> Result<(Self, Opened), StoreError> {
        let lock = lock(data_dir)?;
        let mut reserve = DiskReserve::open(data_dir);
        let high_water_mark = HighWaterMark::read(data_dir);
        let db = prepare_with_reserve(data_dir, &high_water_mark, &mut reserve);
        let loaded = db.and_then(|(db, is_upgraded)| {
            let GatewayRow { identity, positions, .. } = read_or_create(&db, site, gateway)?;
            let stock = load_stock(&db)?;
            let origin = identity.origin.clone();
            high_water_mark.check_reached(&origin, stock.seq())?;
            let mut progress = positions.progress;
            progress.running_ms = progress.running_ms.max(last_mark_ms(&db)?);
            let request_index = RequestIndex::load(&db, identity.seed)?;
            let reservations = ReservationOrder::load(&db)?;
            let checkpoint = Checkpoint::new(positions.checkpoint_seq, stock.seq());
            let copies = UpgradeCopies::new(data_dir, progress.running_ms, is_upgraded);
            let opened = Opened { origin, stock, progress };
            Ok((db, identity, positions, request_index, reservations, checkpoint, copies, opened))
        });
        let (db, identity, positions, request_index, reservations, checkpoint, copies, opened) =
            loaded.map_err(|error| reserve.explain(error))?;
        let mut store = Self {
            db,
            request_index,
            reservations,
            checkpoint,
            reserve,
            high_water_mark,
            copies,
            identity,
            positions,
            _lock: lock,
        };
        store.save_high_water_mark(opened.stock.seq());
        store.restore_reserve();
        Ok((store, opened))
    }
}

/// Locks a data directory, which is created if need be, against every other gateway. The lock
/// lasts until the file is closed.
pub(super) fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let directory = |source| StoreError::Directory { path: data_dir.into(), source };
    std::fs::create_dir_all(data_dir).map_err(directory)?;
    let file = File::create(data_dir.join(LOCK_FILE)).map_err(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(data_dir.into())),
        Err(std::fs::TryLockError::Error(source)) => Err(directory(source)),
    }
}

/// As [`prepare`]. On a full disk it gives up the reserve and tries once more.
fn prepare_with_reserve(
    data_dir: &Path,
    high_water_mark: &HighWaterMark,
    reserve: &mut DiskReserve,
) -> Result<(Connection, bool), StoreError> {
    match prepare(data_dir, high_water_mark) {
        Err(error) if error.is_full() && reserve.release() => prepare(data_dir, high_water_mark),
        prepared => prepared,
    }
}

/// Opens the database, configures the connection and migrates the schema. Returns whether the
/// database had an older version.
fn prepare(
    data_dir: &Path,
    high_water_mark: &HighWaterMark,
) -> Result<(Connection, bool), StoreError> {
    let path = data_dir.join(DATABASE_FILE);
    if !path.exists() {
        high_water_mark.check_may_create(&path)?;
    }
    let mut db = Connection::open(&path)?;
    // Before anything is written: a file that is not ours, or newer, is left as it is.
    if check_ours(&db)? == 0 {
        high_water_mark.check_may_create(&path)?;
    }
    configure(&db)?;
    let is_upgraded = migrate(&mut db, data_dir)?;
    Ok((db, is_upgraded))
}

fn configure(db: &Connection) -> Result<(), StoreError> {
    // Another process may hold the database for a backup. Wait for it, but not for ever.
    db.busy_timeout(DATABASE_WAIT)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL would sync at WAL checkpoints only, and a power cut would undo answered deductions.
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
