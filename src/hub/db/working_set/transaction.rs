//! The books as the rules see them, within a transaction.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::accounts::AccountSet;
use super::asks::AskSet;
use super::books::{BookSet, Lock};
use super::checkpoints::CheckpointSet;
use super::demand::DemandSet;
use super::enrolment::EnrolmentSet;
use super::entries::EntrySet;
use super::expected::{Expected, next_transfer};
use super::feed::FeedSet;
use super::identity::Identity;
use super::listings::ListingSet;
use super::movements::{MovementSet, MovementsEnd};
use super::pools::PoolSet;
use super::requests::RequestSet;
use super::transfers::TransferSet;
use crate::hub::core::{
    Allotment, Book, Books, DecidedRequest, DemandCounts, IssuedTransfer, Movement, Policy, Pool,
    RecentGrants, Rules, SkuAccount, SkuRecord,
};
use crate::hub::db::error::{BooksError, Locks};
use crate::hub::db::sql::{Change, Executor};
use crate::protocol::frame::BooksId;
use crate::protocol::topic::GatewayId;
use crate::stock::{Entry, Listing, RequestId, Seq, SignedPosition, Sku};

/// The books within an open transaction.
pub(in crate::hub) struct BooksTransaction<'a> {
    db: &'a mut dyn Executor,
    identity: Identity,
    books: BookSet,
    accounts: AccountSet,
    pools: PoolSet,
    asks: AskSet,
    transfers: TransferSet,
    requests: RequestSet,
    listings: ListingSet,
    entries: EntrySet,
    enrolment: EnrolmentSet,
    demand: DemandSet,
    checkpoints: CheckpointSet,
    rules: Rules,
    now_ms: i64,
    movements: MovementSet,
    feed: FeedSet,
}

impl<'a> BooksTransaction<'a> {
    pub(in crate::hub) fn new(db: &'a mut dyn Executor) -> Self {
        Self {
            db,
            identity: Identity::default(),
            books: BookSet::default(),
            accounts: AccountSet::default(),
            pools: PoolSet::default(),
            asks: AskSet::default(),
            transfers: TransferSet::default(),
            requests: RequestSet::default(),
            listings: ListingSet::default(),
            entries: EntrySet::default(),
            enrolment: EnrolmentSet::default(),
            demand: DemandSet::default(),
            checkpoints: CheckpointSet::default(),
            rules: Rules::default(),
            now_ms: 0,
            movements: MovementSet::default(),
            feed: FeedSet::default(),
        }
    }

    /// Sets what an operator has chosen, and the time.
    pub(in crate::hub) fn set_rules(&mut self, rules: Rules, now_ms: i64) {
        (self.rules, self.now_ms) = (rules, now_ms);
    }

    /// Whether frames of a gateway are taken where only those of enrolled ones are. A gateway that
    /// has books was taken before.
    pub(in crate::hub) fn is_enrolled(&mut self, gateway: &GatewayId) -> Result<bool, BooksError> {
        Ok(!self.books(gateway)?.is_empty() || self.enrolment.contains(self.db, gateway)?)
    }
    pub(in crate::hub) fn enrol(&mut self, gateway: &GatewayId, now_ms: i64) {
        self.enrolment.add(gateway, now_ms);
    }

    /// Writes something that changes nothing, to find out whether the books can be written.
    pub(in crate::hub) fn try_writing(&mut self) -> Result<(), BooksError> {
        let sql = "UPDATE book SET online = online WHERE id = (SELECT min(id) FROM book)";
        self.db.query(sql, &[]).map(drop)
    }

    /// The end of the hub's own ledger.
    pub(in crate::hub) fn movements_end(&mut self) -> Result<Option<MovementsEnd>, BooksError> {
        MovementsEnd::read(self.db)
    }
    /// Stores a signature of the hub's own ledger.
    pub(in crate::hub) fn sign_movements(&mut self, signed: SignedPosition, key: [u8; 32]) {
        self.movements.sign(signed, key);
    }
    /// Gives new books their identity.
    pub(in crate::hub) fn register_identity(&mut self) {
        self.identity.register();
    }

    /// Reads and locks what is expected, in the fixed order. Returns the gateways that another worker
    /// has locked.
    pub(in crate::hub) fn expect(
        &mut self,
        expected: &Expected,
    ) -> Result<BTreeSet<GatewayId>, BooksError> {
        let Expected { locks: Locks { gateways, skus }, if_free, skus: of } = expected;
        self.books.load(self.db, gateways, Lock::Wait)?;
        // Nothing waits for these, so it does not matter that they come after the others.
        let busy = self.books.load_if_free(self.db, if_free)?;
        let gateways: BTreeSet<&GatewayId> =
            gateways.iter().chain(if_free).filter(|gateway| !busy.contains(*gateway)).collect();
        let unknown = self.books.count_unknown(gateways.iter().copied());
        if unknown > 0 {
            self.books.reserve_ids(self.db, unknown)?;
        }
        self.pools.load(self.db, skus.iter())?;
        let mut accounts = Vec::new();
        for (gateway, skus) in of.iter().filter(|(gateway, _)| !busy.contains(gateway)) {
            let book = self.books.newest(gateway).filter(|book| book.is_open());
            accounts.extend(book.iter().flat_map(|book| skus.iter().map(|sku| (book.id, sku))));
        }
        self.accounts.load(self.db, accounts.into_iter())?;
        let next = gateways.into_iter().filter_map(|gateway| self.books.newest(gateway));
        let next: Vec<(i64, u64)> = next.filter_map(next_transfer).collect();
        self.transfers.load(self.db, next.into_iter())?;
        Ok(busy)
    }

    /// The epoch and the position of each gateway's newest database, as they are committed. Nothing
    /// is locked.
    pub(in crate::hub) fn positions(
        &mut self,
        gateways: &BTreeSet<GatewayId>,
    ) -> Result<BTreeMap<GatewayId, (Uuid, Seq)>, BooksError> {
        self.books.positions(self.db, gateways)
    }

    /// Reads what is needed to send something to these gateways.
    pub(in crate::hub) fn expect_sending(
        &mut self,
        gateways: &BTreeSet<GatewayId>,
    ) -> Result<(), BooksError> {
        self.books.load(self.db, gateways, Lock::No)?;
        let open = gateways.iter().filter_map(|gateway| self.books.newest(gateway));
        let open = open.filter(|book| book.is_open() && book.online);
        let open = open.filter(|book| book.taken.transfer < book.issued);
        let after: Vec<(i64, u64)> = open.map(|book| (book.id, book.taken.transfer)).collect();
        self.transfers.load(self.db, after.into_iter())
    }

    /// Records that the gateways that were seen last before this time are not online.
    pub(in crate::hub) fn set_offline(&mut self, before_ms: i64) -> Result<(), BooksError> {
        let online = self.books.online(self.db, before_ms)?;
        self.books.load(self.db, &online, self.books.lock_now())?;
        self.books.set_offline(before_ms);
        Ok(())
    }

    /// The books in force that are not fenced.
    pub(in crate::hub) fn open_books(&mut self) -> Result<Vec<Book>, BooksError> {
        self.books.all_open(self.db)
    }

    /// What the transaction has changed.
    pub(in crate::hub) fn into_changes(mut self) -> Result<Vec<Change>, BooksError> {
        let mut changes = self.entries.changes();
        changes.extend(self.identity.changes());
        let pools = self.pools.changes(&self.accounts.new_skus());
        changes.extend(self.accounts.changes());
        changes.extend(pools);
        changes.extend(self.asks.changes(self.db)?);
        changes.extend(self.listings.changes());
        changes.push(self.enrolment.changes());
        changes.push(self.demand.changes());
        changes.push(self.checkpoints.changes());
        changes.push(self.transfers.changes());
        changes.push(self.requests.changes());
        changes.extend(self.books.changes());
        let (movements, entered) = self.movements.changes(self.db)?;
        changes.extend(movements);
        changes.extend(self.feed.changes(self.db, entered)?);
        changes.retain(|change| !change.rows.is_empty());
        Ok(changes)
    }
}

impl Books for BooksTransaction<'_> {
    type Error = BooksError;

    fn now_ms(&self) -> i64 {
        self.now_ms
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
        self.books.load(self.db, &gateways, self.books.lock_now())?;
        Ok(gateways.into_iter().collect())
    }

    fn book_count(&mut self) -> Result<usize, BooksError> {
        Ok(usize::try_from(self.books.count(self.db)?).unwrap_or(usize::MAX))
    }

    fn books(&mut self, gateway: &GatewayId) -> Result<Vec<Book>, BooksError> {
        self.books.of(self.db, gateway, self.books.lock_now())
    }

    fn book(&mut self, id: i64) -> Result<Book, BooksError> {
        if self.books.get(id).is_none() {
            let gateways = self.books.gateways_of(self.db, &[id])?;
            self.books.load(self.db, &gateways, self.books.lock_now())?;
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
        let with_policy = self.accounts.with_policy(self.db, skus)?;
        self.asks.load(self.db, with_policy.iter())?;
        // Nobody waits for a SKU without a policy.
        skus.iter().for_each(|sku| self.asks.know(sku));
        Ok(())
    }

    fn expect_books(&mut self, ids: &[i64], sku: &Sku) -> Result<(), BooksError> {
        let gateways = self.books.gateways_of(self.db, ids)?;
        self.books.load(self.db, &gateways, self.books.lock_now())?;
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
        self.books.load(self.db, &gateways, self.books.lock_now())?;
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

    fn request_count(&mut self) -> Result<u64, BooksError> {
        Ok(self.requests.count())
    }

    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest) -> Result<(), BooksError> {
        self.requests.save(id, decided);
        Ok(())
    }

    fn policy_of(&mut self, book: &Book, sku: &Sku) -> Result<Option<Policy>, BooksError> {
        Ok(self.accounts.policies(self.db, book.id, sku)?.of(book.id, sku))
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

    fn listings_after(
        &mut self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, BooksError> {
        self.listings.after(self.db, number, limit)
    }
}
