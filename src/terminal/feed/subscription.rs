//! What one terminal is subscribed to: a filter and a position.
//!
//! There is no queue per terminal. The stock knows each SKU at the position of its last change, so
//! the news for a terminal is always a range after its own position. A slow terminal skips
//! intermediate versions and costs no memory, and a returning one continues from the position it
//! has. Terminals that keep up share the events of a [`Feed`].

use tokio::sync::watch;

use super::change_batch::ChangeBatch;
use super::feeds::Feed;
use super::search::{SearchStep, StockSearch};
use crate::engine::state::CommittedState;
use crate::stock::{Item, ListedItem, Seq, Sku};
use crate::terminal::request::{SkuFilter, SubscribeRequest};
use crate::terminal::wire::{EncodedFrame, WireFormat};

/// The subscription of one terminal.
#[derive(Debug)]
pub(in crate::terminal) struct Subscription {
    filter: SkuFilter,
    /// Everything up to its position has been sent.
    search: StockSearch,
    /// Held as long as the subscription: it counts as a subscriber of the feed.
    feed: watch::Receiver<Feed>,
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
    pub(in crate::terminal) fn new(
        request: SubscribeRequest,
        ledger_seq: Seq,
        feed: watch::Receiver<Feed>,
    ) -> Self {
        let SubscribeRequest { filter, since } = request;
        let sent_seq = since.filter(|&since| since <= ledger_seq).unwrap_or(0);
        Self { filter, search: StockSearch::after(sent_seq), feed }
    }

    /// The number of known SKUs that match.
    pub(in crate::terminal) fn matched(&self, state: &CommittedState) -> usize {
        let stock = state.stock();
        match &self.filter {
            SkuFilter::All => stock.sku_count(),
            SkuFilter::Prefix(prefix) => stock.items_after(prefix, None).len(),
            SkuFilter::Skus(skus) => {
                skus.iter().filter(|sku| stock.item(sku.as_str()).is_some()).count()
            }
        }
    }

    /// Waits for a new change batch on the feed.
    pub(in crate::terminal) async fn changed(&mut self) {
        if self.feed.changed().await.is_err() {
            // The gateway is stopping; the session learns that by the stop signal.
            std::future::pending().await
        }
    }

    /// The events from the feed; `None` if it does not reach back to the terminal's position.
    pub(in crate::terminal) fn feed_events(
        &mut self,
        format: WireFormat,
    ) -> Option<Vec<EncodedFrame>> {
        let new = self.feed.borrow_and_update().after(self.search.seq)?;
        Some(new.iter().filter_map(|batch| self.event_of(batch, format)).collect())
    }

    fn event_of(&mut self, batch: &ChangeBatch, format: WireFormat) -> Option<EncodedFrame> {
        let sent_seq = std::mem::replace(&mut self.search.seq, batch.to);
        let is_new = |listed: &&ListedItem| {
            listed.item.version > sent_seq && self.filter.matches(&listed.sku)
        };
        match batch.items.iter().filter(is_new).count() {
            0 => None,
            all if all == batch.items.len() => Some(batch.event(format)),
            _ => {
                let items = batch.items.iter().filter(is_new);
                Some(format.stock_event(batch.to, items))
            }
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
        let seq = self.search.seq;
        let event = (!items.is_empty()).then(|| format.stock_event(seq, &items));
        Searched { event, more, visited }
    }
}
