//! Screenshots of the page for a person, and accessibility checks with axe-core.

use std::fs;

use serde_json::json;

use super::driver::{Browser, DRAWN, ENTER, ESCAPE, F8, F9, target};
use super::page::Page;
use crate::pair::Pair;
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

const STOCK: [(&str, u64); 9] = [
    ("85123A", 1_240),
    ("22423", 3),
    ("84879", 7),
    ("47566", 9),
    ("20725", 64),
    ("22086", 118),
    ("POST", 1),
    ("21034", 5),
    ("REGENCY-CAKESTAND-3-TIER", 10),
];

/// Name, width, height, pixel ratio, and whether it is a mobile device.
const SCREENS: [(&str, u32, u32, u32, bool); 4] = [
    ("desktop", 1366, 768, 1, false),
    ("tablet", 1024, 768, 1, true),
    ("tablet-upright", 800, 1280, 1, true),
    ("phone", 390, 844, 2, true),
];

/// What is smaller than 48 pixels, though a person has to hit it.
pub(super) const SMALL: &str = "
    return [...document.querySelectorAll('button, input, select, summary, #modes label')]
        .filter((element) => element.checkVisibility() && !element.closest('label.check, #modes label, .unseen'))
        .map((element) => [element.id || element.innerText, element.getBoundingClientRect()])
        .filter(([, box]) => box.height < 48 || box.width < 48)
        .map(([name, box]) => `${name} ${box.width}x${box.height}`)";

#[test]
fn screenshots_for_a_person() {
    let mut pair = Pair::stocked(&STOCK);
    pair.gateway.http().ok("deduct", one("gone", "POST", 1));
    let page = Page::open(&pair.gateway);
    page.photograph("desktop-idle");
    fill(&page);
    for scheme in ["light", "dark"] {
        page.prefer_colors(scheme);
        for (name, width, height, scale, mobile) in SCREENS {
            page.resize(width, height, scale, mobile);
            std::thread::sleep(DRAWN);
            page.photograph(&format!("{name}-{scheme}"));
            assert_nothing_is_cut(&page, name);
        }
    }
    page.prefer_colors("light");
    page.resize(390, 844, 2, true);
    pair.gateway.kill9();
    page.until_link(&["lost"]);
    page.scan_item("22423");
    page.press(ENTER);
    page.until_newest("waiting");
    page.photograph("phone-lost");
}

/// A few operations of each kind, the last one refused.
fn fill(page: &Page) {
    page.scan_item("85123A");
    page.type_slowly(&format!("12{ENTER}"));
    page.until_newest("confirmed");
    page.press(F8);
    page.scan_item("20725");
    page.type_slowly(&format!("24{ENTER}"));
    page.until_newest("confirmed");
    page.press(F9);
    page.scan_item("22086");
    page.type_slowly(&format!("120{ENTER}"));
    page.until_newest("confirmed");
    page.click("#modes label:nth-of-type(1)");
    page.scan_item("22423");
    page.type_slowly(&format!("6{ENTER}"));
    page.until_newest("refused");
    page.scan_item("85123A");
    page.scan("85123A");
    page.type_slowly(ENTER);
    page.until_newest("confirmed");
}

fn assert_nothing_is_cut(page: &Page, screen: &str) {
    let wider = "return document.documentElement.scrollWidth - innerWidth";
    assert!(page.script(wider, &[]).as_f64().unwrap() <= 0.0, "the page is wider than a {screen}");
    assert_eq!(page.script(SMALL, &[]), json!([]), "too small for a glove on a {screen}");
}

#[test]
fn axe_finds_no_barrier_in_any_state() {
    let mut pair = Pair::stocked(&STOCK);
    let page = Page::open(&pair.gateway);
    assert_no_barrier(&page, "ready");
    fill(&page);
    page.click("#by-number summary");
    assert_no_barrier(&page, "an item, and operations");
    page.scan_item("UNKNOWN");
    assert_no_barrier(&page, "an unknown code");
    page.scan_item("22423");
    page.type_slowly("6");
    page.until_text("#hint", "More than");
    assert_no_barrier(&page, "too much asked for");
    page.press(ENTER);
    page.until_newest("refused");
    assert_no_barrier(&page, "a failure that stays");
    page.scan("STOCKGATE LIST 536365 85123A*2 22423*1");
    page.scan_item("85123A");
    assert_no_barrier(&page, "an order");
    page.type_slowly("REGE");
    until("items are found", || page.is_shown("#found"));
    page.click("#settings summary");
    page.script("document.getElementById('pad').hidden = false", &[]);
    assert_no_barrier(&page, "a search, the pad and the settings");
    page.script("document.getElementById('pad').hidden = true", &[]);
    page.press(ESCAPE);
    page.click("#modes label:nth-of-type(1)");
    page.scan_item("22423");
    pair.broker.kill9();
    page.until_link(&["offline"]);
    assert_no_barrier(&page, "offline");
    pair.gateway.kill9();
    page.until_link(&["lost"]);
    page.press(ENTER);
    page.until_newest("waiting");
    assert_no_barrier(&page, "no gateway");
}

#[test]
fn axe_finds_no_barrier_in_the_sheet_for_scanners() {
    let gateway = Gateway::start();
    let page = Page::of(Browser::start(), &format!("{}/scanner", gateway.url()));
    until("barcodes are drawn", || page.is_shown("#commands svg path"));
    assert_no_barrier(&page, "the sheet");
}

#[test]
fn axe_finds_no_barrier_in_the_login() {
    let token =
        "[[terminals.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken = \"secret-0123456789\"\n";
    let gateway = Gateway::start_with(token);
    let page = Page::of(Browser::start(), &gateway.url());
    page.until_link(&["locked"]);
    assert_no_barrier(&page, "locked");
    page.photograph("phone-login");
    until("the token can be typed at once", || page.focused() == "token");
    page.press(&format!("wrong{ENTER}"));
    page.until_text("#access-note", "not known");
    assert_no_barrier(&page, "a wrong token");
}

#[test]
fn axe_finds_no_barrier_in_the_hubs_page() {
    let pair = Pair::stocked(&STOCK);
    let page = Page::of(Browser::start(), &format!("{}/", pair.hub.url()));
    for (language, words) in [
        ("en", "Yes, to the unit."),
        ("de", "Ja, auf das Stück."),
        ("zh", "是，分毫不差。"),
        ("fr", "Oui, à l'unité près."),
        ("es", "Sí, a la unidad."),
        ("pl", "Tak, co do sztuki."),
    ] {
        page.go(&format!("{}/?lang={language}", pair.hub.url()));
        page.until_text("#balance", words);
        until("stock is listed", || page.text("#stock").contains("REGENCY"));
        assert_no_barrier(&page, &format!("the hub in {language}"));
        page.resize(1280, 800, 1, false);
        page.photograph(&format!("hub-{language}"));
    }
}

#[test]
fn axe_finds_no_barrier_in_the_hubs_login() {
    let token = "[[hub.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken = \"secret-0123456789\"\n";
    let hub = crate::support::hub::Hub::start_with(token);
    let page = Page::of(Browser::start(), &hub.url());
    page.until_text("#state", "Sign in to read the books.");
    assert_no_barrier(&page, "the hub, locked");
    page.type_into("#token", &format!("secret-0123456789{ENTER}"));
    page.until_text("#balance", "Yes, to the unit.");
}

/// On a light desktop and on a dark phone.
pub(super) fn assert_no_barrier(page: &Page, state: &str) {
    page.script(&axe(), &[]);
    let looks = [("light", SCREENS[0]), ("dark", SCREENS[3])];
    for (scheme, (name, width, height, scale, mobile)) in looks {
        page.resize(width, height, scale, mobile);
        page.prefer_colors(scheme);
        let found = page.promise(
            "const { violations } = await axe.run(document, { resultTypes: ['violations'] });
             const seen = ({ html, failureSummary }) => [html, failureSummary];
             return violations.map(({ id, nodes }) => [id, nodes.map(seen)]);",
            &[],
        );
        assert_eq!(found, json!([]), "{state} on a {scheme} {name}");
    }
    page.prefer_colors("light");
}

fn axe() -> String {
    let path = target().join("axe-core/package/axe.min.js");
    fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!("{} is not there; run scripts/fetch-axe, which needs npm", path.display())
    })
}
