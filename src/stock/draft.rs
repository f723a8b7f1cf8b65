//! A batch being decided: what would change, over a stock that does not.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::checks::{Checks, Posted};
use super::decision::{Decision, Movement};
use super::entry::{Entry, Kind};
use super::listing::Listing;
use super::record::{AppliedLine, Closed, RequestRecord, RequestRecords};
use super::transfer::Taken;
use super::types::{OrderId, RequestId, Seq, Sku};
use super::{Hold, Item, Stock};
use crate::clock::Now;
use crate::limits::STOCK_MAX;

/// The changes of a batch so far.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) stock: &'a Stock,
    pub(super) now: Now,
    pub(super) reservation_ttl_s: u64,
    changes: Changes,
    holds: BTreeMap<RequestId, Option<Hold>>,
    holds_opened: isize,
}

/// What a batch changes, ready for the disk and then for [`Stock::apply`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The ledger position the batch was decided at.
    pub base_seq: Seq,
    /// New ledger entries, in order.
    pub entries: Vec<Posted>,
    /// On hand and reserved of the entry's SKU after each.
    pub figures: Vec<(i64, i64)>,
    /// The new stock of every SKU that changed or became known.
    pub items: HashMap<Sku, Item>,
    /// What was decided, in order, and what it entered into the ledger.
    pub ledger_records: Vec<LedgerRecord>,
    /// Which fact holds the newest record of a request.
    records: HashMap<RequestId, usize>,
    /// Reservations opened (`Some`) and closed (`None`).
    pub holds: Vec<(RequestId, Option<Hold>)>,
    /// The ledger's last position after the batch.
    pub seq: Seq,
    /// The checks after the batch.
    pub checks: Checks,
    /// How far what the hub sent is taken, if that moved.
    pub taken: Option<Taken>,
    /// What is new in the catalogue, in order.
    pub listings: Vec<Listing>,
}

/// What the ledger keeps of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// The request it was; for a reservation that ended by itself, the reservation's; for a
    /// transfer, the hub's.
    pub request_id: RequestId,
    /// What is to be remembered of it; `None` when nobody asked for it here.
    pub record: Option<RequestRecord>,
    /// How many entries it made: the next ones of the batch that no fact before it made.
    pub entries: usize,
}

impl Changes {
    /// Whether there is nothing to put on disk. (A refusal leaves a record.)
    pub fn is_empty(&self) -> bool {
        self.ledger_records.is_empty() && self.taken.is_none()
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.figures.clear();
        self.items.clear();
        self.ledger_records.clear();
        self.records.clear();
        self.holds.clear();
        self.taken = None;
        self.listings.clear();
    }
}

impl<'a> Draft<'a> {
    /// An empty batch, decided at `now`; reservations without a life of their own last
    /// `reservation_ttl_s` seconds.
    pub fn new(stock: &'a Stock, now: Now, reservation_ttl_s: u64) -> Self {
        let draft = Self {
            stock,
            now,
            reservation_ttl_s,
            changes: Changes::default(),
            holds: BTreeMap::new(),
            holds_opened: 0,
        };
        draft.reusing(Changes::default())
    }

    /// Puts this batch where an earlier one was: its memory need not be got again.
    #[must_use]
    pub fn reusing(mut self, mut spare: Changes) -> Self {
        spare.clear();
        let (base_seq, checks) = (self.stock.seq, self.stock.checks);
        self.changes = Changes { base_seq, seq: base_seq, checks, ..spare };
        self
    }

    /// Ends the reservations whose time has come.
    ///
    /// # Errors
    /// If a reservation's record cannot be read; then the draft is to be dropped.
    pub fn expire_due<R: RequestRecords>(&mut self, records: &R) -> Result<(), R::Error> {
        let due: Vec<RequestId> = self
            .stock
            .deadlines
            .iter()
            .take_while(|(deadline_ms, _)| *deadline_ms <= self.now.running_ms)
            .map(|(_, id)| id.clone())
            .collect();
        for id in due {
            self.expire(&id, records)?;
        }
        Ok(())
    }

    fn expire<R: RequestRecords>(&mut self, id: &RequestId, records: &R) -> Result<(), R::Error> {
        let Some(hold) = self.hold(id).cloned() else {
            return Ok(());
        };
        let movements = hold.lines.iter().map(Movement::expire).collect();
        let entries = self.enter(Kind::Expire, id, hold.order_id.as_ref(), movements).len();
        self.note_unasked(id, entries);
        self.close(id, Closed::Expired, records)
    }

    /// The record of a request, decided in this batch or before it.
    pub(super) fn record<R: RequestRecords>(
        &self,
        id: &RequestId,
        records: &R,
    ) -> Result<Option<RequestRecord>, R::Error> {
        match self.changes.records.get(id) {
            Some(&fact) => Ok(self.changes.ledger_records[fact].record.clone()),
            None => records.find(id),
        }
    }

    /// Remembers a request that made this many entries: the last ones.
    pub(super) fn remember(&mut self, id: RequestId, record: RequestRecord, entries: usize) {
        self.changes.records.insert(id.clone(), self.changes.ledger_records.len());
        self.changes.ledger_records.push(LedgerRecord {
            request_id: id,
            record: Some(record),
            entries,
        });
    }

    pub(super) fn item(&self, sku: &Sku) -> Option<Item> {
        self.changes.items.get(sku).copied().or_else(|| self.stock.item(sku.as_str()))
    }

    pub(super) fn hold(&self, id: &RequestId) -> Option<&Hold> {
        match self.holds.get(id) {
            Some(hold) => hold.as_ref(),
            None => self.stock.holds.get(id),
        }
    }

    pub(super) fn hold_count(&self) -> usize {
        self.stock.hold_count().saturating_add_signed(self.holds_opened)
    }

    pub(super) fn open(&mut self, id: RequestId, hold: Hold) {
        self.holds_opened += 1;
        self.holds.insert(id, Some(hold));
    }

    /// Closes a reservation and notes in its record how. Of a record that is damaged nothing is
    /// needed: whoever names it again is left undecided.
    pub(super) fn close<R: RequestRecords>(
        &mut self,
        id: &RequestId,
        closed: Closed,
        records: &R,
    ) -> Result<(), R::Error> {
        match self.record(id, records) {
            Ok(Some(mut record)) => {
                record.closed = Some(closed);
                self.remember(id.clone(), record, 0);
            }
            Ok(None) => {}
            Err(error) if R::is_lost(&error).is_some() => {}
            Err(error) => return Err(error),
        }
        self.holds_opened -= 1;
        self.holds.insert(id.clone(), None);
        Ok(())
    }

    /// Writes movements into the ledger that nobody asked for here, so that the name they go by
    /// may be another's request here.
    pub(super) fn enter_unasked(&mut self, kind: Kind, id: &RequestId, movements: Vec<Movement>) {
        let entries = self.enter(kind, id, None, movements).len();
        self.note_unasked(id, entries);
    }

    /// A fact is there for its entries, or to be remembered.
    fn note_unasked(&mut self, id: &RequestId, entries: usize) {
        if entries > 0 {
            self.changes.ledger_records.push(LedgerRecord {
                request_id: id.clone(),
                record: None,
                entries,
            });
        }
    }

    /// Writes a decision's movements into the ledger; returns the stock after each.
    pub(super) fn enter_decision(
        &mut self,
        request_id: &RequestId,
        decision: Decision,
    ) -> Vec<AppliedLine> {
        self.enter(decision.kind, request_id, decision.order_id.as_ref(), decision.movements)
    }

    fn enter(
        &mut self,
        kind: Kind,
        request_id: &RequestId,
        order_id: Option<&OrderId>,
        movements: Vec<Movement>,
    ) -> Vec<AppliedLine> {
        movements
            .into_iter()
            .map(|movement| {
                let item = self.move_item(&movement);
                let line = applied_line(&movement, item);
                let entry = Entry {
                    seq: self.changes.seq,
                    kind,
                    sku: movement.sku,
                    change: movement.change,
                    reserved_change: movement.reserved_change,
                    order_id: order_id.cloned(),
                    request_id: request_id.clone(),
                    at_ms: self.now.wall_ms,
                    clock_trusted: self.now.trusted,
                };
                self.changes.checks.chain = self.changes.checks.chain.with(&entry);
                self.changes.entries.push(Posted { entry, checks: self.changes.checks });
                self.changes.figures.push(item.figures());
                line
            })
            .collect()
    }

    fn move_item(&mut self, movement: &Movement) -> Item {
        let before = self.item(&movement.sku).unwrap_or_default();
        self.changes.seq += 1;
        let after = Item {
            on_hand: before.on_hand + movement.change,
            reserved: before.reserved + movement.reserved_change,
            version: self.changes.seq,
        };
        assert!(
            0 <= after.reserved && after.reserved <= after.on_hand && after.on_hand <= STOCK_MAX,
            "every rule checks the line before it moves it: {movement:?} on {before:?}",
        );
        self.changes.checks.digest =
            self.changes.checks.digest.moved(&movement.sku, before.figures(), after.figures());
        self.set_item(movement.sku.clone(), after);
        after
    }

    pub(super) fn set_item(&mut self, sku: Sku, item: Item) {
        self.changes.items.insert(sku, item);
    }

    /// How far what the hub sent is taken, with this batch.
    pub(super) fn taken(&self) -> Taken {
        self.changes.taken.unwrap_or(self.stock.taken)
    }

    pub(super) fn set_taken(&mut self, taken: Taken) {
        self.changes.taken = Some(taken);
    }

    pub(super) fn add_listings(&mut self, listings: &[Listing]) {
        self.changes.listings.extend_from_slice(listings);
    }

    /// The ledger's last position, with this batch.
    pub(super) fn seq(&self) -> Seq {
        self.changes.seq
    }

    /// The batch's changes.
    pub fn finish(self) -> Changes {
        let mut changes = self.changes;
        changes.holds.extend(self.holds);
        changes
    }
}

fn applied_line(movement: &Movement, item: Item) -> AppliedLine {
    AppliedLine {
        sku: movement.sku.clone(),
        quantity: movement.quantity,
        on_hand: item.on_hand,
        reserved: item.reserved,
        version: item.version,
    }
}
