//! What a frame leads to, and how the books of a database are closed.

use super::answer::FrameAnswer;
use super::books::Books;
use super::quota::Quota;
use super::records::Book;
use super::recovery;
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;

/// What a frame has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameOutcome {
    /// The number of entries that were booked.
    pub entries: u64,
    /// The answer, if there is one.
    pub answer: Option<FrameAnswer>,
    /// The frame was a greeting: what the gateway was sent before may be lost.
    pub greeted: bool,
    /// The gateways with new transfers.
    pub granted: Vec<GatewayId>,
    /// Whether the frame is for a hub, and from a database that may send it. Other frames are
    /// rejected.
    pub accepted: bool,
    /// The number of SKUs that were new.
    pub new_skus: u64,
    /// Books were opened for a database beside others.
    pub opened_another: bool,
    /// How many SKUs were compared in a search for drift.
    pub compared: u64,
    /// The quota that has kept it from being handled.
    pub limited: Option<Quota>,
}

impl FrameOutcome {
    pub(super) fn answered(answer: FrameAnswer) -> Self {
        Self { answer: Some(answer), accepted: true, ..Self::default() }
    }

    /// What it costs of a gateway's quota.
    pub fn cost(&self, quota: Quota) -> u64 {
        match quota {
            Quota::Databases => self.opened_another.into(),
            Quota::Skus => self.new_skus,
            Quota::Compared => self.compared,
            Quota::Frames => (self.entries == 0).into(),
            Quota::Rejections => 0,
        }
    }
}

pub(super) fn record_seen(book: &mut Book, now_ms: i64) {
    book.last_seen_ms = now_ms;
    book.online = true;
}

pub(super) fn fence(book: &mut Book, reason: &str) {
    book.cursor.fenced = Some(reason.into());
    book.problem = Some(reason.into());
    book.reopening = None;
}

pub(super) fn fence_and_refuse<B: Books>(
    books: &mut B,
    mut book: Book,
    reason: String,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    fence(&mut book, &reason);
    book.last_seen_ms = now_ms;
    books.save(&book)?;
    Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch: book.cursor.epoch, reason }))
}

/// Closes a database whose ledger does not fit the transfers of the books. Version 1 cannot tell
/// whether the books are older.
pub(super) fn close(book: &mut Book, reason: String, now_ms: i64) -> FrameAnswer {
    let epoch = book.cursor.epoch;
    if book.wire == Version::V1 {
        fence(book, &reason);
        return FrameAnswer::Refused { epoch, reason };
    }
    recovery::hold_for_transfer(book, &reason, now_ms);
    held_answer(book).unwrap_or(FrameAnswer::Refused { epoch, reason })
}

pub(super) fn held_answer(book: &Book) -> Option<FrameAnswer> {
    let reason = book.held.as_ref()?.reason.clone();
    Some(FrameAnswer::Held { epoch: book.cursor.epoch, reason })
}

pub(super) fn hold_instead<B: Books>(
    books: &mut B,
    mut book: Book,
    what: &str,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    recovery::hold_for_transfer(&mut book, what, now_ms);
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    Ok(FrameOutcome { answer: held_answer(&book), accepted: true, ..FrameOutcome::default() })
}
