//! The record of a request holds what was sent.

use super::shop::{Shop, id, lines};
use crate::stock::{Action, OrderId};
use crate::store::read_ledger;

/// A UUID in lower case is stored as a number, so every other spelling has to be told from it.
#[test]
fn a_request_id_comes_back_spelled_as_it_was_sent() {
    let mut shop = Shop::new();
    let lower = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    let upper = lower.to_uppercase();
    let mixed = lower.replace("abd", "ABD");
    let plain = lower.replace('-', "").to_uppercase();
    let sent = [&upper, &mixed, &plain, &format!("{{{upper}}}"), &format!("urn:uuid:{upper}")];
    sent.iter().for_each(|name| shop.restock(name, 1));
    shop.reopen();
    assert!(sent.iter().all(|name| shop.find(name)));
    assert!(!shop.find(lower) && !shop.find(&plain.to_lowercase()), "another request's name");
    shop.restock(lower, 1);
    let entries = read_ledger(&shop.store.db, 0, 9).unwrap();
    let kept: Vec<&str> = entries.iter().map(|posted| posted.entry.request_id.as_str()).collect();
    let sent: Vec<&str> = sent.into_iter().map(String::as_str).chain([lower]).collect();
    assert_eq!(kept, sent);
}

#[test]
fn a_rollback_after_a_restart_keeps_the_order_id_of_the_deduction() {
    let mut shop = Shop::new();
    shop.restock("in", 5);
    let order_id = OrderId::parse("536365").ok();
    let deduct = Action::Deduct { order_id: order_id.clone(), lines: lines(2) };
    let changes = shop.draft("out", deduct);
    shop.commit(&changes);
    shop.reopen();
    for (name, lines) in [("part", Some(lines(1))), ("rest", None)] {
        let changes = shop.draft(name, Action::Rollback { of: id("out"), lines });
        assert_eq!(changes.entries[0].entry.order_id, order_id, "{name}");
        shop.commit(&changes);
        shop.reopen();
    }
}

/// Hashes of request ids are written some thousands at a time: with the commit that fails, and with
/// the last one.
#[test]
fn a_commit_that_failed_at_its_end_takes_no_request_from_those_that_are_remembered() {
    let mut shop = Shop::new();
    let restock = |_| Action::Restock { order_id: None, lines: lines(1) };
    for first in (0..11_000).step_by(1_000) {
        let changes = shop.draft_thousand("r", first, restock);
        if first == 5_000 {
            shop.fail_to_commit(&changes);
        }
        shop.commit(&changes);
    }
    shop.reopen();
    let forgotten = (0..11_000).step_by(100).filter(|n| !shop.find(&format!("r{n}"))).count();
    assert_eq!(forgotten, 0);
}
