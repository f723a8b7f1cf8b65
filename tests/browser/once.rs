//! Nothing is deducted twice and nothing is lost, whatever happens to page and gateway.

use serde_json::json;

use super::driver::ENTER;
use super::page::{ANSWER_ONCE, NEWEST, Page};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

/// The words of the page take their time, as on a slow terminal.
const SLOW_WORDS: &str = "
    const load = window.fetch;
    window.fetch = async (...asked) => {
        if (String(asked[0]).endsWith('.json')) await new Promise((resolve) => setTimeout(resolve, 3_000));
        return load(...asked);
    }";

#[test]
fn a_reload_before_the_answer_deducts_once() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");

    // The request is sent, and the page closes before it is answered.
    gateway.signal("STOP");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("sent");
    let id = page.newest_id();
    page.go("about:blank");
    gateway.signal("CONT");
    until("the request is decided", || !gateway.http().entries_of(&id).is_empty());
    page.go(&gateway.url());

    page.until_newest("done");
    assert_eq!(page.newest_id(), id, "sent again under its id");
    assert_eq!(page.history()[0]["result"]["replayed"], true);
    assert_eq!(page.kept(), 0);
    assert_eq!(gateway.http().figures("A-1"), (7, 0));
    assert_eq!(gateway.http().entries_of(&id).len(), 1);
}

#[test]
fn an_unavailable_gateway_is_asked_again_with_the_same_request_id() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    for (code, words) in [("overloaded", "busy"), ("storage_unavailable", "cannot save")] {
        let page = Page::open(&gateway);
        page.script(ANSWER_ONCE, &[json!("deduct"), json!(code)]);
        page.scan_item("A-1");
        page.press(ENTER);

        page.until_text("#result", words);
        page.until_newest("done");
        let id = page.newest_id();
        assert_eq!(page.script("return window.asked", &[]), json!([id, id]), "{code}");
    }
    assert_eq!(gateway.http().figures("A-1"), (10, 0));
}

#[test]
fn entries_made_without_a_gateway_wait_for_it() {
    let mut gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");

    gateway.kill9();
    page.until_link(&["lost"]);
    page.until_text("#sentence", "No connection to the warehouse server for");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("waiting");
    page.scan("A-1");
    page.type_slowly(&format!("2{ENTER}"));
    page.until_text("#sentence", "2 wait here and will be sent.");
    page.scan("A-1");
    page.type_slowly(&format!("3{ENTER}"));
    page.until_text("#sentence", "3 wait");
    page.until_text(NEWEST, "Waits on this terminal");
    page.press_button("Discard");
    page.until_text("#sentence", "2 wait");
    gateway.launch();

    page.until_connected();
    page.until_newest("done");
    until("nothing is kept any more", || page.kept() == 0);
    assert_eq!(gateway.http().figures("A-1"), (5, 0));
    page.until_available("5");
}

#[test]
fn what_is_entered_right_after_a_reload_without_a_gateway_is_booked_and_undone_as_itself() {
    let mut gateway = Gateway::stocked(&[("A-1", 20), ("A-2", 20), ("A-3", 20)]);
    let page = Page::open(&gateway);
    page.promise("await navigator.serviceWorker.ready; return true", &[]);
    // The first visit was not served by the worker yet.
    page.reload();
    page.until_connected();
    page.until_text("#low-note", "Nothing is low.");
    gateway.kill9();
    page.until_link(&["lost"]);
    page.scan("A-1");
    page.scan("STOCKGATE OK");
    until("it is kept", || page.kept() == 1);

    page.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": SLOW_WORDS}));
    page.reload();
    // The words need not be there yet.
    page.scan("A-3");
    page.scan("STOCKGATE OK");
    until("both are kept", || page.kept() == 2);
    page.until_link(&["lost"]);
    page.scan("STOCKGATE UNDO");
    page.until_text("#result", "Undone: −1 A-3");
    page.scan("A-3");
    page.scan("STOCKGATE OK");
    until("both are kept again", || page.kept() == 2);
    page.reload();
    gateway.launch();

    page.until_connected();
    until("nothing is kept any more", || page.kept() == 0);
    let figures = ["A-1", "A-2", "A-3"].map(|sku| gateway.http().figures(sku).0);
    assert_eq!(figures, [19, 20, 19]);
}

#[test]
fn a_quantity_that_was_typed_before_a_reload_is_said() {
    let gateway = Gateway::stocked(&[("A-1", 20), ("B-2", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    page.type_slowly("5");
    page.until_text("#confirm", "Pick 5");
    page.reload();
    page.until_connected();
    page.until_text("#result", "5 × A-1 not booked.");

    page.scan_item("A-1");
    page.type_slowly("6");
    page.until_text("#confirm", "Pick 6");
    // So short a code right after a digit would be one with it.
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.scan_item("B-2");
    page.until_text("#result", "6 × A-1 not booked.");
    assert_eq!(page.attribute("body", "data-alarm"), "bad");
    assert_eq!(page.text("#operations"), "");
}

#[test]
fn a_request_discarded_in_another_window_is_not_sent() {
    let mut gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    gateway.kill9();
    page.until_link(&["lost"]);
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("waiting");
    page.scan("A-1");
    page.type_slowly(&format!("2{ENTER}"));
    until("both are kept", || page.kept() == 2);

    // All windows share the stored requests; discarding one removes it.
    let discard = "const [kept] = Object.keys(localStorage)
        .filter((key) => localStorage[key].includes('\"quantity\":5'));
        localStorage.removeItem(kept)";
    page.script(discard, &[]);
    gateway.launch();

    page.until_newest("done");
    until("nothing is kept any more", || page.kept() == 0);
    assert_eq!(gateway.http().figures("A-1"), (10, 0));
    assert!(!page.text("#operations").contains("−5"), "{}", page.text("#operations"));
}

#[test]
fn a_terminal_that_was_asleep_catches_up() {
    let mut gateway = Gateway::stocked(&[("A-1", 12), ("B-2", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    page.script(
        "window.since = [];
         const send = WebSocket.prototype.send;
         WebSocket.prototype.send = function (text) {
            const message = JSON.parse(text);
            if (message.op === 'subscribe') window.since.push(message.since);
            send.call(this, text);
         }",
        &[],
    );

    gateway.restart();
    gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A-1", "quantity": 4}));

    page.until_available("8");
    assert_eq!(page.script("return window.since", &[]), json!([2]), "only what is new is sent");
}

#[test]
fn a_page_that_was_frozen_sends_what_it_has_once_and_catches_up() {
    let mut gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    let freeze = |state: &str| {
        page.command("Page.setWebLifecycleState", &json!({"state": state}));
    };

    // The browser suspends the page between the request and its answer.
    gateway.signal("STOP");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("sent");
    let id = page.newest_id();
    freeze("frozen");
    gateway.signal("CONT");
    until("the request is decided", || !gateway.http().entries_of(&id).is_empty());
    gateway.restart();
    gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A-1", "quantity": 1}));
    freeze("active");

    page.until_newest("done");
    page.until_available("6");
    assert_eq!((page.newest_id(), page.kept()), (id.clone(), 0));
    assert_eq!(gateway.http().entries_of(&id).len(), 1);
}

#[test]
fn a_refused_subscription_is_requested_again() {
    let mut gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    page.script(ANSWER_ONCE, &[json!("subscribe"), json!("overloaded")]);

    gateway.restart();
    until("it is refused", || page.script("return window.asked.length > 0", &[]) == true);
    gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A-1", "quantity": 4}));

    page.until_available("8");
}

#[test]
fn a_page_forgets_its_entries_for_another_database() {
    let mut gateway = Gateway::stocked(&[("A-1", 3), ("B-2", 3), ("C-3", 3)]);
    let page = Page::open(&gateway);
    page.until_text("#low", "C-3");

    gateway.wipe();
    gateway.launch();
    gateway.http().ok("restock", json!({"request_id": "r", "sku": "B-2", "quantity": 2}));

    until("only what the new database has is low", || {
        page.text("#low").split_whitespace().eq(["B-2", "2"])
    });
}
