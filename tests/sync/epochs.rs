//! The identity of a database: a restored copy, or a new database, is detected and never merged
//! silently.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::forged::books_of;
use super::pair::{
    ID, Pair, SITE, assert_balanced, assert_drift_is_reported, assert_same_books,
    assert_same_entries, recover, until_confirmed, until_drift, until_reason, until_state,
};
use crate::support::age::grow_older;
use crate::support::bodies::one;
use crate::support::broker::section;
use crate::support::gateway::Gateway;
use crate::support::patience::{throughout, until};
use crate::support::terminal::{Terminal, number};

/// Long enough that a wrong merge would have happened.
const QUIET: Duration = Duration::from_secs(1);

#[test]
fn a_restored_copy_without_movements_since_goes_on() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let copy = pair.gateway.backup();

    pair.gateway.put_back(&copy);
    pair.gateway.launch();
    pair.gateway.http().ok("deduct", one("r1", "A", 1));

    pair.assert_in_step();
}

#[test]
fn a_restored_older_copy_is_reported_and_the_books_stay() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let copy = pair.gateway.backup();
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);

    pair.gateway.put_back(&copy);
    pair.gateway.launch();

    assert_drift_is_reported(&pair.hub, "older copy");
    until_reason(&pair.gateway, "older copy");
    deduct(&pair.gateway, "after", 20, 1);
    assert_eq!(pair.gateway.http().figures("A"), (80, 0));
    books.assert_untouched(&pair);
}

#[test]
fn a_copy_that_outgrew_the_hub_is_reported_and_the_books_stay() {
    let mut pair = Pair::stocked(&[("A", 1_000)]);
    let copy = pair.gateway.backup();
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);
    pair.broker.kill9();

    pair.gateway.put_back(&copy);
    pair.gateway.launch();
    deduct(&pair.gateway, "after", 20, 2);
    pair.broker.launch();

    assert_drift_is_reported(&pair.hub, "differ");
    books.assert_untouched(&pair);
    until_state(&pair.gateway, "offline");
}

#[test]
fn a_copy_that_grew_exactly_as_far_as_the_hub_is_reported() {
    let mut pair = Pair::stocked(&[("A", 1_000)]);
    let copy = pair.gateway.backup();
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);
    pair.broker.kill9();

    pair.gateway.put_back(&copy);
    pair.gateway.launch();
    deduct(&pair.gateway, "after", 10, 2);
    pair.broker.launch();

    assert_drift_is_reported(&pair.hub, "differ");
    books.assert_untouched(&pair);
}

/// Orders of one unit, because other movements may lead to the same stock by chance.
#[test]
fn a_copy_that_went_on_differently_to_the_same_stock_is_reported() {
    let mut pair = Pair::stocked(&[("A", 1_000)]);
    let copy = pair.gateway.backup();
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);
    pair.broker.kill9();

    pair.gateway.put_back(&copy);
    pair.gateway.launch();
    deduct(&pair.gateway, "after", 20, 1);
    pair.broker.launch();

    until_drift(&pair.hub);
    books.assert_untouched(&pair);
}

#[test]
fn a_database_that_was_refused_stays_refused_when_gateway_and_hub_restart() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let copy = pair.gateway.backup();
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);
    pair.gateway.put_back(&copy);
    pair.gateway.launch();
    until_drift(&pair.hub);

    pair.hub.kill9();
    deduct(&pair.gateway, "after", 20, 1);
    pair.gateway.kill9();
    pair.hub.launch();
    pair.gateway.launch();

    assert_drift_is_reported(&pair.hub, "older copy");
    until_state(&pair.gateway, "offline");
    throughout(QUIET, || assert_eq!(pair.gateway.sync()["state"], "offline"));
    books.assert_untouched(&pair);
}

#[test]
fn a_wiped_gateway_is_reported_and_goes_on_under_a_new_epoch() {
    let mut pair = Pair::stocked(&[("A", 100), ("B", 7)]);
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    let books = Books::of(&pair);

    pair.gateway.wipe();
    pair.gateway.launch();
    pair.gateway.http().ok("restock", one("seed", "A", 50));
    deduct(&pair.gateway, "before", 5, 1);

    assert_drift_is_reported(&pair.hub, "replaced");
    until_confirmed(&pair.gateway);
    assert_same_books(&pair.gateway, &pair.hub, SITE, ID);
    let epoch = pair.known()["epoch"].clone();
    assert_ne!(epoch, books.epoch);
    books.assert_untouched_on_disk(&pair);
    let held = json!({"site": SITE, "gateway": ID, "on_hand": 90, "reserved": 0,
        "replaced_epoch": books.epoch});
    let stock = pair.hub.stock("A");
    assert!(stock["gateways"].as_array().unwrap().contains(&held), "{stock}");
}

#[test]
fn event_ids_differ_under_a_new_epoch() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let before = pair.hub.ledger(SITE, ID);

    pair.gateway.wipe();
    pair.gateway.launch();
    pair.gateway.http().ok("restock", one("seed", "A", 100));
    until_confirmed(&pair.gateway);

    let after = pair.hub.ledger(SITE, ID);
    assert_eq!((&before[0]["seq"], &before[0]["sku"]), (&after[0]["seq"], &after[0]["sku"]));
    assert_ne!(before[0]["event_id"], after[0]["event_id"]);
}

#[test]
fn a_database_of_before_the_replacement_is_refused() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let old = pair.gateway.backup();
    pair.gateway.wipe();
    pair.gateway.launch();
    pair.gateway.http().ok("restock", one("new", "A", 50));
    until_confirmed(&pair.gateway);
    let books = Books::of(&pair);

    pair.gateway.put_back(&old);
    pair.gateway.launch();
    deduct(&pair.gateway, "after", 5, 1);

    until_reason(&pair.gateway, "replaced");
    assert_drift_is_reported(&pair.hub, "replaced");
    books.assert_untouched(&pair);
}

#[test]
fn two_gateways_on_copies_of_one_database_are_reported() {
    let pair = Pair::stocked(&[("A", 1_000)]);
    let mut twin = Gateway::prepare(&pair.broker.section());
    twin.put_back(&pair.gateway.backup());
    twin.launch();

    deduct(&pair.gateway, "one", 5, 1);
    deduct(&twin, "other", 5, 2);

    assert_drift_is_reported(&pair.hub, "differ");
}

#[test]
fn a_hub_with_restored_books_receives_the_missing_entries_again() {
    let mut pair = Pair::stocked(&[("A", 1_000)]);
    let copy = pair.hub.backup("older.db");
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();

    pair.hub.put_back(&copy);
    assert_eq!(entries_on_disk(&pair).len(), 1, "the books are older");
    pair.hub.launch();
    deduct(&pair.gateway, "after", 10, 1);
    until("the gateway is held", || pair.known()["state"] == "held");
    assert_eq!(recover(&pair.hub)["gateways"], 1);

    until("the hub has everything again", || number(&pair.known(), "acked_seq") == 21);
    pair.assert_in_step();
}

#[test]
fn a_hub_that_asks_for_what_was_pruned_is_named_and_the_gateway_decides_on() {
    let mut pair = Pair::forgetful(&[("A", 1_000)]);
    let older = pair.hub.backup("older.db");
    deduct(&pair.gateway, "before", 200, 1);
    pair.assert_in_step();
    let newest = pair.hub.backup("newest.db");
    pair.gateway.terminate();
    grow_older(&pair.gateway.database(), 150);
    pair.gateway.launch();
    until("the first entries are pruned", || first_seq(&pair.gateway) > 2);

    pair.hub.put_back(&older);
    pair.hub.launch();
    until("the gateway is held", || pair.known()["state"] == "held");
    recover(&pair.hub);
    for name in ["after", "after-restart"] {
        until_reason(&pair.gateway, "which this gateway has pruned");
        deduct(&pair.gateway, name, 10, 1);
        assert_eq!(number(&pair.known(), "acked_seq"), 1, "the books stay as they are");
        pair.gateway.restart();
    }
    assert_eq!(pair.gateway.http().figures("A"), (780, 0));
    let not_in_the_books = 220;
    assert_eq!(number(&pair.gateway.sync(), "pending"), not_in_the_books);

    pair.hub.put_back(&newest);
    pair.hub.launch();
    until("the gateway is held", || pair.known()["state"] == "held");
    recover(&pair.hub);
    until_confirmed(&pair.gateway);
    assert_eq!(pair.hub.ledger(SITE, ID).len(), 221, "nothing is missing");
    assert_eq!(pair.hub.stock("A")["total"], 780);
    assert_balanced(&pair.hub);
}

#[test]
fn a_hub_that_lost_its_books_gets_them_again_once_the_gateway_is_told_of_the_new_ones() {
    let mut pair = Pair::stocked(&[("A", 1_000)]);
    deduct(&pair.gateway, "before", 10, 1);
    pair.assert_in_step();
    pair.hub.terminate();

    fs::remove_file(pair.hub.database()).unwrap();
    pair.hub.launch();
    pair.gateway.restart();
    until_reason(&pair.gateway, "another hub");
    assert_eq!(pair.hub.gateways(), [Value::Null; 0], "new books leave it alone");

    let books = books_of(&pair.hub).to_string();
    let section = section(&pair.broker.url(), &[("books", &books)]);
    pair.gateway.configure(&pair.gateway.address(), &section);
    pair.gateway.restart();

    until("the hub knows it again", || pair.hub.gateway().is_some());
    until("the hub has everything again", || number(&pair.known(), "acked_seq") == 11);
    pair.assert_in_step();
}

/// The hub's data about the gateway at one moment.
struct Books {
    epoch: Value,
    acked_seq: u64,
    ledger: Vec<Value>,
    stock: Value,
    on_disk: Vec<String>,
}

impl Books {
    fn of(pair: &Pair) -> Self {
        let known = pair.known();
        Self {
            epoch: known["epoch"].clone(),
            acked_seq: number(&known, "acked_seq"),
            ledger: pair.hub.ledger(SITE, ID),
            stock: pair.hub.stock("A"),
            on_disk: entries_on_disk(pair),
        }
    }

    fn assert_untouched(&self, pair: &Pair) {
        throughout(QUIET, || {
            let known = pair.known();
            assert_eq!(
                (&known["epoch"], number(&known, "acked_seq")),
                (&self.epoch, self.acked_seq)
            );
        });
        assert_same_entries(&self.ledger, &pair.hub.ledger(SITE, ID));
        assert_eq!(pair.hub.stock("A"), self.stock);
    }

    /// For books that are no longer in force.
    fn assert_untouched_on_disk(&self, pair: &Pair) {
        let now = entries_on_disk(pair);
        assert_eq!(self.on_disk, now[..self.on_disk.len()]);
    }
}

/// Every entry in the hub's file, those of the oldest books first.
fn entries_on_disk(pair: &Pair) -> Vec<String> {
    let books = Connection::open(pair.hub.database()).unwrap();
    let sql = "SELECT concat_ws('|', book, seq, kind, sku, change, reserved_change, order_id,
        request_id, at_ms) FROM entry ORDER BY book, seq";
    let mut statement = books.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn first_seq(gateway: &Gateway) -> u64 {
    let first = gateway.http().ok("ledger", json!({"limit": 1}));
    number(&first["entries"][0], "seq")
}

fn deduct(gateway: &Gateway, name: &str, times: u64, quantity: u64) {
    let bodies = (0..times).map(|n| one(&format!("{name}-{n}"), "A", quantity));
    for outcome in gateway.ws().pipelined("deduct", bodies) {
        outcome.unwrap();
    }
}
