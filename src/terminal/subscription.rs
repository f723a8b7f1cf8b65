//! What a terminal listens to: a filter and a position.
//!
//! There is no queue per terminal. The stock knows each SKU at the position of its last change,
//! so "what is new" is always a range behind the terminal's own position: a slow terminal skips
//! intermediate versions, costs no memory, and a returning one goes on from the position it has.
//! Those that keep up share one text an update ([`super::bulletin`]).

use std::collections::HashSet;

use tokio::sync::watch;

use super::bulletin::{Board, Bulletin};
use super::frames::{Frame, frame};
use super::message::{Fields, missing};
use super::wire::Wire;
use crate::engine::state::CommittedState;
use crate::limits::{EVENT_ITEMS_MAX, SCAN_MAX, SUBSCRIPTION_SKUS_MAX};
use crate::problem::Problem;
use crate::stock::{Item, Seq, Sku, Stock};

#[derive(Debug)]
pub(super) struct Subscription {
    filter: Filter,
    /// What the catalogue names and nothing has moved yet stands at no position. It is sent first,
    /// to a terminal that knows nothing: up to here, until all of it is sent.
    unmoved: Option<Option<Sku>>,
    /// Everything up to here has been sent.
    sent_seq: Seq,
    /// Had as long as the subscription: somebody listens.
    board: watch::Receiver<Board>,
}

#[derive(Debug)]
enum Filter {
    All,
    Prefix(String),
    Skus(HashSet<Sku>),
}

impl Subscription {
    /// Reads what a terminal wants to listen to.
    pub(super) fn read(
        fields: Fields,
        ledger_seq: Seq,
        board: watch::Receiver<Board>,
    ) -> Result<Self, Problem> {
        let filter = match (fields.skus, fields.prefix, fields.all) {
            (Some(skus), None, None) => named(skus)?,
            (None, Some(prefix), None) => Filter::Prefix(prefix),
            (None, None, Some(true)) => Filter::All,
            (None, None, _) => return Err(missing("skus, prefix or all")),
            _ => {
                return Err(Problem::bad_request("subscribe: give one of skus, prefix and all"));
            }
        };
        // A position beyond the ledger is from another one: begin anew.
        let since = fields.since.filter(|&since| since <= ledger_seq);
        let sent_seq = since.unwrap_or(0);
        Ok(Self { filter, unmoved: (sent_seq == 0).then_some(None), sent_seq, board })
    }

    /// How many of the known SKUs match.
    pub(super) fn matched(&self, state: &CommittedState) -> usize {
        match &self.filter {
            Filter::All => state.stock().sku_count(),
            Filter::Prefix(prefix) => count_prefix(state, prefix),
            Filter::Skus(skus) => {
                let stock = state.stock();
                skus.iter().filter(|sku| stock.item(sku.as_str()).is_some()).count()
            }
        }
    }

    /// Waits for something on the board.
    pub(super) async fn posted(&mut self) {
        if self.board.changed().await.is_err() {
            // The gateway is stopping, which is told otherwise.
            std::future::pending().await
        }
    }

    /// The events of what is on the board; `None` if it does not reach back far enough.
    pub(super) fn news(&mut self, wire: Wire) -> Option<Vec<Frame>> {
        let new = self.board.borrow_and_update().behind(self.sent_seq)?;
        Some(new.iter().filter_map(|bulletin| self.event_of(bulletin, wire)).collect())
    }

    fn event_of(&mut self, bulletin: &Bulletin, wire: Wire) -> Option<Frame> {
        let sent_seq = std::mem::replace(&mut self.sent_seq, bulletin.to);
        let is_new =
            |(sku, item): &&(Sku, Item)| item.version > sent_seq && self.filter.matches(sku);
        match bulletin.items.iter().filter(is_new).count() {
            0 => None,
            all if all == bulletin.items.len() => Some(bulletin.frame(wire)),
            _ => Some(frame(wire.stock(bulletin.to, bulletin.items.iter().filter(is_new)))),
        }
    }

    /// The next event behind the own position, if anything is new, and whether more is waiting
    /// behind it. Looks at a bounded number of changes, because the writer waits for whoever
    /// holds the stock.
    pub(super) fn next_event(
        &mut self,
        state: &CommittedState,
        wire: Wire,
    ) -> (Option<Frame>, bool) {
        let (items, more) = match self.unmoved.take() {
            Some(after) => (self.search_unmoved(&state.stock(), after), true),
            None => self.search(&state.stock()),
        };
        let event = (!items.is_empty()).then(|| frame(wire.stock(self.sent_seq, &items)));
        (event, more)
    }

    fn search_unmoved(&mut self, stock: &Stock, after: Option<Sku>) -> Vec<(Sku, Item)> {
        if !stock.has_unmoved() {
            return Vec::new();
        }
        let mut items = Vec::new();
        let after = after.as_ref().map(Sku::as_str);
        for (looked_at, (sku, item)) in stock.items_after("", after).enumerate() {
            if looked_at == SCAN_MAX || items.len() == EVENT_ITEMS_MAX {
                break;
            }
            self.unmoved = Some(Some(sku.clone()));
            if item.version == 0 && self.filter.matches(sku) {
                items.push((sku.clone(), *item));
            }
        }
        items
    }

    fn search(&mut self, stock: &Stock) -> (Vec<(Sku, Item)>, bool) {
        let mut items = Vec::new();
        let mut looked_at = 0;
        let mut complete_to = self.sent_seq;
        for (sku, item) in stock.changed_after(self.sent_seq).take(SCAN_MAX) {
            looked_at += 1;
            complete_to = item.version;
            if self.filter.matches(sku) {
                items.push((sku.clone(), *item));
            }
            if items.len() == EVENT_ITEMS_MAX {
                break;
            }
        }
        let more = looked_at == SCAN_MAX || items.len() == EVENT_ITEMS_MAX;
        self.sent_seq = if more { complete_to } else { stock.seq() };
        (items, more)
    }
}

/// Counts a few SKUs at a time, for the same reason.
fn count_prefix(state: &CommittedState, prefix: &str) -> usize {
    let mut count = 0;
    let mut after: Option<Sku> = None;
    loop {
        let stock = state.stock();
        let after_sku = after.as_ref().map(Sku::as_str);
        let step: Vec<&Sku> =
            stock.items_after(prefix, after_sku).map(|(sku, _)| sku).take(SCAN_MAX).collect();
        count += step.len();
        if step.len() < SCAN_MAX {
            return count;
        }
        after = step.last().map(|&sku| sku.clone());
    }
}

impl Filter {
    fn matches(&self, sku: &Sku) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => sku.as_str().starts_with(prefix.as_str()),
            Self::Skus(skus) => skus.contains(sku),
        }
    }
}

fn named(skus: Vec<Sku>) -> Result<Filter, Problem> {
    if skus.len() > SUBSCRIPTION_SKUS_MAX {
        let message = format!("skus: name at most {SUBSCRIPTION_SKUS_MAX}, or subscribe to all");
        return Err(Problem::bad_request(message));
    }
    Ok(Filter::Skus(skus.into_iter().collect()))
}
