//! Past the last second of 32-bit time, 2038-01-19T03:14:07Z: gateway and hub with a clock that is
//! set ahead, and the real broker between them.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::clock::{Clock, end_of_32_bits, moment};
use super::edge::{ARMV7, Edge, HUB, X86_64};
use crate::pair::Pair;
use crate::support::bodies::{many, one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

/// The time from the start to the end of 32-bit time: enough for all that must happen before.
const LEAD: Duration = Duration::from_secs(30);
/// The programs write milliseconds and truncate the rest.
const ROUNDING: Duration = Duration::from_millis(1);

#[test]
fn the_armv7_file_works_in_2039() {
    works_in_2039(&ARMV7);
}

#[test]
fn the_x86_64_file_works_in_2039() {
    works_in_2039(&X86_64);
}

#[test]
fn the_armv7_file_runs_past_the_end_of_32_bit_time() {
    goes_on_beyond_the_end(&ARMV7);
}

#[test]
fn the_x86_64_file_runs_past_the_end_of_32_bit_time() {
    goes_on_beyond_the_end(&X86_64);
}

fn works_in_2039(edge: &Edge) {
    let clock = Clock::showing(moment("2039-06-01T12:00:00Z"));
    let mut pair = pair_with(edge, &clock);
    let begun = clock.now();

    pair.gateway.ws().ok("restock", many("in", &[("A", 10)]));
    pair.gateway.ws().ok("deduct", one("out", "A", 4));
    pair.gateway.restart();
    pair.gateway.ws().ok("deduct", one("later", "A", 1));

    pair.assert_in_step();
    let ledger = pair.gateway.http().ledger();
    let times = times_of(&ledger);
    assert_eq!(times.len(), 3);
    assert!(begun - ROUNDING <= times[0] && times[2] <= clock.now(), "{ledger:?}");
    assert!(times.is_sorted_by(|one, next| one < next), "{ledger:?}");
    assert!(last_seen(&pair) >= begun, "{}", pair.known());
}

fn goes_on_beyond_the_end(edge: &Edge) {
    let end = end_of_32_bits();
    let clock = Clock::showing(end - LEAD);
    let pair = pair_with(edge, &clock);
    let mut ws = pair.gateway.ws();

    ws.ok("restock", many("in", &[("A", 10)]));
    let held = ws.ok("reserve", with(one("held", "A", 3), "ttl_s", LEAD.as_secs() + 2));
    ws.ok("deduct", one("before", "A", 1));
    until("the last second of 32 bits is over", || clock.now() > end);
    ws.ok("deduct", one("after", "A", 2));
    until("the reservation ends", || pair.gateway.http().figures("A") == (7, 0));

    pair.assert_in_step();
    let ledger = pair.gateway.http().ledger();
    let times = times_of(&ledger);
    let kinds: Vec<_> = ledger.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["restock", "reserve", "deduct", "deduct", "expire"]);
    assert!(times.is_sorted(), "{ledger:?}");
    assert!(times[2] < end, "the machine was too slow to do all before the end");
    assert!(times[3] >= end, "{ledger:?}");
    assert_close(times[4], moment(held["expires_at"].as_str().unwrap()));
    assert!(last_seen(&pair) >= end, "{}", pair.known());
}

/// A gateway from this file, and a hub, both with this clock.
fn pair_with(edge: &Edge, clock: &Clock) -> Pair {
    let broker = Broker::start();
    let hub = Hub::start_as(HUB.emulated("").run_by(&clock.runner()), &broker.section());
    let program = edge.emulated("").run_by(&clock.runner());
    let mut gateway = Gateway::prepare_with(program, &broker.section());
    gateway.launch();
    Pair { gateway, hub, broker }
}

/// When the hub last heard of the gateway, by the hub's clock.
fn last_seen(pair: &Pair) -> SystemTime {
    moment(pair.known()["last_seen"].as_str().unwrap())
}

fn times_of(ledger: &[Value]) -> Vec<SystemTime> {
    ledger.iter().map(|entry| moment(entry["at"].as_str().unwrap())).collect()
}

fn assert_close(time: SystemTime, expected: SystemTime) {
    let late = time.duration_since(expected).unwrap_or_default();
    let early = expected.duration_since(time).unwrap_or_default();
    assert!(late.max(early) < Duration::from_secs(15), "{time:?} instead of {expected:?}");
}
