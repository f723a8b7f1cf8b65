//! Books entries: what they change in the allotments of one database and in the pools.

use std::collections::BTreeMap;

use super::booking::{self, Pools, TooMuch};
use super::books::Books;
use super::judge::Cursor;
use super::movement::{Movement, MovementKind, Occasion};
use super::records::{Allotment, Book, Pool, SkuAccount, WholeUnits};
use super::taken_over::{self, TakenOver};
use super::transfer::{Matched, TransferMatcher};
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Checks, Entry, Kind, Sku};

/// The accounts that a frame's entries change, and the ledger's checksums after them.
///
/// Nothing is stored before [`AccountUpdate::save`], so an entry that cannot be booked leaves no
/// trace.
pub(super) struct AccountUpdate {
    pub(super) accounts: BTreeMap<Sku, SkuAccount>,
    gateway: GatewayId,
    /// Units of grants, which are not in transit any more.
    arrived: BTreeMap<Sku, i64>,
    /// Units of recalls, which are back in the pool, and of grants that were taken over.
    moved: Vec<Movement>,
    /// What was taken over of which requests.
    taken_over: Vec<TakenOver>,
    pub(super) reached: Checks,
    whole_units: WholeUnits,
}

impl AccountUpdate {
    /// Reads the accounts of the SKUs that the entries change.
    pub(super) fn new<B: Books>(
        books: &mut B,
        book: &Book,
        entries: &[Entry],
        chain: Chain,
    ) -> Result<Self, B::Error> {
        let mut skus: Vec<Sku> = entries.iter().map(|entry| entry.sku.clone()).collect();
        skus.sort();
        skus.dedup();
        let accounts = books.accounts(book.id, &skus)?;
        let accounts = skus.into_iter().zip(accounts).collect();
        Ok(Self {
            accounts,
            gateway: book.gateway.clone(),
            arrived: BTreeMap::new(),
            moved: Vec::new(),
            taken_over: Vec::new(),
            reached: book.cursor.checks_for(chain),
            whole_units: book.whole_units.clone(),
        })
    }

    /// Applies one entry; returns false if it cannot be booked.
    pub(super) fn apply<B: Books>(
        &mut self,
        entry: &Entry,
        matcher: &mut TransferMatcher<'_, B>,
    ) -> Result<bool, B::Error> {
        if !entry.fits_kind() {
            return Ok(false);
        }
        let Some(scaled) = self.scaled(entry) else { return Ok(false) };
        let mut matched = Matched::Known;
        if matches!(entry.kind, Kind::Grant | Kind::Recall) {
            matched = matcher.match_or_take_over(entry)?;
            if matched == Matched::No {
                return Ok(false);
            }
            self.count_transferred((entry, scaled.0), matched, matcher);
        }
        let account = self.accounts.get_mut(&entry.sku).expect("read for every SKU");
        let before = account.allotment.figures();
        account.allotment.on_hand += scaled.0;
        account.allotment.reserved += scaled.1;
        account.allotment.count(entry.kind, scaled.0);
        if matched == Matched::TakenOver && entry.kind == Kind::Grant {
            account.allotment.give(scaled.0);
        }
        let is_sound = account.allotment.is_sound();
        let (on_hand, reserved) = account.allotment.figures();
        let own = |figures| self.whole_units.own(&entry.sku, figures);
        let (before, after) = (own(before), own((on_hand, reserved)));
        self.reached.digest = self.reached.digest.moved(&entry.sku, before, after);
        self.reached.chain = self.reached.chain.with(entry);
        Ok(0 <= reserved && reserved <= on_hand && on_hand <= STOCK_MAX && is_sound)
    }

    /// What an entry changes on hand and reserved, in the catalogue's smallest unit.
    fn scaled(&self, entry: &Entry) -> Option<(i64, i64)> {
        let change = self.whole_units.to_books(&entry.sku, entry.change)?;
        let reserved = self.whole_units.to_books(&entry.sku, entry.reserved_change)?;
        let is_sound = |change: i64| change.unsigned_abs() <= STOCK_MAX.unsigned_abs();
        (is_sound(change) && is_sound(reserved)).then_some((change, reserved))
    }

    fn count_transferred<B: Books>(
        &mut self,
        (entry, units): (&Entry, i64),
        matched: Matched,
        matcher: &TransferMatcher<'_, B>,
    ) {
        if entry.kind == Kind::Grant && matched != Matched::TakenOver {
            let arrived = self.arrived.entry(entry.sku.clone()).or_default();
            *arrived = arrived.saturating_add(units);
            return;
        }
        let is_grant = entry.kind == Kind::Grant;
        let kind = if is_grant { MovementKind::Grant } else { MovementKind::Recall };
        if matched == Matched::TakenOver {
            let (request_id, sku) = (entry.request_id.clone(), entry.sku.clone());
            let quantity = units.unsigned_abs();
            self.taken_over.push(TakenOver { request_id, kind, sku, quantity });
        }
        // Of a transfer that the books have lost, the entry alone says who asked for it and why.
        let cause = match matched {
            Matched::TakenOver => entry.cause.clone(),
            Matched::Known | Matched::No => matcher.cause(),
        };
        let occasion = Occasion {
            kind,
            gateway: Some(&self.gateway),
            order_id: None,
            request_id: &entry.request_id,
            cause: &cause,
        };
        let movement = occasion.movement(&entry.sku, units.saturating_abs(), &entry.trace);
        // What books that were lost had granted is at the gateway already.
        self.moved.push(Movement { in_transit_change: 0, ..movement });
    }

    /// The SKUs of which units have come back into the pool.
    pub(super) fn returned(&self) -> impl Iterator<Item = Sku> {
        let returned = self.moved.iter().filter(|movement| movement.kind == MovementKind::Recall);
        returned.map(|movement| movement.sku.clone())
    }

    /// The pools as the entries leave them.
    pub(super) fn pools<B: Books>(
        &self,
        books: &mut B,
    ) -> Result<Result<Pools, TooMuch>, B::Error> {
        booking::pools_after(books, &self.arrived, &self.moved)
    }

    /// Stores the changed accounts and pools.
    pub(super) fn save<B: Books>(
        &self,
        books: &mut B,
        book: &Book,
        pools: &[(Sku, Pool)],
    ) -> Result<(), B::Error> {
        let allotments: Vec<_> =
            self.accounts.iter().map(|(sku, account)| (sku.clone(), account.allotment)).collect();
        books.save_allotments(book.id, &allotments)?;
        booking::save(books, pools, &self.moved)?;
        taken_over::remember(books, book, &self.taken_over)
    }
}

impl Cursor {
    /// The checks that entries continue which lead to this chain: the ledger may have gone over to
    /// the newer kind of chain here.
    fn checks_for(&self, chain: Chain) -> Checks {
        let Checks { digest, chain: before } = self.checks;
        let before = match chain {
            Chain::Xxh3(_) => before,
            Chain::Sha256(_) => before.upgraded(self.acked_seq),
        };
        Checks { digest, chain: before }
    }
}

impl Allotment {
    fn count(&mut self, kind: Kind, change: i64) {
        match kind {
            // A rollback lowers what it undoes: only that of a restock takes units away.
            Kind::Rollback if change < 0 => self.received += change,
            Kind::Restock => self.received += change,
            Kind::Count | Kind::CountRollback => self.adjusted += change,
            Kind::Deduct | Kind::Commit | Kind::Rollback => self.deducted -= change,
            Kind::Grant => self.in_transit -= change,
            Kind::Recall => self.given += change,
            // Reservations change what is available, and not how many units exist.
            Kind::Reserve | Kind::Release | Kind::Expire => {}
        }
    }

    /// Whether the sums are far from an overflow, which takes many entries that cannot be true.
    /// They are this database's own: no other one is closed for them.
    fn is_sound(&self) -> bool {
        let sums = [self.received, self.adjusted, self.deducted, self.given];
        sums.iter().all(|sum| sum.unsigned_abs() <= i64::MAX.unsigned_abs() / 4)
            && self.in_transit >= 0
    }
}
