//! Subscriptions from a position of another ledger: the gateway's database was put back or
//! replaced while the terminal was away.

use std::fs::{File, read_to_string};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::{one, with};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal as _, number};
use crate::support::ws::Ws;

const EVENT_LIMIT: Duration = Duration::from_secs(30);

/// Otherwise such a terminal would hear nothing until the ledger has come as far again.
#[test]
fn a_position_beyond_the_ledger_gets_the_whole_stock_and_every_change() {
    let mut gateway = Gateway::stocked(&[("A", 10), ("B", 10), ("C", 10)]);
    let copy = gateway.backup();
    for n in 0..5 {
        gateway.http().ok("deduct", one(&format!("d{n}"), "A", 1));
    }
    let since = ledger_seq(&gateway);
    gateway.put_back(&copy);
    gateway.launch();
    assert!(ledger_seq(&gateway) < since, "the copy is older");

    for (choice, skus) in [
        (json!({"all": true}), &["A", "B", "C"][..]),
        (json!({"prefix": "A"}), &["A"]),
        (json!({"skus": ["A"]}), &["A"]),
    ] {
        let mut ws = gateway.ws();
        ws.ok("subscribe", with(choice.clone(), "since", since));

        let stock = skus.iter().map(|sku| gateway.http().item(sku));
        assert_eq!(next_items(&mut ws), stock.collect::<Value>(), "{choice}");
        let left = gateway.http().figures("A").0 - 1;
        gateway.http().ok("deduct", one(&format!("after {left}"), "A", 1));
        assert_eq!(next_items(&mut ws)[0]["on_hand"], left, "{choice}");
    }
}

/// The new ledger is longer than what the watch has seen of the old one: only the epoch tells
/// them apart.
#[test]
fn a_watch_that_meets_another_database_shows_all_that_it_holds() {
    let mut gateway = Gateway::stocked(&[("A", 10), ("B", 10)]);
    let other = Gateway::stocked(&[("X", 1), ("Y", 2), ("Z", 3)]);
    let shown = gateway.dir().join("watched");
    let mut watch = stockgate();
    watch.args(["watch", "--json", "--url", &gateway.url()]);
    watch.stdout(File::create(&shown).unwrap()).stderr(Stdio::null());
    let mut watch = watch.spawn().unwrap();
    let shows = |sku: &str| read_to_string(&shown).unwrap().contains(&format!("\"{sku}\""));
    until("the watch shows the old stock", || shows("A") && shows("B"));

    gateway.put_back(&other.backup());
    gateway.launch();
    until("the watch shows the end of the new stock", || shows("Z"));

    let skus = ["X", "Y"].map(shows);
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(skus, [true, true], "{}", read_to_string(&shown).unwrap());
}

fn ledger_seq(gateway: &Gateway) -> u64 {
    number(&gateway.http().ok("status", json!({})), "ledger_seq")
}

fn next_items(ws: &mut Ws) -> Value {
    let event = ws.next_event("stock", EVENT_LIMIT);
    event.expect("the gateway is silent")["items"].take()
}
