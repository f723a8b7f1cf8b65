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
use super::movements::{ChainedUpTo, MovementSet, MovementsEnd};
use super::open_orders::OpenOrderSet;
use super::pools::PoolSet;
use super::requests::RequestSet;
use super::reservations::{CountedReserved, ReservationSet};
use super::sinks::SinkSet;
use super::transfers::TransferSet;
use crate::hub::core::{Book, Books as _, Movement, Rules};
use crate::hub::db::error::{BooksError, Locks};
use crate::hub::db::sql::{Change, Executor, SqlValue};
use crate::process::signing_key::SigningKey;
use crate::protocol::topic::GatewayId;
use crate::stock::{RequestId, Seq, SignedPosition, Sku};

/// The books within an open transaction.
pub(in crate::hub) struct BooksTransaction<'a> {
    pub(super) db: &'a mut dyn Executor,
    pub(super) identity: Identity,
    pub(super) books: BookSet,
    pub(super) accounts: AccountSet,
    pub(super) pools: PoolSet,
    pub(super) asks: AskSet,
    pub(super) transfers: TransferSet,
    pub(super) requests: RequestSet,
    pub(super) reservations: ReservationSet,
    pub(super) listings: ListingSet,
    pub(super) entries: EntrySet,
    pub(super) enrolment: EnrolmentSet,
    pub(super) demand: DemandSet,
    pub(super) checkpoints: CheckpointSet,
    pub(super) rules: Rules,
    pub(super) now_ms: i64,
    pub(super) steady_ms: Option<i64>,
    pub(super) movements: MovementSet,
    pub(super) feed: FeedSet,
    pub(super) open_orders: OpenOrderSet,
    pub(super) sinks: SinkSet,
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
            reservations: ReservationSet::default(),
            listings: ListingSet::default(),
            entries: EntrySet::default(),
            enrolment: EnrolmentSet::default(),
            demand: DemandSet::default(),
            checkpoints: CheckpointSet::default(),
            rules: Rules::default(),
            now_ms: 0,
            steady_ms: None,
            movements: MovementSet::default(),
            feed: FeedSet::default(),
            open_orders: OpenOrderSet::default(),
            sinks: SinkSet::default(),
        }
    }

    /// Sets what earlier transactions know of the reservations.
    pub(in crate::hub::db) fn know_reserved(&mut self, known: Option<CountedReserved>) {
        self.reservations.know(known);
    }
    /// What later transactions are told of the reservations.
    pub(in crate::hub::db) fn known_reserved(&self) -> Option<CountedReserved> {
        self.reservations.known()
    }

    /// Sets what an operator has chosen, and the time.
    pub(in crate::hub) fn set_rules(&mut self, rules: Rules, now_ms: i64) {
        (self.rules, self.now_ms) = (rules, now_ms);
    }

    /// Sets the time by which reservations and open sales end.
    pub(in crate::hub) fn set_steady_ms(&mut self, steady_ms: i64) {
        self.steady_ms = Some(steady_ms);
    }

    /// Sets the gateways that are asked for nothing for a while.
    pub(in crate::hub) fn leave_out(&mut self, gateways: BTreeSet<GatewayId>) {
        self.open_orders.left_out = gateways;
    }

    /// The gateways that were asked for units, and whether they have answered in time.
    pub(in crate::hub) fn take_recalls(&mut self) -> Vec<(GatewayId, bool)> {
        std::mem::take(&mut self.open_orders.recalls)
    }

    /// The SKUs of which there is more to sell than before.
    pub(in crate::hub) fn take_given(&mut self) -> Vec<Sku> {
        self.pools.take_given()
    }

    /// Whether a sale may wait for a SKU.
    pub(super) fn may_be_awaited(&self, sku: &Sku) -> bool {
        self.pools.is_awaited(sku) || self.open_orders.has_opened(sku)
    }

    /// The sales from anywhere that this transaction has decided.
    pub(in crate::hub) fn decided_sales(&self) -> Vec<RequestId> {
        self.open_orders.decided()
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

    /// Drops the size limits that were found with another broker than this one.
    pub(in crate::hub) fn keep_limits_of(&mut self, broker: &str) -> Result<(), BooksError> {
        let sql = "UPDATE book SET frame_lost_bytes = NULL, frame_lost_broker = NULL
                   WHERE frame_lost_bytes IS NOT NULL AND coalesce(frame_lost_broker, '') <> $1";
        self.db.query(sql, &[SqlValue::text(broker)]).map(drop)
    }

    /// The end of the hub's own ledger, which no other worker moves on before the commit.
    pub(in crate::hub) fn movements_end(&mut self) -> Result<Option<MovementsEnd>, BooksError> {
        self.db.query("UPDATE movement_end SET seq = seq RETURNING seq", &[])?;
        MovementsEnd::read(self.db)
    }
    /// Stores the chain of the movements that an earlier version has entered.
    pub(in crate::hub::db) fn set_chained(&mut self, chained: ChainedUpTo) {
        self.movements.set_chained(chained);
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
        let Expected { locks: Locks { gateways, skus, requests }, if_free, skus: of } = expected;
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
        if !requests.is_empty() {
            let open = self.requests.load(self.db, requests)?;
            self.open_orders.know(open);
            self.expect_skus(&skus.iter().cloned().collect::<Vec<_>>())?;
        }
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

    /// The lock for books that were not expected in advance. Books are locked before pools, so once
    /// anything is locked there is no waiting for one.
    pub(super) fn book_lock(&self) -> Lock {
        if self.books.has_locked() || self.pools.has_locked() { Lock::AtOnce } else { Lock::Wait }
    }

    /// Records that the gateways that were seen last before this time are not online.
    pub(in crate::hub) fn set_offline(&mut self, before_ms: i64) -> Result<(), BooksError> {
        let online = self.books.online(self.db, before_ms)?;
        let lock = self.book_lock();
        self.books.load(self.db, &online, lock)?;
        self.books.set_offline(before_ms);
        Ok(())
    }

    /// The books in force that are not fenced.
    pub(in crate::hub) fn open_books(&mut self) -> Result<Vec<Book>, BooksError> {
        self.books.all_open(self.db)
    }

    /// What the transaction has changed. With a key, the positions of new movements that are multiples
    /// of [`SIGN_EVERY_ENTRIES`](crate::limits::SIGN_EVERY_ENTRIES) are signed.
    pub(in crate::hub) fn into_changes(
        mut self,
        key: Option<&SigningKey>,
    ) -> Result<Vec<Change>, BooksError> {
        let mut changes = self.entries.changes();
        changes.extend(self.identity.changes());
        let pools = self.pools.changes(&self.accounts.new_skus());
        changes.extend(self.accounts.changes());
        changes.extend(pools);
        changes.extend(self.asks.changes(self.db)?);
        changes.extend(self.listings.changes());
        changes.push(self.enrolment.changes());
        changes.extend(self.demand.changes(self.db)?);
        changes.push(self.checkpoints.changes());
        changes.push(self.transfers.changes());
        changes.extend(self.requests.changes());
        changes.extend(self.reservations.changes());
        changes.extend(self.open_orders.changes());
        changes.extend(self.sinks.changes());
        changes.extend(self.books.changes());
        let (movements, entered) = self.movements.changes(self.db)?;
        changes.extend(movements);
        if let Some(key) = key.filter(|_| self.movements.has_multiples()) {
            let origin = Movement::origin(self.identity.get(self.db)?.books);
            changes.push(self.movements.sign_multiples(&origin, key));
        }
        changes.extend(self.feed.changes(self.db, entered)?);
        changes.retain(|change| !change.rows.is_empty());
        Ok(changes)
    }
}
