//! The hub's writer: the one thread of this process that changes the books.
//!
//! It handles the jobs that wait (bounded) in one transaction. Acknowledgements and other frames
//! are sent, and requests answered, only after the commit. If the commit fails, nothing is sent,
//! and the gateways send their entries again. If the database refuses what one job stores, the
//! others are handled without it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::batch::{BatchTime, EarlyFrame, HubBatch, HubBatchOutcome, expected};
use super::books_clock::BooksClock;
use super::core::{Books as _, Downlink, Quota, Quotas, Rules, reject_frame};
use super::db::{BooksDatabase, BooksError, Locks};
use super::failures::BooksFailures;
use super::feed::FeedEnd;
use super::health::HubHealth;
use super::jobs::HubJob;
use super::left_out::LeftOut;
use super::metrics::HubMetrics;
use super::open_sales::OpenSales;
use super::publisher::{Publisher, log_limit};
use super::rejected::RejectedFrames;
use super::signer::BooksSigner;
use super::strangers::Strangers;
use crate::clock::{Clock, instant, wall_ms};
use crate::limits::{HUB_BATCH_FRAMES_MAX, HUB_BATCH_REQUESTS_MAX, HUB_BATCH_SKUS_MAX};
use crate::process::stop::Stop;
use crate::protocol::Frame;
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;

/// What a batch that fails leads to.
const NOT_WRITTEN: &str =
    "the books cannot be written; nothing is acknowledged, the gateways keep it";

/// How often a transaction is tried while other workers are in its way.
const ATTEMPTS_MAX: u32 = 8;
/// What another worker takes for some frames, or more.
const OTHERS: Duration = Duration::from_millis(5);
/// A transaction is repeated whose connections of the pool were lost, if that took no longer.
const RECONNECT_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct HubWriter {
    database: BooksDatabase,
    jobs: mpsc::Receiver<HubJob>,
    /// Requests, which are handled before the jobs that wait.
    requests: mpsc::Receiver<HubJob>,
    publisher: Publisher,
    downlink: Downlink,
    metrics: Arc<HubMetrics>,
    rejected: RejectedFrames,
    clock: Clock,
    books_clock: BooksClock,
    failures: Arc<BooksFailures>,
    /// Once a stop is requested, jobs that fail are left to those who sent them.
    stop: Option<Stop>,
    /// Its heart beats after every batch; a tick without other jobs is a batch too.
    health: Arc<HubHealth>,
    /// Whether other workers get some of the frames.
    shared: bool,
    /// Frames that wait for those before them.
    early: Vec<EarlyFrame>,
    rules: Rules,
    strangers: Arc<Strangers>,
    /// Told of every commit.
    feed: Option<FeedEnd>,
    signer: BooksSigner,
    left_out: Arc<LeftOut>,
    open_sales: OpenSales,
    quotas: Quotas,
}

impl HubWriter {
    pub(super) fn new(
        database: BooksDatabase,
        jobs: mpsc::Receiver<HubJob>,
        publisher: Publisher,
        metrics: Arc<HubMetrics>,
    ) -> Self {
        Self {
            database,
            jobs,
            requests: mpsc::channel(1).1,
            publisher,
            downlink: Downlink::default(),
            rejected: RejectedFrames::new(Arc::clone(&metrics)),
            metrics,
            clock: Clock::starting_at(0),
            books_clock: BooksClock::default(),
            failures: Arc::default(),
            stop: None,
            health: Arc::default(),
            shared: false,
            early: Vec::new(),
            rules: Rules::default(),
            strangers: Arc::default(),
            feed: None,
            signer: BooksSigner::default(),
            left_out: Arc::default(),
            open_sales: OpenSales::default(),
            quotas: Quotas::default(),
        }
    }

    /// Notes here which gateways do not answer recalls, and tells those who wait for sales.
    pub(super) fn selling(self, left_out: Arc<LeftOut>, open_sales: OpenSales) -> Self {
        Self { left_out, open_sales, ..self }
    }

    /// Tells those who wait for events of every commit.
    pub(super) fn feeding(self, feed: FeedEnd) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Says whether other workers on the same books get some of the frames.
    pub(super) fn sharing(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Has reservations and open sales end by this clock.
    pub(super) fn timed(self, books_clock: BooksClock) -> Self {
        Self { books_clock, ..self }
    }

    /// Handles these requests before the jobs that wait.
    pub(super) fn serving(self, requests: mpsc::Receiver<HubJob>) -> Self {
        Self { requests, ..self }
    }

    /// Says what the operator has chosen.
    pub(super) fn ruled(self, rules: Rules, strangers: Arc<Strangers>) -> Self {
        Self { rules, strangers, ..self }
    }

    /// Signs the hub's own ledger.
    pub(super) fn signing(mut self, signer: BooksSigner) -> Self {
        self.database.sign_with(signer.key());
        self.metrics.ledger_signed.set(signer.problem().is_none().into());
        Self { signer, ..self }
    }

    /// Records here which frames it rejects.
    pub(super) fn rejecting(self, rejected: RejectedFrames) -> Self {
        Self { rejected, ..self }
    }

    pub(super) fn reporting(self, failures: Arc<BooksFailures>) -> Self {
        Self { failures, ..self }
    }

    pub(super) fn ending(self, stop: Stop) -> Self {
        Self { stop: Some(stop), ..self }
    }

    pub(super) fn reporting_health(self, health: Arc<HubHealth>) -> Self {
        Self { health, ..self }
    }

    /// Runs until all senders of jobs are dropped; or, after a request to stop, until the books
    /// cannot be written.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next_job() {
            self.wait_for_others();
            let more = std::iter::from_fn(|| self.jobs.try_recv().ok());
            let mut jobs: Vec<HubJob> =
                std::iter::once(first).chain(more).take(HUB_BATCH_FRAMES_MAX).collect();
            // After the jobs, because a request sends its tick behind itself: one whose tick was taken
            // is taken too, and one that comes later wakes this thread again.
            let mut is_written = self.serve();
            jobs.retain(|job| self.admits(job));
            is_written &= self.handle(&mut jobs);
            self.sign_if_due(false);
            self.health.heartbeat.beat();
            if !is_written && self.stop.as_ref().is_some_and(Stop::is_requested) {
                return;
            }
        }
        self.sign_if_due(true);
        self.settle();
    }

    /// The next job. Requests that were too many for the last batch do not wait for one.
    fn next_job(&mut self) -> Option<HubJob> {
        match self.requests.is_empty() {
            true => self.jobs.blocking_recv(),
            false => Some(self.jobs.try_recv().unwrap_or(HubJob::Tick)),
        }
    }

    /// The readers are closed after this thread, and cannot do it.
    fn settle(&mut self) {
        if let Err(error) = self.database.settle() {
            self.failures.record("the log of the books stays beside their file", &error);
        }
    }

    /// Books that cannot be written are tried by the next batch.
    fn sign_if_due(&mut self, is_stop: bool) {
        if !self.health.is_failing() {
            let now = (wall_ms(), self.clock.since_start_ms());
            self.signer.sign_if_due(&mut self.database, now, is_stop, &self.failures);
        }
    }

    /// Handles the requests that wait, in a batch of their own: somebody waits for each, and a batch
    /// of frames is long. Returns false if the books cannot be written.
    fn serve(&mut self) -> bool {
        let mut requests = self.waiting_requests();
        requests.is_empty() || self.handle(&mut requests)
    }

    fn waiting_requests(&mut self) -> Vec<HubJob> {
        let (mut requests, mut skus) = (Vec::new(), 0);
        while requests.len() < HUB_BATCH_REQUESTS_MAX && skus < HUB_BATCH_SKUS_MAX {
            let Ok(request) = self.requests.try_recv() else { break };
            skus += request.skus();
            requests.push(request);
        }
        requests
    }

    /// Takes no more frames as long as many wait for what other workers have.
    fn wait_for_others(&mut self) {
        while EarlyFrame::are_many(&self.early) {
            std::thread::sleep(OTHERS);
            self.serve();
            self.handle(&mut []);
            self.health.heartbeat.beat();
        }
    }

    /// Whether a job may be handled now: a gateway whose frames lead to nothing, or cannot be stored,
    /// has to wait.
    fn admits(&mut self, job: &HubJob) -> bool {
        let HubJob::Frame(gateway, frame, _) = job else { return true };
        let now_ms = self.clock.since_start_ms();
        let is_used_up = |quota| self.quotas.left(gateway, quota, now_ms) == 0;
        let (quota, reason) = if is_used_up(Quota::Frames) {
            (Quota::Frames, "it sends too many frames that lead to nothing")
        } else if matches!(**frame, Frame::Entries(_)) && is_used_up(Quota::Rejections) {
            (Quota::Rejections, "its last entries could not be stored, it is tried again later")
        } else {
            return true;
        };
        self.metrics.limited.inc(quota);
        self.rejected.record(gateway, reason);
        false
    }

    /// Handles jobs; returns false if the books cannot be written.
    fn handle(&mut self, jobs: &mut [HubJob]) -> bool {
        let early = std::mem::take(&mut self.early);
        if early.is_empty() && self.is_nothing_to_do(jobs) {
            return true;
        }
        match self.handle_together(jobs, &early) {
            Ok(()) => true,
            Err(error) if error.is_of_data() => self.handle_apart(jobs, &early),
            Err(error) => self.fail(&error),
        }
    }

    /// After a failure, a tick finds out whether the books can be written again.
    fn is_nothing_to_do(&self, jobs: &[HubJob]) -> bool {
        !self.health.is_failing()
            && jobs.iter().all(|job| matches!(job, HubJob::Tick))
            && self.downlink.waiting().is_empty()
    }

    fn handle_together(
        &mut self,
        jobs: &mut [HubJob],
        early: &[EarlyFrame],
    ) -> Result<(), BooksError> {
        let began = instant();
        let outcome = self.write(jobs, early)?;
        self.metrics.commits.observe([began.elapsed()]);
        self.feed.iter().for_each(FeedEnd::committed);
        self.signer.note();
        self.publish(outcome);
        self.health.set_failing(false);
        self.failures.end("the books can be written again");
        Ok(())
    }

    /// Handles each job in a transaction of its own, because the database refuses what one of them
    /// stores: that one fails alone.
    fn handle_apart(&mut self, jobs: &mut [HubJob], early: &[EarlyFrame]) -> bool {
        let mut early: Vec<HubJob> = early.iter().map(EarlyFrame::job).collect();
        for job in early.iter_mut().chain(jobs) {
            match self.handle_together(std::slice::from_mut(job), &[]) {
                Ok(()) => {}
                Err(error) if error.is_of_data() => self.reject(job, &error),
                Err(error) => return self.fail(&error),
            }
        }
        true
    }

    fn reject(&mut self, job: &HubJob, error: &BooksError) {
        let HubJob::Frame(gateway, frame, version) = job else {
            return self.failures.record("a request cannot be stored", error);
        };
        let reason = format!("the books cannot hold it: {error}");
        self.rejected.record(gateway, &reason);
        self.metrics.limited.inc(Quota::Rejections);
        self.quotas.charge(gateway, Quota::Rejections, 1, self.clock.since_start_ms());
        self.tell_rejected((gateway, frame, *version), &reason);
    }

    /// Tells people and the gateway why its frame is not booked. It is tried again later anyway.
    fn tell_rejected(
        &mut self,
        (gateway, frame, version): (&GatewayId, &Frame, Version),
        why: &str,
    ) {
        let told = self.database.change(|books| {
            let outcome = reject_frame(books, gateway, frame, why, wall_ms())?;
            let answers = outcome.answer.map(|answer| (gateway.clone(), (version, answer)));
            Ok((books.identity()?, answers))
        });
        if let Ok((books, answers)) = told {
            self.publisher.publish(books, answers.into_iter(), std::iter::empty(), false);
        }
    }

    fn fail(&self, error: &BooksError) -> bool {
        if error.is_unconfirmed() {
            self.health.count_unconfirmed();
        }
        self.metrics.commits_failed.inc();
        self.health.set_failing(true);
        self.failures.record(NOT_WRITTEN, error);
        false
    }

    /// Handles jobs in one transaction, which is repeated if other workers are in its way, and once
    /// if the connection was lost. On an error, nothing has changed.
    fn write(
        &mut self,
        jobs: &mut [HubJob],
        early: &[EarlyFrame],
    ) -> Result<HubBatchOutcome, BooksError> {
        let (began, mut locks) = (instant(), Locks::default());
        let mut unconfirmed = None;
        for attempt in 1.. {
            let error = match self.try_to_write(jobs, early, &locks) {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            if let BooksError::Contended(needed) = &error {
                locks.add(needed);
            }
            let is_passing = error.is_contention()
                || error.ends_connection() && began.elapsed() < RECONNECT_WITHIN;
            if !is_passing || attempt >= ATTEMPTS_MAX {
                return Err(unconfirmed.unwrap_or(error));
            }
            if error.is_unconfirmed() {
                unconfirmed = Some(error);
            }
        }
        unreachable!("the attempts end by returning")
    }

    fn try_to_write(
        &mut self,
        jobs: &mut [HubJob],
        early: &[EarlyFrame],
        locks: &Locks,
    ) -> Result<HubBatchOutcome, BooksError> {
        let now = self.books_clock.now();
        let time = BatchTime { wall_ms: now.wall_ms, running_ms: self.clock.since_start_ms() };
        let (downlink, shared, quotas) = (&mut self.downlink, self.shared, &self.quotas);
        let (rules, strangers) = (self.rules, Arc::clone(&self.strangers));
        let room = self.publisher.room();
        downlink.begin(room.ceiling.clone());
        let mut due = BTreeSet::new();
        let was_failing = self.health.is_failing();
        let left_out = self.left_out.gateways();
        let written = self.database.change(|books| {
            if was_failing {
                books.try_writing()?;
            }
            let (early, waiting) = match shared {
                true => EarlyFrame::part(early, books, time)?,
                false => (early.to_vec(), Vec::new()),
            };
            let busy = books.expect(&expected(jobs, &early, locks, (time, shared)))?;
            books.set_rules(rules, time.wall_ms);
            books.set_steady_ms(now.running_ms.cast_signed());
            books.leave_out(left_out);
            let mut batch = HubBatch::new(books, downlink, time, room, &mut due, &strangers);
            batch = batch.limited(quotas);
            if shared {
                batch = batch.sharing(busy, waiting);
            }
            batch.retry(&early)?;
            for job in jobs {
                if shared { batch.handle_or_wait(job) } else { batch.handle(job) }?;
            }
            batch.finish()
        });
        if written.is_err() {
            // Nothing of what it made ready is sent.
            self.downlink.handle_rollback();
            due.iter().for_each(|gateway| self.downlink.handle_greeting(gateway));
        }
        written
    }

    /// Makes known what is committed.
    fn publish(&mut self, outcome: HubBatchOutcome) {
        self.early.extend(outcome.early);
        self.left_out.note(&outcome.recalls);
        self.open_sales.decided(&outcome.decided_sales);
        let now_ms = self.clock.since_start_ms();
        for (gateway, handled) in &outcome.handled {
            self.metrics.count(handled);
            for quota in Quota::ALL {
                self.quotas.charge(gateway, quota, handled.cost(quota), now_ms);
            }
            handled.limited.into_iter().for_each(|quota| self.metrics.limited.inc(quota));
            if !handled.accepted {
                self.rejected.record(gateway, "it is of another database or of a gateway that is not enrolled, or not for a hub");
            }
        }
        let lost = self.publisher.lost_bytes().into_iter().chain(self.downlink.lost_bytes()).min();
        self.metrics.frame_lost_bytes.set(lost.unwrap_or(0) as u64);
        self.downlink.take_limit_news().into_iter().for_each(log_limit);
        outcome.completions.into_iter().for_each(|complete| complete());
        let (answers, frames) = (outcome.answers.into_iter(), outcome.frames.into_iter());
        self.publisher.publish(outcome.books, answers, frames, !outcome.lacks_room);
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
