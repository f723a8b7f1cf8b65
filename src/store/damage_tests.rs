//! Damage that is detected while requests are decided stops only the requests that it concerns.

use super::shop::{HOUR_MS, Shop, id, lines};
use crate::limits::EXPIRED_LINES_MAX;
use crate::stock::{Action, Command, Draft, Undecided};
use crate::store::Progress;

#[test]
fn a_damaged_reservation_that_falls_due_ends_and_stops_no_batch() {
    let mut shop = with_damaged_reservation();
    for (batch, name) in ["first", "second"].into_iter().enumerate() {
        let mut draft = shop.draft_at(HOUR_MS);
        draft.expire_due(&shop.store, EXPIRED_LINES_MAX).unwrap();
        assert!(is_applied(&mut draft, &shop, &deduct(name, 5)), "batch {batch}");
        let changes = draft.finish();
        shop.commit(&changes);
    }
    assert_eq!(shop.stock.hold_count(), 0);
    let item = shop.stock.item("A").unwrap();
    assert_eq!((item.on_hand, item.reserved), (0, 0), "what was reserved could be deducted");
}

#[test]
fn a_damaged_reservation_can_be_released_and_committed() {
    let of = || id("held");
    for action in
        [Action::Release { reservation: of() }, Action::Commit { reservation: of(), lines: None }]
    {
        let mut shop = with_damaged_reservation();
        let mut draft = shop.empty_draft();
        let command = Command::chosen(id("end"), action);
        assert!(is_applied(&mut draft, &shop, &command));
        assert!(is_applied(&mut draft, &shop, &deduct("next", 5)), "in the same batch");
        let changes = draft.finish();
        shop.commit(&changes);
        assert_eq!(shop.stock.item("A").unwrap().reserved, 0);
    }
}

#[test]
fn a_rollback_of_a_damaged_deduction_is_left_undecided_and_the_batch_goes_on() {
    let mut shop = Shop::new();
    shop.restock("in", 10);
    let changes = shop.draft("out", deduct("out", 4).action);
    shop.commit(&changes);
    damage_last_row(&shop);
    let mut draft = shop.empty_draft();
    let action = Action::Rollback { of: id("out"), lines: None };
    let command = Command::chosen(id("back"), action);
    let answer = draft.decide(&command, &shop.store).unwrap();
    assert!(matches!(answer, Err(Undecided::RecordLost { .. })), "{answer:?}");
    assert!(is_applied(&mut draft, &shop, &deduct("next", 5)));
}

#[test]
fn a_reservation_whose_row_is_damaged_is_rebuilt_and_named_at_the_start() {
    for sql in ["UPDATE hold SET hold = x'ff'", "UPDATE hold SET id = ''", "DELETE FROM hold"] {
        let mut shop = Shop::new();
        shop.restock("in", 10);
        shop.reserve("held", 5);
        shop.store.db.execute(sql, []).unwrap();
        let found = shop.killed().unwrap();
        assert!(found.repairs[0].remedy.contains("rebuilt from the ledger"), "{sql}: {found:?}");
        assert!(found.repairs[0].fault.contains("held"), "{sql}: {found:?}");
        assert_eq!(found.stock, shop.stock, "{sql}");
    }
}

#[test]
fn a_reservation_that_the_ledger_has_lost_too_stops_only_its_own_skus() {
    let mut shop = Shop::new();
    shop.restock("in", 10);
    shop.reserve("held", 5);
    shop.flush_hashes();
    damage_last_row(&shop);
    shop.restock("more", 1);
    shop.store.db.execute("DELETE FROM hold", []).unwrap();
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    let found = shop.killed().unwrap();
    assert!(found.stock.is_lost("A") && !found.stock.is_lost("B"), "{found:?}");
    assert!(found.repairs[0].fault.contains("SKU A"), "{found:?}");
}

#[test]
fn a_damaged_reservation_only_stops_pruning() {
    let mut shop = Shop::new();
    shop.restock("in", 10);
    shop.reserve("held", 5);
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    shop.restock("more", 1);
    let changes = shop.draft("done", deduct("done", 1).action);
    shop.commit(&changes);
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    shop.store.db.execute("UPDATE hold SET id = ''", []).unwrap();
    let progress = Progress { acked_seq: 4, running_ms: 9 * HOUR_MS };
    let error = shop.store.prune(progress, HOUR_MS, &shop.stock).unwrap_err();
    assert!(error.is_damage(), "the storage works: {error}");
    let mut draft = shop.draft_at(HOUR_MS);
    draft.expire_due(&shop.store, EXPIRED_LINES_MAX).unwrap();
    assert!(is_applied(&mut draft, &shop, &deduct("next", 10)));
}

/// Ten units on hand, five of them reserved. The record of the reservation cannot be read.
fn with_damaged_reservation() -> Shop {
    let mut shop = Shop::new();
    shop.restock("in", 10);
    shop.reserve("held", 5);
    damage_last_row(&shop);
    shop
}

fn damage_last_row(shop: &Shop) {
    let last = "UPDATE ledger SET chunk = x'00' WHERE n = (SELECT max(n) FROM ledger)";
    assert_eq!(shop.store.db.execute(last, []).unwrap(), 1);
}

fn is_applied(draft: &mut Draft<'_>, shop: &Shop, command: &Command) -> bool {
    draft.decide(command, &shop.store).unwrap().unwrap().outcome.is_ok()
}

fn deduct(name: &str, units: u64) -> Command {
    let action = Action::Deduct { order_id: None, lines: lines(units) };
    Command::chosen(id(name), action)
}
