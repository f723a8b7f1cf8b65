//! Reads the books, on connections of their own, so that queries wait neither for the writer nor
//! for each other.

mod gateways;
mod ledger;
mod page;
mod reconcile;
mod stock;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::timeout;

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
use crate::limits::{BOOKS_READERS_MAX, BOOKS_TRANSACTION_MAX};
use crate::stock::RequestId;

/// Connections for reading. Clones share them.
#[derive(Clone, Debug)]
pub struct BooksReader {
    connections: Arc<Connections>,
}

#[derive(Debug)]
struct Connections {
    /// Bounds the number of queries that run at once.
    permits: Semaphore,
    /// The connections that no query uses at the moment.
    idle: Mutex<Vec<BooksDatabase>>,
}

impl BooksReader {
    /// Reads the books of a database that has been opened.
    pub(super) fn open(database: &BooksDatabase) -> Result<Self, BooksError> {
        let connections = (0..BOOKS_READERS_MAX).map(|_| database.reader());
        let idle = Mutex::new(connections.collect::<Result<Vec<_>, _>>()?);
        let permits = Semaphore::new(BOOKS_READERS_MAX);
        Ok(Self { connections: Arc::new(Connections { permits, idle }) })
    }

    /// Runs a query on the blocking pool, in one snapshot of the books.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, BooksError> {
        let acquired = timeout(BOOKS_TRANSACTION_MAX, self.connections.permits.acquire()).await;
        let permit = acquired.map_err(|_| BooksError::Busy)?.expect("it is never closed");
        let connections = Arc::clone(&self.connections);
        let read = tokio::task::spawn_blocking(move || connections.read(query)).await;
        drop(permit);
        read.expect("reading does not panic")
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

impl Connections {
    fn read<T>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError>,
    ) -> Result<T, BooksError> {
        let mut database = self.idle().pop().expect("as many as permits");
        let read = database.read(query);
        self.idle().push(database);
        read
    }

    fn idle(&self) -> MutexGuard<'_, Vec<BooksDatabase>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn recall(
    db: &mut dyn Executor,
    request_id: &RequestId,
) -> Result<Option<RecallStatus>, BooksError> {
    recall_status(&mut BooksTransaction::new(db), request_id)
}
