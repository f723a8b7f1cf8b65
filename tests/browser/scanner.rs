//! A scan is never anything else, however it comes: slow, paused, with odd keys, inserted, or into
//! a field that is for something else.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::driver::{DRAWN, ENTER, F4, F9};
use super::page::{NEWEST, Page, Stroke};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

const EAN8: &str = "96385074";
const EAN13: &str = "4006381333931";

fn stocked() -> Gateway {
    Gateway::stocked(&[("A-1", 20), (EAN8, 30), (EAN13, 40), ("5123A", 5), ("185123A", 6)])
}

fn mode(page: &Page) -> String {
    page.attribute("#act", "data-mode")
}

/// Longer than the beginning of a code is remembered for its end.
const BETWEEN_CODES: Duration = Duration::from_secs(2);

#[test]
fn a_slow_scanner_enters_no_quantity() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let before = gateway.http().ledger().len();
    for key in [F4, F9] {
        page.press(key);
        page.scan_item("A-1");
        for field in ["sink", "quantity"] {
            page.script("document.getElementById(arguments[0]).focus()", &[json!(field)]);
            page.strokes(&Stroke::each(EAN8, 90));
            page.until_item(EAN8);
            assert_ne!(page.value("#quantity"), EAN8);
            page.scan_item("A-1");
        }
    }
    assert_eq!(gateway.http().ledger().len(), before, "{}", page.text(NEWEST));
}

#[test]
fn a_code_that_a_person_types_as_a_quantity_is_found_instead() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.press(F4);
    page.scan_item("A-1");

    page.script("document.getElementById('quantity').focus()", &[]);
    page.strokes(&Stroke::each(EAN13, 450));

    page.until_item(EAN13);
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn a_pause_within_a_scan_cuts_nothing_off() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.press(F9);
    for pause in [95, 250] {
        page.scan_item("A-1");
        page.strokes(&Stroke::each_with_pause(EAN13, 4, 7, pause));
        page.until_item(EAN13);
        // The tail of this label is an item as well.
        page.strokes(&Stroke::each_with_pause("185123A", 4, 2, pause));
        page.until_item("185123A");
    }
    page.strokes(&Stroke::each_with_pause("9995123A", 4, 3, 700));
    page.until_text("#note", "cut in two");
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn no_key_within_a_scan_changes_the_mode() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    for key in ["F8", "F9", "ArrowUp", "Escape"] {
        page.scan_item("A-1");
        let mut strokes = Stroke::each(&format!("01{:0>14}10LOT", EAN13), 4);
        let end = strokes.pop().unwrap();
        strokes.push(Stroke::key(key, 4));
        strokes.extend(Stroke::each("3712", 4));
        strokes.pop();
        strokes.push(end);
        page.strokes(&strokes);
        sleep(DRAWN);
        assert_eq!(mode(&page), "deduct", "after {key}");
        assert_ne!(page.text("#sku"), "A-1", "after {key}");
    }
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn an_item_is_never_an_order_and_an_order_is_whole() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let into_order = |code: &str| {
        page.script("document.getElementById('order').focus()", &[]);
        page.scan(code);
    };

    into_order("ORDER-536365");
    until("the order is scanned", || page.value("#order") == "ORDER-536365");
    into_order(EAN13);
    page.until_item(EAN13);
    assert_eq!(page.value("#order"), "ORDER-536365");
    page.script(
        "const it = document.getElementById('order'); it.focus(); it.setSelectionRange(3, 3)",
        &[],
    );
    page.scan("ORDER-536366");

    until("the next order takes its place", || page.value("#order") == "ORDER-536366");
}

#[test]
fn an_order_that_is_inserted_takes_the_place_of_another() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.type_into("#order", "536365");
    // The keys come as fast as those of a scanner; what follows at once would be of the same code.
    sleep(BETWEEN_CODES);
    page.script("document.getElementById('order').setSelectionRange(3, 3)", &[]);
    page.insert("536366");

    until("the next order takes its place", || page.value("#order") == "536366");
}

#[test]
fn a_name_from_an_input_method_is_looked_for() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let composed = json!({"text": "遮阳伞", "selectionStart": 3, "selectionEnd": 3});
    page.command("Input.imeSetComposition", &composed);
    page.insert("遮阳伞");

    until("the name is in its field", || page.value("#code") == "遮阳伞");
    sleep(DRAWN);
    assert_eq!(page.attribute("body", "data-alarm"), "", "no failure");
    assert_eq!(page.text("#sku"), "Ready to scan");
}

#[test]
fn a_scanner_that_holds_alt_is_read() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let strokes: Vec<_> = Stroke::each(EAN13, 4).into_iter().map(Stroke::with_alt).collect();

    page.strokes(&strokes);

    page.until_item(EAN13);
}

#[test]
fn inserted_text_is_a_scan_at_any_time() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.insert(EAN13);
    page.until_item(EAN13);
    page.insert("A-1\n");
    page.until_item("A-1");
    page.click("#more");
    page.insert(EAN8);
    page.until_item(EAN8);
    page.click("#modes label:nth-of-type(2)");
    page.insert("185123A");
    page.until_item("185123A");
    page.script("document.getElementById('quantity').focus()", &[]);
    page.insert(EAN13);

    page.until_item(EAN13);
    page.until_text("#confirm", "Add 1");
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn a_wrong_keyboard_layout_and_caps_lock_are_said() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let azerty = ["à", "&", "é", "\"", "'", "(", "-", "è", "_", "ç"];
    let strokes = EAN13.chars().map(|digit| {
        let key = azerty[digit.to_digit(10).unwrap() as usize];
        Stroke::key(key, 4).on(&format!("Digit{digit}"))
    });
    page.strokes(&strokes.chain([Stroke::key("Enter", 4)]).collect::<Vec<_>>());
    page.until_item(EAN13);
    page.until_text("#note", "keyboard layout");

    for (keys, code) in [("a-1", "A-1"), ("new-7", "NEW-7")] {
        let caps = Stroke::each(keys, 4).into_iter().map(Stroke::with_caps_lock);
        page.strokes(&caps.collect::<Vec<_>>());
        page.until_item(code);
        page.until_text("#note", "Caps lock is on.");
    }
}

#[test]
fn a_surprising_quantity_is_asked_for_twice() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.press(F9);
    page.scan_item("A-1");

    page.type_slowly(&format!("4006381{ENTER}"));
    page.until_text("#hint", "4,006,381? That is a lot.");
    assert_eq!(page.text("#operations"), "");
    sleep(Duration::from_millis(600));
    page.press(ENTER);

    page.until_text("#result", "Stock set to 4,006,381");
}

#[test]
fn scans_of_a_count_add_up_and_one_alone_books_nothing() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.press(F9);
    page.scan_item("A-1");
    page.press(ENTER);
    page.until_text("#result", "The count must be 0 or more, in steps of 1.");
    for _ in 0..3 {
        page.scan("A-1");
    }
    page.until_text("#confirm", "Set stock to 4");
    page.press(ENTER);

    page.until_text("#result", "Stock set to 4");
    page.press_button("Undo");
    page.until_text("#result", "A-1 · 20 available");
    assert_eq!(gateway.http().figures("A-1"), (20, 0));
}

#[test]
fn printed_commands_do_the_work_without_a_hand_on_the_screen() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.scan("STOCKGATE MODE IN");
    until("the mode is scanned", || mode(&page) == "restock");
    page.scan_item("A-1");
    page.scan("STOCKGATE QTY 12");
    page.scan("STOCKGATE OK");
    page.until_text("#result", "12 added · 32 available");
    page.scan("STOCKGATE UNDO");
    page.until_text("#result", "A-1 · 20 available");
    page.scan("STOCKGATE CLEAR");

    page.until_text("#sku", "Ready to scan");
}
