//! What the rules need of a books database.

use std::collections::BTreeSet;

use super::anywhere::{OpenOrder, Spare};
use super::movement::Movement;
use super::records::{
    Allotment, Book, DecidedRequest, DemandCounts, IssuedTransfer, Policy, Pool, RecentGrants,
    SkuAccount, SkuRecord,
};
use crate::protocol::frame::BooksId;
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimals, Entry, Hold, Listing, RequestId, Reserved, SignedPosition, Sku};

/// What an operator has chosen for the books, and how much a gateway may bring into them now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A gateway cannot bring a SKU into the books that the catalogue lacks.
    pub refuses_unknown_skus: bool,
    /// How many SKUs that nobody knows.
    pub new_skus: u64,
    /// How many databases beside its first one.
    pub new_databases: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { refuses_unknown_skus: false, new_skus: u64::MAX, new_databases: u64::MAX }
    }
}

/// A policy of a SKU: for one gateway, or for all.
pub type PolicyOfSku = (Sku, Option<GatewayId>, Policy);

/// The books within one transaction: all changes become durable together, or none.
///
/// The rules change what they have read, so an implementation must keep others from changing that
/// until the transaction ends. Every method fails if the database does; the transaction must then be
/// rolled back.
pub trait Books {
    /// A failure of the database.
    type Error;

    /// The wall clock, in milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        0
    }
    /// The time by which reservations and open sales end: the wall clock, unless that was set.
    fn steady_ms(&self) -> i64 {
        self.now_ms()
    }
    /// What an operator has chosen.
    fn rules(&self) -> Rules {
        Rules::default()
    }

    /// Which books these are.
    ///
    /// # Errors
    /// If the database fails; so do all methods below.
    fn identity(&mut self) -> Result<BooksId, Self::Error>;
    /// Stores another generation of the books.
    fn save_identity(&mut self, identity: BooksId) -> Result<(), Self::Error>;
    /// The gateways that are held.
    fn held_gateways(&mut self) -> Result<Vec<GatewayId>, Self::Error>;
    /// The gateways whose database in force has shown since a moment that it has no more than the
    /// books: [`Takeover::in_step_ms`](super::records::Takeover::in_step_ms).
    fn in_step_since(&mut self, since_ms: i64) -> Result<Vec<GatewayId>, Self::Error>;
    /// The number of books, of all gateways and their databases.
    fn book_count(&mut self) -> Result<usize, Self::Error>;
    /// The books of a gateway's databases, by id: the last one is in force.
    fn books(&mut self, gateway: &GatewayId) -> Result<Vec<Book>, Self::Error>;
    /// The book with this id, which must exist.
    fn book(&mut self, id: i64) -> Result<Book, Self::Error>;
    /// Stores a new book under the next id, and sets the id in it.
    fn open(&mut self, book: &mut Book) -> Result<(), Self::Error>;
    /// Removes a book without entries and transfers.
    fn remove(&mut self, book: &Book) -> Result<(), Self::Error>;
    /// Removes a SKU without units from the pools and the allotments.
    fn remove_sku(&mut self, sku: &Sku) -> Result<(), Self::Error>;
    /// Stores a changed book.
    fn save(&mut self, book: &Book) -> Result<(), Self::Error>;

    /// Appends entries to a book's ledger.
    fn append(&mut self, book: i64, entries: &[Entry]) -> Result<(), Self::Error>;
    /// The sums of a book's entries by SKU: SKU, on hand, reserved.
    fn ledger_sums(&mut self, book: i64) -> Result<Vec<(Sku, i64, i64)>, Self::Error>;
    /// Keeps entries aside, one for each position; returns how many are kept for this book.
    fn set_aside(&mut self, book: i64, entries: &[Entry]) -> Result<u64, Self::Error>;

    /// Says of which SKUs the pools, the listings and the policies are about to be read, so that
    /// they can be read at once.
    fn expect_skus(&mut self, skus: &[Sku]) -> Result<(), Self::Error> {
        let _ = skus;
        Ok(())
    }
    /// Says which books are about to be read, with their allotments of one SKU.
    fn expect_books(&mut self, ids: &[i64], sku: &Sku) -> Result<(), Self::Error> {
        let _ = (ids, sku);
        Ok(())
    }
    /// The accounts of SKUs at one database, in the order of `skus`.
    fn accounts(&mut self, book: i64, skus: &[Sku]) -> Result<Vec<SkuAccount>, Self::Error>;
    /// The allotment of one SKU at one database; zeros if it has none.
    fn allotment(&mut self, book: i64, sku: &Sku) -> Result<Allotment, Self::Error>;
    /// All allotments of one database, by SKU.
    fn allotments(&mut self, book: i64) -> Result<Vec<(Sku, Allotment)>, Self::Error>;
    /// The ids of the books with an allotment of this SKU, in their order.
    fn holders(&mut self, sku: &Sku) -> Result<Vec<(i64, Allotment)>, Self::Error>;
    /// Stores allotments of one database. A SKU that is new to the books gets an empty pool.
    fn save_allotments(
        &mut self,
        book: i64,
        allotments: &[(Sku, Allotment)],
    ) -> Result<(), Self::Error>;
    /// Whether and how a SKU is known.
    fn sku_record(&mut self, sku: &Sku) -> Result<SkuRecord, Self::Error>;
    /// The pool of a SKU; zeros for an unknown one.
    fn pool(&mut self, sku: &Sku) -> Result<Pool, Self::Error> {
        Ok(self.sku_record(sku)?.pool.unwrap_or_default())
    }
    /// Stores pools.
    fn save_pools(&mut self, pools: &[(Sku, Pool)]) -> Result<(), Self::Error>;

    /// Appends movements to the hub's own ledger, under the next positions.
    fn enter_movements(&mut self, movements: &[Movement]) -> Result<(), Self::Error>;

    /// Stores a new or changed transfer.
    fn save_transfer(&mut self, book: i64, issued: &IssuedTransfer) -> Result<(), Self::Error>;
    /// The transfers of a book after a number, in order, at most `limit`.
    fn transfers_after(
        &mut self,
        book: i64,
        number: u64,
        limit: usize,
    ) -> Result<Vec<IssuedTransfer>, Self::Error>;
    /// The transfers of a request. A long request has several.
    fn transfers_of(&mut self, request_id: &RequestId) -> Result<Vec<IssuedTransfer>, Self::Error>;

    /// The stored central request with this id.
    fn decided_request(
        &mut self,
        request_id: &RequestId,
    ) -> Result<Option<DecidedRequest>, Self::Error>;
    /// The number of the next central request that is stored.
    fn next_request_number(&mut self) -> Result<u64, Self::Error>;
    /// Stores a central request that was decided.
    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest)
    -> Result<(), Self::Error>;

    /// The stored central request with this id as it is now: others may change it as long as the
    /// pools of its SKUs are not locked.
    fn newest_request(&mut self, id: &RequestId) -> Result<Option<DecidedRequest>, Self::Error> {
        self.decided_request(id)
    }
    /// Stores a changed central request.
    fn update_request(
        &mut self,
        id: &RequestId,
        decided: &DecidedRequest,
    ) -> Result<(), Self::Error> {
        self.save_request(id, decided)
    }
    /// An open reservation as it is now.
    fn reservation(&mut self, id: &RequestId) -> Result<Option<Hold>, Self::Error> {
        let _ = id;
        Ok(None)
    }
    /// How much is reserved in all pools.
    fn reserved(&mut self) -> Result<Reserved, Self::Error> {
        Ok(Reserved::default())
    }
    /// Stores an open reservation, or removes one that has ended.
    fn save_reservation(&mut self, id: &RequestId, hold: Option<&Hold>) -> Result<(), Self::Error> {
        let _ = (id, hold);
        Ok(())
    }

    /// A sale that waits for units from elsewhere, as it is now.
    fn open_order(&mut self, id: &RequestId) -> Result<Option<OpenOrder>, Self::Error> {
        let _ = id;
        Ok(None)
    }
    /// Whether a sale with this id waits for units from elsewhere.
    fn is_open_order(&mut self, id: &RequestId) -> Result<bool, Self::Error> {
        Ok(self.open_order(id)?.is_some())
    }
    /// The number of sales that wait for units from elsewhere.
    fn open_order_count(&mut self) -> Result<usize, Self::Error> {
        Ok(0)
    }
    /// The sales that wait for units of one of these SKUs, the oldest first. Others may change them.
    fn open_orders_of(&mut self, skus: &[Sku]) -> Result<Vec<(RequestId, OpenOrder)>, Self::Error> {
        let _ = skus;
        Ok(Vec::new())
    }
    /// Says of which SKUs [`Books::wanted`] is about to be asked for.
    fn expect_wanted(&mut self, skus: &[Sku]) {
        let _ = skus;
    }
    /// The units of a SKU that sales wait for.
    fn wanted(&mut self, sku: &Sku) -> Result<i64, Self::Error> {
        let _ = sku;
        Ok(0)
    }
    /// Stores a sale that waits, or removes one that is decided.
    fn save_open_order(
        &mut self,
        id: &RequestId,
        order: Option<&OpenOrder>,
    ) -> Result<(), Self::Error> {
        let _ = (id, order);
        Ok(())
    }
    /// The gateways that have units of a SKU to spare. Others may change that at any time.
    fn spares(&mut self, sku: &Sku) -> Result<Vec<Spare>, Self::Error> {
        let mut spares = Vec::new();
        for (id, allotment) in self.holders(sku)? {
            let (book, units) = (self.book(id)?, allotment.expected());
            let newest = self.books(&book.gateway)?.pop().map(|newest| newest.id);
            if units > 0 && book.is_open() && newest == Some(id) {
                spares.push(Spare { gateway: book.gateway, online: book.online, units });
            }
        }
        Ok(spares)
    }
    /// The gateways that have not answered recalls lately, and are asked for nothing for a while.
    fn left_out(&self) -> BTreeSet<GatewayId> {
        BTreeSet::new()
    }
    /// Notes that a gateway answers recalls, or has not answered that of a sale in time.
    fn note_recall(&mut self, gateway: &GatewayId, is_answered: bool) {
        let _ = (gateway, is_answered);
    }

    /// The policy of a SKU that holds for the gateway of a book: its own before the general one.
    fn policy_of(&mut self, book: &Book, sku: &Sku) -> Result<Option<Policy>, Self::Error>;
    /// All policies of these SKUs.
    fn policies_of(&mut self, skus: &[Sku]) -> Result<Vec<PolicyOfSku>, Self::Error>;
    /// Stores or removes the policy of a SKU, for one gateway or for all.
    fn save_policy(
        &mut self,
        sku: &Sku,
        gateway: Option<&GatewayId>,
        policy: Option<Policy>,
    ) -> Result<(), Self::Error>;
    /// What policies have granted to a gateway lately.
    fn recent_grants(&mut self, book: &Book, sku: &Sku) -> Result<RecentGrants, Self::Error>;
    /// Stores what policies have granted to a gateway lately.
    fn save_recent_grants(
        &mut self,
        book: &Book,
        sku: &Sku,
        recent: &RecentGrants,
    ) -> Result<(), Self::Error>;
    /// The ids of the books that wait for a SKU, the one that has waited longest first.
    fn waiting(&mut self, sku: &Sku) -> Result<Vec<i64>, Self::Error>;
    /// Puts a book at the end of those that wait for a SKU. It must not wait already.
    fn start_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), Self::Error>;
    /// Removes a book from those that wait for a SKU.
    fn stop_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), Self::Error>;

    /// Stores what a device has signed of its ledger. It replaces an earlier signature of the same
    /// [`SIGN_EVERY_ENTRIES`] entries.
    ///
    /// [`SIGN_EVERY_ENTRIES`]: crate::limits::SIGN_EVERY_ENTRIES
    fn save_checkpoint(
        &mut self,
        book: &Book,
        signed: &SignedPosition,
        key: [u8; 32],
    ) -> Result<(), Self::Error> {
        let _ = (book, signed, key);
        Ok(())
    }

    /// Counts demand of a day, in days since 1970.
    fn count_demand(
        &mut self,
        book: &Book,
        day: i64,
        sku: &Sku,
        counts: DemandCounts,
    ) -> Result<(), Self::Error> {
        let _ = (book, day, sku, counts);
        Ok(())
    }

    /// Gives the refused demand of a SKU in the decimals that it gets.
    fn rescale_demand(
        &mut self,
        sku: &Sku,
        before: Decimals,
        after: Decimals,
    ) -> Result<(), Self::Error> {
        let _ = (sku, before, after);
        Ok(())
    }

    /// All listings, by SKU.
    fn catalogue(&mut self) -> Result<Vec<Listing>, Self::Error>;
    /// The number of the last change of the catalogue; 0 for none.
    fn last_listing(&mut self) -> Result<u64, Self::Error>;
    /// The decimals of those SKUs that got them after a number, or lost them: 0 then.
    fn decimals_after(&mut self, skus: &[(Sku, u64)]) -> Result<Vec<(Sku, Decimals)>, Self::Error>;
    /// The decimals of SKUs by the catalogue as it is, and after the change with a number.
    fn decimals_at(
        &mut self,
        skus: &[(Sku, u64)],
    ) -> Result<Vec<(Sku, Decimals, Decimals)>, Self::Error>;
    /// Stores a changed listing under the number of the change.
    fn save_listing(&mut self, number: u64, listing: &Listing) -> Result<(), Self::Error>;
    /// The changes of the catalogue after a number, in order, at most `limit`. A SKU that changed
    /// more than once appears with its last change only.
    fn listings_after(
        &mut self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, Self::Error>;
}
