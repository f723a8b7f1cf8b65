//! Codes of the catalogue, from its publication at the hub to a scan at a gateway.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::pair::Pair;
use crate::support::bodies::one;
use crate::support::patience::until;
use crate::support::terminal::Terminal;
use crate::support::ws::Ws;

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
fn a_subscriber_is_told_what_the_catalogue_changes_of_an_item() {
    let pair = listed();
    pair.gateway.http().ok("restock", one("in", "LAMP", 3));
    let filters =
        [json!({"all": true}), json!({"prefix": "LA"}), json!({"skus": ["LAMP", "LANTERN"]})];
    let mut terminals = filters.map(|filter| {
        let mut ws = pair.gateway.ws();
        let matched = ws.ok("subscribe", filter)["matched"].as_u64().unwrap();
        next_items(&mut ws, matched);
        ws
    });
    // BOX gets another barcode, which no item shows.
    let newer = CATALOGUE.replace("Lamp, white", "Lamp, black").replace("BOX-7", "BOX-8");
    publish(&pair, &format!("{newer}LANTERN,Lantern,\n"));
    for ws in &mut terminals {
        let mut items = next_items(ws, 2);
        items.sort_by_key(|item| item["sku"].to_string());
        let shown =
            |item: &Value| json!([item["sku"], item["name"], item["on_hand"], item["version"]]);
        let shown: Vec<_> = items.iter().map(shown).collect();
        assert_eq!(
            shown,
            [json!(["LAMP", "Lamp, black", 3, 1]), json!(["LANTERN", "Lantern", 0, 0])]
        );
        assert_eq!(ws.next_event("stock", Duration::from_millis(400)), None);
    }
}

/// The items of the next events, until there are so many.
fn next_items(ws: &mut Ws, count: u64) -> Vec<Value> {
    let mut items = Vec::new();
    while (items.len() as u64) < count {
        let event = ws.next_event("stock", Duration::from_secs(20)).expect("they are sent");
        items.extend(event["items"].as_array().unwrap().iter().cloned());
    }
    items
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
            // UPC-E without its check digit, or without its first digit.
            ("012345000065", "JAR"),
            ("0123456", "JAR"),
            ("123456", "JAR"),
            ("https://example.com/01/036000291452", "SOUP"),
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
fn a_carton_that_is_not_listed_is_named_with_its_unit() {
    let pair = listed();
    let carton = json!({"code": "10036000291459"});
    let error = pair.gateway.http().refused("resolve", carton, "unknown_code");
    assert!(error["message"].as_str().unwrap().contains("carton of SOUP"), "{error}");
    assert_eq!(error["gtin"], "10036000291459");
}

#[test]
fn a_barcode_of_the_catalogue_comes_before_a_sku_of_that_text() {
    let pair = listed();
    pair.gateway.http().ok("restock", one("in", "036000291452", 3));
    assert_eq!(pair.gateway.http().ok("resolve", json!({"code": "036000291452"}))["sku"], "SOUP");
}

/// The cases that are shared by all tests of this kind.
#[test]
#[ignore = "needs files that are not part of the project: see shared_cases"]
fn the_shared_cases_are_answered() {
    let pair = Pair::start();
    let catalogue = std::fs::read_to_string(shared_cases().join("codes-catalogue.csv")).unwrap();
    publish(&pair, &catalogue);
    let mut http = pair.gateway.http();
    until("the catalogue is known", || {
        pair.gateway.http().call("resolve", json!({"code": "40-PEN"})).is_ok()
    });
    http.ok("restock", one("phantom", "4007777000123", 1));
    for row in csv::Reader::from_path(shared_cases().join("codes.csv")).unwrap().into_records() {
        let row = row.unwrap();
        let (code, expected) = (row[0].replace("{GS}", "\u{1d}"), &row[1]);
        let answer = http.call("resolve", json!({"code": code}));
        check_case(&code, expected, answer);
    }
}

fn check_case(code: &str, expected: &str, answer: Result<Value, Value>) {
    match answer {
        Ok(found) => {
            for (key, value) in expected.split(' ').map(|each| each.split_once('=').expect(code)) {
                let said = found[key].as_str().map_or(found[key].to_string(), str::to_owned);
                assert_eq!(said, value, "{code:?}: {key} in {found}");
            }
        }
        Err(error) => {
            assert!(expected.contains(error["code"].as_str().unwrap()), "{code:?}: {error}");
            let words = expected.split_once('(').map(|(_, words)| words.trim_end_matches(')'));
            for word in
                words.unwrap_or_default().split([':', ',', ' ']).filter(|word| word.len() > 4)
            {
                let said = error["message"].as_str().unwrap();
                assert!(said.contains(word) || word == "which", "{code:?}: {said}");
            }
        }
    }
}

/// The directory is not part of the project.
fn shared_cases() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let data = std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into());
    let path = PathBuf::from(data).with_file_name("cases");
    assert!(path.exists(), "{} is not there: codes with what they have to mean", path.display());
    path
}

#[test]
fn a_code_that_was_removed_from_the_catalogue_is_unknown() {
    let pair = listed();
    let mut http = pair.gateway.http();

    publish(&pair, &CATALOGUE.replace("036000291452", "5449000000996"));

    let resolves = |code: &str| pair.gateway.http().call("resolve", json!({"code": code})).is_ok();
    until("the new code is known", || resolves("5449000000996"));
    http.refused("resolve", json!({"code": "036000291452"}), "unknown_code");
    http.ok("resolve", json!({"code": "SOUP"}));
}

#[test]
fn a_terminal_reads_all_barcodes_page_by_page_and_sees_when_they_change() {
    let pair = listed();
    let first = pages(&pair);
    let codes: Vec<&str> = first.iter().map(|item| item["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        ["01234565", "036000291452", "14006381333938", "4006381333931", "96385074", "BOX-7"]
    );
    assert_eq!(first[3], json!({"code": "4006381333931", "sku": "LAMP", "content": 1}));
    let change = || pair.gateway.http().ok("status", json!({}))["catalogue"].as_u64().unwrap();
    let before = change();

    publish(&pair, &CATALOGUE.replace("BOX-7", "BOX-8*12"));
    until("the gateway has the change", || change() > before);

    assert_eq!(pages(&pair)[5], json!({"code": "BOX-8", "sku": "BOX", "content": 12}));
}

/// The barcodes at the gateway, two at a time.
fn pages(pair: &Pair) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), Some(String::new()));
    while let Some(cursor) = after {
        let page = pair.gateway.http().get(&format!("/api/barcodes?limit=2&after={cursor}"));
        let page: Value = serde_json::from_str(&page.text).unwrap();
        let listed = page["items"].as_array().unwrap();
        assert!(listed.len() <= 2, "{page}");
        items.extend(listed.iter().cloned());
        after = page["next"].as_str().map(str::to_owned);
    }
    items
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
