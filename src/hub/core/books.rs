//! What the books hold, and what the rules ask of whoever keeps them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hub::core::judge::Cursor;
use crate::protocol::topic::GatewayId;
use crate::stock::Listing;
use crate::stock::{Entry, Line, RequestId, Seq, Sku, Taken, Transfer};

/// The books of one database of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Higher for newer ones; the highest of a gateway is in force.
    pub id: i64,
    /// Whose.
    pub gateway: GatewayId,
    /// How far its ledger is in the books.
    pub cursor: Cursor,
    /// How far its ledger is known to go.
    pub known_seq: Seq,
    /// The number of the last transfer made for it.
    pub issued: u64,
    /// What it has taken, as far as its ledger is here to show it.
    pub taken: Taken,
    /// Whose entries have arrived.
    pub match_position: MatchPosition,
    /// Given up for good by an operator.
    pub retired: bool,
    /// What is wrong with it, for people.
    pub problem: Option<String>,
    /// Its stock is not the books', though its ledger is, and it is not known yet where.
    pub searching: bool,
    /// SKUs of which the gateway has another stock than the books.
    pub differing: Vec<Sku>,
    /// Entries that came when nothing was taken any more.
    pub aside: u64,
    /// When it was last heard of, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// Whether its gateway is connected, as far as is known.
    pub online: bool,
}

/// The next entry of a transfer that is to come: transfers are taken in the order of their
/// numbers, and each grant's line is an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchPosition {
    /// Of this transfer.
    pub transfer: u64,
    /// This line.
    pub line: u32,
}

impl Default for MatchPosition {
    fn default() -> Self {
        Self { transfer: 1, line: 0 }
    }
}

/// What the books know of one SKU at one database, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allotment {
    /// As its entries add up.
    pub on_hand: i64,
    /// Of it promised to orders.
    pub reserved: i64,
    /// Granted, and not in its ledger yet.
    pub in_transit: i64,
}

impl Allotment {
    /// What is or will be available, if nothing is taken of it.
    pub fn expected(&self) -> i64 {
        self.on_hand - self.reserved + self.in_transit
    }

    /// On hand and reserved.
    pub fn figures(&self) -> (i64, i64) {
        (self.on_hand, self.reserved)
    }
}

/// What the books know of one SKU over all, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Came in, at the hub or at gateways.
    pub received: i64,
    /// Found or missed when counting.
    pub adjusted: i64,
    /// Went out, at the hub or at gateways.
    pub deducted: i64,
    /// In nobody's allotment.
    pub unallotted: i64,
    /// Granted, and in no gateway's ledger yet.
    pub in_transit: i64,
}

/// When a gateway gets more by itself, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When less than this is available …
    pub low_water: i64,
    /// … it is granted up to this.
    pub target: i64,
}

/// A transfer as the hub has made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTransfer {
    /// What the gateway is sent.
    pub transfer: Transfer,
    /// Of a recall: what came back of each line, in units.
    pub returned: Vec<i64>,
    /// Whether the gateway has taken it and its entries are in the books.
    pub closed: bool,
}

/// A central request that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedRequest {
    /// Identifies its body.
    pub fingerprint: u64,
    /// What it was, for people.
    pub act: String,
    /// How it was decided.
    pub outcome: Result<super::AppliedRequest, crate::stock::Refusal>,
}

/// What the books know of one SKU, for a frame of entries; what is absent was never there.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkuAccount {
    /// At the database concerned.
    pub allotment: Allotment,
    /// Over all.
    pub pool: Pool,
    /// Whether there is a policy.
    pub has_policy: bool,
}

/// Whether and how a SKU is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkuRecord {
    /// Its units; `None` if it never had any.
    pub pool: Option<Pool>,
    /// Whether it is or was in the catalogue.
    pub listed: bool,
}

/// Whoever keeps the books, within one transaction: all of it becomes true, or nothing.
///
/// The rules read what they change, so a books database must serialize transactions that change.
pub trait Books {
    /// What may go wrong with the books database; then the transaction is to be dropped.
    type Error;

    /// How many books there are.
    ///
    /// # Errors
    /// As all that follow: if the books database fails.
    fn book_count(&mut self) -> Result<usize, Self::Error>;
    /// A gateway's books, the one in force last.
    fn books(&mut self, gateway: &GatewayId) -> Result<Vec<Book>, Self::Error>;
    /// The books of these numbers.
    fn book(&mut self, id: i64) -> Result<Book, Self::Error>;
    /// Keeps a new book, and gives it the next number.
    fn open(&mut self, book: &mut Book) -> Result<(), Self::Error>;
    /// Keeps a changed book.
    fn save(&mut self, book: &Book) -> Result<(), Self::Error>;

    /// Adds entries to a book's ledger.
    fn append(&mut self, book: i64, entries: &[Entry]) -> Result<(), Self::Error>;
    /// The sums of a book's entries, SKU by SKU: on hand and reserved.
    fn ledger_sums(&mut self, book: i64) -> Result<Vec<(Sku, i64, i64)>, Self::Error>;
    /// Keeps entries aside, each position once; returns how many there are.
    fn set_aside(&mut self, book: i64, entries: &[Entry]) -> Result<u64, Self::Error>;

    /// What is known of SKUs, in their order.
    fn accounts(&mut self, book: i64, skus: &[Sku]) -> Result<Vec<SkuAccount>, Self::Error>;
    /// What one database holds of one SKU.
    fn allotment(&mut self, book: i64, sku: &Sku) -> Result<Allotment, Self::Error>;
    /// All that one database holds.
    fn allotments(&mut self, book: i64) -> Result<Vec<(Sku, Allotment)>, Self::Error>;
    /// Which databases know a SKU.
    fn holders(&mut self, sku: &Sku) -> Result<Vec<(i64, Allotment)>, Self::Error>;
    /// Keeps what a database holds.
    fn save_allotments(
        &mut self,
        book: i64,
        allotments: &[(Sku, Allotment)],
    ) -> Result<(), Self::Error>;
    /// Whether and how a SKU is known.
    fn sku_record(&mut self, sku: &Sku) -> Result<SkuRecord, Self::Error>;
    /// Keeps what there is over all.
    fn save_pools(&mut self, pools: &[(Sku, Pool)]) -> Result<(), Self::Error>;

    /// Keeps a transfer, new or changed.
    fn save_transfer(&mut self, book: i64, issued: &IssuedTransfer) -> Result<(), Self::Error>;
    /// Transfers of a book behind a number, in order.
    fn transfers_after(
        &mut self,
        book: i64,
        number: u64,
        limit: usize,
    ) -> Result<Vec<IssuedTransfer>, Self::Error>;
    /// The parts of a request's transfer.
    fn transfers_of(&mut self, request_id: &RequestId) -> Result<Vec<IssuedTransfer>, Self::Error>;

    /// A central request that was decided.
    fn decided_request(
        &mut self,
        request_id: &RequestId,
    ) -> Result<Option<DecidedRequest>, Self::Error>;
    /// How many were.
    fn request_count(&mut self) -> Result<u64, Self::Error>;
    /// Remembers one.
    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest)
    -> Result<(), Self::Error>;

    /// A SKU's policy.
    fn policy(&mut self, sku: &Sku) -> Result<Option<Policy>, Self::Error>;
    /// Keeps it.
    fn save_policy(&mut self, sku: &Sku, policy: Policy) -> Result<(), Self::Error>;
    /// Which databases wait for more of a SKU, in the order in which they asked.
    fn waiting(&mut self, sku: &Sku) -> Result<Vec<i64>, Self::Error>;
    /// Puts one at the end of those that wait.
    fn start_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), Self::Error>;
    /// It waits no longer.
    fn stop_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), Self::Error>;

    /// All that is listed, in the order of the SKUs.
    fn catalogue(&mut self) -> Result<Vec<Listing>, Self::Error>;
    /// The number of the catalogue's last change.
    fn last_listing(&mut self) -> Result<u64, Self::Error>;
    /// Keeps a change of the catalogue under its number.
    fn save_listing(&mut self, number: u64, listing: &Listing) -> Result<(), Self::Error>;
    /// Changes behind a number, in order; of several of one SKU only the newest.
    fn listings_after(
        &mut self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, Self::Error>;
}

impl Book {
    /// Books for a database that was never heard of.
    pub fn new(gateway: &GatewayId, epoch: Uuid, now_ms: i64) -> Self {
        let cursor = Cursor { epoch, acked_seq: 0, checks: Default::default(), fenced: None };
        Self {
            id: 0,
            gateway: gateway.clone(),
            cursor,
            known_seq: 0,
            issued: 0,
            taken: Taken::default(),
            match_position: MatchPosition::default(),
            retired: false,
            problem: None,
            searching: false,
            differing: Vec::new(),
            aside: 0,
            last_seen_ms: now_ms,
            online: true,
        }
    }

    /// Whether anything is taken from it and sent to it.
    pub fn is_open(&self) -> bool {
        self.cursor.fenced.is_none()
    }
}

impl IssuedTransfer {
    /// A transfer just made.
    pub fn new(transfer: Transfer) -> Self {
        let returned = vec![0; transfer.lines.len()];
        Self { transfer, returned, closed: false }
    }

    /// A line, by its place.
    pub(super) fn line(&self, place: u32) -> Option<&Line> {
        self.transfer.lines.get(usize::try_from(place).ok()?)
    }
}
