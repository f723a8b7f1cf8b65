//! A watched stock: how it is, each change, and how a client goes on after an interruption.

use std::collections::BTreeMap;

use tonic::{Code, Streaming};

use super::client::{Client, hub_with_grpc, listening, sale, why};
use super::proto::{StockItem, StockUpdate, WatchStockRequest};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;
use crate::support::process::free_port;
use crate::support::terminal::Terminal as _;

/// The total of each SKU of an update.
fn totals(update: &StockUpdate) -> Vec<(&str, i64)> {
    let total = |item: &StockItem| item.total.as_ref().unwrap().units;
    update.items.iter().map(|item| (&*item.sku, total(item))).collect()
}

fn next(client: &Client, updates: &mut Streaming<StockUpdate>) -> StockUpdate {
    client.next(updates).unwrap().expect("the watch goes on")
}

fn of_skus(skus: &[&str]) -> WatchStockRequest {
    let skus = skus.iter().map(ToString::to_string).collect();
    WatchStockRequest { skus, ..WatchStockRequest::default() }
}

fn since(cursor: &str) -> WatchStockRequest {
    WatchStockRequest { since: cursor.into(), ..WatchStockRequest::default() }
}

#[test]
fn a_watch_begins_with_the_stock_and_goes_on_where_it_was_interrupted() {
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    for (id, sku) in [("1", "A"), ("2", "AB"), ("3", "B")] {
        client.receive_one(id, sku, 10);
    }
    let mut all = client.watch(WatchStockRequest::default()).unwrap();
    let first = next(&client, &mut all);
    assert_eq!(totals(&first), [("A", 10), ("AB", 10), ("B", 10)]);
    let with_prefix = WatchStockRequest { prefix: "A".into(), ..WatchStockRequest::default() };
    let mut with_prefix = client.watch(with_prefix).unwrap();
    assert_eq!(totals(&next(&client, &mut with_prefix)), [("A", 10), ("AB", 10)]);
    let mut named = client.watch(of_skus(&["B", "new"])).unwrap();
    assert_eq!(totals(&next(&client, &mut named)), [("B", 10)]);

    assert_eq!(hub.http().post("/api/deduct", &one("s1", "B", 1)).status, 200);
    let second = next(&client, &mut all);
    assert_eq!(totals(&second), [("B", 9)]);
    assert_eq!(totals(&next(&client, &mut named)), [("B", 9)]);
    client.receive_one("4", "new", 5);
    assert_eq!(totals(&next(&client, &mut named)), [("new", 5)]);
    client.deduct(sale("AB", 2, "o1")).unwrap();
    assert_eq!(totals(&next(&client, &mut with_prefix)), [("AB", 8)], "and not B");

    drop(all);
    for order in ["o2", "o3"] {
        client.deduct(sale("A", 1, order)).unwrap();
    }
    let mut again = client.watch(since(&second.cursor)).unwrap();
    assert_eq!(totals(&next(&client, &mut again)), [("A", 8), ("AB", 8), ("new", 5)]);
    let mut again = client.watch(since(&first.cursor)).unwrap();
    let changed = next(&client, &mut again);
    assert_eq!(totals(&changed), [("A", 8), ("AB", 8), ("B", 9), ("new", 5)]);
    // A place that the books do not have: all of it.
    let mut gone = client.watch(since("999999.1")).unwrap();
    assert_eq!(totals(&next(&client, &mut gone)).len(), 4);
    let bad = (Code::InvalidArgument, "bad_request".to_owned());
    assert_eq!(why(client.watch(since("yesterday"))), bad);
    assert_eq!(why(client.watch(WatchStockRequest { prefix: "A".into(), ..of_skus(&["A"]) })), bad);
    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    let many = WatchStockRequest { skus: many, ..WatchStockRequest::default() };
    assert_eq!(why(client.watch(many)), (Code::OutOfRange, "too_large".into()));
}

#[test]
fn a_watch_shows_every_place_and_what_other_workers_book() {
    let (broker, postgres) = (Broker::start(), Postgres::start());
    let port = free_port();
    let worker = |name: &str, keys: &str| {
        let keys =
            format!("worker = \"{name}\"\nsubscription = \"shared\"\n{keys}{}", broker.section());
        Hub::start_on(&postgres.url(), &keys)
    };
    let _hub = worker("hub-1", &listening(port, ""));
    let other = worker("hub-2", "");
    let client = Client::new(port);
    let mut updates = client.watch(WatchStockRequest::default()).unwrap();
    assert_eq!(totals(&next(&client, &mut updates)), []);
    assert_eq!(other.http().post("/api/receipts", &one("po", "A", 10)).status, 200);
    assert_eq!(totals(&next(&client, &mut updates)), [("A", 10)]);
    let gateway = Gateway::named("wh-01", "gw-01", &broker.section());
    gateway.http().ok("restock", one("in", "A", 5));
    let update = next(&client, &mut updates);
    assert_eq!(totals(&update), [("A", 15)]);
    let place = &update.items[0].gateways[0];
    assert_eq!((&*place.site, place.on_hand.as_ref().unwrap().units), ("wh-01", 5));
}

/// Changes that come faster than they are read are joined, and the last figures arrive.
#[test]
fn a_client_that_reads_slowly_gets_fewer_updates_and_the_newest_stock() {
    const SKUS: usize = 40;
    const ROUNDS: usize = 30;
    let (hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let mut updates = client.watch(WatchStockRequest::default()).unwrap();
    next(&client, &mut updates);
    let names: Vec<String> = (0..SKUS).map(|n| format!("{n:0>60}")).collect();
    for round in 0..ROUNDS {
        let lines: Vec<_> = names.iter().map(|sku| (sku.as_str(), 1)).collect();
        let body = crate::support::bodies::many(&format!("r{round}"), &lines);
        assert_eq!(hub.http().post("/api/receipts", &body).status, 200);
    }
    let (mut latest, mut read) = (BTreeMap::new(), 0);
    while latest.len() < SKUS || latest.values().any(|total| *total != ROUNDS as i64) {
        let update = next(&client, &mut updates);
        read += update.items.len();
        let found: Vec<(String, i64)> =
            totals(&update).into_iter().map(|(sku, total)| (sku.to_owned(), total)).collect();
        for (sku, total) in found {
            let before = latest.insert(sku, total);
            assert!(before <= Some(total), "{update:?}");
        }
    }
    assert!(read < SKUS * ROUNDS, "{read}");
}

#[test]
fn a_watch_is_told_that_the_hub_stops() {
    let (mut hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let mut updates = client.watch(WatchStockRequest::default()).unwrap();
    next(&client, &mut updates);
    assert_eq!(hub.terminate(), Some(0));
    let ended = client.next(&mut updates);
    assert_eq!(why(ended), (Code::Unavailable, "storage_unavailable".into()));
    hub.launch();
    client.receive_one("po", "A", 1);
}
