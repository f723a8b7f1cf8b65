//! Whether what waits makes progress. A hub that answers and confirms nothing is as good as none: its
//! books cannot be written, or another one gets the entries.

use crate::limits::HUB_PROGRESS_MS;
use crate::stock::Seq;

/// How far the hub has confirmed the ledger, and since when it confirms nothing.
#[derive(Debug, Default)]
pub(super) struct Progress {
    acked_seq: Seq,
    /// The end of the ledger when it was looked at last.
    seen_seq: Seq,
    /// The last time when something was confirmed, or nothing waited.
    at_ms: u64,
    is_stuck: bool,
}

impl Progress {
    /// A connection begins, or the hub does not refuse the database any more.
    pub(super) fn begin(&mut self, now_ms: u64) {
        (self.at_ms, self.is_stuck) = (now_ms, false);
    }

    /// The hub has confirmed the ledger up to here.
    pub(super) fn confirm(&mut self, acked_seq: Seq, now_ms: u64) {
        if acked_seq > self.acked_seq {
            self.at_ms = now_ms;
        }
        self.acked_seq = acked_seq;
    }

    /// The ledger ends here. What is new since the last look has waited since then at most.
    pub(super) fn watch(&mut self, ledger_seq: Seq, now_ms: u64) {
        if self.acked_seq >= self.seen_seq {
            self.at_ms = now_ms;
        }
        self.seen_seq = ledger_seq;
        self.is_stuck = now_ms >= self.at_ms + HUB_PROGRESS_MS;
    }

    /// Entries wait, and none was confirmed for too long.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck
    }
}
