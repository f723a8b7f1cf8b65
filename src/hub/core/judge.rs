//! The hub's side of the sync: what to do with a frame, given what the books say.

use uuid::Uuid;

use crate::protocol::frame::{Behind, Entries, Frame, Hello};
use crate::stock::{Checks, Seq};

/// How far the hub has committed the ledger of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which database.
    pub epoch: Uuid,
    /// Up to where.
    pub acked_seq: Seq,
    /// The digest of the gateway's stock and the chain of its ledger there.
    pub checks: Checks,
    /// Why nothing more is taken from it, if so.
    pub fenced: Option<String>,
}

/// What to do with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Say where the hub stands.
    Resume,
    /// Note what it says; nothing is to be answered.
    Heard,
    /// Acknowledge again: everything in it is known.
    Known,
    /// Apply its entries but for the first so many, which are known.
    Apply {
        /// How many to leave out.
        skip: usize,
    },
    /// Start new books for this database beside the old ones, and report that it was replaced.
    NewEpoch {
        /// Which database.
        epoch: Uuid,
    },
    /// Take nothing from this database any more, report why, and tell the gateway.
    Fence(String),
    /// Take nothing, change nothing, and tell whoever sent it.
    Refuse(String),
    /// Nothing: it is not for the hub, or from a database that has not presented itself.
    Ignore,
}

/// Judges a frame against the newest books of the gateway it comes from; `retired` are the
/// epochs of its older ones.
pub fn judge(cursor: Option<&Cursor>, retired: &[Uuid], frame: &Frame) -> Verdict {
    if !frame.is_upward() {
        return Verdict::Ignore;
    }
    let epoch = frame.epoch();
    let Some(cursor) = cursor else {
        return Verdict::NewEpoch { epoch };
    };
    if retired.contains(&epoch) {
        let reason = format!("epoch {epoch} was replaced by {}", cursor.epoch);
        return Verdict::Refuse(reason);
    }
    match (epoch == cursor.epoch, &cursor.fenced, frame) {
        (true, Some(reason), _) => Verdict::Refuse(reason.clone()),
        (true, None, Frame::Hello(hello)) => judge_hello(cursor, hello),
        (true, None, Frame::Entries(entries)) => judge_entries(cursor, entries),
        (true, None, Frame::Behind(behind)) => judge_behind(cursor, behind),
        (true, None, Frame::Taken(_) | Frame::Sums(_) | Frame::Figures(_)) => Verdict::Heard,
        // Only a greeting starts new books: stray entries of an unknown database do not.
        (false, _, Frame::Hello(_)) => Verdict::NewEpoch { epoch },
        (false, _, _) => Verdict::Ignore,
        (true, None, _) => Verdict::Ignore,
    }
}

/// A greeting with a ledger shorter than the books may only be late; the gateway will say so
/// itself if its ledger really went back. What led to a position never changes; a stock that is
/// another though the ledger is the same is looked into, and no reason to take nothing.
fn judge_hello(cursor: &Cursor, hello: &Hello) -> Verdict {
    if hello.ledger_seq == cursor.acked_seq && hello.checks.chain != cursor.checks.chain {
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

/// Entries that are known can be compared only where the books end; copies of one database that
/// both went on are told apart there, or when the next entries come.
fn judge_entries(cursor: &Cursor, Entries { entries, checks, .. }: &Entries) -> Verdict {
    let (first, last) = match entries.as_slice() {
        [first, .., last] => (first.seq, last.seq),
        [only] => (only.seq, only.seq),
        [] => return Verdict::Ignore,
    };
    if last == cursor.acked_seq && checks.chain != cursor.checks.chain {
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

/// Says that digest or chain differ at a position.
pub fn diverged(seq: Seq) -> String {
    format!(
        "the gateway's ledger and the books differ at entry {seq}: the database went on differently from what the hub has"
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
