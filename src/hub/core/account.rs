//! Books entries: what they change in the allotments of one database and in the pools.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::{Book, SkuAccount};
use super::transfer::TransferMatcher;
use crate::limits::STOCK_MAX;
use crate::stock::{Checks, Entry, Kind, Sku};

/// The accounts that a frame's entries change, and the ledger's checksums after them.
///
/// Nothing is stored before [`AccountUpdate::save`], so an entry that cannot be booked leaves no
/// trace.
pub(super) struct AccountUpdate {
    pub(super) accounts: BTreeMap<Sku, SkuAccount>,
    pub(super) reached: Checks,
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
        Ok(Self { accounts, reached: book.cursor.checks })
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
        if matches!(entry.kind, Kind::Grant | Kind::Recall) && !matcher.match_entry(entry)? {
            return Ok(false);
        }
        let account = self.accounts.get_mut(&entry.sku).expect("read for every SKU");
        let before = account.allotment.figures();
        account.allotment.on_hand += entry.change;
        account.allotment.reserved += entry.reserved_change;
        account.count(entry);
        let (on_hand, reserved) = account.allotment.figures();
        self.reached.digest = self.reached.digest.moved(&entry.sku, before, (on_hand, reserved));
        self.reached.chain = self.reached.chain.with(entry);
        Ok(0 <= reserved && reserved <= on_hand && on_hand <= STOCK_MAX && account.is_sound())
    }

    /// Stores the changed accounts.
    pub(super) fn save<B: Books>(&self, books: &mut B, book: &Book) -> Result<(), B::Error> {
        let allotments: Vec<_> =
            self.accounts.iter().map(|(sku, account)| (sku.clone(), account.allotment)).collect();
        books.save_allotments(book.id, &allotments)?;
        let pools: Vec<_> =
            self.accounts.iter().map(|(sku, account)| (sku.clone(), account.pool)).collect();
        books.save_pools(&pools)
    }
}

impl SkuAccount {
    fn count(&mut self, entry: &Entry) {
        let pool = &mut self.pool;
        match entry.kind {
            Kind::Restock => pool.received += entry.change,
            Kind::Count => pool.adjusted += entry.change,
            Kind::Deduct | Kind::Commit | Kind::Rollback => pool.deducted -= entry.change,
            Kind::Grant => {
                pool.in_transit -= entry.change;
                self.allotment.in_transit -= entry.change;
            }
            Kind::Recall => pool.unallotted -= entry.change,
            // Reservations change what is available, and not how many units exist.
            Kind::Reserve | Kind::Release | Kind::Expire => {}
        }
    }

    /// Whether the sums are far from an overflow, which takes many entries that cannot be true.
    fn is_sound(&self) -> bool {
        let Self { pool, allotment, .. } = self;
        let sums = [pool.received, pool.adjusted, pool.deducted, pool.unallotted, pool.in_transit];
        sums.iter().all(|sum| sum.unsigned_abs() <= i64::MAX.unsigned_abs() / 4)
            && allotment.in_transit >= 0
    }
}
