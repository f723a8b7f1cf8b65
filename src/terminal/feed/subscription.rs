//! What one terminal is subscribed to: a filter and a position.
//!
//! There is no queue per terminal. The stock knows each SKU at the position of its last change, so
//! the news for a terminal is always a range after its own position. A slow terminal skips
//! intermediate versions and costs no memory, and a returning one continues from the position it
//! has. Terminals that keep up share the events of a [`Feed`].

use tokio::sync::watch;

use super::change_batch::ChangeBatch;
use super::feeds::Feed;
use crate::engine::state::CommittedState;
use crate::limits::{EVENT_ITEMS_MAX, STOCK_SCAN_MAX};
use crate::stock::{Item, Seq, Sku, Stock};
use crate::terminal::request::{SkuFilter, SubscribeRequest};
use crate::terminal::wire::{EncodedFrame, WireFormat, encode_frame};

/// The subscription of one terminal.
#[derive(Debug)]
pub(in crate::terminal) struct Subscription {
    filter: SkuFilter,
    /// SKUs that the catalogue names and that no entry has changed yet have no position. A
    /// terminal that starts from position 0 gets them first. `Some` until all are sent; inside it
    /// the last one sent.
    unmoved: Option<Option<Sku>>,
    /// Everything up to here has been sent.
    sent_seq: Seq,
    /// Held as long as the subscription: it counts as a subscriber of the feed.
    feed: watch::Receiver<Feed>,
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
        Self { filter, unmoved: (sent_seq == 0).then_some(None), sent_seq, feed }
    }

    /// The number of known SKUs that match.
    pub(in crate::terminal) fn matched(&self, state: &CommittedState) -> usize {
        match &self.filter {
            SkuFilter::All => state.stock().sku_count(),
            SkuFilter::Prefix(prefix) => count_prefix(state, prefix),
            SkuFilter::Skus(skus) => {
                let stock = state.stock();
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
        let new = self.feed.borrow_and_update().after(self.sent_seq)?;
        Some(new.iter().filter_map(|batch| self.event_of(batch, format)).collect())
    }

    fn event_of(&mut self, batch: &ChangeBatch, format: WireFormat) -> Option<EncodedFrame> {
        let sent_seq = std::mem::replace(&mut self.sent_seq, batch.to);
        let is_new =
            |(sku, item): &&(Sku, Item)| item.version > sent_seq && self.filter.matches(sku);
        match batch.items.iter().filter(is_new).count() {
            0 => None,
            all if all == batch.items.len() => Some(batch.event(format)),
            _ => {
                let items = batch.items.iter().filter(is_new);
                Some(encode_frame(format.stock_event(batch.to, items)))
            }
        }
    }

    /// The next event after the terminal's position, if there is news for it, and whether more has
    /// to be searched. One call looks at a bounded number of changes, because the writer waits for
    /// readers of the stock.
    pub(in crate::terminal) fn search_event(
        &mut self,
        state: &CommittedState,
        format: WireFormat,
    ) -> (Option<EncodedFrame>, bool) {
        let (items, more) = match self.unmoved.take() {
            Some(after) => (self.search_unmoved(&state.stock(), after), true),
            None => self.search_changed(&state.stock()),
        };
        let event =
            (!items.is_empty()).then(|| encode_frame(format.stock_event(self.sent_seq, &items)));
        (event, more)
    }

    fn search_unmoved(&mut self, stock: &Stock, after: Option<Sku>) -> Vec<(Sku, Item)> {
        if !stock.has_unmoved() {
            return Vec::new();
        }
        let mut items = Vec::new();
        let after = after.as_ref().map(Sku::as_str);
        for (looked_at, (sku, item)) in stock.items_after("", after).enumerate() {
            if looked_at == STOCK_SCAN_MAX || items.len() == EVENT_ITEMS_MAX {
                break;
            }
            self.unmoved = Some(Some(sku.clone()));
            if item.version == 0 && self.filter.matches(sku) {
                items.push((sku.clone(), *item));
            }
        }
        items
    }

    fn search_changed(&mut self, stock: &Stock) -> (Vec<(Sku, Item)>, bool) {
        let mut items = Vec::new();
        let mut looked_at = 0;
        let mut complete_to = self.sent_seq;
        for (sku, item) in stock.changed_after(self.sent_seq).take(STOCK_SCAN_MAX) {
            looked_at += 1;
            complete_to = item.version;
            if self.filter.matches(sku) {
                items.push((sku.clone(), *item));
            }
            if items.len() == EVENT_ITEMS_MAX {
                break;
            }
        }
        let more = looked_at == STOCK_SCAN_MAX || items.len() == EVENT_ITEMS_MAX;
        self.sent_seq = if more { complete_to } else { stock.seq() };
        (items, more)
    }
}

/// Counts the SKUs with a prefix, a few at a time, because the writer waits for readers of the
/// stock.
fn count_prefix(state: &CommittedState, prefix: &str) -> usize {
    let mut count = 0;
    let mut after: Option<Sku> = None;
    loop {
        let stock = state.stock();
        let after_sku = after.as_ref().map(Sku::as_str);
        let step: Vec<&Sku> =
            stock.items_after(prefix, after_sku).map(|(sku, _)| sku).take(STOCK_SCAN_MAX).collect();
        count += step.len();
        if step.len() < STOCK_SCAN_MAX {
            return count;
        }
        after = step.last().map(|&sku| sku.clone());
    }
}
