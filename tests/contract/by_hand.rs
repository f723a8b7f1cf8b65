//! `stockgate deduct`, `restock` and `count`: mutations by hand.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

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

/// The connection breaks after the request was sent.
#[test]
fn what_is_not_known_to_be_applied_is_exit_code_3_with_the_id_to_repeat() {
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
        // The handshake, and then the request, which does not arrive.
        let count = terminal.read(&mut bytes).unwrap();
        std::io::Write::write_all(&mut server, &bytes[..count]).unwrap();
        let _ = terminal.read(&mut bytes);
        let _ = terminal.shutdown(std::net::Shutdown::Both);
    });
    let ended = ask(&url, &["deduct", "A", "4", "--request-id", "r-9"]);
    cut.join().unwrap();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("request id r-9"), "{ended:?}");
    assert!(ended.stderr.contains("--request-id r-9"), "{ended:?}");
}

#[test]
fn stock_and_watch_show_names_and_decimals() {
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
