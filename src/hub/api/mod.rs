//! What stands behind HTTP and gRPC alike: the reader, the way to the hub's writer, and how central
//! requests are decided. Each of the two reads its own requests and writes its own answers.

mod anywhere;
mod applied;
mod decide;
mod feed;
mod problems;
mod token;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

pub(super) use self::applied::{Applied, AppliedLine};
pub(super) use self::decide::Decided;
use self::problems::unreadable;
pub(super) use self::problems::{cannot_bring_back, no_such_database, unknown_gateway};
pub(super) use self::token::LastingToken;
use crate::hub::books_clock::BooksClock;
use crate::hub::core::SkuDecimals;
use crate::hub::db::sql::Executor;
use crate::hub::db::{BooksError, BooksTransaction, Locks};
use crate::hub::failures::BooksFailures;
use crate::hub::feed::FeedEnd;
use crate::hub::health::HubHealth;
use crate::hub::jobs::{ApplyChange, BooksChange, HubJob, RequestSender};
use crate::hub::left_out::LeftOut;
use crate::hub::metrics::HubMetrics;
use crate::hub::open_sales::OpenSales;
use crate::hub::reader::{self, BooksReader, Reconciliation};
use crate::hub::sinks::Sinks;
use crate::hub::strangers::Strangers;
use crate::limits::{BOOKS_ANSWER_MAX, FEED_FOLLOWERS_MAX};
use crate::problem::{Code, Problem};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

const NO_ANSWER: &str = "the books do not answer in time; whether it was applied is not known, send it again with the same request id";
const UNCONFIRMED: &str = "the books have not confirmed the commit; whether it was applied is not known, send it again with the same request id";
const NOT_COUNTED: &str = "whether the books balance is not known yet: they are counted for the first time since the start";
const NOT_APPLIED: &str = "the books cannot be written; nothing was applied, send it again later";

/// What handlers of both interfaces use; clones share it.
#[derive(Clone, Debug)]
pub(in crate::hub) struct HubApi {
    reader: BooksReader,
    requests: RequestSender,
    metrics: Arc<HubMetrics>,
    failures: Arc<BooksFailures>,
    health: Arc<HubHealth>,
    worker: String,
    pub(in crate::hub) strangers: Arc<Strangers>,
    pub(in crate::hub) feed: FeedEnd,
    pub(in crate::hub) left_out: Arc<LeftOut>,
    pub(in crate::hub) open_sales: OpenSales,
    pub(in crate::hub) sinks: Sinks,
    /// By which reservations and open sales end.
    pub(in crate::hub) clock: BooksClock,
    /// Bounds the number of clients that wait for events.
    pub(in crate::hub) followers: Arc<Semaphore>,
}

impl HubApi {
    pub(in crate::hub) fn new(
        reader: BooksReader,
        requests: RequestSender,
        metrics: Arc<HubMetrics>,
        failures: Arc<BooksFailures>,
        feed: FeedEnd,
    ) -> Self {
        Self {
            reader,
            requests,
            metrics,
            failures,
            health: Arc::default(),
            worker: String::new(),
            strangers: Arc::default(),
            feed,
            left_out: Arc::default(),
            open_sales: OpenSales::default(),
            sinks: Sinks::default(),
            clock: BooksClock::default(),
            followers: Arc::new(Semaphore::new(FEED_FOLLOWERS_MAX)),
        }
    }

    /// Shows the gateways that sales leave out, and waits for sales.
    pub(in crate::hub) fn selling(self, left_out: Arc<LeftOut>, open_sales: OpenSales) -> Self {
        Self { left_out, open_sales, ..self }
    }

    /// Shows when reservations end.
    pub(in crate::hub) fn timed(self, clock: BooksClock) -> Self {
        Self { clock, ..self }
    }

    /// Shows the sinks of the feed.
    pub(in crate::hub) fn delivering(self, sinks: Sinks) -> Self {
        Self { sinks, ..self }
    }

    pub(in crate::hub) fn probed(self, health: Arc<HubHealth>) -> Self {
        Self { health, ..self }
    }

    /// Names the process, and the strangers that it knows.
    pub(in crate::hub) fn named(self, worker: &str, strangers: Arc<Strangers>) -> Self {
        Self { worker: worker.into(), strangers, ..self }
    }

    pub(in crate::hub) fn worker(&self) -> &str {
        &self.worker
    }

    /// Frames that wait until the broker's client takes them.
    pub(in crate::hub) fn pending_out(&self) -> u64 {
        self.metrics.outgoing.get()
    }

    /// Why the hub's own ledger is not signed, if it is not.
    pub(in crate::hub) fn ledger_problem(&self) -> Option<&str> {
        self.health.ledger_problem.as_deref()
    }

    /// Alive means that the writing thread goes round.
    pub(in crate::hub) fn liveness(&self) -> Result<&'static str, Problem> {
        if self.health.is_alive() {
            return Ok("ok\n");
        }
        Err(Problem::new(Code::StorageUnavailable, "the writing thread makes no progress"))
    }

    /// Ready means that the broker has granted the subscriptions, and that the last commit worked or
    /// none was tried.
    pub(in crate::hub) fn readiness(&self) -> Result<&'static str, Problem> {
        match self.health.unready() {
            None => Ok("ready\n"),
            Some(why) => Err(Problem::new(Code::StorageUnavailable, why)),
        }
    }

    /// Why the hub is not ready, if it is not.
    pub(in crate::hub) fn problem(&self) -> Option<String> {
        self.health.problem()
    }

    /// Asks every gateway to greet, instead of waiting until it does so by itself.
    pub(in crate::hub) fn call_gateways(&self) {
        let _ = self.requests.try_send(HubJob::Announce);
    }

    /// Asks a gateway to greet that the books do not have yet.
    pub(in crate::hub) fn call_gateway(&self, gateway: GatewayId, epoch: Uuid) {
        let (online, epoch, fresh) = (true, Some(epoch), false);
        let _ = self.requests.try_send(HubJob::Online { gateway, online, epoch, fresh });
    }

    pub(in crate::hub) fn count_refusal(&self, code: Code) {
        self.metrics.refusals.count(code);
    }

    pub(in crate::hub) fn metrics_page(&self) -> String {
        self.metrics.page(self.health.is_subscribed(), self.left_out.gateways().len())
    }

    /// Reads the books in one snapshot.
    pub(in crate::hub) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.reader.read(query).await.map_err(|error| self.unreadable(&error))
    }

    /// The decimals of SKUs that have had units, which do not change.
    pub(in crate::hub) async fn decimals(
        &self,
        skus: impl Iterator<Item = &Sku>,
    ) -> Result<SkuDecimals, Problem> {
        let skus: Vec<Sku> = skus.cloned().collect();
        self.read(move |db| reader::decimals(db, skus.iter())).await
    }

    pub(in crate::hub) async fn reconcile_page(
        &self,
        all: bool,
        after: String,
        limit: usize,
    ) -> Result<Reconciliation, Problem> {
        let read = self.reader.reconcile_page(all, after, limit).await;
        let found = read.map_err(|error| self.unreadable(&error))?;
        found.ok_or_else(|| Problem::new(Code::StorageUnavailable, NOT_COUNTED))
    }

    fn unreadable(&self, error: &BooksError) -> Problem {
        if !error.is_of_text() {
            self.failures.record("the books cannot be read", error);
        }
        unreadable(error)
    }

    /// Changes the books within the writer's next batch, and returns the result after the commit.
    /// `change` adds the gateways that may have to be sent something; `locks` are the gateways and
    /// SKUs that it changes, as far as they are known.
    pub(in crate::hub) async fn change<T: Send + 'static>(
        &self,
        locks: Locks,
        mut change: impl FnMut(&mut BooksTransaction<'_>, &mut Vec<GatewayId>) -> Result<T, BooksError>
        + Send
        + 'static,
    ) -> Result<T, Problem> {
        let (sender, committed) = oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let apply: ApplyChange = Box::new(move |books, gateways| {
            let result = change(books, gateways)?;
            let sender = Arc::clone(&sender);
            Ok(Box::new(move || {
                let sender = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
                sender.map(|sender| sender.send(result));
            }))
        });
        let job = HubJob::Change(BooksChange { locks, apply });
        let unconfirmed = self.health.unconfirmed();
        if !self.requests.try_send(job) {
            let message = "too many requests wait; retry, nothing was applied";
            return Err(Problem::new(Code::Overloaded, message));
        }
        let answered = tokio::time::timeout(BOOKS_ANSWER_MAX, committed).await;
        let unavailable = |message| Problem::new(Code::StorageUnavailable, message);
        answered.map_err(|_| unavailable(NO_ANSWER))?.map_err(|_| {
            // The writer has dropped the request.
            let is_known = self.health.unconfirmed() == unconfirmed;
            unavailable(if is_known { NOT_APPLIED } else { UNCONFIRMED })
        })
    }
}
