//! Thousands of reservations that fall due at the same instant.
//!
//! Running time does not pass while the gateway is off, so the tests let it pass in the database.
//! All reservations are then overdue when the gateway starts.

use std::collections::BTreeMap;
use std::thread::scope;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::age::grow_older;
use crate::support::bodies::{many, one, reservation, with};
use crate::support::gateway::Gateway;
use crate::support::patience::{stretched, until};
use crate::support::process::run_to_end;
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal, number};

const LINES: usize = 3;
const SKUS: usize = 300;
const UNITS: u64 = 1_000_000;
const DAY_S: u64 = 86_400;
/// Requests on one connection before the answers are read.
const WINDOW: usize = 200;
/// In the debug build, on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(5);

#[test]
fn requests_are_answered_during_a_mass_expiry() {
    const RESERVATIONS: usize = 5_000;
    let mut gateway = with_overdue_reservations(RESERVATIONS);
    gateway.spawn();
    gateway.wait_until_alive();

    let waits = scope(|scope| {
        let selling = scope.spawn(|| sell_until_all_have_ended(&gateway));
        let mut http = gateway.http();
        let last = reservation(&name(RESERVATIONS - 1));
        http.refused("commit", last.clone(), "reservation_expired");
        http.refused("release", last, "reservation_expired");
        selling.join().unwrap()
    });

    let longest = waits.iter().max().unwrap();
    eprintln!("{} deductions, the longest took {longest:?}", waits.len());
    assert!(*longest < stretched(WAIT_MAX), "{longest:?}");
    let ledger = gateway.http().ledger();
    let kinds: Vec<&str> = ledger.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    let sold = kinds.iter().position(|kind| *kind == "deduct").unwrap();
    let expired = |kinds: &[&str]| kinds.iter().filter(|kind| **kind == "expire").count();
    assert_eq!(expired(&kinds), RESERVATIONS * LINES);
    assert!(expired(&kinds[sold..]) > 0, "the first deduction waited for the end");
    let runs = kinds.split(|kind| *kind != "expire").map(<[_]>::len);
    assert!(runs.max().unwrap() < RESERVATIONS * LINES, "all of them ended in one commit");
    assert_each_unit_came_back_once(&gateway, RESERVATIONS, waits.len());
}

#[test]
fn a_kill_during_a_mass_expiry_gives_each_unit_back_once() {
    const RESERVATIONS: usize = 3_000;
    let mut gateway = with_overdue_reservations(RESERVATIONS);
    let mut kills = 0;
    let mut before = RESERVATIONS as u64;
    gateway.launch();
    loop {
        until("some of them have ended", || open(&gateway) < before || before == 0);
        before = open(&gateway);
        if before == 0 {
            break;
        }
        gateway.kill9();
        kills += 1;
        gateway.launch();
        assert!(open(&gateway) <= before, "what was given back stays so");
    }
    assert!(kills > 0, "it was never killed during the expiry");
    assert_each_unit_came_back_once(&gateway, RESERVATIONS, 0);
    gateway.terminate();
    let visit = run_to_end(stockgate().arg("doctor").arg("--data-dir").arg(gateway.data_dir()));
    assert_eq!(visit.code, Some(0), "{}", visit.output());
}

/// A gateway that was killed, with open reservations that all are overdue.
fn with_overdue_reservations(count: usize) -> Gateway {
    let stock: Vec<(String, u64)> = (0..SKUS).map(|n| (sku(n), UNITS)).collect();
    let stock: Vec<(&str, u64)> = stock.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    let mut gateway = Gateway::stocked(&stock);
    let mut ws = gateway.ws();
    for first in (0..count).step_by(WINDOW) {
        let bodies = (first..count.min(first + WINDOW)).map(reserve);
        assert!(ws.pipelined("reserve", bodies).iter().all(Result::is_ok));
    }
    drop(ws);
    gateway.kill9();
    grow_older(&gateway.database(), 0);
    gateway
}

fn reserve(n: usize) -> Value {
    let skus: Vec<String> = (0..LINES).map(|line| sku((n * LINES + line) % SKUS)).collect();
    let lines: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    with(many(&name(n), &lines), "ttl_s", DAY_S)
}

/// Deducts one at a time; returns how long each took.
fn sell_until_all_have_ended(gateway: &Gateway) -> Vec<Duration> {
    let mut ws = gateway.ws();
    let mut waits = Vec::new();
    while waits.is_empty() || open(gateway) > 0 {
        let began = Instant::now();
        ws.ok("deduct", one(&format!("sold-{}", waits.len()), &sku(0), 1));
        waits.push(began.elapsed());
        assert_eq!(gateway.http().get("/readyz").status, 200);
    }
    waits
}

fn assert_each_unit_came_back_once(gateway: &Gateway, reservations: usize, sold: usize) {
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    for entry in gateway.http().ledger().iter().filter(|entry| entry["kind"] == "expire") {
        assert_eq!((&entry["change"], &entry["reserved_change"]), (&json!(0), &json!(-1)));
        *ended.entry(entry["request_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(ended.len(), reservations);
    assert!(ended.values().all(|lines| *lines == LINES), "each once: {ended:?}");
    for item in gateway.http().every_page("list", json!({}), "items") {
        let taken = if item["sku"] == sku(0) { sold as u64 } else { 0 };
        assert_eq!((number(&item, "on_hand"), number(&item, "reserved")), (UNITS - taken, 0));
    }
}

fn open(gateway: &Gateway) -> u64 {
    number(&gateway.http().ok("status", json!({})), "reservations")
}

fn name(n: usize) -> String {
    format!("held-{n:05}")
}

fn sku(n: usize) -> String {
    format!("S{n:04}")
}
