//! The daily work of an operator.

use super::driver::{Browser, DRAWN, ENTER, ESCAPE, F4, F8, F9, TAB};
use super::page::{NEWEST, Page};
use crate::pair::Pair;
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

#[test]
fn a_scanned_deduction_is_confirmed_by_the_hub() {
    let pair = Pair::stocked(&[("85123A", 100)]);
    let page = Page::open(&pair.gateway);
    page.until_text("#sentence", "Online. Head office has confirmed everything.");

    page.scan_with_keys("85123A");
    page.until_available("100");
    page.press(ENTER);

    page.until_text("#result", "1 picked · 99 available");
    page.until_available("99");
    page.until_newest("confirmed");
    page.until_text(NEWEST, "Confirmed by head office");
    assert_eq!(pair.gateway.http().figures("85123A"), (99, 0));
    pair.assert_in_step();
}

#[test]
fn a_refusal_says_why_and_is_not_tried_again() {
    let gateway = Gateway::stocked(&[("A-1", 2)]);
    let page = Page::open(&gateway);

    page.scan_item("A-1");
    page.type_slowly(&format!("6{ENTER}"));

    page.until_text("#result", "Refused: only 2 available, 6 asked for");
    page.until_text(NEWEST, "Refused: only 2 available, 6 asked for");
    assert_eq!(page.kept(), 0);
    page.reload();
    page.until_connected();
    page.until_newest("refused");
    assert_eq!(gateway.http().figures("A-1"), (2, 0));
}

#[test]
fn every_operation_is_done_with_the_keyboard_alone() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    let mut http = gateway.http();

    // Codes may be typed anywhere; digits after one are a quantity.
    page.type_slowly("A-1");
    assert_eq!(page.focused(), "code");
    page.press(ENTER);
    page.until_item("A-1");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_text("#result", "5 picked · 15 available");

    page.press(F4);
    page.scan_item("A-1");
    page.type_slowly(&format!("12{ENTER}"));
    page.until_text("#result", "12 added · 27 available");

    page.press(F8);
    page.scan_item("A-1");
    page.type_slowly(&format!("7{ENTER}"));
    page.until_text("#result", "7 reserved · 20 available");
    tab_to(&page, "Ship reserved: 7 A-1");
    page.press(ENTER);
    page.until_text("#result", "Reservation shipped");
    until("the reservation is turned into a deduction", || http.figures("A-1") == (20, 0));

    tab_to(&page, "Undo last");
    page.press(ENTER);
    page.until_text("#result", "Undone");
    until("the commit is undone", || http.figures("A-1") == (27, 0));

    page.press(F9);
    page.scan_item("A-1");
    page.type_slowly(&format!("30{ENTER}"));
    page.until_text("#result", "Stock set to 30");
    assert_eq!(http.figures("A-1"), (30, 0));

    page.press(ESCAPE);
    page.until_text("#sku", "Ready to scan");
}

/// Moves the focus until a button with this name has it.
fn tab_to(page: &Page, name: &str) {
    for _ in 0..60 {
        page.press(TAB);
        let focused = "const it = document.activeElement;
            return it.getAttribute('aria-label') ?? it.innerText";
        if page.script(focused, &[]) == name {
            return;
        }
    }
    panic!("no key leads to {name:?}");
}

#[test]
fn a_reservation_is_released_and_a_deduction_is_undone_by_touch() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    let mut http = gateway.http();

    page.type_into("#code", "A-1");
    page.click("#find button");
    page.until_item("A-1");
    page.click("#modes label:nth-of-type(3)");
    page.click("#more");
    page.click("#confirm");
    page.until_text("#result", "2 reserved · 18 available");
    page.press_button("Cancel reservation");
    page.until_text("#result", "Reservation cancelled");
    assert_eq!(http.figures("A-1"), (20, 0));

    page.click("#modes label:nth-of-type(1)");
    page.click("#more");
    page.click("#more");
    page.click("#confirm");
    page.until_text("#result", "2 picked");
    page.press_button("Undo");
    page.until_text("#result", "Undone: 2 × A-1 · 20 available");
    assert_eq!(http.figures("A-1"), (20, 0));
}

#[test]
fn only_the_newest_operation_can_be_undone_as_the_last_one() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    let is_offered = || page.attribute("#undo", "aria-disabled") == "false";

    page.scan_item("A-1");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_text("#result", "5 picked · 15 available");
    until("the deduction can be undone", is_offered);
    page.press(F4);
    page.scan_item("A-1");
    page.type_slowly(&format!("3{ENTER}"));
    page.until_text("#result", "3 added · 18 available");
    until("the goods in can be undone", is_offered);
    page.click("#undo");
    page.until_text("#result", "Undone: 3 × A-1 · 15 available");
    until("an undo cannot be undone", || !is_offered());
    page.click("#undo");

    std::thread::sleep(DRAWN);
    assert_eq!(gateway.http().figures("A-1"), (15, 0), "the deduction before it stands");
}

#[test]
fn a_reservation_of_another_terminal_is_committed_by_its_id() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let mut http = gateway.http();
    http.ok("reserve", one("order-536365", "A-1", 4));
    let page = Page::open(&gateway);

    page.click("#by-number summary");
    page.type_into("#reservation", &format!("order-536365{ENTER}"));

    page.until_text("#result", "Reservation shipped");
    assert_eq!(http.figures("A-1"), (16, 0));
}

#[test]
fn two_pages_see_what_the_other_does() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    let (one, other) = (Page::open(&gateway), Page::open(&gateway));
    one.scan_item("A-1");
    other.scan_item("A-1");

    one.type_slowly(&format!("5{ENTER}"));
    other.until_available("7");
    other.until_text("#low", "A-1");
    other.press(F4);
    other.type_slowly(&format!("30{ENTER}"));

    one.until_available("37");
    until("A-1 is low no more", || !one.text("#low").contains("A-1"));
}

#[test]
fn the_low_stock_list_follows_a_threshold_kept_by_the_terminal() {
    let stock = [("EMPTY", 1), ("LOW", 8), ("SOME", 40), ("MUCH", 400)];
    let gateway = Gateway::stocked(&stock);
    gateway.http().ok("deduct", one("d", "EMPTY", 1));
    let page = Page::open(&gateway);
    let low = |page: &Page| page.text("#low").split_whitespace().collect::<Vec<_>>().join(" ");

    until("two are low", || low(&page) == "EMPTY 0 LOW 8");
    page.type_into("#threshold", "0");
    until("100 are the threshold", || low(&page) == "EMPTY 0 LOW 8 SOME 40");
    page.reload();
    until("the threshold is kept", || low(&page) == "EMPTY 0 LOW 8 SOME 40");
    page.click("#low li:nth-child(3) button");
    page.until_item("SOME");
}

#[test]
fn a_page_under_a_foreign_host_name_says_so() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    let rebound = Browser::start_with("en", &["--host-resolver-rules=MAP rebound.test 127.0.0.1"]);

    let page = Page::of(rebound, &format!("http://rebound.test:{}/", gateway.port()));

    page.until_text("#sentence", "The warehouse server does not serve pages from this address");
}
