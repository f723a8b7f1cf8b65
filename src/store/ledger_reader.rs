//! Reading of ledger and catalogue beside the writer, for asynchronous callers.
//!
//! A disk that hangs keeps a thread until it answers. The threads for blocking work are few, and the
//! link to the hub and others need them, too. So reading takes one of them, however many wait for it,
//! and nobody waits without a limit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
use crate::limits::{READ_WAIT, SIZES_WAIT};
use crate::stock::{Barcode, Listing, Posted, Seq, Sku};

/// A read-only connection of its own. Clones share it.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    /// Readers take turns, so a burst of queries holds one snapshot of the database at a time.
    db: Arc<Mutex<Connection>>,
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
        Ok(Self { db, data_dir: Arc::new(Mutex::new(data_dir.into())) })
    }

    /// The sizes of the database's files; `None` if the disk does not answer soon.
    pub async fn sizes(&self) -> Option<DatabaseSizes> {
        blocking(&self.data_dir, SIZES_WAIT, |data_dir| DatabaseSizes::of(data_dir)).await
    }

    /// Up to `limit` entries after the position `after`, in order. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read, or not within [`READ_WAIT`].
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        self.query(move |db| read_ledger(db, after, limit)).await
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
        self.query(first).await
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
        self.query(move |db| barcodes(db, &after, limit)).await
    }

    /// The listing of a SKU. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn listing(&self, sku: Sku) -> Result<Option<Listing>, StoreError> {
        self.query(move |db| listing(db, &sku)).await
    }

    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = blocking(&self.db, READ_WAIT, move |db| query(db)).await;
        result.unwrap_or(Err(StoreError::NoAnswer))
    }
}

impl DatabaseSizes {
    /// 0 for a file that does not exist.
    fn of(data_dir: &Path) -> Self {
        let database = std::fs::metadata(data_dir.join(DATABASE_FILE)).map_or(0, |file| file.len());
        Self { database, wal: wal_bytes(data_dir), free: FreeSpace::of(data_dir) }
    }
}

/// Does this on the blocking pool as soon as no other caller does anything with the same thing.
/// `None` if that takes too long; it goes on then, and its result is dropped.
async fn blocking<S: Send + 'static, T: Send + 'static>(
    shared: &Arc<Mutex<S>>,
    wait: Duration,
    work: impl FnOnce(&S) -> T + Send + 'static,
) -> Option<T> {
    let work = async {
        let shared = Arc::clone(shared).lock_owned().await;
        spawn_blocking(move || work(&shared)).await.expect("reading does not panic")
    };
    timeout(wait, work).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
                let hung = blocking(&shared, wait, |disk| disk.recv().is_ok()).await;
                assert_eq!(hung, None);
            }
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7, "another thread is free");
            disk.send(()).unwrap();
            let again = blocking(&shared, Duration::from_secs(10), |_| 8).await;
            assert_eq!(again, Some(8), "it goes on");
        });
    }
}
