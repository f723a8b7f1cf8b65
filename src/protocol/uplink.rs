//! The gateway's side of the protocol: what to send next, given what the hub has said.
//!
//! Times are milliseconds of running time. The hub link reports what happened, then calls
//! [`Uplink::poll`] until it returns nothing, and again at [`Uplink::deadline_ms`] at the latest.

mod binding;
mod checkpoints;
mod link_state;
mod progress;
mod size_trials;

use std::collections::VecDeque;

use uuid::Uuid;

use self::progress::Progress;
use super::drift::{Content, Part};
use super::frame::{Catalogue, Frame, Held, Refused, Resume, Transfers};
use super::window::{Trial, Window};
use crate::limits::{HUB_ANSWER_MS, HUB_GREETING_MS, HUB_GREETING_MS_MIN};
use crate::stock::{BooksId, CatalogueUpdate, Seq, SignedPosition, Taken, Transfer};

/// How many greetings without an answer show that the hub is slower than the greetings.
const SLOW_HUB_GREETINGS: usize = 3;
/// Greetings without an answer that are remembered: those of the last minutes.
const UNANSWERED_MAX: usize = 8;

/// The state of the conversation with the hub.
#[derive(Debug)]
pub struct Uplink {
    epoch: Uuid,
    phase: Phase,
    /// The books that the database belongs to.
    books: Option<BooksId>,
    /// Other books whose frames arrive, and when the last one did.
    foreign: Option<(Uuid, u64)>,
    /// The position of the last ledger entry.
    ledger_seq: Seq,
    /// How far what the hub sent is applied.
    taken: Taken,
    progress: Progress,
    /// What was last reported of `taken` since the hub named its position, in a frame after the
    /// entries concerned.
    reported: Option<Taken>,
    /// The `taken` that the newest greeting contained.
    taken_in_greeting: Taken,
    /// All entries up to here have been sent since the hub last named its position.
    sent_seq: Seq,
    /// The frames that wait for an acknowledgement, oldest first.
    window: Window,
    /// A frame of a size that was lost before.
    trial: Option<Trial>,
    /// When to send the next greeting: because an answer is missing, or to check that the hub still
    /// answers.
    greet_at_ms: u64,
    greeted_at_ms: u64,
    /// The nonce of the newest greeting.
    nonce: u64,
    /// The nonces of the last greetings without an answer, oldest first. While there are any,
    /// nothing else is sent. So nothing is on the way when the hub answers, and a slow link is not
    /// filled with repetitions.
    unanswered: VecDeque<u64>,
    /// The hub has asked for the greeting.
    is_called: bool,
    refusal: Option<String>,
    /// The refusal is no fault of the database: the hub's books are older.
    is_held: bool,
    /// The hub's position, if it is beyond the ledger and this has not been reported.
    behind: Option<Seq>,
    /// The answer to the hub's probe: the content of a part at a position.
    answer: Option<(Seq, Content)>,
    /// The newest signed position of the ledger.
    signed: Option<SignedPosition>,
    /// The last position of which an earlier signature was asked for, and the signature.
    earlier: (Seq, Option<SignedPosition>),
    /// The last signed position that was sent since the hub was last away; 0 for none.
    vouched_seq: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection to the broker.
    Disconnected,
    /// The hub has not named its position yet, or has not answered for long.
    Greeting,
    /// The hub has named its position; entries are sent.
    Streaming,
}

/// What the hub link is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a greeting ([`Frame::Hello`]).
    Greet {
        /// Returned in the answer.
        nonce: u64,
    },
    /// Send a greeting that is filled up to so many bytes.
    Try { nonce: u64, bytes: usize },
    /// Report that the hub's position is beyond the end of the ledger.
    ReportShorterLedger { hub_seq: Seq },
    /// Read the ledger, send what fits into one frame, and report it with [`Uplink::sent`].
    SendEntries(Range),
    /// Report how far what the hub sent is applied.
    ReportTaken(Taken),
    /// Send the content of a part at this position. All entries up to it have been sent.
    Answer(Seq, Content),
    /// Send this signature. The entries up to it have been sent, and none after it.
    SendCheckpoint(SignedPosition),
}

/// A range of entries to send, and what to report with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// After this position …
    pub after: Seq,
    /// … up to this one at most.
    pub up_to: Seq,
    /// How far what the hub sent is applied.
    pub taken: Taken,
}

/// What the rest of the gateway has to do because of a frame from the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UplinkEvent {
    /// The hub has committed the ledger up to this position.
    Acked(Seq),
    /// Grants and recalls are to be applied.
    Transfers(Vec<Transfer>),
    /// The catalogue has changed; the change is to be applied.
    Update(CatalogueUpdate),
    /// The hub asks for the content of a part; see [`Uplink::answer`].
    Probe(Part),
    /// The database is to be bound to these books, which have its ledger up to this position; see
    /// [`Uplink::handle_bound`].
    Bind(BooksId, Seq),
    /// The frame is of other books than the gateway's, and was dropped.
    Foreign,
}

impl Uplink {
    /// The conversation of a database before the first connection.
    pub fn new(epoch: Uuid, ledger_seq: Seq) -> Self {
        Self {
            epoch,
            phase: Phase::Disconnected,
            books: None,
            foreign: None,
            ledger_seq,
            taken: Taken::default(),
            progress: Progress::default(),
            reported: None,
            taken_in_greeting: Taken::default(),
            sent_seq: 0,
            window: Window::default(),
            trial: None,
            greet_at_ms: 0,
            greeted_at_ms: 0,
            nonce: 0,
            unanswered: VecDeque::new(),
            is_called: false,
            refusal: None,
            is_held: false,
            behind: None,
            answer: None,
            signed: None,
            earlier: (0, None),
            vouched_seq: 0,
        }
    }

    /// The same of a database that belongs to books.
    #[must_use]
    pub fn bound_to(self, books: Option<BooksId>) -> Self {
        Self { books, ..self }
    }

    /// The broker is connected.
    pub fn handle_connected(&mut self, now_ms: u64) {
        self.leave(Phase::Greeting);
        self.unanswered.clear();
        self.greet_at_ms = now_ms;
        self.vouched_seq = 0;
        self.progress.begin(now_ms);
    }

    /// The connection to the broker is lost.
    pub fn handle_disconnected(&mut self) {
        self.leave(Phase::Disconnected);
    }

    fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        self.window.clear();
        (self.answer, self.trial) = (None, None);
    }

    /// The ledger has been committed up to here, and what the hub sent is applied this far.
    pub fn handle_committed(&mut self, ledger_seq: Seq, taken: Taken) {
        (self.ledger_seq, self.taken) = (ledger_seq, taken);
    }

    /// Handles a frame from the hub. Transfers, listings and probes count only after the hub has
    /// acknowledged the state of this database: a restored copy never applies a transfer twice.
    fn handle_frame(&mut self, frame: Frame, now_ms: u64) -> Option<UplinkEvent> {
        match frame {
            _ if !self.is_ours(frame.epoch()) => None,
            Frame::Resume(resume) => self.resume(&resume, now_ms).map(UplinkEvent::Acked),
            Frame::Ack(position) => {
                self.acknowledge(position.acked_seq, now_ms).map(UplinkEvent::Acked)
            }
            Frame::Refused(Refused { reason, .. }) => {
                self.refuse(&reason, now_ms);
                None
            }
            Frame::Held(Held { reason, .. }) => {
                self.refuse(&reason, now_ms);
                self.is_held = true;
                None
            }
            _ if self.phase != Phase::Streaming => None,
            Frame::Transfers(transfers) => self.transfers(transfers),
            Frame::Catalogue(catalogue) => self.catalogue(catalogue),
            Frame::Probe(probe) => Some(UplinkEvent::Probe(probe.part)),
            Frame::Hello(_)
            | Frame::Entries(_)
            | Frame::Behind(_)
            | Frame::Taken(_)
            | Frame::Sums(_)
            | Frame::Figures(_)
            | Frame::Demand(_)
            | Frame::Checkpoint(_)
            | Frame::Call(_) => None,
        }
    }

    fn transfers(&mut self, Transfers { transfers, .. }: Transfers) -> Option<UplinkEvent> {
        if transfers.iter().all(|transfer| transfer.number <= self.taken.transfer) {
            return self.report_again();
        }
        Some(UplinkEvent::Transfers(transfers))
    }

    fn catalogue(&mut self, catalogue: Catalogue) -> Option<UplinkEvent> {
        let Catalogue { after, up_to, listings, .. } = catalogue;
        if up_to <= self.taken.catalogue {
            return self.report_again();
        }
        Some(UplinkEvent::Update(CatalogueUpdate { after, up_to, listings }))
    }

    /// The hub repeats what is applied already, so it missed the report.
    fn report_again(&mut self) -> Option<UplinkEvent> {
        self.reported = None;
        None
    }

    /// Answers the hub's newest probe with the content of the part at a position.
    pub fn answer(&mut self, seq: Seq, content: Content) {
        let may_follow = self.phase == Phase::Streaming && seq >= self.sent_seq;
        self.answer = may_follow.then_some((seq, content));
    }

    /// A frame may belong to a conversation with an earlier database.
    fn is_ours(&self, epoch: Uuid) -> bool {
        self.phase != Phase::Disconnected && epoch == self.epoch
    }

    /// Handles a hub's question for a greeting: it has restarted, misses entries, or does not know
    /// yet which version of the protocol the gateway speaks.
    pub fn handle_call(&mut self, now_ms: u64) {
        self.is_called = true;
        self.greet_at_ms =
            self.greet_at_ms.min(now_ms.max(self.greeted_at_ms + HUB_GREETING_MS_MIN));
    }

    fn resume(&mut self, resume: &Resume, now_ms: u64) -> Option<Seq> {
        if resume.nonce == 0 {
            self.handle_call(now_ms);
            return None;
        }
        if self.is_of_trial(resume.nonce, now_ms) || !self.is_answer(resume.nonce) {
            return None;
        }
        let acked_seq = resume.position.acked_seq;
        if acked_seq > self.ledger_seq {
            let reason = format!(
                "the hub has this ledger up to {acked_seq}, this database ends at {}: an older copy was put back",
                self.ledger_seq
            );
            self.refuse(&reason, now_ms);
            self.behind = Some(acked_seq);
            return None;
        }
        if self.refusal.is_some() || self.unanswered.len() >= SLOW_HUB_GREETINGS {
            self.progress.begin(now_ms);
        }
        self.progress.confirm(acked_seq, now_ms);
        self.phase = Phase::Streaming;
        (self.refusal, self.is_held) = (None, false);
        // A hub that was away has lost frames of any size.
        let was_called = std::mem::take(&mut self.is_called);
        let is_prompt = self.unanswered.len() == 1 && !was_called;
        self.unanswered.clear();
        self.sent_seq = acked_seq;
        if is_prompt {
            self.window.weigh_up(acked_seq, now_ms);
        }
        self.give_trial_up(now_ms);
        // A signature that arrived before the entries up to it was not taken.
        if !is_prompt || acked_seq < self.vouched_seq {
            self.vouched_seq = 0;
        }
        self.window.clear();
        self.answer.take_if(|(seq, _)| *seq < acked_seq);
        self.reported =
            (acked_seq >= self.taken_in_greeting.at_seq).then_some(self.taken_in_greeting);
        self.greet_at_ms = now_ms + HUB_GREETING_MS;
        Some(acked_seq)
    }

    /// Whether this nonce answers a greeting that waits for an answer. An earlier one than the newest
    /// counts only after some greetings: the hub may have booked more since, which would be sent
    /// again, but a hub that is slower than the greetings would never be heard otherwise.
    fn is_answer(&self, nonce: u64) -> bool {
        let is_slow = self.unanswered.len() >= SLOW_HUB_GREETINGS;
        let Some(newest) = self.unanswered.back() else { return false };
        nonce == *newest || is_slow && self.unanswered.contains(&nonce)
    }

    fn acknowledge(&mut self, acked_seq: Seq, now_ms: u64) -> Option<Seq> {
        let oldest = self.window.oldest()?;
        if acked_seq > self.sent_seq || acked_seq < oldest {
            return None;
        }
        self.window.acknowledge(acked_seq);
        self.progress.confirm(acked_seq, now_ms);
        let is_idle = self.window.is_empty() && self.unanswered.is_empty();
        let wait_ms = if is_idle { HUB_GREETING_MS } else { HUB_ANSWER_MS };
        self.greet_at_ms = now_ms + wait_ms;
        Some(acked_seq)
    }

    /// Sends nothing more for this reason, and asks the hub again once a minute.
    pub fn refuse(&mut self, reason: &str, now_ms: u64) {
        self.leave(Phase::Greeting);
        self.refusal = Some(reason.into());
        self.is_held = false;
        self.greet_at_ms = now_ms + HUB_GREETING_MS;
    }

    /// The next step, if there is one now. The caller takes it before it polls again.
    pub fn poll(&mut self, now_ms: u64) -> Option<Step> {
        if self.phase == Phase::Disconnected {
            return None;
        }
        self.progress.watch(self.ledger_seq, now_ms);
        if let Some(hub_seq) = self.behind.take() {
            return Some(Step::ReportShorterLedger { hub_seq });
        }
        if now_ms >= self.greet_at_ms {
            return Some(self.greet(now_ms));
        }
        if self.phase != Phase::Streaming || !self.unanswered.is_empty() {
            return None;
        }
        if let Some((seq, content)) = self.answer.take_if(|(seq, _)| *seq == self.sent_seq) {
            return Some(Step::Answer(seq, content));
        }
        if let Some(signed) = self.checkpoint_due() {
            return Some(Step::SendCheckpoint(signed));
        }
        if let Some(step) = self.trial(now_ms) {
            return Some(step);
        }
        let up_to =
            self.answer.as_ref().map_or(self.ledger_seq, |(seq, _)| self.ledger_seq.min(*seq));
        let up_to = self.up_to_checkpoint(up_to);
        if self.sent_seq < up_to { self.send(up_to) } else { self.report_taken() }
    }

    /// New entries wait for the acknowledgement of those under way, unless they fill a whole frame.
    /// So an idle link is fast, and a busy one does not send one frame an entry.
    fn send(&self, up_to: Seq) -> Option<Step> {
        let may_send = self.window.has_room(up_to - self.sent_seq);
        let range = Range { after: self.sent_seq, up_to, taken: self.taken };
        may_send.then_some(Step::SendEntries(range))
    }

    /// All entries are sent, but something was applied since that made no entry.
    fn report_taken(&mut self) -> Option<Step> {
        let is_news = self.reported.replace(self.taken) != Some(self.taken);
        is_news.then_some(Step::ReportTaken(self.taken))
    }

    fn greet(&mut self, now_ms: u64) -> Step {
        let count = self.unanswered.len();
        if count > 0 {
            self.phase = Phase::Greeting;
            self.answer = None;
        } else {
            self.taken_in_greeting = self.taken;
        }
        // The wait doubles, so a hub that is gone for days costs little.
        let wait_ms = HUB_ANSWER_MS << count.min(4);
        self.greet_at_ms = now_ms + wait_ms.min(HUB_GREETING_MS);
        self.greeted_at_ms = now_ms;
        self.nonce = now_ms.max(self.nonce + 1);
        if count == UNANSWERED_MAX {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back(self.nonce);
        Step::Greet { nonce: self.nonce }
    }

    /// A frame was sent whose last entry has this position.
    pub fn sent(&mut self, last_seq: Seq, now_ms: u64) {
        if self.window.is_empty() {
            self.greet_at_ms = now_ms + HUB_ANSWER_MS;
        }
        self.sent_seq = last_seq;
        self.window.push(last_seq);
        if last_seq >= self.taken.at_seq {
            self.reported = Some(self.taken);
        }
    }

    /// The frames under way, and how large they may be.
    pub fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// The time at which [`Uplink::poll`] must be called at the latest.
    pub fn deadline_ms(&self) -> Option<u64> {
        let trial_at_ms = self.trial_at_ms().unwrap_or(u64::MAX);
        (self.phase != Phase::Disconnected).then_some(self.greet_at_ms.min(trial_at_ms))
    }
}

#[cfg(test)]
#[path = "uplink_tests.rs"]
mod tests;
