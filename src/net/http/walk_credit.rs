//! What one connection may make the gateway look at in a second.
//!
//! A search of the stock, or a page of it, is work that one terminal causes for all. A connection
//! that has used up its credit waits for its next search; it gets no error, because nothing is wrong
//! with a large stock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::clock;
use crate::limits::{STOCK_SCAN_MAX, WALK_BURST, WALK_TIME_PER_SKU};

/// The credit of one connection.
#[derive(Debug)]
pub(super) struct WalkCredit(Mutex<Account>);

#[derive(Debug)]
struct Account {
    /// When everything that was looked at is paid for. It may lead the clock by [`WALK_BURST`].
    paid_at: Instant,
    /// SKUs that were looked at since other tasks had their turn.
    unbroken: usize,
}

impl WalkCredit {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Account { paid_at: clock::instant(), unbroken: 0 }))
    }

    /// Counts SKUs that were looked at.
    pub(super) fn spend(&self, visited: usize) {
        self.account().spend_at(visited, clock::instant());
    }

    /// Whether more may be looked at now.
    pub(super) fn is_left(&self) -> bool {
        self.account().wait(clock::instant()).0.is_zero()
    }

    /// Waits until more may be looked at, and lets other tasks have their turn after many.
    pub(super) async fn ready(&self) {
        let (wait, unbroken) = self.account().wait(clock::instant());
        if !wait.is_zero() {
            sleep(wait).await;
        } else if unbroken >= STOCK_SCAN_MAX {
            yield_now().await;
        } else {
            return;
        }
        self.account().unbroken = 0;
    }

    #[cfg(test)]
    pub(super) fn unbroken(&self) -> usize {
        self.account().unbroken
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn spend_at(&mut self, visited: usize, now: Instant) {
        let visits = u32::try_from(visited).unwrap_or(u32::MAX);
        self.paid_at = self.paid_at.max(now) + WALK_TIME_PER_SKU * visits;
        self.unbroken += visited;
    }

    /// How long to wait, and what was looked at since the last time.
    fn wait(&self, now: Instant) -> (Duration, usize) {
        let wait = self.paid_at.saturating_duration_since(now).saturating_sub(WALK_BURST);
        (wait, self.unbroken)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_burst_is_free_and_more_waits_as_long_as_it_takes() {
        let now = clock::instant();
        let mut credit = Account { paid_at: now, unbroken: 0 };
        let burst = (WALK_BURST.as_nanos() / WALK_TIME_PER_SKU.as_nanos()) as usize;
        credit.spend_at(burst, now);
        assert_eq!(credit.wait(now).0, Duration::ZERO);
        credit.spend_at(1_000, now);
        assert_eq!(credit.wait(now).0, WALK_TIME_PER_SKU * 1_000);
        assert_eq!(credit.wait(now + WALK_TIME_PER_SKU * 1_000).0, Duration::ZERO);
        let later = now + 3 * WALK_BURST;
        credit.spend_at(burst + 1, later);
        assert_eq!(credit.wait(later).0, WALK_TIME_PER_SKU, "never more than one burst");
    }

    #[test]
    fn other_tasks_have_their_turn_between_the_steps_of_a_search() {
        let credit = WalkCredit::new();
        assert!(credit.ready().now_or_never().is_some(), "nothing was looked at");
        credit.spend(STOCK_SCAN_MAX - 1);
        assert!(credit.ready().now_or_never().is_some());
        credit.spend(1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut ready = std::pin::pin!(credit.ready());
        let once = poll_fn(|context| Poll::Ready(ready.as_mut().poll(context)));
        assert_eq!(runtime.block_on(once), Poll::Pending);
    }
}
