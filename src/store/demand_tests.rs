//! What was refused for want of stock is kept, and no damage to it keeps a gateway from starting.

use super::shop::{Shop, lines};
use crate::clock::Now;
use crate::stock::{DemandCounter, RefusedCounts, RefusedRow};

const DAY: u32 = 20_500;

#[test]
fn what_was_refused_is_there_after_a_restart_and_forgotten_days_are_not() {
    let mut shop = Shop::new();
    let mut counter = DemandCounter::default();
    refuse(&mut counter, DAY);
    save(&mut shop, &mut counter);
    refuse(&mut counter, DAY);
    refuse(&mut counter, DAY + 4);
    save(&mut shop, &mut counter);
    let kept = [(DAY, RefusedCounts { lines: 2, units: 14 }), (DAY + 4, SEVEN)];
    assert_eq!(reopened(&shop), kept);

    counter.set_sent(counter.changes());
    counter.forget_old(at(DAY + 4));
    save(&mut shop, &mut counter);
    assert_eq!(reopened(&shop), [(DAY + 4, SEVEN)]);
}

#[test]
fn a_damaged_row_is_left_out() {
    let mut shop = Shop::new();
    let mut counter = DemandCounter::default();
    refuse(&mut counter, DAY);
    refuse(&mut counter, DAY + 1);
    save(&mut shop, &mut counter);
    let flip = format!("UPDATE demand SET units = units + 1 WHERE day = {DAY}");
    shop.store.db.execute(&flip, []).unwrap();
    assert_eq!(reopened(&shop), [(DAY + 1, SEVEN)]);
}

const SEVEN: RefusedCounts = RefusedCounts { lines: 1, units: 7 };

fn refuse(counter: &mut DemandCounter, day: u32) {
    let refused: Vec<_> = lines(7).into_iter().map(|line| (line.sku, line.quantity)).collect();
    counter.count(&refused, at(day));
}

fn save(shop: &mut Shop, counter: &mut DemandCounter) {
    let unsaved = counter.unsaved();
    shop.store.save_demand(&unsaved, &shop.stock).unwrap();
    counter.saved(&unsaved);
}

fn reopened(shop: &Shop) -> Vec<(u32, RefusedCounts)> {
    let mut rows: Vec<RefusedRow> =
        shop.killed().unwrap().demand.changed_after(0).into_iter().map(|(_, row)| row).collect();
    rows.sort_unstable_by_key(|row| row.day);
    rows.into_iter().map(|RefusedRow { day, counts, .. }| (day, counts)).collect()
}

fn at(day: u32) -> Now {
    Now { wall_ms: i64::from(day) * 86_400_000, running_ms: 0, trusted: true }
}
