//! The catalogue at the hub: what becomes of an upload, and what is given back.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, until_confirmed};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

#[test]
fn a_catalogue_that_lacks_many_listings_has_to_be_confirmed() {
    let hub = Hub::start(&Broker::start());
    let rows = |count: usize| -> String { (0..count).map(|n| format!("S{n},x,\n")).collect() };
    let catalogue = |count| format!("sku,name,barcodes\n{}", rows(count));
    assert_eq!(upload(&hub, "", catalogue(20)), published(20, 20, 0));
    assert_eq!(upload(&hub, "", catalogue(20)), published(20, 0, 0), "the same again");
    assert_eq!(upload(&hub, "", catalogue(18)), published(18, 0, 2), "a tenth is not many");

    let would = upload(&hub, "", catalogue(10));
    assert_eq!((&would["code"], &would["status"]), (&json!("would_drop"), &json!(409)), "{would}");
    assert_eq!(would["count"], 8);
    let csv = || hub.http().get("/api/catalogue").text;
    assert_eq!(csv().lines().count(), 1 + 18, "nothing was changed");

    assert_eq!(upload(&hub, "?dry_run=true&replace=all", catalogue(10)), published(10, 0, 8));
    for misspelt in ["?dry_run=yes", "?dry_run=True", "?dry_run", "?dryrun=true", "?dry-run=true"] {
        let refused = upload(&hub, &format!("{misspelt}&replace=all"), catalogue(10));
        assert_eq!(refused["code"], "bad_request", "{misspelt}: {refused}");
    }
    assert_eq!(csv().lines().count(), 1 + 18, "nor by a dry run, however it is spelt");
    assert_eq!(upload(&hub, "?replace=all", catalogue(10)), published(10, 0, 8));
    assert_eq!(csv().lines().count(), 1 + 10);
}

#[test]
fn the_catalogue_is_given_back_as_it_was_published() {
    let hub = Hub::start(&Broker::start());
    let csv = "sku,name,barcodes,unit,decimals\n\
        A,\"Lamp; \"\"white\"\"\",4006381333931 14006381333938*12,,\n\
        APPLE,Apples,bag*2.5,kg,3\n";
    assert_eq!(upload(&hub, "", csv.into()), published(2, 2, 0));
    assert_eq!(hub.http().get("/api/catalogue").text, csv);
    assert_eq!(upload(&hub, "", csv.into()), published(2, 0, 0));
}

#[test]
fn decimals_stay_as_they_are_once_there_are_entries() {
    let pair = Pair::start();
    let kilograms =
        |decimals: u8| format!("sku,name,barcodes,unit,decimals\nKG,Apples,,kg,{decimals}\n");
    upload(&pair.hub, "", kilograms(3));
    assert_eq!(upload(&pair.hub, "", kilograms(2)), published(1, 1, 0), "nothing was booked yet");
    let receipt = json!({"request_id": "in", "sku": "KG", "quantity": 5});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);

    for wrong in [kilograms(3), "sku,name,barcodes\nKG,Apples,\n".into()] {
        let refused = upload(&pair.hub, "?replace=all", wrong);
        assert_eq!(refused["code"], "bad_request", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("line 2"), "{refused}");
    }
    let dropped = upload(&pair.hub, "?replace=all", "sku,name,barcodes\n".into());
    assert!(dropped["message"].as_str().unwrap().contains("SKU KG"), "{dropped}");

    pair.gateway.http().ok("restock", one("r", "LOOSE", 7));
    until_confirmed(&pair.gateway);
    let loose = kilograms(2) + "LOOSE,Loose,,kg,1\n";
    let refused = upload(&pair.hub, "", loose);
    assert!(refused["message"].as_str().unwrap().contains("line 3"), "{refused}");
    assert_eq!(pair.hub.ledger(SITE, ID).len(), 1);
}

/// To the hub a merge and a hide are counts like others.
#[test]
fn a_phantom_sku_is_merged_and_hidden_and_the_books_agree() {
    let pair = Pair::stocked(&[("85123A", 40)]);
    let mut http = pair.gateway.http();
    http.ok("restock", one("typo", "85123B", 3));
    pair.assert_in_step();
    http.ok("merge", json!({"request_id": "m", "from": "85123B", "into": "85123A"}));
    http.ok("hide", json!({"request_id": "h", "sku": "85123B"}));
    pair.assert_in_step();
    let held = |sku: &str| pair.hub.stock(sku)["gateways"][0]["on_hand"].clone();
    assert_eq!((held("85123A"), pair.hub.stock("85123B")["total"].clone()), (json!(43), json!(0)));
    let reasons = pair.hub.ledger(SITE, ID).into_iter().skip(2);
    let reasons: Vec<_> = reasons.map(|entry| entry["reason"].clone()).collect();
    assert_eq!(reasons, ["merge", "merge", "hide"]);

    let skus = || {
        let items = pair.gateway.http().every_page("list", json!({}), "items");
        items.iter().map(|item| item["sku"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(skus(), ["85123A"]);
    upload(&pair.hub, "", "sku,name,barcodes\n85123B,Lamp,\n".into());
    until("the SKU is listed", || skus() == ["85123A", "85123B"]);
    pair.assert_in_step();
}

/// Each file in ../shared/cases/catalogue, with what expected.csv says of it.
#[test]
#[ignore = "needs the files of ../shared/cases"]
fn the_shared_cases_of_catalogues_become_what_is_expected() {
    let directory = shared_cases().join("catalogue");
    let mut expected = csv::Reader::from_path(directory.join("expected.csv")).unwrap();
    for row in expected.records() {
        let row = row.unwrap();
        let (file, expected) = (&row[0], &row[1]);
        let text = std::fs::read_to_string(directory.join(file)).unwrap();
        let pair = Pair::start();
        if expected.contains("would_drop") {
            upload(&pair.hub, "", "sku,name,barcodes\nX,x,\n".into());
        }
        let answer = upload(&pair.hub, "", text.clone());
        let line = expected.split("line ").nth(1).and_then(|rest| rest.split([' ', ':']).next());
        let line: Option<u64> = line.map(|line| line.parse().unwrap());
        let warned = || {
            let warnings = answer["warnings"].as_array().into_iter().flatten();
            warnings.map(|warning| warning["line"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        if expected.starts_with("refused") {
            assert_eq!(answer["code"], "bad_request", "{file}: {answer}");
            let named = format!("line {}", line.unwrap());
            assert!(answer["message"].as_str().unwrap().contains(&named), "{file}: {answer}");
        } else if expected.contains("would_drop") {
            assert_eq!(answer["code"], "would_drop", "{file}: {answer}");
        } else {
            assert!(answer["listings"].as_u64().unwrap() > 0, "{file}: {answer}");
            assert_eq!(line.is_some(), warned().contains(&line.unwrap_or(0)), "{file}: {answer}");
        }
        if expected.contains("changed to 2 after an entry") {
            let receipt = json!({"request_id": "in", "sku": "KG-APPLE", "quantity": 1});
            assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
            let refused = upload(&pair.hub, "", text.replace(",3", ",2"));
            assert!(refused["message"].as_str().unwrap().contains("line 2"), "{file}: {refused}");
        }
    }
}

/// The directory is not part of the project.
fn shared_cases() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let data = std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into());
    let path = PathBuf::from(data).with_file_name("cases");
    assert!(path.exists(), "{} is not there: catalogues with what becomes of them", path.display());
    path
}

fn upload(hub: &Hub, query: &str, csv: String) -> Value {
    let path = format!("/api/catalogue{query}");
    hub.http().send_raw("PUT", &path, csv.as_bytes()).json()
}

fn published(listings: usize, changed: usize, dropped: usize) -> Value {
    json!({"listings": listings, "changed": changed, "dropped": dropped, "warnings": []})
}
