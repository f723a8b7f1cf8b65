//! A mass expiry on a full disk.

use std::env;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::load::{Told, assert_healthy, assert_refused, next_step};
use crate::support::age::grow_older;
use crate::support::bodies::{many, with};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::run_to_end;
use crate::support::small_disk::SmallDisk;
use crate::support::terminal::{Terminal, number};

const DISK: u64 = 64 << 20;
const LEFT: u64 = 1 << 20;
/// Enough that the entries of their expiry take several megabytes.
const RESERVATIONS: u64 = 2_000;
const LINES: u64 = 16;
const WINDOW: usize = 100;
const DAY_S: u64 = 86_400;
/// Housekeeping runs once a second.
const HOUSEKEEPING: Duration = Duration::from_secs(3);
const DATABASE: &str = "DISK_TEST_DATABASE";

#[test]
fn a_mass_expiry_on_a_full_disk_waits_and_leaves_the_reserve_to_housekeeping() {
    let (mut gateway, disk) = SmallDisk::with_gateway(DISK, "");
    gateway.launch();
    gateway.http().ok("restock", body("in", RESERVATIONS));
    reserve(&gateway);
    disk.fill(LEFT);
    Told::default().until_full(&gateway, &disk);
    gateway.kill9();
    let_days_pass(&gateway, &disk);

    gateway.spawn();
    gateway.wait_until_alive();
    let free = disk.free_bytes();
    sleep(HOUSEKEEPING);

    assert_eq!(open(&gateway), RESERVATIONS, "they wait");
    assert_eq!(gateway.http().figures(&sku(0)), (RESERVATIONS, RESERVATIONS), "never oversold");
    assert!(disk.free_bytes() + LEFT >= free, "{free} became {}", disk.free_bytes());
    assert_refused(&gateway, &next_step(&gateway));

    disk.drop_ballast();
    gateway.wait_until_ready();
    until("all of them have ended", || open(&gateway) == 0);
    assert_eq!(gateway.http().figures(&sku(0)), (RESERVATIONS, 0));
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}

/// Runs `days_pass_in_this_database` in the mount namespace of the disk.
fn let_days_pass(gateway: &Gateway, disk: &SmallDisk) {
    let mut command = disk.program(&env::current_exe().unwrap());
    command.args(["--exact", "expiry::days_pass_in_this_database", "--ignored"]);
    let passed = run_to_end(command.env(DATABASE, gateway.database()));
    assert!(passed.output().contains("1 passed"), "{}", passed.output());
}

#[test]
#[ignore = "another test runs it"]
fn days_pass_in_this_database() {
    grow_older(Path::new(&env::var(DATABASE).expect("another test runs this one")), 0);
}

fn reserve(gateway: &Gateway) {
    let numbers: Vec<u64> = (0..RESERVATIONS).collect();
    let mut ws = gateway.ws();
    for some in numbers.chunks(WINDOW) {
        let body = |n: &u64| with(body(&format!("held-{n}"), 1), "ttl_s", DAY_S);
        let reserved = ws.pipelined("reserve", some.iter().map(body));
        assert!(reserved.iter().all(Result::is_ok), "{:?}", reserved.first());
    }
}

fn open(gateway: &Gateway) -> u64 {
    number(&gateway.http().ok("status", json!({})), "reservations")
}

fn body(id: &str, units: u64) -> Value {
    let skus: Vec<String> = (0..LINES).map(sku).collect();
    let lines: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), units)).collect();
    many(id, &lines)
}

/// Ids of maximum length, and other ones than those of [`Told`].
fn sku(n: u64) -> String {
    format!("held{n:060}")
}
