//! The gateway's side of the sync: what to send next, given what the hub has said.
//!
//! Times are milliseconds of running time. The shell tells what happened, then drains
//! [`Uplink::poll`] until there is nothing to do before [`Uplink::deadline_ms`].

use std::collections::VecDeque;

use uuid::Uuid;

use super::frame::{Frame, Refused, Resume};
use crate::limits::{HUB_ANSWER_MS, HUB_ASK_MS_MIN, HUB_GREETING_MS, WINDOW_FRAMES};
use crate::stock::Seq;

/// The state of the conversation with the hub.
#[derive(Debug)]
pub struct Uplink {
    epoch: Uuid,
    phase: Phase,
    /// How far the ledger goes.
    ledger_seq: Seq,
    /// Everything up to here has been sent since the hub last said where it stands.
    sent_seq: Seq,
    /// The last position of each frame that waits for an acknowledgement, oldest first.
    window: VecDeque<Seq>,
    /// When to greet: because there is no answer, or to see whether there still is one.
    greet_at_ms: u64,
    greeted_at_ms: u64,
    /// Of the newest greeting.
    nonce: u64,
    /// Greetings in a row without an answer. While there are any, nothing else is sent: so
    /// whatever the hub answers, nothing is on the way behind its back, and a slow link is not
    /// filled with repetitions.
    unanswered: u32,
    refusal: Option<String>,
    /// The hub's position, if it lies beyond the ledger and the hub has not been told.
    behind: Option<Seq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection to the broker.
    Disconnected,
    /// The hub has not said where it stands, or has not answered for long.
    Greeting,
    /// The hub has.
    Streaming,
}

/// What the shell is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a greeting.
    Greet {
        /// To be given back in the answer.
        nonce: u64,
    },
    /// Tell the hub that its position lies beyond the ledger.
    ReportBehind {
        /// The hub's position.
        hub_seq: Seq,
    },
    /// Read the ledger behind this position, send what fits one frame, and say so with
    /// [`Uplink::sent`].
    SendBehind(Seq),
}

impl Uplink {
    /// The conversation of a database that has not been connected.
    pub fn new(epoch: Uuid, ledger_seq: Seq) -> Self {
        Self {
            epoch,
            phase: Phase::Disconnected,
            ledger_seq,
            sent_seq: 0,
            window: VecDeque::new(),
            greet_at_ms: 0,
            greeted_at_ms: 0,
            nonce: 0,
            unanswered: 0,
            refusal: None,
            behind: None,
        }
    }

    /// The broker can be reached.
    pub fn handle_connected(&mut self, now_ms: u64) {
        self.phase = Phase::Greeting;
        self.window.clear();
        self.unanswered = 0;
        self.greet_at_ms = now_ms;
    }

    /// The broker cannot be reached any more.
    pub fn handle_disconnected(&mut self) {
        self.phase = Phase::Disconnected;
        self.window.clear();
    }

    /// The ledger goes up to here.
    pub fn handle_committed(&mut self, ledger_seq: Seq) {
        self.ledger_seq = ledger_seq;
    }

    /// A frame from the hub. Returns how far the hub has committed, if that is news.
    pub fn handle_frame(&mut self, frame: &Frame, now_ms: u64) -> Option<Seq> {
        match frame {
            _ if !self.is_ours(frame.epoch()) => None,
            Frame::Resume(resume) => self.resume(resume, now_ms),
            Frame::Ack(position) => self.acknowledge(position.acked_seq, now_ms),
            Frame::Refused(Refused { reason, .. }) => {
                self.refuse(reason, now_ms);
                None
            }
            Frame::Hello(_)
            | Frame::Entries(_)
            | Frame::Behind(_)
            | Frame::Taken(_)
            | Frame::Sums(_)
            | Frame::Figures(_)
            | Frame::Transfers(_)
            | Frame::Catalogue(_)
            | Frame::Probe(_) => None,
        }
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
        self.phase = Phase::Greeting;
        self.window.clear();
        self.refusal = Some(reason.into());
        self.greet_at_ms = now_ms + HUB_GREETING_MS;
    }

    /// What to do now, if anything.
    pub fn poll(&mut self, now_ms: u64) -> Option<Step> {
        if self.phase == Phase::Disconnected {
            return None;
        }
        if let Some(hub_seq) = self.behind.take() {
            return Some(Step::ReportBehind { hub_seq });
        }
        if now_ms >= self.greet_at_ms {
            return Some(self.greet(now_ms));
        }
        let may_send = self.phase == Phase::Streaming
            && self.unanswered == 0
            && self.window.len() < WINDOW_FRAMES;
        (may_send && self.sent_seq < self.ledger_seq).then_some(Step::SendBehind(self.sent_seq))
    }

    fn greet(&mut self, now_ms: u64) -> Step {
        if self.unanswered > 0 {
            self.phase = Phase::Greeting;
        }
        // The wait doubles, so that a hub that is gone for days costs little.
        let wait_ms = HUB_ANSWER_MS << self.unanswered.min(4);
        self.greet_at_ms = now_ms + wait_ms.min(HUB_GREETING_MS);
        self.greeted_at_ms = now_ms;
        self.unanswered += 1;
        self.nonce = now_ms.max(self.nonce + 1);
        Step::Greet { nonce: self.nonce }
    }

    /// A frame that ends with this position was sent.
    pub fn sent(&mut self, last_seq: Seq, now_ms: u64) {
        if self.window.is_empty() {
            self.greet_at_ms = now_ms + HUB_ANSWER_MS;
        }
        self.sent_seq = last_seq;
        self.window.push_back(last_seq);
    }

    /// When [`Uplink::poll`] has something to do at the latest, without anything happening.
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.phase != Phase::Disconnected).then_some(self.greet_at_ms)
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
