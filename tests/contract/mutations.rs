//! What deduct, restock and count change, and what they answer.

use serde_json::{Value, json};

use crate::support::bodies::{count, many, one, reservation, rollback, with};
use crate::support::gateway::{Gateway, on_both_ports};
use crate::support::terminal::{Terminal, figures_of, number};

const STOCK_MAX: u64 = (1 << 53) - 1;
const LINE_MAX: u64 = 1_000_000_000;

#[test]
fn restock_creates_an_unknown_sku() {
    on_both_ports(&[("A", 1)], |terminal| {
        terminal.refused("get", json!({"sku": "NEW"}), "unknown_sku");

        terminal.ok("restock", one("r1", "NEW", 7));

        assert_eq!(terminal.figures("NEW"), (7, 0));
    });
}

#[test]
fn restock_is_taken_by_put_and_by_post() {
    let gateway = Gateway::start();
    let mut http = gateway.http();

    let put = http.put("/api/stock/restock", &one("r1", "A", 7));
    let post = http.post("/api/stock/restock", &one("r2", "A", 3));

    assert_eq!((put.status, post.status), (200, 200));
    assert_eq!(http.figures("A"), (10, 0));
}

#[test]
fn deduct_answers_what_is_left() {
    on_both_ports(&[("A", 100)], |terminal| {
        terminal.ok("reserve", one("held", "A", 5));

        let answer = terminal.ok("deduct", one("r1", "A", 6));

        let item = terminal.item("A");
        assert_eq!(
            answer,
            json!({"request_id": "r1", "seq": item["version"], "replayed": false,
                "lines": [{"sku": "A", "quantity": 6, "on_hand": 94, "reserved": 5,
                    "available": 89, "version": item["version"]}]})
        );
        assert_eq!(figures_of(&item), (94, 5));
    });
}

#[test]
fn deduct_takes_the_last_unit_and_no_more() {
    on_both_ports(&[("A", 2)], |terminal| {
        terminal.ok("deduct", one("r1", "A", 2));

        let refusal = terminal.refused("deduct", one("r2", "A", 1), "insufficient_stock");

        assert_shortage(&refusal, "A", 1, 0);
        assert_eq!(terminal.figures("A"), (0, 0));
    });
}

#[test]
fn deduct_refuses_when_any_line_is_short() {
    on_both_ports(&[("A", 10), ("B", 2), ("C", 1)], |terminal| {
        let body = many("r1", &[("A", 5), ("B", 3), ("C", 2)]);

        let refusal = terminal.refused("deduct", body, "insufficient_stock");

        assert_shortage(&refusal, "B", 3, 2);
        assert_eq!(terminal.figures("A"), (10, 0));
        assert_eq!(terminal.entries_of("r1"), [] as [Value; 0]);
    });
}

#[test]
fn deduct_reports_the_first_short_line_in_the_order_of_the_request() {
    on_both_ports(&[("A", 1), ("Z", 1)], |terminal| {
        let body = many("r1", &[("Z", 5), ("A", 5)]);

        let refusal = terminal.refused("deduct", body, "insufficient_stock");

        assert_shortage(&refusal, "Z", 5, 1);
    });
}

#[test]
fn deduct_refuses_as_a_whole_when_one_sku_is_unknown() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.refused("deduct", many("r1", &[("A", 1), ("NOPE", 1)]), "unknown_sku");

        assert_eq!(terminal.figures("A"), (10, 0));
    });
}

#[test]
fn several_lines_are_one_unit_and_write_one_entry_each() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        let answer = terminal.ok("deduct", many("r1", &[("A", 1), ("B", 2)]));

        let entries = terminal.entries_of("r1");
        let changes: Vec<_> =
            entries.iter().map(|entry| (&entry["sku"], &entry["change"])).collect();
        assert_eq!(changes, [(&json!("A"), &json!(-1)), (&json!("B"), &json!(-2))]);
        assert_eq!(answer["seq"], entries[1]["seq"]);
        assert_eq!(number(&entries[1], "seq"), number(&entries[0], "seq") + 1);
    });
}

#[test]
fn lines_of_the_same_sku_count_as_their_sum() {
    on_both_ports(&[("A", 10)], |terminal| {
        let refused = many("r1", &[("A", 6), ("A", 6)]);
        let refusal = terminal.refused("deduct", refused, "insufficient_stock");
        terminal.ok("deduct", many("r2", &[("A", 3), ("A", 4)]));

        assert_shortage(&refusal, "A", 12, 10);
        assert_eq!(terminal.figures("A"), (3, 0));
        let entries = terminal.entries_of("r2");
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["change"], -7);
    });
}

#[test]
fn top_level_sku_and_quantity_are_one_line() {
    on_both_ports(&[("A", 10)], |terminal| {
        for (op, left) in [("deduct", 6), ("restock", 10), ("reserve", 10)] {
            terminal.ok(op, json!({"request_id": op, "sku": "A", "quantity": 4}));

            assert_eq!(terminal.figures("A").0, left, "{op}");
        }
        assert_eq!(terminal.figures("A"), (10, 4));
    });
}

#[test]
fn count_sets_what_is_on_hand() {
    on_both_ports(&[("A", 10)], |terminal| {
        for (request_id, counted, change) in [("c1", 14, 4), ("c2", 0, -14), ("c3", 3, 3)] {
            let answer = terminal.ok("count", count(request_id, "A", counted));

            assert_eq!(answer["lines"][0]["on_hand"], counted);
            assert_eq!(terminal.figures("A"), (counted, 0));
            assert_eq!(terminal.entries_of(request_id)[0]["change"], change);
        }
    });
}

#[test]
fn count_writes_an_entry_even_if_nothing_changes() {
    on_both_ports(&[("A", 10)], |terminal| {
        let before = terminal.item("A");

        let answer = terminal.ok("count", count("c1", "A", 10));

        let entries = terminal.entries_of("c1");
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!((&entries[0]["kind"], &entries[0]["change"]), (&json!("count"), &json!(0)));
        assert_eq!(entries[0]["seq"], answer["seq"]);
        assert!(number(&terminal.item("A"), "version") > number(&before, "version"));
    });
}

#[test]
fn count_refuses_less_than_is_reserved() {
    on_both_ports(&[("A", 10)], |terminal| {
        terminal.ok("reserve", one("held", "A", 4));

        terminal.refused("count", count("c1", "A", 3), "below_reserved");
        terminal.ok("count", count("c2", "A", 4));

        assert_eq!(terminal.figures("A"), (4, 4));
    });
}

#[test]
fn the_version_of_a_sku_is_the_seq_of_its_last_change() {
    on_both_ports(&[("A", 10), ("B", 10)], |terminal| {
        for (op, body) in [
            ("deduct", one("r1", "A", 1)),
            ("restock", one("r2", "A", 1)),
            ("reserve", one("r3", "A", 1)),
            ("release", reservation("r3")),
            ("rollback", rollback("r4", "r1")),
        ] {
            let answer = terminal.ok(op, body);

            assert_eq!(terminal.item("A")["version"], answer["seq"], "{op}");
            assert_eq!(answer["lines"][0]["version"], answer["seq"], "{op}");
        }
        assert!(number(&terminal.item("B"), "version") < number(&terminal.item("A"), "version"));
    });
}

#[test]
fn the_order_id_is_in_the_ledger() {
    on_both_ports(&[("A", 10)], |terminal| {
        for op in ["deduct", "restock", "reserve"] {
            terminal.ok(op, with(one(op, "A", 1), "order_id", "536365"));

            assert_eq!(terminal.entries_of(op)[0]["order_id"], "536365", "{op}");
        }
    });
}

#[test]
fn the_largest_quantities_are_accepted() {
    on_both_ports(&[("A", LINE_MAX)], |terminal| {
        terminal.ok("deduct", one("r1", "A", LINE_MAX));
        assert_eq!(terminal.figures("A"), (0, 0));

        terminal.ok("count", count("r2", "A", STOCK_MAX));
        assert_eq!(terminal.figures("A"), (STOCK_MAX, 0));
    });
}

#[test]
fn stock_never_grows_past_its_maximum() {
    on_both_ports(&[("A", 1)], |terminal| {
        terminal.ok("count", count("r1", "A", STOCK_MAX));

        assert!(terminal.call("restock", one("r2", "A", 1)).is_err());
        terminal.refused("count", count("r3", "A", STOCK_MAX + 1), "bad_request");

        assert_eq!(terminal.figures("A"), (STOCK_MAX, 0));
    });
}

#[test]
fn a_thousand_lines_are_one_mutation() {
    let skus: Vec<String> = (0..1_000).map(|n| format!("S{n:04}")).collect();
    on_both_ports(&[("A", 1)], |terminal| {
        let lines: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 2)).collect();

        terminal.ok("restock", many("r1", &lines));
        let answer = terminal.ok("deduct", many("r2", &lines));

        assert_eq!(answer["lines"].as_array().unwrap().len(), 1_000);
        assert_eq!(terminal.figures("S0999"), (0, 0));
    });
}

#[test]
fn names_may_be_any_utf8_of_up_to_64_bytes() {
    let longest = "é".repeat(32);
    on_both_ports(&[("A", 1)], |terminal| {
        for sku in [longest.as_str(), "a/b", "50% off", "x?y#z", "\"'\\", "a b", "..", "ß+ß", "箱"]
        {
            terminal.ok("restock", with(one(sku, sku, 3), "order_id", sku));

            assert_eq!(terminal.figures(sku), (3, 0), "{sku:?}");
            assert_eq!(terminal.entries_of(sku)[0]["order_id"], sku);
        }
    });
}

#[test]
fn a_reservation_may_have_any_id() {
    on_both_ports(&[("A", 100)], |terminal| {
        for id in ["a/b", "commit", "x/commit", "50%", "箱 1"] {
            terminal.ok("reserve", one(id, "A", 2));
            terminal.ok("commit", reservation(id));

            terminal.refused("release", reservation(id), "reservation_closed");
        }
        assert_eq!(terminal.figures("A"), (90, 0));
    });
}

#[test]
fn an_answered_change_survives_a_crash() {
    let mut gateway = Gateway::stocked(&[("A", 10)]);
    let before = gateway.http().ok("deduct", one("r1", "A", 4));

    gateway.kill9();
    gateway.launch();

    let mut http = gateway.http();
    assert_eq!(http.figures("A"), (6, 0));
    let after = http.ok("deduct", one("r2", "A", 1));
    assert!(number(&after, "seq") > number(&before, "seq"));
    assert_eq!(http.item("A")["version"], after["seq"]);
}

fn assert_shortage(refusal: &Value, sku: &str, requested: u64, available: u64) {
    assert_eq!(refusal["sku"], sku, "{refusal}");
    assert_eq!(refusal["requested"], requested, "{refusal}");
    assert_eq!(refusal["available"], available, "{refusal}");
}
