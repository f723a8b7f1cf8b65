//! Pages of the feed, and the limit on clients that follow it.

use tokio::sync::OwnedSemaphorePermit;

use super::HubApi;
use crate::hub::reader::{FeedCursor, FeedFilter, FeedPage, Gone, feed_ends, feed_page};
use crate::problem::{Code, Problem};

impl HubApi {
    /// The place after all that has been committed.
    ///
    /// # Errors
    /// If the books cannot be read.
    pub(in crate::hub) async fn feed_end(&self) -> Result<FeedCursor, Problem> {
        // Books that cannot be read are found out by this, without a wait.
        let end = self.read(feed_ends).await?.last;
        match self.feed.settle().await {
            true => Ok(self.read(feed_ends).await?.last),
            false => Ok(end),
        }
    }

    /// The events after a place, what has been committed just now included: a client sees what it has
    /// been answered before.
    ///
    /// # Errors
    /// `gone` if they are not kept.
    pub(in crate::hub) async fn page(
        &self,
        after: FeedCursor,
        limit: usize,
        filter: &FeedFilter,
    ) -> Result<FeedPage, Problem> {
        let mut page = self.next_page(after, limit, filter).await?;
        let left = limit - page.events.len();
        if page.has_more || left == 0 || !self.feed.settle().await {
            return Ok(page);
        }
        let rest = self.next_page(page.next, left, filter).await?;
        page.events.extend(rest.events);
        Ok(FeedPage { events: page.events, ..rest })
    }

    /// The events after a place, for one who follows the feed: what has been committed just now may be
    /// on the next page.
    ///
    /// # Errors
    /// As [`HubApi::page`].
    pub(in crate::hub) async fn next_page(
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
