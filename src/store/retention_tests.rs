//! Pruning beside open reservations.

use super::shop::{HOUR_MS, Shop, id, lines};
use crate::limits::PRUNE_LINES_PER_STEP;
use crate::stock::{Action, Command, Line, Quantity, Sku};
use crate::store::Progress;

const DAY_MS: u64 = 24 * HOUR_MS;

/// A search through all reservations in each step would take longer, the more are open.
#[test]
fn a_step_that_deletes_no_reservation_does_not_read_their_table() {
    let mut shop = with_old_entries(100);
    settle(&mut shop);
    shop.reserve("young", 5);
    shop.store.db.execute_batch("ALTER TABLE hold RENAME TO out_of_sight").unwrap();
    prune_all(&mut shop);
    assert!(!shop.find("r0"), "there was something to delete");
    assert!(shop.find("young"));
}

#[test]
fn open_reservations_are_carried_on_again_and_again_and_closed_ones_are_not() {
    let mut shop = with_old_entries(1);
    for name in ["open", "ended", "committed"] {
        shop.reserve(name, 1);
    }
    close(&mut shop, "end", Action::Release { reservation: id("ended") });
    for round in 0..3 {
        for n in 0..40 {
            shop.restock(&format!("{round}-{n}"), 1);
        }
        settle(&mut shop);
        prune_all(&mut shop);
        assert!(shop.find("open") && !shop.find("ended"), "round {round}");
        if round == 1 {
            shop.reopen();
        }
    }
    close(&mut shop, "done", Action::Commit { reservation: id("open"), lines: None });
}

#[test]
fn the_order_of_reservations_does_not_grow_with_those_that_are_closed() {
    let mut shop = Shop::unsynced();
    shop.restock("in", 10_000);
    for round in 0..2 {
        let name = format!("held-{round}-");
        let reserve = |_| Action::Reserve { order_id: None, lines: lines(1), ttl_s: None };
        let changes = shop.draft_thousand(&name, 0, reserve);
        shop.commit(&changes);
        let release = |n| Action::Release { reservation: id(&format!("{name}{n}")) };
        let changes = shop.draft_thousand(&format!("end-{round}-"), 0, release);
        shop.commit(&changes);
    }
    assert_eq!(shop.store.reservations.len(), 0, "none is open");
}

/// What is carried forward is written before what it frees is free: on a full disk it must fit into what
/// is held back.
#[test]
fn a_step_carries_a_bounded_number_of_lines_and_never_less_than_one_row() {
    for lines in [400, 1_000] {
        let mut shop = with_thousand_skus();
        for n in 0..10 {
            reserve_lines(&mut shop, &format!("held-{n}"), lines);
        }
        settle(&mut shop);
        let running_ms = marks(&shop) * DAY_MS;
        let progress = Progress { acked_seq: shop.stock.seq(), running_ms };
        let (mut carried, mut steps) = (0, 0);
        while let Some(lines) = shop.store.prune(progress, HOUR_MS, &shop.stock).unwrap() {
            assert!(lines <= PRUNE_LINES_PER_STEP, "{lines} lines");
            carried += lines;
            steps += usize::from(lines > 0);
        }
        assert_eq!((carried, steps), (10 * lines, 10 / (PRUNE_LINES_PER_STEP / lines)));
        assert!(!shop.find("r0"));
        assert!((0..10).all(|n| shop.find(&format!("held-{n}"))));
    }
}

#[test]
fn a_row_of_more_lines_than_a_step_may_carry_is_deleted_alone() {
    let mut shop = with_thousand_skus();
    let mut draft = shop.empty_draft();
    for (name, count) in [("short", 50), ("long", 1_000)] {
        let command = reserve_command(name, count);
        assert!(draft.decide(&command, &shop.store).unwrap().unwrap().outcome.is_ok());
    }
    let changes = draft.finish();
    shop.commit(&changes);
    settle(&mut shop);
    let running_ms = marks(&shop) * DAY_MS;
    let progress = Progress { acked_seq: shop.stock.seq(), running_ms };
    let step = || shop.store.prune(progress, HOUR_MS, &shop.stock).unwrap();
    let steps: Vec<usize> = std::iter::from_fn(step).filter(|lines| *lines > 0).collect();
    assert_eq!(steps, [1_050], "both are in one row");
    assert!(shop.find("short") && shop.find("long"));
}

fn reserve_lines(shop: &mut Shop, name: &str, count: usize) {
    let Command { action, .. } = reserve_command(name, count);
    let changes = shop.draft(name, action);
    shop.commit(&changes);
}

fn with_thousand_skus() -> Shop {
    let mut shop = with_old_entries(1);
    let action = Action::Restock { order_id: None, lines: skus(1_000, 100) };
    let changes = shop.draft("many", action);
    shop.commit(&changes);
    shop
}

/// A reservation of one unit of each of so many SKUs.
fn reserve_command(name: &str, count: usize) -> Command {
    let action = Action::Reserve { order_id: None, lines: skus(count, 1), ttl_s: None };
    Command::chosen(id(name), action)
}

fn skus(count: usize, units: u64) -> Vec<Line> {
    let quantity = Quantity::of_line(units).unwrap();
    let line = |n| Line::new(Sku::parse(&format!("S{n}")).unwrap(), quantity);
    (0..count).map(line).collect()
}

/// Entries that are two days old at [`DAY_MS`] times three.
fn with_old_entries(count: u64) -> Shop {
    let mut shop = Shop::unsynced();
    for n in 0..count {
        shop.restock(&format!("r{n}"), 10);
    }
    shop
}

/// Everything up to here is old, confirmed and in the stock table; one young entry follows.
fn settle(shop: &mut Shop) {
    let running_ms = marks(shop) * DAY_MS;
    shop.store.record_retention_mark(running_ms, &shop.stock).unwrap();
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    shop.restock(&format!("young-{running_ms}"), 1);
}

fn marks(shop: &Shop) -> u64 {
    let sql = "SELECT coalesce(max(running_ms), 0) FROM mark";
    let newest: i64 = shop.store.db.query_row(sql, [], |row| row.get(0)).unwrap();
    newest.unsigned_abs() / DAY_MS + 1
}

fn prune_all(shop: &mut Shop) {
    let running_ms = marks(shop) * DAY_MS;
    let progress = Progress { acked_seq: shop.stock.seq(), running_ms };
    while shop.store.prune(progress, HOUR_MS, &shop.stock).unwrap().is_some() {}
}

fn close(shop: &mut Shop, name: &str, action: Action) {
    let changes = shop.draft(name, action);
    shop.commit(&changes);
}
