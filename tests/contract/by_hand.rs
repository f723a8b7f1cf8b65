//! `stockgate deduct`, `restock` and `count`: mutations by hand.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use stockgate::stock::Barcode;

use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal as _;

#[test]
fn a_mutation_is_applied_under_an_id_that_is_printed_and_may_be_repeated() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let first = ask(&gateway.url(), &["deduct", "A", "4", "--reason", "by hand"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    let id = first.stdout.lines().next().unwrap().strip_prefix("request id ").unwrap();
    assert!(first.stdout.contains("A: 6 on hand, 0 reserved, 6 available"), "{first:?}");
    let again =
        ask(&gateway.url(), &["deduct", "A", "4", "--request-id", id, "--reason", "by hand"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains(id) && again.stdout.contains("decided before"), "{again:?}");
    let mut http = gateway.http();
    assert_eq!(http.figures("A"), (6, 0));
    let entries = http.entries_of(id);
    assert_eq!((&entries[0]["kind"], &entries[0]["reason"]), (&json!("deduct"), &json!("by hand")));
    assert_eq!(ask(&gateway.url(), &["restock", "B", "7"]).code, Some(0));
    assert_eq!(ask(&gateway.url(), &["count", "A", "0"]).code, Some(0));
    assert_eq!((http.figures("B"), http.figures("A")), ((7, 0), (0, 0)));
}

#[test]
fn the_result_is_json_and_the_id_on_stderr_if_that_is_asked_for() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![measured("KG", "kg", 3, &[])]);
    let ended = ask(&gateway.url(), &["restock", "KG", "1.25", "--json", "--request-id", "r-1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("request id r-1"), "{ended:?}");
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&result["request_id"], &result["lines"][0]["on_hand"]),
        (&json!("r-1"), &json!(1.25))
    );
    let ended = ask(&gateway.url(), &["count", "KG", "9007199254740.991"]);
    assert!(ended.stdout.contains("KG: 9007199254740.991 on hand"), "{ended:?}");
}

#[test]
fn a_refusal_is_exit_code_1_and_wrong_usage_2() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let refused = ask(&gateway.url(), &["deduct", "A", "11"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("insufficient_stock"), "{refused:?}");
    for quantity in ["x", "1,5", ""] {
        let wrong = ask(&gateway.url(), &["deduct", "A", quantity]);
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
    }
    let fraction = ask(&gateway.url(), &["deduct", "A", "1.5"]);
    assert_eq!(fraction.code, Some(1), "{fraction:?}");
    assert_eq!(gateway.http().figures("A"), (10, 0));
}

/// Booked as it is written, each would be a SKU of its own.
#[test]
fn what_is_no_sku_but_means_one_is_refused_and_names_it() {
    let mut gateway = Gateway::stocked(&[("85123A", 10)]);
    let box_ = Barcode { code: "14006381333938".into(), content: 12 };
    let mut pen = named("PEN", "Pen", &["4006381333931"]);
    pen.barcodes.push(box_);
    list(&mut gateway, vec![pen]);
    let ledger = gateway.http().ledger();
    for (sku, said) in [
        ("4006381333931", "did you mean PEN?"),
        ("(01)04006381333931", "did you mean PEN?"),
        ("14006381333938", "did you mean PEN?"),
        ("4006381333932", "should be 1, but is 2"),
        ("85123a", "did you mean 85123A?"),
        ("85123A ", "did you mean 85123A?"),
        ("85 123A", "did you mean 85123A?"),
        ("85123\u{410}", "did you mean 85123A?"),
        ("B5123A\u{200b}", "nobody sees (\\u{200b})"),
        ("036000291452", "GTIN 00036000291452 is not a barcode in the catalogue"),
    ] {
        for command in ["restock", "deduct", "count"] {
            let ended = ask(&gateway.url(), &[command, sku, "4"]);
            assert_eq!(ended.code, Some(1), "{sku}: {ended:?}");
            assert!(ended.stderr.contains(said), "{sku}: {ended:?}");
            assert!(ended.stderr.contains("nothing was sent; --exact"), "{sku}: {ended:?}");
        }
    }
    assert_eq!(gateway.http().ledger(), ledger);

    let exact = ask(&gateway.url(), &["restock", "85123a", "4", "--exact"]);
    assert_eq!((exact.code, gateway.http().figures("85123a")), (Some(0), (4, 0)), "{exact:?}");
    for (command, sku) in [("deduct", "85123a"), ("restock", "new"), ("restock", "85123A")] {
        let ended = ask(&gateway.url(), &[command, sku, "4"]);
        assert_eq!(ended.code, Some(0), "{sku}: {ended:?}");
    }
}

#[test]
fn a_gateway_that_is_away_has_decided_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in [&["deduct", "A", "4"][..], &["merge", "A", "B"], &["hide", "A"]] {
        let arguments = [command, &["--request-id", "r-3"]].concat();
        let ended = ask(&format!("http://{free}"), &arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("nothing was sent"), "{ended:?}");
        assert!(ended.stdout.contains("request id r-3"), "{ended:?}");
    }
}

#[test]
fn a_token_that_is_missing_is_hinted_at() {
    let tokens = "[[terminals.tokens]]\nname = \"line\"\nrole = \"operator\"\ntoken = \"work-0123456789a\"\n";
    let gateway = Gateway::start_with(tokens);
    let ended = ask(&gateway.url(), &["deduct", "A", "4"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("--token-file"), "{ended:?}");
}

#[test]
fn stock_is_found_by_name_and_barcode() {
    let mut gateway = Gateway::stocked(&[("A", 5), ("B", 5)]);
    list(&mut gateway, vec![named("A", "Lamp, white", &["4006381333931"])]);
    for (text, found) in [("white LAMP", true), ("638133", true), ("lamp black", false)] {
        let table = ask(&gateway.url(), &["stock", "--search", text, "--json"]);
        assert_eq!(table.code, Some(0), "{table:?}");
        assert_eq!(table.stdout.contains(r#""sku":"A""#), found, "{text}: {table:?}");
        assert!(!table.stdout.contains(r#""sku":"B""#), "{text}: {table:?}");
    }
}

/// The connection breaks after the SKU was asked for, and after the request was sent.
#[test]
fn what_is_not_known_to_be_applied_is_exit_code_1_with_the_id_to_repeat() {
    for (passed_on, said) in [(1, "nothing was sent"), (2, "not known whether it was applied")] {
        let ended = cut_after(passed_on);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stdout.contains("request id r-9"), "{ended:?}");
        assert!(ended.stderr.contains("--request-id r-9"), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}

/// A deduction over a connection that breaks instead of passing on more than so many messages.
fn cut_after(passed_on: usize) -> Finished {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let address = gateway.address();
    let cut = thread::spawn(move || {
        let (mut terminal, _) = listener.accept().unwrap();
        let mut server = std::net::TcpStream::connect(address).unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), terminal.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut bytes = [0; 4096];
        // The handshake, and then each request, of which the last does not arrive.
        for _ in 0..passed_on {
            let count = terminal.read(&mut bytes).unwrap();
            std::io::Write::write_all(&mut server, &bytes[..count]).unwrap();
        }
        let _ = terminal.read(&mut bytes);
        let _ = terminal.shutdown(std::net::Shutdown::Both);
    });
    let ended = ask(&url, &["deduct", "A", "4", "--request-id", "r-9"]);
    cut.join().unwrap();
    ended
}

#[test]
fn stock_shows_names_and_decimals() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    list(&mut gateway, vec![named("A", "Lamp, white", &[]), measured("KG", "kg", 3, &[])]);
    gateway.http().ok("restock", json!({"request_id": "in", "sku": "KG", "quantity": 1.25}));
    let table = ask(&gateway.url(), &["stock"]);
    assert!(table.stdout.contains("Lamp, white"), "{table:?}");
    let row = table.stdout.lines().find(|line| line.starts_with("KG")).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        ["KG", "1.25", "1.25", "0", "KG", "by", "kg", "[kg]"]
    );
    let json = ask(&gateway.url(), &["stock", "KG", "--json"]);
    assert!(json.stdout.contains(r#""on_hand":1.25"#), "{json:?}");
    let ledger = ask(&gateway.url(), &["ledger"]);
    assert!(ledger.stdout.contains("+1.25"), "{ledger:?}");
}

fn ask(url: &str, arguments: &[&str]) -> Finished {
    let mut command: Command = stockgate();
    command.args(arguments).args(["--url", url]);
    run_to_end(&mut command)
}
