//! Reads the books, on connections of their own, so that queries wait neither for the writer nor
//! for each other.

mod balance;
mod decimals;
mod demand;
mod export;
mod feed;
mod feed_cursor;
mod feed_event;
mod fleet;
mod gateways;
mod held;
mod held_sums;
mod ledger;
mod page;
mod policies;
mod reconcile;
mod recount;
mod recovery;
mod reservations;
mod sinks;
mod status;
mod stock;
mod unused;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(super) use self::balance::balance_page;
pub(super) use self::decimals::decimals;
pub(super) use self::demand::{DemandQuery, demand};
pub(super) use self::export::{ExportPlace, Period, Removed, export_page};
pub(super) use self::feed::{FeedFilter, FeedPage, Gone, events_at, feed_page};
pub(super) use self::feed_cursor::{FeedCursor, feed_ends};
pub(super) use self::feed_event::FeedEvent;
pub(super) use self::fleet::{AGES_S, Fleet, OldestTransfers, fleet};
pub(super) use self::gateways::{GatewayQuery, GatewayState, databases, gateways, size_limits};
pub(super) use self::ledger::{LedgerQuery, ledger, movements};
pub use self::page::BooksPage;
pub(super) use self::policies::{PolicyOfSkuJson, policies, policy, waiting_skus};
#[cfg(test)]
pub(super) use self::reconcile::Known;
pub use self::reconcile::Reconciliation;
pub(super) use self::reconcile::{problems, reconcile};
use self::recount::Recount;
pub(super) use self::recovery::{RecoveryProgress, recovery, reopening};
pub(super) use self::reservations::{
    ReservationJson, ReservationQuery, due_reservations, open_orders, overdue_orders, reservation,
    reservations,
};
pub(super) use self::sinks::{SinkFigures, sink_figures};
pub(super) use self::status::status;
pub use self::stock::StockJson;
pub(super) use self::stock::{GatewayStockJson, stock, stock_list};
pub(super) use self::unused::unused_skus;
use super::core::{RecallStatus, recall_status};
use super::db::sql::{Executor, RowReader, SqlValue};
use super::db::{BooksDatabase, BooksError, BooksTransaction};
use crate::clock::instant;
use crate::limits::{BOOKS_ANSWER_MAX, BOOKS_READERS_MAX, PAGE_MAX};
use crate::net::access::Sites;
use crate::process::stop::Stop;
use crate::stock::RequestId;

/// The time from one count of the whole books to the next is so many times that of a count, so that
/// large books cost no more than small ones, within these bounds.
const RECOUNT_INTERVALS: u32 = 50;
const RECOUNT_INTERVAL_MIN: Duration = Duration::from_secs(10);
const RECOUNT_INTERVAL_MAX: Duration = Duration::from_secs(600);
/// The same as long as none has succeeded: without one, it is not known whether large books balance.
const FIRST_COUNT_RETRY: Duration = Duration::from_secs(1);
/// The longest time that a request waits for the first count.
const FIRST_COUNT_WAIT: Duration = Duration::from_secs(3);
/// The time between two of its pages, in which other queries have the database.
const RECOUNT_PAUSE: Duration = Duration::from_millis(20);

/// Connections for reading. Clones share them.
#[derive(Clone, Debug)]
pub struct BooksReader {
    connections: Arc<Connections>,
    recount: Recount,
}

#[derive(Debug)]
struct Connections {
    /// Bounds the number of queries that run at once.
    permits: Arc<Semaphore>,
    /// The connections that no query uses at the moment.
    idle: Mutex<Vec<BooksDatabase>>,
}

impl BooksReader {
    /// Reads the books of a database that has been opened.
    pub(super) fn open(database: &BooksDatabase) -> Result<Self, BooksError> {
        let connections = (0..BOOKS_READERS_MAX).map(|_| database.reader());
        let idle = Mutex::new(connections.collect::<Result<Vec<_>, _>>()?);
        let permits = Arc::new(Semaphore::new(BOOKS_READERS_MAX));
        let connections = Arc::new(Connections { permits, idle });
        Ok(Self { connections, recount: Recount::default() })
    }

    /// Runs a query on the blocking pool, in one snapshot of the books.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, BooksError> {
        let connections = Arc::clone(&self.connections);
        let permits = Arc::clone(&connections.permits);
        let read = async {
            let permit = permits.acquire_owned().await.expect("it is never closed");
            let read = move || {
                let read = connections.read(query);
                drop(permit);
                read
            };
            tokio::task::spawn_blocking(read).await.expect("reading does not panic")
        };
        timeout(BOOKS_ANSWER_MAX, read).await.unwrap_or(Err(BooksError::SlowServer))
    }

    /// The balance of the books, with a page of the SKUs; `None` if it is not known yet, because the
    /// first count of large books goes on.
    pub(super) async fn reconcile_page(
        &self,
        all: bool,
        after: String,
        limit: usize,
    ) -> Result<Option<Reconciliation>, BooksError> {
        let found = self.reconcile_now(all, after.clone(), limit).await?;
        if found.is_some() {
            return Ok(found);
        }
        self.recount.first(FIRST_COUNT_WAIT).await;
        self.reconcile_now(all, after, limit).await
    }

    async fn reconcile_now(
        &self,
        all: bool,
        after: String,
        limit: usize,
    ) -> Result<Option<Reconciliation>, BooksError> {
        let known = self.recount.known();
        self.read(move |db| reconcile(db, &known, all, &after, limit)).await
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
        self.read(move |db| stock_list(db, &after, limit, &Sites::All)).await
    }

    /// Whether the books balance, without the figures of the SKUs; `None` if that is not known yet.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub async fn reconcile(&self) -> Result<Option<Reconciliation>, BooksError> {
        self.reconcile_page(false, String::new(), 0).await
    }
}

/// Counts the whole books again and again until a stop is requested. A failure is left to the next
/// count.
pub(super) async fn recount(reader: BooksReader, mut stop: Stop) {
    loop {
        let began = instant();
        tokio::select! {
            counted = count(&reader) => drop(counted.map(|found| reader.recount.set(found))),
            () = stop.requested() => return,
        }
        let pause = match reader.recount.is_known() {
            true => until_next_count(began.elapsed()),
            false => FIRST_COUNT_RETRY,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => return,
        }
    }
}

fn until_next_count(taken: Duration) -> Duration {
    (taken * RECOUNT_INTERVALS).clamp(RECOUNT_INTERVAL_MIN, RECOUNT_INTERVAL_MAX)
}

/// The SKUs that do not balance.
async fn count(reader: &BooksReader) -> Result<BTreeSet<String>, BooksError> {
    let (mut differing, mut after) = (BTreeSet::new(), String::new());
    loop {
        let from = std::mem::take(&mut after);
        let page = reader.read(move |db| balance_page(db, &from, PAGE_MAX)).await?;
        let differs = page.items.into_iter().filter(|item| item.differs());
        differing.extend(differs.map(|item| item.sku));
        match page.next {
            Some(next) => after = next,
            None => return Ok(differing),
        }
        tokio::time::sleep(RECOUNT_PAUSE).await;
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

/// The status of a recall from a gateway of these sites; `None` if there is none.
pub(super) fn recall(
    db: &mut dyn Executor,
    request_id: &RequestId,
    sites: &Sites,
) -> Result<Option<RecallStatus>, BooksError> {
    let sql = "SELECT book.site FROM transfer JOIN book ON book.id = transfer.book
               WHERE transfer.request_id = $1";
    for row in db.query(sql, &[SqlValue::text(request_id.as_str())])? {
        if !sites.contains(&RowReader::of(row).text()?) {
            return Ok(None);
        }
    }
    recall_status(&mut BooksTransaction::new(db), request_id)
}
