//! The catalogue at the hub: what becomes of an upload, and what is given back.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::escrow::on_each_store;
use super::pair::{ID, Pair, SITE, until_confirmed};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
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

    pair.gateway.http().ok("restock", one("r", "LOOSE", 7));
    until_confirmed(&pair.gateway);
    let loose = kilograms(2) + "LOOSE,Loose,,kg,1\n";
    let refused = upload(&pair.hub, "", loose);
    assert!(refused["message"].as_str().unwrap().contains("line 3"), "{refused}");
    assert_eq!(pair.hub.ledger(SITE, ID).len(), 1);
}

#[test]
fn a_unit_that_changes_under_stock_is_a_warning() {
    let hub = Hub::start(&Broker::start());
    let counted_in = |unit: &str| format!("sku,name,barcodes,unit\nA,a,,{unit}\nB,b,,{unit}\n");
    assert_eq!(upload(&hub, "", counted_in("pcs")), published(2, 2, 0));
    let receipt = json!({"request_id": "in", "sku": "B", "quantity": 5});
    assert_eq!(hub.http().post("/api/receipts", &receipt).status, 200);
    for query in ["?dry_run=true", ""] {
        let answer = upload(&hub, query, counted_in("kg"));
        let warning = &answer["warnings"][0];
        assert_eq!((&warning["line"], &warning["code"]), (&json!(3), &json!("unit_changed")));
        assert!(warning["message"].as_str().unwrap().contains("SKU B has entries in pcs"));
        assert_eq!(answer["warnings"].as_array().unwrap().len(), 1, "A had none: {answer}");
    }
    assert_eq!(upload(&hub, "", counted_in("kg")), published(2, 0, 0));
}

#[test]
fn a_sku_that_is_dropped_keeps_its_decimals_at_hub_and_gateway() {
    let pair = Pair::start();
    let kilograms = |decimals: u8| {
        format!("sku,name,barcodes,unit,decimals\nA,Lamp,,,\nKG,Apples,,kg,{decimals}\n")
    };
    let without = || "sku,name,barcodes\nA,Lamp,\n".to_owned();
    assert_eq!(upload(&pair.hub, "", kilograms(3)), published(2, 2, 0));
    let receipt = json!({"request_id": "in", "sku": "KG", "quantity": 2.5});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    let restock = |id: &str| json!({"request_id": id, "sku": "KG", "quantity": 0.125});
    until("the gateway knows the SKU", || pair.gateway.http().get("/api/stock/KG").status == 200);
    pair.gateway.http().ok("restock", restock("r"));

    let would = upload(&pair.hub, "", without());
    assert_eq!((&would["code"], &would["count"]), (&json!("would_drop"), &json!(1)), "{would}");
    for query in ["?replace=all&dry_run=true", "?replace=all"] {
        assert_eq!(upload(&pair.hub, query, without()), published(1, 0, 1), "{query}");
    }
    pair.gateway.http().ok("restock", restock("r2"));
    until("both are there", || pair.hub.stock("KG")["total"] == json!(2.75));
    assert_eq!(pair.hub.stock("KG")["unallotted"], json!(2.5));
    let refused = upload(&pair.hub, "", kilograms(2));
    assert!(refused["message"].as_str().unwrap().contains("line 3: SKU KG has entries with 3"));
    assert_eq!(upload(&pair.hub, "", kilograms(3)), published(2, 1, 0), "as it was");

    upload(&pair.hub, "?replace=all", without());
    let fresh = Gateway::named("wh-02", "gw-02", &pair.broker.section());
    until("it knows the rest", || fresh.http().get("/api/stock/A").status == 200);
    until_confirmed(&fresh);
    until("it knows the decimals", || {
        fresh.http().post("/api/stock/restock", &restock("r3")).status == 200
    });
    until("it is there", || pair.hub.stock("KG")["total"] == json!(2.875));
}

#[test]
fn a_policy_keeps_what_it_says_when_its_sku_gets_decimals() {
    on_each_store(|pair| {
        pair.wait_until_met();
        let hub = pair.hub.http();
        let own = format!("/api/policies/KG?site={SITE}&gateway={ID}");
        let policy = json!({"low_water": 10, "target": 20, "max_per_day": 50});
        assert_eq!(hub.put("/api/policies/KG", &policy).status, 200);
        assert_eq!(hub.put(&own, &json!({"low_water": 1, "target": 2})).status, 200);
        let kilograms =
            |decimals: u8| format!("sku,name,barcodes,unit,decimals\nKG,Apples,,kg,{decimals}\n");
        let figures = || {
            let listed = hub.get("/api/policies").json();
            let of =
                |it: &Value| ["low_water", "target", "max_per_day"].map(|name| it[name].clone());
            listed["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        let whole = vec![[json!(10), json!(20), json!(50)], [json!(1), json!(2), json!(null)]];
        for decimals in [3, 1, 0, 6] {
            assert_eq!(upload(&pair.hub, "", kilograms(decimals)), published(1, 1, 0));
            assert_eq!(figures(), whole, "with {decimals} decimals");
        }
        upload(&pair.hub, "?replace=all", "sku,name,barcodes\n".into());
        assert_eq!(figures(), whole, "nor does its policy change when it is dropped");

        assert_eq!(hub.put(&own, &json!({"low_water": 0.5, "target": 2})).status, 200);
        let refused = upload(&pair.hub, "", kilograms(0));
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("line 2: SKU KG has a policy in 6 decimals"), "{refused}");
        assert_eq!(figures()[1], [json!(0.5), json!(2), json!(null)], "nothing was changed");
    });
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

/// The real catalogue is taken whole, and what may be a mistake in it is named by line.
#[test]
#[ignore = "needs the catalogue of real orders in ../shared/data"]
fn the_real_catalogue_is_taken_with_warnings() {
    let path = data().join("online-retail-2010-2011-catalogue.csv.zst");
    let file = std::fs::File::open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).unwrap();
    decoder.read_to_string(&mut text).unwrap();
    let rows = text.strip_prefix("sku,description\n").expect("its two columns");
    // It has no barcodes, and the contract asks for their column.
    let rows: Vec<String> = rows.lines().map(|row| format!(",{row}\n")).collect();
    let catalogue = format!("barcodes,sku,name\n{}", rows.concat());
    let broker = Broker::start();
    let hub = Hub::start(&broker);

    // As one spreadsheet had it: the same SKU once more, with a blank behind it.
    let twin = ",22423 ,REGENCY CAKESTAND 3 TIER\n";
    let answer = upload(&hub, "?dry_run=true", format!("{catalogue}{twin}"));
    let warnings = answer["warnings"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let last = 2 + rows.len();
    assert!(warnings.iter().any(|warning| warning["line"] == last), "{answer}");

    let answer = upload(&hub, "", catalogue);
    assert_eq!(answer["listings"], rows.len(), "{answer}");
    assert!(!answer["warnings"].as_array().unwrap().is_empty(), "SKUs differ in their case only");
}

/// The directory is not part of the project.
fn data() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into()).into()
}

/// The directory is not part of the project.
fn shared_cases() -> PathBuf {
    let path = data().with_file_name("cases");
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
