//! Every error, over both ports, and that an undecided request leaves no trace.

use serde_json::{Value, json};

use crate::support::bodies::{
    count, many, one, padded, reservation, rollback, to_lines, with, without,
};
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::terminal::Terminal;

const MESSAGE_BYTES_MAX: usize = 64 * 1024;

type Refusal = (&'static str, Value, &'static str);

#[test]
fn undecided_requests_leave_no_trace() {
    on_both_ports(&[("A", 100)], |terminal| {
        terminal.ok("reserve", one("held", "A", 10));
        let (figures, entries) = (terminal.figures("A"), terminal.ledger().len());

        for (op, body, code) in undecided_refusals() {
            terminal.refused(op, body, code);
        }

        assert_eq!((terminal.figures("A"), terminal.ledger().len()), (figures, entries));
        let answer = terminal.ok("deduct", one("r1", "A", 6));
        assert_eq!(answer["replayed"], false);
    });
}

#[test]
fn refusals_by_the_stock_change_nothing() {
    on_both_ports(&[("A", 100)], |terminal| {
        prepare_for_refusals(terminal);
        let (figures, entries) = (terminal.figures("A"), terminal.ledger());

        for (op, body, code) in decided_refusals() {
            terminal.refused(op, body, code);
        }

        assert_eq!((terminal.figures("A"), terminal.ledger()), (figures, entries));
    });
}

#[test]
fn queries_for_unknown_things_are_refused() {
    on_both_ports(&[("A", 1)], |terminal| {
        terminal.refused("get", json!({"sku": "NOPE"}), "unknown_sku");
        for sku in bad_names().filter(|name| name.as_str().is_some_and(|name| !name.is_empty())) {
            terminal.refused("get", json!({"sku": sku}), "bad_request");
        }
        for op in ["list", "ledger"] {
            for limit in [json!("many"), json!(-1), json!(1.5)] {
                terminal.refused(op, json!({"limit": limit}), "bad_request");
            }
        }
        terminal.refused("ledger", json!({"after": "first"}), "bad_request");
    });
}

#[test]
fn more_than_a_thousand_lines_are_too_large() {
    on_both_ports(&[("A", 5_000)], |terminal| {
        for op in ["deduct", "restock", "reserve"] {
            terminal.refused(op, many("r1", &[("A", 1); 1_001]), "too_large");
        }

        terminal.ok("deduct", many("r1", &[("A", 1); 1_000]));
        assert_eq!(terminal.figures("A"), (4_000, 0));
    });
}

#[test]
fn a_body_over_64_kib_is_too_large() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let http = gateway.http();
    let post = |bytes: usize| {
        let body = padded(&one("r1", "A", 1), bytes);
        http.send_raw("POST", "/api/stock/deduct", body.as_bytes())
    };

    for bytes in [MESSAGE_BYTES_MAX + 1, 4 * MESSAGE_BYTES_MAX] {
        post(bytes).refused("too_large");
    }

    let answer = post(MESSAGE_BYTES_MAX);
    assert_eq!(answer.json()["replayed"], false, "{answer:?}");
}

#[test]
fn a_body_that_is_not_a_json_object_is_a_bad_request() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    for path in ["/api/stock/deduct", "/api/stock/count", "/api/reservations"] {
        for text in malformed_texts() {
            http.send_raw("POST", path, text.as_bytes()).refused("bad_request");
        }
        http.send_raw("POST", path, b"{\"request_id\":\"\xff\"}").refused("bad_request");
    }

    http.ok("deduct", one("r1", "A", 1));
}

#[test]
fn an_id_with_white_space_at_an_end_is_a_bad_request_that_names_it() {
    on_both_ports(&[("A", 10)], |terminal| {
        for (text, named) in [
            ("A ", "U+0020"),
            (" A", "U+0020"),
            ("A\u{a0}", "U+00A0"),
            ("\u{feff}A", "U+FEFF"),
            ("A\u{202e}", "U+202E"),
        ] {
            for (op, body) in [
                ("deduct", one("r1", text, 1)),
                ("restock", one("r1", text, 1)),
                ("reserve", one("r1", text, 1)),
                ("count", json!({"request_id": "r1", "sku": text, "counted": 1})),
                ("deduct", one(text, "A", 1)),
                ("deduct", with(one("r1", "A", 1), "order_id", text)),
                (
                    "restock",
                    json!({"request_id": "r1", "lines": [
                    {"sku": "A", "quantity": 1}, {"sku": text, "quantity": 1}]}),
                ),
            ] {
                let refused = terminal.refused(op, body, "bad_request");
                assert!(refused["message"].as_str().unwrap().contains(named), "{refused}");
            }
        }
        terminal.ok("deduct", one("r1", "A", 1));
    });
}

#[test]
fn a_bad_idempotency_key_is_a_bad_request() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let body = without(one("", "A", 1), "request_id");
    for key in ["", &"x".repeat(65)] {
        let http = gateway.http().with_header("Idempotency-Key", key);

        http.post("/api/stock/deduct", &body).refused("bad_request");
    }
}

#[test]
fn a_path_that_is_not_utf8_is_a_bad_request() {
    let gateway = Gateway::start();

    gateway.http().get("/api/stock/%FF").refused("bad_request");
}

#[test]
fn a_websocket_request_without_its_reservation_is_a_bad_request() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();
    for (op, body) in [
        ("commit", json!({"request_id": "r1"})),
        ("release", json!({})),
        ("get", json!({})),
        ("get", json!({"sku": ""})),
        ("subscribe", json!({})),
        ("subscribe", json!({"skus": "A"})),
        ("no-such-operation", json!({})),
        ("Deduct", one("r1", "A", 1)),
    ] {
        ws.refused(op, body, "bad_request");
    }
    ws.ok("deduct", one("r1", "A", 1));
}

/// The stock and the requests that cause the refusals in `decided_refusals`.
pub(crate) fn prepare_for_refusals(terminal: &mut dyn Terminal) {
    terminal.ok("reserve", one("held", "A", 10));
    terminal.ok("reserve", one("closed", "A", 2));
    terminal.ok("commit", reservation("closed"));
    terminal.ok("reserve", one("released", "A", 2));
    terminal.ok("release", reservation("released"));
    terminal.ok("deduct", one("sold", "A", 5));
}

/// Requests that the stock refuses. Each refusal is an outcome.
pub(crate) fn decided_refusals() -> Vec<Refusal> {
    let ending = |id: &str, request_id: &str| with(reservation(id), "request_id", request_id);
    let part = |body: Value, lines: &[(&str, u64)]| with(body, "lines", to_lines(lines));
    vec![
        ("deduct", one("n1", "NOPE", 1), "unknown_sku"),
        ("reserve", one("n2", "NOPE", 1), "unknown_sku"),
        ("count", count("n3", "NOPE", 1), "unknown_sku"),
        ("deduct", one("n4", "A", 1_000), "insufficient_stock"),
        ("reserve", one("n5", "A", 1_000), "insufficient_stock"),
        ("count", count("n6", "A", 9), "below_reserved"),
        ("rollback", rollback("n7", "never"), "unknown_request"),
        ("rollback", rollback("n8", "n1"), "unknown_request"),
        ("rollback", part(rollback("n9", "sold"), &[("A", 6)]), "exceeds_deduction"),
        ("rollback", part(rollback("n10", "sold"), &[("B", 1)]), "exceeds_deduction"),
        ("commit", ending("never", "n11"), "unknown_reservation"),
        ("release", ending("never", "n12"), "unknown_reservation"),
        ("commit", part(ending("held", "n13"), &[("A", 11)]), "exceeds_deduction"),
        ("commit", ending("closed", "n14"), "reservation_closed"),
        ("release", ending("closed", "n15"), "reservation_closed"),
        ("commit", ending("released", "n16"), "reservation_closed"),
    ]
}

/// Requests that are not decided, all with the request id `r1` where it is valid.
fn undecided_refusals() -> Vec<Refusal> {
    let mut refusals = bad_requests();
    refusals.push(("deduct", one("held", "A", 6), "idempotency_conflict"));
    refusals.push(("deduct", one("seed", "A", 6), "idempotency_conflict"));
    refusals.push(("deduct", many("r1", &[("A", 1); 1_001]), "too_large"));
    refusals
}

fn bad_requests() -> Vec<Refusal> {
    let mut bodies = Vec::new();
    for op in ["deduct", "restock", "reserve"] {
        bodies.extend(bad_lines().map(|lines| (op, with(one("r1", "A", 6), "lines", lines))));
        bodies.extend(bad_envelopes(&one("r1", "A", 6)).map(|body| (op, body)));
        bodies.push((op, without(one("r1", "A", 6), "lines")));
        bodies.push((op, json!({"request_id": "r1", "sku": "A"})));
        bodies.push((op, json!({"request_id": "r1", "sku": "A", "quantity": 0})));
    }
    bodies.extend(bad_names().map(|name| ("deduct", with(one("r1", "A", 6), "order_id", name))));
    bodies.extend(bad_counts().map(|body| ("count", body)));
    bodies.extend(bad_envelopes(&count("r1", "A", 6)).map(|body| ("count", body)));
    bodies.extend(bad_rollbacks().map(|body| ("rollback", body)));
    bodies.extend(bad_envelopes(&rollback("r1", "seed")).map(|body| ("rollback", body)));
    bodies.extend(bad_lives().map(|ttl| ("reserve", with(one("r1", "A", 6), "ttl_s", ttl))));
    bodies.extend(bad_commits().map(|body| ("commit", body)));
    bodies.into_iter().map(|(op, body)| (op, body, "bad_request")).collect()
}

/// A valid body with an invalid request id, or with an unknown field.
fn bad_envelopes(good: &Value) -> impl Iterator<Item = Value> {
    let spoilt: Vec<Value> =
        bad_names().map(|name| with(good.clone(), "request_id", name)).collect();
    let others = [
        without(good.clone(), "request_id"),
        with(good.clone(), "request_id", Value::Null),
        with(good.clone(), "colour", "red"),
    ];
    spoilt.into_iter().chain(others)
}

fn bad_lines() -> impl Iterator<Item = Value> {
    let good = json!({"sku": "A", "quantity": 6});
    let spoilt =
        |field: &'static str, value: Value| json!([good, with(good.clone(), field, value)]);
    let skus: Vec<Value> = bad_names().map(|name| spoilt("sku", name)).collect();
    let quantities: Vec<Value> = bad_quantities().map(|n| spoilt("quantity", n)).collect();
    let others = [
        json!([]),
        json!({}),
        json!("A"),
        json!(["A"]),
        json!([{"sku": "A"}]),
        json!([{"quantity": 6}]),
        spoilt("colour", json!("red")),
    ];
    skus.into_iter().chain(quantities).chain(others)
}

fn bad_quantities() -> impl Iterator<Item = Value> {
    let numbers = [json!(0), json!(-1), json!(1.5), json!(1_000_000_001), json!(u64::MAX)];
    let others = [json!("six"), json!("6 "), json!(true), json!([6]), Value::Null];
    numbers.into_iter().chain(others)
}

/// Texts that are not valid ids.
fn bad_names() -> impl Iterator<Item = Value> {
    let texts = ["", &"x".repeat(65), &"é".repeat(33), "A\0", "A\nB", "\tA", "A\u{7f}"];
    let texts: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    texts.into_iter().chain([json!(7), json!(["A"])])
}

fn bad_counts() -> impl Iterator<Item = Value> {
    let counts = [json!(-1), json!(1.5), json!("six"), json!(1_u64 << 53), Value::Null];
    let counts = counts.map(|counted| with(count("r1", "A", 6), "counted", counted));
    let names = bad_names().map(|name| with(count("r1", "A", 6), "sku", name));
    let missing = ["sku", "counted"].map(|field| without(count("r1", "A", 6), field));
    counts.into_iter().chain(names).chain(missing)
}

fn bad_rollbacks() -> impl Iterator<Item = Value> {
    let lines = bad_lines().map(|lines| with(rollback("r1", "seed"), "lines", lines));
    // A default id of a commit is longer than any id that a client may choose.
    let names = bad_names().filter(|name| name.as_str().is_none_or(|name| name.len() <= 64));
    let names = names.map(|name| with(rollback("r1", "seed"), "of", name));
    lines.chain(names).chain([without(rollback("r1", "seed"), "of")])
}

fn bad_lives() -> impl Iterator<Item = Value> {
    [json!(0), json!(-1), json!(1.5), json!("60"), json!(u64::MAX)].into_iter()
}

fn bad_commits() -> impl Iterator<Item = Value> {
    let good = with(reservation("held"), "request_id", "r1");
    let lines: Vec<Value> = bad_lines().map(|lines| with(good.clone(), "lines", lines)).collect();
    let names = bad_names().map(|name| with(reservation("held"), "request_id", name));
    let unknown = reservation(&"x".repeat(65));
    lines.into_iter().chain(names).chain([unknown, with(good, "colour", "red")])
}

pub(crate) fn malformed_texts() -> Vec<String> {
    let texts = ["", "{", "deduct", "[]", "null", "7", "\"text\"", "{\"request_id\":}", "{} {}"];
    let nested = "[".repeat(30_000);
    texts.into_iter().map(str::to_owned).chain([nested]).collect()
}
