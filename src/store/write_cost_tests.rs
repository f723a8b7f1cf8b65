//! How much a commit of one request writes. Writes wear out the flash of a gateway, so they must not
//! grow with the database.

use super::shop::{Shop, id, lines};
use crate::stock::Action;

/// A page and its header in the WAL. A request changes the last page of the ledger, and sometimes
/// begins another one.
const LOG_PAGE: u64 = 4_096 + 24;
const COMMITS: u64 = 100;

#[test]
fn a_request_writes_one_page_and_a_half_at_most() {
    let mut shop = Shop::unsynced();
    assert_writes_little(&mut shop, "first");
}

#[test]
fn a_request_writes_no_more_because_thousands_came_before() {
    let mut shop = Shop::unsynced();
    decide_many(&mut shop, "old", 5_000, |_| restock());
    assert_writes_little(&mut shop, "new");
    shop.reopen();
    assert!(shop.find("old0") && shop.find("old4999") && shop.find("new0") && !shop.find("new100"));
    assert_writes_little(&mut shop, "newer");
}

#[test]
fn a_request_writes_no_more_because_reservations_are_open() {
    let mut shop = Shop::unsynced();
    shop.restock("in", 10_000);
    let reserve = |_| Action::Reserve { order_id: None, lines: lines(1), ttl_s: None };
    decide_many(&mut shop, "held", 2_000, reserve);
    assert_writes_little(&mut shop, "new");
    let release = |n| Action::Release { reservation: id(&format!("held{n}")) };
    let released = bytes_a_commit(&mut shop, |shop, n| shop.draft(&format!("back{n}"), release(n)));
    // The row of the reservation, and the record of its end.
    assert!(released <= LOG_PAGE * 7 / 2, "{released} bytes for a release");
}

fn assert_writes_little(shop: &mut Shop, name: &str) {
    let written = bytes_a_commit(shop, |shop, n| shop.draft(&format!("{name}{n}"), restock()));
    assert!(written <= LOG_PAGE * 3 / 2, "{written} bytes for a request");
}

/// Bytes that a commit adds to the WAL, on average.
fn bytes_a_commit(shop: &mut Shop, decide: impl Fn(&Shop, u64) -> crate::stock::Changes) -> u64 {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    shop.store.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    for n in 0..COMMITS {
        let changes = decide(shop, n);
        shop.commit(&changes);
    }
    std::fs::metadata(shop.directory.path().join("stockgate.db-wal")).unwrap().len() / COMMITS
}

/// Decides `count` requests, a thousand in a batch.
fn decide_many(shop: &mut Shop, name: &str, count: u64, action: impl Fn(u64) -> Action) {
    for first in (0..count).step_by(1_000) {
        let changes = shop.draft_thousand(name, first, &action);
        shop.commit(&changes);
    }
}

fn restock() -> Action {
    Action::Restock { order_id: None, lines: lines(1) }
}
