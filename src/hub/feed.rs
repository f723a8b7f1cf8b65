//! Follows the end of the feed, for those who wait for events.
//!
//! In PostgreSQL ranges of entries get their position here, after the commit; see
//! [`BooksDatabase::number_feed`]. Every worker does that, one at a time, so that none waits for a
//! worker that has died.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout, timeout_at};

use super::db::{BooksDatabase, BooksError};
use super::failures::BooksFailures;
use super::reader::{FeedCursor, feed_ends};
use crate::process::stop::Stop;

/// How soon somebody who waits sees what another worker has booked.
const WATCHED: Duration = Duration::from_millis(50);
/// How often is looked for what another worker has left.
const UNWATCHED: Duration = Duration::from_secs(1);

/// How long a query waits for positions.
const SETTLED: Duration = Duration::from_secs(3);
/// How long commits are gathered that get their positions together; and while nobody waits for events.
const GATHERED: Duration = Duration::from_millis(10);
const GATHERED_UNWATCHED: Duration = Duration::from_millis(50);

/// The end of the feed. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct FeedEnd {
    commits: Arc<Notify>,
    /// That a query waits for positions.
    settling: Arc<Notify>,
    end: Arc<watch::Sender<FeedCursor>>,
    /// Positions are given after the commit.
    is_shared: bool,
    /// How often the end has been read in order to give positions.
    readings: Arc<watch::Sender<u64>>,
    stop: Stop,
}

impl FeedEnd {
    /// The end of a feed, in which other workers may have part.
    pub(super) fn new(stop: Stop, is_shared: bool) -> Self {
        let end = watch::Sender::new(FeedCursor::default());
        let (commits, settling, readings) = (Arc::default(), Arc::default(), Arc::default());
        Self { commits, settling, end: Arc::new(end), is_shared, readings, stop }
    }

    /// Notes that entries may have been committed.
    pub(super) fn committed(&self) {
        self.commits.notify_one();
    }

    /// The request to stop.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits for entries after a place until a time; returns false at once if the hub stops.
    pub(super) async fn wait(&self, after: FeedCursor, until: tokio::time::Instant) -> bool {
        let (mut end, mut stop) = (self.end.subscribe(), self.stop.clone());
        self.commits.notify_one();
        tokio::select! {
            _ = timeout_at(until, end.wait_for(|end| *end > after)) => true,
            () = stop.requested() => false,
        }
    }

    /// Waits until what was committed before has its positions; not long, should that fail. Returns
    /// whether there was anything to wait for.
    pub(super) async fn settle(&self) -> bool {
        let mut readings = self.readings.subscribe();
        let before = *readings.borrow_and_update();
        if !self.is_shared {
            return false;
        }
        self.settling.notify_one();
        self.commits.notify_one();
        // The next reading may have begun before.
        let settled = readings.wait_for(|count| *count > before + 1);
        let _ = timeout(SETTLED, settled).await;
        true
    }

    /// Keeps the end up to date until a stop is requested.
    pub(super) async fn follow(self, mut database: BooksDatabase, failures: Arc<BooksFailures>) {
        let is_shared = database.is_shared();
        let mut stop = self.stop.clone();
        loop {
            let is_watched = self.end.receiver_count() > 0;
            if is_shared || is_watched {
                let read = tokio::task::spawn_blocking(move || (read(&mut database), database));
                let (found, again) = read.await.expect("reading does not panic");
                database = again;
                match found {
                    Ok(end) => drop(self.end.send_replace(end)),
                    Err(error) => failures.record("the end of the feed cannot be read", &error),
                }
            }
            if is_shared {
                self.readings.send_modify(|count| *count += 1);
                if self.readings.receiver_count() > 0 {
                    continue;
                }
                let gathered = if is_watched { GATHERED } else { GATHERED_UNWATCHED };
                let _ = timeout(gathered, self.settling.notified()).await;
            }
            let pause = match (is_shared, is_watched) {
                (true, true) => WATCHED,
                (true, false) => UNWATCHED,
                (false, _) => Duration::from_secs(3_600),
            };
            tokio::select! {
                () = self.commits.notified() => {}
                () = sleep(pause) => {}
                () = stop.requested() => return,
            }
        }
    }
}

fn read(database: &mut BooksDatabase) -> Result<FeedCursor, BooksError> {
    database.number_feed()?;
    Ok(database.read(feed_ends)?.last)
}
