//! Which gateways the hub takes, and what it says of them.

use std::time::{Duration, Instant};

use serde_json::json;
use stockgate::protocol::wire::Wire;
use uuid::Uuid;

use super::forged;
use super::pair::{ID, Pair, SITE, UP, assert_balanced, until_confirmed};
use crate::support::bodies::{many, one};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;
use crate::support::patience::{eventually, until};
use crate::support::terminal::{Terminal, number};

#[test]
fn a_gateway_that_is_not_enrolled_is_shown_and_left_aside() {
    let broker = Broker::start();
    let hub = Hub::start_with(&format!("gateways = \"listed\"\n{}", broker.section()));
    let gateway = Gateway::start_with(&broker.section());
    gateway.http().ok("restock", one("r", "A", 7));

    let stranger = eventually("the stranger is shown", || {
        hub.http().get("/api/strangers").json()["items"].get(0).cloned()
    });
    assert_eq!((&stranger["site"], &stranger["gateway"]), (&json!(SITE), &json!(ID)));
    assert_eq!(hub.gateways(), [json!(null); 0]);
    hub.http().get("/api/stock/A").refused("unknown_sku");

    let who = json!({"site": SITE, "gateway": ID});
    assert_eq!(hub.http().post("/api/gateways", &who).json(), who);
    until_confirmed(&gateway);
    assert_eq!(hub.stock("A")["total"], 7);
    assert_eq!(hub.http().get("/api/strangers").json(), json!({"items": []}));
}

#[test]
fn a_gateway_cannot_make_up_skus_where_unknown_ones_are_refused() {
    let broker = Broker::start();
    let hub = Hub::start_with(&format!("unknown_skus = \"refuse\"\n{}", broker.section()));
    let gateway = Gateway::start_with(&broker.section());
    gateway.http().ok("restock", one("r", "PHANTOM", 7));
    let problem =
        eventually("the hub says why", || hub.gateway()?["problem"].as_str().map(str::to_owned));
    assert!(problem.contains("PHANTOM"), "{problem}");
    hub.http().get("/api/stock/PHANTOM").refused("unknown_sku");
    let known = hub.gateway_at(SITE, ID);
    assert_eq!(known["drift"], false, "it only waits: {known}");
    assert_eq!(known["pending"], 1, "{known}");
    assert!(known["oldest_pending_s"].is_number(), "{known}");
    assert_balanced(&hub);

    let published =
        hub.http().send_raw("PUT", "/api/catalogue", b"sku,name,barcodes\nPHANTOM,Ghost,\n");
    assert_eq!(published.status, 200, "{published:?}");
    let soon = Instant::now();
    until_confirmed(&gateway);
    assert!(soon.elapsed() < Duration::from_secs(20), "it is called, and need not wait a minute");
    assert_eq!(hub.gateway_at(SITE, ID)["problem"], json!(null));
}

#[test]
fn what_a_device_makes_up_is_bounded_and_can_be_removed() {
    let pair = Pair::stocked(&[("A", 5), ("JUNK", 1)]);
    let hub = pair.hub.http();
    pair.gateway.http().ok("deduct", one("sold", "JUNK", 1));
    until_confirmed(&pair.gateway);
    let mut device = Bystander::at(&pair.broker);
    for epoch in 1..=30 {
        device.publish(UP, &forged::hello(Uuid::from_u128(epoch).into(), 0).encode(Wire::UP));
    }
    let limited = "stockgate_hub_limited_total{quota=\"databases\"}";
    until("the rest waits", || hub.get("/metrics").text.contains(&format!("{limited} 22")));
    let path = format!("/api/gateways/{SITE}/{ID}");
    assert_eq!(hub.get(&path).json()["items"].as_array().unwrap().len(), 9);

    let removed = hub.delete(&path).json();
    assert_eq!(removed, json!({"forgotten": 8, "left": 1}));
    pair.gateway.http().ok("deduct", one("later", "A", 2));
    until_confirmed(&pair.gateway);
    assert_eq!(pair.hub.stock("A")["total"], 3, "its own database is in force again");

    hub.delete("/api/stock/A").refused("would_drop");
    let of_gateway = format!("/api/stock?site={SITE}&gateway={ID}");
    assert_eq!(hub.delete(&of_gateway).json(), json!({"forgotten": 1, "more": false}));
    hub.get("/api/stock/JUNK").refused("unknown_sku");
    assert_eq!(hub.get("/api/reconcile").json()["balanced"], true);
}

/// A database that is forgotten waits for no units any more.
#[test]
fn a_gateway_with_a_policy_can_be_forgotten() {
    let mut pair = Pair::start();
    let hub = pair.hub.http();
    let received = |id: &str| hub.post("/api/receipts", &one(id, "A", 5)).status;
    assert_eq!(received("in"), 200);
    assert_eq!(hub.post("/api/deduct", &one("out", "A", 5)).status, 200);
    let policy = format!("/api/policies/A?site={SITE}&gateway={ID}");
    assert_eq!(hub.put(&policy, &json!({"low_water": 3, "target": 9})).status, 200);
    pair.gateway.terminate();
    let path = format!("/api/gateways/{SITE}/{ID}");
    assert_eq!(hub.delete(&path).json(), json!({"forgotten": 1, "left": 0}));
    assert_eq!(received("again"), 200);
    assert_eq!(pair.hub.stock("A")["unallotted"], 5);
}

#[test]
fn the_metrics_count_gateways_by_state_and_age() {
    let pair = Pair::stocked(&[("A", 5)]);
    let hub = pair.hub.http();
    until("the fleet is counted", || {
        let page = hub.get("/metrics").text;
        page.contains("stockgate_hub_gateways{state=\"online\"} 1")
            && page.contains("stockgate_hub_gateways{state=\"held\"} 0")
            && page.contains("stockgate_hub_pending_gateways{longer_than=\"3600\"} 0")
            && page.contains("stockgate_hub_in_transit_gateways{longer_than=\"60\"} 0")
    });
    assert_eq!(hub.metric("stockgate_hub_drifting_gateways"), 0);
}

#[test]
fn the_hub_says_how_it_and_its_gateways_are() {
    let mut pair = Pair::stocked(&[("A", 5)]);
    let status = pair.hub.http().get("/api/status").json();
    assert_eq!((&status["gateways"], &status["online"]), (&json!(1), &json!(1)), "{status}");
    assert_eq!((&status["held"], &status["store"]), (&json!(0), &json!("sqlite")), "{status}");
    let known = pair.known();
    assert!(known["version"].as_str().unwrap().contains(env!("CARGO_PKG_VERSION")), "{known}");
    assert_eq!((&known["pending"], &known["oldest_pending_s"]), (&json!(0), &json!(null)));
    assert_eq!(known["state"], "online");

    pair.gateway.terminate();
    pair.gateway.wipe();
    pair.gateway.launch();
    until("the new database is there", || pair.known()["epoch"] != known["epoch"]);
    let of = |state: &str| {
        pair.hub.http().get(&format!("/api/gateways?state={state}")).json()["items"].clone()
    };
    assert_eq!(pair.known()["state"], "replaced");
    assert_eq!(of("replaced").as_array().unwrap().len(), 1);
    assert_eq!((of("online"), of("held")), (json!([]), json!([])));
}

#[test]
fn a_policy_of_one_gateway_is_set_listed_and_ended() {
    let pair = Pair::stocked(&[("A", 1)]);
    let receipt = json!({"request_id": "in", "sku": "A", "quantity": 100});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    let own = format!("/api/policies/A?site={SITE}&gateway={ID}");
    let policy = json!({"low_water": 5, "target": 8, "max_per_day": 4});
    let set = pair.hub.http().put(&own, &policy).json();
    assert_eq!((&set["site"], &set["max_per_day"]), (&json!(SITE), &json!(4)), "{set}");
    until("as much as a day allows has arrived", || {
        pair.hub.stock("A")["gateways"][0]["on_hand"] == 5
    });
    pair.hub.http().put("/api/policies/A", &json!({"low_water": 1, "target": 2})).json();

    let listed = pair.hub.http().get("/api/policies").json();
    let gateways: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|it| &it["gateway"]).collect();
    assert_eq!(gateways, [&json!(null), &json!(ID)], "the general one first");
    assert_eq!(pair.hub.http().send("DELETE", &own, None).json()["low_water"], 5);
    pair.hub.http().send("DELETE", &own, None).refused("not_found");
    pair.hub.http().put("/api/policies/A?site=wh-01", &policy).refused("bad_request");
}

#[test]
fn what_is_sold_at_a_gateway_is_demand_of_its_day() {
    let pair = Pair::stocked(&[("A", 10)]);
    pair.gateway.http().ok("deduct", one("d", "A", 3));
    until_confirmed(&pair.gateway);
    let found = pair.hub.http().get("/api/demand?sku=A").json();
    assert_eq!((&found["items"][0]["sold"], &found["next"]), (&json!(3), &json!(null)), "{found}");
    assert_eq!(found["items"][0]["gateway"], ID);
    let later = pair.hub.http().get("/api/demand?sku=A&from=2126-01-01").json();
    assert_eq!(later["items"], json!([]));
}

/// A replay is no further demand, and neither is the line that would have been filled.
#[test]
fn what_is_refused_for_want_of_stock_is_demand_and_survives_a_restart() {
    let mut pair = Pair::stocked(&[("A", 10), ("B", 1)]);
    let http = &mut pair.gateway.http();
    http.refused("deduct", many("r1", &[("A", 4), ("B", 2)]), "insufficient_stock");
    until("the refusal at the hub", || refused_of(&pair, "B") == Some((1, 2)));

    for _ in 0..2 {
        http.refused("deduct", many("r1", &[("A", 4), ("B", 2)]), "insufficient_stock");
        http.refused("reserve", one("r2", "B", 5), "insufficient_stock");
    }
    http.refused("deduct", one("r3", "C", 1), "unknown_sku");
    pair.gateway.restart();

    until("both refusals at the hub", || refused_of(&pair, "B") == Some((2, 7)));
    pair.gateway.http().refused("deduct", one("r2", "B", 5), "idempotency_conflict");
    assert_eq!((refused_of(&pair, "A"), refused_of(&pair, "C")), (None, None));
}

/// The lines and units of a SKU that the hub knows as refused.
fn refused_of(pair: &Pair, sku: &str) -> Option<(u64, u64)> {
    let found = pair.hub.http().get(&format!("/api/demand?sku={sku}")).json();
    let row = found["items"].as_array().unwrap().first()?.clone();
    Some((number(&row, "refused_lines"), number(&row, "refused_units")))
}
