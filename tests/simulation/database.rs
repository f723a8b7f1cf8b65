//! A gateway's database: the durable state, which survives every crash.

use std::collections::BTreeMap;
use std::convert::Infallible;

use stockgate::stock::{
    BooksId, Chain, Changes, Hold, Item, Listing, Posted, RequestId, RequestRecord, RequestRecords,
    Seq, Sku, Stock, Taken,
};
use uuid::Uuid;

use super::bug::Bug;
use super::lineage::Lineage;

/// The content of the disk.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) epoch: Uuid,
    pub(crate) items: BTreeMap<Sku, Item>,
    holds: BTreeMap<RequestId, Hold>,
    records: BTreeMap<RequestId, RequestRecord>,
    pub(crate) listings: BTreeMap<Sku, Listing>,
    /// The entries that are not pruned.
    ledger: Vec<Posted>,
    pub(crate) pruned_seq: Seq,
    pub(crate) seq: Seq,
    chain: Chain,
    pub(crate) taken: Taken,
    pub(crate) position: Position,
    pub(crate) lineage: Lineage,
}

/// The positions, which are saved now and then together with something else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) acked_seq: Seq,
    pub(crate) running_ms: u64,
    pub(crate) books: Option<BooksId>,
}

impl Database {
    pub(crate) fn new(epoch: Uuid) -> Self {
        Self {
            epoch,
            items: BTreeMap::new(),
            holds: BTreeMap::new(),
            records: BTreeMap::new(),
            listings: BTreeMap::new(),
            ledger: Vec::new(),
            pruned_seq: 0,
            seq: 0,
            chain: Chain::default(),
            taken: Taken::default(),
            position: Position::default(),
            lineage: Lineage::default(),
        }
    }

    /// Syncs a batch.
    pub(crate) fn commit(&mut self, changes: &Changes, position: Position, bug: Option<Bug>) {
        assert_eq!(changes.base_seq, self.seq, "one writer, one ledger");
        let items = changes.items.iter().map(|(sku, item)| (sku.clone(), *item));
        self.items.extend(items);
        for (id, hold) in &changes.holds {
            match hold {
                Some(hold) => drop(self.holds.insert(id.clone(), hold.clone())),
                None => drop(self.holds.remove(id)),
            }
        }
        for decision in &changes.ledger_records {
            if let Some(record) = &decision.record {
                self.records.insert(decision.request_id.clone(), record.clone());
            }
        }
        for listing in &changes.listings {
            self.listings.insert(listing.sku.clone(), listing.clone());
        }
        self.enter(changes, bug);
        if bug != Some(Bug::TakenNotSaved) {
            self.taken = changes.taken.unwrap_or(self.taken);
        }
        self.position = position;
        self.check();
    }

    fn enter(&mut self, changes: &Changes, bug: Option<Bug>) {
        let drops = bug == Some(Bug::EntryDropped) && changes.seq.is_multiple_of(16);
        let kept = changes.entries.len() - usize::from(drops && !changes.entries.is_empty());
        self.ledger.extend_from_slice(&changes.entries[..kept]);
        self.lineage.extend(&changes.entries);
        (self.seq, self.chain) = (changes.seq, changes.checks.chain);
    }

    /// Checks that nothing was oversold.
    fn check(&self) {
        for (sku, item) in &self.items {
            let holds = 0 <= item.reserved && item.reserved <= item.on_hand;
            assert!(holds, "more is promised of {sku} than there is: {item:?}");
        }
    }

    /// The stock as a starting process loads it.
    pub(crate) fn load(&self) -> Stock {
        self.load_with(self.taken)
    }

    pub(crate) fn load_with(&self, taken: Taken) -> Stock {
        let items = self.items.iter().map(|(sku, item)| (sku.clone(), *item)).collect();
        let stock = Stock::load(items, self.holds.clone(), self.seq, self.chain, taken);
        let wrong = stock.skus_with_wrong_holds();
        assert!(wrong.is_empty(), "reservations add up to what is reserved: {wrong:?}");
        stock
    }

    /// The entries after a position, if none of them is pruned.
    pub(crate) fn read(&self, after: Seq, most: usize) -> &[Posted] {
        let from = self.ledger.partition_point(|posted| posted.entry.seq <= after);
        let after = &self.ledger[from..];
        &after[..after.len().min(most)]
    }

    pub(crate) fn prune(&mut self, up_to: Seq) {
        self.ledger.retain(|posted| posted.entry.seq > up_to);
        self.pruned_seq = self.pruned_seq.max(up_to);
    }

    /// For a bug: forgets what was decided.
    pub(crate) fn forget_requests(&mut self) {
        self.records.clear();
    }
}

impl RequestRecords for Database {
    type Error = Infallible;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(self.records.get(id).cloned())
    }
}
