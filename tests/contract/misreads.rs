//! Misreads, and codes with more than one quantity: none of them becomes a SKU or a number in the books.

use serde_json::{Value, json};
use stockgate::stock::Barcode;

use crate::support::bodies::one;
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::http::encode;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal as _;

const FORMS: &str = "[barcodes]\nin_store = [\"21iiiiiwwwwwc\", \"22iiiiinnnnnc\"]\n";

fn shop() -> Gateway {
    let mut gateway = Gateway::start_with(FORMS);
    let mut cheese = measured("CHEESE", "kg", 3, &[]);
    cheese.barcodes.push(Barcode { code: "2254321000005".into(), content: 500 });
    let listings = vec![
        named("PEN", "Pen", &["4006381333931"]),
        named("BOOK", "Book", &["9780804429573"]),
        named("JAM", "Jam", &["036000291452"]),
        named("PIE", "Pie", &["2154321000008", "2212345000005"]),
        measured("HAM", "kg", 3, &["94006381333934", "2112345000008"]),
        measured("EGGS", "kg", 3, &["2298765000009"]),
        measured("OIL", "l", 3, &["94006381333927"]),
        cheese,
    ];
    list(&mut gateway, listings);
    gateway.http().ok("restock", one("in", "85123A", 10));
    gateway
}

/// By the command line and by the page no SKU is made of what the gateway refuses as a code, has a form
/// other than text, a number that it may be, or a SKU that was meant.
#[test]
fn no_sku_is_made_of_a_misread_or_of_a_known_form() {
    let gateway = shop();
    let mut http = gateway.http();
    let ledger = http.ledger();
    for (code, said) in [
        ("40063813339314006381333931", "the code is two, "),
        ("4006381333931 4006381333931", "the code is two, "),
        ("85123A85123A", "did you mean 85123A?"),
        ("340063813339300002", "a logistic unit, not an article"),
        ("00340063813339300002", "a logistic unit, not an article"),
        ("4144006381333931", "is not a barcode in the catalogue"),
        ("8018400638133393000007", "is not a barcode in the catalogue"),
        ("080442957X", "did you mean BOOK?"),
        ("316148410X", "may be the number of an article in another form"),
        ("36000291452", "did you mean JAM?"),
        ("42100005264", "may be the number of an article in another form"),
        ("4-006381-333931", "did you mean PEN?"),
        ("400-6381-333931", "did you mean PEN?"),
        ("4-006381-333932", "check digit"),
        ("123456789012345678901", "is not a barcode in the catalogue"),
    ] {
        for command in ["restock", "deduct", "count"] {
            let ended = by_hand(&gateway, command, code);
            assert_eq!(ended.code, Some(1), "{code}: {ended:?}");
            assert!(ended.stderr.contains(said), "{code}: {ended:?}");
            assert!(ended.stderr.contains("nothing was sent; --exact"), "{code}: {ended:?}");
        }
    }
    assert_eq!(http.ledger(), ledger);
    for new in ["12345", "123456", "1234567890", "A-1", "2026-12", "01-RACK-07"] {
        let ended = by_hand(&gateway, "restock", new);
        assert_eq!(ended.code, Some(0), "{new}: {ended:?}");
    }
}

fn by_hand(gateway: &Gateway, command: &str, sku: &str) -> Finished {
    run_to_end(stockgate().args([command, sku, "4", "--url", &gateway.url()]))
}

#[test]
fn a_number_that_a_text_may_be_is_named_beside_it() {
    let gateway = shop();
    let mut http = gateway.http();
    for (code, gtin, sku) in [
        ("42100005264", json!("00042100005264"), Value::Null),
        ("36000291452", Value::Null, json!("JAM")),
        ("1234567890", Value::Null, Value::Null),
    ] {
        let error = http.refused("resolve", json!({"code": code}), "unknown_code");
        assert_eq!((&error["gtin"], &error["sku"]), (&gtin, &sku), "{error}");
        assert_eq!(error["format"], "text");
    }
}

#[test]
fn of_two_quantities_in_a_code_none_is_dropped() {
    let gateway = shop();
    let mut http = gateway.http();
    for (code, said) in [
        // The scale says 1.250 kg.
        ("(01)02112345012506(3103)001300", "1.300 kg is no quantity of SKU HAM"),
        ("(01)02112345012506(30)3", "both a measure and a count of SKU HAM"),
        ("(02)02112345012506(37)3", "both a measure and a count of SKU HAM"),
        ("(01)94006381333934(3103)001250(30)3", "both a measure and a count of SKU HAM"),
        ("(02)94006381333934(3103)001250(37)3", "both a measure and a count of SKU HAM"),
        // The counter says 12.
        ("(01)02212345000128(30)3", "two counts of SKU PIE"),
        ("2298765000030", "a count and no measure of SKU EGGS"),
        ("(01)94006381333927(3103)001250", "1.250 kg is no quantity of SKU OIL"),
        ("(01)94006381333934(3150)000002", "2 l is no quantity of SKU HAM"),
        ("(8006)040063813339310102", "one of several pieces of SKU PEN"),
        ("(8026)040063813339310102(37)4", "one of several pieces of SKU PEN"),
    ] {
        let error = http.refused("resolve", json!({"code": code}), "bad_code");
        assert!(error["message"].as_str().unwrap().contains(said), "{code}: {error}");
    }
    for (code, quantity) in [
        ("(01)02112345012506(3103)001250", json!(1.25)),
        ("(01)02212345000128(30)12", json!(12)),
        ("(01)02154321012506(30)3", json!(3)),
        ("2254321000036", json!(1.5)),
        ("(01)94006381333934(3103)001250(3203)002756", json!(1.25)),
        ("(8006)040063813339310101", json!(1)),
    ] {
        let found = http.ok("resolve", json!({"code": code}));
        assert_eq!(found["quantity"], quantity, "{code}: {found}");
    }
}

#[test]
fn what_a_scanner_sends_after_a_code_is_no_part_of_it() {
    let gateway = shop();
    for suffix in ["\r", "\n", "\r\n", "\t"] {
        for code in ["4006381333931", "]E04006381333931", "PEN", "010400638133393110L"] {
            let path = format!("/api/barcodes/{}", encode(&format!("{code}{suffix}")));
            let found = gateway.http().get(&path).json();
            assert_eq!((&found["sku"], &found["code"]), (&json!("PEN"), &json!(code)), "{found}");
        }
    }
    let mut http = gateway.http();
    for code in ["4006381333931\r\n4006381333931", "PE\tN", "\u{1b}4006381333931"] {
        let error = http.refused("resolve", json!({"code": code}), "bad_code");
        assert!(error["message"].as_str().unwrap().contains("control character"), "{error}");
    }
    http.refused("resolve", json!({"code": "\r\n"}), "bad_request");
}
