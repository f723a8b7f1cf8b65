//! The hub's books over HTTP: their format, their pages, and every kind of movement in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, assert_same_entries};
use crate::support::bodies::{count, many, one, reservation, rollback, to_lines, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;
use crate::support::terminal::{Terminal, number};

/// More than one page holds.
const MANY: usize = 1_100;
const PAGE_MAX: usize = 1_000;

#[test]
fn every_kind_of_movement_arrives_and_leads_to_the_same_stock() {
    let pair = Pair::start();
    let mut http = pair.gateway.http();
    let (a, b) = ("85123A", "Grün/7 %");
    http.ok("restock", with(many("in", &[(a, 100), (b, 50)]), "order_id", "supply-1"));
    http.ok("deduct", with(many("out", &[(a, 10), (b, 2)]), "order_id", "536365"));
    http.ok("rollback", with(rollback("back", "out"), "lines", to_lines(&[(a, 4)])));
    http.ok("count", count("counted", b, 45));
    http.ok("reserve", many("for-1", &[(a, 20), (b, 7)]));
    http.ok("commit", with(reservation("for-1"), "lines", to_lines(&[(a, 5)])));
    http.ok("reserve", one("for-2", b, 7));
    http.ok("release", reservation("for-2"));
    http.ok("reserve", with(one("for-3", a, 3), "ttl_s", 1));
    http.ok("reserve", with(one("for-4", b, 2), "order_id", "536366"));
    until("a reservation expires", || pair.gateway.http().figures(a).1 == 0);

    pair.assert_in_step();

    let ledger = pair.hub.ledger(SITE, ID);
    let kinds: BTreeSet<&str> =
        ledger.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    let all = ["commit", "count", "deduct", "expire", "release", "reserve", "restock", "rollback"];
    assert_eq!(kinds, BTreeSet::from(all));
    let audited = |kind: &str| {
        let entry = ledger.iter().find(|entry| entry["kind"] == kind).unwrap();
        (entry["request_id"].clone(), entry["order_id"].clone())
    };
    assert_eq!(audited("rollback"), (json!("back"), json!("536365")));
    assert_eq!(audited("expire"), (json!("for-3"), Value::Null));
    assert_eq!(held(&pair.hub.stock(a)), (89, 0));
    assert_eq!(held(&pair.hub.stock(b)), (45, 2));
}

#[test]
fn what_a_rollback_undoes_is_known_at_the_hub() {
    let (postgres, broker) = (Postgres::start(), Broker::start());
    let hub = Hub::start_on(&postgres.url(), &broker.section());
    let gateway = Gateway::start_with(&broker.section());
    for pair in [Pair::start(), Pair { gateway, hub, broker }] {
        let mut http = pair.gateway.http();
        http.ok("restock", one("in", "A", 10));
        http.ok("restock", one("twice", "A", 4));
        http.ok("rollback", rollback("k1", "twice"));
        http.ok("count", count("counted", "A", 7));
        http.ok("rollback", rollback("k2", "counted"));
        http.ok("deduct", one("sold", "A", 5));
        http.ok("rollback", with(rollback("k3", "sold"), "lines", to_lines(&[("A", 2)])));
        pair.assert_in_step();

        let ledger = pair.hub.ledger(SITE, ID);
        let undoing = ledger.iter().filter(|entry| entry["kind"] == "rollback");
        let undone: Vec<_> = undoing.map(|entry| entry["undoes"].clone()).collect();
        assert_eq!(undone, [Value::Null, json!("count"), Value::Null]);
        let hub = pair.hub.http();
        let demand = hub.get("/api/demand").json();
        assert_eq!(demand["items"][0]["sold"], 3, "{demand}");
        let balance = hub.get("/api/reconcile?all=true").json();
        let figures = ["received", "adjusted", "deducted", "on_hand", "difference"];
        let figures = figures.map(|name| balance["items"][0][name].as_i64().unwrap());
        assert_eq!(figures, [10, 0, 3, 7, 0]);
    }
}

#[test]
fn ids_arrive_at_the_hub_spelled_as_they_were_sent() {
    let pair = Pair::stocked(&[("A", 10)]);
    let id = |n: u32| format!("936da01f-9abd-4d9d-80c7-02af85c822{n:02x}");
    let ids = [id(1), id(2).to_uppercase(), id(3).to_uppercase(), id(4), id(4).to_uppercase()];
    for (request, order) in ids.iter().zip(ids.iter().rev()) {
        pair.gateway.http().ok("deduct", with(one(request, "A", 1), "order_id", order.as_str()));
    }

    pair.assert_in_step();

    let ledger = pair.hub.ledger(SITE, ID);
    let arrived =
        ledger[1..].iter().map(|entry| (text(entry, "request_id"), text(entry, "order_id")));
    let sent = ids.iter().map(String::as_str).zip(ids.iter().rev().map(String::as_str));
    assert!(arrived.eq(sent), "{ledger:?}");
}

#[test]
fn a_gateway_is_listed_with_its_position() {
    let pair = Pair::stocked(&[("A", 5), ("B", 6)]);

    let gateways = pair.hub.http().get("/api/gateways").json();

    let epoch = text(&gateways["items"][0], "epoch");
    let last_seen = text(&gateways["items"][0], "last_seen");
    assert_eq!(
        gateways,
        json!({"next": null, "items": [{"site": SITE, "gateway": ID, "online": true,
            "state": "online", "epoch": epoch, "version": env!("CARGO_PKG_VERSION"), "acked_seq": 2,
            "ledger_seq": 2, "pending": 0, "oldest_pending_s": null, "held_since": null, "in_transit": 0, "last_seen": last_seen, "drift": false, "problem": null}]})
    );
    assert!(uuid::Uuid::parse_str(epoch).is_ok(), "{epoch}");
    assert!(humantime::parse_rfc3339(last_seen).is_ok(), "{last_seen}");
    assert!(last_seen.ends_with('Z'), "{last_seen}");
}

#[test]
fn the_stock_of_a_sku_names_its_gateways() {
    let pair = Pair::stocked(&[("A", 12)]);
    pair.gateway.http().ok("reserve", one("held", "A", 5));
    pair.assert_in_step();

    assert_eq!(
        pair.hub.stock("A"),
        json!({"sku": "A", "unallotted": 0, "in_transit": 0, "total": 12,
            "gateways": [{"site": SITE, "gateway": ID, "on_hand": 12, "reserved": 5}]})
    );
}

#[test]
fn the_stock_is_paged_in_the_order_of_the_skus() {
    let pair = Pair::stocked(&[("b", 2), ("A", 1), ("c", 3), ("Ä", 5), ("c1", 4)]);
    let mut hub = pair.hub.http();

    let first = hub.ok("list", json!({"limit": 2}));
    let rest = hub.ok("list", json!({"limit": 5_000, "after": "b"}));

    assert_eq!((skus(&first), &first["next"]), (vec!["A", "b"], &json!("b")));
    assert_eq!((skus(&rest), &rest["next"]), (vec!["c", "c1", "Ä"], &Value::Null));
    assert_eq!(first["items"][1], pair.hub.stock("b"));
    let paged = hub.every_page("list", json!({"limit": 1}), "items");
    assert_eq!(json!(paged), hub.ok("list", json!({}))["items"]);
}

#[test]
fn a_page_holds_a_thousand_items_at_most() {
    let pair = Pair::start();
    let skus: Vec<String> = (0..MANY).map(|n| format!("S{n:04}")).collect();
    let stock: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    for (n, part) in stock.chunks(PAGE_MAX).enumerate() {
        pair.gateway.http().ok("restock", many(&format!("in-{n}"), part));
    }
    pair.assert_in_step();
    let mut hub = pair.hub.http();

    for path in ["/api/stock?limit=5000", "/api/reconcile?all=true&limit=5000"] {
        let page = hub.get(path).json();
        assert_eq!(page["items"].as_array().unwrap().len(), PAGE_MAX, "{path}");
        assert_eq!(page["next"], skus[PAGE_MAX - 1], "{path}");
    }
    let ledger = hub.ok("ledger", json!({"site": SITE, "gateway": ID, "limit": 5_000}));
    assert_eq!(ledger["entries"].as_array().unwrap().len(), PAGE_MAX);
    assert_eq!(ledger["next"], PAGE_MAX);
    assert_eq!(hub.every_page("list", json!({"limit": 999}), "items").len(), MANY);
}

#[test]
fn a_ledger_is_paged_by_position() {
    let pair = Pair::stocked(&[("A", 1), ("B", 2), ("C", 3), ("D", 4), ("E", 5)]);
    let mut hub = pair.hub.http();
    let of = |after: u64, limit: u64| json!({"site": SITE, "gateway": ID, "after": after, "limit": limit});

    let middle = hub.ok("ledger", of(1, 2));
    let last = hub.ok("ledger", of(3, 2));
    let after = hub.ok("ledger", of(5, 2));

    assert_eq!(middle, pair.gateway.http().ok("ledger", json!({"after": 1, "limit": 2})));
    assert_eq!((&middle["next"], &last["next"]), (&json!(3), &Value::Null));
    assert_eq!(after, json!({"entries": [], "next": null}));
    let paged = hub.every_page("ledger", of(0, 1), "entries");
    assert_same_entries(&pair.gateway.http().ledger(), &paged);
}

#[test]
fn a_ledger_query_names_its_gateway_or_is_about_the_hubs_own() {
    let pair = Pair::stocked(&[("A", 1)]);
    let hub = pair.hub.http();

    assert_eq!(hub.get("/api/ledger").json()["entries"], json!([]));

    hub.get("/api/ledger?site=wh-01&gateway=gw-02").refused("not_found");
    hub.get("/api/ledger?site=wh-02&gateway=gw-01").refused("not_found");
    for path in ["/api/ledger?site=wh-01", "/api/ledger?gateway=gw-01"] {
        hub.get(path).refused("bad_request");
    }
    for path in ["/api/ledger?site=wh-01&gateway=gw-01&after=x", "/api/stock?limit=x"] {
        hub.get(path).refused("bad_request");
    }
}

#[test]
fn reconcile_shows_the_origin_and_place_of_units() {
    let pair = Pair::stocked(&[("A", 100), ("B", 50)]);
    let mut http = pair.gateway.http();
    http.ok("deduct", one("out", "A", 10));
    http.ok("rollback", with(rollback("back", "out"), "lines", to_lines(&[("A", 4)])));
    http.ok("count", count("counted", "A", 90));
    http.ok("reserve", one("held", "A", 3));
    pair.assert_in_step();
    let hub = pair.hub.http();

    let all = hub.get("/api/reconcile?all=true").json();

    assert_eq!(
        all,
        json!({"balanced": true, "next": null, "drift": [], "items": [
            {"sku": "A", "received": 100, "adjusted": -4, "deducted": 6, "unallotted": 0,
                "in_transit": 0, "on_hand": 90, "difference": 0},
            {"sku": "B", "received": 50, "adjusted": 0, "deducted": 0, "unallotted": 0,
                "in_transit": 0, "on_hand": 50, "difference": 0}]})
    );
    let first = hub.get("/api/reconcile?all=true&limit=1").json();
    assert_eq!((skus(&first), &first["next"]), (vec!["A"], &json!("A")));
    let second = hub.get("/api/reconcile?all=true&limit=1&after=A").json();
    assert_eq!((skus(&second), &second["next"]), (vec!["B"], &Value::Null));
}

#[test]
fn the_hub_reports_health_and_metrics() {
    let pair = Pair::stocked(&[("A", 1), ("B", 2), ("C", 3)]);
    let hub = pair.hub.http();

    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(hub.get(path).status, 200, "{path}");
    }
    assert_eq!(hub.metric("stockgate_hub_entries_total"), 3);
    assert_eq!(hub.metric("stockgate_hub_frames_bad_total"), 0);
    assert!(hub.metric("stockgate_hub_frames_applied_total") >= 1);
    assert_is_prometheus_text(&hub);
}

#[test]
fn the_hub_refuses_with_the_error_format_of_the_gateway() {
    let pair = Pair::stocked(&[("A", 1)]);
    let hub = pair.hub.http();

    hub.get("/api/stock/B").refused("unknown_sku");
    hub.get("/api/nothing").refused("not_found");
    for path in ["/api/gateways", "/api/status", "/api/ledger", "/api/reconcile"] {
        hub.delete(path).refused("method_not_allowed");
        hub.put(path, &json!({})).refused("method_not_allowed");
    }
}

#[test]
fn a_hub_without_gateways_has_empty_books_that_balance() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);

    assert_eq!(hub.http().get("/api/gateways").json(), json!({"items": [], "next": null}));
    assert_eq!(hub.http().get("/api/stock").json(), json!({"items": [], "next": null}));
    super::pair::assert_balanced(&hub);
}

#[test]
fn the_books_survive_a_restart_of_the_hub() {
    let mut pair = Pair::stocked(&[("A", 9)]);
    let before = pair.hub.ledger(SITE, ID);

    pair.hub.kill9();
    pair.hub.launch();

    assert_same_entries(&before, &pair.hub.ledger(SITE, ID));
    pair.assert_in_step();
}

fn held(stock: &Value) -> (u64, u64) {
    let [held] = stock["gateways"].as_array().unwrap().as_slice() else {
        panic!("not one gateway in {stock}");
    };
    (number(held, "on_hand"), number(held, "reserved"))
}

fn skus(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| text(item, "sku")).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is not a text in {value}"))
}

fn assert_is_prometheus_text(http: &Http) {
    let answer = http.get("/metrics");
    assert!(answer.content_type.starts_with("text/plain"), "{}", answer.content_type);
    for line in answer.text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, value) = line.split_once(' ').unwrap();
        assert!(sample.starts_with("stockgate_hub_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = sample.split('{').next().unwrap();
        let of_histogram =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let metric = of_histogram.unwrap_or(name);
        assert!(answer.text.contains(&format!("# TYPE {metric} ")), "{line}");
    }
}
