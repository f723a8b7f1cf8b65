//! A filesystem that can only be read any more, as flash that fails leaves it; and one that can
//! do less than others.

use super::load::{Told, assert_healthy, assert_queries_work, assert_refused};
use crate::support::small_disk::SmallDisk;

const DISK: u64 = 64 << 20;
const MOVEMENTS: usize = 2_000;

/// As on some filesystems of flash.
#[test]
fn room_is_held_back_by_writing_where_it_cannot_be_allocated() {
    let (mut gateway, disk) = SmallDisk::without_extents(DISK);
    gateway.launch();
    assert!(disk.has_whole_reserve(), "a file with a hole holds nothing back");
    let mut told = Told::default();
    assert!(!told.restock(&gateway, 1), "and mutations are accepted");
}

#[test]
fn a_filesystem_that_breaks_loses_nothing_that_was_answered() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    let mut told = Told::default();
    assert!(!told.restock(&gateway, MOVEMENTS));

    disk.break_down();
    told.until_unavailable(&gateway);
    assert_refused(&gateway, "database: ");
    assert_queries_work(&gateway);
    told.assert_in_ledger(&gateway);

    gateway.kill9();
    disk.repair();
    gateway.launch();
    told.assert_in_ledger(&gateway);
    told.resend(&gateway);
    told.assert_in_ledger(&gateway);
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}
