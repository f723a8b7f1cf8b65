//! Phantom SKUs: an administrator merges one into the SKU that was meant, and hides it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::{count, one, with};
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::process::run_to_end;
use crate::support::program::stockgate;
use crate::support::terminal::{Port, Terminal};

const TOKENS: &str = r#"
[[terminals.tokens]]
name = "line-3"
role = "operator"
token = "the-operator-secret"
[[terminals.tokens]]
name = "office"
role = "admin"
token = "the-admin-secret"
"#;

const LIMIT: Duration = Duration::from_secs(10);

const PORTS: [Port; 2] = [Port::Http, Port::WebSocket];

#[test]
fn a_merge_is_one_mutation_with_a_count_on_both_sides() {
    let gateway = Gateway::start_with(TOKENS);
    for port in PORTS {
        let mut office = authorized(&gateway, port, "the-admin-secret");
        let id = |name: &str| format!("{name} {port:?}");
        let start = number(&mut *office, "85123A");
        office.ok("restock", one(&id("misread"), "85123a", 3));
        office.ok("restock", one(&id("in"), "85123A", 40));
        let body = with(merge(&id("m"), "85123a", "85123A"), "reason", "misread label");
        let merged = office.ok("merge", body.clone());
        let figures = |line: &Value| (line["sku"].clone(), line["on_hand"].clone());
        let lines: Vec<_> = merged["lines"].as_array().unwrap().iter().map(figures).collect();
        let sum = start + 43;
        assert_eq!(lines, [(json!("85123a"), json!(0)), (json!("85123A"), json!(sum))]);
        assert_eq!(office.ok("merge", body)["replayed"], true);
        assert_eq!(number(&mut *office, "85123A"), sum);

        let entries = office.entries_of(&id("m"));
        let field = |field: &str| entries.iter().map(|e| e[field].clone()).collect::<Vec<_>>();
        assert_eq!(field("kind"), ["count", "count"]);
        assert_eq!(field("reason"), ["misread label", "misread label"]);
        assert_eq!(field("actor"), ["office", "office"]);
        assert_eq!(field("change"), [json!(-3), json!(3)]);
        let other = merge(&id("m"), "85123A", "85123a");
        office.refused("merge", other, "idempotency_conflict");
        let rollback = json!({"request_id": id("r"), "of": id("m")});
        office.refused("rollback", rollback, "unknown_request");
    }
}

#[test]
fn only_an_administrator_merges_and_hides() {
    let gateway = Gateway::start_with(TOKENS);
    for port in PORTS {
        let mut line = authorized(&gateway, port, "the-operator-secret");
        for (op, body) in [("merge", merge("m", "A", "B")), ("hide", hide("h", "A"))] {
            line.refused(op, body, "forbidden");
            line.refused(op, json!({"request_id": "m"}), "forbidden");
        }
    }
}

#[test]
fn what_cannot_be_merged_or_hidden_is_said_and_changes_nothing() {
    let mut gateway = Gateway::stocked(&[("X", 3), ("A", 5)]);
    list(&mut gateway, vec![named("L", "Lamp", &[]), measured("KG", "kg", 3, &[])]);
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let id = |name: &str| format!("{name} {port:?}");
        let ledger = terminal.ledger();
        for (op, body, code, said) in [
            ("merge", merge(&id("1"), "X", "X"), "bad_request", "the same SKU"),
            ("merge", merge(&id("2"), "X", "none"), "unknown_sku", "none"),
            ("merge", merge(&id("3"), "none", "X"), "unknown_sku", "none"),
            ("merge", merge(&id("4"), "X", "KG"), "bad_request", "other decimals"),
            ("merge", json!({"request_id": "5", "from": "X"}), "bad_request", "into"),
            ("merge", with(merge(&id("6"), "X", "A"), "sku", "X"), "bad_request", "sku"),
            ("hide", hide(&id("7"), "none"), "unknown_sku", "none"),
            ("hide", hide(&id("8"), "X"), "would_drop", "has stock: 3 on hand"),
            ("hide", hide(&id("9"), "L"), "would_drop", "is listed"),
            ("hide", json!({"request_id": "10"}), "bad_request", "sku"),
        ] {
            let error = terminal.refused(op, body, code);
            assert!(message(&error).contains(said), "{error}");
        }
        assert_eq!(terminal.ledger(), ledger);

        terminal.ok("reserve", one(&id("held"), "X", 1));
        let error = terminal.refused("merge", merge(&id("11"), "X", "A"), "below_reserved");
        assert_eq!(error["sku"], "X");
        terminal.ok("release", json!({"reservation": id("held")}));
        let again = terminal.refused("merge", merge(&id("11"), "X", "A"), "below_reserved");
        assert_eq!(again["replayed"], true, "{again}");
    }
}

/// A late duplicate of a refused request hides nothing, whatever has become of the stock.
#[test]
fn a_refused_hide_stays_refused_when_the_stock_is_gone() {
    let mut gateway = Gateway::stocked(&[("X", 3)]);
    list(&mut gateway, vec![named("L", "Lamp", &[])]);
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let id = |name: &str| format!("{name} {port:?}");
        for sku in ["X", "L"] {
            let refused = terminal.refused("hide", hide(&id(sku), sku), "would_drop");
            assert_eq!((&refused["sku"], &refused["replayed"]), (&json!(sku), &json!(false)));
        }
    }
    gateway.http().ok("count", count("c", "X", 0));
    gateway.kill9();
    gateway.launch();
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let id = |name: &str| format!("{name} {port:?}");
        for sku in ["X", "L"] {
            let refused = terminal.refused("hide", hide(&id(sku), sku), "would_drop");
            assert_eq!(refused["replayed"], true, "{refused}");
        }
    }
    assert_eq!(skus(&gateway, ""), ["L", "X"]);
}

#[test]
fn a_hidden_sku_is_in_no_list_and_comes_back_with_stock_or_a_listing() {
    let mut gateway = Gateway::stocked(&[("85123A", 5)]);
    let mut http = gateway.http();
    let before = http.ok("restock", one("typo", "85123B", 2))["lines"][0]["version"].clone();
    http.ok("merge", merge("m", "85123B", "85123A"));
    http.ok("hide", with(hide("h", "85123B"), "reason", "a typing error"));
    let entry = http.entries_of("h").remove(0);
    assert_eq!((&entry["kind"], &entry["reason"]), (&json!("count"), &json!("a typing error")));
    assert_hidden(&gateway);
    gateway.kill9();
    gateway.launch();
    assert_hidden(&gateway);
    gateway.terminate();
    gateway.launch();
    assert_hidden(&gateway);

    let mut http = gateway.http();
    let again = http.ok("restock", one("again", "85123B", 1))["lines"][0]["version"].clone();
    assert!(again.as_u64() > before.as_u64());
    assert_eq!(skus(&gateway, ""), ["85123A", "85123B"]);
    http.ok("count", count("gone", "85123B", 0));
    http.ok("hide", hide("h2", "85123B"));
    assert_hidden(&gateway);
    list(&mut gateway, vec![named("85123B", "Lamp", &[])]);
    assert_eq!(skus(&gateway, ""), ["85123A", "85123B"]);
    gateway.kill9();
    gateway.launch();
    assert_eq!(skus(&gateway, ""), ["85123A", "85123B"]);
    assert!(gateway.http().item("85123B")["version"].as_u64() > again.as_u64());
}

/// A terminal that was away is told that a SKU which it knows has no stock any more; one that comes
/// new does not get it.
#[test]
fn a_subscription_starts_without_hidden_skus() {
    let gateway = Gateway::stocked(&[("A", 5), ("X", 2)]);
    let seq = gateway.http().ok("status", json!({}))["ledger_seq"].clone();
    let mut http = gateway.http();
    http.ok("merge", merge("m", "X", "A"));
    http.ok("hide", hide("h", "X"));
    for (filter, all) in [(json!({"all": true}), 1), (json!({"prefix": "X"}), 0)] {
        let mut new = gateway.ws();
        let matched = new.ok("subscribe", filter.clone())["matched"].clone();
        assert_eq!(matched, all, "{filter}");
        if all > 0 {
            assert_eq!(told(&new.next_event("stock", LIMIT).unwrap()), ["A"], "{filter}");
        }
        let mut known = gateway.ws();
        known.ok("subscribe", with(filter.clone(), "since", seq.clone()));
        assert!(
            told(&known.next_event("stock", LIMIT).unwrap()).contains(&"X".to_owned()),
            "{filter}"
        );
    }
}

#[test]
fn the_command_line_merges_and_hides() {
    let gateway = Gateway::stocked(&[("85123a", 3), ("85123A", 40)]);
    let ask = |arguments: &[&str]| {
        run_to_end(stockgate().args(arguments).args(["--url", &gateway.url()]))
    };
    let merged = ask(&["merge", "85123a", "85123A", "--reason", "misread label"]);
    assert_eq!(merged.code, Some(0), "{merged:?}");
    for line in ["85123a: 0 on hand", "85123A: 43 on hand"] {
        assert!(merged.stdout.contains(line), "{merged:?}");
    }
    let hidden = ask(&["hide", "85123a", "--json", "--request-id", "h"]);
    assert_eq!(hidden.code, Some(0), "{hidden:?}");
    let result: Value = serde_json::from_str(&hidden.stdout).unwrap();
    assert_eq!((&result["request_id"], &result["lines"][0]["on_hand"]), (&json!("h"), &json!(0)));
    assert_eq!(skus(&gateway, ""), ["85123A"]);
    let refused = ask(&["hide", "85123A"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("has stock"), "{refused:?}");
    let entry = gateway.http().entries_of("h").remove(0);
    assert_eq!(entry["reason"], "hide", "the ledger says why, whatever the client does");
}

/// Nothing lists it, counts it or offers it, but it is known by its name and in the ledger.
fn assert_hidden(gateway: &Gateway) {
    assert_eq!(skus(gateway, ""), ["85123A"]);
    assert_eq!(skus(gateway, "85123B"), Vec::<String>::new());
    let mut http = gateway.http();
    assert_eq!(http.ok("status", json!({}))["skus"], 1);
    assert_eq!(http.figures("85123B"), (0, 0));
    for code in ["85123B", "85123b"] {
        let error = http.refused("resolve", json!({"code": code}), "unknown_code");
        assert!(!message(&error).contains("did you mean"), "{error}");
    }
    http.refused("deduct", one(&fastrand::u64(..).to_string(), "85123B", 1), "insufficient_stock");
    assert!(http.ledger().iter().any(|entry| entry["sku"] == "85123B"));
}

fn skus(gateway: &Gateway, q: &str) -> Vec<String> {
    let body = if q.is_empty() { json!({}) } else { json!({"q": q}) };
    let items = gateway.http().every_page("list", body, "items");
    items.iter().map(|item| item["sku"].as_str().unwrap().to_owned()).collect()
}

fn told(event: &Value) -> Vec<String> {
    let items = event["items"].as_array().unwrap().iter();
    items.map(|item| item["sku"].as_str().unwrap().to_owned()).collect()
}

fn number(terminal: &mut dyn Terminal, sku: &str) -> u64 {
    let item = terminal.call("get", json!({"sku": sku}));
    item.map_or(0, |item| item["on_hand"].as_u64().unwrap())
}

fn message(error: &Value) -> &str {
    error["message"].as_str().or(error["detail"].as_str()).unwrap()
}

fn authorized(gateway: &Gateway, port: Port, token: &str) -> Box<dyn Terminal> {
    match port {
        Port::Http => Box::new(gateway.http().with_token(token)),
        Port::WebSocket => {
            let mut ws = gateway.ws();
            ws.ok("auth", json!({"token": token}));
            Box::new(ws)
        }
    }
}

fn merge(request_id: &str, from: &str, into: &str) -> Value {
    json!({"request_id": request_id, "from": from, "into": into})
}

fn hide(request_id: &str, sku: &str) -> Value {
    json!({"request_id": request_id, "sku": sku})
}
