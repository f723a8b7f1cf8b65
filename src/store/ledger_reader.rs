//! Reading of ledger and catalogue beside the writer, for asynchronous callers.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::catalogue::sku_of_barcode;
use super::error::StoreError;
use super::files::DATABASE_FILE;
use super::ledger::read_ledger;
use super::read_only::open_read_only;
use super::reserve::free_bytes;
use crate::stock::{Posted, Seq, Sku};

/// A read-only connection of its own. Clones share it.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    /// Readers take turns, so a burst of queries holds one snapshot of the database at a time.
    db: Arc<Mutex<Connection>>,
    data_dir: Arc<Path>,
}

/// Sizes on disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseSizes {
    /// The database file.
    pub database: u64,
    /// Its write-ahead log.
    pub wal: u64,
    /// Free space of the filesystem; `None` if it cannot be determined.
    pub free: Option<u64>,
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
        Ok(Self { db, data_dir: data_dir.into() })
    }

    /// The sizes of the database's files; 0 for a file that does not exist.
    pub fn sizes(&self) -> DatabaseSizes {
        let bytes = |suffix: &str| {
            let file = self.data_dir.join(format!("{DATABASE_FILE}{suffix}"));
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        DatabaseSizes { database: bytes(""), wal: bytes("-wal"), free: free_bytes(&self.data_dir) }
    }

    /// Up to `limit` entries after the position `after`, in order. Runs on the blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Posted>, StoreError> {
        self.query(move |db| read_ledger(db, after, limit)).await
    }

    /// The SKU that the first of these barcodes stands for which is in the catalogue. Runs on the
    /// blocking pool.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sku_of_barcode(&self, codes: Vec<String>) -> Result<Option<Sku>, StoreError> {
        let first = move |db: &Connection| {
            let found = codes.iter().map(|code| sku_of_barcode(db, code));
            found.filter_map(Result::transpose).next().transpose()
        };
        self.query(first).await
    }

    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let run = move || query(&db.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(run).await.expect("reading does not panic")
    }
}
