//! Who asked for an entry and why, and which goods it was about.

use serde_json::{Value, json};

use crate::support::bodies::{count, one, reservation, with};
use crate::support::gateway::Gateway;
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

const PORTS: [Port; 2] = [Port::Http, Port::WebSocket];

#[test]
fn an_entry_names_the_token_that_asked_for_it_and_the_reason() {
    let gateway = Gateway::start_with(TOKENS);
    for port in PORTS {
        let mut office = authorized(&gateway, port, "the-admin-secret");
        let mut line = authorized(&gateway, port, "the-operator-secret");
        let id = |name: &str| format!("{name} {port:?}");

        office.ok("restock", with(one(&id("in"), "A", 9), "reason", "goods in"));
        line.ok("reserve", one(&id("held"), "A", 2));
        office.ok("commit", with(reservation(&id("held")), "reason", "shipped"));
        line.ok("deduct", one(&id("sold"), "A", 1));
        office.ok("count", with(count(&id("counted"), "A", 5), "reason", "cycle 12"));

        let mut said = |name: &str| {
            let entry = line_entry(&mut *office, &id(name));
            (entry["actor"].clone(), entry["reason"].clone())
        };
        assert_eq!(said("in"), (json!("office"), json!("goods in")));
        assert_eq!(said("held"), (json!("line-3"), Value::Null));
        assert_eq!(said("sold"), (json!("line-3"), Value::Null));
        assert_eq!(said("counted"), (json!("office"), json!("cycle 12")));
        let held = office.ok("reservation", reservation(&id("held")));
        assert_eq!((&held["state"], &held["actor"]), (&json!("committed"), &json!("line-3")));
        let committed = office.ledger().into_iter().rfind(|entry| entry["kind"] == "commit");
        let committed = committed.unwrap();
        assert_eq!(
            (&committed["actor"], &committed["reason"]),
            (&json!("office"), &json!("shipped"))
        );
    }
}

#[test]
fn without_tokens_there_is_no_actor_and_a_client_cannot_name_one() {
    let gateway = Gateway::start();
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let id = format!("in {port:?}");
        terminal.refused("restock", with(one(&id, "A", 9), "actor", "me"), "bad_request");
        terminal.ok("restock", one(&id, "A", 9));
        let entry = line_entry(&mut *terminal, &id);
        assert_eq!(entry.get("actor"), None, "{entry}");
        assert_eq!(entry.get("reason"), None, "{entry}");
        assert_eq!(entry.get("lot"), None, "{entry}");
    }
}

#[test]
fn lines_of_different_lots_are_entries_of_their_own_and_are_decided_together() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        let body = |name: &str, units: u64| {
            json!({"request_id": format!("{name} {port:?}"), "lines": [
                {"sku": "A", "quantity": 1, "lot": "L1", "expires": "2027-02-28"},
                {"sku": "A", "quantity": units, "lot": "L2", "serial": "S1"},
                {"sku": "A", "quantity": 1, "expires": "2027-02-28", "lot": "L1"},
            ]})
        };
        let error = terminal.refused("deduct", body("many", 4), "insufficient_stock");
        assert_eq!((&error["requested"], &error["available"]), (&json!(6), &json!(5)));

        let answer = terminal.ok("deduct", body("some", 3));

        let lines = answer["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 2, "{answer}");
        assert_eq!((&lines[0]["quantity"], &lines[0]["lot"]), (&json!(2), &json!("L1")));
        assert_eq!((&lines[1]["on_hand"], &lines[1]["serial"]), (&json!(0), &json!("S1")));
        let entries = terminal.entries_of(&format!("some {port:?}"));
        let shown = |entry: &Value| {
            ["change", "lot", "serial", "expires"].map(|field| entry[field].clone())
        };
        assert_eq!(entries.len(), 2);
        assert_eq!(shown(&entries[0]), [json!(-2), json!("L1"), Value::Null, json!("2027-02-28")]);
        assert_eq!(shown(&entries[1]), [json!(-3), json!("L2"), json!("S1"), Value::Null]);

        let rollback =
            json!({"request_id": format!("back {port:?}"), "of": format!("some {port:?}")});
        terminal.ok("rollback", rollback);
        let back = terminal.entries_of(&format!("back {port:?}"));
        assert_eq!(shown(&back[1]), [json!(3), json!("L2"), json!("S1"), Value::Null]);
    }
}

#[test]
fn reason_and_trace_are_part_of_the_request() {
    let mut gateway = Gateway::stocked(&[("A", 9)]);
    let mut terminal = gateway.http();
    let lot = with(one("r", "A", 1), "reason", "broken");
    let lot = with(lot, "lines", json!([{"sku": "A", "quantity": 1, "lot": "L"}]));
    terminal.ok("deduct", lot.clone());
    let short =
        json!({"request_id": "r", "sku": "A", "quantity": 1, "lot": "L", "reason": "broken"});
    for same in [lot.clone(), short.clone()] {
        assert_eq!(terminal.ok("deduct", same)["replayed"], true);
    }
    for other in [with(lot.clone(), "reason", "lost"), with(short, "lot", "M"), one("r", "A", 1)] {
        terminal.refused("deduct", other, "idempotency_conflict");
    }
    gateway.kill9();
    gateway.launch();
    assert_eq!(gateway.http().ok("deduct", lot)["replayed"], true);
}

#[test]
fn a_wrong_lot_date_or_reason_is_named() {
    let gateway = Gateway::stocked(&[("A", 9)]);
    let wrong = [
        ("lot", json!("")),
        ("lot", json!("x".repeat(65))),
        ("lot", json!(" L")),
        ("lot", json!("a\u{7}b")),
        ("lot", json!(7)),
        ("serial", json!("S ")),
        ("expires", json!("2027-02-29")),
        ("expires", json!("2027-2-1")),
        ("expires", json!("27-02-01")),
        ("expires", json!("2027-02-01T00:00:00Z")),
        ("reason", json!("")),
        ("reason", json!("x".repeat(65))),
    ];
    for port in PORTS {
        let mut terminal = gateway.terminal(port);
        for (field, value) in &wrong {
            let short = json!({"request_id": "r", "sku": "A", "quantity": 1});
            let error =
                terminal.refused("deduct", with(short, field, value.clone()), "bad_request");
            let message = error["message"].as_str().or(error["detail"].as_str()).unwrap();
            assert!(message.contains(field), "{message}");
        }
        let beside = json!({"request_id": "r", "lot": "L", "lines": [{"sku": "A", "quantity": 1}]});
        terminal.refused("deduct", beside, "bad_request");
    }
}

fn line_entry(terminal: &mut dyn Terminal, request_id: &str) -> Value {
    terminal.entries_of(request_id).remove(0)
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
