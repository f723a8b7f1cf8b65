//! The judge of frames: what to do with a frame, given how far the books have its database.

use uuid::Uuid;

use crate::protocol::frame::{Behind, Entries, Frame, Hello};
use crate::stock::{Chain, Checks, Seq};

/// How far the hub has committed the ledger of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The database.
    pub epoch: Uuid,
    /// The position up to which its entries are in the books.
    pub acked_seq: Seq,
    /// The digest of the gateway's stock and the chain of its ledger at that position.
    pub checks: Checks,
    /// Why the database is fenced, if it is: none of its entries is booked any more.
    pub fenced: Option<String>,
}

/// What to do with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer with the hub's position.
    Resume,
    /// Record what it says, without an answer.
    Record,
    /// Acknowledge again: all its entries are in the books.
    Known,
    /// Book its entries.
    Apply {
        /// How many of the first entries are in the books already.
        skip: usize,
    },
    /// Open books for this database; the gateway's earlier database counts as replaced.
    NewEpoch {
        /// The database.
        epoch: Uuid,
    },
    /// Fence the database for this reason, and answer with it.
    Fence(String),
    /// Answer with this reason; the books do not change.
    Refuse(String),
    /// Reject the frame: it is not for the hub, or from a database that has not greeted.
    Ignore,
}

impl Verdict {
    /// Whether it is about a database whose books are open, as far as the judge knows.
    pub(super) fn is_for_open_books(&self) -> bool {
        matches!(self, Self::Apply { .. } | Self::Known | Self::Resume | Self::Record)
    }
}

/// Judges a frame by the cursor of the gateway's database in force, if it has any; `replaced` are
/// the epochs of its older databases.
pub fn judge(cursor: Option<&Cursor>, replaced: &[Uuid], frame: &Frame) -> Verdict {
    if !frame.is_upward() {
        return Verdict::Ignore;
    }
    let epoch = frame.epoch();
    let Some(cursor) = cursor else {
        return Verdict::NewEpoch { epoch };
    };
    if replaced.contains(&epoch) {
        let reason = format!("epoch {epoch} was replaced by {}", cursor.epoch);
        return Verdict::Refuse(reason);
    }
    match (epoch == cursor.epoch, &cursor.fenced, frame) {
        (true, Some(reason), _) => Verdict::Refuse(reason.clone()),
        (true, None, Frame::Hello(hello)) => judge_hello(cursor, hello),
        (true, None, Frame::Entries(entries)) => judge_entries(cursor, entries),
        (true, None, Frame::Behind(behind)) => judge_behind(cursor, behind),
        (
            true,
            None,
            Frame::Taken(_)
            | Frame::Sums(_)
            | Frame::Figures(_)
            | Frame::Demand(_)
            | Frame::Checkpoint(_),
        ) => Verdict::Record,
        // Only a greeting opens new books; late entries of an unknown database do not.
        (false, _, Frame::Hello(_)) => Verdict::NewEpoch { epoch },
        (false, _, _) => Verdict::Ignore,
        (true, None, _) => Verdict::Ignore,
    }
}

impl Cursor {
    /// Whether a chain at the cursor's position is of the same ledger.
    fn agrees(&self, chain: Chain) -> bool {
        self.checks.chain.agrees(chain, self.acked_seq)
    }
}

/// A greeting with a ledger shorter than the books may only be late; if the ledger really went back,
/// the gateway reports it. The chain at a position never changes, so another chain means another
/// ledger. Another digest with the same chain is drift: it is searched for, and not a reason to
/// fence the database.
fn judge_hello(cursor: &Cursor, hello: &Hello) -> Verdict {
    if hello.ledger_seq == cursor.acked_seq && !cursor.agrees(hello.checks.chain) {
        return Verdict::Fence(diverged(cursor.acked_seq));
    }
    Verdict::Resume
}

fn judge_behind(cursor: &Cursor, behind: &Behind) -> Verdict {
    let Behind { position, ledger_seq } = *behind;
    if ledger_seq >= position.acked_seq || position.acked_seq > cursor.acked_seq {
        return Verdict::Resume;
    }
    Verdict::Fence(format!(
        "the ledger went back from {} to {ledger_seq}: an older copy of the database was put back",
        position.acked_seq
    ))
}

/// Known entries can be compared with the books at the books' position only. Two copies of one
/// database that both continued differ there, or by the entries after it.
fn judge_entries(cursor: &Cursor, Entries { entries, checks, .. }: &Entries) -> Verdict {
    let (first, last) = match entries.as_slice() {
        [first, .., last] => (first.seq, last.seq),
        [only] => (only.seq, only.seq),
        [] => return Verdict::Ignore,
    };
    if last == cursor.acked_seq && !cursor.agrees(checks.chain) {
        return Verdict::Fence(diverged(last));
    }
    if last <= cursor.acked_seq {
        return Verdict::Known;
    }
    if first > cursor.acked_seq + 1 {
        return Verdict::Resume;
    }
    let known = cursor.acked_seq + 1 - first;
    Verdict::Apply { skip: usize::try_from(known).expect("fewer than the entries of a frame") }
}

/// The reason to fence a database whose ledger differs from the books at a position.
pub fn diverged(seq: Seq) -> String {
    format!(
        "the gateway's ledger and the books differ at entry {seq}: the database continued differently from what the hub has"
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
