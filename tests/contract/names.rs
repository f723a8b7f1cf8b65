//! Names and units in every item, and the search through them.

use std::time::Duration;

use serde_json::{Value, json};
use stockgate::stock::Listing;

use crate::support::bodies::one;
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::terminal::{Port, Terminal};

#[test]
fn name_and_unit_stand_in_every_item_and_are_null_without_a_listing() {
    let mut gateway = Gateway::stocked(&[("A", 5), ("B", 6)]);
    list(
        &mut gateway,
        vec![named("A", "Lamp, white", &["4006381333931"]), measured("C", "m", 2, &[])],
    );
    let expected = [
        ("A", json!("Lamp, white"), Value::Null),
        ("B", Value::Null, Value::Null),
        ("C", json!("C by m"), json!("m")),
    ];
    let check = |item: &Value| {
        let (_, name, unit) = expected.iter().find(|(sku, ..)| item["sku"] == *sku).unwrap();
        assert_eq!((&item["name"], &item["unit"]), (name, unit), "{item}");
        assert!(item.as_object().unwrap().contains_key("name"), "null, not missing: {item}");
    };
    for port in [Port::Http, Port::WebSocket] {
        let mut terminal = gateway.terminal(port);
        for (sku, ..) in &expected {
            check(&terminal.item(sku));
        }
        let items = terminal.every_page("list", json!({}), "items");
        assert_eq!(items.len(), 3);
        items.iter().for_each(check);
        check(&terminal.ok("resolve", json!({"code": "4006381333931"}))["item"]);
    }
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"all": true}));
    let mut seen = 0;
    while seen < 3 {
        let event = ws.next_event("stock", Duration::from_secs(10)).unwrap();
        let items = event["items"].as_array().unwrap();
        items.iter().for_each(check);
        seen += items.len();
    }
    gateway.http().ok("deduct", one("d1", "A", 1));
    check(&ws.next_event("stock", Duration::from_secs(10)).unwrap()["items"][0]);
}

#[test]
fn a_search_finds_every_word_in_sku_name_or_barcode() {
    let mut gateway = Gateway::stocked(&[("HEART-9", 5), ("85123A", 6)]);
    list(
        &mut gateway,
        vec![
            named("85123A", "CREAM HANGING HEART T-LIGHT HOLDER", &["4006381333931"]),
            named("71053", "White metal lantern", &["96385074", "HEART"]),
            named("BRULE", "Crème brûlée, Straße", &[]),
        ],
    );
    for port in [Port::Http, Port::WebSocket] {
        let mut terminal = gateway.terminal(port);
        for (q, expected) in [
            ("heart", &["71053", "85123A", "HEART-9"][..]),
            ("HEART hang", &["85123A"]),
            ("133393 hold", &["85123A"]),
            ("brulee creme", &["BRULE"]),
            ("CRÈME", &["BRULE"]),
            ("strasse", &["BRULE"]),
            ("lantern heart", &["71053"]),
            ("nothing", &[]),
            ("heart-9", &["HEART-9"]),
            ("85123a", &["85123A"]),
            ("4006381333931", &["85123A"]),
            ("  ", &["71053", "85123A", "BRULE", "HEART-9"]),
        ] {
            assert_eq!(skus(&terminal.ok("list", json!({"q": q}))), expected, "{q:?}");
        }
        let prefixed = terminal.ok("list", json!({"q": "heart", "prefix": "8"}));
        assert_eq!(skus(&prefixed), ["85123A"]);
    }
}

#[test]
fn the_sku_or_barcode_itself_comes_first_and_pages_miss_nothing() {
    let mut gateway = Gateway::start();
    let mut listings: Vec<_> = (10..60).map(|n| named(&format!("A{n}"), "Lamp M5", &[])).collect();
    listings.push(named("M5", "Screw", &[]));
    listings.push(named("Z", "Nut", &["m5"]));
    list(&mut gateway, listings);
    for port in [Port::Http, Port::WebSocket] {
        let mut terminal = gateway.terminal(port);
        for limit in [1, 2, 3, 7, 100] {
            let found = terminal.every_page("list", json!({"q": "m5", "limit": limit}), "items");
            let found: Vec<&str> = found.iter().map(|item| item["sku"].as_str().unwrap()).collect();
            assert_eq!(found[..3], ["M5", "Z", "A10"], "{limit}");
            assert_eq!(found.len(), 52, "{limit}: {found:?}");
            assert!(found[2..].is_sorted());
        }
        let first = terminal.ok("list", json!({"q": "m5", "after": "", "limit": 3}));
        assert_eq!(skus(&first), ["M5", "Z", "A10"], "an empty cursor is none");
    }
}

#[test]
fn a_search_follows_the_catalogue() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![named("A", "Lamp", &["CODE"]), named("B", "Lantern", &[])]);
    list(&mut gateway, vec![named("A", "Candle", &[])]);
    let mut http = gateway.http();
    assert_eq!(skus(&http.ok("list", json!({"q": "la"}))), ["B"]);
    assert_eq!(skus(&http.ok("list", json!({"q": "candle"}))), ["A"]);
    assert_eq!(skus(&http.ok("list", json!({"q": "code"}))), [""; 0]);
    assert_eq!(http.item("A")["name"], "Candle");
}

#[test]
fn a_listing_that_is_gone_keeps_no_other_sku_from_being_found() {
    let mut gateway = Gateway::start();
    // As the hub sends it: its decimals are kept, should it come back.
    let gone = Listing { name: Some(String::new()), unit: None, ..measured("KG", "kg", 3, &[]) };
    list(&mut gateway, vec![gone]);
    let mut http = gateway.http();
    http.ok("restock", one("in", "B", 1));
    assert_eq!(skus(&http.ok("list", json!({"q": "b"}))), ["B"]);

    http.ok("restock", one("in-kg", "KG", 1));
    assert_eq!(skus(&http.ok("list", json!({"q": "kg"}))), ["KG"]);
    http.ok("deduct", one("out-kg", "KG", 1));
    http.ok("hide", json!({"request_id": "h", "sku": "KG"}));
    for query in [json!({"q": "kg"}), json!({"q": "k"}), json!({"prefix": "K"})] {
        assert_eq!(skus(&http.ok("list", query.clone())), [""; 0], "{query}");
    }
}

fn skus(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap()).collect()
}
