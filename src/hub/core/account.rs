//! Books entries: what they change in the allotments of one database and in the pools.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::{Allotment, Book, SkuAccount};
use super::transfer::{Matched, TransferMatcher};
use crate::limits::STOCK_MAX;
use crate::stock::{Checks, Entry, Kind, Sku};

/// The accounts that a frame's entries change, and the ledger's checksums after them.
///
/// Nothing is stored before [`AccountUpdate::save`], so an entry that cannot be booked leaves no
/// trace.
pub(super) struct AccountUpdate {
    pub(super) accounts: BTreeMap<Sku, SkuAccount>,
    /// The units that came from the hub or go back to it.
    transferred: BTreeMap<Sku, Transferred>,
    pub(super) reached: Checks,
}

/// What the entries of grants and recalls change in the pool.
#[derive(Clone, Copy, Debug, Default)]
struct Transferred {
    /// Not in transit any more.
    arrived: i64,
    /// Back in the pool.
    returned: i64,
    /// Granted by books that were lost: they are gone from the pool.
    taken_over: i64,
}

impl AccountUpdate {
    /// Reads the accounts of the SKUs that the entries change.
    pub(super) fn new<B: Books>(
        books: &mut B,
        book: &Book,
        entries: &[Entry],
    ) -> Result<Self, B::Error> {
        let mut skus: Vec<Sku> = entries.iter().map(|entry| entry.sku.clone()).collect();
        skus.sort();
        skus.dedup();
        let accounts = books.accounts(book.id, &skus)?;
        let accounts = skus.into_iter().zip(accounts).collect();
        Ok(Self { accounts, transferred: BTreeMap::new(), reached: book.cursor.checks })
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
        let mut matched = Matched::Known;
        if matches!(entry.kind, Kind::Grant | Kind::Recall) {
            matched = matcher.match_or_take_over(entry)?;
            if matched == Matched::No {
                return Ok(false);
            }
            self.count_transferred(entry, matched);
        }
        let account = self.accounts.get_mut(&entry.sku).expect("read for every SKU");
        let before = account.allotment.figures();
        account.allotment.on_hand += entry.change;
        account.allotment.reserved += entry.reserved_change;
        account.allotment.count(entry);
        if matched == Matched::TakenOver && entry.kind == Kind::Grant {
            account.allotment.give(entry.change);
        }
        let is_sound = account.allotment.is_sound();
        let (on_hand, reserved) = account.allotment.figures();
        self.reached.digest = self.reached.digest.moved(&entry.sku, before, (on_hand, reserved));
        self.reached.chain = self.reached.chain.with(entry);
        Ok(0 <= reserved && reserved <= on_hand && on_hand <= STOCK_MAX && is_sound)
    }

    fn count_transferred(&mut self, entry: &Entry, matched: Matched) {
        let transferred = self.transferred.entry(entry.sku.clone()).or_default();
        match (entry.change, matched) {
            (units @ 1.., Matched::TakenOver) => transferred.taken_over += units,
            (arrived @ 1.., _) => transferred.arrived += arrived,
            (returned, _) => transferred.returned -= returned,
        }
    }

    /// Stores the changed accounts.
    pub(super) fn save<B: Books>(&self, books: &mut B, book: &Book) -> Result<(), B::Error> {
        let allotments: Vec<_> =
            self.accounts.iter().map(|(sku, account)| (sku.clone(), account.allotment)).collect();
        books.save_allotments(book.id, &allotments)?;
        if self.transferred.is_empty() {
            return Ok(());
        }
        let skus: Vec<Sku> = self.transferred.keys().cloned().collect();
        books.expect_skus(&skus)?;
        let mut pools = Vec::with_capacity(skus.len());
        for (sku, Transferred { arrived, returned, taken_over }) in &self.transferred {
            let mut pool = books.pool(sku)?;
            pool.in_transit -= arrived;
            pool.given += taken_over - returned;
            pool.unallotted += returned - taken_over;
            pools.push((sku.clone(), pool));
        }
        books.save_pools(&pools)
    }
}

impl Allotment {
    fn count(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Restock => self.received += entry.change,
            Kind::Count => self.adjusted += entry.change,
            Kind::Deduct | Kind::Commit | Kind::Rollback => self.deducted -= entry.change,
            Kind::Grant => self.in_transit -= entry.change,
            Kind::Recall => self.given += entry.change,
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
