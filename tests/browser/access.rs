//! Tokens on the page.

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
token = "viewer-secret"
[[terminals.tokens]]
name = "line-3"
role = "operator"
token = "operator-secret"
"#;

fn guarded() -> Gateway {
    let gateway = Gateway::start_with(TOKENS);
    let mut operator = gateway.http().with_token("operator-secret");
    operator.ok("restock", many("seed", &[("A-1", 12)]));
    gateway
}

fn locked(gateway: &Gateway) -> Page {
    let page = Page::of(Browser::start(), &gateway.url());
    page.until_link(&["locked"]);
    page
}

#[test]
fn a_token_unlocks_the_page_and_leaves_no_trace_in_address_or_log() {
    let gateway = guarded();
    let page = locked(&gateway);
    assert!(page.is_shown("#access") && !page.is_shown("#work"));
    until("the token can be typed at once", || page.focused() == "token");

    page.press(&format!("wrong-secret{ENTER}"));
    page.until_text("#access-note", "The gateway does not know this token.");
    page.press(&format!("operator-secret{ENTER}"));
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

#[test]
fn a_token_lasts_as_long_as_was_chosen() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("operator-secret{ENTER}"));
    page.until_connected();

    page.reload();
    page.until_connected();
    page.click("#leave");
    page.until_link(&["locked"]);
    page.reload();
    page.until_link(&["locked"]);

    page.click("#keep");
    page.type_into("#token", &format!("operator-secret{ENTER}"));
    page.until_connected();
    page.script("sessionStorage.clear()", &[]);
    page.reload();
    page.until_connected();
}

#[test]
fn a_viewer_sees_the_stock_and_is_told_that_this_is_all() {
    let gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("viewer-secret{ENTER}"));
    page.until_connected();

    page.scan_item("A-1");
    page.until_available("12");
    page.press(ENTER);

    page.until_text("#result", "This token may look, but not change anything.");
    assert_eq!(page.kept(), 0);
}

#[test]
fn what_waits_is_not_sent_under_a_token_that_may_not() {
    let mut gateway = guarded();
    let page = locked(&gateway);
    page.press(&format!("operator-secret{ENTER}"));
    page.until_connected();
    page.scan_item("A-1");
    gateway.kill9();
    page.until_link(&["lost"]);
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("waiting");
    page.click("#leave");
    gateway.launch();

    page.type_into("#token", &format!("viewer-secret{ENTER}"));
    page.until_connected();
    page.until_newest("waiting");
    assert_eq!(page.kept(), 1);
    page.click("#leave");
    page.until_link(&["locked"]);
    page.type_into("#token", &format!("operator-secret{ENTER}"));

    page.until_newest("done");
    let mut operator = gateway.http().with_token("operator-secret");
    assert_eq!(operator.figures("A-1"), (7, 0));
}
