//! What one terminal is subscribed to: a filter and a position.
//!
//! There is no queue per terminal. The stock knows each SKU at the position of its last change, so
//! the news for a terminal is always a range after its own position. A slow terminal skips
//! intermediate versions and costs no memory, and a returning one continues from the position it
//! has. Terminals that keep up share the events of a [`Feed`].

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::change_batch::{ChangeBatch, FeedPosition};
use super::feeds::Feed;
use super::search::{SearchStep, StockSearch};
use crate::engine::state::CommittedState;
use crate::limits::{NAMED_SKUS_MAX, STOCK_SCAN_MAX};
use crate::problem::{Code, Problem};
use crate::stock::{Item, ListedItem, Seq, Sku, Stock};
use crate::terminal::request::{SkuFilter, SubscribeRequest};
use crate::terminal::wire::{EncodedFrame, WireFormat};

/// Room for the SKUs that subscriptions name.
static NAMED: Semaphore = Semaphore::const_new(NAMED_SKUS_MAX);

/// SKUs that each subscription may name whatever others do.
const NAMED_FREE: usize = 1_000;

/// The subscription of one terminal.
#[derive(Debug)]
pub(in crate::terminal) struct Subscription {
    filter: SkuFilter,
    /// Everything up to its position has been sent.
    search: StockSearch,
    /// What the catalogue changed has been sent up to this count, or is found by the search.
    relisted: u64,
    /// Held as long as the subscription: it counts as a subscriber of the feed.
    feed: watch::Receiver<Feed>,
    /// Room for the many SKUs that the filter names.
    _named: SemaphorePermit<'static>,
}

/// What one step of a search for a terminal has come to.
#[derive(Debug)]
pub(in crate::terminal) struct Searched {
    pub(in crate::terminal) event: Option<EncodedFrame>,
    /// Whether more has to be searched.
    pub(in crate::terminal) more: bool,
    /// How many SKUs were looked at.
    pub(in crate::terminal) visited: usize,
}

impl Subscription {
    /// A subscription after the position that the terminal has. A position beyond the ledger comes
    /// from another database, so the subscription starts from 0 then.
    ///
    /// # Errors
    /// `overloaded` if all subscriptions together name too many SKUs.
    pub(in crate::terminal) fn new(
        request: SubscribeRequest,
        state: &CommittedState,
        feed: watch::Receiver<Feed>,
    ) -> Result<Self, Problem> {
        let SubscribeRequest { filter, since } = request;
        let count = filter.named_count().saturating_sub(NAMED_FREE);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let named = NAMED.try_acquire_many(count).map_err(|_| no_room())?;
        let relisted = state.relisted().count();
        let ledger_seq = state.stock().seq();
        let sent_seq = since.filter(|&since| since <= ledger_seq).unwrap_or(0);
        Ok(Self { filter, search: StockSearch::after(sent_seq), relisted, feed, _named: named })
    }

    /// The number of known SKUs that match.
    pub(in crate::terminal) fn matched(&self, state: &CommittedState) -> usize {
        match &self.filter {
            SkuFilter::All => state.stock().sku_count(),
            SkuFilter::Prefix(prefix) => state.stock().items_after(prefix, None).len(),
            // In steps, because the writer waits for readers of the stock.
            SkuFilter::Skus(skus) => skus
                .chunks(STOCK_SCAN_MAX)
                .map(|some| {
                    let stock = state.stock();
                    some.iter().filter(|sku| stock.item(sku.as_str()).is_some()).count()
                })
                .sum(),
        }
    }

    /// Waits for a new change batch on the feed.
    pub(in crate::terminal) async fn changed(&mut self) {
        if self.feed.changed().await.is_err() {
            // The gateway is stopping; the session learns that by the stop signal.
            std::future::pending().await
        }
    }

    /// The events from the feed; `None` if it does not reach back to the terminal's position, so that
    /// the stock has to be searched.
    pub(in crate::terminal) fn feed_events(
        &mut self,
        state: &CommittedState,
        format: WireFormat,
    ) -> Option<Vec<EncodedFrame>> {
        let told = self.told();
        let new = self.feed.borrow_and_update().after(told);
        match new {
            Ok(new) => {
                Some(new.iter().filter_map(|batch| self.event_of(batch, state, format)).collect())
            }
            Err(begin) => {
                if begin.relisted > self.relisted {
                    self.search = StockSearch::again(self.search.seq);
                    // The search finds the items as they are now.
                    self.relisted = state.relisted().count();
                }
                // After the search, there may still be what the catalogue has changed.
                self.feed.mark_changed();
                None
            }
        }
    }

    fn told(&self) -> FeedPosition {
        FeedPosition { seq: self.search.seq, relisted: self.relisted }
    }

    fn event_of(
        &mut self,
        batch: &ChangeBatch,
        state: &CommittedState,
        format: WireFormat,
    ) -> Option<EncodedFrame> {
        let told = self.told();
        let is_relisting = batch.to.relisted > told.relisted;
        self.search.seq = told.seq.max(batch.to.seq);
        self.relisted = told.relisted.max(batch.to.relisted);
        let is_new = |listed: &&ListedItem| {
            let is_news = is_relisting || listed.item.version > told.seq;
            is_news && self.filter.matches(&listed.sku)
        };
        let new = batch.items.iter().filter(is_new);
        if batch.to.seq < told.seq {
            let now = as_they_are(new, told.seq, &state.stock());
            return (!now.is_empty()).then(|| format.stock_event(told.seq, &now));
        }
        match new.clone().count() {
            0 => None,
            all if all == batch.items.len() => Some(batch.event(format)),
            _ => Some(format.stock_event(batch.to.seq, new)),
        }
    }

    /// The next event after the terminal's position, if there is news for it. One call looks at a
    /// bounded number of SKUs, because the writer waits for readers of the stock.
    pub(in crate::terminal) fn search(
        &mut self,
        state: &CommittedState,
        format: WireFormat,
    ) -> Searched {
        let stock = state.stock();
        let SearchStep { items, more, visited } = self.search.step(&self.filter, &stock);
        let listed = |(sku, item): (Sku, Item)| stock.listed(sku, item);
        let items: Vec<ListedItem> = items.into_iter().map(listed).collect();
        drop(stock);
        let seq = self.search.complete_to();
        let event = (!items.is_empty()).then(|| format.stock_event(seq, &items));
        Searched { event, more, visited }
    }
}

fn no_room() -> Problem {
    let message = format!(
        "skus: all subscriptions name {NAMED_SKUS_MAX} SKUs at most, and these would be more; subscribe to a prefix or to all"
    );
    Problem::new(Code::Overloaded, message)
}

/// Items of a batch that is older than the stock that the terminal has: as they are now. One that has
/// changed since then is told with that change: no older version may follow a newer one.
fn as_they_are<'a>(
    items: impl Iterator<Item = &'a ListedItem>,
    told: Seq,
    stock: &Stock,
) -> Vec<ListedItem> {
    let now = |ListedItem { sku, .. }: &ListedItem| {
        let item = stock.item(sku.as_str()).filter(|item| item.version <= told)?;
        Some(stock.listed(sku.clone(), item))
    };
    items.filter_map(now).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Chain, Taken};

    #[test]
    fn an_old_batch_is_told_as_its_items_are_now_and_what_has_changed_since_is_not() {
        let listed = |sku: &str, version| {
            let item = Item { on_hand: 1, reserved: 0, version };
            (Sku::parse(sku).unwrap(), item)
        };
        let items = [listed("A", 3), listed("B", 9), listed("C", 0)].into_iter().collect();
        let stock = Stock::load(items, [], 9, Chain::default(), Taken::default());
        let batch = [listed("A", 2), listed("B", 2), listed("C", 0)];
        let batch = batch.map(|(sku, item)| stock.listed(sku, item));
        let now = as_they_are(batch.iter(), 5, &stock);
        let told: Vec<_> = now.iter().map(|told| (told.sku.as_str(), told.item.version)).collect();
        assert_eq!(told, [("A", 3), ("C", 0)]);
    }
}
