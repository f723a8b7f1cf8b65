//! Reading the stock, the ledger and the state of the gateway.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bodies::{count, many, one, reservation, rollback, with};
use crate::support::gateway::{Gateway, on_both_ports, on_both_ports_with};
use crate::support::http::Answer;
use crate::support::hub::Hub;
use crate::support::process::free_port;
use crate::support::terminal::{Terminal, number};

const PAGE_MAX: usize = 1_000;

#[test]
fn get_answers_a_stock_item() {
    on_both_ports(&[("85123A", 100)], |terminal| {
        let reserved = terminal.ok("reserve", one("r1", "85123A", 5));

        assert_eq!(
            terminal.item("85123A"),
            json!({"sku": "85123A", "name": null, "unit": null, "on_hand": 100, "reserved": 5, "available": 95,
                "version": reserved["seq"]})
        );
    });
}

#[test]
fn list_answers_the_items_in_sku_order() {
    on_both_ports(&[("b", 1), ("B", 2), ("10", 3), ("9", 4), ("é", 5)], |terminal| {
        let page = terminal.ok("list", json!({}));

        assert_eq!(skus(&page), ["10", "9", "B", "b", "é"]);
        assert_eq!(page["next"], Value::Null);
        assert_eq!(page["items"][0], terminal.item("10"));
    });
}

#[test]
fn an_empty_gateway_lists_nothing() {
    let gateway = Gateway::start();

    assert_eq!(gateway.ws().ok("list", json!({})), json!({"items": [], "next": null}));
    assert_eq!(gateway.http().ok("ledger", json!({})), json!({"entries": [], "next": null}));
}

#[test]
fn list_continues_after_the_last_page() {
    on_both_ports(&[("A", 1), ("B", 1), ("C", 1), ("D", 1), ("E", 1)], |terminal| {
        let first = terminal.ok("list", json!({"limit": 2}));
        let second = terminal.ok("list", json!({"limit": 2, "after": first["next"]}));
        let third = terminal.ok("list", json!({"limit": 2, "after": second["next"]}));

        let pages = [&first, &second, &third].map(skus);
        assert_eq!(pages, [vec!["A", "B"], vec!["C", "D"], vec!["E"]]);
        assert_eq!(third["next"], Value::Null);
    });
}

#[test]
fn an_empty_cursor_is_the_beginning_of_every_list() {
    on_both_ports(&[("A", 1), ("B", 1)], |terminal| {
        terminal.ok("reserve", one("r", "A", 1));
        for (op, field, name) in [
            ("list", "items", "sku"),
            ("ledger", "entries", "seq"),
            ("reservations", "items", "reservation"),
        ] {
            let begun = terminal.ok(op, json!({"after": "", "limit": 1}));
            let without = terminal.ok(op, json!({"limit": 1}));
            assert!(!begun[field][0][name].is_null(), "{begun}");
            assert_eq!(begun[field][0][name], without[field][0][name], "{op}");
        }
    });
}

#[test]
fn list_filters_by_prefix() {
    on_both_ports(
        &[("50%", 1), ("50%x", 1), ("500", 1), ("5", 1), ("a_1", 1), ("ab1", 1)],
        |terminal| {
            for (prefix, expected) in [
                ("50%", vec!["50%", "50%x"]),
                ("50", vec!["50%", "50%x", "500"]),
                ("a_", vec!["a_1"]),
                ("A", vec![]),
                ("", vec!["5", "50%", "50%x", "500", "a_1", "ab1"]),
            ] {
                let page = terminal.ok("list", json!({"prefix": prefix}));
                assert_eq!(skus(&page), expected, "{prefix:?}");

                let paged =
                    terminal.every_page("list", json!({"prefix": prefix, "limit": 1}), "items");
                assert_eq!(page["items"], json!(paged), "{prefix:?}, item by item");
            }
        },
    );
}

#[test]
fn a_limit_of_0_is_refused_by_every_list() {
    on_both_ports(&[("A", 1)], |terminal| {
        for op in ["list", "ledger", "reservations"] {
            let refused = terminal.refused(op, json!({"limit": 0}), "bad_request");
            assert_eq!(refused["message"], "limit: must be at least 1, is 0", "{op}");
        }
    });
    let (gateway, hub) = (Gateway::start(), Hub::start_with(""));
    let of_gateway = include_str!("../../docs/gateway.openapi.json");
    let of_hub = include_str!("../../docs/hub.openapi.json");
    for (http, described) in [(gateway.http(), of_gateway), (hub.http(), of_hub)] {
        let lists = lists(&serde_json::from_str(described).unwrap());
        assert!(lists.len() >= 4, "{lists:?}");
        for path in lists {
            http.get(&format!("{path}?limit=0")).refused("bad_request");
        }
    }
}

/// The paths that are described to have a limit.
fn lists(described: &Value) -> Vec<String> {
    let has_limit = |operation: &Value| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "limit"))
    };
    let paths = described["paths"].as_object().unwrap().iter();
    let lists = paths.filter(|(path, _)| !path.contains('{'));
    lists.filter(|(_, of)| has_limit(&of["get"])).map(|(path, _)| path.clone()).collect()
}

#[test]
fn a_limit_over_the_maximum_is_the_maximum() {
    let names: Vec<String> = (0..PAGE_MAX + 5).map(|n| format!("S{n:04}")).collect();
    let gateway = Gateway::start();
    for (n, names) in names.chunks(PAGE_MAX).enumerate() {
        let lines: Vec<(&str, u64)> = names.iter().map(|sku| (sku.as_str(), 1)).collect();
        gateway.http().ok("restock", many(&format!("r{n}"), &lines));
    }

    for terminal in [&mut gateway.http() as &mut dyn Terminal, &mut gateway.ws()] {
        for (op, field) in [("list", "items"), ("ledger", "entries")] {
            let page = terminal.ok(op, json!({"limit": 5_000}));

            assert_eq!(page[field].as_array().unwrap().len(), PAGE_MAX, "{op}");
            let all = terminal.every_page(op, json!({"limit": 5_000}), field);
            assert_eq!(all.len(), PAGE_MAX + 5, "{op}");
        }
    }
}

#[test]
fn the_ledger_lists_every_change_in_order() {
    on_both_ports(&[("A", 100)], |terminal| {
        terminal.ok("deduct", with(one("d1", "A", 6), "order_id", "536365"));
        terminal.ok("count", count("c1", "A", 90));
        terminal.ok("rollback", rollback("b1", "d1"));
        terminal.ok("reserve", one("r1", "A", 5));
        terminal.ok("commit", reservation("r1"));
        terminal.ok("reserve", one("r2", "A", 4));
        terminal.ok("release", reservation("r2"));

        let told: Vec<_> = terminal.ledger().iter().map(told).collect();

        let expected = [
            ("restock", "seed", 100, 0),
            ("deduct", "d1", -6, 0),
            ("count", "c1", -4, 0),
            ("rollback", "b1", 6, 0),
            ("reserve", "r1", 0, 5),
            ("commit", "commit:r1", -5, -5),
            ("reserve", "r2", 0, 4),
            ("release", "release:r2", 0, -4),
        ];
        let expected = expected
            .map(|(kind, id, change, reserved)| (kind.to_owned(), id.to_owned(), change, reserved));
        assert_eq!(told, expected);
    });
}

#[test]
fn a_ledger_entry_has_its_fields_in_the_agreed_shape() {
    on_both_ports(&[("A", 100)], |terminal| {
        let answer = terminal.ok("deduct", with(one("d1", "A", 6), "order_id", "536365"));

        let mut entry = terminal.entries_of("d1").remove(0);

        let event_id = entry["event_id"].take();
        let at = entry["at"].take();
        assert!(uuid::Uuid::parse_str(event_id.as_str().unwrap()).is_ok(), "{event_id}");
        assert!(humantime::parse_rfc3339(at.as_str().unwrap()).is_ok(), "{at}");
        assert_eq!(at.as_str().unwrap().len(), "2026-01-31T08:26:00.123Z".len(), "{at}");
        assert_eq!(
            entry,
            json!({"seq": answer["seq"], "event_id": null, "kind": "deduct", "sku": "A",
                "change": -6, "order_id": "536365", "request_id": "d1", "at": null})
        );
    });
}

#[test]
fn the_ledger_continues_after_a_position() {
    on_both_ports(&[("A", 1), ("B", 1), ("C", 1), ("D", 1), ("E", 1)], |terminal| {
        let all = terminal.ledger();
        let paged = terminal.every_page("ledger", json!({"limit": 2}), "entries");
        let rest = terminal.ok("ledger", json!({"after": all[1]["seq"]}));
        let nothing = terminal.ok("ledger", json!({"after": all[4]["seq"]}));

        assert_eq!(all.len(), 5);
        assert!(all.is_sorted_by_key(|entry| number(entry, "seq")), "{all:?}");
        assert_eq!(paged, all);
        assert_eq!(rest, json!({"entries": all[2..], "next": null}));
        assert_eq!(nothing, json!({"entries": [], "next": null}));
    });
}

#[test]
fn the_ledger_is_unchanged_after_a_restart() {
    let mut gateway = Gateway::stocked(&[("A", 10), ("B", 10)]);
    gateway.http().ok("deduct", many("d1", &[("A", 1), ("B", 1)]));
    let before = gateway.http().ledger();

    gateway.restart();

    assert_eq!(gateway.http().ledger(), before);
    let event_ids: BTreeSet<_> = before.iter().map(|entry| entry["event_id"].as_str()).collect();
    assert_eq!(event_ids.len(), before.len());
}

#[test]
fn status_names_the_gateway_and_its_position() {
    on_both_ports(&[("A", 1), ("B", 1)], |terminal| {
        let last = terminal.ok("deduct", one("d1", "A", 1));

        let status = terminal.ok("status", json!({}));

        assert_eq!((&status["gateway"], &status["site"]), (&json!("gw-01"), &json!("wh-01")));
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!((&status["skus"], &status["ledger_seq"]), (&json!(2), &last["seq"]));
        assert!(status["uptime_s"].as_f64().is_some_and(|uptime| uptime < 60.0), "{status}");
        assert_eq!(status["sync"]["state"], "disabled");
        assert_eq!(status["sync"]["acked_seq"], 0);
        for field in ["reason", "pending", "oldest_pending_s"] {
            assert!(status["sync"].get(field).is_some(), "{field} is missing in {status}");
        }
    });
}

#[test]
fn without_a_reachable_broker_the_sync_is_offline_with_a_reason() {
    let mqtt = format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\n", free_port());
    on_both_ports_with(&mqtt, &[("A", 1), ("B", 1)], |terminal| {
        let sync = offline_with_a_reason(terminal);

        assert_eq!(sync["state"], "offline");
        assert_eq!((&sync["acked_seq"], &sync["pending"]), (&json!(0), &json!(2)));
    });
}

#[test]
fn a_running_gateway_is_alive_and_ready() {
    let gateway = Gateway::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.http().get(path).status, 200, "{path}");
    }
}

#[test]
fn metrics_are_prometheus_text() {
    let gateway = Gateway::stocked(&[("A", 1)]);

    let answer = gateway.http().get("/metrics");

    assert_eq!(answer.status, 200);
    assert!(answer.content_type.starts_with("text/plain"), "{}", answer.content_type);
    let samples: Vec<&str> = answer.text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!samples.is_empty());
    for sample in samples {
        let value = sample.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{sample:?} does not end in a number");
    }
}

#[test]
fn the_metrics_say_what_is_written_to_the_disk() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    let by_the_kernel = || {
        let counts = fs::read_to_string(format!("/proc/{}/io", gateway.pid())).ok()?;
        let written = counts.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
        Some(written.parse::<u64>().unwrap())
    };
    let Some(before) = by_the_kernel() else {
        let page = gateway.http().get("/metrics").text;
        return assert!(!page.contains("disk_written"), "the kernel does not count: {page}");
    };
    for n in 0..20 {
        gateway.http().ok("restock", one(&format!("r{n}"), "A", 1));
    }
    let written = gateway.http().metric("stockgate_disk_written_bytes_total");
    let after = by_the_kernel().unwrap();
    assert!((before..=after).contains(&written), "{written} is not from {before} to {after}");
    assert!(before == after || written > before, "{written} is not more than {before}");
}

#[test]
fn the_root_is_the_terminal_page() {
    let gateway = Gateway::start();

    let answer = gateway.http().get("/");

    assert_eq!(answer.status, 200);
    assert!(answer.content_type.starts_with("text/html"), "{}", answer.content_type);
    assert!(answer.text.contains("</html>"));
}

#[test]
fn unknown_paths_are_not_found() {
    let gateway = Gateway::start();
    for path in ["/nothing", "/api", "/api/", "/api/stocks", "/api/reservations/r1/undo"] {
        gateway.http().get(path).refused("not_found");
    }
}

#[test]
fn wrong_methods_are_not_allowed() {
    let gateway = Gateway::start();
    let http = gateway.http();
    let answers: Vec<Answer> = vec![
        http.put("/api/stock/deduct", &json!({})),
        http.delete("/api/stock/restock"),
        http.put("/api/reservations", &json!({})),
        http.put("/api/reservations/r1", &json!({})),
        http.get("/api/reservations/r1/commit"),
        http.post("/api/ledger", &json!({})),
        http.post("/api/status", &json!({})),
        http.delete("/healthz"),
        http.post("/", &json!({})),
    ];
    for answer in answers {
        answer.refused("method_not_allowed");
    }
}

/// The sync part of the status, once the first attempt to connect has failed.
fn offline_with_a_reason(terminal: &mut dyn Terminal) -> Value {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let sync = terminal.ok("status", json!({}))["sync"].take();
        if sync["reason"].as_str().is_some_and(|reason| !reason.is_empty()) {
            return sync;
        }
        assert!(Instant::now() < deadline, "no reason in {sync}");
        sleep(Duration::from_millis(50));
    }
}

fn skus(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap()).collect()
}

/// Kind, request id, change and reserved change of an entry.
fn told(entry: &Value) -> (String, String, i64, i64) {
    let text = |field: &str| entry[field].as_str().unwrap().to_owned();
    let change = entry["change"].as_i64().unwrap();
    // Left out when it is 0.
    let reserved_change = entry.get("reserved_change").map_or(0, |change| {
        change.as_i64().filter(|change| *change != 0).expect("a reserved change that is a change")
    });
    (text("kind"), text("request_id"), change, reserved_change)
}

/// What one connection makes the gateway look at in a second is bounded: 200,000 SKUs are free at
/// once, and each further one takes 5 µs.
#[test]
fn a_client_that_searches_all_the_time_waits_and_no_other_does() {
    let gateway = Gateway::start();
    let skus: Vec<_> = (0..4_000).map(|n| format!("sku-{n:04}")).collect();
    for (n, skus) in skus.chunks(1_000).enumerate() {
        let lines: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
        gateway.http().ok("restock", many(&format!("r{n}"), &lines));
    }
    let (mut session, connection) = (gateway.ws(), ureq::agent());
    let search = json!({"q": "no such name"});
    let url = format!("{}/api/stock?q=no+such+name", gateway.url());
    let over_a_session = &mut || drop(session.ok("list", search.clone()));
    let over_a_connection =
        &mut || drop(connection.get(&url).call().unwrap().body_mut().read_to_string().unwrap());
    for greedy in [over_a_session as &mut dyn FnMut(), over_a_connection] {
        let began = Instant::now();
        // 520,000 SKUs.
        (0..130).for_each(|_| greedy());
        assert!(began.elapsed() > Duration::from_millis(1_500), "{:?}", began.elapsed());
        let began = Instant::now();
        gateway.ws().ok("list", search.clone());
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[test]
fn a_cursor_that_is_no_id_is_refused() {
    on_both_ports(&[("A", 1)], |terminal| {
        let long = "r".repeat(200);
        let refusal = terminal.refused("reservations", json!({"after": long}), "bad_request");
        assert!(refusal["message"].as_str().unwrap().starts_with("after: "), "{refusal}");
    });
}
