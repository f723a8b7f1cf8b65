//! The feed of the hub: every entry once, in the order of the ledgers, for every reader.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, until_confirmed};
use crate::support::bodies::{one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::postgres::Postgres;
use crate::support::terminal::Terminal as _;

/// The events after a cursor up to the end, read in pages, and the cursor after them.
fn read_on(http: &Http, after: &str, limit: usize, filter: &str) -> (Vec<Value>, String) {
    let (mut events, mut after) = (Vec::new(), after.to_owned());
    loop {
        let page = http.get(&format!("/api/events?after={after}&limit={limit}{filter}")).json();
        let found = page["events"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
        page["next"].as_str().unwrap().clone_into(&mut after);
        if found.is_empty() {
            return (events, after);
        }
        assert!(found.len() <= limit);
        assert_eq!(found.last().unwrap()["cursor"], page["next"], "{page}");
        events.extend(found);
    }
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event_id"].as_str().unwrap()).collect()
}

/// The ledger entries as the feed must show them.
fn assert_is_the_ledger(events: &[Value], ledger: &[Value]) {
    assert_eq!(ids(events), ids(ledger));
    for (event, entry) in events.iter().zip(ledger) {
        let fields = ["kind", "sku", "change", "reserved_change", "order_id", "request_id", "at"];
        let said = ["actor", "reason", "lot", "serial", "expires", "in_transit_change"];
        for field in fields.iter().chain(&said) {
            assert_eq!(event[field], entry[field], "{field} of {event} and {entry}");
        }
    }
}

fn of_gateway(events: &[Value], gateway: &Value) -> Vec<Value> {
    let found = events.iter().filter(|event| event["gateway"] == *gateway);
    found.cloned().collect()
}

#[test]
fn every_entry_is_an_event_in_the_order_of_its_ledger() {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let books = Connection::open(hub.database()).unwrap();
    let (events, _pair) = assert_every_entry_is_an_event(&broker, hub);
    let columns = "event_id, product_id, change_amount, source_order, created_at, kind, site, \
                   gateway, actor, reason";
    let sql = format!("SELECT {columns} FROM inventory_changed_event");
    let mut view = books.prepare(&sql).unwrap();
    let rows = view.query_map([], |row| (0..10).map(|at| row.get(at).map(json_of)).collect());
    let rows: Vec<Value> = rows.unwrap().collect::<Result<_, _>>().unwrap();
    assert_in_view(rows, &events);
}

fn json_of(value: rusqlite::types::Value) -> Value {
    match value {
        rusqlite::types::Value::Integer(number) => number.into(),
        // SQLite has no exact fractions; JSON writes a whole number without one.
        rusqlite::types::Value::Real(number) if number.fract() == 0.0 => (number as i64).into(),
        rusqlite::types::Value::Real(number) => number.into(),
        rusqlite::types::Value::Text(text) => text.into(),
        rusqlite::types::Value::Null | rusqlite::types::Value::Blob(_) => Value::Null,
    }
}

/// The view shows the events of the feed, and no others.
fn assert_in_view(rows: impl IntoIterator<Item = Value>, events: &[Value]) {
    let rows = rows.into_iter().map(|row| (row[0].to_string(), row));
    let rows: BTreeMap<String, Value> = rows.collect();
    assert_eq!(rows.len(), events.len(), "{rows:?}");
    let fields = ["event_id", "sku", "change", "order_id", "at", "kind", "site", "gateway"];
    for event in events {
        let row = &rows[&event["event_id"].to_string()];
        for (at, field) in fields.iter().chain(&["actor", "reason"]).enumerate() {
            assert_eq!(row[at], event[field], "{field} of {event} and {row}");
        }
    }
}

#[test]
fn every_entry_is_an_event_with_postgresql() {
    let (broker, postgres) = (Broker::start(), Postgres::start());
    let hub = Hub::start_on(&postgres.url(), &broker.section());
    let (events, _) = assert_every_entry_is_an_event(&broker, hub);
    let time = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    let rows = postgres.sql(&format!(
        "SELECT json_build_array(event_id, product_id, change_amount, source_order, {time}, kind, \
         site, gateway, actor, reason) FROM inventory_changed_event"
    ));
    assert_in_view(rows.lines().map(|row| serde_json::from_str(row).unwrap()), &events);
    // What a device may have written.
    postgres.sql("UPDATE entry SET at_ms = CASE seq WHEN 1 THEN 9223372036854775807 ELSE -9223372036854775808 END");
    let years = "SELECT string_agg(DISTINCT to_char(created_at AT TIME ZONE 'UTC', 'YYYY'), ' ')
                 FROM inventory_changed_event WHERE gateway IS NOT NULL";
    assert_eq!(postgres.sql(years).trim(), "1970 9999");
}

fn assert_every_entry_is_an_event(broker: &Broker, hub: Hub) -> (Vec<Value>, Pair) {
    let gateway = Gateway::start_with(&broker.section());
    let pair = Pair { gateway, hub, broker: Broker::start() };
    let (hub, mut gateway) = (pair.hub.http(), pair.gateway.http());
    let weighed = "sku,name,barcodes,unit,decimals\nT,Tea,,kg,3\n";
    assert_eq!(hub.send_raw("PUT", "/api/catalogue", weighed.as_bytes()).status, 200);
    assert_eq!(read_on(&hub, "0", 2, "").0, [] as [Value; 0], "a new feed is empty");
    let lot = json!({"request_id": "in", "lines": [{"sku": "A", "quantity": 50, "lot": "L1"},
        {"sku": "B", "quantity": 3, "expires": "2027-01-31"}], "reason": "delivery"});
    gateway.ok("restock", lot);
    gateway.ok("deduct", with(one("out", "A", 7), "order_id", "o-1"));
    gateway.ok("reserve", with(one("held", "A", 2), "ttl_s", 600));
    until_confirmed(&pair.gateway);
    assert_eq!(hub.post("/api/receipts", &with(one("po", "T", 9), "order_id", "s-1")).status, 200);
    let grant = with(with(one("grant", "T", 2), "site", SITE), "gateway", ID);
    assert_eq!(hub.post("/api/grants", &grant).status, 200);
    until("the grant is booked", || pair.hub.ledger(SITE, ID).len() == 5);

    let (events, end) = read_on(&hub, "0", 2, "");
    assert_eq!(events.len(), 7, "{events:?}");
    assert_is_the_ledger(&of_gateway(&events, &ID.into()), &pair.hub.ledger(SITE, ID));
    let own = hub.get("/api/ledger").json()["entries"].as_array().unwrap().clone();
    assert_is_the_ledger(&of_gateway(&events, &Value::Null), &own);
    assert_eq!(events[6]["kind"], "grant", "the gateway's comes after the hub's");
    assert_eq!(events[5]["peer"], format!("{SITE}/{ID}"));
    assert!(events.iter().all(|event| event["booked_at"].as_str() > Some("2026")), "{events:?}");

    for event in &events {
        let (rest, _) = read_on(&hub, event["cursor"].as_str().unwrap(), 100, "");
        let at = events.iter().position(|other| other == event).unwrap();
        assert_eq!(rest, events[at + 1..], "a cursor is the place after its event");
    }
    let found = |filter: &str| read_on(&hub, "0", 1, filter).0.len();
    assert_eq!([found("&sku=A"), found("&sku=T"), found("&kind=grant")], [3, 3, 2]);
    assert_eq!(
        [found("&site=wh-01"), found("&site=wh-99"), found("&sku=A&kind=deduct")],
        [5, 0, 1]
    );
    for wrong in ["kind=theft", "after=x", "wait_s=31", "limit=some"] {
        hub.get(&format!("/api/events?{wrong}")).refused("bad_request");
    }
    assert_waiting(&hub, &mut gateway, &end);
    let (events, _) = read_on(&hub, "0", 100, "");
    assert_exported(&hub, &events);
    (events, pair)
}

/// A request for events waits for the first one, and without a cursor it is about what comes.
fn assert_waiting(hub: &Http, gateway: &mut Http, end: &str) {
    let now = hub.get("/api/events").json();
    assert_eq!(now, json!({"events": [], "next": end}));
    let began = Instant::now();
    assert_eq!(hub.get("/api/events?wait_s=1").json(), now, "nothing has come");
    assert!(began.elapsed() >= Duration::from_millis(900));
    let waiting = hub.clone();
    let asked = format!("/api/events?after={end}&wait_s=30&kind=count");
    let waiting = std::thread::spawn(move || waiting.get(&asked).json());
    gateway.ok("deduct", one("later", "A", 1));
    gateway.ok("count", json!({"request_id": "counted", "sku": "B", "counted": 4}));
    let found = waiting.join().unwrap();
    assert_eq!(found["events"][0]["request_id"], "counted", "{found}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

fn assert_exported(hub: &Http, events: &[Value]) {
    let today = &events[0]["booked_at"].as_str().unwrap()[..10];
    let answer = hub.get("/api/export?format=jsonl&from=2026-01-01");
    assert_eq!(answer.content_type, "application/jsonl");
    let lines: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, events);
    let csv = hub.get(&format!("/api/export?format=csv&to={today}&from=2026-01-01&site={SITE}"));
    let mut lines = csv.text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<BTreeMap<&str, &str>> =
        lines.map(|line| head.iter().copied().zip(line.split(',')).collect()).collect();
    let own: Vec<&Value> = events.iter().filter(|event| event["site"] == SITE).collect();
    assert_eq!(rows.len(), own.len());
    for (row, event) in rows.iter().zip(own) {
        for (name, cell) in row {
            let value = event.get(name).filter(|value| !value.is_null());
            let text = value.map(|value| value.to_string().trim_matches('"').to_owned());
            assert_eq!(*cell, text.unwrap_or_default(), "{name} of {event}");
        }
    }
    for (name, value) in [("sku", "B"), ("kind", "count")] {
        let found = hub.get(&format!("/api/export?format=jsonl&from=2026-01-01&{name}={value}"));
        let of = events.iter().filter(|event| event[name] == value);
        assert_eq!(found.text.lines().count(), of.count(), "{name}={value}: {}", found.text);
    }
    let none = hub.get("/api/export?format=jsonl&to=2026-01-01").text;
    assert_eq!(none, "", "nothing was booked then");
    hub.get("/api/export?format=xml").refused("bad_request");
    hub.get("/api/export?from=soon").refused("bad_request");
}

/// Hubs without a broker, one on each store.
fn on_both(check: impl Fn(&Http)) {
    let postgres = Postgres::start();
    for hub in [Hub::start_with(""), Hub::start_on(&postgres.url(), "")] {
        check(&hub.http());
    }
}

fn receive(http: &Http, id: &str) {
    assert_eq!(http.post("/api/receipts", &one(id, "A", 1)).status, 200);
}

fn request_ids(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    events.iter().map(|event| event["request_id"].as_str().unwrap()).collect()
}

#[test]
fn a_client_that_was_answered_finds_its_entry_at_once_in_every_page() {
    on_both(|http| {
        // The page has events already when the last one is committed.
        for number in 0..40 {
            let id = format!("po-{number}");
            receive(http, &id);
            let page = http.get("/api/events?after=0&limit=1000").json();
            assert_eq!(request_ids(&page).last(), Some(&&*id), "{page}");
            let short = http.get("/api/events?after=0&limit=1").json();
            assert_eq!(request_ids(&short), ["po-0"]);
        }
    });
}

#[test]
fn a_feed_from_now_has_nothing_that_was_committed_before() {
    on_both(|http| {
        for number in 0..20 {
            receive(http, &format!("po-{number}"));
            let page = http.get("/api/events?wait_s=0").json();
            assert_eq!(request_ids(&page), [""; 0]);
        }
        let waiting = http.clone();
        let waiting = std::thread::spawn(move || waiting.get("/api/events?wait_s=20").json());
        std::thread::sleep(Duration::from_millis(500));
        receive(http, "next");
        assert_eq!(request_ids(&waiting.join().unwrap()), ["next"]);
    });
}

#[test]
fn a_parameter_that_is_empty_says_as_little_as_none() {
    let pair = Pair::stocked(&[("A", 5)]);
    let http = pair.hub.http();
    for (path, names) in [
        ("/api/events?after=0", "limit wait_s site sku kind"),
        ("/api/export?format=jsonl", "from to site sku kind"),
        ("/api/export?", "format"),
        ("/api/demand?", "from to site gateway sku after limit"),
        ("/api/gateways?", "after limit state"),
        ("/api/ledger?site=wh-01&gateway=gw-01", "epoch aside after limit"),
        ("/api/ledger?", "site gateway after limit"),
        ("/api/stock?", "after limit"),
        ("/api/reconcile?", "all after limit"),
        ("/api/reservations?", "order_id sku after limit"),
        ("/api/policies?", "after limit"),
    ] {
        let empty: String = names.split(' ').map(|name| format!("&{name}=")).collect();
        let [plain, filled] = [path.to_owned(), format!("{path}{empty}")].map(|it| http.get(&it));
        assert_eq!((filled.status, &filled.text), (200, &plain.text), "{path}{empty}");
    }
}

#[test]
fn a_follower_whose_token_is_taken_away_is_sent_nothing_more() {
    let token = |name: &str| {
        format!(
            "[[hub.tokens]]\nname = \"{name}\"\nrole = \"admin\"\ntoken = \"the-{name}-secret-0123\"\n"
        )
    };
    let mut hub = Hub::start_with(&(token("old") + &token("kept")));
    let as_ = |hub: &Hub, name: &str| hub.http().with_token(&format!("the-{name}-secret-0123"));
    let bearer = "Connection: close\r\nAuthorization: Bearer the-old-secret-0123\r\n";
    let mut stream = Stream::open(&hub, "after=0", bearer);
    receive(&as_(&hub, "kept"), "before");
    assert_eq!(stream.next().1["request_id"], "before");
    let waiting = as_(&hub, "old");
    let waiting = std::thread::spawn(move || waiting.get("/api/events?wait_s=30"));
    std::thread::sleep(Duration::from_millis(500));

    hub.configure(&hub.address(), &token("kept"));
    hub.reload();

    let began = Instant::now();
    waiting.join().unwrap().refused("unauthorized");
    assert!(began.elapsed() < Duration::from_secs(10), "it does not wait to the end");
    receive(&as_(&hub, "kept"), "after");
    assert!(!stream.rest().contains("after"));
}

/// While some transactions are slow, others commit: no reader misses what commits later.
#[test]
fn readers_miss_nothing_of_two_workers_and_slow_transactions() {
    let (broker, postgres) = (Broker::start(), Postgres::start());
    let worker = |name: &str| {
        let keys = format!("worker = \"{name}\"\nsubscription = \"shared\"\n{}", broker.section());
        Hub::start_on(&postgres.url(), &keys)
    };
    let hubs = [worker("hub-1"), worker("hub-2")];
    let names = ["gw-01", "gw-02", "gw-03"];
    let gateways = names.map(|id| Gateway::named(SITE, id, &broker.section()));
    for gateway in &gateways {
        gateway.http().ok("restock", one("in", "A", 10_000));
        until_confirmed(gateway);
    }
    std::thread::scope(|scope| {
        // The books of one gateway are held again and again, and an unrelated transaction is open.
        let slow = scope.spawn(|| {
            for _ in 0..3 {
                postgres.sql(
                    "BEGIN; SELECT id FROM book WHERE gateway = 'gw-02' FOR UPDATE; \
                     SELECT pg_current_xact_id(); SELECT pg_sleep(1); COMMIT",
                );
            }
        });
        let readers = hubs.each_ref().map(|hub| scope.spawn(|| follow(&hub.http(), 303)));
        for number in 0..100 {
            for gateway in &gateways {
                gateway.http().ok("deduct", one(&format!("s{number}"), "A", 1));
            }
        }
        slow.join().unwrap();
        let [one, other] = readers.map(|reader| reader.join().unwrap());
        assert_eq!(one, other, "every reader sees the same order");
        for name in names {
            assert_is_the_ledger(&of_gateway(&one, &name.into()), &hubs[0].ledger(SITE, name));
        }
    });
}

/// Reads from the beginning, in small pages, until so many events have come.
fn follow(http: &Http, count: usize) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    while events.len() < count {
        let page = http.get(&format!("/api/events?after={after}&limit=5&wait_s=10")).json();
        let found = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
        assert!(!found.is_empty(), "{} of {count} events have come", events.len());
        events.extend(found.iter().cloned());
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
    let unique: BTreeSet<&str> = ids(&events).into_iter().collect();
    assert_eq!(unique.len(), events.len(), "none comes twice");
    events
}

#[test]
fn server_sent_events_go_on_where_the_client_was() {
    let pair = Pair::stocked(&[("A", 5)]);
    let mut first = Stream::open(&pair.hub, "after=0", "");
    let (id, event) = first.next();
    assert_eq!((event["kind"].as_str(), event["cursor"].as_str()), (Some("restock"), Some(&*id)));
    pair.gateway.http().ok("deduct", one("out", "A", 1));
    let (_, event) = first.next();
    assert_eq!(event["request_id"], "out", "it comes as soon as it is booked");
    let mut again = Stream::open(&pair.hub, "after=0", &format!("Last-Event-ID: {id}\r\n"));
    assert_eq!(again.next().1, event, "after the last event that the client has seen");
    drop(first);
    let refused = pair.hub.http().with_header("Accept", "text/event-stream");
    refused.get("/api/events?after=99.1").refused("gone");
}

/// Server-sent events, read from a connection of their own.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(hub: &Hub, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(hub.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("Host: {}\r\nAccept: text/event-stream\r\n{headers}", hub.address());
        write!(stream, "GET /api/events?{query} HTTP/1.1\r\n{head}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The id and the data of the next event.
    fn next(&mut self) -> (String, Value) {
        let id = self.line("id: ");
        (id, serde_json::from_str(&self.line("data: ")).unwrap())
    }

    /// What else comes until the stream ends.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }

    fn line(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream goes on");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }
}

#[test]
fn a_cursor_of_what_is_not_kept_is_gone() {
    let mut pair = Pair::stocked(&[("A", 9), ("B", 9)]);
    for number in 0..4 {
        pair.gateway.http().ok("deduct", one(&format!("s{number}"), "A", 1));
        until_confirmed(&pair.gateway);
    }
    let http = pair.hub.http();
    let (events, end) = read_on(&http, "0", 10, "");
    pair.hub.terminate();
    let books = Connection::open(pair.hub.database()).unwrap();
    books.execute("DELETE FROM feed WHERE position <= 3", []).unwrap();
    pair.hub.launch();

    let old = format!("/api/events?after={}", events[1]["cursor"].as_str().unwrap());
    let problem = http.get(&old).refused("gone");
    let kept = read_on(&http, problem["first"].as_str().unwrap(), 10, "").0;
    assert_eq!(kept, events[events.len() - 2..], "{problem}");
    assert_eq!(read_on(&http, "0", 10, "").0, kept, "0 is what is kept");
    assert_eq!(read_on(&http, &end, 10, "").0, [] as [Value; 0]);
}
