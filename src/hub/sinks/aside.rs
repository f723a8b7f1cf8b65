//! Events that were set aside, and that people want tried again.

use super::failure::Failure;
use super::task::{Held, SinkTask, TriedAside, now};
use crate::clock;
use crate::hub::db::{AsideRow, aside_events};
use crate::hub::reader::FeedCursor;

/// Events that are tried in one round.
const AT_ONCE: usize = 20;
/// How often is looked for such events.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

impl SinkTask {
    /// Tries events that were set aside, each alone: the one that is taken is set aside no more.
    pub(super) async fn try_aside(&mut self, held: &mut Held) -> TriedAside {
        if held.looked.is_some_and(|looked| now() < looked + LOOK_EVERY) {
            return TriedAside::Done;
        }
        let sink = self.config.name.clone();
        let found = self.books.read(move |db| aside_events(db, &sink, true, AT_ONCE)).await;
        let found = found.unwrap_or_default();
        if found.is_empty() {
            held.looked = Some(now());
            return TriedAside::Done;
        }
        for event in found {
            if let Err(failure) = self.try_event(event).await {
                return TriedAside::Failed(failure);
            }
        }
        TriedAside::Again
    }

    async fn try_event(&mut self, aside: AsideRow) -> Result<(), Failure> {
        let cursor = FeedCursor::new(aside.position, aside.seq);
        let before = FeedCursor::new(aside.position, aside.seq.saturating_sub(1));
        let unread = |_| Failure::unavailable("the books cannot be read");
        let page = self.page(before, 1).await.map_err(unread)?;
        let events: Vec<_> =
            page.events.into_iter().filter(|event| event.cursor == cursor).collect();
        let refused = match self.delivery.deliver(&events).await {
            Ok(_) => None,
            Err(failure) if failure.is_refused => Some(failure.why),
            Err(failure) => return Err(failure),
        };
        let unsaved = |_| Failure::unavailable("the books cannot be changed");
        let is_taken = refused.is_none();
        let error = refused.unwrap_or_else(|| aside.error.clone());
        let event = AsideRow { error, retry: false, at_ms: clock::wall_ms(), ..aside };
        self.books.settle_aside(event, is_taken).await.map_err(unsaved)
    }
}
