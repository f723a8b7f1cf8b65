//! What changed between two positions, and the event that tells it.

use crate::engine::relisted::Relisting;
use crate::engine::state::CommittedState;
use crate::limits::EVENT_ITEMS_MAX;
use crate::stock::{ListedItem, Seq, Sku, Stock};
use crate::terminal::wire::{EncodedFrame, SharedFrame, WireFormat};

/// How far changes were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FeedPosition {
    /// Those of the stock, up to this position of the ledger.
    pub(super) seq: Seq,
    /// Those of the catalogue: so many SKUs were relisted.
    pub(super) relisted: u64,
}

impl FeedPosition {
    /// Whether anything between the other position and this one is not told there.
    pub(super) fn is_beyond(self, other: Self) -> bool {
        self.seq > other.seq || self.relisted > other.relisted
    }
}

/// What changed between two positions: stock, or what the catalogue says of SKUs.
#[derive(Debug)]
pub(super) struct ChangeBatch {
    /// The batch holds the changes after this position …
    pub(super) from: FeedPosition,
    /// … up to and including this one.
    pub(super) to: FeedPosition,
    /// Stock in the order of its versions, as it is at `to`.
    pub(super) items: Vec<ListedItem>,
    event: SharedFrame,
}

impl ChangeBatch {
    pub(super) fn new(from: FeedPosition, to: FeedPosition, items: Vec<ListedItem>) -> Self {
        Self { from, to, items, event: SharedFrame::default() }
    }

    /// The stock that changed after a position, as far as it fits one event, and whether there is
    /// more.
    pub(super) fn after(from: FeedPosition, state: &CommittedState) -> (Self, bool) {
        let stock = state.stock();
        let changed = stock.changed_after(from.seq).take(EVENT_ITEMS_MAX);
        let items: Vec<_> = changed.map(|(sku, item)| stock.listed(sku.clone(), *item)).collect();
        let more = items.len() == EVENT_ITEMS_MAX;
        let seq = match items.last() {
            Some(last) if more => last.item.version,
            Some(_) | None => stock.seq(),
        };
        (Self::new(from, FeedPosition { seq, ..from }, items), more)
    }

    /// The items that the catalogue has changed, for those who have been told the stock up to a
    /// position. One whose stock has changed since comes again with the next changes.
    pub(super) fn relisted(relisting: &Relisting, seq: Seq, stock: &Stock) -> Self {
        let at = |relisted: u64| FeedPosition { seq, relisted };
        let now = |sku: &Sku| Some(stock.listed(sku.clone(), stock.item(sku.as_str())?));
        let items = relisting.skus.iter().filter_map(now).collect();
        Self::new(at(relisting.after), at(relisting.up_to()), items)
    }

    /// The event with all items, encoded once for all terminals of a wire format.
    pub(super) fn event(&self, format: WireFormat) -> EncodedFrame {
        self.event.get_or_encode(format, |format| format.stock_event(self.to.seq, &self.items))
    }
}
