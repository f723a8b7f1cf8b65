//! The languages of the page, selected by the browser's preference.

use super::driver::{Browser, ENTER, HOME};
use super::page::Page;
use crate::support::gateway::Gateway;
use crate::support::patience::until;

/// The language, the value of `lang`, and words: of a label, of the sentence about the link, of a
/// button, of an outcome.
const LANGUAGES: [(&str, &str, [&str; 4]); 3] = [
    (
        "en",
        "en",
        [
            "Scan, or type a name, SKU or barcode",
            "No head office is set up",
            "Pick 1",
            "Refused: only ",
        ],
    ),
    (
        "de",
        "de",
        [
            "Scannen oder Name, Artikelnummer oder Barcode eintippen",
            "Keine Zentrale eingerichtet",
            "1 entnehmen",
            "Abgelehnt: nur ",
        ],
    ),
    ("zh", "zh-Hans", ["请扫描，或输入名称、货号或条码", "未设置总部", "拣货 1", "被拒绝：只有 "]),
];

#[test]
fn each_language_is_used_throughout() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    let page = Page::of(Browser::start(), &gateway.url());
    for (language, tag, words) in LANGUAGES {
        page.go(&format!("{}/?lang={language}", gateway.url()));
        page.until_connected();
        assert_speaks(&page, tag, words);
        page.photograph(&format!("desktop-{language}"));
    }
}

#[test]
fn the_language_is_the_browsers_unless_the_terminal_has_its_own() {
    let gateway = Gateway::stocked(&[("A-1", 12)]);
    for (preferred, tag) in
        [("de-AT,en", "de"), ("zh-CN,zh", "zh-Hans"), ("fr-FR,de", "fr"), ("it-IT,pl", "pl")]
    {
        let page = Page::of(Browser::speaking(preferred), &gateway.url());
        page.until_connected();
        assert_eq!(page.attribute("html", "lang"), tag, "for {preferred}");
        page.script("document.querySelector('#language').focus()", &[]);
        // English is the first one; letters would be a code.
        page.press(HOME);
        until(&format!("English is chosen after {preferred}"), || {
            page.attribute("html", "lang") == "en"
        });
        page.reload();
        page.until_connected();
        assert_eq!(page.attribute("html", "lang"), "en", "chosen on the page");
    }
}

fn assert_speaks(page: &Page, tag: &str, [label, sentence, button, outcome]: [&str; 4]) {
    assert_eq!(page.attribute("html", "lang"), tag);
    assert_eq!(page.attribute("#code", "placeholder"), label);
    page.until_text("#sentence", sentence);
    page.scan_item("A-1");
    page.until_text("#confirm", button);
    page.press(ENTER);
    page.until_newest("done");
    page.scan("A-1");
    page.type_slowly(&format!("999{ENTER}"));
    page.until_text("#result", outcome);
    let untold = "return [...document.querySelectorAll('[data-text]')]
        .filter(({ textContent }) => !textContent || textContent === 'undefined')
        .map(({ dataset }) => dataset.text)";
    assert_eq!(page.script(untold, &[]), serde_json::json!([]), "without words in {tag}");
}
