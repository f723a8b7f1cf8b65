//! A sink that this worker holds by a lease in the books. It renews the lease while it delivers or
//! waits, so that no other worker delivers at the same time.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::books::{NoBooks, Saved, SinkBooks};
use super::calls::Calls;
use crate::clock;
use crate::hub::db::SinkRow;
use crate::hub::reader::FeedEvent;
use crate::limits::{SINK_BATCH_EVENTS_MAX, SINK_LEASE, SINK_RENEWED};

/// The pause before another change of books that could not be changed.
pub(super) const UNCHANGED: Duration = Duration::from_secs(1);

/// Another worker holds the sink.
pub(super) struct Lost;

/// A sink that this worker holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sink: SinkRow,
    /// Requests to try the sink at once, those of other workers included.
    calls: Calls,
    /// The number of the last one that was answered.
    pub(super) answered: i64,
    /// Until when no other worker takes it, by this process's own clock.
    until: Instant,
    pub(super) saved: Instant,
    /// Whether something has changed that is not saved.
    pub(super) is_changed: bool,
    /// How many of the next events were refused together; 0: none.
    suspected: usize,
    /// When this worker first saw the next event refused on its own, and how long it had been refused
    /// before that.
    refused: Option<(Instant, Duration)>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// When to look for events that were set aside; `None`: at once.
    pub(super) aside_at: Option<Instant>,
    /// Failures in a row to deliver those, other than refusals.
    pub(super) aside_failures: u32,
}

impl Held {
    pub(super) fn new(sink: SinkRow, began: Instant, calls: Calls) -> Self {
        Self {
            answered: sink.retries,
            sink,
            calls,
            until: began + SINK_LEASE,
            saved: began,
            is_changed: false,
            suspected: 0,
            refused: None,
            failures: 0,
            aside_at: None,
            aside_failures: 0,
        }
    }

    /// Saves the progress and renews the lease; waits as long as the books cannot be changed.
    pub(super) async fn save(&mut self, books: &SinkBooks) -> Result<(), Lost> {
        let (began, saved) = save(books, &self.sink).await;
        self.renewed(began, saved)
    }

    /// Does some work, and renews the lease meanwhile. Returns `None` if the lease ended before the
    /// work: then the work was aborted, because another worker may have begun with it.
    pub(super) async fn during<T>(
        &mut self,
        books: &SinkBooks,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, Lost> {
        if !books.is_shared() {
            return Ok(Some(work.await));
        }
        // What was read before the work may have taken as long as the lease.
        if now() >= self.until {
            self.save(books).await?;
        }
        if let Some(done) = self.renew_during(books, work).await? {
            return Ok(Some(done));
        }
        self.save(books).await.map(|()| None)
    }

    async fn renew_during<T>(
        &mut self,
        books: &SinkBooks,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, Lost> {
        let mut work = pin!(work);
        loop {
            let renew = async {
                sleep_until(self.saved + SINK_RENEWED).await;
                save(books, &self.sink).await
            };
            let (began, saved) = tokio::select! {
                biased;
                () = sleep_until(self.until) => return Ok(None),
                done = &mut work => return Ok(Some(done)),
                renewed = renew => renewed,
            };
            self.renewed(began, saved)?;
        }
    }

    fn renewed(&mut self, began: Instant, saved: Saved) -> Result<(), Lost> {
        match saved {
            Saved::Lost => Err(Lost),
            Saved::Done { retries } => {
                self.saved_as(self.sink.clone(), began, retries);
                Ok(())
            }
            Saved::Full => Ok(()),
        }
    }

    /// Notes what was saved at a time.
    pub(super) fn saved_as(&mut self, sink: SinkRow, began: Instant, retries: i64) {
        // Books that were replaced by an older copy count on from where that is.
        if retries < self.answered {
            self.answered = retries;
            self.calls.forget_after(retries);
        }
        self.calls.hear(retries);
        self.sink = SinkRow { retries, ..sink };
        (self.saved, self.until) = (began, began + SINK_LEASE);
        self.is_changed = false;
    }

    /// Notes that a request to try the sink at once is answered now; dead letters are looked for, too.
    pub(super) fn answer(&mut self, call: i64) {
        self.answered = call;
        (self.aside_at, self.aside_failures) = (None, 0);
    }

    /// Events that are delivered at once: half of those that were refused together, to find the one
    /// that is refused.
    pub(super) fn batch(&self) -> usize {
        match self.suspected {
            0 => SINK_BATCH_EVENTS_MAX,
            count => count.div_ceil(2),
        }
    }

    /// Notes that so many of the next events were refused together.
    pub(super) fn suspect(&mut self, count: usize) {
        self.suspected = count;
    }

    /// For how long the next event alone was refused, at this time of the wall clock. That clock
    /// counts only for the time before this worker knew it, because it may be set.
    pub(super) fn refused_for(&mut self, now_ms: i64) -> Duration {
        let since_ms = self.sink.refused_since_ms;
        if since_ms == 0 || since_ms > now_ms {
            self.sink.refused_since_ms = now_ms;
        }
        let before_ms = now_ms.saturating_sub(self.sink.refused_since_ms).unsigned_abs();
        let known = (now(), Duration::from_millis(before_ms));
        let (since, before) = *self.refused.get_or_insert(known);
        before + (known.0 - since)
    }

    /// Notes that the sink has taken events.
    pub(super) fn pass(&mut self, events: &[FeedEvent]) {
        let Some(last) = events.last() else { return };
        self.sink.set_place(last.cursor);
        self.sink.delivered_ms = clock::wall_ms();
        self.is_changed = true;
        self.suspected = self.suspected.saturating_sub(events.len());
        self.go_on();
    }

    /// Clears what was known to be wrong with the next event.
    pub(super) fn go_on(&mut self) {
        (self.sink.failing_since_ms, self.sink.refused_since_ms) = (0, 0);
        self.refused = None;
    }

    /// Notes what is wrong.
    pub(super) fn note(&mut self, why: &str, now_ms: i64) {
        self.sink.error = Some(why.to_owned());
        let since_ms = self.sink.failing_since_ms;
        if since_ms == 0 || since_ms > now_ms {
            self.sink.failing_since_ms = now_ms;
        }
        self.is_changed = true;
    }
}

/// Saves a sink; returns when that began, and what came of it.
async fn save(books: &SinkBooks, sink: &SinkRow) -> (Instant, Saved) {
    loop {
        let began = now();
        match books.save(sink.clone(), false, None).await {
            Ok(saved) => return (began, saved),
            Err(NoBooks) => sleep(UNCHANGED).await,
        }
    }
}

pub(super) fn now() -> Instant {
    Instant::from_std(clock::instant())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(refused_since_ms: i64) -> Held {
        let sink = SinkRow { refused_since_ms, ..SinkRow::default() };
        Held::new(sink, now(), Calls::default())
    }

    #[test]
    fn a_clock_that_is_set_makes_no_refusal_longer() {
        let minute = Duration::from_secs(60);
        let mut known = held(1_000_000);
        let told = known.refused_for(1_600_000);
        assert!((10 * minute..11 * minute).contains(&told), "by what another one has noted");
        assert!(known.refused_for(99_000_000_000) < 11 * minute, "set forward");
        assert!(held(9_000_000).refused_for(1_000_000) < minute, "set back");
        let mut new = held(0);
        assert!(new.refused_for(5_000) < minute && new.refused_for(99_000_000) < minute);
        assert_eq!(new.sink.refused_since_ms, 5_000);
    }

    #[test]
    fn half_of_what_was_refused_together_is_tried_until_one_is_left() {
        let mut held = held(0);
        let mut sizes = vec![held.batch()];
        while *sizes.last().unwrap() > 1 {
            held.suspect(held.batch());
            sizes.push(held.batch());
        }
        assert_eq!(sizes, [200, 100, 50, 25, 13, 7, 4, 2, 1]);
        held.suspect(0);
        assert_eq!(held.batch(), 200);
    }
}
