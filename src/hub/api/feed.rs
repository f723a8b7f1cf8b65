//! Pages of the feed, and the limit on clients that follow it.

use tokio::sync::OwnedSemaphorePermit;

use super::HubApi;
use crate::hub::reader::{FeedCursor, FeedFilter, FeedPage, Gone, feed_page};
use crate::problem::{Code, Problem};

impl HubApi {
    /// The events after a place, what has been committed just now included.
    ///
    /// # Errors
    /// `gone` if they are not kept.
    pub(in crate::hub) async fn page(
        &self,
        after: FeedCursor,
        limit: usize,
        filter: &FeedFilter,
    ) -> Result<FeedPage, Problem> {
        let page = self.page_now(after, limit, filter).await?;
        if page.has_more || !page.events.is_empty() {
            return Ok(page);
        }
        // A client sees what it has been answered before.
        self.feed.settle().await;
        self.page_now(page.next, limit, filter).await
    }

    async fn page_now(
        &self,
        after: FeedCursor,
        limit: usize,
        filter: &FeedFilter,
    ) -> Result<FeedPage, Problem> {
        let filter = filter.clone();
        let read = self.read(move |db| feed_page(db, after, limit, &filter)).await?;
        read.map_err(|Gone(first)| {
            Problem::gone(
                first,
                format!("events after {after} are not kept, or are of books that were replaced by an older copy; begin with after={first}, and look for what is missing in the stock"),
            )
        })
    }

    /// Permission to wait for events.
    ///
    /// # Errors
    /// `overloaded` if too many clients do.
    pub(in crate::hub) fn follower(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let permit = self.followers.clone().try_acquire_owned();
        permit.map_err(|_| {
            let message = "too many clients wait for events; retry, or ask without wait_s";
            Problem::new(Code::Overloaded, message)
        })
    }
}
