//! Opening of the database for writing: lock, migrate, load, check.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::catalogue_repair;
use super::checkpoint::Checkpoint;
use super::data_dir::DataDir;
use super::database::{Opened, Store};
use super::demand_table::read_demand;
use super::error::StoreError;
use super::files::{DATABASE_FILE, UNFINISHED_DIR};
use super::gateway_row::{self, GatewayRow, Positions};
use super::high_water_mark::HighWaterMark;
use super::ledger::row_from;
use super::ledger_end::LedgerEnd;
use super::ledger_repair::correct_rows;
use super::load::load;
use super::locked_file::LockedFile;
use super::migrate::{create, migrate};
use super::placement::Placement;
use super::repairs::{MARK, Repair, Repairs, check_structure, keep_sound_rows};
use super::reported_rows::DamagedReports;
use super::request_index::RequestIndex;
use super::reservation_order::ReservationOrder;
use super::reserve::DiskReserve;
use super::retention::{check_marks, tell_marks};
use super::sql_values::to_i64;
use super::upgrade_copies::UpgradeCopies;
use super::version::check_ours;
use crate::clock;
use crate::limits::DATABASE_WAIT;
use crate::stock::{DemandCounter, Origin, Stock};

impl Store {
    /// Opens the database of a gateway, or creates it, and loads what it holds.
    ///
    /// # Errors
    /// If the directory is in use or unusable, or the database is damaged, is another gateway's,
    /// is not the one that was there, or is gone.
    pub fn open(data_dir: &Path, site: &str, gateway: &str) -> Result<(Self, Opened), StoreError> {
        let data_dir = Arc::new(DataDir::lock(data_dir)?);
        let mut reserve = DiskReserve::open(Arc::clone(&data_dir));
        let mut high_water_mark = HighWaterMark::read_locked(&data_dir);
        let start = Start { data_dir: &data_dir, high_water_mark: &high_water_mark, site, gateway };
        let database = start.prepare_with_reserve(&mut reserve);
        let loaded = database.and_then(|PreparedDatabase { db, file, is_upgraded }| {
            let was_marked = high_water_mark.exists();
            if is_upgraded {
                // The upgrade may have made it.
                high_water_mark = HighWaterMark::read_locked(&data_dir);
            }
            let check = |origin: &Origin, end| high_water_mark.check_reached(origin, end);
            let (row, stock, request_index, repairs) = load_and_repair(&db, site, gateway, check)?;
            let GatewayRow { identity, positions, .. } = row;
            let origin = identity.origin.clone();
            if !was_marked && stock.seq() > 0 {
                warn_of_copy();
            }
            let progress = positions.progress;
            let reservations = ReservationOrder::load(&db)?;
            let checkpoint = Checkpoint::new(positions.checkpoint_seq, stock.seq());
            let placement = Placement::of(&data_dir, file)
                .map_err(|source| StoreError::Directory { path: data_dir.path().into(), source })?;
            let books = positions.books;
            let demand = DemandCounter::load(read_demand(&db).unwrap_or_else(|error| {
                tracing::warn!(%error, "what was refused for want of stock cannot be read, and is counted from 0");
                Vec::new()
            }));
            let opened = Opened { origin, stock, progress, books, demand, repairs };
            let copies =
                UpgradeCopies::new(Arc::clone(&data_dir), progress.running_ms, is_upgraded);
            let row = (identity, positions);
            Ok((db, row, request_index, reservations, checkpoint, placement, copies, opened))
        });
        let (db, row, request_index, reservations, checkpoint, placement, copies, opened) =
            loaded.map_err(|error| reserve.explain(error))?;
        let mut store = Self {
            db,
            request_index,
            reservations,
            checkpoint,
            reserve,
            high_water_mark,
            signed_seq: 0,
            signed_with_entry: None,
            key: None,
            copies,
            identity: row.0,
            positions: row.1,
            displaced: None,
            placement_checked_at: clock::instant(),
            placement,
            data_dir,
        };
        store.save_high_water_mark(&opened.stock);
        if store.high_water_mark.exists() {
            // What an interrupted restore has left; if it had put this database in its place, the
            // mark is renewed now.
            let _ = fs::remove_dir_all(store.data_dir.path().join(UNFINISHED_DIR));
        }
        store.restore_reserve();
        Ok((store, opened))
    }
}

/// Reads everything that the gateway holds in memory. What is damaged is made up for first in
/// memory; if the whole is sound then, and passes `check`, it is written.
pub(super) fn load_and_repair(
    db: &Connection,
    site: &str,
    gateway: &str,
    check: impl FnOnce(&Origin, LedgerEnd) -> Result<(), StoreError>,
) -> Result<(GatewayRow, Stock, RequestIndex, Vec<Repair>), StoreError> {
    let mut repairs = Repairs::default();
    let mut row = gateway_row::read_own(db, site, gateway, &mut repairs)?;
    let positions = &mut row.positions;
    let (last_mark_ms, damaged_marks) = check_marks(db)?;
    let damaged_reports = DamagedReports::check(db)?;
    let catalogue = catalogue_repair::check(db, &positions.rows)?;
    let read = |positions: &Positions| {
        let loaded = load(db, positions)?;
        Ok((loaded, RequestIndex::load(db, row.identity.seed, positions.pruned_n)?))
    };
    // The first row is put right if it can be, although a start does without it.
    let loaded = match row_from(db, 0).and_then(|_| read(positions)) {
        Err(StoreError::Damaged(_)) => {
            correct_rows(db, &mut repairs)?;
            read(positions)
        }
        loaded => loaded,
    };
    let ((mut stock, stock_repair), (index, request_repair)) = loaded?;
    check(&row.identity.origin, LedgerEnd { n: index.next() - 1, seq: stock.seq() })?;
    let knows_beginning = positions.pruned_n.is_some();
    positions.pruned_n = Some(to_i64(index.hashes.floor()) - 1);

    if let Some(catalogue) = &catalogue {
        catalogue.tell(&mut repairs);
    }
    let listed = super::catalogue::read_all(db)?;
    let has_gaps = catalogue.is_some() || (positions.taken.catalogue == 0 && !listed.is_empty());
    stock = stock.with_catalogue(if has_gaps { listed.with_gaps() } else { listed });
    let has_damaged_marks = tell_marks(damaged_marks, &mut repairs);
    let has_damaged_reports = damaged_reports.tell(&mut repairs);
    let has_damaged_stock = stock_repair.tell(&mut repairs);
    let has_damaged_hashes = request_repair.tell(&mut repairs);
    if !repairs.is_empty() {
        check_structure(db)?;
        let transaction = db.unchecked_transaction()?;
        if let Some(catalogue) = catalogue {
            catalogue.write(&transaction, positions)?;
            stock = stock.with_taken(positions.taken);
        }
        if has_damaged_marks {
            keep_sound_rows(&transaction, MARK)?;
        }
        if has_damaged_reports {
            damaged_reports.write(&transaction)?;
        }
        if has_damaged_stock {
            stock_repair.write(&transaction, positions)?;
        }
        if has_damaged_hashes {
            request_repair.write(&transaction, &index)?;
        }
        // A copy with a damaged key is not where it would be replaced.
        transaction.execute("DELETE FROM gateway", [])?;
        gateway_row::save(&transaction, &row.identity, positions)?;
        transaction.commit()?;
    } else if !knows_beginning {
        let transaction = db.unchecked_transaction()?;
        gateway_row::save(&transaction, &row.identity, positions)?;
        transaction.commit()?;
    }
    positions.progress.running_ms = positions.progress.running_ms.max(last_mark_ms);
    Ok((row, stock, index, repairs.tell()))
}

/// What is known before the database is open.
struct Start<'a> {
    data_dir: &'a DataDir,
    high_water_mark: &'a HighWaterMark,
    site: &'a str,
    gateway: &'a str,
}

/// A database that is open, of the newest version, and says whose it is.
struct PreparedDatabase {
    db: Connection,
    /// Closed after the connection: see [`DataDir::lock_database`].
    file: LockedFile,
    /// Whether it had an older version.
    is_upgraded: bool,
}

impl Start<'_> {
    /// As [`Self::prepare`]. On a full disk it gives up the reserve and tries once more.
    fn prepare_with_reserve(
        &self,
        reserve: &mut DiskReserve,
    ) -> Result<PreparedDatabase, StoreError> {
        match self.prepare() {
            Err(error) if error.is_full() && reserve.release() => self.prepare(),
            prepared => prepared,
        }
    }

    /// Opens the database, configures the connection, and creates or migrates the tables.
    fn prepare(&self) -> Result<PreparedDatabase, StoreError> {
        let path = self.data_dir.path().join(DATABASE_FILE);
        if !self.data_dir.exists(DATABASE_FILE) {
            self.high_water_mark.check_may_create(&path)?;
        }
        let db = Connection::open(&path)?;
        let file = self.data_dir.lock_database()?;
        let mut prepared = PreparedDatabase { db, file, is_upgraded: false };
        let db = &mut prepared.db;
        // Before anything is written: a file that is not ours, or newer, is left as it is.
        let is_new = check_ours(db)? == 0;
        if is_new {
            self.high_water_mark.check_may_create(&path)?;
        }
        configure(db)?;
        if is_new {
            create(db, |db| gateway_row::create(db, self.site, self.gateway))?;
        } else {
            prepared.is_upgraded = migrate(db, self.data_dir, self.high_water_mark)?;
        }
        if !self.high_water_mark.exists() {
            move_log_into_database(db)?;
        }
        Ok(prepared)
    }
}

fn warn_of_copy() {
    tracing::warn!(
        "nothing beside the database says how far it had come; if it is a copy, units may have been sold since: stop the gateway, and bring it back with `stockgate restore --from`"
    );
}

/// Moves the WAL into the database file. As long as all of a database is in its WAL, it looks like
/// a new one when the WAL is lost.
fn move_log_into_database(db: &Connection) -> Result<(), StoreError> {
    // If another process reads it, the WAL stays, and no harm is done.
    Ok(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
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
