//! Orders from the centre: sales, reservations and rollbacks on the hub's pool.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::pair::assert_balanced;
use crate::support::bodies::{many, one, rollback, with};
use crate::support::http::{Answer, Http};
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;

/// A hub without a broker.
fn on(store: &Store) -> Hub {
    match store {
        Store::Sqlite => Hub::start_with(""),
        Store::Postgres(postgres) => Hub::start_on(&postgres.url(), ""),
    }
}

enum Store {
    Sqlite,
    Postgres(Postgres),
}

fn on_both(check: impl Fn(&Store)) {
    check(&Store::Sqlite);
    check(&Store::Postgres(Postgres::start()));
}

/// The figures of a SKU in the pool: unallotted, reserved, and the total.
fn pool(hub: &Hub, sku: &str) -> [u64; 3] {
    let stock = hub.stock(sku);
    ["unallotted", "reserved", "total"].map(|field| stock[field].as_u64().unwrap_or(0))
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn reserve(http: &Http, id: &str, sku: &str, quantity: u64) -> Value {
    let answer = http.post("/api/reservations", &one(id, sku, quantity));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn receive(http: &Http, id: &str, lines: &[(&str, u64)]) {
    done(&http.post("/api/receipts", &many(id, lines)));
}

fn state(http: &Http, id: &str) -> String {
    done(&http.get(&format!("/api/reservations/{id}")))["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_reservation_holds_units_of_the_pool_until_it_is_committed_or_released() {
    on_both(|store| {
        let mut hub = on(store);
        let http = hub.http();
        receive(&http, "po", &[("A", 10), ("B", 5)]);
        let lines = json!([{"sku": "A", "quantity": 4, "lot": "L1"}, {"sku": "B", "quantity": 5}]);
        let asked = json!({"request_id": "r1", "order_id": "o1", "lines": lines, "ttl_s": 600});
        let answer = http.post("/api/reservations", &asked);
        assert_eq!(answer.status, 201, "{answer:?}");
        let first = answer.json();
        assert_eq!((&first["reservation"], &first["replayed"]), (&json!("r1"), &json!(false)));
        let line = json!({"sku": "A", "quantity": 4, "unallotted": 10, "reserved": 4,
            "available": 6, "in_transit": 0});
        assert_eq!(first["lines"][0], line);
        assert_eq!(done(&http.post("/api/reservations", &asked)), with(first, "replayed", true));
        assert_eq!(pool(&hub, "A"), [10, 4, 10], "reserved units are in the pool");

        let refused = http.post("/api/deduct", &one("much", "A", 7)).refused("insufficient_stock");
        assert_eq!((&refused["requested"], &refused["available"]), (&json!(7), &json!(6)));
        http.post("/api/reservations", &one("r2", "B", 1)).refused("insufficient_stock");
        let again = http.post("/api/reservations", &one("r2", "B", 1));
        assert_eq!(
            again.refused("insufficient_stock")["replayed"],
            true,
            "a refusal is remembered"
        );
        http.post("/api/reservations", &one("r1", "A", 4)).refused("idempotency_conflict");
        let from = |place: &str| with(one("r3", "B", 1), "from", place);
        http.post("/api/reservations", &from("nowhere")).refused("bad_request");
        http.post("/api/reservations", &from("pool")).refused("insufficient_stock");
        let chosen =
            |id: &str| with(with(one(id, "B", 1), "prefer", json!(["wh-01"])), "wait_ms", 5);
        http.post("/api/reservations", &chosen("r4")).refused("insufficient_stock");
        http.post("/api/deduct", &chosen("s4")).refused("insufficient_stock");
        http.post("/api/deduct", &with(chosen("s5"), "wait_ms", 10_001)).refused("bad_request");

        // A box of it leaves, and the rest stays reserved.
        let part = json!({"request_id": "b1", "keep_rest": true, "sku": "A", "quantity": 1});
        let committed = done(&http.post("/api/reservations/r1/commit", &part));
        assert_eq!(committed["lines"][0]["quantity"], 1);
        assert_eq!(pool(&hub, "A"), [9, 3, 9]);
        hub.kill9();
        hub.launch();
        let http = hub.http();
        assert_eq!(done(&http.post("/api/reservations/r1/commit", &part))["replayed"], true);
        let listed = done(&http.get("/api/reservations?order_id=o1"));
        assert_eq!(listed["items"][0]["lines"][0], json!({"sku": "A", "quantity": 3, "lot": "L1"}));
        assert_eq!(done(&http.get("/api/reservations?sku=Z"))["items"], json!([]));
        let longer = json!({"request_id": "x1", "ttl_s": 1200});
        let extended = done(&http.post("/api/reservations/r1/extend", &longer));
        assert!(extended["expires_at"].as_str() > listed["items"][0]["expires_at"].as_str());
        for _ in 0..50 {
            let told = done(&http.get("/api/reservations/r1"));
            assert_eq!(told["expires_at"], extended["expires_at"], "the same moment");
        }

        // The last box takes a part, and what is left is given back.
        let last = json!({"request_id": "b2", "lines": [{"sku": "B", "quantity": 2}]});
        done(&http.post("/api/reservations/r1/commit", &last));
        assert_eq!((pool(&hub, "A"), pool(&hub, "B")), ([9, 0, 9], [3, 0, 3]));
        assert_eq!(state(&http, "r1"), "committed");
        http.delete("/api/reservations/r1").refused("reservation_closed");
        let much = json!({"request_id": "b3"});
        http.post("/api/reservations/r1/commit", &much).refused("reservation_closed");
        http.delete("/api/reservations/nobody").refused("unknown_reservation");
        http.get("/api/reservations/nobody").refused("unknown_reservation");
        assert_balanced(&hub);
    });
}

#[test]
fn a_reservation_is_released_once_and_committed_once_without_a_request_id() {
    on_both(|store| {
        let hub = on(store);
        let http = hub.http();
        receive(&http, "po", &[("A", 10)]);
        reserve(&http, "r1", "A", 4);
        reserve(&http, "r2", "A", 3);
        let first = done(&http.delete("/api/reservations/r1"));
        assert_eq!(
            (&first["request_id"], &first["replayed"]),
            (&json!("release:r1"), &json!(false))
        );
        assert_eq!(done(&http.delete("/api/reservations/r1"))["replayed"], true);
        assert_eq!(pool(&hub, "A"), [10, 3, 10]);
        let first = done(&http.send("POST", "/api/reservations/r2/commit", None));
        assert_eq!(first["request_id"], "commit:r2");
        let again = done(&http.send("POST", "/api/reservations/r2/commit", None));
        assert_eq!(again, with(first, "replayed", true));
        assert_eq!(pool(&hub, "A"), [7, 0, 7]);
        let back = done(&http.post("/api/rollback", &rollback("back", "commit:r2")));
        assert_eq!(back["lines"][0]["quantity"], 3, "a commit is a sale");
        let too_much = json!({"request_id": "c3", "sku": "A", "quantity": 5});
        reserve(&http, "r3", "A", 4);
        http.post("/api/reservations/r3/commit", &too_much).refused("exceeds_deduction");
        assert_balanced(&hub);
    });
}

#[test]
fn a_reservation_ends_by_itself() {
    on_both(|store| {
        let hub = on(store);
        let http = hub.http();
        receive(&http, "po", &[("A", 10)]);
        let short = with(one("r1", "A", 4), "ttl_s", 1);
        assert_eq!(http.post("/api/reservations", &short).status, 201);
        until("it has expired", || pool(&hub, "A") == [10, 0, 10]);
        assert_eq!(state(&http, "r1"), "expired");
        let late = json!({"request_id": "late"});
        http.post("/api/reservations/r1/commit", &late).refused("reservation_expired");
        http.delete("/api/reservations/r1").refused("reservation_expired");
        assert_eq!(done(&http.post("/api/reservations", &short))["replayed"], true);
        let ledger = http.get("/api/ledger").json()["entries"].clone();
        let kinds: Vec<&str> =
            ledger.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["receipt", "reserve", "expire"]);
        assert_eq!(ledger[2]["reserved_change"], -4, "{ledger}");
        assert_balanced(&hub);
        for wrong in [json!(0), json!(40_000_000), json!("soon")] {
            let wrong = with(one("r9", "A", 1), "ttl_s", wrong);
            http.post("/api/reservations", &wrong).refused("bad_request");
        }
    });
}

#[test]
fn a_sale_is_given_back_in_parts_and_never_more_than_was_sold() {
    on_both(|store| {
        let hub = on(store);
        let http = hub.http();
        let weighed = "sku,name,barcodes,unit,decimals\nT,Tea,,kg,3\n";
        assert_eq!(http.send_raw("PUT", "/api/catalogue", weighed.as_bytes()).status, 200);
        receive(&http, "po", &[("A", 10), ("T", 2)]);
        let lines =
            json!([{"sku": "A", "quantity": 6, "lot": "L1"}, {"sku": "T", "quantity": "0.75"}]);
        let sale = json!({"request_id": "s1", "order_id": "o1", "lines": lines});
        done(&http.post("/api/deduct", &sale));
        let part = json!({"request_id": "k1", "of": "s1", "reason": "damaged",
            "lines": [{"sku": "T", "quantity": 0.25}]});
        let back = done(&http.post("/api/rollback", &part));
        assert_eq!(back["lines"][0]["unallotted"], 1.5);
        assert_eq!(done(&http.post("/api/rollback", &part))["replayed"], true);
        let much =
            json!({"request_id": "k2", "of": "s1", "lines": [{"sku": "T", "quantity": 0.6}]});
        let refused = http.post("/api/rollback", &much).refused("exceeds_deduction");
        assert_eq!(refused["available"], 0.5, "{refused}");
        let rest = done(&http.post("/api/rollback", &rollback("k3", "s1")));
        assert_eq!(rest["lines"].as_array().unwrap().len(), 2, "{rest}");
        assert_eq!(pool(&hub, "A"), [10, 0, 10]);
        http.post("/api/rollback", &rollback("k4", "s1")).refused("exceeds_deduction");
        http.post("/api/rollback", &rollback("k5", "k1")).refused("unknown_request");
        let nothing = http.post("/api/rollback", &rollback("k6", "nothing"));
        let nothing = nothing.refused("unknown_request");
        assert!(nothing["message"].as_str().unwrap().contains("sale, commit or receipt"));
        http.post("/api/rollback", &json!({"request_id": "k7"})).refused("bad_request");
        done(&http.post("/api/rollback", &rollback("k8", "po")));
        assert_eq!(pool(&hub, "A"), [0, 0, 0], "a receipt is undone as far as it is there");
        let entries = http.get("/api/ledger").json()["entries"].clone();
        let damaged = entries.as_array().unwrap().iter().find(|it| it["reason"] == "damaged");
        assert_eq!(damaged.unwrap()["order_id"], "o1", "a rollback belongs to the order");
        assert_balanced(&hub);
    });
}

#[test]
fn a_rollback_lowers_what_it_undoes_in_the_balance() {
    on_both(|store| {
        let hub = on(store);
        let http = hub.http();
        receive(&http, "po", &[("A", 10)]);
        receive(&http, "twice", &[("A", 4)]);
        done(&http.post("/api/deduct", &one("s", "A", 6)));
        done(&http.post("/api/rollback", &rollback("k1", "twice")));
        let part = with(rollback("k2", "s"), "lines", json!([{"sku": "A", "quantity": 2}]));
        done(&http.post("/api/rollback", &part));
        let balance = done(&http.get("/api/reconcile?all=true"));
        let figures = ["received", "adjusted", "deducted", "unallotted", "difference"];
        let figures = figures.map(|name| balance["items"][0][name].as_i64().unwrap());
        assert_eq!((figures, &balance["balanced"]), ([10, 0, 4, 6, 0], &json!(true)));
    });
}

/// A request id belongs to one operation.
#[test]
fn a_receipt_and_a_sale_with_the_same_body_are_different_requests() {
    let hub = on(&Store::Sqlite);
    receive(&hub.http(), "one", &[("A", 5)]);
    hub.http().post("/api/deduct", &one("one", "A", 5)).refused("idempotency_conflict");
    hub.http().post("/api/reservations", &one("one", "A", 5)).refused("idempotency_conflict");
}

/// What is reserved is neither granted nor given by a policy.
#[test]
fn reserved_units_are_not_granted() {
    let pair = super::pair::Pair::stocked(&[("A", 1)]);
    let http = pair.hub.http();
    receive(&http, "po", &[("A", 10)]);
    reserve(&http, "r1", "A", 8);
    let to = |body| with(with(body, "site", super::pair::SITE), "gateway", super::pair::ID);
    http.post("/api/grants", &to(one("g1", "A", 3))).refused("insufficient_stock");
    let policy = json!({"low_water": 5, "target": 9});
    assert_eq!(http.put("/api/policies/A", &policy).status, 200);
    until("the policy has granted what is free", || pool(&pair.hub, "A")[0] == 8);
    done(&http.delete("/api/reservations/r1"));
    until("it grants what was released", || pool(&pair.hub, "A")[0] == 2);
    assert_balanced(&pair.hub);
}

#[test]
fn two_workers_decide_each_order_once() {
    let postgres = Postgres::start();
    let worker = |name: &str| Hub::start_on(&postgres.url(), &format!("worker = \"{name}\"\n"));
    let hubs = [worker("hub-1"), worker("hub-2")];
    receive(&hubs[0].http(), "po", &[("A", 40), ("B", 200)]);
    done(&hubs[0].http().post("/api/deduct", &one("s", "B", 100)));
    reserve(&hubs[0].http(), "r", "B", 20);
    std::thread::scope(|scope| {
        for hub in &hubs {
            for client in 0..2 {
                scope.spawn(move || {
                    let name = format!("{}-{client}", hub.port());
                    for number in 0..15 {
                        order(hub, &name, number);
                    }
                });
            }
        }
    });
    assert_eq!(pool(&hubs[0], "A"), [0, 0, 0], "60 were asked for, 40 were there");
    assert_eq!(state(&hubs[1].http(), "r"), "committed");
    assert_eq!(pool(&hubs[1], "B"), [180, 0, 180], "all that was sold came back once");
    assert_balanced(&hubs[0]);
}

/// Sells one unit, gives some of an earlier sale back, and commits a reservation that others commit
/// at the same time.
fn order(hub: &Hub, name: &str, number: u32) {
    let sent = |path: &str, body: &Value| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = hub.http().post(path, body);
            if answer.status != 503 {
                return answer;
            }
            assert!(Instant::now() < deadline, "{answer:?}");
        }
    };
    let sold = sent("/api/deduct", &one(&format!("{name}:{number}"), "A", 1));
    assert!([200, 409].contains(&sold.status), "{sold:?}");
    let back = json!({"request_id": format!("{name}:k{number}"), "of": "s",
        "lines": [{"sku": "B", "quantity": 3}]});
    let back = sent("/api/rollback", &back);
    assert!([200, 409].contains(&back.status), "{back:?}");
    if number == 14 {
        let rest = rollback(&format!("{name}:rest"), "s");
        assert!([200, 409].contains(&sent("/api/rollback", &rest).status));
    }
    let commit = json!({"request_id": format!("{name}:c{number}")});
    let committed = sent("/api/reservations/r/commit", &commit);
    assert!([200, 409].contains(&committed.status), "{committed:?}");
}
