//! Reserving, committing, releasing and expiring.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::support::bodies::{many, one, reservation, to_lines, with};
use crate::support::gateway::{Gateway, on_both_ports, on_both_ports_with};
use crate::support::patience::stretched;
use crate::support::terminal::{Terminal, figures_of};

/// Longer than a short reservation lasts, on a busy machine.
const EXPIRY_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn reserve_holds_the_quantity_under_its_request_id() {
    on_both_ports(&[("A", 10)], |terminal| {
        let answer = terminal.ok("reserve", with(one("r1", "A", 4), "ttl_s", 60));

        assert_eq!((&answer["request_id"], &answer["reservation"]), (&json!("r1"), &json!("r1")));
        assert_eq!(figures_of(&answer["lines"][0]), (10, 4));
        assert_eq!(answer["lines"][0]["quantity"], 4);
        assert_expires_in(&answer, Duration::from_secs(60));
        assert_eq!(terminal.figures("A"), (10, 4));
    });
}

#[test]
fn reserved_units_cannot_be_deducted_or_reserved_again() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("reserve", one("r1", "A", 7));

        for (op, request_id) in [("deduct", "d1"), ("reserve", "r2")] {
            let refusal = terminal.refused(op, one(request_id, "A", 4), "insufficient_stock");
            assert_eq!((&refusal["requested"], &refusal["available"]), (&json!(4), &json!(3)));
        }
        terminal.ok("deduct", one("d2", "A", 3));
        assert_eq!(terminal.figures("A"), (7, 7));
    });
}

#[test]
fn reserve_refuses_when_any_line_is_short() {
    on_both_ports(&[("A", 10), ("B", 1)], |terminal| {
        let body = many("r1", &[("A", 2), ("B", 2)]);

        terminal.refused("reserve", body, "insufficient_stock");

        assert_eq!(terminal.figures("A"), (10, 0));
        terminal.refused("commit", reservation("r1"), "unknown_reservation");
    });
}

#[test]
fn commit_turns_the_reservation_into_a_deduction() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("reserve", many("r1", &[("A", 4), ("B", 1)]));

        let answer = terminal.ok("commit", reservation("r1"));

        assert_eq!(
            (&answer["request_id"], &answer["replayed"]),
            (&json!("commit:r1"), &json!(false))
        );
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((6, 0), (9, 0)));
        assert_changes(terminal, "commit:r1", "commit", &[("A", -4, -4), ("B", -1, -1)]);
    });
}

#[test]
fn a_partial_commit_gives_the_rest_back() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("reserve", many("r1", &[("A", 5), ("B", 3)]));

        terminal.ok("commit", partial_commit("c1", "r1", &[("A", 2)]));

        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((8, 0), (10, 0)));
        assert_changes(terminal, "c1", "commit", &[("A", -2, -5), ("B", 0, -3)]);
        terminal.refused("release", reservation("r1"), "reservation_closed");
    });
}

#[test]
fn a_commit_beyond_the_reservation_is_refused_and_leaves_it_open() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("reserve", one("r1", "A", 4));

        for (request_id, lines) in
            [("c1", &[("A", 5)][..]), ("c2", &[("B", 1)]), ("c3", &[("A", 2), ("A", 3)])]
        {
            let body = partial_commit(request_id, "r1", lines);
            terminal.refused("commit", body, "exceeds_deduction");
        }
        assert_eq!(terminal.figures("A"), (10, 4));
        terminal.ok("commit", partial_commit("c4", "r1", &[("A", 4)]));
        assert_eq!(terminal.figures("A"), (6, 0));
    });
}

#[test]
fn release_gives_the_quantity_back() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("reserve", many("r1", &[("A", 4), ("B", 2)]));

        let answer = terminal.ok("release", reservation("r1"));

        assert_eq!(answer["request_id"], "release:r1");
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
        assert_changes(terminal, "release:r1", "release", &[("A", 0, -4), ("B", 0, -2)]);
    });
}

#[test]
fn a_commit_or_release_repeated_with_its_default_id_is_a_replay() {
    on_both_ports(&[("A", 10)], |terminal| {
        for op in ["commit", "release"] {
            terminal.ok("reserve", one(op, "A", 2));
            let first = terminal.ok(op, reservation(op));
            let default_id = format!("{op}:{op}");

            let without_id = terminal.ok(op, reservation(op));
            let with_id = terminal.ok(op, with(reservation(op), "request_id", default_id));

            assert_eq!(without_id, with(first.clone(), "replayed", true));
            assert_eq!(with_id, without_id);
        }
        assert_eq!(terminal.figures("A"), (8, 0));
    });
}

#[test]
fn a_commit_or_release_repeated_without_an_id_replays_the_one_that_had_an_id() {
    on_both_ports(&[("A", 10)], |terminal| {
        for op in ["commit", "release"] {
            terminal.ok("reserve", one(op, "A", 2));
            let body = with(reservation(op), "request_id", format!("x-{op}"));
            let first = terminal.ok(op, body.clone());

            let without_id = terminal.ok(op, reservation(op));
            let with_id = terminal.ok(op, body);

            assert_eq!(without_id, with(first, "replayed", true));
            assert_eq!(with_id, without_id);
        }
        assert_eq!(terminal.figures("A"), (8, 0));
    });
}

#[test]
fn a_closed_reservation_cannot_be_closed_again() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("reserve", one("committed", "A", 2));
        terminal.ok("commit", reservation("committed"));
        terminal.ok("reserve", one("released", "A", 2));
        terminal.ok("release", reservation("released"));

        for (op, body) in [
            ("commit", partial_commit("c1", "committed", &[("A", 1)])),
            ("commit", with(reservation("committed"), "request_id", "c2")),
            ("release", reservation("committed")),
            ("release", with(reservation("committed"), "request_id", "c3")),
            ("commit", reservation("released")),
            ("commit", with(reservation("released"), "request_id", "c4")),
        ] {
            terminal.refused(op, body, "reservation_closed");
        }
        assert_eq!(terminal.figures("A"), (8, 0));
    });
}

#[test]
fn a_reservation_expires_by_itself() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        let body = with(many("r1", &[("A", 4), ("B", 2)]), "ttl_s", 1);
        let first = terminal.ok("reserve", body.clone());

        wait_for_figures(terminal, "A", (10, 0));

        assert_eq!(terminal.figures("B"), (10, 0));
        let entries = terminal.entries_of("r1");
        let expired = entries.iter().filter(|entry| entry["kind"] == "expire").cloned();
        assert_entries(&expired.collect::<Vec<_>>(), &[("A", 0, -4), ("B", 0, -2)]);
        for (op, body) in [
            ("commit", reservation("r1")),
            ("commit", with(reservation("r1"), "request_id", "c1")),
            ("commit", partial_commit("c2", "r1", &[("A", 1)])),
            ("release", reservation("r1")),
        ] {
            terminal.refused(op, body, "reservation_expired");
        }
        assert_eq!(terminal.ok("reserve", body), with(first, "replayed", true));
        assert_eq!(terminal.figures("A"), (10, 0));
    });
}

#[test]
fn the_default_lifetime_of_a_reservation_comes_from_the_configuration() {
    on_both_ports_with("[stock]\nreservation_ttl_s = 1\n", &[("A", 10)], |terminal| {
        let answer = terminal.ok("reserve", one("r1", "A", 4));
        terminal.ok("reserve", with(one("r2", "A", 1), "ttl_s", 60));

        assert_expires_in(&answer, Duration::from_secs(1));
        wait_for_figures(terminal, "A", (10, 1));
    });
}

#[test]
fn the_default_lifetime_of_a_reservation_is_15_minutes() {
    on_both_ports(&[("A", 10)], |terminal| {
        let answer = terminal.ok("reserve", one("r1", "A", 4));

        assert_expires_in(&answer, Duration::from_secs(900));
    });
}

#[test]
fn reservations_survive_a_crash_and_still_expire() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("reserve", with(one("short", "A", 4), "ttl_s", 8));
    http.ok("reserve", one("long", "A", 1));

    gateway.kill9();
    gateway.launch();

    assert_eq!(http.figures("A"), (10, 5));
    wait_for_figures(&mut http, "A", (10, 1));
    http.refused("commit", reservation("short"), "reservation_expired");
    http.ok("commit", reservation("long"));
    assert_eq!(http.figures("A"), (9, 0));
}

#[test]
fn an_expiry_outlives_a_restart() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    gateway.http().ok("reserve", with(one("r1", "A", 4), "ttl_s", 1));
    wait_for_figures(&mut gateway.http(), "A", (10, 0));

    gateway.restart();

    let mut http = gateway.http();
    assert_eq!(http.figures("A"), (10, 0));
    http.refused("commit", reservation("r1"), "reservation_expired");
}

#[test]
fn a_reservation_with_the_longest_id_ends_without_a_request_id() {
    on_both_ports(&[("A", 10)], |terminal| {
        for (op, letter) in [("commit", "c"), ("release", "r")] {
            let id = letter.repeat(64);
            terminal.ok("reserve", one(&id, "A", 2));

            let first = terminal.ok(op, reservation(&id));

            assert_eq!(terminal.ok(op, reservation(&id)), with(first, "replayed", true));
        }
        assert_eq!(terminal.figures("A"), (8, 0));
    });
}

#[test]
fn a_commit_over_http_needs_no_body() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    for (id, body) in [("r1", None), ("r2", Some(&b""[..])), ("r3", Some(b"{}"))] {
        http.ok("reserve", one(id, "A", 2));

        let answer = http.send("POST", &format!("/api/reservations/{id}/commit"), body);

        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(http.figures("A"), (4, 0));
}

fn partial_commit(request_id: &str, id: &str, lines: &[(&str, u64)]) -> Value {
    with(with(reservation(id), "request_id", request_id), "lines", to_lines(lines))
}

fn assert_changes(
    terminal: &mut dyn Terminal,
    request_id: &str,
    kind: &str,
    changes: &[(&str, i64, i64)],
) {
    let entries = terminal.entries_of(request_id);
    assert!(entries.iter().all(|entry| entry["kind"] == kind), "{entries:?}");
    assert_entries(&entries, changes);
}

/// Compares entries in any order by SKU, change and reserved change.
fn assert_entries(entries: &[Value], changes: &[(&str, i64, i64)]) {
    let mut found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let change = |field: &str| entry[field].as_i64().unwrap_or(0);
            (entry["sku"].as_str().unwrap(), change("change"), change("reserved_change"))
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, changes);
}

fn assert_expires_in(answer: &Value, ttl: Duration) {
    let text = answer["expires_at"].as_str().expect("a reservation says when it ends");
    let expires_at = humantime::parse_rfc3339(text).expect("RFC 3339 in UTC");
    let expected = SystemTime::now() + ttl;
    let late = expected.duration_since(expires_at).unwrap_or_default();
    let early = expires_at.duration_since(expected).unwrap_or_default();
    assert!(late.max(early) < stretched(Duration::from_secs(5)), "{text} is not in {ttl:?}");
}

fn wait_for_figures(terminal: &mut dyn Terminal, sku: &str, figures: (u64, u64)) {
    let deadline = Instant::now() + EXPIRY_LIMIT;
    while terminal.figures(sku) != figures {
        assert!(Instant::now() < deadline, "{sku} stays at {:?}", terminal.figures(sku));
        sleep(Duration::from_millis(50));
    }
}
