//! The gateway's side of the sync: what to send next, given what the hub has said.
//!
//! Times are milliseconds of running time. The shell tells what happened, then drains
//! [`Uplink::poll`] until there is nothing to do before [`Uplink::deadline_ms`].

use std::collections::VecDeque;

use uuid::Uuid;

use super::drift::{Content, Part};
use super::frame::{Catalogue, Frame, Refused, Resume, Transfers};
use crate::limits::{
    FRAME_ENTRIES_MAX, HUB_ANSWER_MS, HUB_ASK_MS_MIN, HUB_GREETING_MS, WINDOW_FRAMES,
};
use crate::stock::{CatalogueUpdate, Seq, Taken, Transfer};

/// The state of the conversation with the hub.
#[derive(Debug)]
pub struct Uplink {
    epoch: Uuid,
    phase: Phase,
    /// How far the ledger goes.
    ledger_seq: Seq,
    /// How far what the hub sent is taken: at or before the ledger's end.
    taken: Taken,
    /// What of that the hub has been told since it last said where it stands, in a frame behind
    /// the entries that go with it.
    told: Option<Taken>,
    /// What of that the newest greeting says.
    greeted: Taken,
    /// Everything up to here has been sent since the hub last said where it stands.
    sent_seq: Seq,
    /// The last position of each frame that waits for an acknowledgement, oldest first.
    window: VecDeque<Seq>,
    /// When to greet: because there is no answer, or to see whether there still is one.
    greet_at_ms: u64,
    greeted_at_ms: u64,
    /// The nonce of the newest greeting.
    nonce: u64,
    /// Greetings in a row without an answer. While there are any, nothing else is sent: so
    /// whatever the hub answers, nothing is on the way behind its back, and a slow link is not
    /// filled with repetitions.
    unanswered: u32,
    refusal: Option<String>,
    /// The hub's position, if it lies beyond the ledger and the hub has not been told.
    behind: Option<Seq>,
    /// The stock of a part at a position, for which the hub has asked.
    answer: Option<(Seq, Content)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection to the broker.
    Disconnected,
    /// The hub has not said where it stands, or has not answered for long.
    Greeting,
    /// The hub has said where it stands; entries are sent.
    Streaming,
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a greeting ([`Frame::Hello`]).
    Greet {
        /// To be given back in the answer.
        nonce: u64,
    },
    /// Tell the hub that its position lies beyond the ledger.
    ReportShorterLedger { hub_seq: Seq },
    /// Read the ledger, send what fits one frame, and say so with [`Uplink::sent`].
    SendEntries(Range),
    /// Tell how far what the hub sent is taken.
    Tell(Taken),
    /// Send the stock of a part at this position, up to which everything is sent.
    Answer(Seq, Content),
}

/// Entries to send, and what to say along with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// After this position …
    pub after: Seq,
    /// … at most up to this one.
    pub up_to: Seq,
    /// How far what the hub sent is taken.
    pub taken: Taken,
}

/// What the hub has said, as far as it is for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has committed the ledger up to here.
    Acked(Seq),
    /// Units are to be taken, or given up.
    Transfers(Vec<Transfer>),
    /// The catalogue has changed; the change is to be applied.
    Update(CatalogueUpdate),
    /// It asks for the stock of a part: [`Uplink::answer`].
    Probe(Part),
    /// Nothing that the gateway has to do.
    Nothing,
}

impl Uplink {
    /// The conversation of a database that has not been connected.
    pub fn new(epoch: Uuid, ledger_seq: Seq) -> Self {
        Self {
            epoch,
            phase: Phase::Disconnected,
            ledger_seq,
            taken: Taken::default(),
            told: None,
            greeted: Taken::default(),
            sent_seq: 0,
            window: VecDeque::new(),
            greet_at_ms: 0,
            greeted_at_ms: 0,
            nonce: 0,
            unanswered: 0,
            refusal: None,
            behind: None,
            answer: None,
        }
    }

    /// The broker can be reached.
    pub fn handle_connected(&mut self, now_ms: u64) {
        self.leave(Phase::Greeting);
        self.unanswered = 0;
        self.greet_at_ms = now_ms;
    }

    /// The broker cannot be reached any more.
    pub fn handle_disconnected(&mut self) {
        self.leave(Phase::Disconnected);
    }

    fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        self.window.clear();
        self.answer = None;
    }

    /// The ledger goes up to here, and what the hub sent is taken so far.
    pub fn handle_committed(&mut self, ledger_seq: Seq, taken: Taken) {
        (self.ledger_seq, self.taken) = (ledger_seq, taken);
    }

    /// A frame from the hub. What it wants of the stock counts only once it has said that it
    /// knows this database as it is: nothing is taken twice into a copy that was put back.
    pub fn handle_frame(&mut self, frame: Frame, now_ms: u64) -> Heard {
        let acked = |seq: Option<Seq>| seq.map_or(Heard::Nothing, Heard::Acked);
        match frame {
            _ if !self.is_ours(frame.epoch()) => Heard::Nothing,
            Frame::Resume(resume) => acked(self.resume(&resume, now_ms)),
            Frame::Ack(position) => acked(self.acknowledge(position.acked_seq, now_ms)),
            Frame::Refused(Refused { reason, .. }) => {
                self.refuse(&reason, now_ms);
                Heard::Nothing
            }
            _ if self.phase != Phase::Streaming => Heard::Nothing,
            Frame::Transfers(transfers) => self.transfers(transfers),
            Frame::Catalogue(catalogue) => self.catalogue(catalogue),
            Frame::Probe(probe) => Heard::Probe(probe.part),
            Frame::Hello(_)
            | Frame::Entries(_)
            | Frame::Behind(_)
            | Frame::Taken(_)
            | Frame::Sums(_)
            | Frame::Figures(_) => Heard::Nothing,
        }
    }

    fn transfers(&mut self, Transfers { transfers, .. }: Transfers) -> Heard {
        if transfers.iter().all(|transfer| transfer.number <= self.taken.transfer) {
            return self.tell_again();
        }
        Heard::Transfers(transfers)
    }

    fn catalogue(&mut self, catalogue: Catalogue) -> Heard {
        let Catalogue { after, up_to, listings, .. } = catalogue;
        if up_to <= self.taken.catalogue {
            return self.tell_again();
        }
        Heard::Update(CatalogueUpdate { after, up_to, listings })
    }

    /// The hub has not heard it, or it would not have sent what is taken.
    fn tell_again(&mut self) -> Heard {
        self.told = None;
        Heard::Nothing
    }

    /// Answers the hub's newest question: the stock of a part, as it was at this position.
    pub fn answer(&mut self, seq: Seq, content: Content) {
        let may_follow = self.phase == Phase::Streaming && seq >= self.sent_seq;
        self.answer = may_follow.then_some((seq, content));
    }

    /// A frame may come from a conversation with an earlier database.
    fn is_ours(&self, epoch: Uuid) -> bool {
        self.phase != Phase::Disconnected && epoch == self.epoch
    }

    fn resume(&mut self, resume: &Resume, now_ms: u64) -> Option<Seq> {
        if self.unanswered == 0 || resume.nonce != self.nonce {
            // Nobody asked, or not now: the hub has come back, or misses something. Ask.
            self.greet_at_ms =
                self.greet_at_ms.min(now_ms.max(self.greeted_at_ms + HUB_ASK_MS_MIN));
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
        self.phase = Phase::Streaming;
        self.refusal = None;
        self.unanswered = 0;
        self.sent_seq = acked_seq;
        self.window.clear();
        self.answer.take_if(|(seq, _)| *seq < acked_seq);
        self.told = (acked_seq >= self.greeted.at_seq).then_some(self.greeted);
        self.greet_at_ms = now_ms + HUB_GREETING_MS;
        Some(acked_seq)
    }

    fn acknowledge(&mut self, acked_seq: Seq, now_ms: u64) -> Option<Seq> {
        let oldest = *self.window.front()?;
        if acked_seq > self.sent_seq || acked_seq < oldest {
            return None;
        }
        while self.window.front().is_some_and(|&last| last <= acked_seq) {
            self.window.pop_front();
        }
        let is_idle = self.window.is_empty() && self.unanswered == 0;
        let wait_ms = if is_idle { HUB_GREETING_MS } else { HUB_ANSWER_MS };
        self.greet_at_ms = now_ms + wait_ms;
        Some(acked_seq)
    }

    /// Sends nothing more, for this reason, and asks the hub again once a minute.
    pub fn refuse(&mut self, reason: &str, now_ms: u64) {
        self.leave(Phase::Greeting);
        self.refusal = Some(reason.into());
        self.greet_at_ms = now_ms + HUB_GREETING_MS;
    }

    /// What to do now, if anything.
    pub fn poll(&mut self, now_ms: u64) -> Option<Step> {
        if self.phase == Phase::Disconnected {
            return None;
        }
        if let Some(hub_seq) = self.behind.take() {
            return Some(Step::ReportShorterLedger { hub_seq });
        }
        if now_ms >= self.greet_at_ms {
            return Some(self.greet(now_ms));
        }
        if self.phase != Phase::Streaming || self.unanswered > 0 {
            return None;
        }
        if let Some((seq, content)) = self.answer.take_if(|(seq, _)| *seq == self.sent_seq) {
            return Some(Step::Answer(seq, content));
        }
        let up_to =
            self.answer.as_ref().map_or(self.ledger_seq, |(seq, _)| self.ledger_seq.min(*seq));
        if self.sent_seq < up_to { self.send(up_to) } else { self.tell() }
    }

    /// What is new waits for the acknowledgement of what is on its way, unless a whole frame is
    /// full of it: so an idle link is quick, and a busy one does not carry a frame an entry.
    fn send(&self, up_to: Seq) -> Option<Step> {
        let is_worth_it = up_to - self.sent_seq >= FRAME_ENTRIES_MAX as u64;
        let may_send = self.window.is_empty() || is_worth_it && self.window.len() < WINDOW_FRAMES;
        let range = Range { after: self.sent_seq, up_to, taken: self.taken };
        may_send.then_some(Step::SendEntries(range))
    }

    /// Everything is sent; what was taken since, and made no entry, is still to be told.
    fn tell(&mut self) -> Option<Step> {
        let is_news = self.told.replace(self.taken) != Some(self.taken);
        is_news.then_some(Step::Tell(self.taken))
    }

    fn greet(&mut self, now_ms: u64) -> Step {
        if self.unanswered > 0 {
            self.phase = Phase::Greeting;
            self.answer = None;
        }
        // The wait doubles, so that a hub that is gone for days costs little.
        let wait_ms = HUB_ANSWER_MS << self.unanswered.min(4);
        self.greet_at_ms = now_ms + wait_ms.min(HUB_GREETING_MS);
        self.greeted_at_ms = now_ms;
        self.unanswered += 1;
        self.nonce = now_ms.max(self.nonce + 1);
        self.greeted = self.taken;
        Step::Greet { nonce: self.nonce }
    }

    /// A frame that ends with this position was sent.
    pub fn sent(&mut self, last_seq: Seq, now_ms: u64) {
        if self.window.is_empty() {
            self.greet_at_ms = now_ms + HUB_ANSWER_MS;
        }
        self.sent_seq = last_seq;
        self.window.push_back(last_seq);
        if last_seq >= self.taken.at_seq {
            self.told = Some(self.taken);
        }
    }

    /// When [`Uplink::poll`] has something to do at the latest, without anything happening.
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.phase != Phase::Disconnected).then_some(self.greet_at_ms)
    }

    /// How many frames wait for an acknowledgement.
    pub fn frames_under_way(&self) -> usize {
        self.window.len()
    }

    /// Whether the hub itself has answered on this connection, and still does.
    pub fn is_online(&self) -> bool {
        self.phase == Phase::Streaming
    }

    /// Why not, as far as the hub is concerned.
    pub fn reason(&self) -> String {
        match &self.refusal {
            Some(refusal) => format!("the hub takes nothing: {refusal}"),
            None if self.unanswered > 1 => "the broker answers, the hub does not".into(),
            None => "asking the hub where it stands".into(),
        }
    }
}

#[cfg(test)]
#[path = "uplink_tests.rs"]
mod tests;
