//! Codes of the catalogue, from its publication at the hub to a scan at a gateway.

use std::time::Duration;

use serde_json::json;

use super::pair::Pair;
use crate::support::bodies::one;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

const CATALOGUE: &str = "sku,name,barcodes\n\
    LAMP,\"Lamp, white\",4006381333931 96385074\n\
    SOUP,Soup,036000291452\n\
    BOX,Box of lamps,14006381333938 BOX-7\n\
    JAR,Jar,01234565\n";

#[test]
fn a_subscriber_is_sent_skus_known_only_from_the_catalogue() {
    let pair = listed();
    pair.gateway.http().ok("restock", one("in", "LAMP", 3));
    for (filter, expected) in [
        (json!({"all": true}), &["BOX", "JAR", "SOUP", "LAMP"][..]),
        (json!({"skus": ["JAR", "LAMP", "NONE"]}), &["JAR", "LAMP"]),
    ] {
        let mut ws = pair.gateway.ws();
        let matched = ws.ok("subscribe", filter)["matched"].as_u64().unwrap();
        assert_eq!(matched, expected.len() as u64);
        let mut sent = Vec::new();
        while sent.len() < expected.len() {
            let event = ws.next_event("stock", Duration::from_secs(10)).expect("all are sent");
            sent.extend(event["items"].as_array().unwrap().iter().cloned());
        }
        let skus: Vec<_> = sent.iter().map(|item| item["sku"].as_str().unwrap()).collect();
        assert_eq!(skus, expected);
        assert_eq!((&sent[0]["on_hand"], &sent[0]["version"]), (&json!(0), &json!(0)));
    }
}

#[test]
fn a_scanned_code_is_the_sku_of_the_catalogue() {
    let pair = listed();
    for port in [crate::support::terminal::Port::Http, crate::support::terminal::Port::WebSocket] {
        let mut terminal = pair.gateway.terminal(port);
        for (code, sku) in [
            ("4006381333931", "LAMP"),
            ("]E04006381333931", "LAMP"),
            ("04006381333931", "LAMP"),
            ("96385074", "LAMP"),
            ("036000291452", "SOUP"),
            ("0036000291452", "SOUP"),
            ("]C10100036000291452", "SOUP"),
            ("14006381333938", "BOX"),
            ("BOX-7", "BOX"),
            ("]C0BOX-7", "BOX"),
            ("LAMP", "LAMP"),
            ("01234565", "JAR"),
        ] {
            let found = terminal.ok("resolve", json!({"code": code}));
            assert_eq!((&found["code"], &found["sku"]), (&json!(code), &json!(sku)), "{found}");
            assert_eq!(found["item"], terminal.item(sku));
        }
        let parcel = terminal.ok("resolve", json!({"code": "]C1020400638133393137144"}));
        assert_eq!((&parcel["sku"], &parcel["quantity"]), (&json!("LAMP"), &json!(144)));
    }
}

#[test]
fn a_code_that_was_removed_from_the_catalogue_is_unknown() {
    let pair = listed();
    let mut http = pair.gateway.http();

    publish(&pair, &CATALOGUE.replace("036000291452", "5449000000996"));

    let resolves = |code: &str| pair.gateway.http().call("resolve", json!({"code": code})).is_ok();
    until("the new code is known", || resolves("5449000000996"));
    http.refused("resolve", json!({"code": "036000291452"}), "unknown_sku");
    http.ok("resolve", json!({"code": "SOUP"}));
}

#[test]
fn two_forms_of_one_gtin_resolve_to_one_sku() {
    let pair = Pair::start();
    let twice = "sku,name,barcodes\nA,a,036000291452\nB,b,0036000291452\n";
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", twice.as_bytes());
    let problem = answer.refused("bad_request");
    assert!(problem["message"].as_str().unwrap().contains("line 3"), "{problem}");
}

/// A gateway that has applied the catalogue.
fn listed() -> Pair {
    let pair = Pair::start();
    publish(&pair, CATALOGUE);
    let resolves = || pair.gateway.http().call("resolve", json!({"code": "01234565"})).is_ok();
    until("the catalogue is known", resolves);
    pair
}

fn publish(pair: &Pair, catalogue: &str) {
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", catalogue.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}
