//! What the books hold. All quantities are in units.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::judge::Cursor;
use super::lost_frames::LostFrames;
use super::scale::Scale;
use crate::limits::STOCK_MAX;
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{
    Actor, Checks, Decimals, Line, Refusal, RequestId, RequestRecord, Seq, Sku, Taken, Transfer,
};

/// The books of one database of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Higher for newer databases. The highest id of a gateway is in force.
    pub id: i64,
    /// The gateway that the database belongs to.
    pub gateway: GatewayId,
    /// How far the ledger is in the books.
    pub cursor: Cursor,
    /// How far the ledger is known to go; at least the cursor's position.
    pub known_seq: Seq,
    /// The number of the last transfer that was issued to the database; 0 for none.
    pub issued: u64,
    /// What the gateway has taken of what the hub sent, as far as the ledger in the books shows it.
    pub taken: Taken,
    /// How far the ledger's grants and recalls have been matched with the issued transfers.
    pub match_position: MatchPosition,
    /// An operator has said that the database never comes back.
    pub retired: bool,
    /// What is wrong with the database, for an operator.
    pub problem: Option<String>,
    /// The stock differs from the books though the ledger does not, and the SKUs are being
    /// searched for.
    pub searching: bool,
    /// The SKUs whose stock differs, once they have been found.
    pub differing: Vec<Sku>,
    /// How many late entries are kept aside.
    pub aside: u64,
    /// When the gateway last sent anything, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// Whether the gateway is connected to the broker, as far as the hub knows.
    pub online: bool,
    /// The version of the protocol of the last frame of the database.
    pub wire: Version,
    /// The version of the gateway's program, by its last greeting.
    pub software: String,
    /// Since when the oldest known entry waits that is not in the books, in milliseconds since 1970;
    /// 0 if none does.
    pub pending_since_ms: i64,
    /// The gateway has more than the books; nothing is booked or sent until they are recovered.
    pub held: Option<Held>,
    /// How far a recovery has come.
    pub takeover: Takeover,
    /// The database was fenced for this reason, and may show that its ledger continues the books.
    pub reopening: Option<String>,
    /// The frames that do not reach the gateway though smaller ones do, if there are any.
    pub frame_lost: Option<LostFrames>,
    /// The public key of the device: the first that it showed, or that an operator has accepted.
    pub device_key: Option<[u8; 32]>,
    /// Another key that the device shows. What it signs counts once an operator accepts it.
    pub offered_key: Option<[u8; 32]>,
    /// The position after which the ledger has the newer kind of chain.
    pub chain_since: Seq,
    /// What is added to the numbers of the catalogue's changes in frames to the gateway. It has taken
    /// changes up to here from other books, or from these before an older copy of them was put back.
    pub catalogue_base: u64,
    /// What it booked in whole units, or in other decimals than the catalogue's.
    pub whole_units: WholeUnits,
}

/// What is wrong with a database whose device shows another key.
pub const OTHER_KEY: &str = "the device shows another key than the one it was bound with: its key file was replaced, or this is a copy of the database; its signatures count only once the key is accepted (POST /api/gateways/{site}/{gateway}/accept-key)";

/// Since when and why a gateway is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Milliseconds since 1970.
    pub since_ms: i64,
    pub reason: String,
    /// It is held whatever it says in its greetings.
    pub until_recovered: bool,
}

/// The takeover of a ledger by books that were recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takeover {
    /// The generation of the books when the database was last settled with them.
    pub generation: u64,
    /// The generation that the gateway knows, as its last greeting says.
    pub heard_generation: u64,
    /// Grants and recalls of the ledger up to here are booked as they are; 0 if none is.
    pub up_to: Seq,
    /// The last transfer that the gateway had taken.
    pub transfer: u64,
    /// How many transfers the books did not know.
    pub transfers: u64,
    /// The units of the entries that were booked as they were, with six decimals.
    pub units: u64,
    /// When a greeting last showed that the gateway has no more than the books, in milliseconds since
    /// 1970; 0 if none has.
    pub in_step_ms: i64,
}

/// What a database booked before it knew what the catalogue says now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeUnits {
    /// The SKUs that it books in whole units, or in other decimals than the catalogue gives them.
    pub(super) skus: Vec<(Sku, Scale)>,
    /// The end of its ledger when it greeted last.
    pub(super) greeted_seq: Seq,
    /// The last change of the catalogue that it had taken then.
    pub(super) greeted_catalogue: u64,
}

impl Book {
    /// Empty books for a database that has just greeted. The books database gives them their id.
    pub fn new(gateway: &GatewayId, epoch: Uuid, now_ms: i64) -> Self {
        let cursor = Cursor { epoch, acked_seq: 0, checks: Checks::default(), fenced: None };
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
            wire: Version::V1,
            software: String::new(),
            pending_since_ms: 0,
            held: None,
            takeover: Takeover::default(),
            reopening: None,
            frame_lost: None,
            device_key: None,
            offered_key: None,
            chain_since: 0,
            catalogue_base: 0,
            whole_units: WholeUnits::default(),
        }
    }

    /// Whether entries are booked from the database and transfers sent to it.
    pub fn is_open(&self) -> bool {
        self.why_closed().is_none()
    }

    /// Why no entries are booked from the database, and no transfers sent to it, if it is so.
    pub fn why_closed(&self) -> Option<&str> {
        let held = self.held.as_ref().map(|held| &held.reason);
        self.cursor.fenced.as_ref().or(self.reopening.as_ref()).or(held).map(String::as_str)
    }

    /// Whether its ledger is being taken over after a recovery of the books.
    pub fn is_taken_over(&self) -> bool {
        self.takeover.up_to > 0
    }
}

/// The line of an issued transfer that the next grant or recall in the ledger must match.
///
/// A gateway takes transfers in the order of their numbers. Each line of a grant becomes an entry;
/// a line of a recall becomes one if any units were available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchPosition {
    /// The transfer's number, from 1 on.
    pub transfer: u64,
    /// The index of the line in the transfer, from 0 on.
    pub line: u32,
}

impl Default for MatchPosition {
    fn default() -> Self {
        Self { transfer: 1, line: 0 }
    }
}

/// One SKU at one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allotment {
    /// The sum of the database's entries.
    pub on_hand: i64,
    /// The part of it that is promised to open reservations.
    pub reserved: i64,
    /// Granted to the database, with the entry not in the books yet.
    pub in_transit: i64,
    /// Received in all, by the database's own restocks.
    pub received: i64,
    /// The sum of what its cycle counts found or missed.
    pub adjusted: i64,
    /// Deducted in all, less rollbacks.
    pub deducted: i64,
    /// Given by the hub in all, less what was given back or moved on; units in transit included.
    pub given: i64,
}

impl Allotment {
    /// Counts units that the hub gives: they are in transit until their entry arrives.
    pub fn give(&mut self, units: i64) {
        self.given += units;
        self.in_transit += units;
    }

    /// Takes away everything, for another database; returns what was on hand and in transit.
    pub fn take_all(&mut self) -> (i64, i64) {
        let taken = (self.on_hand, self.in_transit);
        self.given -= taken.0 + taken.1;
        (self.on_hand, self.reserved, self.in_transit) = (0, 0, 0);
        taken
    }

    /// Whether the database itself has ever had any units.
    pub fn is_booked(&self) -> bool {
        let Self { given, in_transit, .. } = *self;
        *self != Self { given, in_transit, ..Self::default() } || given != in_transit
    }

    /// What is here, less where it came from; 0 if the figures add up.
    pub fn difference(&self) -> i64 {
        let Self { on_hand, in_transit, received, adjusted, deducted, given, .. } = *self;
        received + adjusted - deducted + given - on_hand - in_transit
    }

    /// What will be available once the grants in transit have arrived.
    pub fn expected(&self) -> i64 {
        self.on_hand - self.reserved + self.in_transit
    }

    /// How much more may be granted: a stock holds no more than [`STOCK_MAX`].
    pub fn room(&self) -> i64 {
        STOCK_MAX - self.on_hand - self.in_transit
    }

    /// On hand and reserved, as the digest takes them.
    pub fn figures(&self) -> (i64, i64) {
        (self.on_hand, self.reserved)
    }
}

/// One SKU in the hub's own pool. What gateways receive, count and deduct by themselves is in their
/// allotments, so no gateway's figures change those of the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Received at the hub in all.
    pub received: i64,
    /// The sum of corrections at the hub.
    pub adjusted: i64,
    /// Deducted at the hub in all.
    pub deducted: i64,
    /// In the pool: in no database's allotment.
    pub unallotted: i64,
    /// The part of it that is promised to open reservations.
    pub reserved: i64,
    /// Granted, with the entry in no gateway's books yet.
    pub in_transit: i64,
    /// Given to databases in all, less what they gave back; units in transit included.
    pub given: i64,
}

impl Pool {
    /// What may be sold, reserved or granted.
    pub fn available(&self) -> i64 {
        self.unallotted - self.reserved
    }
}

/// When the hub grants a SKU by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A gateway with less than this available is granted more …
    pub low_water: i64,
    /// … up to this.
    pub target: i64,
    /// How many units a gateway is granted within a day at most.
    pub max_per_day: Option<i64>,
}

impl Policy {
    /// A policy without a bound for a day.
    pub fn new(low_water: i64, target: i64) -> Self {
        Self { low_water, target, max_per_day: None }
    }

    /// How much may be granted now, after what was granted lately.
    pub(super) fn allowance(&self, recent: &RecentGrants, now_ms: i64) -> i64 {
        let left = |max: i64| max.saturating_sub(recent.within_a_day(now_ms)).max(0);
        self.max_per_day.map_or(i64::MAX, left)
    }
}

/// What policies have granted to one gateway of one SKU lately, by the hour of the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentGrants(Vec<(i64, i64)>);

impl RecentGrants {
    const HOUR_MS: i64 = 3_600_000;
    /// Of the oldest hour that counts a part may be longer ago than a day.
    const HOURS: i64 = 24;

    fn within_a_day(&self, now_ms: i64) -> i64 {
        let hour = now_ms / Self::HOUR_MS;
        // A clock that was set back must not open the bound: hours to come count too.
        let counts = |(of, _): &&(i64, i64)| *of >= hour - Self::HOURS;
        let units = self.0.iter().filter(counts).map(|(_, units)| *units);
        units.fold(0, i64::saturating_add)
    }

    pub(super) fn add(&mut self, units: i64, now_ms: i64) {
        let hour = now_ms / Self::HOUR_MS;
        self.0.retain(|(of, _)| *of >= hour - Self::HOURS);
        match self.0.iter_mut().find(|(of, _)| *of == hour) {
            Some((_, sum)) => *sum = sum.saturating_add(units),
            None => self.0.push((hour, units)),
        }
        // One entry for each hour, unless the clock jumps back and forth.
        let excess = self.0.len().saturating_sub(4 * 24);
        self.0.drain(..excess);
    }
}

/// What is counted of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemandCounts {
    /// Units that were deducted, less what was given back. It is added to what is stored.
    pub sold: i64,
    /// Lines that were refused for want of stock. This and the next are cumulative: the larger of
    /// them and what is stored counts.
    pub refused_lines: i64,
    /// Units of these lines.
    pub refused_units: i64,
}

/// A transfer as the hub has issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTransfer {
    /// What the gateway is sent.
    pub transfer: Transfer,
    /// For each line of a recall, the units that came back; zeros for a grant.
    pub returned: Vec<i64>,
    /// Whether the gateway has taken the transfer and all its entries are in the books.
    pub closed: bool,
}

impl IssuedTransfer {
    /// A transfer that the gateway has not taken yet.
    pub fn new(transfer: Transfer) -> Self {
        let returned = vec![0; transfer.lines.len()];
        Self { transfer, returned, closed: false }
    }

    /// The line at an index from 0 on.
    pub(super) fn line(&self, index: u32) -> Option<&Line> {
        self.transfer.lines.get(usize::try_from(index).ok()?)
    }
}

/// What the books have of one SKU when a frame of entries is booked; zeros for an unknown SKU.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkuAccount {
    /// At the database that sent the frame.
    pub allotment: Allotment,
    /// Whether the SKU has a policy.
    pub has_policy: bool,
}

/// Whether and how a SKU is known to the hub.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkuRecord {
    /// Its units; `None` if it never had any.
    pub pool: Option<Pool>,
    /// Whether it is in the catalogue, or was.
    pub listed: bool,
    /// The decimals of its quantities, by its listing.
    pub decimals: Decimals,
}

impl SkuRecord {
    /// Whether the SKU has ever had units or a listing.
    pub fn is_known(&self) -> bool {
        self.pool.is_some() || self.listed
    }
}

/// A central request and its outcome, as they are stored for replays. The order of the fields is
/// that of the stored bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedRequest {
    /// A hash of the request; another hash under the same request id is a conflict.
    pub fingerprint: u64,
    /// The name of the operation, for error messages.
    pub operation: String,
    /// Applied or refused.
    pub outcome: Result<AppliedRequest, Refusal>,
    /// For an order, what else is known of it. It is stored behind the other fields.
    #[serde(skip)]
    pub record: Option<RequestRecord>,
    /// For a refused sale from anywhere. It is stored behind the record.
    #[serde(skip)]
    pub elsewhere: Option<Elsewhere>,
    /// Who made a reservation. It is stored behind that; earlier programs have not kept it.
    #[serde(skip)]
    pub maker: Option<Actor>,
}

/// The units of a SKU that gateways have to spare, as far as the books know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    pub online: i64,
    pub offline: i64,
}

/// What a central request has led to. The order of the fields is that of the stored bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedRequest {
    /// The number of the request among all central requests, from 1 on.
    pub seq: u64,
    /// The pool after the request, for each line of it.
    pub lines: Vec<PoolLine>,
}

/// A line of a central request and the pool of its SKU after the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLine {
    /// The SKU.
    pub sku: Sku,
    /// The units that were asked for.
    pub quantity: u64,
    /// The units left in the pool.
    pub unallotted: i64,
    /// The units in transit to gateways.
    pub in_transit: i64,
}

/// Names a request that the hub makes by itself. The form makes a collision with a client's
/// request id practically impossible.
pub(super) fn hub_request_id(purpose: &str, book: &Book) -> RequestId {
    let (epoch, number) = (book.cursor.epoch.simple(), book.issued + 1);
    RequestId::parse(&format!("{purpose}:{epoch}:{number}")).expect("short and plain")
}
