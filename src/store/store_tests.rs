use tempfile::TempDir;

use crate::clock::Now;
use crate::stock::{Action, Changes, Command, Draft, Line, Quantity, RequestId, Seq, Sku, Stock};
use crate::store::{DATABASE_FILE, Position, Store, StoreError, read_ledger};

#[test]
fn what_was_committed_is_there_after_reopening() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.reserve("r2", 3);
    let before = shop.stock.clone();
    shop.reopen();
    assert_eq!(shop.stock, before);
    assert!(shop.find("r1") && shop.find("r2") && !shop.find("r3"));
}

#[test]
fn the_running_clock_and_the_hubs_position_go_on() {
    let mut shop = Shop::new();
    let position = Position { acked_seq: 1, running_ms: 77_000 };
    let changes = shop.restock_changes("r1", 5);
    shop.store.commit(&changes, Some(position), &shop.stock).unwrap();
    drop(shop.store);
    assert_eq!(open(&shop.directory).unwrap().1.position, position);
}

#[test]
fn only_one_gateway_opens_a_data_directory() {
    let shop = Shop::new();
    assert!(matches!(open(&shop.directory), Err(StoreError::InUse(_))));
}

#[test]
fn another_gateways_database_is_refused() {
    let Shop { directory, store, .. } = Shop::new();
    drop(store);
    let error = Store::open(directory.path(), "site", "other").unwrap_err();
    assert!(matches!(error, StoreError::OtherGateway { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_of_ours_is_left_untouched() {
    for sql in ["CREATE TABLE t (x)", "PRAGMA user_version = 3; PRAGMA application_id = 7"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DATABASE_FILE);
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert!(matches!(open(&directory), Err(StoreError::NotOurs)), "{sql}");
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DATABASE_FILE), "not SQLite at all, by far").unwrap();
    assert!(matches!(open(&directory), Err(StoreError::Sqlite(_))));
}

#[test]
fn a_newer_database_is_refused() {
    let Shop { directory, store, .. } = Shop::new();
    drop(store);
    let db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn stock_that_does_not_match_the_ledger_is_not_served() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let Shop { directory, store, .. } = shop;
    drop(store);
    let db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    db.execute("INSERT OR REPLACE INTO stock VALUES ('A', 6, 0, 2)", []).unwrap();
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Damaged(_))));
}

#[test]
fn a_failed_commit_changes_nothing() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.store.db.execute_batch("PRAGMA query_only = on").unwrap();
    let changes = shop.restock_changes("r2", 5);
    shop.store.commit(&changes, None, &shop.stock).unwrap_err();
    shop.store.db.execute_batch("PRAGMA query_only = off").unwrap();
    assert!(!shop.find("r2"));
    shop.store.commit(&changes, None, &shop.stock).unwrap();
    assert!(shop.find("r2"));
}

#[test]
fn only_what_is_old_and_confirmed_is_forgotten_and_the_sums_stay() {
    let mut shop = Shop::new();
    shop.store.mark(0).unwrap();
    for n in 0..40 {
        shop.restock(&format!("old{n}"), 1);
    }
    shop.reserve("held", 2);
    shop.store.mark(HOUR_MS).unwrap();
    for n in 0..10 {
        shop.restock(&format!("new{n}"), 1);
    }
    assert!(!shop.prune(3 * HOUR_MS - 1, 30), "nothing is old yet");
    while shop.prune(3 * HOUR_MS, 30) {}
    let left = read_ledger(&shop.store.db, 0, 1_000).unwrap();
    assert_eq!(left[0].entry.seq, 31, "entries that the hub has not committed stay");
    assert!(!shop.find("old0") && shop.find("new0"));
    assert!(shop.find("held"), "an open reservation is remembered however old it is");
    while shop.prune(9 * HOUR_MS, 51) {}
    assert_eq!(read_ledger(&shop.store.db, 0, 1_000).unwrap()[0].entry.seq, 42);
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 50);
    shop.reopen();
}

/// A number given twice would be as old as the first request that had it, and forgotten at once.
#[test]
fn outcomes_are_remembered_though_older_ones_were_forgotten_before_a_restart() {
    let mut shop = Shop::new();
    for n in 0..40 {
        shop.restock(&format!("old{n}"), 1);
    }
    shop.store.mark(HOUR_MS).unwrap();
    while shop.prune(9 * HOUR_MS, 40) {}
    assert!(!shop.find("old38"), "the last row alone stays");
    shop.reopen();
    shop.restock("new", 1);
    while shop.prune(9 * HOUR_MS, 40) {}
    assert!(shop.find("new"));
}

#[test]
fn a_reservation_that_has_just_been_closed_is_remembered_however_old_it_is() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.reserve("r2", 3);
    shop.store.mark(HOUR_MS).unwrap();
    let action = Action::Release { reservation: id("r2") };
    let changes = shop.draft("r3", action);
    shop.commit(&changes);
    while shop.prune(9 * HOUR_MS, 3) {}
    assert!(!shop.find("r1") && shop.find("r2") && shop.find("r3"));
}

/// The last row too, whose chain no later row tells.
#[test]
fn every_flipped_bit_of_the_ledger_is_found() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let db = &shop.store.db;
    let read = |db: &rusqlite::Connection| -> Vec<u8> {
        db.query_row("SELECT chunk FROM ledger", [], |row| row.get(0)).unwrap()
    };
    let whole = read(db);
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        db.execute("UPDATE ledger SET chunk = ?1", [flipped]).unwrap();
        assert!(matches!(read_ledger(db, 0, 9), Err(StoreError::Damaged(_))), "bit {bit}");
        assert!(matches!(super::load_stock(db), Err(StoreError::Damaged(_))), "bit {bit}");
    }
}

#[test]
fn reservations_that_do_not_add_up_are_found_at_the_start() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.reserve("r2", 3);
    let Shop { directory, store, .. } = shop;
    drop(store);
    let db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    db.execute("DELETE FROM hold", []).unwrap();
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Damaged(_))));
}

const HOUR_MS: u64 = 3_600_000;

struct Shop {
    directory: TempDir,
    store: Store,
    stock: Stock,
}

impl Shop {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, opened) = open(&directory).unwrap();
        Self { directory, store, stock: opened.stock }
    }

    fn reopen(&mut self) {
        let elsewhere = tempfile::tempdir().unwrap();
        let (store, _) = open(&elsewhere).unwrap();
        drop(std::mem::replace(&mut self.store, store));
        let (store, opened) = open(&self.directory).unwrap();
        (self.store, self.stock) = (store, opened.stock);
    }

    fn restock(&mut self, name: &str, units: u64) {
        let changes = self.restock_changes(name, units);
        self.commit(&changes);
    }

    fn restock_changes(&self, name: &str, units: u64) -> Changes {
        self.draft(name, Action::Restock { order_id: None, lines: lines(units) })
    }

    fn reserve(&mut self, name: &str, units: u64) {
        let action = Action::Reserve { order_id: None, lines: lines(units), ttl_s: None };
        let changes = self.draft(name, action);
        self.commit(&changes);
    }

    fn draft(&self, name: &str, action: Action) -> Changes {
        let mut draft = Draft::new(&self.stock, Now { wall_ms: 0, running_ms: 0 }, 900);
        let command = Command { request_id: id(name), chosen: true, action };
        assert!(draft.decide(&command, &self.store).unwrap().unwrap().outcome.is_ok());
        draft.finish()
    }

    fn commit(&mut self, changes: &Changes) {
        self.store.commit(changes, None, &self.stock).unwrap();
        self.stock.apply(changes);
    }

    /// One step of forgetting what is older than two hours.
    fn prune(&mut self, running_ms: u64, acked_seq: Seq) -> bool {
        let position = Position { acked_seq, running_ms };
        self.store.prune(position, 2 * HOUR_MS, &self.stock).unwrap()
    }

    fn find(&self, name: &str) -> bool {
        crate::stock::Records::find(&self.store, &id(name)).unwrap().is_some()
    }
}

fn open(directory: &TempDir) -> Result<(Store, crate::store::Opened), StoreError> {
    Store::open(directory.path(), "site", "gateway")
}

fn id(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

fn lines(units: u64) -> Vec<Line> {
    let sku = Sku::parse("A").unwrap();
    vec![Line { sku, quantity: Quantity::of_line(units).unwrap() }]
}
