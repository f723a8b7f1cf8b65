//! Rolling back deductions, never more than was deducted.

use serde_json::{Value, json};

use crate::support::bodies::{count, many, one, reservation, rollback, to_lines, with};
use crate::support::crowd::on_threads;
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::terminal::Terminal;

#[test]
fn rollback_without_lines_gives_everything_back() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("deduct", many("d1", &[("A", 4), ("B", 1), ("A", 2)]));

        let answer = terminal.ok("rollback", rollback("r1", "d1"));

        assert_eq!(answer["request_id"], "r1");
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
        let entries = terminal.entries_of("r1");
        let changes: Vec<_> =
            entries.iter().map(|entry| (&entry["kind"], &entry["change"])).collect();
        let kind = json!("rollback");
        assert_eq!(changes, [(&kind, &json!(6)), (&kind, &json!(1))]);
    });
}

#[test]
fn rollback_without_lines_gives_back_what_remains() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("deduct", many("d1", &[("A", 4), ("B", 2)]));
        terminal.ok("rollback", partial_rollback("r1", "d1", &[("A", 1)]));
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((7, 0), (8, 0)));

        terminal.ok("rollback", rollback("r2", "d1"));

        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
        terminal.refused("rollback", rollback("r3", "d1"), "exceeds_deduction");
    });
}

#[test]
fn rollbacks_never_exceed_the_deduction_in_all() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("deduct", many("d1", &[("A", 4), ("B", 2)]));
        terminal.ok("rollback", partial_rollback("r1", "d1", &[("A", 3)]));

        for (request_id, lines) in [
            ("r2", &[("A", 2)][..]),
            ("r3", &[("B", 1), ("A", 2)]),
            ("r4", &[("B", 1), ("B", 2)]),
            ("r5", &[("C", 1)]),
        ] {
            let body = partial_rollback(request_id, "d1", lines);
            terminal.refused("rollback", body, "exceeds_deduction");
        }
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((9, 0), (8, 0)));
        terminal.ok("rollback", partial_rollback("r6", "d1", &[("A", 1), ("B", 2)]));
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
    });
}

#[test]
fn rollback_refuses_a_sku_that_was_not_in_the_deduction() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("deduct", one("d1", "A", 4));

        let body = partial_rollback("r1", "d1", &[("B", 1)]);
        terminal.refused("rollback", body, "exceeds_deduction");
    });
}

#[test]
fn only_what_booked_stock_can_be_rolled_back() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.refused("deduct", one("refused", "A", 11), "insufficient_stock");
        terminal.ok("deduct", one("d1", "A", 1));
        terminal.ok("rollback", rollback("rolled", "d1"));
        terminal.ok("reserve", one("reserved", "A", 1));
        terminal.ok("reserve", one("held", "A", 1));
        terminal.ok("release", with(reservation("held"), "request_id", "released"));

        for of in ["never", "refused", "rolled", "reserved", "released"] {
            let body = rollback(&format!("of-{of}"), of);
            terminal.refused("rollback", body, "unknown_request");
        }
        assert_eq!(terminal.figures("A"), (10, 1));
    });
}

#[test]
fn a_restock_is_rolled_back_once_as_far_as_it_is_available() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        let brought = with(many("in", &[("A", 5), ("B", 2)]), "order_id", "po-1");
        terminal.ok("restock", brought);
        terminal.ok("reserve", one("held", "A", 12));

        let refusal = terminal.refused("rollback", rollback("r1", "in"), "insufficient_stock");
        assert_eq!((&refusal["sku"], &refusal["available"]), (&json!("A"), &json!(3)));
        terminal.refused(
            "rollback",
            partial_rollback("r2", "in", &[("B", 3)]),
            "exceeds_deduction",
        );
        terminal.refused(
            "rollback",
            partial_rollback("r3", "in", &[("C", 1)]),
            "exceeds_deduction",
        );
        terminal.ok("release", reservation("held"));
        terminal.ok("rollback", rollback("r4", "in"));

        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
        let entries = terminal.entries_of("r4");
        let entry = |entry: &Value| json!([entry["kind"], entry["change"], entry["order_id"]]);
        let changes: Vec<_> = entries.iter().map(entry).collect();
        assert_eq!(changes, [json!(["rollback", -5, "po-1"]), json!(["rollback", -2, "po-1"])]);
        terminal.refused("rollback", rollback("r5", "in"), "exceeds_deduction");
        terminal.refused(
            "rollback",
            partial_rollback("r6", "in", &[("A", 1)]),
            "exceeds_deduction",
        );
        assert_eq!(terminal.ok("rollback", rollback("r4", "in"))["replayed"], true);
    });
}

#[test]
fn a_count_is_rolled_back_by_what_it_changed() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("count", count("fewer", "A", 4));
        terminal.ok("restock", one("in", "A", 1));
        terminal.ok("rollback", rollback("r1", "fewer"));
        assert_eq!(terminal.figures("A"), (11, 0));
        terminal.ok("count", count("more", "A", 20));
        terminal.ok("deduct", one("d1", "A", 15));
        terminal.refused("rollback", rollback("r2", "more"), "insufficient_stock");
        terminal.ok("restock", one("in2", "A", 4));
        terminal.ok("rollback", rollback("r3", "more"));
        assert_eq!(terminal.figures("A"), (0, 0));
        for (name, of) in [("r4", "fewer"), ("r5", "more")] {
            terminal.refused("rollback", rollback(name, of), "exceeds_deduction");
        }
    });
}

#[test]
fn rollbacks_of_restocks_and_counts_are_remembered_after_a_crash() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("count", count("counted", "A", 12));
    http.ok("count", count("again", "A", 9));
    http.ok("rollback", rollback("r1", "counted"));

    gateway.kill9();
    gateway.launch();

    http.refused("rollback", rollback("r2", "counted"), "exceeds_deduction");
    http.ok("rollback", rollback("r3", "again"));
    assert_eq!(http.figures("A"), (10, 0));
    http.ok("rollback", rollback("r4", "seed"));
    assert_eq!(http.figures("A"), (0, 0));
}

#[test]
fn a_commit_can_be_rolled_back_as_far_as_it_deducted() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        terminal.ok("reserve", many("whole", &[("A", 4)]));
        terminal.ok("commit", reservation("whole"));
        terminal.ok("reserve", many("part", &[("A", 4), ("B", 4)]));
        let part = with(reservation("part"), "request_id", "c");
        terminal.ok("commit", with(part, "lines", to_lines(&[("B", 3)])));
        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((6, 0), (7, 0)));

        for (request_id, lines) in [("r1", &[("A", 1)]), ("r2", &[("B", 4)])] {
            let body = partial_rollback(request_id, "c", lines);
            terminal.refused("rollback", body, "exceeds_deduction");
        }
        terminal.ok("rollback", rollback("r3", "commit:whole"));
        terminal.ok("rollback", rollback("r4", "c"));

        assert_eq!((terminal.figures("A"), terminal.figures("B")), ((10, 0), (10, 0)));
    });
}

#[test]
fn a_commit_under_the_longest_default_id_can_be_rolled_back() {
    let id = "x".repeat(64);
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("reserve", one(&id, "A", 4));
        let committed = terminal.ok("commit", reservation(&id));

        let of = committed["request_id"].as_str().unwrap();
        terminal.ok("rollback", rollback("r1", of));

        assert_eq!(of, format!("commit:{id}"));
        assert_eq!(terminal.figures("A"), (10, 0));
    });
}

#[test]
fn rollbacks_stay_bounded_after_a_crash() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("deduct", one("d1", "A", 5));
    http.ok("rollback", partial_rollback("r1", "d1", &[("A", 3)]));

    gateway.kill9();
    gateway.launch();

    http.refused("rollback", partial_rollback("r2", "d1", &[("A", 3)]), "exceeds_deduction");
    http.ok("rollback", rollback("r3", "d1"));
    assert_eq!(http.figures("A"), (10, 0));
}

#[test]
fn a_rollback_is_recorded_under_its_own_request_and_the_order_it_undoes() {
    let of_order = |body, order: &str| with(body, "order_id", order);
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let mut http = gateway.http();
    http.ok("deduct", of_order(one("d1", "A", 2), "sold"));
    http.ok("deduct", one("d2", "A", 1));
    http.ok("reserve", of_order(one("held", "A", 3), "picked"));
    http.ok("commit", with(reservation("held"), "request_id", "c1"));

    http.ok("rollback", partial_rollback("r1", "d1", &[("A", 1)]));
    http.ok("rollback", rollback("r2", "d2"));
    gateway.kill9();
    gateway.launch();
    http.ok("rollback", rollback("r3", "d1"));
    http.ok("rollback", rollback("r4", "c1"));

    let ledger = http.ledger();
    let (done, undone) = ledger[1..].split_at(4);
    let audited = |entry: &Value| {
        let [kind, request, order] = ["kind", "request_id", "order_id"].map(|field| &entry[field]);
        json!([kind, request, order])
    };
    assert_eq!(
        done.iter().map(audited).collect::<Vec<_>>(),
        [
            json!(["deduct", "d1", "sold"]),
            json!(["deduct", "d2", null]),
            json!(["reserve", "held", "picked"]),
            json!(["commit", "c1", "picked"]),
        ]
    );
    assert_eq!(
        undone.iter().map(audited).collect::<Vec<_>>(),
        [
            json!(["rollback", "r1", "sold"]),
            json!(["rollback", "r2", null]),
            json!(["rollback", "r3", "sold"]),
            json!(["rollback", "r4", "picked"]),
        ]
    );
}

#[test]
fn rollbacks_by_many_at_once_give_back_once() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    gateway.http().ok("deduct", one("d1", "A", 5));

    let outcomes = on_threads(16, |n| {
        let body = partial_rollback(&format!("r{n}"), "d1", &[("A", 2)]);
        gateway.http().call("rollback", body)
    });

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert_eq!(gateway.http().figures("A"), (9, 0));
}

fn partial_rollback(request_id: &str, of: &str, lines: &[(&str, u64)]) -> Value {
    with(rollback(request_id, of), "lines", to_lines(lines))
}
