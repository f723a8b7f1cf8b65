//! Every state of the page in every size and language: kept as pictures, and checked for what is cut
//! off, broken or out of view.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::driver::{Browser, DRAWN, ENTER, ESCAPE, F4, F8, F9};
use super::looks::SMALL;
use super::page::Page;
use crate::pair::Pair;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal;

/// Name, width and height.
pub(super) const SCREENS: [(&str, u32, u32); 3] =
    [("handheld", 360, 640), ("tablet", 1024, 600), ("desktop", 1280, 800)];
const LANGUAGES: [&str; 6] = ["en", "de", "zh", "fr", "es", "pl"];
/// Words that are wider than what they stand in, and so would break or be cut.
const TOO_WIDE: &str = "
    const pen = document.createElement('canvas').getContext('2d');
    const wide = [];
    for (const element of document.querySelectorAll('button, #modes b, h2')) {
        if (!element.checkVisibility() || element.closest('.unseen')) continue;
        const style = getComputedStyle(element);
        pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
        const frame = element.closest('#modes label > span') ?? element;
        const { paddingLeft, paddingRight } = getComputedStyle(frame);
        const inside = frame.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
        for (const word of element.innerText.split(/\\s+/)) {
            if (/^[\\x20-\\u024f]+$/.test(word) && pen.measureText(word).width > inside + 1) wide.push(`${word} ${inside}`);
        }
    }
    return wide";
/// Where quantity and confirmation are, and whether all of them can be seen.
pub(super) const DOCK: &str = "
    const boxes = ['quantity', 'confirm'].map((id) => document.getElementById(id)).filter((element) => element.checkVisibility());
    return boxes.map((element) => element.getBoundingClientRect()).map(({ top, bottom }) => [Math.round(top), Math.round(bottom), bottom <= innerHeight && top >= 0])";
/// Texts that are higher or wider than what they stand in.
const CUT: &str = "
    const seen = (element) => element.checkVisibility() && !element.closest('.unseen') && element.textContent.trim();
    const isCut = ({ scrollHeight, clientHeight, scrollWidth, clientWidth }) => scrollHeight > clientHeight + 2 || scrollWidth > clientWidth + 2;
    const cut = [...document.querySelectorAll('#sentence, #result, #hint, #name, #item, #confirm, #who, #modes span, button, .called')]
        .filter((element) => seen(element) && isCut(element))
        .map(({ id, tagName, textContent }) => `${id || tagName}: ${textContent.trim().slice(0, 60)}`);
    const isWide = (element) => element.checkVisibility() && element.scrollWidth > element.clientWidth + 2;
    cut.push(...[...document.querySelectorAll('.panel')].filter(isWide).map((panel) => `wider than its panel: ${panel.getAttribute('aria-labelledby')}`));
    const pen = document.createElement('canvas').getContext('2d');
    for (const select of document.querySelectorAll('select')) {
        if (!select.checkVisibility()) continue;
        const { fontWeight, fontSize, fontFamily, paddingLeft, paddingRight } = getComputedStyle(select);
        pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
        // The arrow takes some of it.
        const inside = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 16;
        const text = select.selectedOptions[0]?.text ?? '';
        if (pen.measureText(text).width > inside) cut.push(`a choice: ${text}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) cut.push('the page is wider than the screen');
    return cut";
/// Texts of the page that are still English in another language.
const FOREIGN: &str = "
    const [tag] = arguments;
    const [english, own] = await Promise.all(['en', tag].map(async (name) => (await fetch(`/page/${name}.json`)).json()));
    const foreign = new Set(Object.keys(english).filter((key) => english[key] !== own[key]).map((key) => english[key]));
    for (const text of Object.values(own)) foreign.delete(text);
    const leaves = [...document.querySelectorAll('body *')].filter((element) => !element.children.length && element.checkVisibility());
    return leaves.map(({ textContent }) => textContent.trim()).filter((text) => foreign.has(text))";
const SPEAK: &str = "
    const field = document.getElementById('language');
    field.value = arguments[0];
    field.dispatchEvent(new Event('change'))";
const CATALOGUE: &str = "sku,name,barcodes\n\
    85123A,Cream hanging heart T-light holder,4006381333931\n\
    22423,Regency cakestand 3 tier,96385074\n\
    84879,\"Garden parasol, striped\",5449000000996\n\
    20725,Lunch bag red retrospot,\n";

/// Keeps the state in every size and language, and checks it.
struct Album<'a> {
    page: &'a Page,
    faults: Vec<String>,
    /// What a small screen has to scroll to.
    at: &'static str,
}

impl Album<'_> {
    fn keep(&mut self, state: &str) {
        for language in LANGUAGES {
            self.page.script(SPEAK, &[json!(language)]);
            let tag = if language == "zh" { "zh-Hans" } else { language };
            until("the language is there", || self.page.attribute("html", "lang") == tag);
            self.check_words(state, language);
            for (screen, width, height) in SCREENS {
                self.page.resize(width, height, 1, screen != "desktop");
                if screen == "handheld" {
                    let scroll = "document.getElementById(arguments[0])?.scrollIntoView()";
                    self.page.script(scroll, &[json!(self.at)]);
                }
                sleep(Duration::from_millis(60));
                self.page.photograph_view(&format!("{state}-{screen}-{language}"));
                for (what, script) in [("cut", CUT), ("too wide", TOO_WIDE), ("small", SMALL)] {
                    if what == "small" && screen == "desktop" {
                        continue;
                    }
                    let found = self.page.script(script, &[]);
                    if found != json!([]) {
                        self.faults
                            .push(format!("{state}, {language} on a {screen}: {what} {found}"));
                    }
                }
                let places = self.page.script(DOCK, &[]);
                if !places.as_array().unwrap().iter().all(|place| place[2] == true) {
                    self.faults
                        .push(format!("{state}, {language} on a {screen}: out of view {places}"));
                }
            }
        }
        self.page.script(SPEAK, &[json!("en")]);
        until("English again", || self.page.attribute("html", "lang") == "en");
        self.page.resize(1280, 800, 1, false);
    }
}

impl Album<'_> {
    /// While there is a gateway that can be asked for the words.
    fn check_words(&mut self, state: &str, language: &str) {
        if language == "en" || self.page.attribute("#banner", "data-state") == "lost" {
            return;
        }
        sleep(DRAWN);
        let found = self.page.promise(FOREIGN, &[json!(language)]);
        if found != json!([]) {
            self.faults.push(format!("{state}: English in {language}: {found}"));
        }
    }
}

fn stocked() -> Pair {
    let pair = Pair::stocked(&[("85123A", 1_240), ("22423", 3), ("84879", 7), ("20725", 64)]);
    let answer = pair.hub.http().send_raw("PUT", "/api/catalogue", CATALOGUE.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let named = || {
        let item = pair.gateway.http().call("get", json!({"sku": "20725"}));
        item.is_ok_and(|item| item["name"].is_string())
    };
    until("the catalogue is known", named);
    pair
}

#[test]
fn every_state_in_every_size_and_language() {
    let mut pair = stocked();
    let page = Page::open(&pair.gateway);
    let mut album = Album { page: &page, faults: Vec::new(), at: "" };
    keep_picking(&mut album);
    keep_other_modes(&mut album);
    keep_order_and_settings(&mut album);
    pair.broker.kill9();
    page.until_link(&["offline"]);
    page.scan_item("84879");
    page.press(ENTER);
    page.until_newest("local");
    album.keep("offline");
    pair.gateway.kill9();
    page.until_link(&["lost"]);
    page.scan_item("22423");
    page.press(ENTER);
    page.until_newest("waiting");
    page.scan("22423");
    album.keep("no-gateway");

    assert!(album.faults.is_empty(), "{}", album.faults.join("\n"));
}

fn keep_picking(album: &mut Album<'_>) {
    let page = album.page;
    album.keep("ready");
    page.scan_item("85123A");
    album.keep("item");
    page.press(ENTER);
    page.until_newest("confirmed");
    album.keep("booked");
    page.scan_item("22423");
    page.type_slowly("9");
    page.until_text("#hint", "More than");
    album.keep("too-much");
    page.press(ENTER);
    page.until_newest("refused");
    album.keep("refused");
    page.scan_item("4006381333932");
    album.keep("misread");
    page.scan_item("NEW-7");
    album.keep("unknown");
    page.press(ESCAPE);
    page.type_slowly("ar");
    until("items are found", || page.is_shown("#found"));
    album.keep("search");
    page.press(ESCAPE);
}

fn keep_other_modes(album: &mut Album<'_>) {
    let page = album.page;
    page.press(F4);
    page.scan_item("84879");
    page.type_slowly(&format!("20000{ENTER}"));
    page.until_text("#hint", "That is a lot");
    album.keep("asked");
    page.press(ESCAPE);
    page.press(F8);
    page.scan_item("20725");
    page.press(ENTER);
    page.until_newest("confirmed");
    page.click("#by-number summary");
    page.until_text("#reserved-list", "20725");
    page.script("document.getElementById('by-number').scrollIntoView()", &[]);
    album.at = "by-number";
    album.keep("reserved");
    album.at = "";
    page.script("scrollTo(0, 0)", &[]);
    page.click("#by-number summary");
    page.press(F9);
    page.scan_item("20725");
    page.scan("20725");
    album.keep("count");
    page.press(ESCAPE);
    page.click("#modes label:nth-of-type(5)");
    page.scan_item("20725");
    album.keep("write-off");
}

fn keep_order_and_settings(album: &mut Album<'_>) {
    let page = album.page;
    page.scan("STOCKGATE LIST 536365 85123A*2 22423*1 84879*12");
    page.scan_item("85123A");
    album.keep("order");
    page.scan("STOCKGATE MODE PICK");
    page.script("document.getElementById('pad').hidden = false", &[]);
    album.keep("pad");
    page.script("document.getElementById('pad').hidden = true", &[]);
    page.click("#settings summary");
    page.script("document.getElementById('settings').scrollIntoView()", &[]);
    album.at = "settings";
    album.keep("settings");
    album.at = "";
    page.click("#settings summary");
    page.script("scrollTo(0, 0)", &[]);
}

#[test]
fn the_login_in_every_size_and_language() {
    let token =
        "[[terminals.tokens]]\nname = \"t\"\nrole = \"viewer\"\ntoken = \"secret-0123456789\"\n";
    let gateway = Gateway::start_with(token);
    let page = Page::of(Browser::start(), &gateway.url());
    page.until_link(&["locked"]);
    until("the token can be typed at once", || page.focused() == "token");
    page.press(&format!("wrong{ENTER}"));
    page.until_text("#access-note", "not known");
    let mut album = Album { page: &page, faults: Vec::new(), at: "" };
    album.keep("locked");

    assert!(album.faults.is_empty(), "{}", album.faults.join("\n"));
}
