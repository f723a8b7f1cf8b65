//! A store on a directory of its own, for the tests of this module.

use ring::signature::Ed25519KeyPair;
use tempfile::TempDir;
use uuid::Uuid;

use crate::clock::Now;
use crate::stock::{
    Action, Barcode, BooksId, CatalogueUpdate, Cause, Changes, Command, DemandCounter, Direction,
    Draft, Line, Listing, Quantity, RequestId, Seq, Sku, Stock, Transfer, TransferOutcome,
};
use crate::store::request_index::save_hashes;
use crate::store::{DATABASE_FILE, Opened, Progress, Store, StoreError, find_barcode, listing};

pub(super) const HOUR_MS: u64 = 3_600_000;

/// A store with the stock that its writer would hold.
pub(super) struct Shop {
    pub(super) directory: TempDir,
    pub(super) store: Store,
    pub(super) stock: Stock,
}

impl Shop {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, opened) = open(&directory).unwrap();
        Self { directory, store, stock: opened.stock }
    }

    /// Nothing is synced, which a kill does not show and many commits are quicker by.
    pub(super) fn unsynced() -> Self {
        let shop = Self::new();
        shop.store.db.pragma_update(None, "synchronous", "off").unwrap();
        shop
    }

    pub(super) fn reopen(&mut self) {
        let elsewhere = tempfile::tempdir().unwrap();
        let (store, _) = open(&elsewhere).unwrap();
        drop(std::mem::replace(&mut self.store, store));
        let (store, opened) = open(&self.directory).unwrap();
        (self.store, self.stock) = (store, opened.stock);
    }

    /// What the next start finds if the process is killed now.
    pub(super) fn killed(&self) -> Result<Opened, StoreError> {
        let copy = tempfile::tempdir().unwrap();
        for file in [DATABASE_FILE, "stockgate.db-wal"] {
            std::fs::copy(self.directory.path().join(file), copy.path().join(file)).unwrap();
        }
        open(&copy).map(|(_, opened)| opened)
    }

    /// Writes the hashes that no row holds yet, however few they are.
    pub(super) fn flush_hashes(&mut self) {
        let index = &mut self.store.request_index;
        if !index.unsaved.is_empty() {
            let transaction = self.store.db.unchecked_transaction().unwrap();
            save_hashes(&transaction, index.next - 1, &index.unsaved).unwrap();
            transaction.commit().unwrap();
            index.unsaved.clear();
        }
    }

    pub(super) fn restock(&mut self, name: &str, units: u64) {
        let changes = self.restock_changes(name, units);
        self.commit(&changes);
    }

    pub(super) fn restock_changes(&self, name: &str, units: u64) -> Changes {
        self.draft(name, Action::Restock { order_id: None, lines: lines(units) })
    }

    pub(super) fn reserve(&mut self, name: &str, units: u64) {
        let action = Action::Reserve { order_id: None, lines: lines(units), ttl_s: None };
        let changes = self.draft(name, action);
        self.commit(&changes);
    }

    pub(super) fn take(&mut self, transfer: &Transfer) {
        let changes = self.transfer_changes(transfer);
        self.commit(&changes);
    }

    pub(super) fn transfer_changes(&self, transfer: &Transfer) -> Changes {
        let mut draft = self.empty_draft();
        assert_eq!(draft.apply_transfer(transfer), TransferOutcome::Applied);
        draft.finish()
    }

    /// Commits listings, each of SKU, name and barcodes.
    pub(super) fn update(
        &mut self,
        after: u64,
        up_to: u64,
        listings: &[(&str, Option<&str>, &str)],
    ) {
        let listing = |(sku, name, codes): &(&str, Option<&str>, &str)| Listing {
            name: name.map(str::to_owned),
            barcodes: codes.split_whitespace().map(Barcode::single).collect(),
            ..Listing::removed(Sku::parse(sku).unwrap())
        };
        let listings = listings.iter().map(listing).collect();
        let mut draft = self.empty_draft();
        assert!(draft.apply_catalogue_update(&CatalogueUpdate { after, up_to, listings }));
        let changes = draft.finish();
        self.commit(&changes);
    }

    pub(super) fn listed(&self, sku: &str) -> Option<Listing> {
        listing(&self.store.db, &Sku::parse(sku).unwrap()).unwrap()
    }

    pub(super) fn coded(&self, code: &str) -> Option<String> {
        find_barcode(&self.store.db, code).unwrap().map(|(sku, _)| sku.as_str().to_owned())
    }

    pub(super) fn empty_draft(&self) -> Draft<'_> {
        self.draft_at(0)
    }

    pub(super) fn draft_at(&self, running_ms: u64) -> Draft<'_> {
        Draft::new(&self.stock, Now { wall_ms: 0, running_ms, trusted: true }, 900)
    }

    pub(super) fn draft(&self, name: &str, action: Action) -> Changes {
        let mut draft = self.empty_draft();
        let command = Command::chosen(id(name), action);
        assert!(draft.decide(&command, &self.store).unwrap().unwrap().outcome.is_ok());
        draft.finish()
    }

    pub(super) fn commit(&mut self, changes: &Changes) {
        self.store.commit(changes, None, &self.stock).unwrap();
        self.stock.apply(changes);
    }

    /// Two signed positions, two days on which something was refused, and the books it belongs to.
    pub(super) fn add_reports(&mut self) {
        let books = BooksId { books: Uuid::from_u128(0x5a5a << 64), generation: 3 };
        self.store.bind(books, 0, &self.stock).unwrap();
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        for at_ms in [1_700_000_000_000, 1_700_000_100_000] {
            let restock = Action::Restock { order_id: None, lines: lines(1) };
            let changes = self.draft(&format!("signed at {at_ms}"), restock);
            self.commit(&changes);
            self.store.sign(&key, &self.stock, at_ms).unwrap();
        }
        let mut demand = DemandCounter::default();
        for day in [19_700, 19_703] {
            let now = Now { wall_ms: day * 86_400_000, running_ms: 0, trusted: true };
            let refused: Vec<_> =
                lines(7).into_iter().map(|line| (line.sku, line.quantity)).collect();
            demand.count(&refused, now);
        }
        self.store.save_demand(&demand.unsaved(), &self.stock).unwrap();
    }

    /// A commit that fails when it has written everything.
    pub(super) fn fail_to_commit(&mut self, changes: &Changes) {
        let refuse = "CREATE TABLE refused (x REFERENCES gateway DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER refuse AFTER INSERT ON ledger BEGIN INSERT INTO refused VALUES (3); END";
        self.store.db.execute_batch(refuse).unwrap();
        self.store.commit(changes, None, &self.stock).unwrap_err();
        self.store.db.execute_batch("DROP TRIGGER refuse; DROP TABLE refused").unwrap();
    }

    /// A batch of a thousand requests, which are numbered from `first` on.
    pub(super) fn draft_thousand(
        &self,
        name: &str,
        first: u64,
        action: impl Fn(u64) -> Action,
    ) -> Changes {
        let mut draft = self.empty_draft();
        for n in first..first + 1_000 {
            let request_id = id(&format!("{name}{n}"));
            let command = Command::chosen(request_id, action(n));
            assert!(draft.decide(&command, &self.store).unwrap().unwrap().outcome.is_ok());
        }
        draft.finish()
    }

    /// One step of pruning what is older than two hours.
    pub(super) fn prune(&mut self, running_ms: u64, acked_seq: Seq) -> bool {
        let progress = Progress { acked_seq, running_ms };
        self.store.prune(progress, 2 * HOUR_MS, &self.stock).unwrap().is_some()
    }

    pub(super) fn find(&self, name: &str) -> bool {
        crate::stock::RequestRecords::find(&self.store, &id(name)).unwrap().is_some()
    }
}

pub(super) fn open(directory: &TempDir) -> Result<(Store, Opened), StoreError> {
    Store::open(directory.path(), "site", "gateway")
}

pub(super) fn id(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

pub(super) fn transfer(number: u64, direction: Direction, units: u64) -> Transfer {
    let request_id = id(&format!("t{number}"));
    Transfer { number, request_id, direction, lines: lines(units), cause: Cause::default() }
}

pub(super) fn named(sku: &str, name: &str, codes: &[&str]) -> Listing {
    let barcodes = codes.iter().map(|code| Barcode::single(*code)).collect();
    Listing { name: Some(name.into()), barcodes, ..Listing::removed(Sku::parse(sku).unwrap()) }
}

pub(super) fn lines(units: u64) -> Vec<Line> {
    let sku = Sku::parse("A").unwrap();
    vec![Line::new(sku, Quantity::of_line(units).unwrap())]
}
