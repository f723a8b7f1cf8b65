//! Feeds: the change batches that reach all subscribed terminals.
//!
//! One task makes the change batches and puts them on a feed, which keeps the last few. A terminal
//! sends the batches it has not sent yet; if it has missed more than the feed keeps, it searches
//! the stock for what changed after its own position. So the stock is searched once for all
//! terminals, however many there are, and a slow terminal costs only itself.
//!
//! Many terminals are spread over several feeds. These get their batches in turn, with a pause
//! after each, so that sending does not occupy the processor without a break. The more terminals
//! there are, the less often each feed gets a batch, and the more changes one batch holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::change_batch::{ChangeBatch, FeedPosition};
use crate::engine::relisted::Relisting;
use crate::engine::state::CommittedState;
use crate::limits::{
    EVENT_ITEMS_MAX, FEED_BATCHES_MAX, FEED_PACE_PER_SUBSCRIBER, FEED_SUBSCRIBERS_MAX, FEEDS,
};
use crate::process::stop::Stop;

/// The resolution of the runtime's timer.
const TIMER_TICK: Duration = Duration::from_millis(1);

/// The last change batches, the newest at the end, without a gap between them.
#[derive(Debug, Default)]
pub(in crate::terminal) struct Feed {
    batches: VecDeque<Arc<ChangeBatch>>,
}

impl Feed {
    /// Adds a batch. If changes before it were never put on this feed, because it had no
    /// subscribers then, the older batches are dropped.
    fn push(&mut self, batch: ChangeBatch) {
        if self.batches.back().is_some_and(|newest| newest.to != batch.from) {
            self.batches.clear();
        }
        if self.batches.len() == FEED_BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(Arc::new(batch));
    }

    /// The batches with changes after a position.
    ///
    /// # Errors
    /// If some of these changes are no longer here: where those begin that are.
    pub(super) fn after(&self, told: FeedPosition) -> Result<Vec<Arc<ChangeBatch>>, FeedPosition> {
        let new = self.batches.iter().filter(|batch| batch.to.is_beyond(told));
        let new: Vec<_> = new.map(Arc::clone).collect();
        match new.first().map(|first| first.from).filter(|from| from.is_beyond(told)) {
            Some(from) => Err(from),
            None => Ok(new),
        }
    }
}

/// All feeds of a gateway.
#[derive(Clone, Debug)]
pub(in crate::terminal) struct Feeds(Arc<[watch::Sender<Feed>]>);

impl Default for Feeds {
    fn default() -> Self {
        Self(std::iter::repeat_with(watch::Sender::default).take(FEEDS).collect())
    }
}

impl Feeds {
    /// A feed that gets every change from now on: the first that is not full, so that a few
    /// terminals share one feed and the events encoded for it.
    pub(in crate::terminal) fn subscribe(&self) -> watch::Receiver<Feed> {
        let with_room = self.0.iter().find(|feed| feed.receiver_count() < FEED_SUBSCRIBERS_MAX);
        let emptiest = || self.0.iter().min_by_key(|feed| feed.receiver_count());
        with_room.or_else(emptiest).expect("there are feeds").subscribe()
    }

    /// Puts what is committed on the feeds, until a stop is requested.
    pub(in crate::terminal) async fn run(self, state: Arc<CommittedState>, mut stop: Stop) {
        let mut committed = state.committed();
        let mut sent = [FeedPosition { seq: state.stock().seq(), relisted: 0 }; FEEDS];
        let mut pace = FeedPace(Instant::now());
        loop {
            tokio::select! {
                () = stop.requested() => return,
                changed = committed.changed() => if changed.is_err() { return },
            }
            // A terminal that subscribes to an empty feed after this finds the same stock in the
            // committed state, or a newer one.
            let seq = state.stock().seq();
            let (relisting, more) = state.relisted().take(EVENT_ITEMS_MAX);
            if more {
                committed.mark_changed();
            }
            for (feed, sent) in self.0.iter().zip(&mut sent) {
                if feed.receiver_count() == 0 {
                    *sent = FeedPosition { seq, relisted: relisting.up_to() };
                    clear(feed);
                    continue;
                }
                let subscribers = push_new(&state, feed, sent).await;
                push_relisted(&state, feed, sent, &relisting);
                let batches = if relisting.skus.is_empty() { 1 } else { 2 };
                pace.pause(FEED_PACE_PER_SUBSCRIBER * subscribers * batches).await;
                if stop.is_requested() {
                    return;
                }
            }
        }
    }
}

/// The moment at which the next batch is due.
struct FeedPace(Instant);

impl FeedPace {
    /// Pauses this long on average. The timer counts milliseconds and is late, so a shorter pause
    /// is added to the next one, and what was too long is subtracted from it.
    async fn pause(&mut self, pause: Duration) {
        let now = Instant::now();
        self.0 = self.0.max(now - pause) + pause;
        if self.0 - now >= TIMER_TICK {
            sleep_until(self.0).await;
        }
    }
}

/// Frees the batches of a feed without subscribers.
fn clear(feed: &watch::Sender<Feed>) {
    feed.send_if_modified(|feed| {
        *feed = Feed::default();
        false
    });
}

/// Puts all changes after `sent` on a feed, and returns the number of its subscribers.
async fn push_new(
    state: &CommittedState,
    feed: &watch::Sender<Feed>,
    sent: &mut FeedPosition,
) -> u32 {
    loop {
        let (batch, more) = ChangeBatch::after(*sent, state);
        *sent = batch.to;
        if !batch.items.is_empty() {
            feed.send_modify(|feed| feed.push(batch));
        }
        if !more {
            return u32::try_from(feed.receiver_count()).unwrap_or(u32::MAX);
        }
        yield_now().await;
    }
}

/// Puts items that the catalogue has changed on a feed. That some were missed shows by its position.
fn push_relisted(
    state: &CommittedState,
    feed: &watch::Sender<Feed>,
    sent: &mut FeedPosition,
    relisting: &Relisting,
) {
    if !relisting.skus.is_empty() {
        let batch = ChangeBatch::relisted(relisting, sent.seq, &state.stock());
        *sent = batch.to;
        feed.send_modify(|feed| feed.push(batch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Seq;

    fn at(seq: Seq) -> FeedPosition {
        FeedPosition { seq, relisted: 0 }
    }

    fn batch(from: FeedPosition, to: FeedPosition) -> ChangeBatch {
        ChangeBatch::new(from, to, Vec::new())
    }

    fn feed(batches: &[(Seq, Seq)]) -> Feed {
        let mut feed = Feed::default();
        for &(from, to) in batches {
            feed.push(batch(at(from), at(to)));
        }
        feed
    }

    fn found(feed: &Feed, seq: Seq) -> Option<Vec<(Seq, Seq)>> {
        let found = feed.after(at(seq)).ok()?;
        Some(found.iter().map(|batch| (batch.from.seq, batch.to.seq)).collect())
    }

    #[test]
    fn what_the_catalogue_changed_has_a_position_of_its_own() {
        let told = |seq, relisted| FeedPosition { seq, relisted };
        let mut feed = feed(&[(5, 10)]);
        feed.push(batch(told(10, 0), told(10, 50)));
        feed.push(batch(told(10, 50), told(12, 50)));
        let count = |told| feed.after(told).map(|new| new.len());
        assert_eq!(count(told(5, 0)), Ok(3));
        assert_eq!(count(told(12, 0)), Ok(2), "a terminal that has searched the stock");
        assert_eq!(count(told(12, 50)), Ok(0));
        assert_eq!(count(told(4, 50)), Err(told(5, 0)));
        feed.push(batch(told(12, 70), told(12, 99)));
        assert_eq!(feed.after(told(12, 50)).err(), Some(told(12, 70)), "some were missed");
    }

    #[test]
    fn a_terminal_gets_the_batches_after_its_position_or_has_to_search() {
        let feed = feed(&[(5, 10), (10, 12)]);
        assert_eq!(found(&feed, 4), None);
        assert_eq!(found(&feed, 5), Some(vec![(5, 10), (10, 12)]));
        assert_eq!(found(&feed, 7), Some(vec![(5, 10), (10, 12)]));
        assert_eq!(found(&feed, 10), Some(vec![(10, 12)]));
        assert_eq!(found(&feed, 12), Some(Vec::new()));
    }

    #[test]
    fn a_gap_between_batches_drops_the_older_ones() {
        let feed = feed(&[(5, 10), (20, 21)]);
        assert_eq!(found(&feed, 7), None);
        assert_eq!(found(&feed, 20), Some(vec![(20, 21)]));
    }

    #[test]
    fn only_the_newest_batches_are_kept() {
        let last = FEED_BATCHES_MAX as Seq + 1;
        let batches: Vec<_> = (0..last).map(|from| (from, from + 1)).collect();
        let feed = feed(&batches);
        assert_eq!(found(&feed, 0), None);
        assert_eq!(found(&feed, 1).map(|found| found.len()), Some(FEED_BATCHES_MAX));
    }
}
