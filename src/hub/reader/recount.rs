//! The count of the whole books, page by page in the background.
//!
//! Every change keeps the books balanced in its own transaction, so a difference is damage from
//! outside, or a fault. It is found by counting everything, which takes seconds with millions of
//! allotments. So the answer whether the books balance rests on the last count, and on a new look
//! at what differed then. Before the first count is over, it is not known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::reconcile::Known;

/// What the last count has found; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recount {
    /// The SKUs that differed; `None` until the first count is over.
    differing: Arc<watch::Sender<Option<BTreeSet<String>>>>,
}

impl Recount {
    pub(super) fn known(&self) -> Known {
        Known { differing: self.differing.borrow().clone() }
    }

    /// Whether a count is over.
    pub(super) fn is_known(&self) -> bool {
        self.differing.borrow().is_some()
    }

    /// Records what a count has found.
    pub(super) fn set(&self, differing: BTreeSet<String>) {
        self.differing.send_replace(Some(differing));
    }

    /// Waits for the end of the first count, for a time at most.
    pub(super) async fn first(&self, limit: Duration) {
        let mut counted = self.differing.subscribe();
        let _ = timeout(limit, counted.wait_for(Option::is_some)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::tests::test_hub::TestHub;
    use crate::hub::reader::{BooksReader, recount, until_next_count};
    use crate::process::stop;

    #[test]
    fn small_books_are_counted_again_sooner_than_large_ones() {
        let after_ms = |ms| until_next_count(Duration::from_millis(ms)).as_secs();
        assert_eq!([5, 2_000, 60_000].map(after_ms), [10, 100, 600]);
    }

    #[tokio::test]
    async fn a_first_count_that_fails_is_soon_made_again() {
        let mut hub = TestHub::new();
        hub.db("ALTER TABLE pool RENAME TO elsewhere");
        let reader = BooksReader::open(&hub.database).unwrap();
        let (_stopper, stop) = stop::channel();
        let counting = tokio::spawn(recount(reader.clone(), stop));
        reader.recount.first(Duration::from_millis(300)).await;
        assert!(!reader.recount.is_known(), "it fails");
        hub.db("ALTER TABLE elsewhere RENAME TO pool");
        reader.recount.first(Duration::from_secs(20)).await;
        assert!(reader.recount.is_known());
        counting.abort();
    }
}
