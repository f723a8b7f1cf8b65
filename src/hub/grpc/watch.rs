//! A watched stock: how it is now, and then each time that it changes.
//!
//! The feed says which SKUs have changed, and their stock is read after that. So changes that come
//! faster than a client reads are joined, no change is missed, and a place in the feed is all that a
//! client needs in order to go on after an interruption.

use std::collections::BTreeSet;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::answers::{fitting, stock_item};
use super::deadline::{Deadline, deadline_exceeded};
use super::proto::{StockItem, StockUpdate, WatchStockRequest};
use super::status::status;
use crate::clock::instant;
use crate::hub::api::{HubApi, LastingToken};
use crate::hub::db::sql::Executor;
use crate::hub::reader::{self, FeedCursor, FeedEvent, FeedFilter, FeedPage, feed_ends};
use crate::limits::{
    PAGE_DEFAULT, PAGE_MAX, RESPONSE_PARTS_MAX, WATCH_CATCH_UP_CURSOR_EVERY, WATCH_CURSOR_EVERY,
    WATCH_PACE, WATCH_SKUS_MAX, WATCH_STALLED_MAX,
};
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;
use crate::stock::Sku;

type Updates = Sender<Result<StockUpdate, Status>>;

/// Which SKUs to watch, and from where on.
#[derive(Debug)]
pub(super) struct Watched {
    skus: Skus,
    since: Option<FeedCursor>,
}

#[derive(Debug)]
enum Skus {
    All,
    These(BTreeSet<String>),
    WithPrefix(String),
}

impl Watched {
    /// # Errors
    /// Names the field that is wrong.
    pub(super) fn read(request: WatchStockRequest) -> Result<Self, Problem> {
        let WatchStockRequest { skus, prefix, since } = request;
        let skus = match (skus.is_empty(), prefix.is_empty()) {
            (true, true) => Skus::All,
            (true, false) => Skus::WithPrefix(prefix),
            (false, true) if skus.len() <= WATCH_SKUS_MAX => Skus::These(named(skus)?),
            (false, true) => {
                let message = format!("skus: must be at most {WATCH_SKUS_MAX}");
                return Err(Problem::new(Code::TooLarge, message));
            }
            (false, false) => {
                return Err(Problem::bad_request("skus: give either skus or a prefix"));
            }
        };
        let no_cursor =
            || Problem::bad_request(format!("since: {since:?} is no cursor of an update"));
        let parsed = FeedCursor::parse(&since);
        let since = if since.is_empty() { None } else { Some(parsed.ok_or_else(no_cursor)?) };
        Ok(Self { skus, since })
    }
}

fn named(skus: Vec<String>) -> Result<BTreeSet<String>, Problem> {
    let wrong = |error| Problem::bad_request(format!("skus: {error}"));
    skus.iter().try_for_each(|sku| Sku::parse(sku).map(drop)).map_err(wrong)?;
    Ok(skus.into_iter().collect())
}

impl Skus {
    fn contain(&self, sku: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(skus) => skus.contains(sku),
            Self::WithPrefix(prefix) => sku.starts_with(prefix),
        }
    }
}

/// A client that watches.
pub(super) struct Watch {
    pub(super) api: HubApi,
    pub(super) token: LastingToken,
    pub(super) deadline: Deadline,
    pub(super) stop: Stop,
    pub(super) watched: Watched,
}

/// Why a watch has ended.
enum Ended {
    /// The client has left.
    Left,
    /// The client is told.
    Because(Status),
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Because(status(&problem))
    }
}

impl Watch {
    /// Sends updates until the client leaves. The last part of the stream has room of its own, so
    /// that a client that does not read is told why it is over.
    pub(super) fn begin(
        mut self,
        follower: OwnedSemaphorePermit,
    ) -> ReceiverStream<Result<StockUpdate, Status>> {
        let (updates, receiver) = mpsc::channel(RESPONSE_PARTS_MAX + 1);
        let last = updates.clone().try_reserve_owned().expect("the channel is empty");
        tokio::spawn(async move {
            let _follower = follower;
            let (deadline, mut stop) = (self.deadline.0, self.stop.clone());
            let ended = tokio::select! {
                ended = self.send_all(&updates) => ended,
                () = updates.closed() => Ended::Left,
                () = sleep_until(deadline) => Ended::Because(deadline_exceeded()),
                () = stop.requested() => {
                    let message = "the hub stops; watch again with the last cursor as since";
                    Ended::Because(status(&Problem::new(Code::StorageUnavailable, message)))
                }
            };
            if let Ended::Because(status) = ended {
                drop(last.send(Err(status)));
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn send_all(&mut self, updates: &Updates) -> Ended {
        match self.try_send_all(updates).await {
            Err(ended) => ended,
            Ok(never) => match never {},
        }
    }

    async fn try_send_all(&mut self, updates: &Updates) -> Result<std::convert::Infallible, Ended> {
        let (mut cursor, mut changed) = self.first_place(updates).await?;
        let (mut sent, mut sent_at) = (cursor, now());
        loop {
            self.token.check()?;
            let began = now();
            let page = self.next_page(cursor).await?;
            cursor = page.next;
            changed.extend(self.changed(&page.events));
            let is_due = began >= sent_at + cursor_every(page.has_more);
            // While it catches up, what has changed is joined only as long as one wait.
            let is_joined =
                page.has_more && changed.len() < WATCH_SKUS_MAX && began < sent_at + WATCH_PACE;
            if (!changed.is_empty() && !is_joined) || (is_due && sent != cursor) {
                self.send_stock(updates, std::mem::take(&mut changed), cursor).await?;
                (sent, sent_at) = (cursor, now());
            } else if is_due {
                sent_at = now();
            }
            if !page.has_more {
                tokio::select! {
                    _ = self.api.feed.wait(cursor, sent_at + WATCH_CURSOR_EVERY) => {}
                    () = self.token.changed() => {}
                }
                sleep_until(began + WATCH_PACE).await;
            }
        }
    }

    /// Where to follow the feed from: where the client has been, if the feed is kept from there on,
    /// else its end, after the stock as it is now.
    async fn first_place(
        &mut self,
        updates: &Updates,
    ) -> Result<(FeedCursor, BTreeSet<String>), Ended> {
        if let Some(since) = self.watched.since {
            match self.next_page(since).await {
                Ok(page) => return Ok((page.next, self.changed(&page.events).collect())),
                Err(Problem { code: Code::Gone, .. }) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        let cursor = self.api.read(feed_ends).await?.last;
        self.send_present(updates, cursor).await?;
        Ok((cursor, BTreeSet::new()))
    }

    async fn next_page(&self, after: FeedCursor) -> Result<FeedPage, Problem> {
        let filter = FeedFilter::everything();
        self.api.next_page(after, PAGE_MAX, &filter).await
    }

    /// The SKUs that are watched of events that the client may see. Those of the pool concern all.
    fn changed<'a>(&'a self, events: &'a [FeedEvent]) -> impl Iterator<Item = String> + 'a {
        let sites = self.token.principal().sites();
        let seen = |event: &&FeedEvent| {
            let is_own = event.site.as_ref().is_none_or(|site| sites.contains(site));
            is_own && self.watched.skus.contain(event.sku.as_str())
        };
        events.iter().filter(seen).map(|event| event.sku.to_string())
    }

    /// Sends the stock of all that is watched; the last part with the cursor.
    async fn send_present(&mut self, updates: &Updates, cursor: FeedCursor) -> Result<(), Ended> {
        let prefix = match &self.watched.skus {
            Skus::These(skus) => return self.send_stock(updates, skus.clone(), cursor).await,
            Skus::All => String::new(),
            Skus::WithPrefix(prefix) => prefix.clone(),
        };
        // A page has what comes after a SKU, so one that is the prefix is read by itself.
        let mut items = self.stock([prefix.clone()].into()).await?;
        let mut after = Some(prefix.clone());
        while let Some(from) = after {
            self.token.check()?;
            let sites = self.token.principal().sites().clone();
            let list =
                move |db: &mut dyn Executor| reader::stock_list(db, &from, PAGE_DEFAULT, &sites);
            let page = self.api.read(list).await?;
            let found = page.items.len();
            let matching = page.items.into_iter().filter(|item| item.sku.starts_with(&prefix));
            let before = items.len();
            items.extend(matching.map(stock_item));
            let is_over = items.len() - before < found;
            after = page.next.filter(|_| !is_over);
            let is_last = after.is_none();
            let at = if is_last { cursor.to_string() } else { String::new() };
            self.send(updates, std::mem::take(&mut items), at).await?;
        }
        Ok(())
    }

    async fn send_stock(
        &self,
        updates: &Updates,
        skus: BTreeSet<String>,
        cursor: FeedCursor,
    ) -> Result<(), Ended> {
        let items = self.stock(skus).await?;
        self.send(updates, items, cursor.to_string()).await
    }

    /// The stock of SKUs, in one snapshot of the books.
    async fn stock(&self, skus: BTreeSet<String>) -> Result<Vec<StockItem>, Problem> {
        let sites = self.token.principal().sites().clone();
        let read = move |db: &mut dyn Executor| {
            let mut items = Vec::new();
            for sku in &skus {
                items.extend(reader::stock(db, sku, &sites)?.map(stock_item));
            }
            Ok(items)
        };
        self.api.read(read).await
    }

    /// Sends items in messages of bounded size, the last of them with the cursor.
    async fn send(
        &self,
        updates: &Updates,
        mut left: Vec<StockItem>,
        cursor: String,
    ) -> Result<(), Ended> {
        loop {
            let rest = left.split_off(fitting(&left));
            let (items, is_cut) = (std::mem::replace(&mut left, rest), !left.is_empty());
            let cursor = if is_cut { String::new() } else { cursor.clone() };
            let update = Ok(StockUpdate { items, cursor });
            updates.send_timeout(update, WATCH_STALLED_MAX).await.map_err(|_| stalled())?;
            if !is_cut {
                return Ok(());
            }
        }
    }
}

/// How often a client is told how far it is, so that it need not begin again from there.
fn cursor_every(is_catching_up: bool) -> std::time::Duration {
    if is_catching_up { WATCH_CATCH_UP_CURSOR_EVERY } else { WATCH_CURSOR_EVERY }
}

fn stalled() -> Ended {
    let seconds = WATCH_STALLED_MAX.as_secs();
    let message =
        format!("no update was read for {seconds} s; watch again with the last cursor as since");
    Ended::Because(status(&Problem::new(Code::Overloaded, message)))
}

fn now() -> Instant {
    Instant::from_std(instant())
}
