//! The writer: the one thread of this worker that changes the books.
//!
//! It takes what waits (bounded), brings it into the books in one transaction, and only then
//! acknowledges, answers and sends. If the disk says no, nothing is said, and the gateways send
//! it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use rumqttc::QoS;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::core::{Books, Downlink, FrameAnswer, FrameOutcome, handle_frame, note_online};
use super::db::{BooksDatabase, BooksTransaction};
use super::rejected::RejectedFrames;
use super::{HubMetrics, Outlet};
use crate::clock::{Clock, instant, wall_ms};
use crate::limits::HUB_BATCH_FRAMES_MAX;
use crate::process::heartbeat::Heartbeat;
use crate::process::log_throttle::LogThrottle;
use crate::protocol::Frame;
use crate::protocol::drift::Content;
use crate::protocol::topic::{Channel, GatewayId};
use crate::store::StoreError;

/// How long a frame may wait for those before it.
const EARLY_MS: u64 = 1_000;

/// Changes the books for somebody; what it returns is run once they are changed.
pub(super) type Work = Box<
    dyn FnOnce(&mut BooksTransaction<'_>, &mut Vec<GatewayId>) -> Result<Reply, StoreError> + Send,
>;
/// See [`Work`].
pub(super) type Reply = Box<dyn FnOnce() + Send>;

/// What the writer is handed.
pub(super) enum HubJob {
    /// A frame from a gateway.
    Frame(GatewayId, Frame),
    /// A gateway's connection to the broker came or went.
    Online {
        topic: GatewayId,
        online: bool,
        /// Its database, if it says so.
        epoch: Option<Uuid>,
        /// Said just now, and not retained by the broker from before.
        fresh: bool,
    },
    /// Somebody asks for a change, and which gateways to tell of it.
    Change(Work),
    /// The hub has lost its connection: nothing is known of the gateways' until they say so again.
    Lost,
    /// The hub is connected: tell every gateway where it stands, so that none has to wait.
    Announce,
    /// A second has passed.
    Tick,
}

pub(super) struct HubWriter {
    database: BooksDatabase,
    jobs: mpsc::Receiver<HubJob>,
    outlet: Outlet,
    downlink: Downlink,
    metrics: Arc<HubMetrics>,
    rejected: RejectedFrames,
    clock: Clock,
    failures: LogThrottle,
    /// Beats with every batch; a second without work is a batch too.
    heartbeat: Arc<Heartbeat>,
    /// Whether other workers get some of the frames.
    shared: bool,
    /// Frames before which others are missing that another worker may be about to take.
    early: Vec<Early>,
}

/// A frame that came before its time.
struct Early {
    topic: GatewayId,
    frame: Frame,
    since_ms: u64,
}

/// What a batch leads to, once it is committed.
#[derive(Default)]
struct Outcome {
    answers: BTreeMap<GatewayId, FrameAnswer>,
    frames: Vec<(GatewayId, Frame)>,
    replies: Vec<Reply>,
    taken: Vec<(GatewayId, FrameOutcome)>,
    early: Vec<Early>,
}

impl HubWriter {
    pub(super) fn new(
        database: BooksDatabase,
        jobs: mpsc::Receiver<HubJob>,
        outlet: Outlet,
        metrics: Arc<HubMetrics>,
    ) -> Self {
        let (clock, failures) = (Clock::starting_at(0), LogThrottle::default());
        let rejected = RejectedFrames::new(Arc::clone(&metrics));
        let downlink = Downlink::default();
        let (heartbeat, shared, early) = (Arc::default(), false, Vec::new());
        Self {
            database,
            jobs,
            outlet,
            downlink,
            metrics,
            rejected,
            clock,
            failures,
            heartbeat,
            shared,
            early,
        }
    }

    /// Works beside others that get some of the frames.
    pub(super) fn sharing(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Shows by this that it goes on.
    pub(super) fn beating(self, heartbeat: Arc<Heartbeat>) -> Self {
        Self { heartbeat, ..self }
    }

    /// Works until nobody can hand it anything any more.
    pub(super) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let more = std::iter::from_fn(|| self.jobs.try_recv().ok());
            let batch: Vec<HubJob> =
                std::iter::once(first).chain(more).take(HUB_BATCH_FRAMES_MAX).collect();
            let began = instant();
            match self.write(batch) {
                Ok(outcome) => {
                    self.metrics.commits.observe([began.elapsed()]);
                    self.tell(outcome);
                }
                Err(error) => self.log_failure(&error),
            }
            self.heartbeat.beat();
        }
    }

    /// Brings a batch into the books.
    fn write(&mut self, batch: Vec<HubJob>) -> Result<Outcome, StoreError> {
        let (now_ms, running_ms) = (wall_ms(), self.clock.since_start_ms());
        let (downlink, shared) = (&mut self.downlink, self.shared);
        let early = std::mem::take(&mut self.early);
        self.database.change(|books| {
            let mut outcome = Outcome::default();
            let mut touched = BTreeSet::new();
            for Early { topic, frame, since_ms } in early {
                let waits = running_ms < since_ms + EARLY_MS;
                if waits && is_early(books, &topic, &frame)? {
                    outcome.early.push(Early { topic, frame, since_ms });
                } else {
                    let job = HubJob::Frame(topic, frame);
                    handle(books, downlink, job, now_ms, (&mut outcome, &mut touched))?;
                }
            }
            for job in batch {
                if let (true, HubJob::Frame(topic, frame)) = (shared, &job)
                    && outcome.early.len() < HUB_BATCH_FRAMES_MAX
                    && is_early(books, topic, frame)?
                {
                    let (topic, frame) = (topic.clone(), frame.clone());
                    outcome.early.push(Early { topic, frame, since_ms: running_ms });
                    continue;
                }
                handle(books, downlink, job, now_ms, (&mut outcome, &mut touched))?;
            }
            for topic in touched {
                let frames = downlink.next(books, &topic, running_ms)?;
                outcome.frames.extend(frames.into_iter().map(|frame| (topic.clone(), frame)));
            }
            Ok(outcome)
        })
    }

    /// Says what is true now.
    fn tell(&mut self, outcome: Outcome) {
        self.early = outcome.early;
        for (topic, frame_outcome) in &outcome.taken {
            self.count(frame_outcome);
            if !frame_outcome.known {
                self.rejected.record(topic, "it is of another database, or not for a hub");
            }
        }
        outcome.replies.into_iter().for_each(|reply| reply());
        let answers = outcome.answers.into_iter().map(|(topic, answer)| (topic, answer.frame()));
        self.send(answers.chain(outcome.frames));
    }

    fn count(&self, taken: &FrameOutcome) {
        self.metrics.entries.add(taken.entries);
        match &taken.answer {
            Some(FrameAnswer::Ack(..)) if taken.entries > 0 => self.metrics.frames_applied.inc(),
            Some(FrameAnswer::Ack(..)) => self.metrics.frames_known.inc(),
            Some(FrameAnswer::Refused(..)) => self.metrics.frames_refused.inc(),
            Some(FrameAnswer::Resume(..)) | None => {}
        }
    }

    fn send(&self, frames: impl Iterator<Item = (GatewayId, Frame)>) {
        let outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = outlet.as_ref() else {
            return;
        };
        for (topic, frame) in frames {
            // Lost or too many: the gateway asks again, or is sent it again.
            let down = topic.topic(Channel::Down);
            let _ = client.try_publish(down, QoS::AtLeastOnce, false, frame.encode());
        }
    }

    fn log_failure(&mut self, error: &StoreError) {
        self.metrics.commits_failed.inc();
        if self.failures.is_due(self.clock.since_start_ms()) {
            tracing::error!(%error, "the books cannot be written; nothing is acknowledged, the gateways keep it");
        }
    }
}

fn handle(
    books: &mut BooksTransaction<'_>,
    downlink: &mut Downlink,
    job: HubJob,
    now_ms: i64,
    (outcome, touched): (&mut Outcome, &mut BTreeSet<GatewayId>),
) -> Result<(), StoreError> {
    match job {
        HubJob::Frame(topic, frame) => {
            let mut frame_outcome = handle_frame(books, &topic, &frame, now_ms)?;
            if frame_outcome.greeted {
                downlink.greeted(&topic);
            }
            if frame_outcome.known {
                take_answer(books, downlink, &topic, frame)?;
            }
            if let Some(answer) = frame_outcome.answer.clone() {
                let answer = answer.joined_to(outcome.answers.get(&topic));
                outcome.answers.insert(topic.clone(), answer);
            }
            touched.extend(std::mem::take(&mut frame_outcome.granted));
            touched.insert(topic.clone());
            outcome.taken.push((topic, frame_outcome));
        }
        HubJob::Online { topic, online, epoch, fresh } => {
            let known = note_online(books, &topic, online, online && fresh, now_ms)?;
            // A database without books need not wait until it greets again by itself.
            if let Some(epoch) = epoch.filter(|_| online && !known) {
                outcome.answers.insert(topic, FrameAnswer::Resume(epoch, 0, 0));
            }
        }
        HubJob::Change(work) => {
            let mut told = Vec::new();
            outcome.replies.push(work(books, &mut told)?);
            touched.extend(told);
        }
        HubJob::Lost => books.set_all_offline()?,
        HubJob::Announce => {
            for book in books.open_books()? {
                let answer = FrameAnswer::Resume(book.cursor.epoch, book.cursor.acked_seq, 0);
                let answer = answer.joined_to(outcome.answers.get(&book.gateway));
                outcome.answers.insert(book.gateway, answer);
            }
        }
        HubJob::Tick => touched.extend(downlink.waiting()),
    }
    Ok(())
}

/// Whether entries are missing before those of a frame.
fn is_early(
    books: &mut BooksTransaction<'_>,
    gateway: &GatewayId,
    frame: &Frame,
) -> Result<bool, StoreError> {
    let Frame::Entries(entries) = frame else {
        return Ok(false);
    };
    let book = books.books(gateway)?.pop();
    let book = book.filter(|book| book.cursor.epoch == frame.epoch() && book.is_open());
    let first_seq = entries.entries.first().map_or(0, |first| first.seq);
    Ok(book.is_some_and(|book| first_seq > book.cursor.acked_seq + 1))
}

/// An answer to a probe.
fn take_answer(
    books: &mut BooksTransaction<'_>,
    downlink: &mut Downlink,
    topic: &GatewayId,
    frame: Frame,
) -> Result<(), StoreError> {
    if let Frame::Sums(answer) = frame {
        downlink.answered(books, topic, answer.seq, &Content::Sums(answer.content))
    } else if let Frame::Figures(answer) = frame {
        downlink.answered(books, topic, answer.seq, &Content::Figures(answer.content))
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
