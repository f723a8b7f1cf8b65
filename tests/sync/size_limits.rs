//! Brokers with a limit on the size of messages: Mosquitto drops a larger one and acknowledges it
//! (`message_size_limit`), or closes the connection over it (`max_packet_size`).
#![allow(clippy::print_stdout, reason = "docs/OPERATIONS.md names the figures")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, assert_balanced, until_confirmed};
use crate::support::bodies::one;
use crate::support::broker::{Broker, section};
use crate::support::cable::Cable;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::meddler::Meddler;
use crate::support::patience::{until, until_within};
use crate::support::process::run_to_end;
use crate::support::program::{stockgate, stockgate_hub};
use crate::support::terminal::Terminal;

const KINDS: [&str; 2] = ["message_size_limit", "max_packet_size"];
const ORDERS: u64 = 3_000;
/// What is said of a limit, upwards and downwards.
const WORDS: &str = "do not get through, small ones do: a size limit of the broker or of a proxy";

#[test]
fn a_backlog_passes_every_limit_with_at_most_twice_the_bytes() {
    let free = drained("");
    println!("no limit: {free} bytes");
    for kind in KINDS {
        for limit in [4_096, 8_192, 16_384] {
            let sent = drained(&format!("{kind} {limit}\n"));
            println!("{kind} {limit}: {sent} bytes");
            assert!(sent <= 2 * free, "{kind} {limit}: {sent} bytes, {free} without a limit");
        }
    }
}

#[test]
fn a_catalogue_and_a_long_grant_pass_every_limit_with_at_most_twice_the_bytes() {
    let free = sent_down("");
    for kind in KINDS {
        for limit in [4_096, 8_192, 16_384] {
            let sent = sent_down(&format!("{kind} {limit}\n"));
            assert!(sent <= 2 * free, "{kind} {limit}: {sent} bytes, {free} without a limit");
        }
    }
}

/// The bytes that a hub sends to have a catalogue and a grant taken.
fn sent_down(limit: &str) -> usize {
    let broker = Broker::start_with(&format!("allow_anonymous true\n{limit}"));
    let cable = Cable::to(broker.port());
    let hub = Hub::start_with(&cable.section());
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 1)]);
    until_confirmed(&gateway);
    let (began, before) = (Instant::now(), cable.sent());
    assert_stocked_up(&hub, &gateway);
    let sent = cable.sent() - before;
    println!("{:?} {sent} bytes downwards in {:?}", limit.trim(), began.elapsed());
    until_confirmed(&gateway);
    assert_balanced(&hub);
    match limit {
        "" => assert_eq!(hub.http().metric("stockgate_hub_frame_lost_bytes"), 0),
        _ => assert_named_at_the_hub(&hub, limit.contains("message_size_limit")),
    }
    sent
}

/// A proxy before the gateway drops them without a word, so neither the broker nor the hub's way to it has
/// a limit.
#[test]
fn a_catalogue_and_a_long_grant_pass_a_proxy_that_drops_large_packets_on_the_way_down() {
    let broker = Broker::start();
    let cable = Cable::to(broker.port());
    let hub = Hub::start_with(&cable.section());
    let meddler = Meddler::dropping_on_the_way_down(broker.port(), 4_096);
    let gateway = Gateway::stocked_with(&section(&meddler.url(), &[]), &[("A", 1_000_000)]);
    until_confirmed(&gateway);
    let before = cable.sent();
    assert_stocked_up(&hub, &gateway);
    let sent = cable.sent() - before;
    println!("a proxy drops them: {sent} bytes downwards");
    assert!(sent <= 2 * sent_down(""), "{sent} bytes");
    assert_named_at_the_hub(&hub, true);
    order(&gateway, "up", ORDERS);
    until_confirmed(&gateway);
    assert_balanced(&hub);
    let of = |name: &str| gateway.http().metric(name);
    assert_eq!(of("stockgate_sync_frame_lost_bytes"), 0, "upwards there is no limit");
    assert_eq!(of("stockgate_link_losses_total"), 0);
}

/// Publishes a long catalogue, grants many lines and then a few, and waits until all has arrived.
fn assert_stocked_up(hub: &Hub, gateway: &Gateway) {
    let lines: Vec<String> =
        (0..2_000).map(|n| format!("SKU-{n:05},Article number {n} of the catalogue,\n")).collect();
    let csv = format!("sku,name,barcodes\n{}", lines.concat());
    assert_eq!(hub.http().send_raw("PUT", "/api/catalogue", csv.as_bytes()).status, 200);
    let lines: Vec<Value> =
        (0..250).map(|n| json!({"sku": format!("SKU-{n:05}"), "quantity": 2})).collect();
    let receipt = json!({"request_id": "in", "lines": lines});
    assert_eq!(hub.http().post("/api/receipts", &receipt).status, 200);
    for (id, lines) in [("long", &lines[1..]), ("behind it", &lines[..1])] {
        let grant = json!({"request_id": id, "site": SITE, "gateway": ID, "lines": lines});
        assert_eq!(hub.http().post("/api/grants", &grant).status, 200);
    }
    gateway.http().ok("restock", one("last", "SKU-01999", 1));
    for sku in ["SKU-00249", "SKU-00000"] {
        gateway.http().ok("restock", one(sku, sku, 1));
        until("the grant has arrived", || gateway.http().figures(sku) == (3, 0));
    }
    let name = || gateway.http().item("SKU-01999")["name"].clone();
    until("the catalogue has arrived", || name() == "Article number 1999 of the catalogue");
}

/// The record of the gateway, the metric, and the hub's doctor name the limit. The log names the
/// gateway, unless it is the hub's own connection that is closed.
fn assert_named_at_the_hub(hub: &Hub, is_logged: bool) {
    until("the record of the gateway names it", || {
        let problem = hub.gateway_at(SITE, ID)["problem"].take();
        let names_it = |why: &str| why.contains(&format!("between it and the hub {WORDS}"));
        problem.as_str().is_some_and(names_it)
    });
    assert_eq!(hub.gateway_at(SITE, ID)["drift"], false, "its stock is right");
    assert!(hub.http().metric("stockgate_hub_frame_lost_bytes") > 960);
    let mut doctor = stockgate_hub();
    let visit = run_to_end(doctor.args(["doctor", "--config"]).arg(hub.config_path()));
    let names_it = |line: &str| line.contains(&format!("{SITE}/{ID}")) && line.contains(WORDS);
    assert!(visit.stdout.lines().any(names_it), "{visit:?}");
    let log = hub.log();
    let logged = log.lines().filter(|line| names_it(line)).count();
    assert!(!is_logged || logged == 1, "{logged} times in {log}");
}

/// It takes as long as a gateway and a hub wait before they try a larger frame again, and as a
/// greeting of an idle link takes to come.
#[test]
fn a_limit_that_is_raised_is_not_reported_any_more_though_nothing_large_is_sent() {
    let mut broker = Broker::start_with("allow_anonymous true\nmessage_size_limit 8192\n");
    let hub = Hub::start(&broker);
    let cable = Cable::to(broker.port());
    let gateway = backlog(&cable);
    until_confirmed(&gateway);
    assert_named(&gateway);
    broker.restart_with("allow_anonymous true\n");
    until_confirmed(&gateway);
    let is_named_at_hub = || hub.gateway_at(SITE, ID)["problem"].as_str().is_some();
    until("the hub has heard of it", is_named_at_hub);

    let (began, sent) = (Instant::now(), cable.sent());
    until_within(Duration::from_secs(130), "the gateway reports none", || {
        gateway.http().metric("stockgate_sync_frame_lost_bytes") == 0
    });
    println!("after {:?}, and {} bytes", began.elapsed(), cable.sent() - sent);
    until("nor does its status", || gateway.sync()["reason"] == Value::Null);
    until_within(Duration::from_secs(190), "the hub reports none", || !is_named_at_hub());
    println!("at the hub after {:?}", began.elapsed());
    assert!(gateway.log().contains("large frames arrive again"));
    assert!(hub.log().contains("large frames arrive again"));
    assert!(cable.sent() - sent < 64 << 10, "a few frames");
}

/// The broker closes the hub's own connection over a large frame. It takes as long as the wait after the
/// search for a size that passes, and some greetings of an idle link.
#[test]
#[ignore = "takes four minutes"]
fn a_limit_of_the_hub_s_own_connection_is_not_reported_any_more_once_it_is_raised() {
    let mut broker = Broker::start_with("allow_anonymous true\nmax_packet_size 8192\n");
    let hub = Hub::start(&broker);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 1)]);
    until_confirmed(&gateway);
    assert_stocked_up(&hub, &gateway);
    assert_named_at_the_hub(&hub, false);
    broker.restart_with("allow_anonymous true\n");
    until_confirmed(&gateway);
    let began = Instant::now();
    until_within(Duration::from_secs(420), "the hub reports none", || {
        let is_named = hub.gateway_at(SITE, ID)["problem"].as_str().is_some();
        !is_named && hub.http().metric("stockgate_hub_frame_lost_bytes") == 0
    });
    println!("at the hub's own connection after {:?}", began.elapsed());
    until_confirmed(&gateway);
}

/// Over another address the broker may be another one.
#[test]
fn a_limit_in_the_books_counts_for_the_broker_that_it_was_found_with() {
    let broker = Broker::start_with("allow_anonymous true\nmessage_size_limit 8192\n");
    let cable = Cable::to(broker.port());
    let mut hub = Hub::start(&broker);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 1)]);
    until_confirmed(&gateway);
    assert_stocked_up(&hub, &gateway);
    assert_named_at_the_hub(&hub, true);
    until_confirmed(&gateway);
    for (section, is_known) in [(broker.section(), true), (cable.section(), false)] {
        hub.configure(&hub.address(), &section);
        hub.restart();
        until("the gateway is online", || hub.gateway_at(SITE, ID)["online"] == true);
        let problem = hub.gateway_at(SITE, ID)["problem"].take();
        assert_eq!(problem.as_str().is_some(), is_known, "{problem}");
    }
}

/// The bytes that a gateway sends to have a backlog confirmed.
fn drained(limit: &str) -> usize {
    let broker = Broker::start_with(&format!("allow_anonymous true\n{limit}"));
    let cable = Cable::to(broker.port());
    let hub = Hub::start(&broker);
    let gateway = backlog(&cable);
    until_confirmed(&gateway);
    let sent = cable.sent();
    if limit.is_empty() {
        assert_eq!(gateway.http().metric("stockgate_sync_frame_lost_bytes"), 0);
    } else if !limit.contains("16384") {
        assert_named(&gateway);
    }
    Pair { gateway, hub, broker }.assert_in_step();
    sent
}

#[test]
fn a_limit_that_was_found_is_remembered_over_a_restart_for_this_broker() {
    let broker = Broker::start_with("allow_anonymous true\nmessage_size_limit 8192\n");
    let mut hub = Hub::start(&broker);
    let cable = Cable::to(broker.port());
    let mut gateway = backlog(&cable);
    until_confirmed(&gateway);
    assert_named(&gateway);
    let lost = |gateway: &Gateway| gateway.http().metric("stockgate_sync_frame_lost_bytes");
    let found = lost(&gateway);

    gateway.restart();
    until_confirmed(&gateway);
    until("it is known without another loss", || lost(&gateway) == found);
    let words = "frames of this size are not tried again at once";
    order(&gateway, "second", ORDERS);
    until_confirmed(&gateway);
    assert_eq!(lost(&gateway), found, "{words}");

    until("the hub keeps what the gateway knows", || {
        let books = rusqlite::Connection::open(hub.database()).unwrap();
        let sql = "SELECT count(*) FROM book WHERE frame_lost_bytes > 4096";
        books.query_row(sql, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 1)
    });
    hub.terminate();
    hub.launch();
    gateway.configure(&gateway.address(), &broker.section());
    gateway.restart();
    until_confirmed(&gateway);
    assert_eq!(lost(&gateway), 0, "another address is another way");
}

/// What is dropped is never acknowledged, not even by the broker.
#[test]
fn a_backlog_passes_a_proxy_that_drops_large_packets_without_a_word() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let meddler = Meddler::dropping(broker.port(), 1_500);
    let gateway = Gateway::stocked_with(&section(&meddler.url(), &[]), &[("A", 1_000_000)]);
    order(&gateway, "first", ORDERS);
    order(&gateway, "second", ORDERS);
    let pair = Pair { gateway, hub, broker };
    pair.assert_in_step();
    assert_named(&pair.gateway);
    let sent = pair.gateway.http().metric("stockgate_frames_sent_total");
    assert!(sent > 64, "{sent} frames: more than there are numbers for packets under way");
    assert_eq!(pair.gateway.http().metric("stockgate_link_losses_total"), 0);
}

/// A gateway with many orders that wait for the hub, behind a cable that is mended then.
fn backlog(cable: &Cable) -> Gateway {
    cable.stall(true);
    let gateway = Gateway::stocked_with(&cable.section(), &[("A", 1_000_000)]);
    order(&gateway, "first", ORDERS);
    cable.mend();
    gateway
}

fn order(gateway: &Gateway, name: &str, orders: u64) {
    let order = |n: u64| {
        // Nothing in it repeats, so that it takes its bytes.
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        json!({"request_id": format!("{name}{n}"), "order_id": id, "sku": "A", "quantity": 1})
    };
    gateway.ws().pipelined("deduct", (0..orders).map(order));
}

/// Status, metric and log name the limit, and the doctor does.
fn assert_named(gateway: &Gateway) {
    let names_it = || gateway.sync()["reason"].as_str().is_some_and(|why| why.contains(WORDS));
    until("the status names it", names_it);
    assert!(gateway.http().metric("stockgate_sync_frame_lost_bytes") > 1_400);
    assert!(gateway.log().contains(WORDS), "{}", gateway.log());
    let mut doctor = stockgate();
    let visit = run_to_end(doctor.args(["doctor", "--config"]).arg(gateway.config_path()));
    let line = visit.stdout.lines().find(|line| line.contains("hub answers"));
    assert!(line.is_some_and(|line| line.contains(WORDS)), "{visit:?}");
}
