//! Units between the hub's pool and the gateways: granted, recalled, sold centrally, brought back.
//! Each test runs with the books in SQLite and in PostgreSQL.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, until_confirmed, until_drift};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
use crate::support::postgres::Postgres;
use crate::support::terminal::Terminal;

#[test]
fn receipts_and_central_sales_count_once() {
    on_each_store(|pair| {
        let hub = pair.hub.http();
        let receipt = json!({"request_id": "in-1", "lines": [line("A", 10), line("B", 4)]});
        let first = hub.post("/api/receipts", &receipt).json();
        assert_eq!(
            (&first["replayed"], &first["lines"][0]["unallotted"]),
            (&json!(false), &json!(10))
        );
        assert_eq!(hub.post("/api/receipts", &receipt).json()["replayed"], true);
        hub.post("/api/receipts", &json!({"request_id": "in-1", "sku": "A", "quantity": 1}))
            .refused("idempotency_conflict");
        let sale =
            json!({"request_id": "s-1", "order_id": "o", "lines": [line("A", 3), line("B", 4)]});
        assert_eq!(hub.post("/api/deduct", &sale).json()["replayed"], false);
        assert_eq!(hub.post("/api/deduct", &sale).json()["replayed"], true);
        let more = json!({"request_id": "s-2", "lines": [line("A", 1), line("B", 1)]});
        for replayed in [false, true] {
            let refused = hub.post("/api/deduct", &more).refused("insufficient_stock");
            assert_eq!((&refused["sku"], &refused["available"]), (&json!("B"), &json!(0)));
            assert_eq!(refused["replayed"], replayed);
        }
        hub.post("/api/deduct", &json!({"request_id": "s-3", "sku": "C", "quantity": 1}))
            .refused("unknown_sku");
        assert_eq!(places(pair, "A"), (7, 0, 0));
        assert_balanced(pair);
    });
}

#[test]
fn the_hubs_own_movements_are_listed_with_who_and_why() {
    on_each_store(|pair| {
        let hub = pair.hub.http();
        let receipt = json!({"request_id": "in-1", "reason": "po 7", "lines": [
            {"sku": "A", "quantity": 3, "lot": "L1", "expires": "2027-01-31"},
            {"sku": "A", "quantity": 4, "lot": "L2", "serial": "S1"},
        ]});
        assert_eq!(hub.post("/api/receipts", &receipt).json()["lines"][1]["unallotted"], 7);
        grant(pair, "g-1", "A", 6);
        until_places(pair, "A", (1, 0, 6));
        let recall = json!({"request_id": "r-1", "reason": "too many", "site": SITE, "gateway": ID,
            "lines": [line("A", 2)]});
        hub.post("/api/recalls", &recall).json();
        until_places(pair, "A", (3, 0, 4));

        let page = hub.get("/api/ledger?limit=3").json();

        let said = |entry: &Value| {
            let fields = ["seq", "kind", "change", "request_id", "reason", "lot", "actor"];
            fields.map(|field| entry[field].clone())
        };
        let entries: Vec<_> = page["entries"].as_array().unwrap().iter().map(said).collect();
        let null = Value::Null;
        let first = |seq, change, lot| {
            [
                json!(seq),
                json!("receipt"),
                json!(change),
                json!("in-1"),
                json!("po 7"),
                json!(lot),
                null.clone(),
            ]
        };
        assert_eq!(entries[..2], [first(1, 3, "L1"), first(2, 4, "L2")], "{page}");
        assert_eq!(
            (&page["entries"][2]["in_transit_change"], &page["next"]),
            (&json!(6), &json!(3))
        );
        assert_eq!(page["entries"][0]["expires"], "2027-01-31");
        let rest = hub.get("/api/ledger?after=3").json();
        let back = &rest["entries"][0];
        assert_eq!(
            (&back["kind"], &back["change"], &back["reason"]),
            (&json!("recall"), &json!(2), &json!("too many")),
            "{rest}"
        );
        assert_eq!((&back["gateway"], &rest["next"]), (&json!(ID), &null));
        let books = hub.get("/api/status").json()["books"].as_str().map(str::to_owned);
        if let Some(books) = books {
            let id = uuid::Uuid::new_v5(
                &stockgate::stock::EVENT_NAMESPACE,
                format!("{books}/4").as_bytes(),
            );
            assert_eq!(back["event_id"], id.to_string());
        }
    });
}

#[test]
fn what_a_gateways_entry_says_reaches_the_hub() {
    on_each_store(|pair| {
        let mut gateway = pair.gateway.http();
        let body = json!({"request_id": "in", "reason": "goods in", "lines": [
            {"sku": "A", "quantity": 3, "lot": "L1", "expires": "2027-01-31"},
            {"sku": "A", "quantity": 4, "serial": "S1"},
        ]});
        gateway.ok("restock", body);
        gateway.ok(
            "deduct",
            json!({"request_id": "out", "sku": "A", "quantity": 1, "reason": "broken"}),
        );
        pair.assert_in_step();
        let entries = pair.hub.ledger(SITE, ID);
        assert_eq!(entries, gateway.ledger());
        assert_eq!((&entries[0]["lot"], &entries[0]["reason"]), (&json!("L1"), &json!("goods in")));
    });
}

#[test]
fn a_grant_arrives_once_and_what_is_in_transit_is_shown() {
    on_each_store(|pair| {
        receive(pair, "A", 10);
        pair.gateway.terminate();
        grant(pair, "g-1", "A", 6);
        assert_eq!(places(pair, "A"), (4, 6, 0));
        let beyond =
            json!({"request_id": "g-2", "site": SITE, "gateway": ID, "sku": "A", "quantity": 5});
        let refused = pair.hub.http().post("/api/grants", &beyond).refused("insufficient_stock");
        assert_eq!(refused["available"], 4);
        pair.gateway.launch();
        until_places(pair, "A", (4, 0, 6));
        let entry = pair.gateway.http().ledger().remove(0);
        assert_eq!((&entry["kind"], &entry["change"]), (&json!("grant"), &json!(6)));
        assert_eq!(entry["request_id"], "g-1");
        pair.gateway.kill9();
        pair.hub.restart();
        pair.gateway.launch();
        pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A", "quantity": 2}));
        until_places(pair, "A", (4, 0, 4));
        pair.assert_in_step();
    });
}

#[test]
fn a_recall_takes_back_what_is_available_and_is_closed() {
    on_each_store(|pair| {
        pair.gateway.http().ok("restock", json!({"request_id": "r", "sku": "A", "quantity": 10}));
        let hold = json!({"request_id": "h", "sku": "A", "quantity": 7});
        pair.gateway.http().ok("reserve", hold);
        until_confirmed(&pair.gateway);
        let recall = json!({"request_id": "back", "site": SITE, "gateway": ID,
            "lines": [line("A", 8), line("A", 1)]});
        pair.hub.http().post("/api/recalls", &recall).json();
        let done = until_recalled(pair, "back");
        assert_eq!(done["lines"], json!([{"sku": "A", "asked": 9, "returned": 3}]));
        assert_eq!(places(pair, "A"), (3, 0, 7));
        let again = pair.hub.http().post("/api/recalls", &recall).json();
        assert_eq!((&again["replayed"], &again["state"]), (&json!(true), &json!("done")));
        let nothing =
            json!({"request_id": "none", "site": SITE, "gateway": ID, "sku": "A", "quantity": 1});
        pair.hub.http().post("/api/recalls", &nothing).json();
        assert_eq!(until_recalled(pair, "none")["lines"][0]["returned"], 0);
        pair.hub.http().get("/api/recalls/unheard").refused("unknown_request");
        pair.assert_in_step();
    });
}

#[test]
fn a_policy_fills_up_before_the_stock_is_short() {
    on_each_store(|pair| {
        pair.gateway.http().ok("restock", json!({"request_id": "r", "sku": "A", "quantity": 10}));
        receive(pair, "A", 100);
        until_confirmed(&pair.gateway);
        let policy = json!({"low_water": 5, "target": 20});
        assert_eq!(pair.hub.http().put("/api/policies/A", &policy).status, 200);
        pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A", "quantity": 6}));
        until_places(pair, "A", (84, 0, 20));
        pair.assert_in_step();
        pair.hub
            .http()
            .put("/api/policies/A", &json!({"low_water": 5, "target": 4}))
            .refused("bad_request");
    });
}

#[test]
fn the_catalogue_makes_skus_known_at_every_gateway() {
    on_each_store(|pair| {
        until_confirmed(&pair.gateway);
        let csv = "sku,name,barcodes\nA,Lamp,4006381333931 036000291452\nB,\"Bowl, blue\",\n";
        let published = pair.hub.http().send_raw("PUT", "/api/catalogue", csv.as_bytes()).json();
        let expected = json!({"listings": 2, "changed": 2, "dropped": 0, "warnings": []});
        assert_eq!(published, expected);
        eventually("the gateway knows B", || {
            let answer = pair.gateway.http().get("/api/stock/B");
            (answer.status == 200).then(|| assert_eq!(answer.json()["on_hand"], 0))
        });
        assert_eq!(pair.hub.stock("B")["total"], 0);
        pair.gateway.restart();
        assert_eq!(pair.gateway.http().get("/api/stock/A").status, 200);
        let wrong = pair.hub.http().send_raw("PUT", "/api/catalogue", b"sku,name\nA,b\n");
        wrong.refused("bad_request");
    });
}

#[test]
fn the_stock_of_a_lost_database_is_brought_back_from_the_books() {
    on_each_store(|pair| {
        pair.gateway.http().ok("restock", json!({"request_id": "r", "sku": "A", "quantity": 10}));
        pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A", "quantity": 3}));
        until_confirmed(&pair.gateway);
        let old = pair.known()["epoch"].clone();
        pair.gateway.terminate();
        pair.gateway.wipe();
        pair.gateway.launch();
        until_drift(&pair.hub);
        assert_eq!(pair.hub.stock("A")["total"], 7);
        let path = format!("/api/gateways/{SITE}/{ID}/retire");
        let retired = pair.hub.http().post(&path, &json!({"epoch": old})).json();
        assert_eq!((&retired["acked_seq"], &retired["known_seq"]), (&json!(2), &json!(2)));
        assert_eq!((&retired["on_hand"], &retired["in_transit"]), (&json!(7), &json!(0)));
        assert_eq!(retired["held"], json!([{"sku": "A", "on_hand": 7, "in_transit": 0}]));
        assert_eq!(pair.hub.http().post(&path, &json!({"epoch": old})).json(), retired);
        assert_eq!(pair.hub.stock("A")["total"], 7, "nothing moves yet");
        let new = pair.known()["epoch"].clone();
        let word = json!({"from": old, "to": new, "reason": "till 3 burnt"});
        let path = format!("/api/gateways/{SITE}/{ID}/bring-back");
        let back = pair.hub.http().post(&path, &word).json();
        assert_eq!(back["lines"], json!([{"sku": "A", "quantity": 7}]), "{back}");
        until_places(pair, "A", (0, 0, 7));
        assert_eq!(pair.hub.http().post(&path, &word).json()["replayed"], true);
        let movement = pair.hub.http().get("/api/ledger").json()["entries"][0].clone();
        assert_eq!(
            (&movement["kind"], &movement["in_transit_change"]),
            (&json!("bring_back"), &json!(7))
        );
        assert_eq!(movement["reason"], "till 3 burnt", "{movement}");
        until_confirmed(&pair.gateway);
        assert_eq!(pair.known()["drift"], false);
        assert_balanced(pair);
        let epochs = pair.hub.http().get(&format!("/api/gateways/{SITE}/{ID}")).json();
        assert_eq!(epochs["items"][1]["state"], "retired");
    });
}

#[test]
fn a_stock_that_differs_is_reported_with_its_skus_and_repaired() {
    let pair = Pair::stocked(&[("A", 10), ("B", 10), ("C", 10)]);
    let books = Connection::open(pair.hub.database()).unwrap();
    books.execute("UPDATE held SET on_hand = on_hand + 2 WHERE sku = 'B'", []).unwrap();
    pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "B", "quantity": 1}));
    let found = eventually("the SKU is found", || {
        let drift = pair.hub.reconcile()["drift"][0].clone();
        (drift["skus"] == json!(["B"])).then_some(drift)
    });
    assert!(found["problem"].as_str().unwrap().contains("repair"), "{found}");
    assert_eq!(pair.hub.reconcile()["balanced"], false);
    let path = format!("/api/gateways/{SITE}/{ID}/repair");
    assert_eq!(pair.hub.http().post(&path, &json!({})).json(), json!({"repaired": ["B"]}));
    assert_eq!(pair.known()["drift"], false);
    pair.gateway.http().ok("deduct", json!({"request_id": "d2", "sku": "B", "quantity": 1}));
    pair.assert_in_step();
}

#[test]
fn a_page_of_a_foreign_origin_cannot_change_the_books() {
    let hub = Hub::start(&Broker::start());
    let receipt = json!({"request_id": "in", "sku": "A", "quantity": 1});
    let foreign = hub.http().with_header("Origin", "http://elsewhere.example");
    foreign.post("/api/receipts", &receipt).refused("forbidden");
    hub.http().get("/api/stock/A").refused("unknown_sku");
}

#[test]
fn an_unknown_gateway_is_granted_nothing() {
    let hub = Hub::start(&Broker::start());
    let grant =
        json!({"request_id": "g", "site": "wh", "gateway": "none", "sku": "A", "quantity": 1});
    hub.http().post("/api/grants", &grant).refused("not_found");
    hub.http()
        .post("/api/grants", &json!({"request_id": "g", "sku": "A", "quantity": 1}))
        .refused("bad_request");
}

#[test]
fn a_gateway_whose_database_is_retired_is_granted_nothing_and_told_why() {
    let mut pair = Pair::start();
    pair.wait_until_met();
    receive(&pair, "A", 10);
    pair.gateway.terminate();
    let retire = format!("/api/gateways/{SITE}/{ID}/retire");
    pair.hub.http().post(&retire, &json!({})).refused("bad_request");
    let epoch = pair.known()["epoch"].clone();
    assert_eq!(pair.hub.http().post(&retire, &json!({"epoch": epoch})).status, 200);

    for path in ["/api/grants", "/api/recalls"] {
        let transfer =
            json!({"request_id": "t", "site": SITE, "gateway": ID, "sku": "A", "quantity": 4});
        let refused = pair.hub.http().post(path, &transfer).refused("gateway_closed");
        assert!(refused["message"].as_str().unwrap().contains("retired"), "{refused}");
    }

    assert_eq!(places(&pair, "A"), (10, 0, 0));
    pair.gateway.wipe();
    pair.gateway.launch();
    until_confirmed(&pair.gateway);
    grant(&pair, "t", "A", 4);
    until_places(&pair, "A", (6, 0, 4));
}

pub(super) fn on_each_store(test: impl Fn(&mut Pair)) {
    let mut pair = Pair::start();
    pair.wait_until_met();
    test(&mut pair);
    let (postgres, broker) = (Postgres::start(), Broker::start());
    let hub = Hub::start_on(&postgres.url(), &broker.section());
    let gateway = Gateway::start_with(&broker.section());
    let mut pair = Pair { gateway, hub, broker };
    pair.wait_until_met();
    test(&mut pair);
}

fn line(sku: &str, quantity: u64) -> Value {
    json!({"sku": sku, "quantity": quantity})
}

fn receive(pair: &Pair, sku: &str, quantity: u64) {
    until_confirmed(&pair.gateway);
    let receipt = json!({"request_id": format!("in-{sku}"), "sku": sku, "quantity": quantity});
    pair.hub.http().post("/api/receipts", &receipt).json();
}

fn grant(pair: &Pair, name: &str, sku: &str, quantity: u64) {
    let grant =
        json!({"request_id": name, "site": SITE, "gateway": ID, "sku": sku, "quantity": quantity});
    assert_eq!(pair.hub.http().post("/api/grants", &grant).json()["replayed"], false);
}

/// Unallotted, in transit, on hand at the gateway in force.
fn places(pair: &Pair, sku: &str) -> (i64, i64, i64) {
    let stock = pair.hub.stock(sku);
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let held = |item: &&Value| item["replaced_epoch"].is_null();
    let gateways = stock["gateways"].as_array().unwrap();
    let on_hand = gateways.iter().find(held).map_or(0, |item| number(&item["on_hand"]));
    (number(&stock["unallotted"]), number(&stock["in_transit"]), on_hand)
}

fn until_places(pair: &Pair, sku: &str, expected: (i64, i64, i64)) {
    until(&format!("{sku} is at {expected:?}"), || places(pair, sku) == expected);
}

fn until_recalled(pair: &Pair, name: &str) -> Value {
    eventually("the recall is closed", || {
        let recall = pair.hub.http().get(&format!("/api/recalls/{name}")).json();
        (recall["state"] == "done").then_some(recall)
    })
}

fn assert_balanced(pair: &Pair) {
    let all = pair.hub.http().get("/api/reconcile?all=true").json();
    assert_eq!(all["balanced"], true, "{all}");
}
