//! Reference: what the hub's books must be, by the promises alone.
//!
//! It sees what became durable: the hub's books after each transaction, the ledgers of all
//! databases, and the results of requests to the hub. It does not know the rules that lead there.

use std::collections::{BTreeMap, BTreeSet};

use stockgate::hub::core::{Book, CentralDecision, CentralRequest, Rejection};
use stockgate::stock::{Direction, Entry, Kind, Posted, Refusal, RequestId, Sku, Taken, Transfer};
use uuid::Uuid;

use super::database::Database;
use super::hub_database::HubDatabase;
use super::lineage::outside;
use super::restored::Lost;

type Units = BTreeMap<Sku, i64>;

/// What the reference model has seen.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) timeline: Timeline,
    pub(crate) lost: Lost,
    /// Databases of which a copy was restored, or runs in parallel.
    pub(crate) split: BTreeSet<Uuid>,
    /// Databases whose password somebody else has too.
    pub(crate) forged: BTreeSet<Uuid>,
    /// What such databases had before.
    pub(crate) abandoned: Vec<Database>,
}

/// What the books in place must say. It goes back with them when older ones are put back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// Units received at the hub itself minus units sold there.
    outside: Units,
    decided: BTreeMap<
        RequestId,
        (CentralRequest, Result<stockgate::hub::core::AppliedRequest, Refusal>),
    >,
    /// Indexed like the hub's books.
    followed: Vec<Followed>,
}

impl Timeline {
    pub(crate) fn has_applied(&self, id: &RequestId) -> bool {
        self.decided.get(id).is_some_and(|(_, outcome)| outcome.is_ok())
    }
}

/// The books of one database, followed entry by entry.
#[derive(Clone, Debug, Default)]
struct Followed {
    booked: usize,
    outside: Units,
    on_hand: Units,
    retired: bool,
}

impl Reference {
    /// The requests of lost books that are in a ledger of these.
    pub(crate) fn known_transfers(&self, hub_database: &HubDatabase) -> BTreeSet<RequestId> {
        if self.lost.requests.is_empty() {
            return BTreeSet::new();
        }
        hub_database.transferred().intersection(&self.lost.requests).cloned().collect()
    }

    /// A central request was committed: once, and its outcome never changes. `known` says whether the
    /// books had it in a ledger, before and after the transaction: then they may not have decided it
    /// themselves.
    pub(crate) fn decide(
        &mut self,
        id: &RequestId,
        request: &CentralRequest,
        decided: &Result<CentralDecision, Rejection>,
        known: [bool; 2],
    ) {
        let Ok(CentralDecision { outcome, replayed, .. }) = decided else {
            return;
        };
        if let Some((same, before)) = self.timeline.decided.get(id) {
            assert!(
                same == request && before == outcome,
                "request {id} has two outcomes at the hub"
            );
            assert!(replayed, "request {id} is decided twice at the hub");
            return;
        }
        let [before, after] = known;
        assert!(*replayed || !before, "request {id} is in a ledger, and is made again");
        assert!(!replayed || after, "request {id} is new to the hub");
        if *replayed {
            return;
        }
        if self.lost.requests.contains(id) {
            self.lost.again.insert(id.clone());
        }
        self.timeline.decided.insert(id.clone(), (request.clone(), outcome.clone()));
        let sign = match (outcome, request) {
            (Ok(_), CentralRequest::Receive { .. }) => 1,
            (Ok(_), CentralRequest::Deduct { .. }) => -1,
            (Ok(_), CentralRequest::Grant { .. } | CentralRequest::Recall { .. }) | (Err(_), _) => {
                0
            }
            (Ok(_), CentralRequest::Order { .. }) => panic!("the plan has no such requests"),
        };
        if sign != 0 {
            self.lost.happened.insert(id.clone());
        }
        for line in request.lines() {
            add(&mut self.timeline.outside, &line.sku, sign * line.quantity.units());
        }
    }

    /// The hub's books equal the ledgers, entry by entry, and no database is fenced without cause.
    pub(crate) fn follow(&mut self, hub_database: &HubDatabase, databases: &[&Database]) {
        self.timeline.followed.resize_with(hub_database.books.len(), Followed::default);
        for (book, followed) in hub_database.books.iter().zip(&mut self.timeline.followed) {
            let epoch = book.cursor.epoch;
            let entries = hub_database.entries.get(&book.id).map_or(&[][..], Vec::as_slice);
            assert_eq!(book.cursor.acked_seq, entries.len() as u64, "entries and cursor part");
            let new = &entries[followed.booked..];
            assert!(!followed.retired || book.retired && new.is_empty(), "a retired one is merged");
            if !new.is_empty() {
                let known =
                    self.abandoned.iter().chain(databases.iter().copied()).any(|database| {
                        database.epoch == epoch && database.lineage.begins_with(entries)
                    });
                let known = known || self.forged.contains(&epoch);
                assert!(known, "the books of {epoch} are not the beginning of a ledger: {new:?}");
                followed.take(new);
            }
            followed.retired = book.retired;
            let is_at_fault = book.retired || self.split.contains(&epoch);
            let reason = &book.cursor.fenced;
            assert!(reason.is_none() || is_at_fault, "{epoch} is fenced for nothing: {reason:?}");
            let drifts = book.searching || !book.differing.is_empty();
            assert!(!drifts || self.forged.contains(&epoch), "the stock drifts: {book:?}");
        }
    }

    /// Every unit is in exactly one place, by the hub's books.
    pub(crate) fn balance(&self, hub_database: &HubDatabase) {
        let (mut exists, mut places) = (self.timeline.outside.clone(), Units::new());
        for followed in &self.timeline.followed {
            followed.outside.iter().for_each(|(sku, units)| add(&mut exists, sku, *units));
        }
        let (mut in_transit, mut given, mut total) = (Units::new(), Units::new(), Units::new());
        for ((id, sku), allotment) in &hub_database.allotments {
            let sound = 0 <= allotment.reserved && allotment.reserved <= allotment.on_hand;
            assert!(sound && allotment.in_transit >= 0, "{sku} at {id}: {allotment:?}");
            let booked =
                self.timeline.followed[*id as usize - 1].on_hand.get(sku).copied().unwrap_or(0);
            let moved = self.timeline.followed[*id as usize - 1].retired && allotment.on_hand == 0;
            assert!(
                allotment.on_hand == booked || moved,
                "{sku} at {id}: {allotment:?}, entries: {booked}"
            );
            add(&mut places, sku, allotment.on_hand + allotment.in_transit);
            add(&mut in_transit, sku, allotment.in_transit);
            add(&mut given, sku, allotment.given);
            add(&mut total, sku, allotment.received + allotment.adjusted - allotment.deducted);
            assert_eq!(allotment.difference(), 0, "{sku} at {id}: {allotment:?}");
        }
        for (sku, pool) in &hub_database.pools {
            let is_sound = pool.unallotted >= 0 || self.lost.is_mending;
            assert!(is_sound, "the hub has sold what it has not: {sku} {pool:?}");
            let own = hub_database.movements.iter().filter(|movement| movement.sku == *sku);
            let explained: i64 = own.map(|movement| movement.change).sum();
            assert_eq!(pool.unallotted, explained, "the hub's ledger explains the pool of {sku}");
            let transit = in_transit.get(sku).copied().unwrap_or(0);
            assert_eq!(pool.in_transit, transit, "{sku} in transit");
            add(&mut places, sku, pool.unallotted);
            add(&mut total, sku, pool.received + pool.adjusted - pool.deducted);
            assert_eq!(given.get(sku).copied().unwrap_or(0), pool.given, "{sku} given");
            let (places, total) = (places.get(sku), total.get(sku));
            assert_eq!(places, total, "the books do not balance: {sku} {pool:?}");
        }
        assert_same("books", &exists, &places);
    }

    /// Every unit is in exactly one place, by what is durable everywhere at this moment.
    pub(crate) fn truth(&self, hub_database: &HubDatabase, databases: &[&Database]) {
        // Books that are older do not know of all that is in transit.
        if !self.lost.is_mending {
            self.truth_at_rest(hub_database, databases);
        }
    }

    /// The same, after everything has arrived.
    pub(crate) fn truth_at_rest(&self, hub_database: &HubDatabase, databases: &[&Database]) {
        let (mut exists, mut places) = (self.timeline.outside.clone(), Units::new());
        for (sku, pool) in &hub_database.pools {
            add(&mut places, sku, pool.unallotted);
        }
        for (book, followed) in hub_database.books.iter().zip(&self.timeline.followed) {
            // A ledger that is retired, or continued twice, counts as far as the hub has booked it.
            if book.retired || self.split.contains(&book.cursor.epoch) {
                followed.outside.iter().for_each(|(sku, units)| add(&mut exists, sku, *units));
                for (sku, allotment) in hub_database.allotments_of(book.id) {
                    add(&mut places, sku, allotment.on_hand + allotment.in_transit);
                }
            } else {
                for (sku, allotment) in hub_database.allotments_of(book.id) {
                    add(&mut places, sku, allotment.in_transit);
                }
            }
        }
        for database in databases.iter().filter(|one| !self.split.contains(&one.epoch)) {
            let book = hub_database.books.iter().find(|book| book.cursor.epoch == database.epoch);
            if book.is_some_and(|book| book.retired) {
                continue;
            }
            let outside = &database.lineage.outside;
            outside.iter().for_each(|(sku, units)| add(&mut exists, sku, *units));
            database.items.iter().for_each(|(sku, item)| add(&mut places, sku, item.on_hand));
            for entry in unbooked(database, book) {
                // Transfers that the hub has not booked yet are no longer in transit, or are again.
                let is_transfer = matches!(entry.kind, Kind::Grant | Kind::Recall);
                add(&mut places, &entry.sku, if is_transfer { -entry.change } else { 0 });
            }
        }
        assert_same("truth", &exists, &places);
    }

    /// New transfer entries of a gateway match the transfers that the hub has issued.
    pub(crate) fn transfers(
        &self,
        hub_database: &HubDatabase,
        database: &Database,
        new: &[Posted],
        before: Taken,
    ) {
        let book = hub_database.books.iter().find(|book| book.cursor.epoch == database.epoch);
        let id = book.map_or(0, |book| book.id);
        let epoch = database.epoch;
        for Posted { entry, .. } in new {
            if matches!(entry.kind, Kind::Grant | Kind::Recall) {
                let of = hub_database.transfers.range((id, 0)..=(id, u64::MAX));
                let of = of.map(|(_, issued)| &issued.transfer);
                let lost = self.lost.transfers.range((epoch, 0)..=(epoch, u64::MAX));
                let mut all = of.chain(lost.flat_map(|(_, lost)| lost));
                assert!(all.any(|issued| allows(issued, entry)), "not the hub's: {entry:?}");
                let is_again = self.lost.again.contains(&entry.request_id);
                let is_once = database.lineage.has_once(entry);
                assert!(is_once || is_again, "a request has its effect twice: {entry:?}");
            }
        }
        for number in before.transfer + 1..=database.taken.transfer {
            let issued = hub_database.transfers.get(&(id, number)).map(|issued| &issued.transfer);
            let lost = self.lost.transfers.get(&(epoch, number));
            let mut all = issued.into_iter().chain(lost.into_iter().flatten());
            let is_whole = |issued: &Transfer| {
                let entered = new.iter().filter(|one| one.entry.request_id == issued.request_id);
                entered.count() == issued.lines.len() || issued.direction == Direction::Recall
            };
            assert!(all.any(is_whole), "transfer {number} is not taken whole: {new:?}");
        }
    }
}

impl Followed {
    fn take(&mut self, new: &[Entry]) {
        self.booked += new.len();
        for entry in new {
            add(&mut self.outside, &entry.sku, outside(entry.kind, entry.change));
            add(&mut self.on_hand, &entry.sku, entry.change);
        }
    }
}

fn allows(transfer: &Transfer, entry: &Entry) -> bool {
    let line = transfer.lines.iter().find(|line| line.sku == entry.sku);
    let allowed = line.is_some_and(|line| match (transfer.direction, entry.kind) {
        (Direction::Grant, Kind::Grant) => entry.change == line.quantity.units(),
        (Direction::Recall, Kind::Recall) => (1..=line.quantity.units()).contains(&-entry.change),
        _ => false,
    });
    allowed && transfer.request_id == entry.request_id
}

fn unbooked<'a>(database: &'a Database, book: Option<&Book>) -> impl Iterator<Item = &'a Entry> {
    let booked = book.map_or(0, |book| book.cursor.acked_seq as usize);
    database.lineage.ledger[booked..].iter().map(|posted| &posted.entry)
}

fn add(units: &mut Units, sku: &Sku, more: i64) {
    *units.entry(sku.clone()).or_default() += more;
}

fn assert_same(what: &str, exists: &Units, places: &Units) {
    for sku in exists.keys().chain(places.keys()) {
        let (exists, places) = (exists.get(sku).unwrap_or(&0), places.get(sku).unwrap_or(&0));
        assert_eq!(exists, places, "{what}: units of {sku} that exist, and that are in a place");
    }
}
