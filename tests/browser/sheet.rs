//! The sheet with which a scanner is set up.

use serde_json::json;

use super::driver::{Browser, ENTER};
use super::page::Page;
use crate::support::gateway::Gateway;
use crate::support::patience::until;

/// A scanner that sends FNC1 as Alt and 029 of the keypad.
const ALT_CODE: &str = "
    const press = (kind, key, code, altKey) => document.activeElement.dispatchEvent(new KeyboardEvent(kind, { key, code, altKey, bubbles: true, cancelable: true }));
    for (const key of '10LOT') press('keydown', key, '', false);
    press('keydown', 'Alt', 'AltLeft', true);
    for (const digit of '029') press('keydown', digit, `Numpad${digit}`, true);
    press('keyup', 'Alt', 'AltLeft', false);
    for (const key of [...'2137', 'Enter']) press('keydown', key, '', false);";

fn sheet(gateway: &Gateway, language: &str) -> Page {
    let page = Page::of(Browser::start(), &format!("{}/scanner?lang={language}", gateway.url()));
    until("barcodes are drawn", || page.is_shown("#commands svg path"));
    page
}

#[test]
fn the_sheet_for_scanners_reads_what_it_prints() {
    let gateway = Gateway::start();
    let page = sheet(&gateway, "en");
    page.press_as_scanner(&format!("4006381333931{ENTER}"));
    page.until_text("#read", "✓ 4006381333931");
    page.photograph("floor-scanner-sheet");
    page.press_as_scanner(&format!("10LOT2137{ENTER}"));
    page.until_text("#read", "? 10LOT2137");
    page.press_as_scanner(&format!("10LOT\u{1d}2137{ENTER}"));
    page.until_text("#read", "✓ 10LOT⟨GS⟩2137");
}

#[test]
fn the_sheet_reads_what_an_input_method_inserts_and_what_a_released_key_ends() {
    let gateway = Gateway::start();
    let page = sheet(&gateway, "en");
    page.insert("96385074");
    page.until_text("#read", "✓ 96385074");
    page.script(ALT_CODE, &[]);
    page.until_text("#read", "✓ 10LOT⟨GS⟩2137");
    page.insert("TEST/1+2=3\n");
    page.until_text("#read", "✓ TEST/1+2=3");
    page.script("document.getElementById('text').focus()", &[]);
    page.press("A-1");
    page.until_text("#made", "A-1");
}

#[test]
fn the_sheet_names_its_commands_in_each_language() {
    let gateway = Gateway::start();
    for (language, words, suffix) in [
        ("en", "Goods in", "Without one a scan is read"),
        ("de", "Einlagern", "Ohne Suffix wird ein Scan"),
        ("zh", "入库", "没有后缀时"),
        ("fr", "Entrée", "Sans suffixe, un scan"),
        ("es", "Entrada", "Sin sufijo"),
        ("pl", "Przyjęcie", "Bez niego skan"),
    ] {
        let page = sheet(&gateway, language);
        page.until_text("#commands", &format!("{words} · STOCKGATE MODE IN"));
        page.until_text("#sections", suffix);
        page.until_text("#https", "https");
        page.until_text("#setups", "Honeywell · ");
        page.until_text("#setups", " · ~VSUFCR.");
        page.photograph(&format!("sheet-{language}"));
        let untold = "return [...document.querySelectorAll('[data-text], [data-line]')].filter(({ textContent }) => !textContent).length";
        assert_eq!(page.script(untold, &[]), json!(0), "{language}");
    }
}
