//! The stock engine: pure rules over values, without a socket, file, clock or task.
//!
//! [`Stock`] is the committed stock. A batch of commands is decided on a [`Draft`] over it: each
//! command sees the effect of those before it, and the stock itself does not change. The writer
//! commits the draft's [`Changes`] in one transaction and then applies them here. If the commit
//! fails, it drops them, so memory always equals the disk.
//!
//! Invariants of every SKU: `0 <= reserved <= on_hand <= 2^53 - 1`; the version is the ledger
//! position of the last change; the stock is the sum of the changes of its ledger entries.

mod answer;
mod booked;
mod books_id;
mod catalogue;
mod catalogue_text;
mod chain;
mod chained_bytes;
mod checks;
mod command;
mod decide;
mod decimal;
mod decimals;
mod decision;
mod draft;
mod entry;
mod fold;
mod from_hub;
mod holds;
mod items;
mod line;
mod listing;
mod look_alike;
mod lost;
#[cfg(test)]
#[path = "number_text_tests.rs"]
pub(crate) mod number_text;
mod phantom;
mod record;
mod refused_demand;
mod request_kind;
mod reservation_state;
pub(crate) mod ruined;
mod rules;
mod share;
mod signed;
mod trace;
mod transfer;
mod types;

use hashbrown::HashMap;

pub use self::answer::{CommandAnswer, Decided, Undecided};
pub use self::books_id::BooksId;
pub use self::catalogue::{Catalogue, Label, ListedItem};
pub use self::catalogue_text::{SearchWords, TextSegment};
pub use self::chain::{Chain, UNCHAINED};
#[cfg(feature = "hub")]
pub(crate) use self::chained_bytes::ChainedBytes;
pub use self::checks::{Checks, Digest, Posted};
pub use self::command::{Action, Command, Fingerprint, merge_lines, totals};
pub use self::decimal::{Amount, Decimal, DecimalError};
pub use self::decimals::Decimals;
pub use self::draft::{Changes, Draft, LedgerRecord};
pub use self::entry::{EVENT_NAMESPACE, Entry, Kind, Origin, books_event_id};
pub use self::from_hub::TransferOutcome;
use self::holds::Holds;
pub use self::holds::{Hold, Named, Reserved};
pub use self::items::Items;
#[cfg(test)]
pub(crate) use self::items::visits;
pub use self::line::Line;
pub use self::listing::{Barcode, CatalogueUpdate, Listing};
pub use self::look_alike::{LookAlike, is_invisible};
pub use self::lost::Lost;
pub use self::record::{
    Applied, AppliedLine, AppliedLines, Outcome, Refusal, RequestRecord, RequestRecords,
};
pub use self::refused_demand::{DemandCounter, RefusedCounts, RefusedRow, UnsavedDemand};
pub use self::request_kind::RequestKind;
pub use self::reservation_state::{EndedBy, Ending, ReservationState};
pub use self::signed::{Signed, SignedPosition};
pub use self::trace::{Cause, Day, DayError, OptionalTrace, Trace};
pub use self::transfer::{Direction, Taken, Transfer};
pub(crate) use self::types::Text as IdText;
pub use self::types::{
    Actor, IdError, Lot, OrderId, Quantity, Reason, RequestId, Seq, Serial, Sku, is_name,
};

/// The stock of one SKU, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Units in the warehouse, reserved ones included.
    pub on_hand: i64,
    /// Units held by open reservations.
    pub reserved: i64,
    /// The ledger position of the last change; 0 if there was none.
    pub version: Seq,
}

impl Item {
    /// Units that may still be reserved or deducted.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    fn figures(&self) -> (i64, i64) {
        (self.on_hand, self.reserved)
    }
}

/// The committed stock of this gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    items: Items,
    holds: Holds,
    seq: Seq,
    checks: Checks,
    taken: Taken,
    lost: Lost,
    catalogue: Catalogue,
}

impl Stock {
    /// The stock as loaded from the database. `seq` and `chain` are those of the last ledger
    /// entry, `taken` is how far the frames of the hub are applied.
    pub fn load(
        items: Items,
        holds: impl IntoIterator<Item = (RequestId, Hold)>,
        seq: Seq,
        chain: Chain,
        taken: Taken,
    ) -> Self {
        let checks = Checks { chain, ..Checks::default() };
        let mut stock = Self { items, seq, checks, taken, ..Self::default() };
        for (sku, item) in stock.items.iter() {
            stock.checks.digest = stock.checks.digest.moved(sku, (0, 0), item.figures());
        }
        for (id, hold) in holds {
            stock.set_hold(id, Some(hold));
        }
        stock
    }

    /// The same stock with more open reservations.
    #[must_use]
    pub fn with_holds(mut self, holds: impl IntoIterator<Item = (RequestId, Hold)>) -> Self {
        holds.into_iter().for_each(|(id, hold)| self.set_hold(id, Some(hold)));
        self
    }

    /// The same stock, with the catalogue that is known.
    #[must_use]
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// The same stock, which has taken this much of what the hub sends.
    #[must_use]
    pub fn with_taken(mut self, taken: Taken) -> Self {
        self.taken = taken;
        self
    }

    /// The same stock, of which some SKUs were lost. `digest` is that of the last ledger entry,
    /// which includes them.
    #[must_use]
    pub fn without(mut self, lost: Lost, digest: Digest) -> Self {
        self.checks.digest = digest;
        self.lost = lost;
        let holds = std::mem::take(&mut self.holds);
        self.with_holds(holds)
    }

    /// Applies changes that are committed.
    ///
    /// # Panics
    /// If the changes were not drafted on this stock. Memory would then differ from the disk.
    pub fn apply(&mut self, changes: &Changes) {
        assert_eq!(changes.base_seq, self.seq, "one writer drafts and applies in turn");
        self.items.set_all(&changes.items);
        self.items.hide(&changes.hidden);
        for (id, hold) in &changes.holds {
            self.set_hold(id.clone(), hold.clone());
        }
        self.seq = changes.seq;
        self.checks = changes.checks;
        self.taken = changes.taken.unwrap_or(self.taken);
        self.catalogue.apply(&changes.listings);
    }

    fn set_hold(&mut self, id: RequestId, hold: Option<Hold>) {
        let Some(mut hold) = hold else { return self.holds.remove(&id) };
        hold.lines.iter_mut().for_each(|line| self.items.share_sku(&mut line.sku));
        // What a lost SKU holds back cannot be given back.
        let can_end = !hold.lines.iter().any(|line| self.is_lost(line.sku.as_str()));
        self.holds.insert(id, hold, can_end);
    }

    /// What SKUs are called, and their units.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// An item with what the catalogue says of its SKU.
    pub fn listed(&self, sku: Sku, item: Item) -> ListedItem {
        let label = self.catalogue.label(sku.as_str()).cloned();
        ListedItem { hidden: self.is_hidden(sku.as_str()), sku, item, label }
    }

    /// The SKUs that were lost to damage.
    pub fn lost(&self) -> &Lost {
        &self.lost
    }

    /// Whether the stock of a SKU was lost to damage, or may have been.
    pub fn is_lost(&self, sku: &str) -> bool {
        !self.lost.is_empty()
            && (self.lost.skus.contains(sku) || (self.lost.unnamed && self.item(sku).is_none()))
    }

    /// The position of the last ledger entry.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The digest of the stock and the chain of the ledger.
    pub fn checks(&self) -> Checks {
        self.checks
    }

    /// How far the frames of the hub are applied.
    pub fn taken(&self) -> Taken {
        self.taken
    }

    /// The number of known SKUs that are not hidden.
    pub fn sku_count(&self) -> usize {
        self.items.count()
    }

    /// An open reservation.
    pub fn hold(&self, id: &RequestId) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// The open reservations after an id, in ascending order of their ids.
    pub fn holds_after(&self, after: Option<&str>) -> impl Iterator<Item = (&RequestId, &Hold)> {
        self.holds.after(after)
    }

    /// The open reservations after an id that name a SKU or an order, in ascending order of their ids.
    /// No others are looked at.
    pub fn holds_naming<'a>(
        &'a self,
        name: Named<'a>,
        after: Option<&RequestId>,
    ) -> impl Iterator<Item = (&'a RequestId, &'a Hold)> + use<'a> {
        self.holds.naming(name, after)
    }

    /// The number of open reservations.
    pub fn hold_count(&self) -> usize {
        self.holds.count()
    }

    /// The stock of one SKU, if it is known.
    pub fn item(&self, sku: &str) -> Option<Item> {
        self.items.get(sku)
    }

    /// Whether a SKU is hidden: it is known, but in no list.
    pub fn is_hidden(&self, sku: &str) -> bool {
        self.items.is_hidden(sku)
    }

    /// All SKUs, hidden ones too, in no particular order: the quickest walk through all.
    pub fn items(&self) -> impl Iterator<Item = (&Sku, &Item)> {
        self.items.iter()
    }

    /// The same without the first ones. SKUs that become known come last.
    pub fn items_from(&self, first: usize) -> impl Iterator<Item = (&Sku, &Item)> {
        self.items.iter_from(first)
    }

    /// The SKUs that begin with `prefix` and follow `after`, in ascending order, without the hidden
    /// ones. Their number is known without a walk.
    pub fn items_after<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl ExactSizeIterator<Item = (&'a Sku, &'a Item)> + use<'a> {
        self.items.with_prefix(prefix, after)
    }

    /// The same with the hidden ones, and whether they are hidden.
    pub fn all_after<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl ExactSizeIterator<Item = (&'a Sku, &'a Item, bool)> + use<'a> {
        self.items.all_with_prefix(prefix, after)
    }

    /// Whether there are SKUs that have never changed. [`Stock::changed_after`] does not return
    /// them.
    pub fn has_unmoved(&self) -> bool {
        self.items.has_unmoved()
    }

    /// The SKUs that changed after a position with their newest stock, hidden ones too, oldest change
    /// first.
    pub fn changed_after(&self, seq: Seq) -> impl Iterator<Item = (&Sku, &Item)> {
        self.items.changed_after(seq)
    }

    /// The SKUs whose open reservations do not add up to their reserved units. There is none unless
    /// the database is damaged.
    pub fn skus_with_wrong_holds(&self) -> Vec<&Sku> {
        let mut reserved: HashMap<&Sku, i64> = HashMap::new();
        for line in self.holds.lines() {
            *reserved.entry(&line.sku).or_default() += line.quantity.units();
        }
        let mut wrong = Vec::new();
        for (sku, item) in self.items.iter() {
            if reserved.remove(sku).unwrap_or(0) != item.reserved {
                wrong.push(sku);
            }
        }
        wrong.extend(reserved.into_keys().filter(|sku| !self.is_lost(sku.as_str())));
        wrong
    }

    /// The earliest deadline of a reservation, in milliseconds of running time.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.holds.next_deadline_ms()
    }
}

#[cfg(test)]
#[path = "stock_tests.rs"]
mod tests;
