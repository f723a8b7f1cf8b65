//! Tries frames of a size that was lost again, so that a limit which is gone is not reported for ever.
//!
//! A trial is a greeting that is filled up to that size. It is sent while nothing else is under way, and
//! has an answer of its own, so it shows the limit even where there is never so much to send.

use crate::limits::{HUB_ANSWER_MS, HUB_GREETING_MS, SLOW_LINK_BYTES_PER_S};
use crate::protocol::uplink::{Phase, Step, Uplink};
use crate::protocol::window::Trial;

impl Uplink {
    /// The trial to send now. The next greeting waits until it should have been answered, because an
    /// answer to that one says that the trial is lost.
    pub(super) fn trial(&mut self, now_ms: u64) -> Option<Step> {
        self.trial_at_ms().filter(|at_ms| now_ms >= *at_ms)?;
        let bytes = self.window.trial_bytes()?;
        self.nonce = now_ms.max(self.nonce + 1);
        self.trial = Some(Trial { nonce: self.nonce, bytes });
        let on_the_way_ms = bytes as u64 * 1_000 / SLOW_LINK_BYTES_PER_S;
        self.greet_at_ms = now_ms + HUB_ANSWER_MS + on_the_way_ms;
        Some(Step::Try { nonce: self.nonce, bytes })
    }

    /// When the next trial is to be sent, if nothing happens until then.
    pub(super) fn trial_at_ms(&self) -> Option<u64> {
        let is_sent = self.sent_seq >= self.ledger_seq && self.window.is_empty();
        let is_idle = is_sent && self.unanswered.is_empty();
        let may_begin = self.phase == Phase::Streaming && is_idle && self.trial.is_none();
        self.window.trial_at_ms().filter(|_| may_begin)
    }

    /// Handles an answer of the hub; returns whether it is to the trial.
    pub(super) fn is_of_trial(&mut self, nonce: u64, now_ms: u64) -> bool {
        let Some(trial) = self.trial.take_if(|trial| trial.nonce == nonce) else { return false };
        self.window.handle_tried(trial.bytes, true, now_ms);
        if self.window.is_empty() && self.unanswered.is_empty() {
            self.greet_at_ms = now_ms + HUB_GREETING_MS;
        }
        true
    }

    /// The trial is lost: a greeting after it is answered.
    pub(super) fn give_trial_up(&mut self, now_ms: u64) {
        if let Some(Trial { bytes, .. }) = self.trial.take() {
            self.window.handle_tried(bytes, false, now_ms);
        }
    }

    /// The connection to the broker is lost; or the broker has cut it, over a frame that is too large
    /// or by accident.
    pub fn handle_lost(&mut self, is_cut: bool, now_ms: u64) {
        if let Some(Trial { bytes, .. }) = self.trial.take() {
            self.window.handle_cut_over(bytes, is_cut, now_ms);
        } else if is_cut && self.phase != Phase::Disconnected {
            self.window.handle_cut(now_ms);
        }
        self.handle_disconnected();
    }
}
