//! Every process dies under load and is started again: nothing is lost or doubled.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{
    ID, Pair, SITE, assert_balanced, assert_same_books, until_confirmed, until_state,
};
use crate::support::bodies::many;
use crate::support::broker::Broker;
use crate::support::cable::Cable;
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
use crate::support::terminal::{Terminal, number};

const SKUS: [&str; 4] = ["A", "B", "C", "D"];
const UNITS: u64 = 1_000_000;
const TERMINALS: usize = 3;
const ROUNDS: usize = 3;
/// The minimum number of movements of each terminal.
const MOVEMENTS: u64 = 500;
const LET_IT_WORK: Duration = Duration::from_millis(700);

#[test]
fn nothing_is_lost_or_doubled_when_broker_hub_and_gateway_die_under_load() {
    let mut pair = Pair::stocked(&SKUS.map(|sku| (sku, UNITS)));

    let deducted = under_load(&pair.gateway.http(), || {
        for _ in 0..ROUNDS {
            pair.broker.kill9();
            sleep(LET_IT_WORK);
            pair.broker.launch();
            sleep(LET_IT_WORK);
            pair.hub.kill9();
            sleep(LET_IT_WORK);
            pair.hub.launch();
            assert_balanced(&pair.hub);
            sleep(LET_IT_WORK);
            pair.gateway.kill9();
            pair.gateway.launch();
            sleep(LET_IT_WORK);
        }
    });

    pair.assert_in_step();
    assert_hub_has_deducted(&pair.hub, &deducted);
    let movements: u64 = deducted.values().map(|(times, _)| times).sum();
    assert_eq!(number_of_entries(&pair.hub), SKUS.len() as u64 + movements);
}

#[test]
fn nothing_is_lost_or_doubled_when_broker_hub_and_gateway_die_at_once() {
    let mut pair = Pair::stocked(&SKUS.map(|sku| (sku, UNITS)));

    let deducted = under_load(&pair.gateway.http(), || {
        for _ in 0..ROUNDS {
            sleep(LET_IT_WORK);
            pair.gateway.kill9();
            pair.hub.kill9();
            pair.broker.kill9();
            pair.gateway.launch();
            sleep(LET_IT_WORK);
            pair.broker.launch();
            pair.hub.launch();
        }
    });

    pair.assert_in_step();
    assert_hub_has_deducted(&pair.hub, &deducted);
}

#[test]
fn nothing_is_lost_or_doubled_on_a_cable_that_breaks_in_the_middle_of_frames() {
    let broker = Broker::start();
    let hub_cable = Cable::to(broker.port());
    let gateway_cable = Cable::to(broker.port());
    let hub = Hub::start_with(&hub_cable.section());
    let gateway = Gateway::stocked_with(&gateway_cable.section(), &SKUS.map(|sku| (sku, UNITS)));
    until_confirmed(&gateway);
    // A few bytes hold many entries.
    gateway_cable.cut_after(1_000..5_000);
    hub_cable.cut_after(2_000..10_000);

    let deducted = under_load(&gateway.http(), || sleep(8 * LET_IT_WORK));

    gateway_cable.mend();
    hub_cable.mend();
    assert!(gateway_cable.cuts() + hub_cable.cuts() > 0, "no cable broke");
    let pair = Pair { gateway, hub, broker };
    pair.assert_in_step();
    assert_hub_has_deducted(&pair.hub, &deducted);
}

/// `STOCKGATE_STORM_SECONDS` makes it longer.
#[test]
fn nothing_is_lost_or_doubled_on_cables_that_cut_stall_and_delay_at_random() {
    let seconds = std::env::var("STOCKGATE_STORM_SECONDS").ok();
    let seconds = seconds.map_or(15, |text| text.parse().expect("a number of seconds"));
    let broker = Broker::start();
    let cables = [Cable::to(broker.port()), Cable::to(broker.port())];
    let hub = Hub::start_with(&cables[0].section());
    let gateway = Gateway::stocked_with(&cables[1].section(), &SKUS.map(|sku| (sku, UNITS)));
    until_confirmed(&gateway);

    let mut granted = 0;
    let deducted = under_load(&gateway.http(), || granted = storm(&cables, &hub, seconds));

    cables.iter().for_each(Cable::mend);
    assert!(cables.iter().all(|cable| cable.cuts() > 0), "a cable never broke");
    let pair = Pair { gateway, hub, broker };
    until_landed(&pair.hub);
    pair.assert_in_step();
    assert!(granted > 0, "nothing was granted meanwhile");
    let (_, units) = deducted["A"];
    assert_eq!(number(&pair.hub.stock("A"), "total"), UNITS + granted - units);
}

/// Disturbs both cables, each in its own way, while units are granted and recalled; returns the
/// number of receipts.
fn storm(cables: &[Cable; 2], hub: &Hub, seconds: u64) -> u64 {
    let end = std::time::Instant::now() + Duration::from_secs(seconds);
    let mut received = 0;
    for round in 0.. {
        if std::time::Instant::now() >= end {
            return received;
        }
        received += transfer(hub, round);
        // Each cable breaks at least once; the rest is random.
        let (cable, what) = match usize::try_from(round) {
            Ok(first @ ..2) => (&cables[first], 0),
            _ => (&cables[fastrand::usize(..2)], fastrand::u8(..4)),
        };
        match what {
            0 => cable.cut_after(200..3_000),
            1 => cable.delay(0..120),
            2 => cable.stall(true),
            _ => cable.mend(),
        }
        sleep(Duration::from_millis(fastrand::u64(50..800)));
        if round < 2 {
            until("a cable broke", || cable.cuts() > 0);
        }
        cable.stall(false);
    }
    unreachable!("the rounds do not end before the time does")
}

/// Receives 5 units, grants them and asks for 3 back.
fn transfer(hub: &Hub, round: u64) -> u64 {
    let body = |name: &str, units: u64| json!({"request_id": format!("{name}-{round}"), "sku": "A", "quantity": units});
    let to_gateway = |mut body: Value| {
        (body["site"], body["gateway"]) = (SITE.into(), ID.into());
        body
    };
    let http = hub.http();
    assert_eq!(http.post("/api/receipts", &body("in", 5)).status, 200);
    assert_eq!(http.post("/api/grants", &to_gateway(body("grant", 5))).status, 200);
    assert_eq!(http.post("/api/recalls", &to_gateway(body("recall", 3))).status, 200);
    assert_balanced(hub);
    5
}

/// Waits until nothing is in transit and every recall is closed.
fn until_landed(hub: &Hub) {
    until("nothing is in transit", || number(&hub.stock("A"), "in_transit") == 0);
    until("every recall is closed", || {
        let recalls = (0..).map(|round| hub.http().get(&format!("/api/recalls/recall-{round}")));
        let mut known = recalls.take_while(|recall| recall.status == 200);
        known.all(|recall| recall.json()["state"] == "done")
    });
}

#[test]
fn movements_made_before_the_hub_existed_arrive_later() {
    let mut broker = Broker::prepare();
    let mut gateway = Gateway::stocked_with(&broker.section(), &SKUS.map(|sku| (sku, UNITS)));
    make_movements(&gateway, "first", 300);
    gateway.kill9();
    gateway.launch();
    make_movements(&gateway, "second", 300);
    gateway.restart();
    make_movements(&gateway, "third", 300);
    assert_eq!(until_state(&gateway, "offline")["acked_seq"], 0);

    broker.launch();
    let hub = Hub::start(&broker);

    until_confirmed(&gateway);
    assert_same_books(&gateway, &hub, SITE, ID);
    assert_balanced(&hub);
    assert_eq!(number_of_entries(&hub), 4 + 3 * 300);
}

#[test]
fn a_gateway_that_ran_without_a_hub_sends_everything_later() {
    let broker = Broker::start();
    let gateway = Gateway::stocked_with(&broker.section(), &SKUS.map(|sku| (sku, UNITS)));
    make_movements(&gateway, "early", 1_500);

    let hub = Hub::start(&broker);

    until_confirmed(&gateway);
    assert_same_books(&gateway, &hub, SITE, ID);
}

#[test]
fn gateways_of_two_sites_do_not_mix() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let names = [("wh-01", "gw-01"), ("wh-02", "gw-01"), ("wh-01", "gw-02")];
    let gateways = names.map(|(site, id)| Gateway::named(site, id, &broker.section()));
    for (n, gateway) in gateways.iter().enumerate() {
        let units = 1_000 * (n as u64 + 1);
        gateway.http().ok("restock", many("seed", &SKUS.map(|sku| (sku, units))));
        make_movements(gateway, "r", 50 * (n + 1));
    }

    for (gateway, (site, id)) in gateways.iter().zip(names) {
        until_confirmed(gateway);
        assert_same_books(gateway, &hub, site, id);
        assert_eq!(hub.gateway_at(site, id)["drift"], false);
    }

    assert_balanced(&hub);
    let on_hand = gateways.iter().map(|gateway| gateway.http().figures("A").0);
    let stock = hub.stock("A");
    assert_eq!(number(&stock, "total"), on_hand.sum::<u64>(), "{stock}");
    assert_eq!(stock["gateways"].as_array().unwrap().len(), names.len(), "{stock}");
    let epochs: Vec<Value> = hub.gateways().iter().map(|known| known["epoch"].clone()).collect();
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2], "{epochs:?}");
}

#[test]
fn gateways_with_the_longest_names_do_not_mix() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let site = "W.h_0-".repeat(11)[..64].to_owned();
    let ids = ["a", "b"].map(|end| "g".repeat(63) + end);
    let gateways = ids.each_ref().map(|id| Gateway::named(&site, id, &broker.section()));
    for gateway in &gateways {
        gateway.http().ok("restock", many("seed", &SKUS.map(|sku| (sku, UNITS))));
    }

    for (gateway, id) in gateways.iter().zip(&ids) {
        until_confirmed(gateway);
        assert_same_books(gateway, &hub, &site, id);
    }
}

#[test]
fn a_gateway_that_dies_does_not_delay_another() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let stock = SKUS.map(|sku| (sku, UNITS));
    let steady = Gateway::stocked_with(&broker.section(), &stock);
    let mut other = Gateway::named("wh-02", "gw-01", &broker.section());
    other.http().ok("restock", many("seed", &stock));

    for round in 0..3 {
        make_movements(&other, &format!("other-{round}"), 50);
        other.kill9();
        make_movements(&steady, &format!("steady-{round}"), 50);
        until_confirmed(&steady);
        other.launch();
    }

    until_confirmed(&other);
    assert_same_books(&steady, &hub, SITE, ID);
    assert_same_books(&other, &hub, "wh-02", "gw-01");
    assert_balanced(&hub);
}

/// SKU → the number of deductions, and their units.
type Deducted = BTreeMap<&'static str, (u64, u64)>;

/// Lets terminals deduct while something happens; returns what was applied.
fn under_load(http: &Http, happening: impl FnOnce()) -> Deducted {
    let is_over = AtomicBool::new(false);
    let deducted = scope(|scope| {
        let is_over = &is_over;
        let start = |n| scope.spawn(move || deduct_until(http, n, is_over));
        let terminals: Vec<_> = (0..TERMINALS).map(start).collect();
        happening();
        is_over.store(true, Ordering::Relaxed);
        terminals.into_iter().map(|terminal| terminal.join().unwrap()).collect::<Vec<_>>()
    });
    let mut sum = Deducted::new();
    for (sku, (times, units)) in deducted.into_iter().flatten() {
        let of_sku = sum.entry(sku).or_default();
        *of_sku = (of_sku.0 + times, of_sku.1 + units);
    }
    sum
}

fn deduct_until(http: &Http, terminal: usize, is_over: &AtomicBool) -> Deducted {
    let mut rng = fastrand::Rng::with_seed(terminal as u64);
    let mut deducted = Deducted::new();
    for n in 0.. {
        if n >= MOVEMENTS && is_over.load(Ordering::Relaxed) {
            break;
        }
        let first = rng.usize(..SKUS.len());
        let (sku, other) = (SKUS[first], SKUS[(first + 1) % SKUS.len()]);
        let lines = [(sku, rng.u64(1..=3)), (other, rng.u64(1..=3))];
        deduct_once(http, &many(&format!("{terminal}-{n}"), &lines));
        for (sku, units) in lines {
            let of_sku = deducted.entry(sku).or_default();
            *of_sku = (of_sku.0 + 1, of_sku.1 + units);
        }
    }
    deducted
}

/// Repeats a deduction until it is answered, as a terminal does whose gateway is unreachable.
fn deduct_once(http: &Http, body: &Value) {
    let body = body.to_string();
    let answer = eventually("a deduction is answered", || {
        http.try_send("POST", "/api/stock/deduct", Some(body.as_bytes())).ok()
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn make_movements(gateway: &Gateway, name: &str, count: usize) {
    let bodies = (0..count).map(|n| many(&format!("{name}-{n}"), &[(SKUS[n % SKUS.len()], 1)]));
    for outcome in gateway.ws().pipelined("deduct", bodies) {
        outcome.unwrap();
    }
}

fn assert_hub_has_deducted(hub: &Hub, deducted: &Deducted) {
    for (sku, (_, units)) in deducted {
        assert_eq!(number(&hub.stock(sku), "total"), UNITS - units, "{sku}");
    }
}

fn number_of_entries(hub: &Hub) -> u64 {
    hub.ledger(SITE, ID).len() as u64
}
