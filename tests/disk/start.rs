//! A start on a full disk.

use super::load::{Told, assert_healthy, assert_queries_work, assert_refused, next_step};
use crate::support::gateway::Gateway;
use crate::support::small_disk::SmallDisk;

const DISK: u64 = 32 << 20;
const MOVEMENTS: usize = 1_000;
/// More than a start needs with half of it there, less than it needs otherwise.
const RESERVE: u64 = 8 << 20;
/// The size of the index of the log, which a start creates.
const START: u64 = 64 << 10;

/// A clean stop removes the log and its index, and the start creates them.
#[test]
fn a_start_on_a_full_disk_uses_the_reserve() {
    let (gateway, disk, told) = stopped();
    disk.fill(0);
    assert_serves_without_a_reserve(gateway, &disk, told);
}

#[test]
fn a_start_without_space_for_the_reserve_answers_queries() {
    let (gateway, disk, told) = stopped();
    disk.drop_reserve();
    disk.fill(START);
    assert_serves_without_a_reserve(gateway, &disk, told);
}

#[test]
fn a_start_completes_a_partial_reserve() {
    let (mut gateway, disk, _) = stopped();
    disk.halve_reserve();
    disk.fill(RESERVE);

    gateway.launch();
    assert!(disk.has_whole_reserve(), "what was there of it counts");
}

#[test]
fn a_start_without_free_space_says_where_to_free_some() {
    let (mut gateway, disk, _) = stopped();
    disk.drop_reserve();
    disk.fill(0);

    let start = crate::support::process::run_to_end(&mut gateway.command());

    assert_eq!(start.code, Some(1));
    assert!(start.stderr.contains(&next_step(&gateway)), "{}", start.stderr);
    disk.drop_ballast();
    gateway.launch();
}

fn stopped() -> (Gateway, SmallDisk, Told) {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    let mut told = Told::default();
    assert!(!told.restock(&gateway, MOVEMENTS));
    assert_eq!(gateway.terminate(), Some(0));
    (gateway, disk, told)
}

/// Starts, and accepts mutations when there is space again.
fn assert_serves_without_a_reserve(mut gateway: Gateway, disk: &SmallDisk, mut told: Told) {
    gateway.spawn();
    gateway.wait_until_alive();
    assert!(!disk.has_reserve(), "the start has needed it, or had none");
    assert_queries_work(&gateway);
    assert_refused(&gateway, "no room is held back for housekeeping");
    assert_refused(&gateway, &next_step(&gateway));
    disk.drop_ballast();
    gateway.wait_until_ready();
    told.resend(&gateway);
    told.assert_in_ledger(&gateway);
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(disk);
}
