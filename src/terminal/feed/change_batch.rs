//! The stock that changed between two positions of the ledger, and the event that tells it.

use crate::engine::state::CommittedState;
use crate::limits::EVENT_ITEMS_MAX;
use crate::stock::{ListedItem, Seq};
use crate::terminal::wire::{EncodedFrame, SharedFrame, WireFormat};

/// The stock that changed between two positions.
#[derive(Debug)]
pub(super) struct ChangeBatch {
    /// The batch holds the changes after this position …
    pub(super) from: Seq,
    /// … up to and including this one.
    pub(super) to: Seq,
    /// In the order of their versions, as they are at `to`.
    pub(super) items: Vec<ListedItem>,
    event: SharedFrame,
}

impl ChangeBatch {
    pub(super) fn new(from: Seq, to: Seq, items: Vec<ListedItem>) -> Self {
        Self { from, to, items, event: SharedFrame::default() }
    }

    /// What changed after a position, as far as it fits one event, and whether there is more.
    pub(super) fn after(from: Seq, state: &CommittedState) -> (Self, bool) {
        let stock = state.stock();
        let changed = stock.changed_after(from).take(EVENT_ITEMS_MAX);
        let items: Vec<_> = changed.map(|(sku, item)| stock.listed(sku.clone(), *item)).collect();
        let more = items.len() == EVENT_ITEMS_MAX;
        let to = match items.last() {
            Some(last) if more => last.item.version,
            Some(_) | None => stock.seq(),
        };
        (Self::new(from, to, items), more)
    }

    /// The event with all items, encoded once for all terminals of a wire format.
    pub(super) fn event(&self, format: WireFormat) -> EncodedFrame {
        self.event.get_or_encode(format, |format| format.stock_event(self.to, &self.items))
    }
}
