//! How a gateway frees space on a full disk by itself.

use std::env;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::load::{Told, assert_healthy, assert_queries_work, assert_refused, next_step};
use crate::support::age::grow_older;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::process::run_to_end;
use crate::support::small_disk::SmallDisk;
use crate::support::terminal::{Terminal, number};

const DISK: u64 = 64 << 20;
/// Enough entries that pruning them frees more than the reserve.
const MOVEMENTS: usize = 12_000;
/// Few enough that they fit the space that is free at least when mutations are accepted again.
const FEW: usize = 200;
const LEFT: u64 = 1 << 20;
/// Too little for the reserve, which must leave some space free.
const RESERVE: u64 = 8 << 20;
/// Housekeeping runs once a second.
const HOUSEKEEPING: Duration = Duration::from_secs(3);
const DATABASE: &str = "DISK_TEST_DATABASE";
const POSITION: &str = "DISK_TEST_POSITION";

#[test]
fn on_a_full_disk_acknowledgements_are_saved_and_pruning_frees_space() {
    let (broker, retention) = (Broker::start(), "[stock]\nledger_retention_days = 1\n");
    let hub = Hub::start(&broker);
    let (mut gateway, disk) =
        SmallDisk::with_gateway(DISK, &format!("{}{retention}", broker.section()));
    gateway.launch();
    let mut told = Told::default();
    assert!(!told.restock(&gateway, MOVEMENTS));

    disk.fill(LEFT);
    told.until_full(&gateway, &disk);
    let ledger_seq = number(&gateway.http().ok("status", json!({})), "ledger_seq");
    until("the hub confirms everything", || number(&gateway.sync(), "acked_seq") == ledger_seq);
    assert_refused(&gateway, &next_step(&gateway));
    sleep(HOUSEKEEPING);
    eprintln!("housekeeping has left {} bytes of the reserve", disk.free_bytes());

    gateway.kill9();
    let_days_pass(&gateway, &disk, ledger_seq);
    disk.fill(RESERVE);
    gateway.spawn();
    gateway.wait_until_alive();
    assert_refused(&gateway, &next_step(&gateway));
    assert_queries_work(&gateway);
    gateway.wait_until_ready();

    assert!(!disk.has_reserve(), "its room is in the database, the disk has none");
    assert!(first_seq(&gateway) > 1, "it has forgotten what is old");
    let mut more = Told::starting_behind(&told);
    assert!(!more.restock(&gateway, FEW), "and goes on");
    until_in_step(&gateway, &hub);
    assert_eq!(gateway.terminate(), Some(0));
    assert_healthy(&disk);
}

/// Runs `the_position_is_saved_and_days_pass` in the mount namespace of the disk.
fn let_days_pass(gateway: &Gateway, disk: &SmallDisk, ledger_seq: u64) {
    let mut command = disk.program(&env::current_exe().unwrap());
    command.args(["--exact", "way_out::the_position_is_saved_and_days_pass", "--ignored"]);
    command.env(DATABASE, gateway.database()).env(POSITION, ledger_seq.to_string());
    let passed = run_to_end(&mut command);
    assert!(passed.output().contains("1 passed"), "{}", passed.output());
}

#[test]
#[ignore = "another test runs it"]
fn the_position_is_saved_and_days_pass() {
    let database = env::var(DATABASE).expect("another test runs this one");
    let position: i64 = env::var(POSITION).unwrap().parse().unwrap();
    let db = Connection::open(&database).unwrap();
    let saved: i64 = db.query_row("SELECT acked_seq FROM gateway", [], |row| row.get(0)).unwrap();
    assert_eq!(saved, position, "what the hub acknowledged is saved on a full disk");
    grow_older(Path::new(&database), position.unsigned_abs());
}

fn first_seq(gateway: &Gateway) -> u64 {
    number(&gateway.http().ok("ledger", json!({"limit": 1}))["entries"][0], "seq")
}

fn until_in_step(gateway: &Gateway, hub: &Hub) {
    let ledger_seq = number(&gateway.http().ok("status", json!({})), "ledger_seq");
    until("the hub has everything", || {
        hub.gateway().is_some_and(|known| number(&known, "acked_seq") == ledger_seq)
    });
    assert_eq!(hub.reconcile()["balanced"], true);
}
