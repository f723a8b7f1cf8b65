//! A full disk that has space again later.

use super::load::{Told, assert_healthy, assert_queries_work, assert_refused, next_step};
use crate::support::small_disk::SmallDisk;

const DISK: u64 = 64 << 20;
const LEFT: u64 = 6 << 20;

#[test]
fn a_full_disk_loses_nothing_answers_queries_and_recovers() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    disk.fill(LEFT);
    let mut told = Told::default();

    told.until_full(&gateway, &disk);
    assert!(told.applied() > 1_000, "only {} were applied", told.applied());
    assert_refused(&gateway, &next_step(&gateway));
    assert_queries_work(&gateway);
    told.assert_in_ledger(&gateway);

    assert_refused(&gateway, "no room is held back for housekeeping");

    gateway.kill9();
    gateway.spawn();
    gateway.wait_until_alive();
    assert_queries_work(&gateway);
    assert_refused(&gateway, &next_step(&gateway));
    told.assert_in_ledger(&gateway);

    disk.drop_ballast();
    gateway.wait_until_ready();
    assert!(disk.has_reserve(), "room is held back again");
    told.resend(&gateway);
    told.assert_in_ledger(&gateway);
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}

#[test]
fn a_disk_that_is_full_again_and_again_loses_nothing() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    let mut told = Told::default();
    for left in [LEFT / 4, LEFT / 8, 0] {
        disk.fill(left);
        told.until_full(&gateway, &disk);
        gateway.kill9();
        disk.drop_ballast();
        gateway.launch();
        told.resend(&gateway);
        told.assert_in_ledger(&gateway);
    }
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}
