//! The task of one sink: reads the feed after the sink's position, delivers, and moves the position.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::backoff::{CHANCE_MAX, pause};
use super::books::{NoBooks, Saved, SinkBooks};
use super::calls::Calls;
use super::delivery::Delivery;
use super::failure::Failure;
use super::held::{Held, Lost, now};
use crate::clock::{self, Clock};
use crate::config::SinkConfig;
use crate::hub::db::sql::Executor;
use crate::hub::db::{AsideRow, sink_row};
use crate::hub::feed::FeedEnd;
use crate::hub::reader::{FeedCursor, FeedEvent, FeedFilter, FeedPage, Gone, feed_page};
use crate::process::log_throttle::LogThrottle;
use crate::process::stop::Stop;

/// How often to look for a sink that another worker has released.
const FREE_EVERY: Duration = Duration::from_millis(500);
/// The longest single wait for events, and for books that cannot be read.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the position is saved while a sink catches up. What was delivered since is delivered
/// again after a kill.
const SAVE_EVERY: Duration = Duration::from_millis(250);
/// The time to save the position at a stop.
const STOP_MAX: Duration = Duration::from_secs(2);

pub(super) struct SinkTask {
    pub(super) config: SinkConfig,
    /// Names this process among those that may have the sink.
    pub(super) owner: String,
    pub(super) books: SinkBooks,
    pub(super) feed: FeedEnd,
    pub(super) calls: Calls,
    pub(super) stop: Stop,
    pub(super) delivery: Delivery,
    pub(super) failures: LogThrottle,
    /// Counts the time for the log.
    pub(super) clock: Clock,
}

impl SinkTask {
    /// Delivers until a stop is requested.
    pub(super) async fn run(mut self) {
        while !self.stop.is_requested() {
            if let Ok(Some(held)) = self.acquire().await {
                self.deliver(held).await;
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(FREE_EVERY) => {}
                () = stop.requested() => {}
            }
        }
    }

    async fn acquire(&self) -> Result<Option<Held>, NoBooks> {
        let name = &self.config.name;
        // Those that may have it are seen without a transaction that changes anything.
        let wanted = name.clone();
        match self.books.read(move |db| sink_row(db, &wanted)).await? {
            None => self.books.register(name).await?,
            Some((now_ms, sink)) => {
                if self.books.is_shared() && !sink.is_free_for(&self.owner, now_ms) {
                    return Ok(None);
                }
            }
        }
        let began = now();
        let taken = self.books.acquire(name, &self.owner).await?;
        Ok(taken.map(|sink| Held::new(sink, began, self.calls.clone())))
    }

    /// Delivers as long as no other worker has the sink.
    async fn deliver(&mut self, mut held: Held) {
        let mut stop = self.stop.clone();
        loop {
            let round = tokio::select! {
                round = self.round(&mut held) => round,
                () = stop.requested() => break,
            };
            if round.is_err() {
                tracing::info!(sink = self.config.name, "another worker delivers to the sink now");
                return;
            }
        }
        let saved = self.books.save(held.sink.clone(), true, None);
        let _ = timeout(STOP_MAX, saved).await;
    }

    /// Tries an event that was set aside, if one is to be tried, and delivers some events or waits
    /// for them.
    async fn round(&mut self, held: &mut Held) -> Result<(), Lost> {
        let tried_aside = self.try_aside(held).await?;
        let Ok(page) = self.page(held.sink.place(), held.batch()).await else {
            return self.wait(held, LOOK_EVERY).await;
        };
        if page.events.is_empty() {
            return self.at_end(held, &page, tried_aside).await;
        }
        let delivery = self.delivery.deliver(&page.events);
        match held.during(&self.books, delivery).await? {
            Some(Ok(taken)) => {
                let has_more = page.has_more || taken < page.events.len();
                self.delivered(held, &page.events[..taken], has_more).await
            }
            Some(Err(failure)) => self.failed(held, &page.events, failure).await,
            None => Ok(()),
        }
    }

    /// Goes on after a page without events; waits for some at the end of the feed.
    async fn at_end(
        &mut self,
        held: &mut Held,
        page: &FeedPage,
        tried_aside: bool,
    ) -> Result<(), Lost> {
        held.sink.set_place(page.next);
        if held.is_changed {
            held.save(&self.books).await?;
        }
        if page.has_more || tried_aside {
            return Ok(());
        }
        let (until, answered) = (now() + LOOK_EVERY, held.answered);
        let event_or_call = async {
            tokio::select! {
                _ = self.feed.wait(page.next, until) => None,
                call = self.calls.after(answered) => Some(call),
            }
        };
        if let Some(Some(call)) = held.during(&self.books, event_or_call).await? {
            held.answer(call);
        }
        Ok(())
    }

    async fn delivered(
        &mut self,
        held: &mut Held,
        events: &[FeedEvent],
        has_more: bool,
    ) -> Result<(), Lost> {
        held.pass(events);
        if held.failures > 0 {
            held.failures = 0;
            if let Some(failures) = self.failures.end() {
                tracing::info!(sink = self.config.name, failures, "the sink takes events again");
            }
        }
        if !has_more || held.saved + SAVE_EVERY <= now() {
            return held.save(&self.books).await;
        }
        Ok(())
    }

    /// Notes a failed delivery, and waits, or skips an event that was refused for long enough.
    async fn failed(
        &mut self,
        held: &mut Held,
        events: &[FeedEvent],
        failure: Failure,
    ) -> Result<(), Lost> {
        held.pass(&events[..failure.taken]);
        let rest = &events[failure.taken..];
        let now_ms = clock::wall_ms();
        held.note(&failure.why, now_ms);
        if failure.is_refused {
            held.suspect(rest.len());
            if rest.len() > 1 {
                return Ok(());
            }
        }
        held.failures = held.failures.saturating_add(1);
        self.log(&failure);
        if let Some(event) = rest.first().filter(|_| failure.is_refused) {
            let refused = held.refused_for(now_ms);
            let gives_up = self.config.give_up.is_some_and(|limit| refused >= limit);
            if gives_up && self.skip(held, event, &failure.why).await? {
                return Ok(());
            }
        }
        held.save(&self.books).await?;
        let mut waited = pause(held.failures, fastrand::u32(..=CHANCE_MAX)).max(failure.pause);
        if let Some(limit) = self.config.give_up.filter(|_| failure.is_refused) {
            let left = limit.saturating_sub(held.refused_for(now_ms));
            waited = if left.is_zero() { waited } else { waited.min(left) };
        }
        self.wait(held, waited).await
    }

    /// Sets an event aside and goes on after it; returns false if that is not possible.
    async fn skip(&mut self, held: &mut Held, event: &FeedEvent, why: &str) -> Result<bool, Lost> {
        let aside = AsideRow {
            sink: self.config.name.clone(),
            position: event.cursor.position(),
            seq: event.cursor.seq(),
            error: why.to_owned(),
            at_ms: clock::wall_ms(),
            retry: false,
        };
        let mut passed = held.sink.clone();
        passed.set_place(event.cursor);
        (passed.refused_since_ms, passed.failing_since_ms) = (0, 0);
        let began = now();
        match self.books.save(passed.clone(), false, Some(aside)).await {
            Ok(Saved::Done { retries }) => {
                held.saved_as(passed, began, retries);
                held.go_on();
                held.suspect(0);
                held.failures = 0;
                let (sink, event_id) = (&self.config.name, event.event_id);
                tracing::error!(sink, %event_id, why, "an event was set aside, because the sink refuses it; see GET /api/sinks");
                Ok(true)
            }
            Ok(Saved::Lost) => Err(Lost),
            Ok(Saved::Full) => {
                let full = format!("{why}; too many events are set aside already");
                held.note(&full, clock::wall_ms());
                Ok(false)
            }
            Err(NoBooks) => Ok(false),
        }
    }

    fn log(&mut self, failure: &Failure) {
        if self.failures.should_log(self.clock.since_start_ms()) {
            let (sink, why) = (&self.config.name, &failure.why);
            tracing::warn!(sink, why, "the sink does not take events; they wait in the books");
        }
    }

    /// A page of the feed. What is not kept any more, because the sink is new, is skipped.
    async fn page(&self, after: FeedCursor, limit: usize) -> Result<FeedPage, NoBooks> {
        let filter = FeedFilter::everything();
        let read = move |db: &mut dyn Executor| {
            Ok(match feed_page(db, after, limit, &filter)? {
                Ok(page) => page,
                Err(Gone(first)) => FeedPage { events: Vec::new(), next: first, has_more: true },
            })
        };
        let page = self.books.read(read).await?;
        if page.events.is_empty() && page.has_more {
            let (sink, first) = (&self.config.name, page.next.to_string());
            tracing::warn!(sink, %after, first, "events after this place are not in the books; the sink goes on with the first that are");
        }
        Ok(page)
    }

    /// Waits; not any longer once people want it tried.
    async fn wait(&self, held: &mut Held, time: Duration) -> Result<(), Lost> {
        let call = timeout(time, self.calls.after(held.answered));
        if let Some(Ok(call)) = held.during(&self.books, call).await? {
            held.answer(call);
            held.failures = 0;
        }
        Ok(())
    }
}
