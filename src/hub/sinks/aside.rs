//! Dead letters: events that were set aside, and that people want tried again.

use std::slice;
use std::time::Duration;

use tokio::time::sleep;

use super::backoff::{CHANCE_MAX, pause};
use super::books::NoBooks;
use super::failure::Failure;
use super::held::{Held, Lost, UNCHANGED, now};
use super::task::SinkTask;
use crate::clock;
use crate::hub::db::sql::Executor;
use crate::hub::db::{AsideRow, BooksError, next_aside};
use crate::hub::reader::{FeedEvent, events_at};

/// How often is looked for such events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Said of an event whose entry was removed.
const GONE: &str = "not in the books any more";

impl SinkTask {
    /// Tries one event that was set aside: if the sink takes it, it is set aside no more. Otherwise
    /// the reason is noted, and the feed goes on; an event that the sink has not refused is tried again
    /// later. Returns whether there was one.
    pub(super) async fn try_aside(&mut self, held: &mut Held) -> Result<bool, Lost> {
        if held.aside_at.is_some_and(|at| now() < at) {
            return Ok(false);
        }
        let sink = self.config.name.clone();
        let found = self.books.read(move |db| next(db, &sink)).await;
        let Some((aside, event)) = found.ok().flatten() else {
            held.aside_at = Some(now() + LOOK_EVERY);
            return Ok(false);
        };
        let failure = match event {
            None => Some(Failure::refused(GONE)),
            Some(event) => {
                let delivery = self.delivery.deliver(slice::from_ref(&event));
                let Some(delivered) = held.during(&self.books, delivery).await? else {
                    return Ok(true);
                };
                delivered.err()
            }
        };
        held.note_aside(failure.as_ref());
        self.settle(held, aside, failure).await.map(|()| true)
    }

    async fn settle(
        &self,
        held: &mut Held,
        aside: AsideRow,
        failure: Option<Failure>,
    ) -> Result<(), Lost> {
        let is_taken = failure.is_none();
        let retry = failure.as_ref().is_some_and(|failure| !failure.is_refused);
        let error = failure.map(|failure| failure.why).unwrap_or_default();
        let event = AsideRow { error, retry, at_ms: clock::wall_ms(), ..aside };
        let settling = async {
            loop {
                match self.books.settle_aside(&self.owner, &event, is_taken).await {
                    Ok(is_settled) => return is_settled,
                    Err(NoBooks) => sleep(UNCHANGED).await,
                }
            }
        };
        match held.during(&self.books, settling).await? {
            Some(false) => Err(Lost),
            Some(true) | None => Ok(()),
        }
    }
}

impl Held {
    /// Notes how an event that was set aside was tried: the next one is tried at once, unless the sink is
    /// not available.
    fn note_aside(&mut self, failure: Option<&Failure>) {
        match failure.filter(|failure| !failure.is_refused) {
            None => (self.aside_at, self.aside_failures) = (None, 0),
            Some(failure) => {
                self.aside_failures = self.aside_failures.saturating_add(1);
                let waits = pause(self.aside_failures, fastrand::u32(..=CHANCE_MAX));
                self.aside_at = Some(now() + waits.max(failure.pause));
            }
        }
    }
}

/// The next event of a sink that is to be tried again; without the event itself if the books do not
/// have it any more.
fn next(
    db: &mut dyn Executor,
    sink: &str,
) -> Result<Option<(AsideRow, Option<FeedEvent>)>, BooksError> {
    let Some(aside) = next_aside(db, sink)? else { return Ok(None) };
    let event = events_at(db, &[aside.place()])?.pop();
    Ok(Some((aside, event)))
}
