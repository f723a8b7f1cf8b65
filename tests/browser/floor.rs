//! The page on the shop floor: small screens, gloves, noise, names, orders, and no gateway.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::driver::{Browser, DRAWN, ENTER, ESCAPE, F4};
use super::page::{NEWEST, Page};
use super::states::{DOCK, SCREENS};
use crate::pair::Pair;
use crate::support::catalogue::{list, measured};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

/// Records the tones that the page makes.
const LISTEN: &str = "
    window.tones = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (at) { window.tones.push(this.frequency.value); start.call(this, at); }";
fn stocked() -> Gateway {
    Gateway::stocked(&[("A-1", 20), ("22423", 3), ("85123A", 1_240)])
}

/// How many barcodes, and items, the browser's database has.
const KEPT_BARCODES: &str = "
    const database = await new Promise((done) => { const asked = indexedDB.open('stockgate'); asked.onsuccess = () => done(asked.result); });
    const pages = await new Promise((done) => { const asked = database.transaction('barcodes').objectStore('barcodes').getAll(); asked.onsuccess = () => done(asked.result); });
    database.close();
    return pages.flat().length";
const KEPT_ITEMS: &str = "
    const database = await new Promise((done) => { const asked = indexedDB.open('stockgate'); asked.onsuccess = () => done(asked.result); });
    const count = await new Promise((done) => { const asked = database.transaction('stock').objectStore('stock').count(); asked.onsuccess = () => done(asked.result); });
    database.close();
    return count";

/// Where the field for the order ends, above what stays at the lower edge.
const ORDER_FITS: &str = "
    const [order, dock] = ['order', 'dock'].map((id) => document.getElementById(id).getBoundingClientRect());
    return order.bottom <= dock.top || order.right <= dock.left";

fn dock(page: &Page) -> Value {
    page.script(DOCK, &[])
}

#[test]
fn quantity_and_confirmation_are_always_in_view_and_stay_where_they_are() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    for (name, width, height) in SCREENS {
        page.resize(width, height, 1, name != "desktop");
        sleep(DRAWN);
        let first = dock(&page);
        assert!(first.as_array().unwrap().iter().all(|place| place[2] == true), "{name}: {first}");
        assert_eq!(page.script(ORDER_FITS, &[]), true, "the order on a {name}");
        for scanned in ["85123A", "22423", "UNKNOWN-1"] {
            page.scan_item(scanned);
            assert_eq!(dock(&page), first, "{scanned} on a {name}");
        }
        page.scan_item("22423");
        page.type_slowly(&format!("9{ENTER}"));
        page.until_text("#result", "Refused");
        assert_eq!(dock(&page), first, "a refusal on a {name}");
        page.photograph(&format!("floor-{name}-refused"));
        page.press(ENTER);
    }
}

#[test]
fn a_finger_enters_the_quantity_on_the_pages_own_pad() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.resize(360, 640, 1, true);
    page.scan_item("A-1");
    page.touch("#quantity");
    until("the pad is there", || page.is_shown("#pad"));
    assert_eq!(page.attribute("#quantity", "inputmode"), "none", "no other pad covers the page");
    for digit in ["1", "2", "3", "back"] {
        page.touch(&format!("#pad [value='{digit}']"));
    }
    page.until_text("#confirm", "Pick 12");
    page.photograph("floor-handheld-pad");
    let small = "return [...document.querySelectorAll('#pad button:not([hidden])')]
        .filter((key) => key.getBoundingClientRect().height < 48).length";
    assert_eq!(page.script(small, &[]), 0);
    page.touch("#confirm");

    page.until_text("#result", "12 picked · 8 available");
    assert!(!page.is_shown("#pad"));
}

#[test]
fn a_finger_enters_parts_of_what_has_decimals() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![measured("APPLE", "kg", 3, &[]), measured("BOX", "pack", 0, &[])]);
    let mut http = gateway.http();
    http.ok("restock", json!({"request_id": "in-1", "sku": "APPLE", "quantity": "5.5"}));
    http.ok("restock", json!({"request_id": "in-2", "sku": "BOX", "quantity": 9}));
    let page = Page::of(Browser::speaking("pl"), &gateway.url());
    page.until_connected();
    page.resize(360, 640, 1, true);
    page.scan_item("BOX");
    page.touch("#quantity");
    until("the pad is there", || page.is_shown("#pad"));
    assert!(!page.is_shown("#point"), "a pack has no parts");
    page.scan_item("APPLE");
    until("there is a key for the separator", || page.is_shown("#point"));
    for key in ["1", ",", "2", "5"] {
        page.touch(&format!("#pad [value='{key}']"));
    }
    page.photograph("floor-handheld-pad-parts");
    let wrong = "return [...document.querySelectorAll('#pad button')]
        .map((key) => [key.value, key.getBoundingClientRect(), key.scrollWidth - key.clientWidth])
        .filter(([, box, over]) => box.height < 48 || box.width < 48 || over > 1)
        .map(([name, box]) => `${name} ${box.width}x${box.height}`)";
    assert_eq!(page.script(wrong, &[]), json!([]), "too small for a glove or for its word");
    page.touch("#confirm");

    page.until_newest("done");
    assert_eq!(http.item("APPLE")["available"], json!(4.25));
}

#[test]
fn what_matters_is_large_enough_for_two_metres() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let size = |css: &str| {
        let text =
            "return parseFloat(getComputedStyle(document.querySelector(arguments[0])).fontSize)";
        page.script(text, &[json!(css)]).as_f64().unwrap()
    };
    for (name, width, height) in SCREENS {
        page.resize(width, height, 1, name != "desktop");
        page.scan_item("A-1");
        sleep(DRAWN);
        assert!(size("#available strong") >= 56.0, "{name}: {}", size("#available strong"));
        assert!(size("#name") >= 20.0 && size("#sku") >= 18.0, "{name}");
        assert!(size("#result") >= 17.0, "{name}");
    }
}

#[test]
fn outcomes_have_two_tones_and_a_failure_stays_until_it_is_acknowledged() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.script(LISTEN, &[]);
    let tones = || page.script("return window.tones.splice(0)", &[]);
    let alarm = || page.attribute("body", "data-alarm");

    page.scan_item("22423");
    page.press(ENTER);
    page.until_text("#result", "1 picked");
    assert_eq!(alarm(), "good");
    let good = tones();
    until("the colour goes by itself", || alarm().is_empty());
    page.scan_item("22423");
    tones();
    page.type_slowly(&format!("9{ENTER}"));
    page.until_text("#result", "Refused");
    let bad = tones();
    sleep(Duration::from_millis(1_500));
    assert_eq!(alarm(), "bad");
    page.press(ENTER);

    until("a key acknowledges it", || alarm().is_empty());
    let highest = |tones: &Value| {
        tones.as_array().unwrap().iter().map(|tone| tone.as_f64().unwrap()).fold(0.0, f64::max)
    };
    assert!(highest(&good) > 2.0 * highest(&bad) && highest(&bad) > 0.0, "{good} {bad}");
    page.click("#sound");
    page.reload();
    page.until_connected();
    assert_eq!(page.attribute("#sound", "aria-pressed"), "false", "it is kept");
    page.script(LISTEN, &[]);
    page.scan_item("UNKNOWN-1");
    assert_eq!(tones(), json!([]));
    until("it is still seen", || alarm() == "bad");
    page.scan_item("A-1");
    until("a scan acknowledges it", || alarm().is_empty());
}

#[test]
fn names_are_shown_and_found_by_a_part_of_them() {
    let pair = Pair::stocked(&[("A-1", 20), ("22423", 3), ("85123A", 1_240)]);
    let catalogue = "sku,name,barcodes\n85123A,\"Garden PARASOL, crème\",4006381333931\n\
         22423,Beach parasol,\n";
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", catalogue.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let named = || {
        let item = pair.gateway.http().call("get", json!({"sku": "22423"}));
        item.is_ok_and(|item| item["name"] == "Beach parasol")
    };
    until("the catalogue is known", named);
    let page = Page::open(&pair.gateway);
    page.until_text("#low", "Beach parasol");

    page.type_slowly("parasol");
    until("both are found", || page.text("#found").contains("Beach parasol"));
    page.photograph("floor-search");
    page.type_slowly(&format!(" creme{ENTER}"));
    page.until_item("85123A");
    page.until_text("#name", "Garden PARASOL, crème");
    page.press(ENTER);
    page.until_text(NEWEST, "Garden PARASOL");
    page.photograph("floor-name");
    page.type_slowly("400638133");
    until("a part of a barcode finds it", || page.text("#found").contains("85123A"));
    page.press(ESCAPE);
    page.type_slowly(&format!("umbrella{ENTER}"));
    page.until_text("#note", "Nothing found.");
    page.press(F4);
    page.press(ENTER);

    page.until_text("#result", "Scan an item first.");
    let restocked = pair.gateway.http().ledger();
    assert!(restocked.iter().all(|entry| entry["sku"] != "umbrella"), "nothing is created for it");
}

#[test]
fn words_that_find_several_items_are_a_choice() {
    let gateway = Gateway::stocked(&[("PARASOL-RED", 4), ("PARASOL-BLUE", 5)]);
    let page = Page::open(&gateway);
    page.until_text("#low", "PARASOL-RED");
    page.type_slowly(&format!("parasol{ENTER}"));
    page.until_text("#result", "Choose an item.");
    assert_ne!(page.attribute("body", "data-alarm"), "bad");
    let first = page.text("#found .subject");
    // What the gateway finds in addition takes the focus from nobody.
    sleep(Duration::from_millis(700));
    page.press(ENTER);

    page.until_item(&first);
}

#[test]
fn a_refusal_in_a_queue_stays_in_sight() {
    let mut gateway = stocked();
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    page.scan_item("22423");
    gateway.kill9();
    page.until_link(&["lost"]);
    page.type_slowly(&format!("9{ENTER}"));
    page.scan("A-1");
    page.type_slowly(&format!("2{ENTER}"));
    page.until_text("#sentence", "2 wait");
    gateway.launch();

    page.until_newest("done");
    page.until_text("#result", "Refused: only 3 available, 9 asked for");
    assert_eq!(page.attribute("body", "data-alarm"), "bad");
}

#[test]
fn an_order_is_picked_by_its_list_and_booked_as_one() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.scan("STOCKGATE LIST 536365 A-1*2 22423*2");
    page.until_text("#lines", "0 / 2");
    page.scan_item("A-1");
    page.scan("A-1");
    page.scan("A-1");
    page.until_text("#order-note", "A-1: more than was ordered.");
    page.scan("85123A");
    page.until_text("#order-note", "85123A is not in this order");
    page.scan("22423");
    page.reload();
    page.until_connected();
    page.until_text("#lines", "1 / 2");
    page.photograph("floor-order");
    page.press(ENTER);
    page.until_text("#result", "Choose why an item is short.");
    let choose = "const why = document.querySelector('#lines li:nth-child(2) select');
        why.value = 'damaged'; why.dispatchEvent(new Event('change', { bubbles: true }))";
    page.script(choose, &[]);
    page.until_text("#confirm", "Book order 536365: 1 of 2");
    page.click("#confirm");

    page.until_text("#result", "Order 536365: 2 items booked");
    let entries = gateway.http().entries_of(&page.newest_id());
    assert_eq!(entries.len(), 2, "one request");
    for entry in &entries {
        assert_eq!(entry["order_id"], "536365");
        assert_eq!(entry["reason"], "short 22423 1/2: damaged");
    }
}

#[test]
fn an_order_whose_booking_is_refused_is_picked_on() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.scan("STOCKGATE LIST 536365 22423*4");
    page.until_text("#lines", "0 / 4");
    page.scan_item("22423");
    for _ in 0..3 {
        page.scan("22423");
    }
    page.until_text("#lines", "4 / 4");
    page.click("#confirm");
    page.until_text("#result", "only 3 available, 4 asked for");
    page.until_text("#lines", "4 / 4");
    page.click("#lines button");
    page.until_text("#lines", "3 / 4");
    let choose = "const why = document.querySelector('#lines select');
        why.value = 'missing'; why.dispatchEvent(new Event('change', { bubbles: true }))";
    page.script(choose, &[]);
    page.click("#confirm");

    page.until_text("#result", "3 picked · 0 available");
    let entries = gateway.http().entries_of(&page.newest_id());
    assert_eq!(entries[0]["reason"], "short 22423 3/4: missing");
    until("the order is over", || page.text("#lines").is_empty());
}

#[test]
fn a_finger_says_what_is_picked_of_a_line_and_only_the_button_books() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.resize(360, 640, 1, true);
    page.scan("STOCKGATE LIST 536365 A-1*12 22423*2");
    page.scan_item("A-1");
    page.touch("#quantity");
    until("the pad is there", || page.is_shown("#pad"));
    for key in ["1", "2", "close"] {
        page.touch(&format!("#pad [value='{key}']"));
    }
    page.until_text("#lines", "12 / 12");
    page.photograph("floor-handheld-order");
    // A list of reasons that has the focus takes no scan.
    page.script("document.querySelector('#lines li:nth-child(2) select').focus()", &[]);
    page.scan_item("22423");
    page.until_text("#lines", "1 / 2");
    page.type_slowly(&format!("2{ENTER}"));
    page.until_text("#lines", "2 / 2");
    page.press(ENTER);
    page.until_text("#result", "Press the button to book the order.");
    assert_eq!(page.text("#operations"), "");
    page.touch("#confirm");

    page.until_text("#result", "Order 536365: 2 items booked");
    assert_eq!(gateway.http().figures("A-1"), (8, 0));
}

#[test]
fn each_lot_of_an_order_is_an_entry_of_its_own() {
    let gateway = Gateway::stocked(&[("04006381333931", 30)]);
    let page = Page::open(&gateway);
    page.scan("STOCKGATE LIST 536365 04006381333931*3");
    for (code, picked) in [("LOT-7", "1 / 3"), ("LOT-8", "2 / 3"), ("LOT-7", "3 / 3")] {
        page.scan(&format!("010400638133393110{code}"));
        page.until_text("#lines", picked);
    }
    page.click("#confirm");

    page.until_text("#result", "Order 536365: 1 item booked");
    let entries = gateway.http().entries_of(&page.newest_id());
    let mut lots: Vec<_> = entries
        .iter()
        .map(|entry| (entry["lot"].as_str().unwrap(), entry["change"].as_i64().unwrap()))
        .collect();
    lots.sort_unstable();
    assert_eq!(lots, [("LOT-7", -2), ("LOT-8", -1)]);
}

#[test]
fn reservations_are_shipped_in_parts_extended_and_cancelled_from_any_terminal() {
    let gateway = stocked();
    let mut http = gateway.http();
    http.ok("reserve", json!({"request_id": "r-1", "order_id": "9", "sku": "A-1", "quantity": 5}));
    let page = Page::open(&gateway);
    page.click("#by-number summary");
    page.until_text("#reserved-list", "5 × A-1");
    page.scan_item("A-1");
    page.scan("A-1");
    page.until_text("#reserved-list", "Ship 2 × A-1");
    page.click("#reserved-list [value=part]");
    page.until_text("#result", "2 shipped, the rest stays reserved");
    until("the rest stays", || http.figures("A-1") == (18, 3));
    page.until_text("#reserved-list", "3 × A-1");
    page.click("#reserved-list [value=extend]");
    page.until_text("#result", "Reservation extended");
    page.click("#reserved-list [value=release]");

    page.until_text("#no-reservations", "None are open.");
    assert_eq!(http.figures("A-1"), (18, 0));
}

#[test]
fn a_reservation_that_expires_says_so_by_itself() {
    let gateway = Gateway::stocked_with("[stock]\nreservation_ttl_s = 1\n", &[("A-1", 20)]);
    let page = Page::open(&gateway);
    page.click("#modes label:nth-of-type(3)");
    page.scan_item("A-1");
    page.press(ENTER);
    page.until_text("#result", "1 reserved");

    page.until_text(NEWEST, "expired");
}

#[test]
fn a_write_off_has_a_reason() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.click("#modes label:nth-of-type(5)");
    page.scan_item("A-1");
    page.press(ENTER);
    page.until_text("#result", "Choose a reason");
    page.script(
        "const it = document.getElementById('reason'); it.value = 'expired'; it.dispatchEvent(new Event('change'))",
        &[],
    );
    page.press(ENTER);

    page.until_text("#result", "1 written off · 19 available");
    let entries = gateway.http().entries_of(&page.newest_id());
    assert_eq!(entries[0]["reason"], "expired");
}

#[test]
fn lot_serial_and_expiry_of_a_label_are_shown_and_booked() {
    let gateway = Gateway::stocked(&[("04006381333931", 30)]);
    let page = Page::open(&gateway);
    page.scan("01040063813339311727013110LOT-7\u{1d}21S-9");
    page.until_text("#trace", "Lot LOT-7 · Serial S-9 · Expires Jan 31, 2027");
    page.press(ENTER);

    page.until_newest("done");
    page.until_text(NEWEST, "Lot LOT-7");
    let entries = gateway.http().entries_of(&page.newest_id());
    let trace = ["lot", "serial", "expires"].map(|key| entries[0][key].clone());
    assert_eq!(json!(trace), json!(["LOT-7", "S-9", "2027-01-31"]));
}

#[test]
fn a_page_that_is_opened_without_its_gateway_has_its_queue_and_its_stock() {
    let mut gateway = stocked();
    let page = Page::open(&gateway);
    page.promise("await navigator.serviceWorker.ready; return true", &[]);
    // The first visit was not served by the worker yet.
    page.reload();
    page.until_connected();
    page.until_text("#low", "22423");
    page.script("dispatchEvent(new Event('pagehide'))", &[]);
    gateway.kill9();
    page.until_link(&["lost"]);
    page.scan_item("A-1");
    page.type_slowly(&format!("6{ENTER}"));
    page.until_newest("waiting");

    page.reload();
    page.until_link(&["lost"]);
    page.until_newest("waiting");
    page.scan_item("A-1");
    page.until_text("#available", "20, waiting −6, as of");
    assert_eq!(page.attribute("#item", "data-stale"), "yes");
    page.photograph("floor-offline");
    gateway.launch();

    page.until_newest("done");
    page.until_available("14");
}

#[test]
fn codes_that_were_never_scanned_are_read_without_a_gateway() {
    let mut pair = Pair::stocked(&[("LAMP", 20), ("SOUP", 30)]);
    let catalogue = "sku,name,barcodes\nLAMP,Lamp,4006381333931\nSOUP,Soup,036000291452*12\n";
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", catalogue.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = Page::open(&pair.gateway);
    page.until_text("#low-note", "Nothing is low.");
    until("the barcodes are kept", || page.promise(KEPT_BARCODES, &[]) == 2);
    page.promise("await navigator.serviceWorker.ready; return true", &[]);
    page.reload();
    page.until_connected();
    page.script("dispatchEvent(new Event('pagehide'))", &[]);
    until("the stock is kept", || page.promise(KEPT_ITEMS, &[]) == 2);
    pair.gateway.kill9();
    page.until_link(&["lost"]);
    page.reload();
    page.until_link(&["lost"]);

    for (code, name, button) in [
        ("4006381333931", "Lamp", "Pick 1"),
        ("0036000291452", "Soup", "Pick 12"),
        ("01040063813339311727013110LOT-7\u{1d}302", "Lamp", "Pick 2"),
    ] {
        page.scan(code);
        page.until_text("#name", name);
        page.until_text("#confirm", button);
        page.press(ESCAPE);
    }
    page.scan("01040063813339311727013110LOT-7\u{1d}302");
    page.until_text("#trace", "Lot LOT-7 · Expires Jan 31, 2027");
    page.press(ENTER);
    page.until_newest("waiting");
    page.scan("4006381333932");
    page.until_text("#note", "cannot be reached now");
    page.photograph("floor-offline-barcode");
    pair.gateway.launch();

    page.until_newest("confirmed");
    let entries = pair.gateway.http().entries_of(&page.newest_id());
    assert_eq!((&entries[0]["sku"], &entries[0]["lot"]), (&json!("LAMP"), &json!("LOT-7")));
}

#[test]
fn the_reasons_are_those_of_the_configuration() {
    let gateway = Gateway::stocked_with(
        "reasons = [\"damaged\", \"Fell off the fork-lift\"]\n",
        &[("A-1", 20)],
    );
    let page = Page::open(&gateway);
    page.click("#modes label:nth-of-type(5)");
    until("they are offered", || {
        page.text("#reason").lines().eq(["Choose a reason", "Damaged", "Fell off the fork-lift"])
    });
}

#[test]
fn a_link_opens_the_item_that_it_names() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::of(Browser::start(), &format!("{}/?code=A-1", gateway.url()));
    page.until_item("A-1");
    page.until_available("20");
    assert_eq!(page.text("#operations"), "", "it books nothing");
}

#[test]
fn the_hub_shows_people_its_gateways_stock_and_balance() {
    let pair = Pair::stocked(&[("A-1", 20)]);
    let page = Page::of(Browser::start(), &format!("{}/", pair.hub.url()));
    page.until_text("#balance", "Yes, to the unit.");
    page.until_text("#gateways", "online");
    page.until_text("#stock", "20");
    page.photograph("hub");
}
