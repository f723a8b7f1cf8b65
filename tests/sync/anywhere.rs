//! Sales of any unit of the company: what the pool lacks is recalled from gateways that are online.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::pair::{assert_balanced, until_confirmed};
use crate::support::bodies::{many, one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::http::{Answer, Http};
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;
use crate::support::terminal::Terminal as _;

/// A hub with gateways `gw-01` … of sites `wh-01` …, each with units of A.
struct Company {
    hub: Hub,
    gateways: Vec<Gateway>,
    _broker: Broker,
}

impl Company {
    fn start(stock: &[u64]) -> Self {
        let broker = Broker::start();
        let hub = Hub::start(&broker);
        Self::with_hub(hub, broker, stock)
    }

    fn with_hub(hub: Hub, broker: Broker, stock: &[u64]) -> Self {
        let gateway = |(at, units): (usize, &u64)| {
            let (site, id) = (format!("wh-0{}", at + 1), format!("gw-0{}", at + 1));
            let gateway = Gateway::named(&site, &id, &broker.section());
            gateway.http().ok("restock", one("in", "A", *units));
            until_confirmed(&gateway);
            gateway
        };
        let gateways: Vec<Gateway> = stock.iter().enumerate().map(gateway).collect();
        until("all are online", || {
            let online = hub.gateways().iter().filter(|it| it["online"] == true).count();
            online == stock.len()
        });
        Self { hub, gateways, _broker: broker }
    }

    fn on_hand(&self, at: usize) -> u64 {
        self.gateways[at].http().ok("get", json!({"sku": "A"}))["on_hand"].as_u64().unwrap()
    }

    fn unallotted(&self) -> u64 {
        self.hub.stock("A")["unallotted"].as_u64().unwrap()
    }
}

fn anywhere(id: &str, quantity: u64) -> Value {
    with(with(one(id, "A", quantity), "from", "anywhere"), "wait_ms", 10_000)
}

fn sell(http: &Http, body: &Value) -> Answer {
    http.post("/api/deduct", body)
}

#[test]
fn a_sale_takes_what_the_pool_has_and_recalls_the_rest_in_the_order_of_preference() {
    let company = Company::start(&[5, 8]);
    let http = company.hub.http();
    assert_eq!(http.post("/api/receipts", &one("po", "A", 3)).status, 200);
    let order = with(anywhere("s1", 2), "order_id", "o1");
    assert_eq!(sell(&http, &order).status, 200, "the pool has it");
    assert_eq!((company.unallotted(), company.on_hand(0), company.on_hand(1)), (1, 5, 8));

    let order = with(anywhere("s2", 4), "prefer", json!(["wh-01"]));
    let answer = sell(&http, &order);
    assert_eq!(answer.status, 200, "{answer:?}");
    let first = answer.json();
    assert_eq!((&first["replayed"], &first["lines"][0]["quantity"]), (&json!(false), &json!(4)));
    assert_eq!((company.unallotted(), company.on_hand(0), company.on_hand(1)), (0, 2, 8));
    assert_eq!(sell(&http, &order).json(), with(first, "replayed", true));

    assert_eq!(sell(&http, &anywhere("s3", 3)).status, 200, "from where most is");
    assert_eq!((company.unallotted(), company.on_hand(0), company.on_hand(1)), (0, 2, 5));
    let from_pool = http.post("/api/deduct", &with(one("s4", "A", 1), "from", "pool"));
    from_pool.refused("insufficient_stock");
    sell(&http, &with(anywhere("s2", 4), "wait_ms", 9)).refused("idempotency_conflict");
    let events = http.get("/api/events?after=0&limit=1000").json();
    let kinds = |kind: &str| {
        let events = events["events"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind && event["gateway"].is_null()).count()
    };
    assert_eq!((kinds("deduct"), kinds("recall")), (3, 2));
    until_settled(&company);
}

/// The hub's books are those of the gateways, and add up.
fn until_settled(company: &Company) {
    company.gateways.iter().for_each(until_confirmed);
    assert_balanced(&company.hub);
}

#[test]
fn a_sale_is_refused_at_once_if_it_cannot_be_had_and_says_what_is_elsewhere() {
    let mut company = Company::start(&[5, 8]);
    let http = company.hub.http();
    company.gateways[0].http().ok("reserve", one("held", "A", 2));
    until_confirmed(&company.gateways[0]);
    company.gateways[1].kill9();
    until("it is offline", || company.hub.gateway_at("wh-02", "gw-02")["online"] == false);
    let refused = sell(&http, &anywhere("s1", 4)).refused("insufficient_stock");
    let figures = ["requested", "available", "elsewhere_online", "elsewhere_offline"];
    assert_eq!(figures.map(|field| refused[field].as_u64()), [4, 0, 3, 8].map(Some), "{refused}");
    let again = sell(&http, &anywhere("s1", 4)).refused("insufficient_stock");
    assert_eq!(again, with(refused, "replayed", true), "the refusal is remembered");
    assert_eq!(sell(&http, &anywhere("s2", 3)).status, 200, "what is not reserved there");
    assert_eq!(company.on_hand(0), 2, "a reservation of a site is not touched");
    for (field, wrong) in [
        ("from", json!("nowhere")),
        ("wait_ms", json!(10_001)),
        ("prefer", json!(["not a site"])),
        ("ttl_s", json!(5)),
    ] {
        sell(&http, &with(anywhere("s3", 1), field, wrong)).refused("bad_request");
    }
    sell(&http, &with(anywhere("s4", 1), "sku", "Z")).refused("bad_request");
    let unknown = with(with(one("s5", "Z", 1), "from", "anywhere"), "wait_ms", 100);
    sell(&http, &unknown).refused("unknown_sku");
}

#[test]
fn a_refusal_names_the_line_that_cannot_be_had() {
    let company = Company::start(&[6]);
    let http = company.hub.http();
    assert_eq!(http.post("/api/receipts", &one("po", "B", 5)).status, 200);
    let order = |id: &str, a: u64, b: u64| {
        let lines = with(many(id, &[("A", a), ("B", b)]), "from", "anywhere");
        sell(&http, &with(lines, "wait_ms", 300)).refused("insufficient_stock")
    };
    let figures = |refused: &Value| {
        let fields = ["requested", "available", "elsewhere_online"];
        (refused["sku"].as_str().unwrap().to_owned(), fields.map(|field| refused[field].as_u64()))
    };
    let refused = order("s1", 1, 99);
    assert_eq!(figures(&refused), ("B".into(), [99, 5, 0].map(Some)), "one of A is elsewhere");
    assert_eq!(order("s1", 1, 99), with(refused, "replayed", true));
    assert_eq!(figures(&order("s2", 7, 99)), ("A".into(), [7, 0, 6].map(Some)), "the first of two");
    assert_eq!(company.on_hand(0), 6, "nobody is asked in vain");
    company.gateways[0].signal("STOP");
    assert_eq!(figures(&order("s3", 6, 1)).0, "A", "it did not come in time");
    company.gateways[0].signal("CONT");
}

/// On both stores.
#[test]
fn units_from_anywhere_are_reserved_in_the_pool() {
    let postgres = Postgres::start();
    let on_postgres = |broker: &Broker| Hub::start_on(&postgres.url(), &broker.section());
    for start in [&Hub::start as &dyn Fn(&Broker) -> Hub, &on_postgres] {
        let broker = Broker::start();
        let company = Company::with_hub(start(&broker), broker, &[5, 8]);
        assert_reserved_from_anywhere(&company);
    }
}

fn assert_reserved_from_anywhere(company: &Company) {
    let http = company.hub.http();
    let order =
        |id: &str, units: u64| with(with(anywhere(id, units), "order_id", "o1"), "ttl_s", 600);
    let reserve = |body: &Value| http.post("/api/reservations", body);
    let asked = with(order("r1", 6), "prefer", json!(["wh-01"]));
    let answer = reserve(&asked);
    assert_eq!(answer.status, 201, "{answer:?}");
    let first = answer.json();
    assert_eq!((&first["reservation"], &first["lines"][0]["reserved"]), (&json!("r1"), &json!(6)));
    assert!(first["expires_at"].is_string(), "{first}");
    assert_eq!((company.unallotted(), company.on_hand(0), company.on_hand(1)), (6, 0, 7));
    assert_eq!(reserve(&asked).json(), with(first, "replayed", true));
    reserve(&with(asked, "ttl_s", 601)).refused("idempotency_conflict");
    sell(&http, &anywhere("r1", 6)).refused("idempotency_conflict");
    let refused = reserve(&order("r2", 8)).refused("insufficient_stock");
    assert_eq!(
        ["available", "elsewhere_online"].map(|field| refused[field].as_u64()),
        [0, 7].map(Some),
        "{refused}"
    );
    let commit = http.post("/api/reservations/r1/commit", &json!({}));
    assert_eq!(commit.status, 200, "{commit:?}");
    assert_eq!(company.hub.stock("A")["total"], 7);
    until_settled(company);
}

/// All lines are sold or none, and what has come back for one that is refused is in the pool.
#[test]
fn what_comes_back_for_a_sale_that_is_refused_stays_in_the_pool() {
    let company = Company::start(&[5, 8]);
    let http = company.hub.http();
    company.gateways[1].signal("STOP");
    let order = with(anywhere("s1", 13), "wait_ms", 1_500);
    let began = Instant::now();
    let refused = sell(&http, &order).refused("insufficient_stock");
    assert!(began.elapsed() >= Duration::from_millis(1_400), "it waits for the other one");
    assert_eq!(refused["available"], 5, "{refused}");
    assert_eq!(company.unallotted(), 5);
    company.gateways[1].signal("CONT");
    until("what returns late goes to the pool", || company.unallotted() == 13);
    assert_eq!(sell(&http, &order).refused("insufficient_stock")["replayed"], true);
    assert_eq!(sell(&http, &anywhere("s2", 13)).status, 200);
    until_settled(&company);
}

/// The decision outlives the worker that took the request; a repetition gets the same answer.
#[test]
fn a_sale_survives_a_kill_of_the_hub() {
    let mut company = Company::start(&[5]);
    let order = with(anywhere("s1", 4), "wait_ms", 10_000);
    company.gateways[0].signal("STOP");
    let (http, asked) = (company.hub.http(), order.clone());
    let cut = std::thread::spawn(move || {
        http.try_send("POST", "/api/deduct", Some(asked.to_string().as_bytes())).is_err()
    });
    let asks = "SELECT count(*) FROM open_order";
    until("the order is in the books", || count(&company.hub, asks) == 1);
    company.hub.kill9();
    assert!(cut.join().unwrap(), "its client has no answer");
    company.hub.launch();
    company.gateways[0].signal("CONT");
    let answer = sell(&company.hub.http(), &order);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(sell(&company.hub.http(), &order).json()["replayed"], true);
    assert_eq!((company.unallotted(), company.on_hand(0)), (0, 1));
    assert_eq!(count(&company.hub, asks), 0);
    until_settled(&company);
}

fn count(hub: &Hub, sql: &str) -> i64 {
    let books = rusqlite::Connection::open(hub.database()).unwrap();
    books.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Nobody waits for its answer: it is decided when its time is over, all the same.
#[test]
fn a_sale_whose_client_has_left_is_decided() {
    let company = Company::start(&[5]);
    company.gateways[0].signal("STOP");
    let (http, order) = (company.hub.http(), with(anywhere("s1", 4), "wait_ms", 1_000));
    let waiting = std::thread::spawn(move || http.post("/api/deduct", &order));
    until("the order is in the books", || {
        count(&company.hub, "SELECT count(*) FROM open_order") == 1
    });
    until("it is decided", || count(&company.hub, "SELECT count(*) FROM open_order") == 0);
    waiting.join().unwrap().refused("insufficient_stock");
    company.gateways[0].signal("CONT");
    until("its units are in the pool", || company.unallotted() == 4);
}

/// A gateway that does not answer recalls is asked for nothing for a while.
#[test]
fn a_gateway_that_misses_recalls_is_left_out_for_a_while() {
    let company = Company::start(&[50, 3]);
    let http = company.hub.http();
    company.gateways[0].signal("STOP");
    for number in 0..3 {
        let order = with(anywhere(&format!("s{number}"), 5), "wait_ms", 300);
        sell(&http, &order).refused("insufficient_stock");
    }
    assert_eq!(http.get("/api/status").json()["left_out"], json!(["wh-01/gw-01"]));
    assert_eq!(http.metric("stockgate_hub_gateways_left_out"), 1);
    let began = Instant::now();
    let refused = sell(&http, &anywhere("s9", 5)).refused("insufficient_stock");
    assert!(began.elapsed() < Duration::from_secs(9), "nobody waits for it");
    assert!(refused["elsewhere_online"].as_u64() >= Some(50), "{refused}");
    company.gateways[0].signal("CONT");
}

/// Many clients at two workers sell the last units: none twice, and each request is answered once.
#[test]
fn two_workers_never_sell_a_unit_twice() {
    let (broker, postgres) = (Broker::start(), Postgres::start());
    let worker = |name: &str| {
        let keys = format!("worker = \"{name}\"\nsubscription = \"shared\"\n{}", broker.section());
        Hub::start_on(&postgres.url(), &keys)
    };
    let (hub, other) = (worker("hub-1"), worker("hub-2"));
    let company = Company::with_hub(hub, broker, &[20, 20]);
    let policy = json!({"low_water": 15, "target": 18});
    assert_eq!(company.hub.http().put("/api/policies/A", &policy).status, 200);
    let sold: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let http = if client % 2 == 0 { company.hub.http() } else { other.http() };
                scope.spawn(move || sell_some(&http, client))
            })
            .collect();
        for number in 0..10 {
            for gateway in &company.gateways {
                let _ = gateway.http().call("deduct", one(&format!("g{number}"), "A", 1));
            }
        }
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    until_settled(&company);
    let left = company.hub.stock("A");
    let local: u64 = company.gateways.iter().map(deducted).sum();
    assert_eq!(left["total"].as_u64().unwrap() + sold + local, 40, "{left}");
    assert!(sold > 0);
}

fn deducted(gateway: &Gateway) -> u64 {
    gateway.http().ledger().iter().filter(|entry| entry["kind"] == "deduct").count() as u64
}

/// Returns the units that were sold.
fn sell_some(http: &Http, client: u32) -> u64 {
    let mut sold = 0;
    for number in 0..6 {
        let order = with(anywhere(&format!("c{client}:{number}"), 2), "wait_ms", 3_000);
        let answer = sell(http, &order);
        match answer.status {
            200 => sold += 2,
            409 | 503 => {}
            _ => panic!("{answer:?}"),
        }
        let again = sell(http, &order);
        match (answer.status, again.status) {
            (503, 200) => sold += 2,
            (one, other) => assert!(one == other || one == 503, "{answer:?} {again:?}"),
        }
    }
    sold
}

#[test]
fn several_lines_are_sold_together_or_not_at_all() {
    let company = Company::start(&[5, 8]);
    let http = company.hub.http();
    assert_eq!(http.post("/api/receipts", &many("po", &[("B", 2)])).status, 200);
    let order = |id: &str, b: u64| {
        let lines = with(many(id, &[("A", 9), ("B", b)]), "from", "anywhere");
        with(lines, "wait_ms", 10_000)
    };
    let refused = sell(&http, &order("s1", 3)).refused("insufficient_stock");
    assert_eq!(refused["replayed"], false);
    assert_eq!((company.on_hand(0), company.on_hand(1)), (5, 8), "nobody is asked in vain");
    assert_eq!(sell(&http, &order("s2", 2)).status, 200);
    assert_eq!(company.hub.stock("B")["total"], 0);
    until_settled(&company);
}
