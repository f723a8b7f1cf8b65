//! A batch of decisions over the committed stock, which stays as it is until the batch is
//! committed.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::checks::{Checks, Posted};
use super::command::totals;
use super::decimals::Decimals;
use super::decision::{Decision, Movement, MovementList, Replacement};
use super::entry::{Entry, Kind};
use super::line::Line;
use super::listing::Listing;
use super::record::{AppliedLine, AppliedLines, RequestRecord, RequestRecords};
use super::refused_demand::RefusedRow;
use super::reservation_state::ReservationState;
use super::trace::Cause;
use super::transfer::Taken;
use super::types::{OrderId, Quantity, RequestId, Seq, Sku};
use super::{Hold, Item, Reserved, Stock};
use crate::clock::Now;
use crate::limits::STOCK_MAX;

/// The committed stock with the changes of a batch over it.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) stock: &'a Stock,
    pub(super) now: Now,
    pub(super) reservation_ttl_s: u64,
    pub(super) changes: Changes,
    holds: BTreeMap<RequestId, Option<Hold>>,
    /// Reservations opened less those closed, those beside the stock, and the same of what their
    /// lines count for.
    opened: (isize, isize),
}

/// The changes of a batch, to be committed and then applied with [`Stock::apply`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The ledger position before the batch.
    pub base_seq: Seq,
    /// New ledger entries, in order.
    pub entries: Vec<Posted>,
    /// On hand and reserved of the entry's SKU, after each entry.
    pub figures: Vec<(i64, i64)>,
    /// The new stock of each SKU that changed, became known, or is in the lists again.
    pub items: HashMap<Sku, Item>,
    /// SKUs that are hidden after the batch, of those in `items`.
    pub hidden: HashSet<Sku>,
    /// The decisions, in order.
    pub ledger_records: Vec<LedgerRecord>,
    /// The index of the ledger record with the newest record of each request.
    records: HashMap<RequestId, usize>,
    /// Reservations opened or changed (`Some`) and closed (`None`).
    pub holds: Vec<(RequestId, Option<Hold>)>,
    /// The ledger position after the batch.
    pub seq: Seq,
    /// The checks after the batch.
    pub checks: Checks,
    /// How far the frames of the hub are applied, if this batch changed that.
    pub taken: Option<Taken>,
    /// The changes of the catalogue, in order.
    pub listings: Vec<Listing>,
    /// The SKUs of these listings, with their own decimals and those of the hub's listing if the SKU is
    /// booked in others.
    pub kept_decimals: Vec<(Sku, Option<(Decimals, Decimals)>)>,
    /// The lines that were refused for want of stock. They change nothing in the stock.
    pub refused: Vec<(Sku, Quantity)>,
    /// What was refused before of SKUs that the catalogue changes.
    pub relisted_demand: Vec<RefusedRow>,
}

/// One decision as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// The request id; for an expiry that of the reservation, for a transfer that of the hub's
    /// request.
    pub request_id: RequestId,
    /// The record to keep of the request; `None` for a decision that no client asked for.
    pub record: Option<RequestRecord>,
    /// The number of its entries. They follow those of the ledger record before it.
    pub entries: usize,
}

impl Changes {
    /// Whether there is nothing to commit. A refusal is something: it leaves a record.
    pub fn is_empty(&self) -> bool {
        self.ledger_records.is_empty() && self.taken.is_none()
    }

    /// The index in [`Changes::ledger_records`] of the newest record of a request.
    pub fn record_index(&self, id: &RequestId) -> Option<usize> {
        self.records.get(id).copied()
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.figures.clear();
        self.items.clear();
        self.hidden.clear();
        self.ledger_records.clear();
        self.records.clear();
        self.holds.clear();
        self.taken = None;
        self.listings.clear();
        self.kept_decimals.clear();
        self.refused.clear();
        self.relisted_demand.clear();
    }
}

impl<'a> Draft<'a> {
    /// An empty batch, decided at `now`. A reservation that names no lifetime lasts
    /// `reservation_ttl_s` seconds.
    pub fn new(stock: &'a Stock, now: Now, reservation_ttl_s: u64) -> Self {
        let draft = Self {
            stock,
            now,
            reservation_ttl_s,
            changes: Changes::default(),
            holds: BTreeMap::new(),
            opened: (0, 0),
        };
        draft.reusing(Changes::default())
    }

    /// Reuses the memory of an earlier batch's changes.
    #[must_use]
    pub fn reusing(mut self, mut spare: Changes) -> Self {
        spare.clear();
        let (base_seq, checks) = (self.stock.seq, self.stock.checks);
        self.changes = Changes { base_seq, seq: base_seq, checks, ..spare };
        self
    }

    /// The batch beside other open reservations, which the stock does not know: they count as well.
    #[must_use]
    pub fn beside(mut self, others: Reserved) -> Self {
        self.opened.0 += others.reservations.cast_signed();
        self.opened.1 += others.lines.cast_signed();
        self
    }

    /// Counts the lines of an order that was refused because their SKU has too few units. The other
    /// lines of the order were refused with them, but not for want of stock.
    pub(super) fn count_refused(&mut self, lines: &[Line]) {
        let totals = totals(lines);
        let is_short = |line: &&Line| {
            let item = self.item(&line.sku);
            item.is_some_and(|item| item.available() < line.quantity.units())
        };
        let short: HashSet<&Sku> = totals.iter().filter(is_short).map(|line| &line.sku).collect();
        let refused = lines.iter().filter(|line| short.contains(&line.sku));
        let refused: Vec<_> = refused.map(|line| (line.sku.clone(), line.quantity)).collect();
        self.changes.refused.extend(refused);
    }

    /// Expires reservations whose deadline has passed, until `lines_max` lines are given back. The
    /// last reservation may exceed that. Those that remain are due in a later batch, and their
    /// units count as reserved until then.
    ///
    /// # Errors
    /// If the record of a reservation cannot be read. The draft must then be dropped.
    pub fn expire_due<R: RequestRecords>(
        &mut self,
        records: &R,
        lines_max: usize,
    ) -> Result<(), R::Error> {
        let (stock, now_ms) = (self.stock, self.now.running_ms);
        let entries_max = self.changes.entries.len() + lines_max;
        for id in stock.holds.due(now_ms) {
            if self.changes.entries.len() >= entries_max {
                break;
            }
            self.expire(id, records)?;
        }
        Ok(())
    }

    fn expire<R: RequestRecords>(&mut self, id: &RequestId, records: &R) -> Result<(), R::Error> {
        let Some(hold) = self.hold(id).cloned() else {
            return Ok(());
        };
        let movements = hold.lines.iter().map(Movement::expire).collect();
        let order_id = hold.order_id.as_ref();
        let entries = self.enter(Kind::Expire, id, &Cause::default(), order_id, movements).len();
        self.record_without_request(id, entries);
        self.close(id, ReservationState::Expired, records)
    }

    /// The newest record of a request, from this batch or from before it.
    pub(super) fn record<R: RequestRecords>(
        &self,
        id: &RequestId,
        records: &R,
    ) -> Result<Option<RequestRecord>, R::Error> {
        match self.changes.records.get(id) {
            Some(&index) => Ok(self.changes.ledger_records[index].record.clone()),
            None => records.find(id),
        }
    }

    /// Records a decision whose entries are the last ones entered.
    pub(super) fn remember(&mut self, id: RequestId, mut record: RequestRecord, entries: usize) {
        if entries == 0 {
            record.forget_changes();
        }
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

    /// Open reservations, this batch included.
    pub(super) fn hold_count(&self) -> usize {
        self.stock.hold_count().saturating_add_signed(self.opened.0)
    }

    /// What the lines of open reservations count for, this batch included.
    pub(super) fn held_weight(&self) -> usize {
        self.stock.holds.weight().saturating_add_signed(self.opened.1)
    }

    pub(super) fn open(&mut self, id: RequestId, hold: Hold) {
        self.opened.0 += 1;
        self.opened.1 += hold.weight().cast_signed();
        self.holds.insert(id, Some(hold));
    }

    /// Replaces an open reservation and its record.
    pub(super) fn replace(&mut self, replacement: Replacement) {
        let Replacement { reservation, hold, record, .. } = replacement;
        let before = self.hold(&reservation).map_or(0, Hold::weight);
        self.opened.1 += hold.weight().cast_signed() - before.cast_signed();
        self.remember(reservation.clone(), record, 0);
        self.holds.insert(reservation, Some(hold));
    }

    /// Closes a reservation and notes in its record how. A damaged record is not needed for that:
    /// a request that names the reservation later is left undecided.
    pub(super) fn close<R: RequestRecords>(
        &mut self,
        id: &RequestId,
        state: ReservationState,
        records: &R,
    ) -> Result<(), R::Error> {
        match self.record(id, records) {
            Ok(Some(mut record)) => {
                record.state = Some(state);
                self.remember(id.clone(), record, 0);
            }
            Ok(None) => {}
            Err(error) if R::lost_reason(&error).is_some() => {}
            Err(error) => return Err(error),
        }
        let weight = self.hold(id).map_or(0, Hold::weight);
        self.opened.0 -= 1;
        self.opened.1 -= weight.cast_signed();
        self.holds.insert(id.clone(), None);
        Ok(())
    }

    /// Enters movements that no client asked for. Their request id gets no record here, so a
    /// client may use the same one.
    pub(super) fn enter_without_request(
        &mut self,
        kind: Kind,
        id: &RequestId,
        cause: &Cause,
        movements: MovementList,
    ) {
        let entries = self.enter(kind, id, cause, None, movements).len();
        self.record_without_request(id, entries);
    }

    /// A ledger record without entries and without a request record would say nothing.
    fn record_without_request(&mut self, id: &RequestId, entries: usize) {
        if entries > 0 {
            self.changes.ledger_records.push(LedgerRecord {
                request_id: id.clone(),
                record: None,
                entries,
            });
        }
    }

    /// Enters the movements of a decision; returns the stock after each.
    pub(super) fn enter_decision(
        &mut self,
        request_id: &RequestId,
        cause: &Cause,
        decision: Decision,
    ) -> AppliedLines {
        let Decision { kind, order_id, movements, .. } = decision;
        self.enter(kind, request_id, cause, order_id.as_ref(), movements)
    }

    fn enter(
        &mut self,
        kind: Kind,
        request_id: &RequestId,
        cause: &Cause,
        order_id: Option<&OrderId>,
        movements: MovementList,
    ) -> AppliedLines {
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
                    cause: cause.clone(),
                    trace: movement.trace,
                };
                let before = self.changes.checks.chain.upgraded(entry.seq - 1);
                self.changes.checks.chain = before.with(&entry);
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

    /// Sets the stock of a SKU, which is in the lists from then on.
    pub(super) fn set_item(&mut self, sku: Sku, item: Item) {
        self.changes.hidden.remove(&sku);
        self.changes.items.insert(sku, item);
    }

    /// How far the frames of the hub are applied, this batch included.
    pub(super) fn taken(&self) -> Taken {
        self.changes.taken.unwrap_or(self.stock.taken)
    }

    pub(super) fn set_taken(&mut self, taken: Taken) {
        self.changes.taken = Some(taken);
    }

    pub(super) fn add_listings(&mut self, sent: &[Listing], listings: Vec<Listing>) {
        let kept = sent.iter().zip(&listings).map(|(sent, listing)| {
            let both = (listing.decimals, sent.decimals);
            (sent.sku.clone(), Some(both).filter(|_| sent.is_listed() && both.0 != both.1))
        });
        self.changes.kept_decimals.extend(kept);
        self.changes.listings.extend(listings);
    }

    /// The decimals of a SKU, this batch included.
    pub(super) fn decimals(&self, sku: &Sku) -> Decimals {
        match self.changes.listings.iter().rfind(|listing| listing.sku == *sku) {
            Some(listing) => listing.decimals,
            None => self.stock.catalogue.decimals(sku.as_str()),
        }
    }

    /// The unit of a SKU, this batch included.
    pub(super) fn unit(&self, sku: &Sku) -> Option<String> {
        match self.changes.listings.iter().rfind(|listing| listing.sku == *sku) {
            Some(listing) => listing.unit.clone(),
            None => self.stock.catalogue.label(sku.as_str())?.unit().map(str::to_owned),
        }
    }

    /// The position of the last ledger entry, this batch included.
    pub(super) fn seq(&self) -> Seq {
        self.changes.seq
    }

    /// Returns the changes of the batch, ready to commit.
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
        change: movement.change,
        trace: movement.trace.clone(),
    }
}

#[cfg(test)]
#[path = "due_tests.rs"]
mod due_tests;
#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
