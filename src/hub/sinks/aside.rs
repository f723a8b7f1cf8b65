//! Dead letters: events that were set aside, and that people want tried again.

use std::slice;
use std::time::Duration;

use tokio::time::sleep;

use super::books::NoBooks;
use super::held::{Held, Lost, UNCHANGED, now};
use super::task::SinkTask;
use crate::clock;
use crate::hub::db::sql::Executor;
use crate::hub::db::{AsideRow, BooksError, aside_events};
use crate::hub::reader::{FeedEvent, events_at};

/// How often is looked for such events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Said of an event whose entry was removed.
const GONE: &str = "not in the books any more";

impl SinkTask {
    /// Tries one event that was set aside: if the sink takes it, it is set aside no more. Otherwise
    /// the reason is noted, and the feed goes on. Returns whether there was one.
    pub(super) async fn try_aside(&mut self, held: &mut Held) -> Result<bool, Lost> {
        if held.looked.is_some_and(|looked| now() < looked + LOOK_EVERY) {
            return Ok(false);
        }
        let sink = self.config.name.clone();
        let found = self.books.read(move |db| next(db, &sink)).await;
        let Some((aside, event)) = found.ok().flatten() else {
            held.looked = Some(now());
            return Ok(false);
        };
        let error = match event {
            None => Some(GONE.to_owned()),
            Some(event) => {
                let delivery = self.delivery.deliver(slice::from_ref(&event));
                let Some(delivered) = held.during(&self.books, delivery).await? else {
                    return Ok(true);
                };
                delivered.err().map(|failure| failure.why)
            }
        };
        self.settle(held, aside, error).await.map(|()| true)
    }

    async fn settle(
        &self,
        held: &mut Held,
        aside: AsideRow,
        error: Option<String>,
    ) -> Result<(), Lost> {
        let is_taken = error.is_none();
        let error = error.unwrap_or_default();
        let event = AsideRow { error, retry: false, at_ms: clock::wall_ms(), ..aside };
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

/// The next event of a sink that is to be tried again; without the event itself if the books do not
/// have it any more.
fn next(
    db: &mut dyn Executor,
    sink: &str,
) -> Result<Option<(AsideRow, Option<FeedEvent>)>, BooksError> {
    let Some(aside) = aside_events(db, sink, true, 1)?.pop() else { return Ok(None) };
    let event = events_at(db, &[aside.place()])?.pop();
    Ok(Some((aside, event)))
}
