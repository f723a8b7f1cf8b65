//! The writer: the one thread that owns the database and changes the committed state.
//!
//! Nothing is said before it is true: an answer, a push to a terminal or a frame to the hub comes
//! after the commit that it speaks of.
//!
//! The writer takes a bounded batch from its queue, decides all of it on a draft, commits the
//! draft's changes in one transaction with one sync, and only then publishes them and answers. So
//! a lone request pays for one sync, and a thousand that arrive together share one. If the commit
//! fails, the draft is dropped: memory stays as the disk is, every request of the batch is
//! answered with "not decided", and may be sent again as it is. If it was the sync that failed, the
//! answer says that the request may have been applied: the log may hold the changes, until the next
//! commit overwrites them, and a start before that finds them.
//!
//! Before it answers, it checks that the files of the database are where they were opened. A commit
//! into a file without a name is lost when the process ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flume::RecvTimeoutError;

use super::batch::Batch;
use super::demand_saver::DemandSaver;
use super::intake::{self, Intake, JobQueue, StorageUnavailable, WriterJob, WriterRules};
use super::signer::Signer;
use super::state::CommittedState;
use crate::clock::{self, Now};
use crate::limits::{
    CHECKPOINT_AT_STOP_MAX, DATABASE_WAIT, DATABASE_WAIT_FAILING, RUNNING_CLOCK_SAVE_MS,
    WRITER_IDLE,
};
use crate::metrics::GatewayMetrics;
use crate::process::log_throttle::LogThrottle;
use crate::stock::{BooksId, Changes, CommandAnswer, Draft, Seq, Sku, Taken};
use crate::store::{Progress, Store, StoreError};

/// The state of the writer's thread.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Store,
    pub(super) state: Arc<CommittedState>,
    pub(super) rules: WriterRules,
    /// The progress that the database holds.
    pub(super) saved: Progress,
    /// The running time of the last housekeeping.
    pub(super) housekept_at_ms: u64,
    /// Whether the wall clock was unset at the last housekeeping.
    pub(super) clock_is_unset: bool,
    pub(super) prune_failures: LogThrottle,
    pub(super) log_readers: LogThrottle,
    pub(super) signer: Signer,
    pub(super) demand_saver: DemandSaver,
    metrics: Arc<GatewayMetrics>,
    jobs: JobQueue,
    storage_failures: LogThrottle,
    waiting_grants: LogThrottle,
    /// Whether the last batch had several commands.
    is_busy: bool,
    /// When the last checkpoint ends, once a stop was requested.
    checkpoint_deadline: Option<Instant>,
    /// The changes of the last batch: the next draft reuses their allocations.
    spare_changes: Changes,
    /// The last batch, for the same reason.
    spare_batch: Batch,
}

impl Writer {
    /// Makes a writer and the intake in front of it. `saved` is the progress that the database
    /// holds.
    pub fn new(
        mut store: Store,
        state: Arc<CommittedState>,
        metrics: Arc<GatewayMetrics>,
        rules: WriterRules,
        saved: Progress,
    ) -> (Self, Intake) {
        let (intake, jobs) = intake::queue();
        let (signer, signatures) = Signer::of(&mut store);
        state.set_signatures(signatures);
        let writer = Self {
            store,
            state,
            rules,
            saved,
            housekept_at_ms: 0,
            clock_is_unset: clock::is_unset(),
            prune_failures: LogThrottle::default(),
            log_readers: LogThrottle::default(),
            signer,
            demand_saver: DemandSaver::default(),
            metrics,
            jobs,
            storage_failures: LogThrottle::default(),
            waiting_grants: LogThrottle::default(),
            is_busy: false,
            checkpoint_deadline: None,
            spare_changes: Changes::default(),
            spare_batch: Batch::default(),
        };
        (writer, intake)
    }

    /// Runs until a stop is requested, or until every [`Intake`] is dropped.
    pub fn run(mut self) {
        if let Err(error) = self.store.check_space(false) {
            self.storage_failed(error);
        }
        let mut running = true;
        while running {
            running = match self.jobs.recv_timeout(self.timeout(), self.is_busy) {
                Ok(first) => self.run_batch(first),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            self.housekeep();
            self.state.heartbeat.beat();
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the last checkpoint could not be written; the next start takes longer");
        }
        // The last checkpoint takes a while, and closing must leave the files of others alone.
        let _ = self.store.check_placement();
    }

    /// Saves the progress and brings the stock table up to the ledger, as far as there is time.
    fn finish(&mut self) -> Result<(), StoreError> {
        self.store.check_placement()?;
        let (nothing, now) = (self.no_changes(), self.now());
        let stock = self.state.stock();
        self.store.commit(&nothing, Some(self.progress(now)), &stock)?;
        self.signer.sign(&mut self.store, &stock, now);
        self.store.save_high_water_mark(&stock);
        self.demand_saver.save(&mut self.store, &self.state, now);
        let latest = clock::instant() + CHECKPOINT_AT_STOP_MAX;
        let deadline = self.checkpoint_deadline.map_or(latest, |asked| asked.min(latest));
        self.store.finish_checkpoint(&stock, || clock::instant() < deadline)
    }

    /// How long to wait for a job: until the next reservation expires, or a second. While
    /// reservations are due, jobs are taken without waiting for one.
    fn timeout(&self) -> Duration {
        if self.state.storage_problem().is_some() {
            return WRITER_IDLE;
        }
        let Some(deadline_ms) = self.state.stock().next_deadline_ms() else {
            return WRITER_IDLE;
        };
        let left_ms = deadline_ms.saturating_sub(self.state.clock.now().running_ms);
        WRITER_IDLE.min(Duration::from_millis(left_ms))
    }

    /// Decides `first` and what waits after it, as far as a batch has room. Returns whether to go
    /// on.
    fn run_batch(&mut self, first: WriterJob) -> bool {
        let mut batch = std::mem::take(&mut self.spare_batch);
        let mut acked = None;
        let mut running = true;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                WriterJob::Decide(command, to, at) => batch.add_command(command, to, at),
                WriterJob::Find(id, to) => {
                    batch.add_lookup();
                    let _ = to.send(self.store.lookup(id));
                }
                WriterJob::Transfers(transfers) => batch.add_transfers(transfers),
                WriterJob::Update(update) => batch.add_update(update),
                WriterJob::Acked(seq) => acked = acked.max(Some(seq)),
                WriterJob::Bind(books, acked_seq) => {
                    // What was acknowledged before is of other books, or of these before a recovery.
                    acked = None;
                    self.bind(books, acked_seq);
                }
                WriterJob::SetRules(rules) => self.rules = rules,
                WriterJob::Stop(deadline) => {
                    self.checkpoint_deadline = Some(deadline);
                    running = false;
                }
            }
            next = if batch.has_room() { self.jobs.try_recv() } else { None };
        }
        self.jobs.release(batch.waited_count(), batch.frame_count());
        self.is_busy = batch.command_count() > 1;
        if let Some(seq) = acked {
            self.confirm(seq);
        }
        if !batch.is_empty() {
            self.decide_and_reply(&mut batch);
        }
        batch.clear();
        self.spare_batch = batch;
        running
    }

    /// Binds the gateway to books. Until that is on disk, nothing is taken from them.
    fn bind(&mut self, books: BooksId, acked_seq: Seq) {
        let bound = self.store.bind(books, acked_seq, &self.state.stock());
        if let Err(error) = bound {
            self.storage_failed(error);
            return;
        }
        tracing::info!(%books, generation = books.generation, "the gateway belongs to these books");
        let acked_seq = acked_seq.min(self.state.acked_seq());
        let oldest = self.store.decided_at_ms(acked_seq + 1).unwrap_or_default();
        self.saved.acked_seq = acked_seq;
        self.state.confirm(acked_seq, oldest);
        self.state.set_books(books);
    }

    /// Moves the confirmed position on to `seq`.
    fn confirm(&self, seq: Seq) {
        let ledger_seq = self.state.stock().seq();
        if seq <= self.state.acked_seq() || seq > ledger_seq {
            return;
        }
        let oldest = if seq < ledger_seq { self.store.decided_at_ms(seq + 1) } else { Ok(None) };
        // The hub has the entries, whether or not our copy of the position survives: after a crash
        // the hub is asked again.
        self.state.confirm(seq, oldest.unwrap_or_default());
    }

    fn decide_and_reply(&mut self, batch: &mut Batch) {
        match self.decide_in_place(batch) {
            Ok(answers) => {
                answers.iter().for_each(|answer| self.count(answer));
                batch.reply(answers.into_iter().map(Ok));
            }
            Err(unavailable) => {
                self.metrics.unavailable.add(batch.command_count() as u64);
                batch.reply(std::iter::repeat_with(|| Err(unavailable.clone())));
            }
        }
        let now = clock::instant();
        let took = batch.submitted_at().iter().map(|at| now.saturating_duration_since(*at));
        self.metrics.decisions.observe(took);
    }

    /// Decides a batch if the database is where it was before and after. The answer to a replay,
    /// too, must not speak of what lies in a file that is gone.
    fn decide_in_place(&mut self, batch: &Batch) -> Result<Vec<CommandAnswer>, StorageUnavailable> {
        let decided =
            self.store.check_placement_if_old().and_then(|()| self.decide_and_commit(batch));
        let answers = decided.map_err(|error| self.storage_failed(error))?;
        match self.store.check_commit_placement() {
            Ok(()) => Ok(answers),
            // It is committed, and memory holds it: if the files come back, all of it fits.
            Err(error) => {
                Err(StorageUnavailable { may_be_applied: true, ..self.storage_failed(error) })
            }
        }
    }

    fn count(&self, answer: &CommandAnswer) {
        match answer {
            Ok(decided) if decided.replayed => self.metrics.replayed.inc(),
            Ok(decided) if decided.outcome.is_ok() => self.metrics.applied.inc(),
            Ok(_) | Err(_) => self.metrics.refused.inc(),
        }
    }

    /// Decides a batch, lets some reservations that are due expire, and commits both in one
    /// transaction.
    pub(super) fn decide_and_commit(
        &mut self,
        batch: &Batch,
    ) -> Result<Vec<CommandAnswer>, StoreError> {
        let now = self.now();
        let (outcome, changes) = {
            let stock = self.state.stock();
            let draft = Draft::new(&stock, now, self.rules.reservation_ttl_s);
            let mut draft = draft.reusing(std::mem::take(&mut self.spare_changes));
            let (outcome, mut changes) = (batch.decide(&mut draft, &self.store)?, draft.finish());
            changes.relisted_demand =
                self.state.demand().relisted(stock.catalogue(), &changes.listings);
            (outcome, changes)
        };
        if let Some(sku) = outcome.full_sku {
            self.log_waiting_grant(&sku, now);
        }
        if !changes.is_empty() {
            self.check_space()?;
            // Reservations expire by the running clock, so it is saved with them.
            let progress = match changes.holds.is_empty() {
                true => self.progress_to_save(now),
                false => Some(self.progress(now)),
            };
            self.commit(&changes, progress)?;
            self.count_demand(&changes, now);
        }
        self.spare_changes = changes;
        Ok(outcome.answers)
    }

    pub(super) fn commit(
        &mut self,
        changes: &Changes,
        progress: Option<Progress>,
    ) -> Result<(), StoreError> {
        let began = clock::instant();
        // Readers do not wait for the disk here: only this thread ever takes the lock to write.
        self.store.commit(changes, progress, &self.state.stock())?;
        self.metrics.commits.observe([began.elapsed()]);
        self.saved = progress.unwrap_or(self.saved);
        self.metrics.transfers_taken.add(self.transfers_in(changes));
        // Before the entries are known: none after a signature is sent before it.
        if let Some(signed) = self.signer.signed_with_entry(&self.store, &self.state.clock) {
            self.state.set_signatures(signed);
        }
        self.state.commit(changes);
        self.storage_recovered();
        Ok(())
    }

    /// A clock that is known to be unset is not trusted.
    pub(super) fn now(&self) -> Now {
        let now = self.state.clock.now();
        Now { trusted: now.trusted && !self.clock_is_unset, ..now }
    }

    fn count_demand(&self, changes: &Changes, now: Now) {
        if !changes.refused.is_empty() {
            let over = self.state.demand().count(&changes.refused, now);
            self.metrics.demand_uncounted.add(over);
            self.state.notify_demand();
        }
    }

    fn transfers_in(&self, changes: &Changes) -> u64 {
        let new = |taken: Taken| taken.transfer - self.state.stock().taken().transfer;
        changes.taken.map_or(0, new)
    }

    fn log_waiting_grant(&mut self, sku: &Sku, now: Now) {
        if self.waiting_grants.should_log(now.running_ms) {
            tracing::warn!(%sku, "a grant waits: with it, more units than can be counted would be on hand, or the stock of its SKU was lost to damage");
        }
    }

    pub(super) fn no_changes(&self) -> Changes {
        Draft::new(&self.state.stock(), self.state.clock.now(), 0).finish()
    }

    /// See [`Store::check_space`]. After a failure more must be free.
    pub(super) fn check_space(&self) -> Result<(), StoreError> {
        self.store.check_space(self.state.storage_problem().is_some())
    }

    pub(super) fn progress(&self, now: Now) -> Progress {
        Progress { acked_seq: self.state.acked_seq(), running_ms: now.running_ms }
    }

    /// The progress, if the next commit should carry it: the hub has acknowledged more, or the
    /// saved running clock is old.
    pub(super) fn progress_to_save(&self, now: Now) -> Option<Progress> {
        let progress = self.progress(now);
        let clock_age_ms = progress.running_ms.saturating_sub(self.saved.running_ms);
        (progress.acked_seq != self.saved.acked_seq || clock_age_ms >= RUNNING_CLOCK_SAVE_MS)
            .then_some(progress)
    }

    /// Refuses mutations from now on, and logs why. Returns what to answer.
    pub(super) fn storage_failed(&mut self, error: StoreError) -> StorageUnavailable {
        let error = self.store.explain(error);
        if error.is_overwriting() {
            // The next start must not take what is left for everything.
            self.store.save_high_water_mark(&self.state.stock());
        }
        if self.storage_failures.should_log(self.state.clock.now().running_ms) {
            match error.is_displacement() {
                true => {
                    tracing::error!(%error, "mutations are refused, queries are still answered")
                }
                false => {
                    tracing::error!(%error, "storage fails: mutations are refused, queries are still answered, nothing answered is lost");
                }
            }
        }
        self.state.set_storage_problem(Some(error.to_string()));
        let _ = self.store.set_busy_timeout(DATABASE_WAIT_FAILING);
        StorageUnavailable { why: error.to_string(), may_be_applied: error.may_be_committed() }
    }

    /// Accepts mutations again after a commit has succeeded, if there is space enough.
    fn storage_recovered(&mut self) {
        if self.state.storage_problem().is_some() && self.check_space().is_ok() {
            self.state.set_storage_problem(None);
            let _ = self.store.set_busy_timeout(DATABASE_WAIT);
            if let Some(failures) = self.storage_failures.end() {
                tracing::info!(failures, "storage works again");
            }
        }
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod lookup_tests;
