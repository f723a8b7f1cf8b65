//! Tokens on the page.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::driver::{Browser, ENTER};
use super::page::Page;
use crate::support::bodies::many;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

const TOKENS: &str = r#"
[[terminals.tokens]]
name = "screen"
role = "viewer"
token = "the-viewer-secret"
[[terminals.tokens]]
name = "line-3"
role = "operator"
token = "the-operator-secret"
[[terminals.tokens]]
name = "office"
role = "admin"
token = "the-admin-secret"
"#;

/// Sends no token before `letThrough()`, as a gateway that is slow to answer.
const HOLD_TOKENS: &str = "
    const send = WebSocket.prototype.send;
    const held = [];
    window.letThrough = () => { for (const each of held.splice(0)) each(); };
    WebSocket.prototype.send = function (text) {
        if (JSON.parse(text).op === 'auth') held.push(() => send.call(this, text));
        else send.call(this, text);
    }";
const MISSED: &str = "What you entered last was not booked: enter it again.";

fn guarded() -> Gateway {
    let gateway = Gateway::start_with(TOKENS);
    let mut operator = gateway.http().with_token("the-operator-secret");
    operator.ok("restock", many("seed", &[("A-1", 12)]));
    gateway
}

fn locked(gateway: &Gateway) -> Page {
    let page = Page::of(Browser::start(), &gateway.url());
    page.until_link(&["locked"]);
    until("the token can be typed at once", || page.focused() == "token");
    page
}

#[test]
fn a_token_unlocks_the_page_and_leaves_no_trace_in_address_or_log() {
    let gateway = guarded();
    let page = locked(&gateway);
    assert!(page.is_shown("#access") && !page.is_shown("#work"));

    page.press(&format!("wrong-secret{ENTER}"));
    page.until_text("#access-note", "This access code is not known.");
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.scan_item("A-1");
    page.press(ENTER);
    page.until_newest("done");

    let address = page.script("return location.href", &[]);
    assert_eq!(address, format!("{}/", gateway.url()));
    let kept = page.script("return localStorage.getItem('stockgate.token')", &[]);
    assert!(kept.is_null(), "nobody asked to keep it");
    assert!(!gateway.log().contains("secret"), "{}", gateway.log());
}

/// Keys that follow the question at once must not go elsewhere, so the field has the focus when it is
/// shown and not a frame later.
#[test]
fn a_token_can_be_typed_as_soon_as_it_is_asked_for() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();

    let observe = "window.focused = [];
        const access = document.getElementById('access');
        const note = () => access.hidden || focused.push(document.activeElement.id);
        new MutationObserver(note).observe(access, { attributes: true, attributeFilter: ['hidden'] })";
    page.script(observe, &[]);
    page.click("#leave");
    page.until_link(&["locked"]);
    assert_eq!(page.script("return focused", &[]), json!(["token"]));
}

#[test]
fn a_token_lasts_as_long_as_was_chosen() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();

    page.reload();
    page.until_connected();
    page.click("#leave");
    page.until_link(&["locked"]);
    page.reload();
    page.until_link(&["locked"]);

    page.click("#keep");
    page.type_into("#token", &format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.script("sessionStorage.clear()", &[]);
    page.reload();
    page.until_connected();
}

#[test]
fn the_page_says_who_works_and_a_lock_leaves_nothing_to_the_next_one() {
    let gateway = guarded();
    let page = locked(&gateway);
    // A badge is scanned where the focus stands.
    assert_eq!(page.focused(), "token");
    page.scan("STOCKGATE TOKEN the-operator-secret");
    page.until_connected();
    page.until_text("#who", "line-3 · operator");
    page.click("#modes label:nth-of-type(2)");
    page.scan_item("A-1");
    page.type_into("#order", "536365");
    page.click("#leave");
    page.until_link(&["locked"]);
    page.reload();
    until("the token can be typed at once", || page.focused() == "token");
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();

    page.until_text("#sku", "Ready to scan");
    assert_eq!(page.value("#order") + &page.value("#quantity"), "");
    assert_eq!(page.attribute("#act", "data-mode"), "restock", "the mode is the terminal's");
}

#[test]
fn what_is_entered_before_a_badge_is_answered_is_booked_by_its_person() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.script(HOLD_TOKENS, &[]);
    page.scan("the-operator-secret");
    page.scan("A-1");
    page.type_slowly(&format!("3{ENTER}"));
    assert!(page.is_shown("#access") && page.kept() == 0, "nobody works yet");
    page.script("letThrough()", &[]);
    page.until_newest("done");
    page.until_text("#who", "line-3 · operator");

    page.scan("STOCKGATE TOKEN the-admin-secret");
    page.scan("A-1");
    page.scan("STOCKGATE QTY 4");
    page.scan("STOCKGATE OK");
    assert_eq!(page.history().as_array().unwrap().len(), 1);
    page.script("letThrough()", &[]);
    page.until_text("#who", "office · administrator");
    until("both are booked", || page.history().as_array().unwrap().len() == 2);
    let booked = |nth: usize| page.history()[nth]["user"].clone();
    assert_eq!([booked(0), booked(1)], ["office", "line-3"]);
    let mut operator = gateway.http().with_token("the-operator-secret");
    assert_eq!(operator.figures("A-1"), (5, 0));
}

#[test]
fn what_is_entered_after_a_badge_that_is_refused_is_a_failure_in_words() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.script(HOLD_TOKENS, &[]);
    page.scan("STOCKGATE TOKEN of-nobody");
    page.scan("A-1");
    page.type_slowly(&format!("3{ENTER}"));
    page.script("letThrough()", &[]);
    page.until_text("#access-note", &format!("This access code is not known. {MISSED}"));
    until("the token can be typed", || page.focused() == "token");
    sleep(Duration::from_millis(1_500));
    assert_eq!(page.attribute("body", "data-alarm"), "bad", "until it is acknowledged");

    page.press(&format!("the-operator-secret{ENTER}"));
    page.script("letThrough()", &[]);
    page.until_connected();
    page.until_text("#result", MISSED);
    let mut operator = gateway.http().with_token("the-operator-secret");
    assert_eq!((operator.figures("A-1"), page.kept()), ((12, 0), 0));
}

#[test]
fn what_is_entered_after_a_lock_is_a_failure_in_words() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.scan_item("A-1");
    page.click("#leave");
    page.scan("STOCKGATE OK");
    page.until_text("#sentence", "Locked: sign in to work.");
    page.until_text("#access-note", MISSED);
    assert_eq!(page.attribute("body", "data-alarm"), "bad");
    page.scan("A-1");
    page.until_text("#access-note", &format!("This access code is not known. {MISSED}"));

    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.until_text("#result", MISSED);
    assert_eq!((page.kept(), page.history()), (0, json!([])));
}

#[test]
fn a_viewer_sees_the_stock_and_is_told_its_role() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-viewer-secret{ENTER}"));
    page.until_connected();

    page.scan_item("A-1");
    page.until_available("12");
    page.press(ENTER);

    page.until_text("#result", "Your access code allows viewing only.");
    assert_eq!(page.kept(), 0);
}

#[test]
fn waiting_requests_are_not_sent_with_a_token_that_lacks_the_role() {
    let mut gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("the-operator-secret{ENTER}"));
    page.until_connected();
    page.scan_item("A-1");
    gateway.kill9();
    page.until_link(&["lost"]);
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("waiting");
    page.click("#leave");
    gateway.launch();

    page.type_into("#token", &format!("the-viewer-secret{ENTER}"));
    page.until_connected();
    page.until_newest("waiting");
    assert_eq!(page.kept(), 1);
    page.click("#leave");
    page.until_link(&["locked"]);
    page.type_into("#token", &format!("the-operator-secret{ENTER}"));

    page.until_newest("done");
    let mut operator = gateway.http().with_token("the-operator-secret");
    assert_eq!(operator.figures("A-1"), (7, 0));
}

/// Opens a WebSocket to an address, as any page may try.
const SOCKET: &str = "return new Promise((done) => {
    const socket = new WebSocket(`ws://${arguments[0]}/ws`);
    socket.onopen = () => done('opened');
    socket.onerror = () => done('refused');
})";
/// Queries a SKU, with a token if given.
const READ: &str = "
    const headers = arguments[1] ? { Authorization: `Bearer ${arguments[1]}` } : {};
    return (await fetch(`http://${arguments[0]}/api/stock/A-1`, { headers })).text()";
/// Deducts, first as a simple request of a page, then with a token.
const DEDUCT: &str = "
    const headers = arguments[1] ? { Authorization: `Bearer ${arguments[1]}` } : {};
    const body = JSON.stringify({request_id: 'x', sku: 'A-1', quantity: 1});
    for (const mode of ['no-cors', 'cors']) {
        await fetch(`http://${arguments[0]}/api/stock/deduct`, { method: 'POST', mode, headers, body })
            .catch(() => {});
    }";

#[test]
fn a_page_of_a_foreign_origin_gets_nothing() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    let browser = elsewhere();
    assert_gets_nothing(&browser, &gateway, &Value::Null);
    assert_eq!(gateway.http().figures("A-1"), (12, 0));

    // The same from the gateway's own page is answered.
    browser.1.go(&format!("{}/healthz", gateway.url()));
    assert_eq!(browser.1.promise(SOCKET, &[json!(gateway.address())]), "opened");
}

#[test]
fn a_page_of_a_foreign_origin_gets_nothing_with_any_token() {
    let gateway = guarded();
    let browser = elsewhere();
    for token in ["the-viewer-secret", "the-operator-secret", "the-admin-secret"] {
        assert_gets_nothing(&browser, &gateway, &json!(token));
    }
    let mut viewer = gateway.http().with_token("the-viewer-secret");
    assert_eq!(viewer.figures("A-1"), (12, 0));

    // The same from the gateway's own page is answered, according to the role.
    browser.1.go(&format!("{}/healthz", gateway.url()));
    for (token, on_hand) in [("the-viewer-secret", 12), ("the-operator-secret", 11)] {
        let arguments = [json!(gateway.address()), json!(token)];
        browser.1.promise(DEDUCT, &arguments);
        let read = browser.1.promise(READ, &arguments);
        let item: Value = serde_json::from_str(read.as_str().unwrap()).unwrap();
        assert_eq!(item["on_hand"], on_hand, "with {token}");
    }
}

/// A page of another origin, and the gateway.
fn elsewhere() -> (Gateway, Browser) {
    let (elsewhere, browser) = (Gateway::start(), Browser::start());
    browser.go(&format!("{}/healthz", elsewhere.url()));
    (elsewhere, browser)
}

fn assert_gets_nothing((_, browser): &(Gateway, Browser), gateway: &Gateway, token: &Value) {
    let arguments = [json!(gateway.address()), token.clone()];
    assert_eq!(browser.promise(SOCKET, &arguments), "refused", "{token}");
    let read = browser.promise(READ, &arguments);
    assert!(read.as_str().unwrap().contains("TypeError"), "{token}: {read}");
    browser.promise(DEDUCT, &arguments);
}
