//! Reading of ledger and catalogue beside the writer, for asynchronous callers.
//!
//! A disk that hangs keeps a thread until it answers. The threads for blocking work are few, and the
//! link to the hub and others need them, too. So reading takes one of them, however many wait for it,
//! and nobody waits without a limit. Terminals wait behind the link: see [`super::read_turns`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::catalogue::{barcodes, find_barcode, listing};
use super::error::StoreError;
use super::files::DATABASE_FILE;
use super::free_space::FreeSpace;
use super::ledger::read_ledger;
use super::maintenance::wal_bytes;
use super::read_only::open_read_only;
use super::read_turns::{Rank, ReadTurns};
use super::request_lookup::RequestLookup;
use super::signed_table::signed_at;
use crate::limits::{READ_WAIT, SIZES_WAIT};
use crate::stock::{Barcode, Listing, Posted, RequestRecord, Seq, Signed, Sku};

/// A read-only connection of its own. Clones share it.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    /// Readers take turns, so a burst of queries holds one snapshot of the database at a time.
    db: Arc<Mutex<Connection>>,
    turns: Arc<ReadTurns>,
    /// Locked while its files are looked at.
    data_dir: Arc<Mutex<PathBuf>>,
}

/// Sizes on disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseSizes {
    /// The database file.
    pub database: u64,
    /// Its write-ahead log.
    pub wal: u64,
    /// What the filesystem has left.
    pub free: FreeSpace,
}

impl LedgerReader {
    /// Opens the database in this directory.
    ///
    /// # Errors
    /// If there is no database of a gateway.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let db = open_read_only(data_dir)?;
        // Only the writer closes the database: see [`super::Store::check_placement`].
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let db = Arc::new(Mutex::new(db));
        let (turns, data_dir) = (Arc::new(ReadTurns::new()), Arc::new(Mutex::new(data_dir.into())));
        Ok(Self { db, turns, data_dir })
    }

    /// The sizes of the database's files; `None` if the disk does not answer soon.
    pub async fn sizes(&self) -> Option<DatabaseSizes> {
        let sizes = blocking(&self.data_dir, |data_dir| DatabaseSizes::of(data_dir));
        timeout(SIZES_WAIT, sizes).await.ok()
    }

    /// Up to `limit` entries after the position `after`, in order. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read, or not within [`READ_WAIT`], or too many others wait.
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        self.query(Rank::Query, move |db| read_ledger(db, after, limit)).await
    }

    /// As [`Self::read`], for the link to the hub.
    ///
    /// # Errors
    /// If the database cannot be read, or not within [`READ_WAIT`].
    pub async fn read_for_link(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        self.query(Rank::Link, move |db| read_ledger(db, after, limit)).await
    }

    /// What was signed at this position, for the link to the hub.
    ///
    /// # Errors
    /// If the database cannot be read, or not within [`READ_WAIT`].
    pub async fn signed_at(&self, seq: Seq) -> Result<Option<Signed>, StoreError> {
        self.query(Rank::Link, move |db| signed_at(db, seq)).await
    }

    /// The SKU and the content of the first of these barcodes which is in the catalogue. Runs on the
    /// blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn find_barcode(&self, codes: Vec<String>) -> Result<Option<(Sku, u64)>, StoreError> {
        let first = move |db: &Connection| {
            let found = codes.iter().map(|code| find_barcode(db, code));
            found.filter_map(Result::transpose).next().transpose()
        };
        self.query(Rank::Scan, first).await
    }

    /// Up to `limit` barcodes of the catalogue after this one, in order, each with its SKU. Runs on
    /// the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn barcodes(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<(Barcode, Sku)>, StoreError> {
        self.query(Rank::Query, move |db| barcodes(db, &after, limit)).await
    }

    /// What is remembered of a request. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn find_request(
        &self,
        lookup: RequestLookup,
    ) -> Result<Option<RequestRecord>, StoreError> {
        self.query(Rank::Query, move |db| lookup.read(db)).await
    }

    /// The listing of a SKU. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn listing(&self, sku: Sku) -> Result<Option<Listing>, StoreError> {
        self.query(Rank::Query, move |db| listing(db, &sku)).await
    }

    async fn query<T: Send + 'static>(
        &self,
        rank: Rank,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = async {
            let _turn = self.turns.turn(rank).await?;
            blocking(&self.db, move |db| query(db)).await
        };
        timeout(READ_WAIT, read).await.unwrap_or(Err(StoreError::NoAnswer))
    }
}

impl DatabaseSizes {
    /// 0 for a file that does not exist.
    fn of(data_dir: &Path) -> Self {
        let database = std::fs::metadata(data_dir.join(DATABASE_FILE)).map_or(0, |file| file.len());
        Self { database, wal: wal_bytes(data_dir), free: FreeSpace::of(data_dir) }
    }
}

/// Does this on the blocking pool as soon as no other caller does anything with the same thing. If
/// the caller waits no longer, it goes on, and its result is dropped.
async fn blocking<S: Send + 'static, T: Send + 'static>(
    shared: &Arc<Mutex<S>>,
    work: impl FnOnce(&S) -> T + Send + 'static,
) -> T {
    let shared = Arc::clone(shared).lock_owned().await;
    spawn_blocking(move || work(&shared)).await.expect("reading does not panic")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_that_hangs_keeps_one_thread_and_no_caller_for_long() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(2).enable_time().build().unwrap();
        let (disk, answers) = mpsc::channel::<()>();
        let shared = Arc::new(Mutex::new(answers));
        let wait = Duration::from_millis(20);
        runtime.block_on(async {
            for _ in 0..10 {
                let hung = blocking(&shared, |disk: &mpsc::Receiver<()>| disk.recv().is_ok());
                assert!(timeout(wait, hung).await.is_err());
            }
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7, "another thread is free");
            disk.send(()).unwrap();
            let again = timeout(Duration::from_secs(10), blocking(&shared, |_| 8)).await;
            assert_eq!(again, Ok(8), "it goes on");
        });
    }
}
