//! Quantities with decimals at the hub, and at a gateway that shares its books.

use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, assert_same_entries, until_confirmed};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
use crate::support::terminal::Terminal;

const CATALOGUE: &str = "sku,name,barcodes,unit,decimals\nKG,Apples,,kg,3\nA,Piece,,,\n";

#[test]
fn a_decimal_quantity_is_the_same_at_hub_and_gateway() {
    let pair = listed();
    let hub = pair.hub.http();
    let received = send(&pair, "/api/receipts", r#"{"request_id":"r","sku":"KG","quantity":12.5}"#);
    let pool = r#""quantity":12.5,"unallotted":12.5,"reserved":0,"available":12.5,"in_transit":0"#;
    assert!(received.text.contains(pool), "{}", received.text);
    let granted = json!({"request_id": "g", "site": SITE, "gateway": ID, "sku": "KG",
        "quantity": "2.250"});
    let granted = hub.post("/api/grants", &granted).text;
    assert!(
        granted.contains(
            r#""quantity":2.25,"unallotted":10.25,"reserved":0,"available":10.25,"in_transit":2.25"#
        ),
        "{granted}"
    );
    until("the grant has arrived", || pair.gateway.http().item("KG")["on_hand"] == json!(2.25));

    pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "KG", "quantity": 1.25}));
    let recall = json!({"request_id": "c", "site": SITE, "gateway": ID, "sku": "KG",
        "quantity": 0.5});
    assert_eq!(hub.post("/api/recalls", &recall).json()["lines"][0]["asked"], json!(0.5));
    until("the recall is done", || hub.get("/api/recalls/c").json()["state"] == "done");

    until_confirmed(&pair.gateway);
    assert_same_entries(&pair.gateway.http().ledger(), &pair.hub.ledger(SITE, ID));
    assert_eq!(
        pair.hub.stock("KG"),
        json!({"sku": "KG", "unallotted": 10.75, "in_transit": 0, "total": 11.25,
            "gateways": [{"site": SITE, "gateway": ID, "on_hand": 0.5, "reserved": 0}]})
    );
    let all = json!([pair.hub.stock("A"), pair.hub.stock("KG")]);
    assert_eq!(hub.get("/api/stock").json()["items"], all, "A is in the catalogue only");
    assert_eq!(hub.get("/api/recalls/c").json()["lines"][0]["returned"], json!(0.5));
    let reconciled = hub.get("/api/reconcile?all=true").json();
    assert_eq!((&reconciled["balanced"], &reconciled["items"][0]), (&json!(true), &balance()));
    let changes = changes(&hub.get("/api/ledger").json());
    assert_eq!(changes, [json!(12.5), json!(-2.25), json!(0.5)]);
    let sold = || hub.get("/api/demand").json()["items"][0]["sold"].take();
    until("the demand is known", || sold() == json!(1.25));
}

#[test]
fn more_decimals_than_the_sku_has_are_refused_and_leave_no_trace() {
    let pair = listed();
    for body in [
        r#"{"request_id":"r","sku":"KG","quantity":"1.2505"}"#,
        r#"{"request_id":"r","sku":"KG","quantity":1e-4}"#,
        r#"{"request_id":"r","sku":"A","quantity":1.5}"#,
        r#"{"request_id":"r","lines":[{"sku":"A","quantity":1},{"sku":"NEW","quantity":"0.5"}]}"#,
    ] {
        let problem = send(&pair, "/api/receipts", body).refused("bad_request");
        assert!(problem["message"].as_str().unwrap().contains("quantity: SKU"), "{problem}");
    }
    send(&pair, "/api/receipts", r#"{"request_id":"r","sku":"KG","quantity":0.001}"#);
    let beyond = r#"{"request_id":"d","sku":"KG","quantity":0.0020}"#;
    let refused = send(&pair, "/api/deduct", beyond).refused("insufficient_stock");
    assert_eq!((&refused["requested"], &refused["available"]), (&json!(0.002), &json!(0.001)));
}

#[test]
fn bodies_of_equal_meaning_are_one_request_at_the_hub() {
    let pair = listed();
    let first =
        r#"{"request_id":"r","lines":[{"sku":"A","quantity":1},{"sku":"KG","quantity":1}]}"#;
    let first = send(&pair, "/api/receipts", first).json();
    assert_eq!((&first["replayed"], &first["lines"][1]["unallotted"]), (&json!(false), &json!(1)));
    for same in [
        r#"{"lines":[{"quantity":"1.0","sku":"KG"},{"sku":"A","quantity":1e0}],"request_id":"r"}"#,
        r#"{"request_id":"r","lines":[{"sku":"KG","quantity":0.25},{"sku":"A","quantity":"1"},
            {"sku":"KG","quantity":"0.750"}]}"#,
    ] {
        let again = send(&pair, "/api/receipts", same).json();
        assert_eq!((&again["replayed"], &again["lines"]), (&json!(true), &first["lines"]));
    }
    let other =
        r#"{"request_id":"r","lines":[{"sku":"A","quantity":1},{"sku":"KG","quantity":1.001}]}"#;
    send(&pair, "/api/receipts", other).refused("idempotency_conflict");
}

#[test]
fn a_policy_and_what_a_retired_database_held_are_decimal_too() {
    let pair = listed();
    let hub = pair.hub.http();
    send(&pair, "/api/receipts", r#"{"request_id":"r","sku":"KG","quantity":9.5}"#);
    let restock = json!({"request_id": "in", "sku": "KG", "quantity": 0.25});
    pair.gateway.http().ok("restock", restock);
    until_confirmed(&pair.gateway);
    let set = |body: &str| hub.send_raw("PUT", "/api/policies/KG", body.as_bytes());
    set(r#"{"low_water":"0.0001","target":1}"#).refused("bad_request");
    set(r#"{"low_water":2,"target":"1.5"}"#).refused("bad_request");
    let policy = set(r#"{"low_water":"0.50","target":1.250,"max_per_day":3}"#);
    let shown = r#""low_water":0.5,"target":1.25,"max_per_day":3"#;
    assert!(policy.text.contains(shown), "{}", policy.text);
    assert!(hub.get("/api/policies").text.contains(shown));
    until("the policy has granted", || pair.gateway.http().item("KG")["on_hand"] == json!(1.25));
    until_confirmed(&pair.gateway);
    assert!(hub.delete("/api/policies/KG").text.contains(shown));

    let epoch = json!({"epoch": pair.known()["epoch"]});
    let retired = hub.post(&format!("/api/gateways/{SITE}/{ID}/retire"), &epoch).json();
    assert_eq!(retired["held"], json!([{"sku": "KG", "on_hand": 1.25, "in_transit": 0}]));
}

#[test]
fn sums_over_skus_of_several_decimals_are_exact() {
    let mut pair = listed();
    pair.wait_until_met();
    let hub = pair.hub.http();
    let lines = |id: &str, kilograms: f64, pieces: u64| {
        json!({"request_id": id, "site": SITE, "gateway": ID, "lines": [
            {"sku": "KG", "quantity": kilograms}, {"sku": "A", "quantity": pieces}]})
    };
    let received = json!({"request_id": "in", "lines": lines("", 9.5, 7)["lines"]});
    assert_eq!(hub.post("/api/receipts", &received).status, 200);
    pair.gateway.terminate();
    assert_eq!(hub.post("/api/grants", &lines("g", 2.25, 3)).status, 200);
    let known = pair.known();
    assert_eq!(known["in_transit"], json!(5.25), "{known}");
    let old = known["epoch"].clone();
    let path = |what: &str| format!("/api/gateways/{SITE}/{ID}/{what}");
    let retired = hub.post(&path("retire"), &json!({"epoch": old})).json();
    assert_eq!((&retired["on_hand"], &retired["in_transit"]), (&json!(0), &json!(5.25)));
    pair.gateway.wipe();
    pair.gateway.launch();
    until("the new database is there", || pair.known()["epoch"] != old);
    let word = json!({"from": old, "to": pair.known()["epoch"]});
    assert_eq!(hub.post(&path("bring-back"), &word).json()["units"], json!(5.25));
}

#[test]
fn whole_units_that_were_booked_before_the_decimals_came_are_never_mixed_with_them() {
    let broker = Broker::start();
    let hub = Hub::start_with(&broker.section());
    let mut gateway = Gateway::start();
    gateway.http().ok("restock", json!({"request_id": "in", "sku": "KG", "quantity": 5}));
    let published = hub.http().send_raw("PUT", "/api/catalogue", CATALOGUE.as_bytes());
    assert_eq!(published.status, 200, "{published:?}");
    hub.http().post("/api/receipts", &json!({"request_id": "r", "sku": "KG", "quantity": 12.5}));
    gateway.configure(&gateway.address(), &broker.section());
    gateway.restart();
    until_confirmed(&gateway);

    assert_eq!(gateway.http().item("KG")["on_hand"], 5, "it keeps to whole units");
    let stock = hub.stock("KG");
    assert_eq!((&stock["unallotted"], &stock["total"]), (&json!(12.5), &json!(17.5)), "{stock}");
    assert_eq!(stock["gateways"][0]["on_hand"], 5);
    assert_same_entries(&gateway.http().ledger(), &hub.ledger(SITE, ID));
    let problem =
        eventually("it is shown", || hub.gateway()?["problem"].as_str().map(str::to_owned));
    assert!(problem.contains("SKU KG in whole units"), "{problem}");
    let grant =
        json!({"request_id": "g", "site": SITE, "gateway": ID, "sku": "KG", "quantity": 1.5});
    let refused = hub.http().post("/api/grants", &grant).refused("gateway_closed");
    assert!(refused["message"].as_str().unwrap().ends_with(&problem), "{refused}");
    let reconciled = hub.http().get("/api/reconcile").json();
    let drift = json!([{"site": SITE, "gateway": ID, "problem": problem, "skus": ["KG"]}]);
    assert_eq!((&reconciled["items"], &reconciled["drift"]), (&json!([]), &drift));

    // What the problem says is done: none is left of it, and the goods are under another SKU.
    gateway.http().ok("count", json!({"request_id": "c", "sku": "KG", "counted": 0}));
    let other = format!("{CATALOGUE}KG2,Apples,,kg,3\n");
    assert_eq!(hub.http().send_raw("PUT", "/api/catalogue", other.as_bytes()).status, 200);
    until("it is settled", || hub.gateway().is_some_and(|it| it["problem"].is_null()));
    until("the SKU is listed", || {
        gateway.http().call("get", json!({"sku": "KG2"})).is_ok_and(|it| it["decimals"] == 3)
    });
    gateway.http().ok("restock", json!({"request_id": "in2", "sku": "KG2", "quantity": 5.25}));
    until_confirmed(&gateway);
    assert_eq!(hub.http().get("/api/reconcile").json()["balanced"], true);
    assert_eq!(hub.stock("KG2")["total"], json!(5.25));
}

#[test]
fn what_was_booked_by_an_earlier_catalogue_is_the_same_at_the_hub() {
    let broker = Broker::start();
    let hub = Hub::start_with(&broker.section());
    let list = |decimals: u8| {
        let csv = CATALOGUE.replace("kg,3", &format!("kg,{decimals}"));
        let answer = hub.http().send_raw("PUT", "/api/catalogue", csv.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    list(2);
    let mut gateway = Gateway::start_with(&broker.section());
    until("the catalogue is taken", || {
        gateway.http().call("get", json!({"sku": "KG"})).is_ok_and(|it| it["decimals"] == 2)
    });
    gateway.configure(&gateway.address(), "");
    gateway.restart();
    gateway.http().ok("restock", json!({"request_id": "in", "sku": "KG", "quantity": 1.25}));
    list(3);
    gateway.configure(&gateway.address(), &broker.section());
    gateway.restart();
    until_confirmed(&gateway);

    assert_eq!(gateway.http().item("KG")["on_hand"], json!(1.25));
    assert_eq!(hub.stock("KG")["total"], json!(1.25));
    assert_same_entries(&gateway.http().ledger(), &hub.ledger(SITE, ID));
    let events = hub.http().get("/api/events?after=0").json();
    assert_eq!(events["events"][0]["change"], json!(1.25), "{events}");
    assert_eq!(hub.http().get("/api/reconcile").json()["balanced"], true);
    let problem =
        eventually("it is shown", || hub.gateway()?["problem"].as_str().map(str::to_owned));
    assert!(problem.contains("SKU KG in 2 decimals"), "{problem}");
    let reason = || gateway.http().get("/api/status").json()["sync"]["reason"].clone();
    let here = "SKU KG is booked here with 2 decimals, and the hub's catalogue gives it 3";
    until("the gateway says it", || reason().as_str().is_some_and(|it| it.contains(here)));
    let grant = |id: &str, sku: &str| json!({"request_id": id, "site": SITE, "gateway": ID, "sku": sku, "quantity": 2});
    let both = json!({"request_id": "r", "lines": [{"sku": "KG", "quantity": 9},
        {"sku": "A", "quantity": 9}]});
    assert_eq!(hub.http().post("/api/receipts", &both).status, 200);
    hub.http().post("/api/grants", &grant("g", "KG")).refused("gateway_closed");
    assert_eq!(hub.http().post("/api/grants", &grant("a", "A")).status, 200);
    until("the other one arrives", || {
        gateway.http().call("get", json!({"sku": "A"})).is_ok_and(|it| it["on_hand"] == 2)
    });

    gateway.http().ok("count", json!({"request_id": "c", "sku": "KG", "counted": 0}));
    until("it is settled", || hub.gateway().is_some_and(|it| it["problem"].is_null()));
    until("the gateway knows it", || reason().is_null());
    assert_eq!(hub.http().post("/api/grants", &grant("g2", "KG")).status, 200);
    until("it is granted", || gateway.http().item("KG")["on_hand"] == 2);
    until_confirmed(&gateway);
    assert_eq!(hub.http().get("/api/reconcile").json()["balanced"], true);
    assert_eq!(hub.stock("KG")["total"], json!(9));
}

#[test]
fn a_refusal_is_repeated_after_the_sku_was_given_decimals() {
    let hub = Hub::start_with("");
    let http = hub.http();
    let list =
        |csv: &str| assert_eq!(http.send_raw("PUT", "/api/catalogue", csv.as_bytes()).status, 200);
    list("sku,name,barcodes\nL,Listed,\n");
    let body = |id: &str, sku: &str| json!({"request_id": id, "sku": sku, "quantity": 5});
    let anywhere = |id: &str, sku: &str| json!({"request_id": id, "sku": sku, "quantity": 5, "from": "anywhere", "wait_ms": 0});
    let requests = [
        ("/api/deduct", body("d", "KG"), "unknown_sku"),
        ("/api/deduct", body("dl", "L"), "insufficient_stock"),
        ("/api/deduct", anywhere("a", "KG"), "unknown_sku"),
        ("/api/deduct", anywhere("al", "L"), "insufficient_stock"),
        ("/api/reservations", body("r", "KG"), "unknown_sku"),
    ];
    let first: Vec<Value> =
        requests.iter().map(|(path, body, code)| http.post(path, body).refused(code)).collect();
    list("sku,name,barcodes,unit,decimals\nKG,Apples,,kg,3\nL,Listed,,kg,2\n");
    for ((path, body, code), mut before) in requests.into_iter().zip(first) {
        before["replayed"] = true.into();
        assert_eq!(http.post(path, &body).refused(code), before);
        let other = json!({"request_id": body["request_id"], "sku": body["sku"], "quantity": 6});
        http.post(path, &other).refused("idempotency_conflict");
    }
}

#[test]
fn refused_demand_means_the_same_after_the_catalogue_has_changed_the_decimals() {
    let mut pair = listed();
    let list = |pair: &Pair, decimals: u8| {
        let csv = CATALOGUE.replace("kg,3", &format!("kg,{decimals}"));
        let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", csv.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        until("it is taken", || pair.gateway.http().item("KG")["decimals"] == decimals);
    };
    let refuse = |pair: &Pair, id: &str, quantity: &str| {
        let body = json!({"request_id": id, "sku": "KG", "quantity": quantity});
        pair.gateway.http().refused("deduct", body, "insufficient_stock");
    };
    let refused = |pair: &Pair| {
        let found = pair.hub.http().get("/api/demand?sku=KG").json();
        found["items"][0]["refused_units"].clone()
    };
    refuse(&pair, "d1", "1.5");
    until("the first refusal at the hub", || refused(&pair) == json!(1.5));
    list(&pair, 1);
    assert_eq!(refused(&pair), json!(1.5));
    refuse(&pair, "d2", "0.2");
    // Otherwise the next report comes after a minute.
    pair.gateway.restart();
    until("both at the hub", || refused(&pair) == json!(1.7));
    list(&pair, 4);
    assert_eq!(refused(&pair), json!(1.7));
    pair.gateway.kill9();
    pair.gateway.launch();
    refuse(&pair, "d3", "0.0001");
    pair.gateway.restart();
    until("all at the hub", || refused(&pair) == json!(1.7001));
}

fn balance() -> Value {
    json!({"sku": "KG", "received": 12.5, "adjusted": 0, "deducted": 1.25, "unallotted": 10.75,
        "in_transit": 0, "on_hand": 0.5, "difference": 0})
}

fn changes(page: &Value) -> Vec<Value> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["change"].clone()).collect()
}

/// Sends a body as it is written.
fn send(pair: &Pair, path: &str, body: &str) -> Answer {
    pair.hub.http().send_raw("POST", path, body.as_bytes())
}

/// A gateway that has the catalogue.
fn listed() -> Pair {
    let pair = Pair::start();
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", CATALOGUE.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    until("the catalogue is known", || {
        pair.gateway.http().call("get", json!({"sku": "KG"})).is_ok_and(|it| it["decimals"] == 3)
    });
    pair
}
