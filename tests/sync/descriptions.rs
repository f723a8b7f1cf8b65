//! The interface descriptions in `docs` against running programs: every described operation is
//! performed, and every answer is as described.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE};
use super::receiver::{Receiver, SECRET};
use crate::support::bodies::{count, many, one, rollback, with, without};
use crate::support::description::Description;
use crate::support::gateway::Gateway;
use crate::support::http::{Answer, Http};
use crate::support::mqtt::Bystander;
use crate::support::patience::until;
use crate::support::terminal::Terminal;
use crate::support::ws::Ws;

/// A program's HTTP port and its description.
struct Described {
    description: Description,
    http: Http,
    /// The operations that have been performed, and their status.
    seen: BTreeSet<(String, u16)>,
}

impl Described {
    fn new(file: &str, http: Http) -> Self {
        Self { description: Description::read(file), http, seen: BTreeSet::new() }
    }

    /// Performs an operation; `open` fills the open part of its path, and the query follows `?` in
    /// the path.
    fn ask(&mut self, method: &str, path: &str, open: &[&str], body: Value, status: u16) -> Value {
        let (template, query) = path.split_once('?').unwrap_or((path, ""));
        let operation = format!("/paths/{}/{}", escaped(template), method.to_lowercase());
        let mut sent_to = path.to_owned();
        for part in open {
            let (from, to) = (sent_to.find('{').unwrap(), sent_to.find('}').unwrap());
            sent_to.replace_range(from..=to, part);
        }
        self.check_parameters(&operation, query);
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let sent = (!body.is_null()).then_some(text.as_bytes());
        let answer = self.http.send(method, &sent_to, sent);
        assert_eq!(answer.status, status, "{method} {sent_to}: {answer:?}");
        if status < 400 {
            self.check_request(&operation, &body);
            self.seen.insert((format!("{method} {template}"), status));
        }
        self.check_answer(&operation, &answer)
    }

    fn check_parameters(&self, operation: &str, query: &str) {
        let operation = self.description.at(operation);
        let described: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for (name, _) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            assert!(described.contains(&name), "{name} is not described: {operation}");
        }
    }

    fn check_request(&self, operation: &str, body: &Value) {
        let described = &self.description.at(operation)["requestBody"];
        match (body, described["content"]["application/json"].get("schema")) {
            (Value::Null, _) => assert_ne!(described["required"], true, "{operation}"),
            (Value::String(_), schema) => assert!(schema.is_none(), "{operation}"),
            (body, Some(schema)) => self.description.check(body, schema),
            (body, None) => panic!("{operation}: {body} is not described"),
        }
    }

    fn check_answer(&self, operation: &str, answer: &Answer) -> Value {
        let described = self.description.at(&format!("{operation}/responses/{}", answer.status));
        let Some(content) = described.get("content") else { return Value::Null };
        let content = content.get(&answer.content_type);
        let schema = &content.unwrap_or_else(|| panic!("{operation}: {answer:?}"))["schema"];
        for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys())
        {
            assert!(answer.header(&name.to_lowercase()).is_some(), "{name}: {answer:?}");
        }
        if schema["type"] == "string" {
            return Value::String(answer.text.clone());
        }
        self.description.check(&answer.json(), schema);
        answer.json()
    }

    /// Checks that every operation was seen with every described success.
    fn assert_all_seen(&self) {
        let paths = self.description.at("/paths").as_object().unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                let has_body = ["post", "put"].contains(&method.as_str());
                for status in ["413", "415"].iter().filter(|_| has_body) {
                    assert!(responses.contains_key(*status), "{method} {path}: {status}");
                }
                let statuses = responses.keys();
                let statuses = statuses.map(|status| status.parse().unwrap());
                let name = format!("{} {path}", method.to_uppercase());
                described.extend(
                    statuses.filter(|status| *status < 300).map(|status| (name.clone(), status)),
                );
            }
        }
        assert_eq!(self.seen, described);
    }
}

const NONE: Value = Value::Null;

#[test]
fn the_gateway_over_http_is_as_described() {
    let pair = Pair::start();
    let mut http = Described::new("gateway.openapi.json", pair.gateway.http());
    let mut ask = |method: &str, path: &str, open: &[&str], body: Value, status: u16| {
        http.ask(method, path, open, body, status)
    };
    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/status"] {
        ask("GET", path, &[], NONE, 200);
    }
    ask("GET", "/page/{name}", &["app.js"], NONE, 200);
    ask("GET", "/scanner", &[], NONE, 200);
    ask("GET", "/page/{name}", &["nothing"], NONE, 404);
    let restocked = with(many("in", &[("A", 50), ("B", 5)]), "order_id", "supply-1");
    ask("PUT", "/api/stock/restock", &[], restocked.clone(), 200);
    ask("POST", "/api/stock/restock", &[], restocked, 200);
    let short = json!({"request_id": "out", "order_id": "o", "sku": "A", "quantity": 6});
    ask("POST", "/api/stock/deduct", &[], short, 200);
    ask("POST", "/api/stock/deduct", &[], one("much", "A", 1_000), 409);
    ask("POST", "/api/stock/deduct", &[], one("out", "A", 7), 422);
    ask("POST", "/api/stock/deduct", &[], json!({"request_id": "r", "colour": 1}), 400);
    ask("POST", "/api/stock/deduct", &[], one("unknown", "Z", 1), 404);
    let part = with(rollback("back", "out"), "lines", json!([{"sku": "A", "quantity": 2}]));
    ask("POST", "/api/stock/rollback", &[], part, 200);
    ask("POST", "/api/stock/count", &[], count("counted", "B", 4), 200);
    ask("POST", "/api/stock/restock", &[], one("typo", "a", 2), 200);
    let merge = json!({"request_id": "m", "from": "a", "into": "A", "reason": "misread"});
    ask("POST", "/api/skus/merge", &[], merge, 200);
    ask("POST", "/api/skus/hide", &[], json!({"request_id": "hide", "sku": "a"}), 200);
    ask("POST", "/api/skus/hide", &[], json!({"request_id": "hide2", "sku": "none"}), 404);
    ask("POST", "/api/reservations", &[], with(one("h1", "A", 3), "ttl_s", 60), 201);
    ask("POST", "/api/reservations", &[], with(one("h1", "A", 3), "ttl_s", 60), 200);
    let lines = json!({"lines": [{"sku": "A", "quantity": 1}]});
    ask("POST", "/api/reservations/{id}/commit", &["h1"], lines, 200);
    ask("POST", "/api/reservations", &[], one("h2", "A", 3), 201);
    ask("DELETE", "/api/reservations/{id}", &["h2"], NONE, 200);
    ask("DELETE", "/api/reservations/{id}", &["nobody"], NONE, 404);
    ask("POST", "/api/reservations/{id}/commit", &["h2"], NONE, 409);
    ask("POST", "/api/reservations", &[], with(one("h3", "A", 3), "order_id", "o3"), 201);
    let longer = json!({"request_id": "x3", "ttl_s": 60});
    ask("POST", "/api/reservations/{id}/extend", &["h3"], longer, 200);
    let boxed = json!({"request_id": "b3", "keep_rest": true, "sku": "A", "quantity": "1"});
    ask("POST", "/api/reservations/{id}/commit", &["h3"], boxed, 200);
    ask("GET", "/api/reservations?order_id=o3&sku=A&limit=2", &[], NONE, 200);
    ask("GET", "/api/reservations/{id}", &["h3"], NONE, 200);
    ask("GET", "/api/reservations/{id}", &["h1"], NONE, 200);
    ask("GET", "/api/reservations/{id}", &["nobody"], NONE, 404);
    ask("GET", "/api/stock?q=a", &[], NONE, 200);
    ask("GET", "/api/stock/{sku}", &["A"], NONE, 200);
    ask("GET", "/api/stock/{sku}", &["Z"], NONE, 404);
    ask("GET", "/api/barcodes?after=4&limit=1", &[], NONE, 200);
    ask("GET", "/api/barcodes?limit=some", &[], NONE, 400);
    ask("GET", "/api/barcodes/{code}", &["A"], NONE, 200);
    ask("GET", "/api/barcodes/{code}", &["4006381333931"], NONE, 404);
    ask("GET", "/api/barcodes/{code}", &["4006381333932"], NONE, 422);
    ask("GET", "/api/barcodes/{code}", &[&"x".repeat(257)], NONE, 400);
    ask("GET", "/api/stock?prefix=&limit=1&after=A", &[], NONE, 200);
    ask("GET", "/api/stock?limit=some", &[], NONE, 400);
    assert_eq!(ask("GET", "/api/ledger?after=1&limit=2", &[], NONE, 200)["next"], 3);
    ask("GET", "/api/ledger", &[], NONE, 200);
    // The test client cannot switch protocols; the next test does.
    http.seen.insert(("GET /ws".into(), 101));
    http.assert_all_seen();
}

#[test]
fn refusals_by_access_are_as_described() {
    let token = "requests_per_s = 1\n\
        [[terminals.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken = \"secret-0123456789\"\n";
    let gateway = Gateway::start_with(token);
    let ask = |http: Http, status: u16| {
        let mut http = Described::new("gateway.openapi.json", http);
        http.ask("POST", "/api/stock/deduct", &[], one("r", "A", 1), status);
    };
    ask(gateway.http(), 401);
    ask(gateway.http().with_token("secret-0123456789"), 403);
    let mut http =
        Described::new("gateway.openapi.json", gateway.http().with_token("secret-0123456789"));
    until("the token has asked for too much", || http.http.get("/api/status").status == 429);
    http.ask("GET", "/api/status", &[], NONE, 429);
}

#[test]
fn the_hub_over_http_is_as_described() {
    let mut pair = Pair::stocked(&[("A", 5)]);
    let _refusing = add_sink(&mut pair);
    let mut http = Described::new("hub.openapi.json", pair.hub.http());
    let mut ask = |method: &str, path: &str, open: &[&str], body: Value, status: u16| {
        http.ask(method, path, open, body, status)
    };
    for path in ["/", "/healthz", "/readyz", "/metrics", "/api/gateways"] {
        ask("GET", path, &[], NONE, 200);
    }
    ask("GET", "/page/{name}", &["hub.js"], NONE, 200);
    let to = |body: Value| with(with(body, "site", SITE), "gateway", ID);
    let received = with(many("in", &[("A", 100), ("B", 9)]), "order_id", "supply-1");
    ask("POST", "/api/receipts", &[], received, 200);
    ask("POST", "/api/deduct", &[], one("out", "A", 4), 200);
    ask("POST", "/api/deduct", &[], one("much", "A", 1_000), 409);
    ask("POST", "/api/deduct", &[], one("out", "A", 5), 422);
    ask("POST", "/api/deduct", &[], without(one("r", "A", 5), "request_id"), 400);
    ask_for_orders(&mut ask);
    ask("POST", "/api/grants", &[], to(one("g", "A", 10)), 200);
    ask("POST", "/api/grants", &[], with(to(one("g2", "A", 1)), "gateway", "nobody"), 404);
    ask("POST", "/api/recalls", &[], to(one("rc", "A", 2)), 200);
    ask("GET", "/api/recalls/{request_id}", &["rc"], NONE, 200);
    ask("GET", "/api/recalls/{request_id}", &["nothing"], NONE, 404);
    ask_for_policies(&mut ask);
    let demand =
        format!("/api/demand?site={SITE}&gateway={ID}&sku=A&from=2026-01-01&to=2126-01-01");
    ask("GET", &format!("{demand}&after=&limit=5"), &[], NONE, 200);
    ask("GET", "/api/demand?from=soon", &[], NONE, 400);
    ask_for_the_catalogue(&mut ask);
    // The restock, the grant, what the policy grants, and the recalled units.
    until("all has arrived", || pair.gateway.http().get("/api/status").json()["ledger_seq"] == 4);
    pair.assert_in_step();
    ask("GET", "/api/gateways/{site}/{gateway}", &[SITE, ID], NONE, 200);
    ask("GET", "/api/gateways/{site}/{gateway}", &[SITE, "nobody"], NONE, 404);
    ask("GET", "/api/stock?limit=1&after=", &[], NONE, 200);
    ask("GET", "/api/stock/{sku}", &["A"], NONE, 200);
    ask("GET", "/api/stock/{sku}", &["Z"], NONE, 404);
    let ledger = format!("/api/ledger?site={SITE}&gateway={ID}&after=0&limit=2&aside=false");
    ask("GET", &ledger, &[], NONE, 200);
    ask("GET", "/api/ledger", &[], NONE, 200);
    ask("GET", "/api/ledger?site=wh-01", &[], NONE, 400);
    ask_for_the_feed(&mut ask);
    ask_for_the_sinks(&mut ask);
    ask("GET", "/api/reconcile?all=true&limit=1", &[], NONE, 200);
    ask("POST", "/api/gateways/{site}/{gateway}/repair", &[SITE, ID], NONE, 200);
    let epoch = pair.known()["epoch"].clone();
    let open = json!({"epoch": epoch});
    ask("POST", "/api/gateways/{site}/{gateway}/reopen", &[SITE, ID], open, 200);
    ask_for_another_key(&mut ask, &epoch);
    ask("POST", "/api/books/recover", &[], NONE, 200);
    ask("POST", "/api/books/recover", &[], json!({"gateway": ID}), 400);
    ask_to_retire(&mut ask, &epoch);
    pair.gateway.terminate();
    pair.gateway.wipe();
    pair.gateway.launch();
    until("the hub knows the new database", || pair.known()["epoch"] != epoch);
    let word = json!({"from": epoch, "to": pair.known()["epoch"], "reason": "lost"});
    ask("POST", "/api/gateways/{site}/{gateway}/bring-back", &[SITE, ID], word, 200);
    ask("GET", "/api/status", &[], NONE, 200);
    ask("POST", "/api/gateways", &[], json!({"site": SITE, "gateway": "gw-07"}), 200);
    ask("GET", "/api/strangers", &[], NONE, 200);
    ask_to_forget(&mut pair, &mut ask);
    http.assert_all_seen();
}

/// Retires the database in force, with all that is refused then.
fn ask_to_retire(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value, epoch: &Value) {
    let path = "/api/gateways/{site}/{gateway}/retire";
    ask("POST", path, &[SITE, ID], json!({"epoch": epoch}), 200);
    ask("POST", path, &[SITE, ID], json!({}), 400);
    let path = "/api/gateways/{site}/{gateway}/reopen";
    ask("POST", path, &[SITE, ID], json!({"epoch": epoch}), 409);
    let path = "/api/gateways/{site}/{gateway}/bring-back";
    let nothing = "00000000-0000-0000-0000-000000000000";
    ask("POST", path, &[SITE, ID], json!({"from": nothing, "to": epoch}), 404);
    ask("POST", path, &[SITE, ID], json!({"from": epoch, "to": epoch}), 409);
}

/// What a device has made up, with all that can be asked of it.
fn ask_to_forget(pair: &mut Pair, ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    pair.gateway.http().ok("restock", one("typo", "J", 1));
    pair.gateway.http().ok("deduct", one("gone", "J", 1));
    pair.assert_in_step();
    ask("DELETE", "/api/stock/{sku}", &["J"], NONE, 200);
    ask("DELETE", "/api/stock/{sku}", &["J"], NONE, 404);
    ask("DELETE", "/api/stock/{sku}", &["A"], NONE, 409);
    ask("DELETE", &format!("/api/stock?site={SITE}&gateway={ID}"), &[], NONE, 200);
    ask("DELETE", "/api/stock?site=wh-01", &[], NONE, 400);
    ask("DELETE", "/api/gateways/{site}/{gateway}", &[SITE, ID], NONE, 200);
    ask("DELETE", "/api/gateways/{site}/{gateway}", &[SITE, "nobody"], NONE, 404);
}

/// The feed, with all that can be asked of it.
fn ask_for_the_feed(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    let filter = format!("site={SITE}&sku=A&kind=grant");
    ask("GET", &format!("/api/events?after=0&limit=5&wait_s=1&{filter}"), &[], NONE, 200);
    ask("GET", "/api/events?after=0", &[], NONE, 200);
    ask("GET", "/api/events?after=&limit=", &[], NONE, 200);
    ask("GET", "/api/events?after=soon", &[], NONE, 400);
    ask("GET", "/api/events?after=99.1", &[], NONE, 410);
    ask("GET", &format!("/api/export?from=2026-01-01&to=2126-01-01&{filter}"), &[], NONE, 200);
    ask("GET", "/api/export?format=jsonl", &[], NONE, 200);
}

/// Has the hub deliver to a sink that refuses every event.
fn add_sink(pair: &mut Pair) -> Receiver {
    let refusing = Receiver::start();
    refusing.state().status = Some(422);
    pair.hub.write("erp.secret", SECRET);
    let sections = refusing.section("erp", "give_up_s = 1\n") + &pair.broker.section();
    pair.hub.configure(&pair.hub.address(), &sections);
    pair.hub.restart();
    refusing
}

/// The sinks, with all that can be asked of them.
fn ask_for_the_sinks(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    until("an event was set aside", || {
        ask("GET", "/api/sinks", &[], NONE, 200)["items"][0]["set_aside"] != 0
    });
    ask("POST", "/api/sinks/{name}/retry", &["erp"], NONE, 200);
    ask("POST", "/api/sinks/{name}/retry", &["nobody"], NONE, 404);
}

/// The key of a device, and another one.
fn ask_for_another_key(
    ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value,
    epoch: &Value,
) {
    let path = "/api/gateways/{site}/{gateway}";
    let known = ask("GET", path, &[SITE, ID], NONE, 200)["items"][0]["device_key"].clone();
    let path = "/api/gateways/{site}/{gateway}/accept-key";
    let accepted = json!({"epoch": epoch, "public_key": known});
    ask("POST", path, &[SITE, ID], accepted.clone(), 200);
    ask("POST", path, &[SITE, ID], with(accepted, "public_key", "00".repeat(32)), 409);
    ask("POST", path, &[SITE, ID], json!({"epoch": epoch, "public_key": "short"}), 400);
}

/// Sales from anywhere, reservations in the pool and a rollback, with all that can be asked of them.
fn ask_for_orders(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    let path = "/api/reservations/{id}";
    ask("POST", "/api/reservations", &[], with(one("h1", "A", 3), "ttl_s", 60), 201);
    ask("POST", "/api/reservations", &[], with(one("h1", "A", 3), "ttl_s", 60), 200);
    ask("GET", "/api/reservations?sku=A&limit=2", &[], NONE, 200);
    ask("GET", path, &["h1"], NONE, 200);
    let longer = json!({"request_id": "x1", "ttl_s": 60});
    ask("POST", "/api/reservations/{id}/extend", &["h1"], longer, 200);
    let lines = json!({"lines": [{"sku": "A", "quantity": 1}]});
    ask("POST", "/api/reservations/{id}/commit", &["h1"], lines, 200);
    ask("GET", path, &["h1"], NONE, 200);
    ask("POST", "/api/reservations", &[], one("h2", "A", 3), 201);
    ask("DELETE", path, &["h2"], NONE, 200);
    ask("DELETE", path, &["nobody"], NONE, 404);
    ask("GET", path, &["nobody"], NONE, 404);
    ask("POST", "/api/reservations/{id}/commit", &["h2"], NONE, 409);
    let anywhere = |id, units| with(with(one(id, "A", units), "from", "anywhere"), "wait_ms", 50);
    let preferred = with(anywhere("any", 1), "prefer", json!([SITE]));
    ask("POST", "/api/deduct", &[], preferred, 200);
    ask("POST", "/api/deduct", &[], anywhere("any2", 5_000), 409);
    ask("POST", "/api/rollback", &[], rollback("back", "out"), 200);
    ask("POST", "/api/rollback", &[], rollback("back2", "out"), 409);
}

/// The policies of the hub, with all that can be asked of them.
fn ask_for_policies(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    ask("PUT", "/api/policies/{sku}", &["B"], json!({"low_water": 1, "target": 2}), 200);
    ask("PUT", "/api/policies/{sku}", &["B"], json!({"low_water": 3, "target": 2}), 400);
    let bounded = json!({"low_water": 1, "target": 2, "max_per_day": 9});
    let own = format!("/api/policies/{{sku}}?site={SITE}&gateway={ID}");
    ask("PUT", &own, &["B"], bounded, 200);
    ask("GET", "/api/policies?limit=1&after=", &[], NONE, 200);
    ask("DELETE", &own, &["B"], NONE, 200);
    ask("DELETE", &own, &["B"], NONE, 404);
}

/// The catalogue of the hub, with all that can be asked of it.
fn ask_for_the_catalogue(ask: &mut impl FnMut(&str, &str, &[&str], Value, u16) -> Value) {
    let catalogue = "sku,name,barcodes\nA,Apple,4006381333931\n";
    ask("PUT", "/api/catalogue?dry_run=true&replace=all", &[], catalogue.into(), 200);
    ask("PUT", "/api/catalogue", &[], catalogue.into(), 200);
    ask("PUT", "/api/catalogue", &[], "sku,name,barcodes\n".into(), 409);
    ask("GET", "/api/catalogue", &[], NONE, 200);
}

/// A WebSocket session and its description.
struct Session {
    description: Description,
    ws: Ws,
    heard: BTreeSet<String>,
}

impl Session {
    fn ask(&mut self, op: &str, body: Value) -> Value {
        let id = self.ws.send(op, body.clone());
        let answer = self.ws.next_answer();
        assert_eq!(answer["id"], id, "{answer}");
        if answer["ok"] == true {
            self.heard.insert(op.to_owned());
            let asked = with(with(body, "id", id), "op", op);
            self.check(&format!("ask_{op}"), &asked);
        }
        self.check(&format!("answer_{op}"), &answer);
        answer
    }

    fn hear(&mut self) {
        while let Some(event) = self.ws.any_event(Duration::from_millis(300)) {
            self.take_event(&event);
        }
    }

    fn take_event(&mut self, event: &Value) {
        let name = format!("event_{}", event["event"].as_str().unwrap());
        self.check(&name, event);
        self.heard.insert(name);
    }

    fn check(&self, message: &str, value: &Value) {
        let place = format!("/channels/terminal/messages/{message}");
        self.description.check(value, &self.description.at(&place)["payload"]);
    }
}

#[test]
fn the_websocket_is_as_described() {
    let pair = Pair::start();
    let ws = pair.gateway.ws();
    let description = Description::read("asyncapi.json");
    let mut session = Session { description, ws, heard: BTreeSet::new() };
    session.take_event(&session.ws.hello().clone());
    session.ask("auth", json!({"token": "any"}));
    session.ask("subscribe", json!({"all": true, "since": 0}));
    session.ask("restock", many("in", &[("A", 50), ("B", 5)]));
    session.ask("deduct", with(one("out", "A", 5), "order_id", "o"));
    session.ask("deduct", one("much", "A", 1_000));
    session.ask("deduct", json!({"request_id": "r"}));
    session.ask("rollback", rollback("back", "out"));
    session.ask("count", count("counted", "B", 4));
    session.ask("restock", one("typo", "a", 2));
    session.ask("merge", json!({"request_id": "m", "from": "a", "into": "A"}));
    session.ask("hide", json!({"request_id": "hide", "sku": "a"}));
    session.ask("reserve", with(one("h1", "A", 3), "ttl_s", 60));
    session.ask("commit", json!({"reservation": "h1"}));
    session.ask("reserve", one("h2", "A", 3));
    session.ask("release", json!({"reservation": "h2", "request_id": "r2"}));
    session.ask("reserve", one("h3", "A", 3));
    session.ask("extend", json!({"reservation": "h3", "request_id": "x3", "ttl_s": 60}));
    session.ask("reservations", json!({"sku": "A", "limit": 2}));
    session.ask("reservation", json!({"reservation": "h3"}));
    session.ask("reservation", json!({"reservation": "h1"}));
    session.ask("get", json!({"sku": "A"}));
    session.ask("get", json!({"sku": "Z"}));
    session.ask("resolve", json!({"code": "A"}));
    session.ask("list", json!({"prefix": "", "limit": 1}));
    session.ask("list", json!({"q": "a"}));
    session.ask("ledger", json!({"after": 1, "limit": 2}));
    session.ask("status", json!({}));
    session.hear();
    session.ask("unsubscribe", json!({}));
    session.ws.send_text("no JSON");
    let nameless = session.ws.next_answer();
    session.check("answer_get", &nameless);

    let messages = session.description.at("/channels/terminal/messages").as_object().unwrap();
    let described: BTreeSet<String> = messages
        .keys()
        .filter(|name| !name.starts_with("answer_"))
        .map(|name| name.strip_prefix("ask_").unwrap_or(name).to_owned())
        .collect();
    assert_eq!(session.heard, described);
}

#[test]
fn the_mqtt_messages_are_as_described() {
    let mut pair = Pair::stocked(&[("A", 5)]);
    let mut bystander = Bystander::hearing(&pair.broker, "#");
    pair.gateway.restart();
    pair.assert_in_step();
    let description = Description::read("asyncapi.json");
    let mut heard = BTreeSet::new();
    let parts = [("{site}", SITE), ("{gateway}", ID)];
    let address = |name: &str| {
        let address = &description.at(&format!("/channels/{name}"))["address"];
        let named = |text: String, (part, by): (&str, &str)| text.replace(part, by);
        parts.into_iter().fold(address.as_str().unwrap().to_owned(), named)
    };
    let channels = ["up", "down", "state"].map(|name| (name, address(name)));
    for message in bystander.all() {
        let channel = channels.iter().find(|(_, address)| *address == message.topic);
        let (name, _) = channel.unwrap_or_else(|| panic!("{} is not described", message.topic));
        heard.insert(*name);
        match *name {
            "state" => {
                let state = serde_json::from_slice(&message.payload).unwrap();
                let message = description.at("/channels/state/messages/state");
                description.check(&state, &message["payload"]);
            }
            _ => assert!(message.payload.starts_with(b"SG")),
        }
    }
    assert_eq!(heard, BTreeSet::from(["down", "state", "up"]));
}

fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}
