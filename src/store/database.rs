//! The writer's side of the database: one connection, one transaction per batch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction};

use super::checkpoint::Checkpoint;
use super::data_dir::DataDir;
use super::displacement::Displacement;
use super::error::StoreError;
use super::gateway_row::{self, Identity, Positions, Progress};
use super::high_water_mark::HighWaterMark;
use super::ledger_end::LedgerEnd;
use super::placement::Placement;
use super::repairs::Repair;
use super::request_index::RequestIndex;
use super::request_lookup::RequestLookup;
use super::reservation_order::ReservationOrder;
use super::reserve::DiskReserve;
use super::upgrade_copies::UpgradeCopies;
use super::{catalogue, demand_rows, ledger, signed_rows, stock_table};
use crate::limits::CHECKPOINT_STEP_AT_STOP;
use crate::process::signing_key::SigningKey;
use crate::stock::{
    BooksId, Changes, DemandCounter, Origin, RequestId, RequestRecord, RequestRecords, Seq,
    SignedPosition, Stock,
};

/// The database of a gateway, open for writing.
#[derive(Debug)]
pub struct Store {
    pub(super) db: Connection,
    pub(super) request_index: RequestIndex,
    pub(super) reservations: ReservationOrder,
    pub(super) checkpoint: Checkpoint,
    pub(super) reserve: DiskReserve,
    pub(super) high_water_mark: HighWaterMark,
    /// The last position that was signed since the database was opened; 0 if none was.
    pub(super) signed_seq: Seq,
    /// The last one that was signed in the transaction of its entry.
    pub(super) signed_with_entry: Option<SignedPosition>,
    pub(super) key: Option<Arc<SigningKey>>,
    pub(super) copies: UpgradeCopies,
    pub(super) identity: Identity,
    /// The positions that the database holds.
    pub(super) positions: Positions,
    /// What was not in its place when it was last checked.
    pub(super) displaced: Option<Displacement>,
    /// When that was.
    pub(super) placement_checked_at: Instant,
    /// Below `db`, so that it is dropped after it: see [`DataDir::lock_database`].
    pub(super) placement: Placement,
    /// Keeps the data directory locked as long as the store lives.
    pub(super) data_dir: Arc<DataDir>,
}

/// What a database holds when it is opened.
#[derive(Debug)]
pub struct Opened {
    /// The site, the gateway and the epoch of the database.
    pub origin: Origin,
    /// The stock, with open reservations.
    pub stock: Stock,
    /// How far the hub and the running clock had come.
    pub progress: Progress,
    /// The hub's books that the gateway belongs to, if it has heard of any.
    pub books: Option<BooksId>,
    /// What was refused for want of stock.
    pub demand: DemandCounter,
    /// What was damaged and is repaired, or refused.
    pub repairs: Vec<Repair>,
}

impl Store {
    /// Commits the changes of a batch that was decided on `stock`. When this returns, they survive
    /// a power cut.
    ///
    /// # Errors
    /// If the disk is full or failing, the database is locked, or another program has written to
    /// it. Then nothing was changed; after [`StoreError::Unconfirmed`], nothing as long as this
    /// process lives.
    pub fn commit(
        &mut self,
        changes: &Changes,
        progress: Option<Progress>,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        let (mut checkpoint, mut positions) = (self.checkpoint.clone(), self.positions);
        let (first, end) = (self.request_index.next(), self.end(stock));
        let transaction = ledger::begin(&mut self.db, end)?;
        ledger::append(&transaction, changes, stock.checks(), first)?;
        let (key, origin) = (self.key.as_deref(), &self.identity.origin);
        let signed = signed_rows::sign_multiples(&transaction, key, origin, &changes.entries)?;
        let visited = checkpoint.step(stock, changes.entries.len());
        positions.rows.stock += stock_table::save_items(&transaction, visited)?;
        positions.rows.stock += stock_table::save_hidden(&transaction, changes)?;
        stock_table::save_holds(&transaction, changes, first)?;
        save_from_hub(&transaction, changes, &mut positions)?;
        let index_saved = self.request_index.save(&transaction)?;
        positions.progress = progress.unwrap_or(positions.progress);
        positions.checkpoint_seq = checkpoint.seq;
        if positions != self.positions {
            gateway_row::save(&transaction, &self.identity, &positions)?;
        }
        transaction.commit().map_err(StoreError::of_commit)?;
        (self.checkpoint, self.positions) = (checkpoint, positions);
        if let Some(signed) = signed {
            (self.signed_seq, self.signed_with_entry) = (signed.seq, Some(signed));
        }
        if index_saved {
            self.request_index.saved();
        }
        self.request_index.add(&changes.ledger_records);
        self.reservations.apply(changes, first, &self.request_index);
        Ok(())
    }

    /// Where the ledger ends, with this stock.
    pub(super) fn end(&self, stock: &Stock) -> LedgerEnd {
        LedgerEnd { n: self.request_index.next() - 1, seq: stock.seq() }
    }

    /// Lets the checkpoint visit so many more SKUs.
    pub(super) fn checkpoint_step(
        &mut self,
        stock: &Stock,
        count: usize,
    ) -> Result<(), StoreError> {
        let (mut checkpoint, mut positions) = (self.checkpoint.clone(), self.positions);
        let end = self.end(stock);
        let transaction = ledger::begin(&mut self.db, end)?;
        let visited = checkpoint.visit(stock, count);
        positions.rows.stock += stock_table::save_items(&transaction, visited)?;
        positions.checkpoint_seq = checkpoint.seq;
        gateway_row::save(&transaction, &self.identity, &positions)?;
        transaction.commit()?;
        (self.checkpoint, self.positions) = (checkpoint, positions);
        Ok(())
    }

    /// Brings the stock table up to the end of the ledger, so that the next start has less to
    /// read. `go_on` is asked before each step.
    ///
    /// # Errors
    /// If the database cannot be written. Then the next start reads more of the ledger.
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

    /// Moves the WAL into the database, which is one file then, and closes it. SQLite does so at
    /// any close, but does not report when it fails: the WAL stays then, with committed changes.
    ///
    /// # Errors
    /// If the disk is full or failing, or another process reads the database.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let Self { db, reserve, .. } = self;
        let explained = |error| reserve.explain(StoreError::Sqlite(error));
        let path = PathBuf::from(db.path().unwrap_or_default());
        let wal = PathBuf::from(format!("{}-wal", path.display()));
        let busy: i64 = db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(explained)?;
        db.close().map_err(|(_, error)| explained(error))?;
        if busy != 0 || std::fs::metadata(wal).is_ok_and(|wal| wal.len() > 0) {
            return Err(StoreError::NotClosed(path));
        }
        Ok(())
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        self.data_dir.path()
    }

    /// Where a request may be remembered. Nothing is read from the disk.
    pub fn lookup(&self, id: RequestId) -> RequestLookup {
        let numbers = self.request_index.numbers(&id).collect();
        RequestLookup::new(id, self.request_index.seed(), numbers)
    }

    /// Sets how long to wait for a database that another process has locked.
    ///
    /// # Errors
    /// Never in practice: SQLite only stores the number.
    pub fn set_busy_timeout(&self, wait: Duration) -> Result<(), StoreError> {
        Ok(self.db.busy_timeout(wait)?)
    }

    /// When the entry at this position was decided, in milliseconds since 1970; `None` if the
    /// ledger does not hold it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn decided_at_ms(&self, seq: Seq) -> Result<Option<i64>, StoreError> {
        ledger::decided_at_ms(&self.db, seq)
    }
}

impl RequestRecords for Store {
    type Error = StoreError;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, StoreError> {
        self.request_index.find(&self.db, id)
    }

    fn lost_reason(error: &StoreError) -> Option<String> {
        error.is_damage().then(|| error.to_string())
    }
}

/// Saves what was applied of what the hub sent. A SKU that only became known, or is no longer hidden,
/// is in no entry of the batch, so its row is written at once and not by a checkpoint.
fn save_from_hub(
    db: &Transaction<'_>,
    changes: &Changes,
    positions: &mut Positions,
) -> Result<(), StoreError> {
    let Some(taken) = changes.taken else {
        return Ok(());
    };
    positions.taken = taken;
    let unmoved = changes.items.iter().filter(|(_, item)| item.version <= changes.base_seq);
    positions.rows.stock += stock_table::save_items(db, unmoved)?;
    demand_rows::save_rows(db, &changes.relisted_demand)?;
    catalogue::save(db, &changes.listings, &mut positions.rows)
}
