//! What the page shows about the link to the hub.

use super::driver::ENTER;
use super::page::{NEWEST, Page};
use crate::pair::Pair;
use crate::support::gateway::Gateway;

#[test]
fn the_banner_says_that_the_broker_is_gone_and_that_work_goes_on() {
    let mut pair = Pair::stocked(&[("A-1", 100)]);
    let page = Page::open(&pair.gateway);
    page.until_text("#sentence", "Online. Head office has confirmed everything.");

    pair.broker.kill9();
    page.until_link(&["offline"]);
    page.until_text("#sentence", "message server unreachable. Nothing is waiting, work goes on.");
    page.until_text("#announcement", "Offline for");
    page.scan_item("A-1");
    page.type_slowly(&format!("5{ENTER}"));
    page.until_newest("local");
    page.until_text(NEWEST, "Done, not yet at head office");
    page.until_text("#sentence", "1 booking waiting, work goes on.");
    page.photograph("desktop-offline");

    pair.broker.launch();
    page.until_newest("confirmed");
    page.until_text("#sentence", "Online. Head office has confirmed everything.");
    pair.assert_in_step();
}

#[test]
fn without_a_hub_the_banner_says_so() {
    let gateway = Gateway::stocked(&[("A-1", 100)]);
    let page = Page::open(&gateway);

    page.until_text("#sentence", "No head office is set up; everything stays here.");
    page.scan_item("A-1");
    page.press(ENTER);

    page.until_newest("done");
}
