//! The hub is killed again and again while it delivers: nothing is lost, and nothing counts twice.
//!
//! `STOCKGATE_SINK_KILLS` is the number of kills; 20 without it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::pair::until_confirmed;
use super::receiver::{Receiver, SECRET};
use super::sinks::{feed, hub_with};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;
use crate::support::terminal::Terminal as _;

fn kills() -> u32 {
    let kills = std::env::var("STOCKGATE_SINK_KILLS");
    kills.map_or(20, |kills| kills.parse().expect("STOCKGATE_SINK_KILLS is a number"))
}

#[test]
fn kills_of_the_hub_lose_and_double_no_event() {
    let (broker, erp, shop) = (Broker::start(), Receiver::start(), Receiver::start());
    let hub = hub_with(&broker, &(erp.section("erp", "") + &shop.section("shop", "")));
    assert_complete_after_kills(&broker, hub, &[&erp, &shop], kills());
}

/// With PostgreSQL a sink is another worker's for a while, so kills are further apart.
#[test]
fn kills_of_a_hub_on_postgresql_lose_and_double_no_event() {
    let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
    let mut hub = Hub::prepare_on(&postgres.url(), &(erp.section("erp", "") + &broker.section()));
    hub.write("erp.secret", SECRET);
    hub.launch();
    assert_complete_after_kills(&broker, hub, &[&erp], kills().div_ceil(4));
}

fn assert_complete_after_kills(broker: &Broker, mut hub: Hub, sinks: &[&Receiver], kills: u32) {
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 1_000_000)]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let selling = scope.spawn(|| {
            let mut http = gateway.http();
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                http.ok("deduct", one(&format!("s{number}"), "A", 1));
                number += 1;
                sleep(Duration::from_millis(2));
            }
        });
        for kill in 0..kills {
            // At any moment: while it starts, books, delivers or saves a position.
            sleep(Duration::from_millis(u64::from(kill * 97 % 400)));
            sinks.iter().enumerate().for_each(|(at, sink)| {
                sink.state().status = (kill as usize % 5 == at).then_some(503);
            });
            hub.kill9();
            hub.launch();
        }
        sinks.iter().for_each(|sink| sink.state().status = None);
        is_over.store(true, Ordering::Relaxed);
        selling.join().unwrap();
    });
    until_confirmed(&gateway);
    let ledger = hub.ledger("wh-01", "gw-01");
    let expected: Vec<&str> =
        ledger.iter().map(|entry| entry["event_id"].as_str().unwrap()).collect();
    assert!(expected.len() > kills as usize, "{} entries", expected.len());
    for sink in sinks {
        until("every event has arrived", || {
            let arrived: BTreeSet<String> = sink.ids().into_iter().collect();
            arrived.len() == expected.len()
        });
        let arrived = sink.ids();
        let mut seen = BTreeSet::new();
        let first: Vec<&str> =
            arrived.iter().map(String::as_str).filter(|id| seen.insert(*id)).collect();
        assert_eq!(first, expected, "each once by its id, and in order");
        eprintln!(
            "{kills} kills: {} events, {} came again",
            first.len(),
            arrived.len() - first.len()
        );
    }
    let shown = feed(&hub);
    let ids: BTreeSet<&str> =
        shown.iter().filter_map(|event: &Value| event["event_id"].as_str()).collect();
    assert_eq!(ids.len(), shown.len());
}
