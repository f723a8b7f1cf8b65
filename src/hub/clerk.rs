//! The clerk: the one thread that writes the books.
//!
//! It takes what waits (bounded), brings it into the books in one transaction, and only then
//! acknowledges. If the disk says no, nothing is acknowledged, and the gateways send it again.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use rumqttc::QoS;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::books::{Answer, Books, Taken, set_all_offline, set_online, take};
use super::strays::Strays;
use super::{HubMetrics, Outlet};
use crate::clock::{Clock, wall_ms};
use crate::limits::HUB_BATCH_FRAMES_MAX;
use crate::repeat::Repeat;
use crate::store::StoreError;
use crate::sync::Frame;
use crate::sync::frame::{Position, Refused, Resume};
use crate::sync::topic::{Channel, Topic};

/// What the clerk is handed.
#[derive(Debug)]
pub(super) enum Job {
    /// A frame from a gateway.
    Frame(Topic, Frame),
    /// A gateway's connection to the broker came or went.
    Online {
        topic: Topic,
        online: bool,
        /// Its database, if it says so.
        epoch: Option<Uuid>,
        /// Said just now, and not retained by the broker from before.
        fresh: bool,
    },
    /// The hub has lost its connection: nothing is known of the gateways' until they say so again.
    Lost,
    /// The hub is connected: tell every gateway where it stands, so that none has to wait.
    Announce,
}

#[derive(Debug)]
pub(super) struct Clerk {
    books: Books,
    jobs: mpsc::Receiver<Job>,
    outlet: Outlet,
    metrics: Arc<HubMetrics>,
    strays: Strays,
    clock: Clock,
    complaint: Repeat,
}

impl Clerk {
    pub(super) fn new(
        books: Books,
        jobs: mpsc::Receiver<Job>,
        outlet: Outlet,
        metrics: Arc<HubMetrics>,
    ) -> Self {
        let (clock, complaint) = (Clock::starting_at(0), Repeat::default());
        let strays = Strays::new(Arc::clone(&metrics));
        Self { books, jobs, outlet, metrics, strays, clock, complaint }
    }

    /// Works until nobody can hand it anything any more.
    pub(super) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let more = std::iter::from_fn(|| self.jobs.try_recv().ok());
            let batch: Vec<Job> =
                std::iter::once(first).chain(more).take(HUB_BATCH_FRAMES_MAX).collect();
            match self.write(&batch) {
                Ok(answers) => self.send(answers),
                Err(error) => self.complain(&error),
            }
        }
    }

    /// Brings a batch into the books; returns the last word for each gateway.
    fn write(&mut self, batch: &[Job]) -> Result<BTreeMap<Topic, Answer>, StoreError> {
        let now_ms = wall_ms();
        let mut answers = BTreeMap::new();
        if batch.iter().any(|job| matches!(job, Job::Announce)) {
            answers.extend(self.books.positions()?);
        }
        let mut taken = Vec::new();
        let transaction = self.books.begin()?;
        for job in batch {
            match job {
                Job::Frame(topic, frame) => {
                    taken.push((topic, take(&transaction, topic, frame, now_ms)?));
                }
                Job::Online { topic, online, epoch, fresh } => {
                    let seen = *online && *fresh;
                    let known = set_online(&transaction, topic, *online, seen, now_ms)?;
                    // A database without books need not wait until it greets again by itself.
                    if let Some(epoch) = epoch.filter(|_| *online && !known) {
                        answers.insert(topic.clone(), Answer::Resume(epoch, 0, 0));
                    }
                }
                Job::Lost => set_all_offline(&transaction)?,
                Job::Announce => {}
            }
        }
        transaction.commit()?;
        for (topic, taken) in taken {
            self.count(&taken);
            match taken.answer {
                Some(answer) => {
                    let answer = joined(answers.get(topic), answer);
                    answers.insert(topic.clone(), answer);
                }
                None => self.strays.note(topic, "it is of another database, or not for a hub"),
            }
        }
        Ok(answers)
    }

    fn count(&self, taken: &Taken) {
        self.metrics.entries.add(taken.entries);
        match &taken.answer {
            Some(Answer::Ack(..)) if taken.entries > 0 => self.metrics.frames_applied.inc(),
            Some(Answer::Ack(..)) => self.metrics.frames_known.inc(),
            Some(Answer::Refused(..)) => self.metrics.frames_refused.inc(),
            Some(Answer::Resume(..)) | None => {}
        }
    }

    fn send(&self, answers: BTreeMap<Topic, Answer>) {
        let outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = outlet.as_ref() else {
            return;
        };
        for (topic, answer) in answers {
            // Lost or too many: the gateway asks again.
            let down = topic.of(Channel::Down);
            let _ = client.try_publish(down, QoS::AtLeastOnce, false, frame(answer).encode());
        }
    }

    fn complain(&mut self, error: &StoreError) {
        if self.complaint.due(self.clock.since_start_ms()) {
            tracing::error!(%error, "the books cannot be written; nothing is acknowledged, the gateways keep it");
        }
    }
}

/// One answer for two: where the hub stands now, and the greeting that is answered by it.
fn joined(earlier: Option<&Answer>, later: Answer) -> Answer {
    match (earlier, later) {
        (Some(Answer::Resume(epoch, _, nonce)), Answer::Ack(same, seq)) if *epoch == same => {
            Answer::Resume(same, seq, *nonce)
        }
        (Some(Answer::Resume(epoch, _, nonce)), Answer::Resume(same, seq, 0)) if *epoch == same => {
            Answer::Resume(same, seq, *nonce)
        }
        (_, later) => later,
    }
}

fn frame(answer: Answer) -> Frame {
    let position = |epoch: Uuid, acked_seq| Position { epoch: epoch.into(), acked_seq };
    match answer {
        Answer::Resume(epoch, acked_seq, nonce) => {
            Frame::Resume(Resume { position: position(epoch, acked_seq), nonce })
        }
        Answer::Ack(epoch, acked_seq) => Frame::Ack(position(epoch, acked_seq)),
        Answer::Refused(epoch, reason) => Frame::Refused(Refused { epoch: epoch.into(), reason }),
    }
}
