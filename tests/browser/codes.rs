//! Codes: which keys are part of one, and what it resolves to.

use std::time::Duration;

use serde_json::json;

use super::driver::{ENTER, ESCAPE, F4};
use super::page::{ANSWER_ONCE, Page};
use crate::pair::Pair;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

/// A trade item, and a parcel of 12 in which the separator ends the lot.
const GTIN: &str = "04006381333931";
const PARCEL: &str = "020400638133393110Lot-A\u{1d}3712";

#[test]
fn a_scan_goes_to_the_item_whatever_has_the_focus() {
    let gateway = Gateway::stocked(&[("4006381333931", 10), ("22423", 10)]);
    let page = Page::open(&gateway);
    page.scan_item("4006381333931");
    let before = gateway.http().ledger().len();

    for field in ["#quantity", "#threshold", "#confirm", "#less", "#at-once"] {
        page.script("document.querySelector(arguments[0]).focus()", &[json!(field)]);
        let values = "return [document.querySelector('#quantity').value, document.querySelector('#threshold').value]";
        let kept = page.script(values, &[])[1].take();
        page.scan_item("22423");
        assert_eq!(page.script(values, &[]), json!(["1", kept]), "after a scan in {field}");
        page.scan_item("4006381333931");
    }

    assert_eq!(gateway.http().ledger().len(), before, "a scan alone changes nothing");
}

#[test]
fn a_code_is_read_whole_with_any_modifier_keys_of_a_scanner() {
    let gateway = Gateway::stocked(&[("85123A", 10), ("aB-12Cd_9Z", 10), (GTIN, 30)]);
    let page = Page::open(&gateway);

    for (code, sku, button) in [
        ("85123A", "85123A", "Pick 1"),
        ("aB-12Cd_9Z", "aB-12Cd_9Z", "Pick 1"),
        (PARCEL, GTIN, "Pick 12"),
    ] {
        for field in ["item", "quantity", "code", "less"] {
            page.script("document.getElementById(arguments[0]).focus()", &[json!(field)]);
            page.scan(code);
            page.until_item(sku);
            page.until_text("#confirm", button);
            // The next scan must not add to the last one.
            page.press(ESCAPE);
            page.until_text("#sku", "Ready to scan");
        }
    }
    page.scan_with_keys(PARCEL);
    page.until_item(GTIN);
    page.until_text("#confirm", "Pick 12");
}

#[test]
fn a_scan_in_the_field_for_codes_may_end_with_a_tab() {
    let gateway = Gateway::stocked(&[("A-1", 10), (GTIN, 30)]);
    let page = Page::open(&gateway);
    for (code, sku) in [("A-1", "A-1"), (PARCEL, GTIN)] {
        page.script("document.getElementById('code').focus()", &[]);
        page.scan_ended_by("Tab", code);
        page.until_item(sku);
    }
    page.until_text("#confirm", "Pick 12");
}

#[test]
fn a_separator_can_be_typed() {
    let gateway = Gateway::stocked(&[(GTIN, 30)]);
    let page = Page::open(&gateway);
    page.script("document.getElementById('code').focus()", &[]);

    page.type_unseen(PARCEL);

    page.until_item(GTIN);
    page.until_text("#confirm", "Pick 12");
}

#[test]
fn typed_keys_are_not_a_scan_however_late_they_are_handled() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");

    page.type_unseen("12");

    page.until_text("#result", "12 picked · 8 available");
}

#[test]
fn a_second_scan_adds_one_and_a_second_enter_nothing() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);

    page.scan_item("A-1");
    page.scan("A-1");
    page.scan("A-1");
    page.until_text("#confirm", "Pick 3");
    page.type_slowly(&format!("{ENTER}{ENTER}{ENTER}"));

    page.until_newest("done");
    page.until_text("#result", "Scan again, or set a quantity.");
    assert_eq!(gateway.http().figures("A-1"), (17, 0));
    page.scan("A-1");
    page.until_text("#confirm", "Pick 1");
}

#[test]
fn every_scan_deducts_at_once_where_that_is_wanted() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    page.click("#at-once");

    page.scan("A-1");
    page.until_text("#result", "1 picked · 19 available");
    page.reload();
    page.until_connected();
    page.scan("A-1");

    page.until_text("#result", "1 picked · 18 available");
}

#[test]
fn each_of_two_quick_scans_is_deducted_in_their_order() {
    let gateway = Gateway::stocked(&[("036000291452", 20), ("B-2", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("B-2");
    page.click("#at-once");

    // The first code has to be resolved, in another form, and the answer takes its time.
    gateway.signal("STOP");
    page.scan("0036000291452");
    page.scan("B-2");
    gateway.signal("CONT");

    let deducted = || {
        let entries = gateway.http().ledger();
        let deductions = entries.iter().filter(|entry| entry["kind"] == "deduct");
        deductions.map(|entry| entry["sku"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until("both are deducted", || deducted().len() == 2);
    assert_eq!(deducted(), ["036000291452", "B-2"]);
    page.until_item("B-2");
}

#[test]
fn a_quick_scan_that_is_refused_is_shown_again() {
    let gateway = Gateway::stocked(&[("B-2", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("B-2");
    page.click("#at-once");

    gateway.signal("STOP");
    page.scan("UNKNOWN-7");
    page.scan("B-2");
    gateway.signal("CONT");

    page.until_text("#result", "1 picked · 19 available");
    page.until_item("UNKNOWN-7");
    page.until_text("#available", "Unknown code");
}

#[test]
fn an_unknown_code_can_only_be_restocked() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);

    page.scan_item("NEW-7");
    page.until_text("#available", "Unknown code");
    page.press(ENTER);
    assert_eq!(page.text("#operations"), "");
    page.press(F4);
    page.press(ENTER);
    page.until_text("#hint", "NEW-7 is new here");
    assert_eq!(page.text("#operations"), "");
    // A second key at once would be a bounce.
    std::thread::sleep(Duration::from_millis(600));
    page.press(ENTER);

    page.until_text("#result", "1 added");
    page.until_available("1");
}

#[test]
fn a_code_near_to_an_item_cannot_be_restocked() {
    let gateway = Gateway::stocked(&[("85123A", 20)]);
    let page = Page::open(&gateway);

    page.press(F4);
    page.scan_item("85123a");
    page.until_text("#note", "Did you mean 85123A?");
    until("what was meant is offered", || page.text("#found").contains("85123A"));
    page.press(ENTER);

    page.until_text("#result", "Scan an item first.");
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn a_misread_code_cannot_be_restocked() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);

    page.scan_item("4006381333932");
    page.until_text("#note", "misread or is misprinted");
    page.photograph("desktop-misread");
    page.press(F4);
    page.press(ENTER);

    page.until_text("#result", "Scan an item first.");
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn a_code_that_cannot_be_looked_up_now_is_not_called_unknown() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);

    for code in ["overloaded", "storage_unavailable", "unauthorized"] {
        page.script(ANSWER_ONCE, &[json!("resolve"), json!(code)]);
        page.scan_item("NEW-7");
        page.until_text("#note", "the warehouse server cannot be reached now");
    }
    page.scan_item("NEW-7");
    page.until_text("#available", "Unknown code");
}

#[test]
fn a_catalogue_code_resolves_to_its_item_and_quantity() {
    let pair = Pair::stocked(&[("LAMP", 20)]);
    let catalogue = "sku,name,barcodes\nLAMP,Lamp,4006381333931\n";
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", catalogue.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let resolves = || pair.gateway.http().call("resolve", json!({"code": "4006381333931"})).is_ok();
    until("the catalogue is known", resolves);
    let page = Page::open(&pair.gateway);

    page.scan("0104006381333931306");
    page.until_item("LAMP");
    page.until_text("#confirm", "Pick 6");
    page.press(ENTER);

    page.until_text("#result", "6 picked · 14 available");
}
