//! Who reads next: the link to the hub comes before scans, and scans come before other queries,
//! however many of these wait. All of them together read one after the other.

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::error::StoreError;
use crate::limits::{QUERIES_WAITING_MAX, SCANS_WAITING_MAX};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// The link to the hub, which asks for one thing at a time.
    Link,
    /// A person with a scanner waits.
    Scan,
    Query,
}

/// The turns of those who read. The next one is taken by the one that has waited longest among all scans
/// and one query: so the link waits for two others at most, and a scan for one query.
#[derive(Debug)]
pub(super) struct ReadTurns {
    scans: Lane,
    queries: Lane,
}

#[derive(Debug)]
struct Lane {
    places: Semaphore,
    first: Mutex<()>,
}

/// A turn. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _lanes: Option<(SemaphorePermit<'a>, MutexGuard<'a, ()>, Option<MutexGuard<'a, ()>>)>,
}

impl ReadTurns {
    pub(super) fn new() -> Self {
        let lane = |places| Lane { places: Semaphore::new(places), first: Mutex::default() };
        Self { scans: lane(SCANS_WAITING_MAX), queries: lane(QUERIES_WAITING_MAX) }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// If too many wait.
    pub(super) async fn turn(&self, rank: Rank) -> Result<Turn<'_>, StoreError> {
        let lane = match rank {
            Rank::Link => return Ok(Turn { _lanes: None }),
            Rank::Scan => &self.scans,
            Rank::Query => &self.queries,
        };
        let place = lane.places.try_acquire().map_err(|_| StoreError::TooManyRead)?;
        let first = lane.first.lock().await;
        let among_scans = match rank {
            Rank::Query => Some(self.scans.first.lock().await),
            Rank::Link | Rank::Scan => None,
        };
        Ok(Turn { _lanes: Some((place, first, among_scans)) })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_link_waits_for_nobody_and_scans_come_before_queries() {
        let turns = ReadTurns::new();
        let turn = |rank| Box::pin(turns.turn(rank));
        let reads = turn(Rank::Query).now_or_never().unwrap().unwrap();
        let mut queries: Vec<_> = (0..3).map(|_| turn(Rank::Query)).collect();
        let mut scans: Vec<_> = (0..3).map(|_| turn(Rank::Scan)).collect();
        for waits in queries.iter_mut().chain(&mut scans) {
            assert!(waits.now_or_never().is_none());
        }
        assert!(turn(Rank::Link).now_or_never().is_some());
        drop(reads);
        for mut waits in scans.drain(..) {
            queries.iter_mut().for_each(|query| assert!(query.now_or_never().is_none()));
            assert!((&mut waits).now_or_never().is_some(), "the turn of a scan");
        }
        for mut waits in queries.drain(..) {
            assert!((&mut waits).now_or_never().is_some(), "the turn of a query");
        }
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let turns = ReadTurns::new();
        let turn = |rank| Box::pin(turns.turn(rank));
        for (rank, places) in [(Rank::Query, QUERIES_WAITING_MAX), (Rank::Scan, SCANS_WAITING_MAX)]
        {
            let mut waiting: Vec<_> = (0..places).map(|_| turn(rank)).collect();
            let ready = waiting.iter_mut().filter_map(|waits| waits.now_or_never());
            let ready: Vec<_> = ready.collect();
            let over = turn(rank).now_or_never().unwrap();
            assert!(matches!(over, Err(StoreError::TooManyRead)), "{rank:?}: {over:?}");
            assert!(turn(Rank::Link).now_or_never().unwrap().is_ok());
            drop(ready);
        }
        let next = turn(Rank::Query).now_or_never().unwrap();
        assert!(next.is_ok(), "who waits no longer keeps no place");
    }
}
