//! Replays, conflicts and repeated refusals, through crashes and restarts.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::errors::{decided_refusals, prepare_for_refusals};
use crate::support::bodies::{count, many, one, reservation, rollback, with, without};
use crate::support::crowd::on_threads;
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::terminal::{Terminal, number};
use crate::support::ws::Ws;

#[test]
fn a_repeated_mutation_answers_its_first_outcome_and_changes_nothing() {
    on_both_ports(&[("A", 100), ("B", 100)], |terminal| {
        for (op, body) in one_of_each_mutation() {
            let first = terminal.ok(op, body.clone());
            terminal.ok("restock", one(&format!("between-{op}"), "A", 1));
            let entries = terminal.ledger().len();

            let second = terminal.ok(op, body);

            assert_eq!(first["replayed"], false, "{op}");
            assert_eq!(second, with(first, "replayed", true), "{op}");
            assert_eq!(terminal.ledger().len(), entries, "{op} wrote to the ledger again");
        }
    });
}

#[test]
fn a_retry_over_the_other_port_is_the_same_request() {
    let gateway = Gateway::stocked(&[("A", 100), ("B", 100)]);
    let (mut http, mut ws) = (gateway.http(), gateway.ws());
    for (op, body) in one_of_each_mutation() {
        let first = http.ok(op, body.clone());

        assert_eq!(ws.ok(op, body), with(first, "replayed", true), "{op}");
    }
}

#[test]
fn a_retry_with_its_fields_in_another_order_is_a_replay() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let post = |text: &str| gateway.http().send_raw("POST", "/api/stock/deduct", text.as_bytes());

    post(r#"{"request_id":"r1","order_id":"o","lines":[{"sku":"A","quantity":1}]}"#);
    let second =
        post(r#" {"lines": [{"quantity": 1, "sku": "A"}], "order_id": "o", "request_id": "r1"} "#);

    assert_eq!(second.json()["replayed"], true, "{second:?}");
}

#[test]
fn bodies_that_mean_the_same_are_the_same_request() {
    on_both_ports(&[("A", 100), ("B", 100)], |terminal| {
        for op in ["deduct", "restock", "reserve"] {
            let first = terminal.ok(op, many(&format!("{op}-1"), &[("A", 2), ("B", 1)]));
            for lines in [&[("B", 1), ("A", 2)][..], &[("A", 1), ("B", 1), ("A", 1)]] {
                let again = terminal.ok(op, many(&format!("{op}-1"), lines));
                assert_eq!(again, with(first.clone(), "replayed", true), "{op} {lines:?}");
            }
            let id = format!("{op}-2");
            let short = json!({"request_id": id, "sku": "A", "quantity": 2});
            let short = terminal.ok(op, short);
            let long = terminal.ok(op, many(&id, &[("A", 2)]));
            assert_eq!(long, with(short, "replayed", true), "{op}");
        }
    });
}

#[test]
fn the_same_uuid_in_another_case_is_another_request() {
    let lower = "936da01f-9abd-4d9d-80c7-02af85c822a8";
    let upper = lower.to_uppercase();
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let deduct = |id: &str| with(one(id, "A", 1), "order_id", id);
    let first = [lower, upper.as_str()].map(|id| gateway.http().ok("deduct", deduct(id)));
    gateway.kill9();
    gateway.launch();

    for (id, first) in [lower, upper.as_str()].into_iter().zip(first) {
        assert_eq!(first["request_id"], id);
        assert_eq!(gateway.http().ok("deduct", deduct(id)), with(first, "replayed", true));
        let entries = gateway.http().entries_of(id);
        assert_eq!((entries.len(), &entries[0]["order_id"]), (1, &Value::from(id)), "{entries:?}");
    }
    assert_eq!(gateway.http().figures("A"), (8, 0));
}

#[test]
fn a_request_id_with_another_body_is_a_conflict() {
    let first = with(one("r1", "A", 1), "order_id", "o1");
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        let outcome = terminal.ok("deduct", first.clone());
        for (op, body) in [
            ("deduct", with(one("r1", "A", 2), "order_id", "o1")),
            ("deduct", with(one("r1", "B", 1), "order_id", "o1")),
            ("deduct", with(many("r1", &[("A", 1), ("B", 1)]), "order_id", "o1")),
            ("deduct", with(first.clone(), "order_id", "o2")),
            ("deduct", without(first.clone(), "order_id")),
            ("restock", first.clone()),
            ("reserve", first.clone()),
            ("count", count("r1", "A", 1)),
            ("rollback", rollback("r1", "r1")),
        ] {
            terminal.refused(op, body, "idempotency_conflict");
        }
        assert_eq!(terminal.figures("A"), (9, 0));
        assert_eq!(terminal.figures("B"), (10, 0));
        assert_eq!(terminal.ok("deduct", first.clone()), with(outcome, "replayed", true));
    });
}

#[test]
fn a_refused_request_id_with_another_body_is_a_conflict_too() {
    on_both_ports(&[("A", 1)], |terminal| {
        terminal.refused("deduct", one("r1", "A", 2), "insufficient_stock");

        terminal.refused("deduct", one("r1", "A", 1), "idempotency_conflict");
    });
}

#[test]
fn a_refusal_stays_when_the_stock_arrives_later() {
    on_both_ports(&[("A", 1)], |terminal| {
        let first = terminal.refused("deduct", one("r1", "A", 5), "insufficient_stock");
        terminal.ok("restock", one("more", "A", 50));

        let second = terminal.refused("deduct", one("r1", "A", 5), "insufficient_stock");

        assert_eq!(first["replayed"], false);
        assert_eq!(second, with(first, "replayed", true));
        assert_eq!(terminal.figures("A"), (51, 0));
        terminal.ok("deduct", one("r2", "A", 5));
    });
}

#[test]
fn every_refusal_by_the_stock_is_an_outcome_that_is_replayed() {
    on_both_ports(&[("A", 100)], |terminal| {
        prepare_for_refusals(terminal);
        for (op, body, code) in decided_refusals() {
            let first = terminal.refused(op, body.clone(), code);

            let second = terminal.refused(op, body, code);

            assert_eq!(first["replayed"], false, "{op}: {first}");
            assert_eq!(second, with(first, "replayed", true), "{op}");
        }
    });
}

#[test]
fn an_unknown_sku_stays_unknown_to_the_request_that_asked_too_early() {
    on_both_ports(&[("A", 1)], |terminal| {
        terminal.refused("deduct", one("r1", "NEW", 1), "unknown_sku");
        terminal.ok("restock", one("new", "NEW", 5));

        let again = terminal.refused("deduct", one("r1", "NEW", 1), "unknown_sku");

        assert_eq!(again["replayed"], true);
        terminal.ok("deduct", one("r2", "NEW", 1));
    });
}

#[test]
fn the_idempotency_key_header_stands_in_for_the_request_id() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let keyed = gateway.http().with_header("Idempotency-Key", "r1");
    let body = one("r1", "A", 2);

    let first = keyed.post("/api/stock/deduct", &without(body.clone(), "request_id"));
    let with_both = keyed.post("/api/stock/deduct", &body);
    let in_the_body = gateway.http().post("/api/stock/deduct", &body);

    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json()["request_id"], "r1");
    for repeat in [with_both, in_the_body] {
        assert_eq!(repeat.json(), with(first.json(), "replayed", true));
    }
}

#[test]
fn a_header_and_a_body_that_name_different_requests_are_refused() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let keyed = gateway.http().with_header("Idempotency-Key", "r1");

    keyed.post("/api/stock/deduct", &one("r2", "A", 2)).refused("bad_request");

    for request_id in ["r1", "r2"] {
        let answer = gateway.http().ok("deduct", one(request_id, "A", 2));
        assert_eq!(answer["replayed"], false, "{request_id}");
    }
}

#[test]
fn outcomes_survive_a_crash_and_a_restart() {
    let mut gateway = Gateway::stocked(&[("A", 100), ("B", 100)]);
    let mut ws = gateway.ws();
    let applied: Vec<_> = one_of_each_mutation()
        .into_iter()
        .map(|(op, body)| (op, body.clone(), ws.ok(op, body)))
        .collect();
    let refusal = ws.refused("deduct", one("refused", "A", 1_000), "insufficient_stock");
    let figures = ws.figures("A");

    for stop in [Gateway::kill9, terminate] {
        stop(&mut gateway);
        gateway.launch();

        let mut ws = gateway.ws();
        for (op, body, first) in &applied {
            assert_eq!(ws.ok(op, body.clone()), with(first.clone(), "replayed", true), "{op}");
        }
        let again = ws.refused("deduct", one("refused", "A", 1_000), "insufficient_stock");
        assert_eq!(again, with(refusal.clone(), "replayed", true));
        ws.refused("deduct", one("refused", "A", 1), "idempotency_conflict");
        assert_eq!(ws.figures("A"), figures);
    }
}

#[test]
fn a_request_sent_by_many_terminals_at_once_is_applied_once() {
    let gateway = Gateway::stocked(&[("A", 100)]);

    let answers = on_threads(16, |_| gateway.http().ok("deduct", one("r1", "A", 3)));

    let first = answers.iter().filter(|answer| answer["replayed"] == false);
    assert_eq!(first.count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["lines"] == answers[0]["lines"]), "{answers:?}");
    assert_eq!(gateway.http().figures("A"), (97, 0));
}

#[test]
fn requests_resent_after_a_crash_are_applied_exactly_once() {
    const TERMINALS: usize = 4;
    const REQUESTS: usize = 100_000;
    let mut gateway = Gateway::stocked(&[("A", 1_000_000)]);
    let address = gateway.address();

    let answered = thread::scope(|scope| {
        let terminals: Vec<_> = (0..TERMINALS)
            .map(|terminal| {
                let address = &address;
                scope.spawn(move || deduct_until_closed(address, terminal, REQUESTS))
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        gateway.kill9();
        terminals.into_iter().map(|terminal| terminal.join().unwrap()).collect::<Vec<_>>()
    });
    gateway.launch();

    for (terminal, answers) in answered.iter().enumerate() {
        let mut ws = gateway.ws();
        for (n, first) in answers.iter().enumerate() {
            let again = ws.ok("deduct", numbered(terminal, n));
            assert_eq!(again, with(first.clone(), "replayed", true));
        }
        // The one in flight at the crash may or may not have been applied.
        ws.ok("deduct", numbered(terminal, answers.len()));
    }
    let sent: usize = answered.iter().map(|answers| answers.len() + 1).sum();
    assert_eq!(number(&gateway.http().item("A"), "on_hand"), 1_000_000 - sent as u64);
}

/// A sequence in which every kind of mutation succeeds.
fn one_of_each_mutation() -> Vec<(&'static str, Value)> {
    vec![
        ("restock", many("m-restock", &[("A", 5), ("B", 5)])),
        ("deduct", many("m-deduct", &[("A", 5), ("B", 5)])),
        ("count", count("m-count", "A", 90)),
        ("rollback", rollback("m-rollback", "m-deduct")),
        ("reserve", many("m-reserve", &[("A", 3), ("B", 1)])),
        ("commit", with(reservation("m-reserve"), "request_id", "m-commit")),
        ("reserve", one("m-reserve-2", "A", 2)),
        ("release", with(reservation("m-reserve-2"), "request_id", "m-release")),
        ("reserve", one("m-reserve-3", "A", 2)),
        ("commit", reservation("m-reserve-3")),
        ("reserve", one("m-reserve-4", "A", 2)),
        ("release", reservation("m-reserve-4")),
    ]
}

fn terminate(gateway: &mut Gateway) {
    gateway.terminate();
}

/// The answers to the requests of one terminal, until its connection ends.
fn deduct_until_closed(address: &str, terminal: usize, requests: usize) -> Vec<Value> {
    let mut ws = Ws::connect(address);
    let outcomes = (0..requests).map_while(|n| ws.try_call("deduct", numbered(terminal, n)).ok());
    outcomes.map(|outcome| outcome.expect("the stock suffices")).collect()
}

fn numbered(terminal: usize, n: usize) -> Value {
    one(&format!("t{terminal}-{n}"), "A", 1)
}
