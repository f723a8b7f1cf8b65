//! The one writer. Nothing is said before it is true: an answer, a push to a terminal or a
//! frame to the hub comes after the commit that it speaks of.
//!
//! One thread owns the database. It takes what waits (bounded), decides all of it on a draft,
//! puts the draft on disk in one transaction with one sync, and only then publishes and answers.
//! So a lone request pays for one sync, and a thousand that arrive together share one. If the
//! disk says no, the draft is dropped: memory is what the disk is, every request of the batch is
//! answered "not decided", and may be sent again as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::clock::{self, Now};
use crate::engine::state::CommittedState;
use crate::limits::{
    BATCH_COMMANDS_MAX, BATCH_LINES_MAX, CHECKPOINT_AT_STOP_MAX, DATABASE_WAIT,
    DATABASE_WAIT_FAILING, INTAKE_FROM_HUB_MAX, INTAKE_INTERNAL_RESERVED, INTAKE_LIGHT_RESERVED,
    INTAKE_MAX, LIGHT_IN_FLIGHT_MAX, PRUNE_STEPS_PER_S_MAX, RUNNING_CLOCK_SAVE_MS, WRITER_IDLE,
};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::process::log_throttle::LogThrottle;
use crate::stock::{
    CatalogueUpdate, Changes, Command, CommandAnswer, Draft, RequestRecords, Seq, Sku, Taken,
    Transfer, TransferOutcome,
};
use crate::store::{Progress, Store, StoreError};

/// The way to the writer.
#[derive(Clone, Debug)]
pub struct Intake {
    jobs: SyncSender<Job>,
    /// Terminals' commands that wait; the channel has room for the gateway's own jobs beyond.
    waiting: Arc<AtomicUsize>,
    /// Transfers and updates that wait.
    from_hub: Arc<AtomicUsize>,
}

/// What the writer is asked to do.
#[derive(Debug)]
enum Job {
    /// Taken in at this moment.
    Decide(Command, ReplyTo, Instant),
    Transfers(Vec<Transfer>),
    Update(CatalogueUpdate),
    Acked(Seq),
    WriterRules(WriterRules),
    /// And leave what is only for a quicker start at this moment.
    Stop(Instant),
}

/// Where an answer goes.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// Tells the answers on one channel apart.
    pub tag: u64,
    /// Must have room for every command sent with it.
    pub answers: mpsc::Sender<Vec<WriterReply>>,
}

/// An answer and the tag of its command.
#[derive(Debug)]
pub struct WriterReply {
    /// See [`ReplyTo::tag`].
    pub tag: u64,
    /// The engine's answer, or why there is none.
    pub answer: Result<CommandAnswer, StorageUnavailable>,
}

/// The storage failed: nothing was applied, the command may be sent again as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageUnavailable(pub String);

/// Why the writer did not take a command: nothing was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// As many commands wait as are allowed to.
    Full,
    /// The gateway is stopping.
    Stopping,
}

impl From<SubmitError> for Problem {
    fn from(not_taken: SubmitError) -> Self {
        match not_taken {
            SubmitError::Full => {
                Self::new(Code::Overloaded, "too many requests wait; retry, nothing was applied")
            }
            SubmitError::Stopping => {
                Self::new(Code::StorageUnavailable, "the gateway is stopping; send it again later")
            }
        }
    }
}

impl From<StorageUnavailable> for Problem {
    fn from(StorageUnavailable(why): StorageUnavailable) -> Self {
        let message = format!("nothing was applied, send it again later: {why}");
        Self::new(Code::StorageUnavailable, message)
    }
}

impl Intake {
    /// Hands a command to the writer without waiting; `in_flight` are the commands that its
    /// connection waits for already. The last places are for those who wait for few.
    ///
    /// # Errors
    /// If too many wait already, or the gateway is stopping.
    pub fn submit(
        &self,
        command: Command,
        reply_to: ReplyTo,
        in_flight: usize,
    ) -> Result<(), SubmitError> {
        let is_modest = in_flight < LIGHT_IN_FLIGHT_MAX;
        let places = if is_modest { INTAKE_MAX } else { INTAKE_MAX - INTAKE_LIGHT_RESERVED };
        let is_full = self.waiting.fetch_add(1, Ordering::AcqRel) >= places;
        let sent = if is_full { Err(SubmitError::Full) } else { self.send(command, reply_to) };
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        sent
    }

    fn send(&self, command: Command, reply_to: ReplyTo) -> Result<(), SubmitError> {
        self.jobs.try_send(Job::Decide(command, reply_to, clock::instant())).map_err(|error| {
            match error {
                TrySendError::Full(_) => SubmitError::Full,
                TrySendError::Disconnected(_) => SubmitError::Stopping,
            }
        })
    }

    /// Tells the writer how far the hub has committed. It may be dropped when the intake is
    /// full: the next acknowledgement says as much and more.
    pub fn acked(&self, seq: Seq) {
        let _ = self.jobs.try_send(Job::Acked(seq));
    }

    /// Hands on units for this gateway, or asked back from it. They may be dropped when too much
    /// waits or the disk fails: the hub sends again what it does not hear to be taken.
    pub fn transfers(&self, transfers: Vec<Transfer>) {
        self.send_from_hub(Job::Transfers(transfers));
    }

    /// Hands on what is new in the catalogue; see [`Intake::transfers`].
    pub fn update(&self, update: CatalogueUpdate) {
        self.send_from_hub(Job::Update(update));
    }

    fn send_from_hub(&self, job: Job) {
        let is_full = self.from_hub.fetch_add(1, Ordering::AcqRel) >= INTAKE_FROM_HUB_MAX;
        if is_full || self.jobs.try_send(job).is_err() {
            self.from_hub.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// How much waits for the writer.
    pub fn depth(&self) -> IntakeDepth {
        let of = |waiting: &AtomicUsize| waiting.load(Ordering::Relaxed) as u64;
        IntakeDepth { requests: of(&self.waiting), frames: of(&self.from_hub) }
    }

    /// Hands over new rules for what is decided from now on. Returns whether there was room.
    pub fn set_rules(&self, rules: WriterRules) -> bool {
        !matches!(self.jobs.try_send(Job::WriterRules(rules)), Err(TrySendError::Full(_)))
    }

    /// Asks the writer to end once what waits is decided, and to spend no time beyond this moment
    /// on what only makes the next start quicker. Returns whether the writer will.
    pub fn stop(&self, tidy_until: Instant) -> bool {
        !matches!(self.jobs.try_send(Job::Stop(tidy_until)), Err(TrySendError::Full(_)))
    }
}

/// What waits for the writer.
#[derive(Clone, Copy, Debug)]
pub struct IntakeDepth {
    /// Terminals' commands.
    pub requests: u64,
    /// Frames of the hub with transfers or listings.
    pub frames: u64,
}

/// What the writer needs to know of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct WriterRules {
    /// Life of a reservation that names none.
    pub reservation_ttl_s: u64,
    /// Age after which confirmed entries and outcomes are forgotten.
    pub retention_ms: u64,
}

/// The thread's state.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    state: Arc<CommittedState>,
    metrics: Arc<Metrics>,
    rules: WriterRules,
    jobs: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
    from_hub: Arc<AtomicUsize>,
    /// What the database's position row says.
    saved: Progress,
    housekept_ms: u64,
    /// As it was at the last housekeeping.
    clock_is_unset: bool,
    failures: LogThrottle,
    unforgotten: LogThrottle,
    tidy_until: Option<Instant>,
    no_room: LogThrottle,
    /// The last batch, for its memory.
    spare: Changes,
    batch: Batch,
    reply_to: Vec<ReplyTo>,
    /// When the commands were taken in.
    taken_in: Vec<Instant>,
}

/// What is decided together.
#[derive(Debug, Default)]
struct Batch {
    /// Terminals'.
    commands: Vec<Command>,
    /// The hub's, and its updates of the catalogue. They are decided before the commands, so that
    /// what has come can be sold.
    transfers: Vec<Transfer>,
    updates: Vec<CatalogueUpdate>,
    lines: usize,
    from_hub: usize,
}

impl Batch {
    fn add_command(&mut self, command: Command) {
        self.lines += command.action.line_count();
        self.commands.push(command);
    }

    fn add_transfers(&mut self, transfers: Vec<Transfer>) {
        self.lines += transfers.iter().map(|transfer| transfer.lines.len()).sum::<usize>();
        self.transfers.extend(transfers);
        self.from_hub += 1;
    }

    fn add_update(&mut self, update: CatalogueUpdate) {
        self.lines += update.listings.len();
        self.updates.push(update);
        self.from_hub += 1;
    }

    fn has_room(&self) -> bool {
        self.commands.len() < BATCH_COMMANDS_MAX && self.lines < BATCH_LINES_MAX
    }

    /// Whether there is nothing that anybody has asked for.
    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.from_hub == 0
    }

    fn clear(&mut self) {
        self.commands.clear();
        self.transfers.clear();
        self.updates.clear();
        (self.lines, self.from_hub) = (0, 0);
    }

    /// Decides all of it, in its order; answers the commands, and says of which SKU a transfer
    /// found no room.
    fn decide<R: RequestRecords>(
        &self,
        draft: &mut Draft<'_>,
        records: &R,
    ) -> Result<(Vec<CommandAnswer>, Option<Sku>), R::Error> {
        draft.expire_due(records)?;
        let no_room =
            self.transfers.iter().find_map(|transfer| match draft.apply_transfer(transfer) {
                TransferOutcome::NoRoom(sku) => Some(sku),
                TransferOutcome::Applied | TransferOutcome::OutOfTurn => None,
            });
        for update in &self.updates {
            draft.apply_catalogue_update(update);
        }
        let decide = |command| draft.decide(command, records);
        let answers = self.commands.iter().map(decide).collect::<Result<Vec<_>, _>>()?;
        Ok((answers, no_room))
    }
}

impl Writer {
    /// Makes a writer and the way to it; `saved` is the position that the database holds.
    pub fn new(
        store: Store,
        state: Arc<CommittedState>,
        metrics: Arc<Metrics>,
        rules: WriterRules,
        saved: Progress,
    ) -> (Self, Intake) {
        let (sender, jobs) = sync_channel(INTAKE_MAX + INTAKE_INTERNAL_RESERVED);
        let (waiting, from_hub) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let intake =
            Intake { jobs: sender, waiting: Arc::clone(&waiting), from_hub: Arc::clone(&from_hub) };
        let writer = Self {
            store,
            state,
            metrics,
            rules,
            jobs,
            waiting,
            from_hub,
            saved,
            housekept_ms: 0,
            clock_is_unset: clock::is_unset(),
            failures: LogThrottle::default(),
            unforgotten: LogThrottle::default(),
            tidy_until: None,
            no_room: LogThrottle::default(),
            spare: Changes::default(),
            batch: Batch::default(),
            reply_to: Vec::new(),
            taken_in: Vec::new(),
        };
        (writer, intake)
    }

    /// Works until it is asked to stop, or nobody can ask it anything any more.
    pub fn run(mut self) {
        if let Err(error) = self.store.check_space(false) {
            self.fail(error);
        }
        let mut running = true;
        while running {
            running = match self.jobs.recv_timeout(self.wait()) {
                Ok(first) => self.take_batch(first),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            self.keep_house();
            self.state.heartbeat.beat();
        }
        if let Err(error) = self.tidy_up() {
            tracing::warn!(%error, "the last notes could not be saved; the next start takes longer for it");
        }
    }

    fn tidy_up(&mut self) -> Result<(), StoreError> {
        let (nothing, now) = (no_changes(&self.state), self.state.clock.now());
        let stock = self.state.stock();
        self.store.commit(&nothing, Some(self.progress(now)), &stock)?;
        let checkpoint_until = clock::instant() + CHECKPOINT_AT_STOP_MAX;
        let until = self.tidy_until.map_or(checkpoint_until, |asked| asked.min(checkpoint_until));
        self.store.finish_checkpoint(&stock, || clock::instant() < until)
    }

    /// How long to wait for work: until the next reservation ends, or a second.
    fn wait(&self) -> Duration {
        if self.state.storage_problem().is_some() {
            return WRITER_IDLE;
        }
        let Some(deadline_ms) = self.state.stock().next_deadline_ms() else {
            return WRITER_IDLE;
        };
        let left_ms = deadline_ms.saturating_sub(self.state.clock.now().running_ms);
        WRITER_IDLE.min(Duration::from_millis(left_ms.max(1)))
    }

    /// Decides what waits; returns whether to go on.
    fn take_batch(&mut self, first: Job) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        let mut reply_to = std::mem::take(&mut self.reply_to);
        let mut acked = None;
        let mut running = true;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Decide(command, to, at) => {
                    batch.add_command(command);
                    reply_to.push(to);
                    self.taken_in.push(at);
                }
                Job::Transfers(transfers) => batch.add_transfers(transfers),
                Job::Update(update) => batch.add_update(update),
                Job::Acked(seq) => acked = acked.max(Some(seq)),
                Job::WriterRules(rules) => self.rules = rules,
                Job::Stop(tidy_until) => {
                    self.tidy_until = Some(tidy_until);
                    running = false;
                }
            }
            next = if batch.has_room() { self.jobs.try_recv().ok() } else { None };
        }
        self.waiting.fetch_sub(batch.commands.len(), Ordering::AcqRel);
        self.from_hub.fetch_sub(batch.from_hub, Ordering::AcqRel);
        if let Some(seq) = acked {
            self.confirm(seq);
        }
        if !batch.is_empty() {
            self.decide(&batch, &mut reply_to);
            self.time_decisions();
        }
        batch.clear();
        (self.batch, self.reply_to) = (batch, reply_to);
        running
    }

    fn time_decisions(&mut self) {
        let now = clock::instant();
        let took = self.taken_in.drain(..).map(|at| now.saturating_duration_since(at));
        self.metrics.decisions.observe(took);
    }

    fn decide(&mut self, batch: &Batch, reply_to: &mut Vec<ReplyTo>) {
        match self.write(batch) {
            Ok(answers) => {
                answers.iter().for_each(|answer| self.count(answer));
                deliver(reply_to, answers.into_iter().map(Ok));
            }
            Err(error) => {
                let unavailable = self.fail(error);
                self.metrics.unavailable.add(reply_to.len() as u64);
                deliver(reply_to, std::iter::repeat_with(|| Err(unavailable.clone())));
            }
        }
    }

    /// Decides a batch and ends due reservations, in one transaction.
    fn write(&mut self, batch: &Batch) -> Result<Vec<CommandAnswer>, StoreError> {
        let mut now = self.state.clock.now();
        now.trusted &= !self.clock_is_unset;
        let ((answers, no_room), changes) = {
            let stock = self.state.stock();
            let draft = Draft::new(&stock, now, self.rules.reservation_ttl_s);
            let mut draft = draft.reusing(std::mem::take(&mut self.spare));
            (batch.decide(&mut draft, &self.store)?, draft.finish())
        };
        if let Some(sku) = no_room {
            self.note_no_room(&sku, now);
        }
        if !changes.is_empty() {
            if !batch.is_empty() {
                self.check_space()?;
            }
            // A reservation lives by the running clock, so the clock is saved with it.
            let progress = match changes.holds.is_empty() {
                true => self.progress_to_save(now),
                false => Some(self.progress(now)),
            };
            self.commit(&changes, progress)?;
        }
        self.spare = changes;
        Ok(answers)
    }

    fn commit(&mut self, changes: &Changes, progress: Option<Progress>) -> Result<(), StoreError> {
        let began = clock::instant();
        // The lock keeps nobody waiting: only this thread ever asks for it in order to write.
        self.store.commit(changes, progress, &self.state.stock())?;
        self.metrics.commits.observe([began.elapsed()]);
        self.saved = progress.unwrap_or(self.saved);
        self.metrics.transfers_taken.add(self.transfers_in(changes));
        self.state.commit(changes);
        self.recovered();
        Ok(())
    }

    fn transfers_in(&self, changes: &Changes) -> u64 {
        let before = |taken: Taken| taken.transfer - self.state.stock().taken().transfer;
        changes.taken.map_or(0, before)
    }

    fn note_no_room(&mut self, sku: &Sku, now: Now) {
        if self.no_room.is_due(now.running_ms) {
            tracing::warn!(%sku, "a grant waits: with it there would be more than can be counted");
        }
    }

    fn check_space(&self) -> Result<(), StoreError> {
        self.store.check_space(self.state.storage_problem().is_some())
    }

    fn progress(&self, now: Now) -> Progress {
        Progress { acked_seq: self.state.acked_seq(), running_ms: now.running_ms }
    }

    /// The position, if a commit has reason to carry it: an acknowledgement is news, and the
    /// running clock is while reservations live by it.
    fn progress_to_save(&self, now: Now) -> Option<Progress> {
        let progress = self.progress(now);
        let clock_age_ms = progress.running_ms.saturating_sub(self.saved.running_ms);
        (progress.acked_seq != self.saved.acked_seq || clock_age_ms >= RUNNING_CLOCK_SAVE_MS)
            .then_some(progress)
    }

    fn confirm(&self, seq: Seq) {
        let ledger_seq = self.state.stock().seq();
        if seq <= self.state.acked_seq() || seq > ledger_seq {
            return;
        }
        let oldest = if seq < ledger_seq { self.store.decided_at_ms(seq + 1) } else { Ok(None) };
        // The hub has it, whatever becomes of our note of it: a lost note is asked for again.
        self.state.confirm(seq, oldest.unwrap_or_default());
    }

    /// Once a second: ends due reservations, saves positions, forgets what is old.
    fn keep_house(&mut self) {
        let now = self.state.clock.now();
        let due = self.state.storage_problem().is_none()
            && self.state.stock().next_deadline_ms().is_some_and(|ms| ms <= now.running_ms);
        let second_passed = now.running_ms >= self.housekept_ms + 1_000;
        if second_passed {
            self.housekept_ms = now.running_ms;
            self.clock_is_unset = clock::is_unset();
            self.store.restore_reserve();
            self.store.save_high_water_mark(self.state.stock().seq());
            self.store.remove_upgrade_copies(now.running_ms);
        }
        if !(due || second_passed) {
            return;
        }
        let mut kept = self.expire_and_save(now, second_passed);
        if let Err(error) = kept {
            kept = if error.is_full() { self.again_with_room(now, error) } else { Err(error) };
        }
        if let Err(error) = kept {
            self.fail(error);
        }
    }

    fn expire_and_save(&mut self, now: Now, save: bool) -> Result<(), StoreError> {
        self.write(&Batch::default())?;
        if save { self.save_and_forget(now) } else { Ok(()) }
    }

    /// Keeps house on a full disk. From here on mutations are refused, whatever made it full.
    fn again_with_room(&mut self, now: Now, full: StoreError) -> Result<(), StoreError> {
        self.fail(full);
        self.store.release_reserve();
        self.expire_and_save(now, true)
    }

    fn save_and_forget(&mut self, now: Now) -> Result<(), StoreError> {
        // Without room the probe could not lead anywhere, and would wear the disk.
        let failing = self.state.storage_problem().is_some() && self.check_space().is_ok();
        let holds_open = self.state.stock().hold_count() > 0;
        let acked_is_news = self.state.acked_seq() != self.saved.acked_seq;
        let clock_is_news = holds_open && self.progress_to_save(now).is_some();
        if failing || acked_is_news || clock_is_news {
            // On a failing disk this is the probe that finds out when it works again.
            self.commit(&no_changes(&self.state), Some(self.progress(now)))?;
        }
        match self.forget(now) {
            // Damage in what is old keeps nobody from deciding what is new.
            Err(error) if error.is_damage() => {
                self.note_unforgotten(error, now);
                Ok(())
            }
            forgotten => forgotten,
        }
    }

    fn forget(&mut self, now: Now) -> Result<(), StoreError> {
        self.store.record_retention_mark(now.running_ms)?;
        for _ in 0..PRUNE_STEPS_PER_S_MAX {
            let (progress, retention_ms) = (self.progress(now), self.rules.retention_ms);
            if !self.store.prune(progress, retention_ms, &self.state.stock())? {
                break;
            }
        }
        Ok(())
    }

    fn note_unforgotten(&mut self, error: StoreError, now: Now) {
        if self.unforgotten.is_due(now.running_ms) {
            let error = self.store.explain(error);
            tracing::error!(%error, "what is old cannot be forgotten; requests are decided as before, the database grows: run `stockgate doctor`");
        }
    }

    fn fail(&mut self, error: StoreError) -> StorageUnavailable {
        let error = self.store.explain(error);
        if self.failures.is_due(self.state.clock.now().running_ms) {
            tracing::error!(%error, "storage fails: mutations are refused, queries go on, nothing answered is lost");
        }
        self.state.set_storage_problem(Some(error.to_string()));
        let _ = self.store.set_busy_timeout(DATABASE_WAIT_FAILING);
        StorageUnavailable(error.to_string())
    }

    fn recovered(&mut self) {
        if self.state.storage_problem().is_some() && self.check_space().is_ok() {
            self.state.set_storage_problem(None);
            let _ = self.store.set_busy_timeout(DATABASE_WAIT);
            if let Some(failures) = self.failures.end() {
                tracing::info!(failures, "storage works again");
            }
        }
    }

    fn count(&self, answer: &CommandAnswer) {
        let metrics = &self.metrics;
        match answer {
            Ok(decided) if decided.replayed => metrics.replayed.inc(),
            Ok(decided) if decided.outcome.is_ok() => metrics.applied.inc(),
            Ok(_) | Err(_) => metrics.refused.inc(),
        }
    }
}

/// Sends answers that go the same way as one message: a terminal with many requests under way is
/// woken once. A client that has gone needs no answer; its request is decided all the same.
fn deliver(
    reply_to: &mut Vec<ReplyTo>,
    answers: impl Iterator<Item = Result<CommandAnswer, StorageUnavailable>>,
) {
    let mut replies = Vec::new();
    let mut ways = reply_to.drain(..).peekable();
    for answer in answers {
        let Some(ReplyTo { tag, answers: way }) = ways.next() else {
            return;
        };
        replies.push(WriterReply { tag, answer });
        if ways.peek().is_none_or(|next| !next.answers.same_channel(&way)) {
            let _ = way.try_send(std::mem::take(&mut replies));
        }
    }
}

fn no_changes(state: &CommittedState) -> Changes {
    Draft::new(&state.stock(), state.clock.now(), 0).finish()
}
