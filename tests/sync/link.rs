//! The gateway's link status, and when an entry counts as confirmed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use stockgate::protocol::Frame;
use stockgate::protocol::frame::{Epoch, Resume};
use stockgate::protocol::wire::Wire;
use uuid::Uuid;

use super::forged::{hello, restocks};
use super::pair::{ID, Pair, SITE, STATE, UP, assert_same_books, until_confirmed, until_state};
use crate::support::bodies::{many, one};
use crate::support::broker::Broker;
use crate::support::cable::Cable;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;
use crate::support::patience::{eventually, patience, throughout, until};
use crate::support::terminal::{Terminal, number};
use crate::support::ws::Ws;

#[test]
fn without_a_broker_configured_sync_is_disabled() {
    let gateway = Gateway::stocked(&[("A", 1)]);

    let sync = gateway.sync();

    assert_eq!(sync["state"], "disabled");
    assert_eq!((number(&sync, "acked_seq"), number(&sync, "pending")), (0, 1));
}

#[test]
fn without_a_reachable_broker_the_link_is_offline_and_deductions_go_on() {
    let broker = Broker::prepare();
    let mut gateway = Gateway::stocked_with(&broker.section(), &[("A", 10)]);

    let sync = eventually("a reason that names the broker", || {
        let names_it = |sync: &Value| reason(sync).contains(&broker.port().to_string());
        Some(until_state(&gateway, "offline")).filter(names_it)
    });

    assert!(reason(&sync).contains("cannot be reached"), "{sync}");
    gateway.http().ok("deduct", one("r1", "A", 4));
    assert_eq!(gateway.http().figures("A"), (6, 0));
    let sync = gateway.sync();
    assert_eq!((number(&sync, "acked_seq"), number(&sync, "pending")), (0, 2));
    until("what waits grows older", || number(&gateway.sync(), "oldest_pending_s") >= 1);
    gateway.restart();
    assert!(number(&gateway.sync(), "oldest_pending_s") >= 1, "{}", gateway.sync());
}

#[test]
fn a_broker_without_a_hub_does_not_make_the_link_online() {
    let broker = Broker::start();
    let mut bystander = Bystander::hearing(&broker, STATE);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 10)]);
    assert_eq!(state_in(&bystander.next())["online"], true, "the broker is reached");

    throughout(Duration::from_secs(1), || {
        let sync = gateway.sync();
        assert_eq!((&sync["state"], &sync["acked_seq"]), (&json!("offline"), &json!(0)));
        assert!(reason(&sync).contains("hub"), "{sync}");
    });

    let hub = Hub::start(&broker);
    until_confirmed(&gateway);
    assert_same_books(&gateway, &hub, SITE, ID);
    let sync = gateway.sync();
    assert_eq!(
        sync,
        json!({"state": "online", "reason": null, "books": hub.http().get("/api/status").json()["books"],
            "acked_seq": 1, "pending": 0, "oldest_pending_s": 0})
    );
}

#[test]
fn a_hub_that_stops_answering_takes_the_link_offline() {
    let mut pair = Pair::stocked(&[("A", 10)]);
    pair.hub.kill9();
    pair.gateway.http().ok("deduct", one("r1", "A", 4));

    let sync = until_state(&pair.gateway, "offline");

    assert!(reason(&sync).contains("the hub does not"), "{sync}");
    assert_eq!((number(&sync, "acked_seq"), number(&sync, "pending")), (1, 1));
    pair.hub.launch();
    pair.assert_in_step();
}

#[test]
fn a_hanging_hub_takes_the_link_offline_until_it_recovers() {
    let pair = Pair::stocked(&[("A", 10)]);
    pair.hub.pause();
    pair.gateway.http().ok("deduct", one("r1", "A", 4));

    until_state(&pair.gateway, "offline");

    pair.hub.resume();
    pair.assert_in_step();
}

#[test]
fn a_broker_that_stops_takes_the_link_offline_until_it_returns() {
    let mut pair = Pair::stocked(&[("A", 10)]);
    pair.broker.kill9();

    let sync = until_state(&pair.gateway, "offline");

    assert!(!reason(&sync).is_empty(), "{sync}");
    pair.gateway.http().ok("deduct", one("r1", "A", 4));
    pair.broker.launch();
    pair.assert_in_step();
}

#[test]
fn every_change_of_the_link_is_an_event() {
    let mut pair = Pair::stocked(&[("A", 10)]);
    let mut ws = pair.gateway.ws();
    ws.ok("subscribe", json!({"all": true}));

    pair.broker.kill9();
    let offline = next_sync(&mut ws, "offline");
    assert!(!reason(&offline).is_empty(), "{offline}");

    pair.gateway.http().ok("deduct", one("r1", "A", 4));
    pair.broker.launch();
    assert_eq!(next_sync(&mut ws, "online")["reason"], Value::Null);
    loop {
        let sync = next_sync(&mut ws, "online");
        if sync["pending"] == 0 {
            assert_eq!(sync["acked_seq"], 2);
            return;
        }
    }
}

#[test]
fn a_backlog_that_changes_all_the_time_makes_one_event_a_second() {
    let pair = Pair::stocked(&[("A", 1_000_000)]);
    let (mut watching, mut working) = (pair.gateway.ws(), pair.gateway.ws());
    watching.ok("subscribe", json!({"skus": ["A"]}));
    let begun = Instant::now();
    let mut events = 0;
    for n in 0.. {
        if begun.elapsed() > Duration::from_secs(4) {
            break;
        }
        working.ok("deduct", one(&format!("r{n}"), "A", 1));
        while watching.next_event("sync", Duration::from_millis(1)).is_some() {
            events += 1;
        }
    }

    // The first event is the current state; the gateway's clock is not that of this test.
    let most = begun.elapsed().as_secs() + 2;
    assert!((2..=most).contains(&events), "{events} events, at most {most} were due");
}

#[test]
fn an_entry_is_confirmed_only_after_the_hub_has_committed_it() {
    let pair = Pair::stocked(&[("A", 1_000_000)]);
    let is_done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            let mut ws = pair.gateway.ws();
            for n in 0..2_000 {
                ws.ok("deduct", one(&format!("r{n}"), "A", 1));
            }
            is_done.store(true, Ordering::Relaxed);
        });
        while !is_done.load(Ordering::Relaxed) {
            let acked_seq = number(&pair.gateway.sync(), "acked_seq");
            assert_hub_has(&pair.hub, acked_seq);
        }
    });
    pair.assert_in_step();
}

#[test]
fn nothing_is_confirmed_while_the_hub_cannot_write() {
    let pair = Pair::stocked(&[("A", 100)]);
    let books = Connection::open(pair.hub.database()).unwrap();
    books.execute_batch("BEGIN IMMEDIATE").unwrap();

    for n in 0..10 {
        pair.gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }

    // Longer than the hub waits for its database, so that it has given up at least once.
    throughout(Duration::from_secs(7), || {
        let sync = pair.gateway.sync();
        assert_eq!((number(&sync, "acked_seq"), number(&sync, "pending")), (1, 10));
    });
    books.execute_batch("ROLLBACK").unwrap();
    pair.assert_in_step();
}

#[test]
fn a_hub_that_is_killed_has_on_its_disk_what_it_confirmed() {
    let mut pair = Pair::stocked(&[("A", 1_000_000)]);
    for round in 0..3 {
        let mut ws = pair.gateway.ws();
        ws.pipelined("deduct", (0..200).map(|n| one(&format!("{round}-{n}"), "A", 1)));
        pair.hub.kill9();
        // An acknowledgement may still be in transit at the broker.
        sleep(Duration::from_millis(200));

        let acked_seq = number(&pair.gateway.sync(), "acked_seq");

        assert!(committed_on_disk(&pair.hub) >= acked_seq, "{acked_seq} was confirmed");
        pair.hub.launch();
    }
    pair.assert_in_step();
}

#[test]
fn confirmed_entries_stay_confirmed_after_an_offline_restart() {
    let mut pair = Pair::stocked(&[("A", 5), ("B", 6)]);
    pair.broker.kill9();
    until_state(&pair.gateway, "offline");
    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    // Positions are saved with the next commit at the latest.
    pair.gateway.kill9();
    pair.gateway.launch();

    let sync = until_state(&pair.gateway, "offline");

    assert_eq!((number(&sync, "acked_seq"), number(&sync, "pending")), (2, 1));
}

#[test]
fn the_state_of_a_gateway_is_retained_for_subscribers() {
    let pair = Pair::stocked(&[("A", 1)]);

    let message = Bystander::hearing(&pair.broker, "stockgate/1/+/+/state").next();

    let state = state_in(&message);
    assert_eq!((message.topic.as_str(), message.retain), (STATE, true));
    assert_eq!((&state["online"], &state["version"]), (&json!(true), &json!(version())));
    assert_eq!(state["epoch"], pair.known()["epoch"]);
    assert!(humantime::parse_rfc3339(state["since"].as_str().unwrap()).is_ok(), "{state}");
}

#[test]
fn the_state_of_a_gateway_that_dies_is_its_last_will() {
    let mut pair = Pair::stocked(&[("A", 1)]);
    let mut bystander = Bystander::hearing(&pair.broker, STATE);
    assert_eq!(state_in(&bystander.next())["online"], true);

    pair.gateway.kill9();

    assert_farewell(&mut bystander, &pair);
    pair.gateway.launch();
    assert_eq!(state_in(&bystander.next())["online"], true);
    until("the hub sees it again", || pair.known()["online"] == true);
}

#[test]
fn a_stopping_gateway_publishes_its_offline_state() {
    let mut pair = Pair::stocked(&[("A", 1)]);
    let mut bystander = Bystander::hearing(&pair.broker, STATE);
    assert_eq!(state_in(&bystander.next())["online"], true);

    assert_eq!(pair.gateway.terminate(), Some(0));

    assert_farewell(&mut bystander, &pair);
}

#[test]
fn a_starting_hub_learns_which_gateways_are_online() {
    let mut pair = Pair::stocked(&[("A", 1)]);
    pair.hub.terminate();
    pair.hub.launch();
    until("the hub sees the gateway", || pair.known()["online"] == true);

    pair.hub.terminate();
    pair.gateway.kill9();
    pair.hub.launch();
    throughout(Duration::from_secs(1), || assert_eq!(pair.known()["online"], false));
}

#[test]
fn a_reconnected_hub_announces_its_position_to_every_gateway() {
    let broker = Broker::start();
    let cable = Cable::to(broker.port());
    let hub = Hub::start_with(&cable.section());
    let mut gateways = Bystander::hearing(&broker, "stockgate/1/wh-01/+/down");
    let epochs = [7, 8].map(|n| Epoch::from(Uuid::from_u128(n)));
    for (epoch, id) in epochs.into_iter().zip(["gw-07", "gw-08"]) {
        let up = format!("stockgate/1/wh-01/{id}/up");
        until("the hub has its entries", || {
            // The hub may not listen yet.
            gateways.publish(&up, &hello(epoch, 0).encode(Wire::UP));
            gateways.publish(&up, &restocks(epoch, 1, &[("A", 5), ("B", 5)]).encode(Wire::UP));
            gateways
                .all()
                .iter()
                .any(|message| matches!(said(message), (heard, 2, _) if heard == epoch))
        });
    }

    cable.cut_after(0..1);
    gateways.publish(UP, b"what comes next does not arrive");
    until("the hub is cut off", || hub.http().metric("stockgate_hub_link_losses_total") > 0);
    cable.mend();

    let unasked =
        std::iter::repeat_with(|| said(&gateways.next())).filter(|(.., nonce)| *nonce == Some(0));
    let mut told: Vec<_> = unasked.take(2).collect();
    told.sort_by_key(|(epoch, ..)| Uuid::from(*epoch));
    assert_eq!(told, epochs.map(|epoch| (epoch, 2, Some(0))));
}

/// A broker without persistence has neither the retained state nor the last will after a restart.
#[test]
fn a_gateway_that_is_lost_together_with_the_broker_does_not_stay_online() {
    let mut pair = Pair::stocked(&[("A", 1)]);
    pair.broker.kill9();
    pair.gateway.kill9();

    pair.broker.launch();

    until("the hub knows that it is gone", || pair.known()["online"] == false);
}

#[test]
fn terminals_are_answered_while_the_link_hangs() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    pair.hub.kill9();
    let lines: Vec<(String, u64)> = (0..500).map(|n| (format!("S{n}"), 1)).collect();
    let lines: Vec<(&str, u64)> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    for n in 0..20 {
        pair.gateway.http().ok("restock", many(&format!("in-{n}"), &lines));
    }
    pair.hub.launch();
    pair.assert_in_step();
}

fn reason(sync: &Value) -> &str {
    sync["reason"].as_str().unwrap_or_default()
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn state_in(message: &rumqttc::Publish) -> Value {
    serde_json::from_slice(&message.payload).expect("a state is JSON")
}

/// The next `sync` event with this state.
fn next_sync(ws: &mut Ws, state: &str) -> Value {
    loop {
        let mut event = ws.next_event("sync", patience()).expect("the state changes");
        if event["sync"]["state"] == state {
            return event["sync"].take();
        }
    }
}

fn assert_farewell(bystander: &mut Bystander, pair: &Pair) {
    let state = state_in(&bystander.next());
    assert_eq!((&state["online"], &state["version"]), (&json!(false), &json!(version())));
    assert_eq!(state["epoch"], pair.known()["epoch"]);
    let retained = Bystander::hearing(&pair.broker, STATE).next();
    assert_eq!((state_in(&retained), retained.retain), (state, true));
    until("the hub knows that it is gone", || pair.known()["online"] == false);
}

/// The position that the hub names, and the nonce of the greeting that it answers, if any.
fn said(message: &rumqttc::Publish) -> (Epoch, u64, Option<u64>) {
    match Frame::decode(&message.payload) {
        Ok(Frame::Resume(Resume { position, nonce })) => {
            (position.epoch, position.acked_seq, Some(nonce))
        }
        Ok(Frame::Ack(position)) => (position.epoch, position.acked_seq, None),
        other => panic!("{other:?}"),
    }
}

fn assert_hub_has(hub: &Hub, seq: u64) {
    let query = json!({"site": SITE, "gateway": ID, "after": seq - 1, "limit": 1});
    let page = hub.http().ok("ledger", query);
    assert_eq!(page["entries"][0]["seq"], seq, "confirmed, and not in the hub's books");
}

/// The position committed by a hub that does not run.
fn committed_on_disk(hub: &Hub) -> u64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let books = Connection::open_with_flags(hub.database(), flags).unwrap();
    let last: i64 = books.query_row("SELECT max(seq) FROM entry", [], |row| row.get(0)).unwrap();
    u64::try_from(last).unwrap()
}
