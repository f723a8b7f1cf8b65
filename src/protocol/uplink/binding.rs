//! Which books the gateway takes something from.

use crate::protocol::frame::{Frame, Resume};
use crate::protocol::uplink::{Phase, Uplink, UplinkEvent};
use crate::stock::BooksId;

/// How long a foreign hub is reported after its last frame.
pub(super) const FOREIGN_SHOWN_MS: u64 = 300_000;

impl Uplink {
    /// The binding to books is on disk. The hub is greeted again, because what it answered before
    /// was not taken.
    pub fn handle_bound(&mut self, books: Option<BooksId>, now_ms: u64) {
        if self.books == books {
            return;
        }
        self.books = books;
        if self.phase != Phase::Disconnected {
            self.unanswered.clear();
            self.greet_at_ms = now_ms;
        }
    }

    /// Handles a frame of a hub with these books. Nothing is taken from other books than those that
    /// the database belongs to; the first that answer a greeting are those.
    pub fn handle_frame_of(
        &mut self,
        books: BooksId,
        frame: Frame,
        now_ms: u64,
    ) -> Option<UplinkEvent> {
        match self.books {
            _ if !self.is_ours(frame.epoch()) => None,
            Some(bound) if bound == books => self.handle_frame(frame, now_ms),
            Some(bound) if bound.books != books.books => {
                self.foreign = Some((books.books, now_ms));
                Some(UplinkEvent::Foreign)
            }
            bound => {
                let is_older = bound.is_some_and(|bound| bound.generation > books.generation);
                self.handle_unbound(books, frame, is_older, now_ms)
            }
        }
    }

    /// Handles a frame of books that the database is not bound to, but may be: the first that it
    /// hears of, or its own after a recovery. Older books may only say why they do not go on.
    fn handle_unbound(
        &mut self,
        books: BooksId,
        frame: Frame,
        is_older: bool,
        now_ms: u64,
    ) -> Option<UplinkEvent> {
        match frame {
            Frame::Resume(Resume { nonce: 0, .. }) | Frame::Refused(_) | Frame::Held(_) => {
                self.handle_frame(frame, now_ms)
            }
            Frame::Resume(Resume { position, nonce }) if !is_older && self.is_answer(nonce) => {
                Some(UplinkEvent::Bind(books, position.acked_seq))
            }
            Frame::Hello(_)
            | Frame::Entries(_)
            | Frame::Behind(_)
            | Frame::Taken(_)
            | Frame::Sums(_)
            | Frame::Figures(_)
            | Frame::Demand(_)
            | Frame::Checkpoint(_)
            | Frame::Call(_)
            | Frame::Resume(_)
            | Frame::Ack(_)
            | Frame::Transfers(_)
            | Frame::Catalogue(_)
            | Frame::Probe(_) => None,
        }
    }

    /// Which other books speak on the broker, if any did lately.
    pub fn foreign(&self, now_ms: u64) -> Option<String> {
        let (foreign, heard_ms) = self.foreign?;
        let bound = self.books?.books;
        let is_recent = now_ms.saturating_sub(heard_ms) < FOREIGN_SHOWN_MS;
        is_recent.then(|| {
            format!("another hub, books {foreign}, speaks on this broker; this gateway belongs to {bound}")
        })
    }

    /// Whether the hub's books are older than what this database has.
    pub fn is_held(&self) -> bool {
        self.is_held
    }
}
