//! A transaction as the rules see it.

use std::collections::BTreeSet;

use super::open_orders::spares;
use super::transaction::BooksTransaction;
use crate::hub::core::{
    Allotment, Book, Books, DecidedRequest, DemandCounts, IssuedTransfer, Movement, OpenOrder,
    Policy, PolicyOfSku, Pool, RecentGrants, Rules, SkuAccount, SkuRecord, Spare,
};
use crate::hub::db::error::BooksError;
use crate::protocol::frame::BooksId;
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimals, Entry, Hold, Listing, RequestId, Reserved, SignedPosition, Sku};

impl Books for BooksTransaction<'_> {
    type Error = BooksError;

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn steady_ms(&self) -> i64 {
        self.steady_ms.unwrap_or(self.now_ms)
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    fn identity(&mut self) -> Result<BooksId, BooksError> {
        self.identity.get(self.db)
    }

    fn save_identity(&mut self, identity: BooksId) -> Result<(), BooksError> {
        self.identity.save(identity);
        Ok(())
    }

    fn held_gateways(&mut self) -> Result<Vec<GatewayId>, BooksError> {
        let gateways = self.books.held(self.db)?;
        let lock = self.book_lock();
        self.books.load(self.db, &gateways, lock)?;
        Ok(gateways.into_iter().collect())
    }

    fn in_step_since(&mut self, since_ms: i64) -> Result<Vec<GatewayId>, BooksError> {
        let gateways = self.books.in_step_since(self.db, since_ms)?;
        let lock = self.book_lock();
        self.books.load(self.db, &gateways, lock)?;
        Ok(gateways.into_iter().collect())
    }

    fn book_count(&mut self) -> Result<usize, BooksError> {
        Ok(usize::try_from(self.books.count(self.db)?).unwrap_or(usize::MAX))
    }

    fn books(&mut self, gateway: &GatewayId) -> Result<Vec<Book>, BooksError> {
        let lock = self.book_lock();
        self.books.of(self.db, gateway, lock)
    }

    fn book(&mut self, id: i64) -> Result<Book, BooksError> {
        if self.books.get(id).is_none() {
            let gateways = self.books.gateways_of(self.db, &[id])?;
            let lock = self.book_lock();
            self.books.load(self.db, &gateways, lock)?;
        }
        let missing = || BooksError::Damaged(format!("there is no book {id}"));
        self.books.get(id).cloned().ok_or_else(missing)
    }

    fn open(&mut self, book: &mut Book) -> Result<(), BooksError> {
        self.books.open(self.db, book)
    }

    fn save(&mut self, book: &Book) -> Result<(), BooksError> {
        self.books.save(book)
    }

    fn remove(&mut self, book: &Book) -> Result<(), BooksError> {
        self.books.remove(self.db, book)
    }

    fn remove_sku(&mut self, sku: &Sku) -> Result<(), BooksError> {
        self.accounts.remove_sku(self.db, sku)?;
        self.pools.remove(self.db, sku)
    }

    fn append(&mut self, book: i64, entries: &[Entry]) -> Result<(), BooksError> {
        self.books.check_locked(book)?;
        self.feed.append(book, entries);
        self.entries.append(self.db, book, entries)
    }

    fn ledger_sums(&mut self, book: i64) -> Result<Vec<(Sku, i64, i64)>, BooksError> {
        self.entries.sums(self.db, book)
    }

    fn set_aside(&mut self, book: i64, entries: &[Entry]) -> Result<u64, BooksError> {
        self.books.check_locked(book)?;
        self.entries.set_aside(self.db, book, entries)
    }

    fn expect_skus(&mut self, skus: &[Sku]) -> Result<(), BooksError> {
        self.pools.load(self.db, skus.iter())?;
        for sku in skus {
            let exists = self.pools.has_policy(sku);
            exists.into_iter().for_each(|exists| self.accounts.note_policy(sku, exists));
        }
        let with_policy = self.accounts.with_policy(self.db, skus)?;
        self.asks.load(self.db, with_policy.iter())?;
        // Nobody waits for a SKU without a policy.
        skus.iter().for_each(|sku| self.asks.know(sku));
        Ok(())
    }

    fn expect_books(&mut self, ids: &[i64], sku: &Sku) -> Result<(), BooksError> {
        let gateways = self.books.gateways_of(self.db, ids)?;
        let lock = self.book_lock();
        self.books.load(self.db, &gateways, lock)?;
        self.accounts.load(self.db, ids.iter().map(|id| (*id, sku)))
    }

    fn accounts(&mut self, book: i64, skus: &[Sku]) -> Result<Vec<SkuAccount>, BooksError> {
        self.accounts.accounts(self.db, book, skus)
    }

    fn allotment(&mut self, book: i64, sku: &Sku) -> Result<Allotment, BooksError> {
        let account = self.accounts(book, std::slice::from_ref(sku))?.pop();
        Ok(account.unwrap_or_default().allotment)
    }

    fn allotments(&mut self, book: i64) -> Result<Vec<(Sku, Allotment)>, BooksError> {
        self.accounts.of_book(self.db, book)
    }

    /// Locks the books of the holders before their allotments are read.
    fn holders(&mut self, sku: &Sku) -> Result<Vec<(i64, Allotment)>, BooksError> {
        let gateways = self.books.holders(self.db, sku)?;
        let lock = self.book_lock();
        self.books.load(self.db, &gateways, lock)?;
        self.accounts.of_sku(self.db, sku)
    }

    fn save_allotments(
        &mut self,
        book: i64,
        allotments: &[(Sku, Allotment)],
    ) -> Result<(), BooksError> {
        self.books.check_locked(book)?;
        self.accounts.save(book, allotments);
        Ok(())
    }

    fn sku_record(&mut self, sku: &Sku) -> Result<SkuRecord, BooksError> {
        let mut record = self.pools.record(self.db, sku)?;
        // A SKU that a database has had since the start of the transaction.
        if record.pool.is_none() && self.accounts.new_skus().contains(sku) {
            record.pool = Some(Pool::default());
        }
        Ok(record)
    }

    fn save_pools(&mut self, pools: &[(Sku, Pool)]) -> Result<(), BooksError> {
        self.pools.save(pools)
    }

    fn enter_movements(&mut self, movements: &[Movement]) -> Result<(), BooksError> {
        self.movements.enter(movements);
        Ok(())
    }

    fn save_transfer(&mut self, book: i64, issued: &IssuedTransfer) -> Result<(), BooksError> {
        self.books.check_locked(book)?;
        self.transfers.save(book, issued);
        Ok(())
    }

    fn transfers_after(
        &mut self,
        book: i64,
        number: u64,
        limit: usize,
    ) -> Result<Vec<IssuedTransfer>, BooksError> {
        let issued = self.book(book)?.issued;
        self.transfers.after(self.db, (book, issued), number, limit)
    }

    fn transfers_of(&mut self, request_id: &RequestId) -> Result<Vec<IssuedTransfer>, BooksError> {
        self.transfers.of_request(self.db, request_id)
    }

    fn decided_request(
        &mut self,
        request_id: &RequestId,
    ) -> Result<Option<DecidedRequest>, BooksError> {
        self.requests.decided(self.db, request_id)
    }

    fn next_request_number(&mut self) -> Result<u64, BooksError> {
        self.requests.next_number(self.db)
    }

    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest) -> Result<(), BooksError> {
        self.requests.save(self.db, id, decided)
    }

    fn newest_request(&mut self, id: &RequestId) -> Result<Option<DecidedRequest>, BooksError> {
        self.requests.newest(self.db, id)
    }

    fn update_request(
        &mut self,
        id: &RequestId,
        decided: &DecidedRequest,
    ) -> Result<(), BooksError> {
        self.requests.update(id, decided)
    }

    fn reservation(&mut self, id: &RequestId) -> Result<Option<Hold>, BooksError> {
        self.reservations.newest(self.db, id)
    }

    fn reserved(&mut self) -> Result<Reserved, BooksError> {
        self.reservations.reserved(self.db)
    }

    fn save_reservation(&mut self, id: &RequestId, hold: Option<&Hold>) -> Result<(), BooksError> {
        self.reservations.save(id, hold);
        Ok(())
    }

    fn open_order(&mut self, id: &RequestId) -> Result<Option<OpenOrder>, BooksError> {
        self.open_orders.newest(self.db, id)
    }

    fn is_open_order(&mut self, id: &RequestId) -> Result<bool, BooksError> {
        match self.open_orders.is_open(id) {
            Some(is_open) => Ok(is_open),
            None => Ok(self.open_order(id)?.is_some()),
        }
    }

    fn open_order_count(&mut self) -> Result<usize, BooksError> {
        self.open_orders.count(self.db)
    }

    fn open_orders_of(&mut self, skus: &[Sku]) -> Result<Vec<(RequestId, OpenOrder)>, BooksError> {
        let skus: Vec<Sku> = skus.iter().filter(|sku| self.may_be_awaited(sku)).cloned().collect();
        if skus.is_empty() { Ok(Vec::new()) } else { self.open_orders.of(self.db, &skus) }
    }

    fn expect_wanted(&mut self, skus: &[Sku]) {
        self.open_orders.expect_wanted(skus);
    }

    fn wanted(&mut self, sku: &Sku) -> Result<i64, BooksError> {
        self.open_orders.wanted(self.db, sku)
    }

    fn save_open_order(
        &mut self,
        id: &RequestId,
        order: Option<&OpenOrder>,
    ) -> Result<(), BooksError> {
        self.open_orders.save(id, order);
        Ok(())
    }

    fn spares(&mut self, sku: &Sku) -> Result<Vec<Spare>, BooksError> {
        spares(self.db, sku)
    }

    fn left_out(&self) -> BTreeSet<GatewayId> {
        self.open_orders.left_out.clone()
    }

    fn note_recall(&mut self, gateway: &GatewayId, is_answered: bool) {
        self.open_orders.recalls.push((gateway.clone(), is_answered));
    }

    fn policy_of(&mut self, book: &Book, sku: &Sku) -> Result<Option<Policy>, BooksError> {
        Ok(self.accounts.policies(self.db, book.id, sku)?.of(book.id, sku))
    }

    fn policies_of(&mut self, skus: &[Sku]) -> Result<Vec<PolicyOfSku>, BooksError> {
        self.accounts.policies_of(self.db, skus)
    }

    fn save_policy(
        &mut self,
        sku: &Sku,
        gateway: Option<&GatewayId>,
        policy: Option<Policy>,
    ) -> Result<(), BooksError> {
        let of = match gateway {
            None => None,
            Some(gateway) => Some((gateway, self.books(gateway)?.pop().map(|book| book.id))),
        };
        self.accounts.save_policy(sku, of, policy);
        Ok(())
    }

    fn recent_grants(&mut self, book: &Book, sku: &Sku) -> Result<RecentGrants, BooksError> {
        Ok(self.accounts.policies(self.db, book.id, sku)?.recent(book.id, sku))
    }

    fn save_recent_grants(
        &mut self,
        book: &Book,
        sku: &Sku,
        recent: &RecentGrants,
    ) -> Result<(), BooksError> {
        let of = (book.id, &book.gateway);
        self.accounts.policies(self.db, book.id, sku)?.save_recent(of, sku, recent);
        Ok(())
    }

    fn waiting(&mut self, sku: &Sku) -> Result<Vec<i64>, BooksError> {
        self.asks.waiting(self.db, sku)
    }

    fn start_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), BooksError> {
        self.asks.add(sku, book);
        Ok(())
    }

    fn stop_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), BooksError> {
        self.asks.remove(sku, book);
        Ok(())
    }

    fn save_checkpoint(
        &mut self,
        book: &Book,
        signed: &SignedPosition,
        key: [u8; 32],
    ) -> Result<(), BooksError> {
        self.checkpoints.save(book, signed, key);
        Ok(())
    }

    fn count_demand(
        &mut self,
        book: &Book,
        day: i64,
        sku: &Sku,
        counts: DemandCounts,
    ) -> Result<(), BooksError> {
        self.demand.count(book, day, sku, counts);
        Ok(())
    }

    fn rescale_demand(
        &mut self,
        sku: &Sku,
        before: Decimals,
        after: Decimals,
    ) -> Result<(), BooksError> {
        self.demand.rescale(sku, (before, after));
        Ok(())
    }

    fn catalogue(&mut self) -> Result<Vec<Listing>, BooksError> {
        self.listings.all(self.db)
    }

    fn last_listing(&mut self) -> Result<u64, BooksError> {
        self.listings.last(self.db)
    }

    fn save_listing(&mut self, number: u64, listing: &Listing) -> Result<(), BooksError> {
        self.listings.save(number, listing);
        self.pools.list(listing);
        Ok(())
    }

    fn decimals_after(&mut self, skus: &[(Sku, u64)]) -> Result<Vec<(Sku, Decimals)>, BooksError> {
        self.listings.decimals_after(self.db, skus)
    }

    fn decimals_at(
        &mut self,
        skus: &[(Sku, u64)],
    ) -> Result<Vec<(Sku, Decimals, Decimals)>, BooksError> {
        self.listings.decimals_at(self.db, skus)
    }

    fn listings_after(
        &mut self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, BooksError> {
        self.listings.after(self.db, number, limit)
    }
}
