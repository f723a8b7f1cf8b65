//! Reads the books, on a connection of its own, so that queries do not wait for the writer.

mod gateways;
mod ledger;
mod page;
mod reconcile;
mod stock;

use std::sync::{Arc, Mutex, PoisonError};

pub(super) use self::gateways::{databases, gateways};
pub(super) use self::ledger::{LedgerQuery, ledger};
pub use self::page::BooksPage;
pub use self::reconcile::Reconciliation;
pub(super) use self::reconcile::reconcile;
pub use self::stock::StockJson;
pub(super) use self::stock::{stock, stock_list};
use super::core::{RecallStatus, recall_status};
use super::db::sql::Executor;
use super::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::config::BookStore;
use crate::stock::RequestId;

/// A connection for reading. Clones share it, and one query runs at a time.
#[derive(Clone, Debug)]
pub struct BooksReader {
    database: Arc<Mutex<BooksDatabase>>,
}

impl BooksReader {
    pub(super) fn open(store: &BookStore) -> Result<Self, BooksError> {
        let database = BooksDatabase::open_read_only(store)?;
        Ok(Self { database: Arc::new(Mutex::new(database)) })
    }

    /// Runs a query on the blocking pool, in one snapshot of the books.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, BooksError> {
        let database = Arc::clone(&self.database);
        let read = move || database.lock().unwrap_or_else(PoisonError::into_inner).read(query);
        tokio::task::spawn_blocking(read).await.expect("reading does not panic")
    }

    /// A page of the stock over all gateways: at most `limit` SKUs after one in their order.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub async fn stock(
        &self,
        after: String,
        limit: usize,
    ) -> Result<BooksPage<StockJson>, BooksError> {
        self.read(move |db| stock_list(db, &after, limit)).await
    }

    /// Whether the books balance, without the figures of the SKUs.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub async fn reconcile(&self) -> Result<Reconciliation, BooksError> {
        self.read(|db| reconcile(db, false, "", 0)).await
    }
}

pub(super) fn recall(
    db: &mut dyn Executor,
    request_id: &RequestId,
) -> Result<Option<RecallStatus>, BooksError> {
    recall_status(&mut BooksTransaction::new(db), request_id)
}
