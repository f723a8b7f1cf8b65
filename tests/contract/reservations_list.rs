//! Reservations for people: lists, one of them, longer ones, and boxes packed one by one.

use serde_json::{Value, json};

use crate::support::bodies::{many, one, reservation, rollback, to_lines, with};
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::terminal::Terminal;

const TOKENS: &str = r#"
[[terminals.tokens]]
name = "line-1"
role = "operator"
token = "line-1-0123456789"
[[terminals.tokens]]
name = "line-2"
role = "operator"
token = "line-2-0123456789"
"#;

#[test]
fn open_reservations_are_listed_with_their_lines_and_time() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        let body = with(many("r1", &[("A", 2), ("B", 1)]), "order_id", "536365");
        let made = terminal.ok("reserve", with(body, "ttl_s", 600));

        let page = terminal.ok("reservations", json!({}));

        assert_eq!(page["next"], Value::Null);
        let item = &page["items"][0];
        assert_eq!((&item["reservation"], &item["order_id"]), (&json!("r1"), &json!("536365")));
        assert_eq!(
            item["lines"],
            json!([{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}])
        );
        assert_eq!(item["actor"], Value::Null);
        let left = item["expires_in_s"].as_u64().unwrap();
        assert!((500..=600).contains(&left), "{item}");
        for _ in 0..50 {
            let page = terminal.ok("reservations", json!({}));
            assert_eq!(page["items"][0]["expires_at"], made["expires_at"]);
        }
    });
}

#[test]
fn open_reservations_are_found_by_order_and_sku() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        for (id, sku, order) in [("r1", "A", "o1"), ("r2", "B", "o1"), ("r3", "A", "o2")] {
            terminal.ok("reserve", with(one(id, sku, 1), "order_id", order));
        }
        terminal.ok("reserve", one("r4", "B", 1));
        for (query, expected) in [
            (json!({}), &["r1", "r2", "r3", "r4"][..]),
            (json!({"order_id": "o1"}), &["r1", "r2"]),
            (json!({"sku": "A"}), &["r1", "r3"]),
            (json!({"order_id": "o1", "sku": "B"}), &["r2"]),
            (json!({"order_id": "o3"}), &[]),
            (json!({"sku": "C"}), &[]),
            (json!({"after": "r2"}), &["r3", "r4"]),
        ] {
            assert_eq!(ids(&terminal.ok("reservations", query.clone())), expected, "{query}");
        }
        let pages = terminal.every_page("reservations", json!({"limit": 3}), "items");
        assert_eq!(pages.len(), 4);
        let found = terminal.every_page("reservations", json!({"limit": 1, "sku": "B"}), "items");
        assert_eq!(found.len(), 2);
        assert_eq!(terminal.ok("reservations", json!({"limit": 3}))["next"], "r3");
    });
}

#[test]
fn a_reservation_is_told_with_its_state_as_long_as_it_is_remembered() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    for id in ["open", "committed", "released", "c", "r"] {
        gateway.http().ok("reserve", with(one(id, "A", 1), "order_id", "o"));
    }
    gateway.http().ok("reserve", with(one("expired", "A", 1), "ttl_s", 1));
    gateway.http().ok("commit", with(reservation("committed"), "request_id", "c1"));
    gateway.http().ok("release", reservation("released"));
    while gateway.http().figures("A") != (9, 3) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for round in ["", "after a restart"] {
        for terminal in [&mut gateway.http() as &mut dyn Terminal, &mut gateway.ws()] {
            for state in ["open", "committed", "released", "expired"] {
                let one = terminal.ok("reservation", json!({"reservation": state}));
                assert_eq!((&one["state"], &one["reservation"]), (&json!(state), &json!(state)));
                assert_eq!(one["lines"], json!([{"sku": "A", "quantity": 1}]), "{round}");
                assert_eq!(one["expires_in_s"].is_u64(), state == "open", "{one}");
            }
            let one = terminal.ok("reservation", reservation("committed"));
            assert_eq!((&one["closed_by"], &one["order_id"]), (&json!("c1"), &json!("o")));
            assert!(humantime::parse_rfc3339(one["closed_at"].as_str().unwrap()).is_ok());
            for unknown in ["never", "c1", "seed"] {
                terminal.refused("reservation", reservation(unknown), "unknown_reservation");
            }
        }
        gateway.kill9();
        gateway.launch();
    }
}

#[test]
fn reservation_closed_says_how_when_and_by_which_request() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("reserve", one("r1", "A", 1));
    http.ok("reserve", one("r2", "A", 1));
    http.ok("commit", with(reservation("r1"), "request_id", "box-7"));
    http.ok("release", with(reservation("r2"), "request_id", "gone-8"));
    let refuse = |http: &mut dyn Terminal, id: &str, name: &str| {
        let body = with(reservation(id), "request_id", name);
        let refusal = http.refused("commit", body, "reservation_closed");
        (refusal["message"].as_str().unwrap().to_owned(), refusal["replayed"] == true)
    };
    let (committed, _) = refuse(&mut http, "r1", "late");
    assert!(committed.contains("committed at 20") && committed.contains("box-7"), "{committed}");
    let (released, _) = refuse(&mut http, "r2", "later");
    assert!(released.contains("released at 20") && released.contains("gone-8"), "{released}");

    gateway.kill9();
    gateway.launch();

    assert_eq!(refuse(&mut http, "r1", "late"), (committed.clone(), true));
    assert_eq!(refuse(&mut http, "r1", "new"), (committed, false));
}

#[test]
fn reservation_closed_says_by_whom() {
    let mut gateway = Gateway::start_with(TOKENS);
    let line =
        |gateway: &Gateway, n: u8| gateway.http().with_token(&format!("line-{n}-0123456789"));
    let mut first = line(&gateway, 1);
    first.ok("restock", one("in", "A", 10));
    for id in ["r1", "r2"] {
        first.ok("reserve", one(id, "A", 1));
    }
    first.ok("commit", with(reservation("r1"), "request_id", "box-7"));
    line(&gateway, 2).ok("release", with(reservation("r2"), "request_id", "gone-8"));
    for attempt in ["at once", "after a start"] {
        for (id, actor) in [("r1", "by line-1,"), ("r2", "by line-2,")] {
            let body = with(reservation(id), "request_id", format!("{id} {attempt}"));
            let refusal = line(&gateway, 2).refused("commit", body, "reservation_closed");
            let message = refusal["message"].as_str().unwrap();
            assert!(message.contains(actor), "{attempt}: {message}");
        }
        gateway.kill9();
        gateway.launch();
    }
}

#[test]
fn a_reservation_is_extended_and_the_extension_replayed() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("reserve", with(one("r1", "A", 4), "ttl_s", 5));
    let body = with(with(reservation("r1"), "request_id", "x1"), "ttl_s", 3600);

    let first = http.ok("extend", body.clone());

    assert_eq!((&first["reservation"], &first["replayed"]), (&json!("r1"), &json!(false)));
    assert!(first["expires_at"].is_string(), "{first}");
    gateway.kill9();
    gateway.launch();
    for terminal in [&mut gateway.http() as &mut dyn Terminal, &mut gateway.ws()] {
        assert_eq!(terminal.ok("extend", body.clone()), with(first.clone(), "replayed", true));
        let other = with(body.clone(), "ttl_s", 60);
        terminal.refused("extend", other, "idempotency_conflict");
        let item = terminal.ok("reservations", json!({}))["items"][0].clone();
        assert!(item["expires_in_s"].as_u64().unwrap() > 3_000, "{item}");
    }
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(gateway.http().figures("A"), (10, 4), "the first lifetime is over");
}

#[test]
fn an_extension_is_refused_as_a_commit_would_be() {
    on_both_ports(&[("A", 10)], |terminal| {
        let extend =
            |id: &str, name: &str| with(with(reservation(id), "request_id", name), "ttl_s", 60);
        terminal.refused("extend", extend("never", "x1"), "unknown_reservation");
        terminal.ok("reserve", one("closed", "A", 1));
        terminal.ok("release", reservation("closed"));
        terminal.refused("extend", extend("closed", "x2"), "reservation_closed");
        terminal.ok("reserve", with(one("short", "A", 1), "ttl_s", 1));
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        terminal.refused("extend", extend("short", "x3"), "reservation_expired");
        terminal.ok("reserve", one("open", "A", 1));
        terminal.refused("extend", with(extend("open", "x4"), "ttl_s", 0), "bad_request");
        let without_ttl = with(reservation("open"), "request_id", "x5");
        terminal.refused("extend", without_ttl, "bad_request");
        let without_id = with(reservation("open"), "ttl_s", 60);
        terminal.refused("extend", without_id, "bad_request");
    });
}

#[test]
fn with_keep_rest_the_rest_stays_reserved_for_the_next_box() {
    let mut gateway = Gateway::stocked(&[("A", 10), ("B", 10)]);
    let mut http = gateway.http();
    http.ok("reserve", with(many("r1", &[("A", 5), ("B", 3)]), "ttl_s", 600));
    let boxed = |name: &str, lines: &[(&str, u64)]| {
        let body = with(with(reservation("r1"), "request_id", name), "keep_rest", true);
        with(body, "lines", to_lines(lines))
    };

    let first = http.ok("commit", boxed("box-1", &[("A", 2)]));

    assert_eq!(first["lines"].as_array().unwrap().len(), 1, "{first}");
    assert_eq!((http.figures("A"), http.figures("B")), ((8, 3), (10, 3)));
    let lines = |terminal: &mut dyn Terminal| {
        terminal.ok("reservation", reservation("r1"))["lines"].clone()
    };
    assert_eq!(lines(&mut http), to_lines(&[("A", 3), ("B", 3)]));
    gateway.kill9();
    gateway.launch();
    let mut ws = gateway.ws();
    assert_eq!(lines(&mut ws), to_lines(&[("A", 3), ("B", 3)]));
    assert_eq!(ws.ok("commit", boxed("box-1", &[("A", 2)])), with(first, "replayed", true));
    ws.refused("commit", boxed("box-2", &[("A", 4)]), "exceeds_deduction");
    ws.ok("commit", boxed("box-3", &[("B", 3)]));
    assert_eq!(lines(&mut ws), to_lines(&[("A", 3)]));
    ws.ok("rollback", rollback("undo", "box-1"));
    assert_eq!((ws.figures("A"), ws.figures("B")), ((10, 3), (7, 0)));
    ws.ok("commit", boxed("box-4", &[("A", 3)]));
    assert_eq!((ws.figures("A"), ws.figures("B")), ((7, 0), (7, 0)));
    let refusal = ws.refused("commit", boxed("box-5", &[("A", 1)]), "reservation_closed");
    assert!(refusal["message"].as_str().unwrap().contains("box-4"), "{refusal}");
}

#[test]
fn the_rest_of_a_reservation_is_released_or_committed_as_a_whole() {
    on_both_ports(&[("A", 10)], |terminal| {
        for (op, left) in [("release", (9, 0)), ("commit", (6, 0))] {
            terminal.ok("reserve", one(op, "A", 3));
            let body =
                with(with(reservation(op), "request_id", format!("{op}-1")), "keep_rest", true);
            terminal.ok("commit", with(body, "lines", to_lines(&[("A", 1)])));
            terminal.ok(op, reservation(op));
            assert_eq!(terminal.figures("A"), left);
        }
    });
}

#[test]
fn keep_rest_needs_a_request_id_and_belongs_to_a_commit() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("reserve", one("r1", "A", 3));
        let keep = with(reservation("r1"), "keep_rest", true);
        let refusal = terminal.refused("commit", keep, "bad_request");
        assert!(refusal["message"].as_str().unwrap().contains("request_id"), "{refusal}");
        terminal.refused("deduct", with(one("d1", "A", 1), "keep_rest", true), "bad_request");
        terminal.ok("commit", with(reservation("r1"), "keep_rest", false));
        let same = terminal.ok("commit", reservation("r1"));
        assert_eq!(same["replayed"], true, "false is what is said without it");
    });
}

#[test]
fn a_refused_commit_without_a_request_id_may_be_sent_again() {
    on_both_ports(&[("A", 10)], |terminal| {
        for op in ["commit", "release"] {
            let refusal = terminal.refused(op, reservation(op), "unknown_reservation");
            assert_eq!(refusal["replayed"], false);
            let again = terminal.refused(op, reservation(op), "unknown_reservation");
            assert_eq!(again["replayed"], false);
            terminal.ok("reserve", one(op, "A", 1));
            assert_eq!(terminal.ok(op, reservation(op))["replayed"], false);
        }
    });
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["reservation"].as_str().unwrap()).collect()
}
