//! The intake: the bounded queue in front of the writer.
//!
//! The intake never blocks. A command that finds the queue full is refused, and a frame of the hub
//! is dropped then, because the hub sends again what is not confirmed. A part of the
//! queue is kept for the gateway's own jobs, so that terminals cannot starve the sync.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flume::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};
use tokio::sync::{mpsc, oneshot};

use super::sleep::Sleep;
use crate::clock;
use crate::limits::{
    INTAKE_FROM_HUB_MAX, INTAKE_INTERNAL_RESERVED, INTAKE_LIGHT_RESERVED, INTAKE_MAX,
    LIGHT_IN_FLIGHT_MAX,
};
use crate::problem::{Code, Problem};
use crate::stock::{BooksId, CatalogueUpdate, Command, CommandAnswer, RequestId, Seq, Transfer};
use crate::store::RequestLookup;

/// How often a busy writer lets other threads run before it sleeps.
const YIELDS_BEFORE_SLEEP: usize = 4;

/// The sending side of the writer's queue. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Intake {
    jobs: Sender<WriterJob>,
    writer: Sleep,
    /// Commands and lookups that wait. They are counted apart, because the channel has room beyond
    /// [`INTAKE_MAX`] for the gateway's own jobs.
    waiting: Arc<AtomicUsize>,
    /// Frames of the hub that wait.
    from_hub: Arc<AtomicUsize>,
}

/// The receiving side of the queue: the writer's.
#[derive(Debug)]
pub(super) struct JobQueue {
    jobs: Receiver<WriterJob>,
    sleep: Sleep,
    waiting: Arc<AtomicUsize>,
    from_hub: Arc<AtomicUsize>,
}

/// One job for the writer.
#[derive(Debug)]
pub(super) enum WriterJob {
    /// Decide a command and reply; it was submitted at this moment.
    Decide(Command, ReplyTo, Instant),
    /// Say where a request may be remembered: only the writer knows. Others read it.
    Find(RequestId, oneshot::Sender<RequestLookup>),
    /// Apply the transfers of one frame.
    Transfers(Vec<Transfer>),
    /// Apply the catalogue update of one frame.
    Update(CatalogueUpdate),
    /// The hub has committed the ledger up to this position.
    Acked(Seq),
    /// The gateway belongs to these books from now on, which have its ledger up to this position.
    Bind(BooksId, Seq),
    /// Use these rules from now on.
    SetRules(WriterRules),
    /// Stop after this batch. The last checkpoint ends at this moment.
    Stop(Instant),
}

/// Where the writer sends the answer to a command.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// Returned with the answer: it tells the answers on one channel apart.
    pub tag: u64,
    /// Must have room for every command that was submitted with it: the writer does not wait.
    pub answers: mpsc::Sender<Vec<WriterReply>>,
}

/// The answer to one command.
#[derive(Debug)]
pub struct WriterReply {
    /// The [`ReplyTo::tag`] of the command.
    pub tag: u64,
    /// The answer, or why the command was not decided.
    pub answer: Result<CommandAnswer, StorageUnavailable>,
}

/// What the writer needs to know of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct WriterRules {
    /// How long a reservation lasts that names no time itself, in seconds.
    pub reservation_ttl_s: u64,
    /// The age after which confirmed entries and outcomes are pruned, in milliseconds of running
    /// time.
    pub retention_ms: u64,
}

/// How much waits for the writer.
#[derive(Clone, Copy, Debug)]
pub struct IntakeDepth {
    /// Commands of terminals.
    pub requests: u64,
    /// Frames of the hub with transfers or catalogue updates.
    pub frames: u64,
}

/// The storage failed, and the command may be sent again as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageUnavailable {
    /// Why the storage failed.
    pub why: String,
    /// Whether a later start may find the command applied. If not, nothing was applied.
    pub may_be_applied: bool,
}

/// Why a command was not queued. Nothing was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue is full for this connection.
    Full,
    /// The gateway is stopping.
    Stopping,
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
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
    fn from(StorageUnavailable { why, may_be_applied }: StorageUnavailable) -> Self {
        let known = match may_be_applied {
            true => "it may have been applied: send it again later as it is, which applies it once",
            false => "nothing was applied, send it again later",
        };
        Self::new(Code::StorageUnavailable, format!("{known}: {why}"))
    }
}

/// Makes the two sides of the writer's queue.
pub(super) fn queue() -> (Intake, JobQueue) {
    let (sender, receiver) = flume::bounded(INTAKE_MAX + INTAKE_INTERNAL_RESERVED);
    let (waiting, from_hub) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let sleep = Sleep::default();
    let queue = JobQueue {
        jobs: receiver,
        sleep: sleep.clone(),
        waiting: Arc::clone(&waiting),
        from_hub: Arc::clone(&from_hub),
    };
    (Intake { jobs: sender, writer: sleep, waiting, from_hub }, queue)
}

impl Intake {
    /// Queues a command without waiting. `in_flight` is how many commands of its connection wait
    /// for their answer already: the last places of the queue are for connections with few.
    ///
    /// # Errors
    /// If the queue is full, or the gateway is stopping.
    pub fn submit(
        &self,
        command: Command,
        reply_to: ReplyTo,
        in_flight: usize,
    ) -> Result<(), SubmitError> {
        let is_light = in_flight < LIGHT_IN_FLIGHT_MAX;
        let places = if is_light { INTAKE_MAX } else { INTAKE_MAX - INTAKE_LIGHT_RESERVED };
        self.send(places, || WriterJob::Decide(command, reply_to, clock::instant()))
    }

    /// Says where a request may be remembered.
    ///
    /// # Errors
    /// If the queue is full, or the gateway is stopping.
    pub async fn find_request(&self, id: RequestId) -> Result<RequestLookup, SubmitError> {
        let (sender, found) = oneshot::channel();
        self.send(INTAKE_MAX - INTAKE_LIGHT_RESERVED, || WriterJob::Find(id, sender))?;
        found.await.map_err(|_| SubmitError::Stopping)
    }

    /// Queues a job of a terminal, if fewer than `places` wait.
    fn send(&self, places: usize, job: impl FnOnce() -> WriterJob) -> Result<(), SubmitError> {
        let is_full = self.waiting.fetch_add(1, Ordering::AcqRel) >= places;
        let sent = match is_full {
            true => Err(SubmitError::Full),
            false => self.try_send(job()),
        };
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        sent
    }

    fn try_send(&self, job: WriterJob) -> Result<(), SubmitError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => SubmitError::Full,
            TrySendError::Disconnected(_) => SubmitError::Stopping,
        })?;
        self.writer.wake();
        Ok(())
    }

    /// Tells the writer how far the hub has committed. The job is dropped if the queue is full:
    /// the next acknowledgement says as much and more.
    pub fn acked(&self, seq: Seq) {
        let _ = self.try_send(WriterJob::Acked(seq));
    }

    /// Binds the gateway to books that have its ledger up to a position. The job is dropped if the
    /// queue is full: the hub is asked again.
    pub fn bind(&self, books: BooksId, acked_seq: Seq) {
        let _ = self.try_send(WriterJob::Bind(books, acked_seq));
    }

    /// Queues the transfers of one frame. They are dropped if too much waits or the disk fails:
    /// the hub sends again what is not confirmed.
    pub fn transfers(&self, transfers: Vec<Transfer>) {
        self.send_from_hub(WriterJob::Transfers(transfers));
    }

    /// Queues a catalogue update. It may be dropped, as in [`Intake::transfers`].
    pub fn update(&self, update: CatalogueUpdate) {
        self.send_from_hub(WriterJob::Update(update));
    }

    fn send_from_hub(&self, job: WriterJob) {
        let is_full = self.from_hub.fetch_add(1, Ordering::AcqRel) >= INTAKE_FROM_HUB_MAX;
        if is_full || self.try_send(job).is_err() {
            self.from_hub.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// How much waits for the writer now.
    pub fn depth(&self) -> IntakeDepth {
        let of = |waiting: &AtomicUsize| waiting.load(Ordering::Relaxed) as u64;
        IntakeDepth { requests: of(&self.waiting), frames: of(&self.from_hub) }
    }

    /// Queues new rules for the commands that are decided after them. Returns whether the queue
    /// had room.
    pub fn set_rules(&self, rules: WriterRules) -> bool {
        self.try_send(WriterJob::SetRules(rules)) != Err(SubmitError::Full)
    }

    /// Asks the writer to stop once the queue is decided. Its last checkpoint, which only makes
    /// the next start faster, ends at `checkpoint_deadline`. Returns whether the queue had room.
    pub fn stop(&self, checkpoint_deadline: Instant) -> bool {
        self.try_send(WriterJob::Stop(checkpoint_deadline)) != Err(SubmitError::Full)
    }
}

impl JobQueue {
    /// Waits for a job. If several jobs have just come at once, it yields a few times before it
    /// sleeps: the next job has usually arrived by then, and nobody has to wake this thread.
    pub(super) fn recv_timeout(
        &self,
        timeout: Duration,
        is_busy: bool,
    ) -> Result<WriterJob, RecvTimeoutError> {
        let yields = if is_busy && !timeout.is_zero() { YIELDS_BEFORE_SLEEP } else { 0 };
        for _ in 0..yields {
            if let Some(job) = self.try_recv() {
                return Ok(job);
            }
            thread::yield_now();
        }
        let received = || match self.jobs.try_recv() {
            Err(TryRecvError::Empty) => None,
            Ok(job) => Some(Ok(job)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
        };
        self.sleep.unless(timeout, received).unwrap_or(Err(RecvTimeoutError::Timeout))
    }

    pub(super) fn try_recv(&self) -> Option<WriterJob> {
        self.jobs.try_recv().ok()
    }

    /// Makes room for as many commands and frames of the hub as were received.
    pub(super) fn release(&self, commands: usize, frames: usize) {
        self.waiting.fetch_sub(commands, Ordering::AcqRel);
        self.from_hub.fetch_sub(frames, Ordering::AcqRel);
    }
}
