//! Quantities with decimals: exact from a request's text to an answer's.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::{reservation, rollback, with};
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::terminal::{Port, Terminal};

/// A gateway that knows `KG` in kilograms with three decimals, `MAX` with six, and `A` by the piece.
fn gateway() -> Gateway {
    let mut gateway = Gateway::start();
    list(
        &mut gateway,
        vec![
            measured("KG", "kg", 3, &["4006381333931"]),
            measured("MAX", "l", 6, &[]),
            named("A", "Piece", &[]),
        ],
    );
    gateway
}

#[test]
fn a_quantity_is_a_number_or_a_text_and_the_answer_has_no_useless_digits() {
    let gateway = gateway();
    let http = gateway.http();
    let send = |path: &str, body: &str| http.send_raw("POST", path, body.as_bytes());
    let restock = r#"{"request_id":"in","sku":"KG","quantity":100.000}"#;
    let answer = send("/api/stock/restock", restock);
    assert!(answer.text.contains(r#""quantity":100,"on_hand":100,"#), "{}", answer.text);
    let answer = send("/api/stock/deduct", r#"{"request_id":"d1","sku":"KG","quantity":1.25}"#);
    assert!(
        answer.text.contains(r#""quantity":1.25,"on_hand":98.75,"reserved":0,"available":98.75,"#),
        "{}",
        answer.text
    );
    let same = r#"{"request_id":"d1","lines":[{"quantity":"0.125e1","sku":"KG"}]}"#;
    let again = send("/api/stock/deduct", same);
    assert_eq!(again.json()["replayed"], true, "{}", again.text);
    assert!(again.text.contains(r#""on_hand":98.75,"#), "{}", again.text);
    let item = http.get("/api/stock/KG").text;
    assert!(item.contains(r#""on_hand":98.75,"reserved":0,"available":98.75"#), "{item}");
    let ledger = http.get("/api/ledger").text;
    assert!(
        ledger.contains(r#""change":100,"#) && ledger.contains(r#""change":-1.25,"#),
        "{ledger}"
    );
}

#[test]
fn what_a_binary_float_cannot_say_is_kept() {
    let gateway = gateway();
    let http = gateway.http();
    let count = r#"{"request_id":"n","sku":"MAX","counted":9007199254.740991}"#;
    assert_eq!(http.send_raw("POST", "/api/stock/count", count.as_bytes()).status, 200);
    let item = http.get("/api/stock/MAX").text;
    assert!(item.contains(r#""on_hand":9007199254.740991,"#), "{item}");
    let over = r#"{"request_id":"o","sku":"MAX","counted":9007199254.740992}"#;
    http.send_raw("POST", "/api/stock/count", over.as_bytes()).refused("bad_request");
    let all = r#"{"request_id":"r","sku":"MAX","counted":"0.000001"}"#;
    assert_eq!(http.send_raw("POST", "/api/stock/count", all.as_bytes()).status, 200);
    let item = http.get("/api/stock/MAX").text;
    assert!(item.contains(r#""on_hand":0.000001,"#), "{item}");
}

#[test]
fn more_decimals_than_the_sku_has_are_a_bad_request() {
    let gateway = gateway();
    for port in [Port::Http, Port::WebSocket] {
        let mut terminal = gateway.terminal(port);
        for (sku, quantity) in [
            ("KG", json!(1.2505)),
            ("KG", json!("0.0001")),
            ("A", json!(1.5)),
            ("NEW", json!("1.5")),
            ("A", json!("1,5")),
            ("KG", json!("1.25 ")),
        ] {
            let body = json!({"request_id": "x", "sku": sku, "quantity": quantity});
            for op in ["restock", "deduct", "reserve"] {
                let problem = terminal.refused(op, body.clone(), "bad_request");
                assert!(problem["message"].as_str().unwrap().contains("quantity"), "{problem}");
            }
        }
        let count = json!({"request_id": "x", "sku": "KG", "counted": 0.0005});
        terminal.refused("count", count, "bad_request");
        let name = format!("whole-{port:?}");
        let first =
            terminal.ok("restock", json!({"request_id": name, "sku": "A", "quantity": 1.0}));
        for same in [json!(1), json!("1"), json!("1.0"), json!("1e0")] {
            let body = json!({"request_id": name, "sku": "A", "quantity": same});
            assert_eq!(terminal.ok("restock", body), with(first.clone(), "replayed", true));
        }
    }
}

#[test]
fn refusals_reservations_and_events_have_decimals() {
    let gateway = gateway();
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"skus": ["KG"]}));
    ws.next_event("stock", Duration::from_secs(10)).unwrap();
    let line =
        |id: &str, quantity: &str| json!({"request_id": id, "sku": "KG", "quantity": quantity});
    ws.ok("restock", line("in", "2.5"));
    let event = ws.next_event("stock", Duration::from_secs(10)).unwrap();
    let item = &event["items"][0];
    assert_eq!(
        (&item["available"], &item["decimals"], &item["unit"]),
        (&json!(2.5), &json!(3), &json!("kg"))
    );
    let refusal = ws.refused("deduct", line("d", "2.501"), "insufficient_stock");
    assert_eq!((&refusal["requested"], &refusal["available"]), (&json!(2.501), &json!(2.5)));
    assert!(
        refusal["message"].as_str().unwrap().contains("2.501 requested, 2.5 available"),
        "{refusal}"
    );
    ws.ok("reserve", line("r", "0.75"));
    let listed = ws.ok("reservations", json!({}));
    assert_eq!(listed["items"][0]["lines"], json!([{"sku": "KG", "quantity": 0.75}]));
    let part = json!({"request_id": "c", "reservation": "r", "keep_rest": true, "sku": "KG", "quantity": 0.25});
    assert_eq!(ws.ok("commit", part)["lines"][0]["quantity"], json!(0.25));
    assert_eq!(ws.ok("reservation", reservation("r"))["lines"][0]["quantity"], json!(0.5));
    ws.ok("rollback", rollback("b", "c"));
    assert_eq!(ws.item("KG")["on_hand"], json!(2.5));
}

#[test]
fn a_weight_on_a_label_is_the_quantity_where_the_sku_has_that_unit() {
    let mut gateway = gateway();
    list(&mut gateway, vec![measured("PACK", "pack", 0, &["96385074"])]);
    let mut http = gateway.http();
    for (code, quantity, content) in [
        ("(01)04006381333931(3103)001250", json!(1.25), json!(1)),
        ("(01)04006381333931(3101)000012", json!(1.2), json!(1)),
        ("4006381333931", json!(1), json!(1)),
        ("(01)00000096385074(3103)001250", json!(1), json!(1)),
    ] {
        let found = http.ok("resolve", json!({"code": code}));
        assert_eq!(
            (&found["quantity"], &found["content"]),
            (&quantity, &content),
            "{code}: {found}"
        );
    }
    // Nothing, and more exact than the SKU.
    for measure in ["(3103)000000", "(3104)000125"] {
        let code = format!("(01)04006381333931{measure}");
        http.refused("resolve", json!({"code": code}), "bad_code");
    }
}

#[test]
fn a_refusal_is_repeated_in_the_figures_that_it_had() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![measured("WINE", "l", 2, &[]), measured("SALT", "kg", 0, &[])]);
    let cheese = json!({"request_id": "c", "sku": "CHEESE", "counted": 3});
    let wine = json!({"request_id": "w", "sku": "WINE", "quantity": 1.25});
    let salt = json!({"request_id": "s", "lines": [{"sku": "SALT", "quantity": 5}]});
    let requests = [
        ("count", cheese, "unknown_sku"),
        ("deduct", wine, "insufficient_stock"),
        ("reserve", salt, "insufficient_stock"),
    ];
    let refused = |gateway: &Gateway| {
        let refused =
            |(op, body, code): &(&str, Value, &str)| gateway.http().refused(op, body.clone(), code);
        requests.iter().map(refused).collect::<Vec<_>>()
    };
    let first = refused(&gateway);
    list(
        &mut gateway,
        vec![
            measured("CHEESE", "kg", 2, &[]),
            measured("WINE", "l", 3, &[]),
            measured("SALT", "kg", 2, &[]),
        ],
    );
    for (again, first) in refused(&gateway).into_iter().zip(first) {
        assert_eq!(again, with(first, "replayed", true));
    }
    let other = json!({"request_id": "c", "sku": "CHEESE", "counted": 3.25});
    gateway.http().refused("count", other, "idempotency_conflict");
}

#[test]
fn a_sku_that_was_booked_in_whole_units_keeps_to_them() {
    let mut gateway = Gateway::stocked(&[("OLD", 5)]);
    list(
        &mut gateway,
        vec![measured("OLD", "kg", 3, &["4006381333931"]), measured("FRESH", "kg", 3, &[])],
    );
    let mut http = gateway.http();
    assert_eq!(http.figures("OLD"), (5, 0));
    http.refused(
        "restock",
        json!({"request_id": "x", "sku": "OLD", "quantity": 1.5}),
        "bad_request",
    );
    assert_eq!(http.ok("resolve", json!({"code": "4006381333931"}))["content"], 1);
    http.ok("restock", json!({"request_id": "y", "sku": "FRESH", "quantity": 1.5}));
    list(&mut gateway, vec![measured("FRESH", "kg", 2, &[])]);
    let mut http = gateway.http();
    assert_eq!(http.item("FRESH")["on_hand"], json!(1.5), "nor do they change later");
    http.ok("deduct", json!({"request_id": "z", "sku": "FRESH", "quantity": 1.125}));
    let item: Value = http.item("FRESH");
    assert_eq!(item["on_hand"], json!(0.375));
}
