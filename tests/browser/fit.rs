//! What has to fit on the screens of the trade, whatever is shown.

use std::thread::sleep;

use serde_json::{Value, json};

use super::driver::DRAWN;
use super::page::Page;
use crate::support::gateway::Gateway;

/// Width and height of a desktop, a small tablet and a handheld.
const SCREENS: [(u32, u32); 3] = [(1280, 800), (1024, 600), (360, 640)];

/// Runs `look` for each screen.
fn on_screens(page: &Page, look: impl Fn(&str)) {
    for (width, height) in SCREENS {
        page.resize(width, height, 1, width < 1000);
        sleep(DRAWN);
        look(&format!("{width}x{height}"));
    }
}

#[test]
fn a_figure_has_one_line_whatever_its_digits() {
    let gateway = Gateway::stocked(&[("A-1", 1_234_567)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    let lay = "
        const [name, figure] = arguments;
        const [item, strong] = ['item', 'available'].map((id) => document.getElementById(id));
        document.getElementById('name').textContent = name;
        item.dataset.digits = Math.min(16, figure.length);
        const text = strong.children[0];
        text.textContent = figure;
        const size = parseFloat(getComputedStyle(text).fontSize);
        return text.clientHeight < 1.5 * size && text.scrollWidth <= item.clientWidth;";
    on_screens(&page, |screen| {
        for name in ["", "Spotted Parasol"] {
            for figure in
                ["7", "1234", "12,345", "1,234,567", "123,456,789", "1.125", "1,234,567.125456"]
            {
                let fits: Value = page.script(lay, &[json!(name), json!(figure)]);
                assert_eq!(fits, json!(true), "{figure} of {name:?} on {screen}");
            }
        }
    });
}

#[test]
fn a_quantity_is_never_cut() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    let lay = "
        const field = document.getElementById('quantity');
        field.value = arguments[0];
        field.dispatchEvent(new Event('input'));
        const canvas = document.createElement('canvas').getContext('2d');
        const { fontWeight, fontSize, fontFamily, paddingLeft } = getComputedStyle(field);
        canvas.font = `${fontWeight} ${fontSize} ${fontFamily}`;
        return canvas.measureText(field.value).width <= field.clientWidth - 2 * parseFloat(paddingLeft);";
    on_screens(&page, |screen| {
        for quantity in ["7", "12000", "1234.125", "12345678", "1000000000", "1000000.123456"] {
            let fits = page.script(lay, &[json!(quantity)]);
            assert_eq!(fits, json!(true), "{quantity} on {screen}");
        }
    });
}

#[test]
fn an_order_is_picked_without_scrolling_the_page() {
    let items: Vec<_> = (1..=9).map(|at| format!("A-{at}")).collect();
    let stock: Vec<_> = items.iter().map(|sku| (sku.as_str(), 20)).collect();
    let gateway = Gateway::stocked(&stock);
    let page = Page::open(&gateway);
    let list: Vec<_> = items.iter().map(|sku| format!("{sku}*3")).collect();
    page.scan(&format!("STOCKGATE LIST 3003 {}", list.join(" ")));
    page.scan_item("A-9");
    page.scan_item("A-8");
    // Nothing lies over their middle: neither the dock nor the edge of the list.
    let covered = "
        const line = [...document.querySelectorAll('#lines li')].find((each) => each.innerText.includes('A-8'));
        const parts = [line.querySelector('.figure'), line.querySelector('select'), ...['order', 'quantity', 'confirm', 'item'].map((id) => document.getElementById(id))];
        return parts.filter((part) => {
            const box = part.getBoundingClientRect();
            const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return !part.contains(seen);
        }).map(({ id, className, localName }) => id || className || localName)";
    on_screens(&page, |screen| {
        page.script("scrollTo(0, 0)", &[]);
        page.script(
            "document.querySelector('#lines li:nth-child(8)').scrollIntoView({ block: 'nearest' })",
            &[],
        );
        assert_eq!(page.script(covered, &[]), json!([]), "on {screen}");
        assert_eq!(page.script("return scrollY", &[]), json!(0), "on {screen}");
    });
    page.script("document.getElementById('lines').scrollTop = 0", &[]);
    page.scan_item("A-8");
    sleep(DRAWN);
    assert_eq!(page.script(covered, &[]), json!([]), "the line that was scanned is seen");
}

#[test]
fn no_mode_and_no_hint_moves_what_a_person_presses() {
    let gateway = Gateway::stocked(&[("A-1", 2)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    let places = "
        const at = (id) => { const { left, top, width } = document.getElementById(id).getBoundingClientRect(); return [left, top, width].map(Math.round); };
        return ['modes', 'quantity', 'confirm'].map(at)";
    on_screens(&page, |screen| {
        page.script("scrollTo(0, 0)", &[]);
        // The order folds the modes on a handheld.
        let modes = if screen.starts_with("360") { 5 } else { 6 };
        page.script("document.querySelector('#modes input').click()", &[]);
        let before = page.script(places, &[]);
        for mode in 1..=modes {
            let choose = "document.querySelectorAll('#modes input')[arguments[0]].click()";
            page.script(choose, &[json!(mode - 1)]);
            sleep(DRAWN);
            assert_eq!(page.script(places, &[]), before, "mode {mode} on {screen}");
        }
        page.script("document.querySelector('#modes input').click()", &[]);
        page.script(
            "const quantity = document.getElementById('quantity'); quantity.value = 9; quantity.dispatchEvent(new Event('input'))",
            &[],
        );
        page.until_text("#hint", "More than");
        assert_eq!(page.script(places, &[]), before, "a hint on {screen}");
    });
}

#[test]
fn whatever_the_button_says_its_height_is_the_same() {
    let gateway = Gateway::stocked(&[("A-1", 20)]);
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    let height = "
        const confirm = document.getElementById('confirm');
        return [confirm.offsetHeight, confirm.scrollWidth <= confirm.clientWidth + 1]";
    on_screens(&page, |screen| {
        for language in ["en", "de", "fr", "es", "pl"] {
            let speak = "const field = document.getElementById('language'); field.value = arguments[0]; field.dispatchEvent(new Event('change'))";
            page.script(speak, &[json!(language)]);
            sleep(DRAWN);
            for quantity in ["1", "12345678"] {
                for mode in 0..5 {
                    let enter = "
                        document.querySelectorAll('#modes input')[arguments[0]].click();
                        const field = document.getElementById('quantity');
                        field.value = arguments[1];
                        field.dispatchEvent(new Event('input'))";
                    page.script(enter, &[json!(mode), json!(quantity)]);
                    let laid = page.script(height, &[]);
                    assert_eq!(laid, json!([56, true]), "{quantity}, {mode}, {language}, {screen}");
                }
            }
        }
    });
}

#[test]
fn the_sentence_of_the_link_is_never_cut() {
    let gateway = Gateway::start();
    let page = Page::open(&gateway);
    let cut = "
        const texts = await (await fetch(`page/${arguments[0]}.json`)).json();
        const formOf = (text) => text.many ?? text.other ?? text;
        const write = (key, values) => formOf(texts[key]).replace(/\\{(\\w+)\\}/g, (_, name) => values[name]);
        const [time, count] = [`12\\u00a0${texts['unit.min']}`, '1,234'];
        const reasons = Object.keys(texts).filter((key) => key.startsWith('reason.'));
        const sentences = [
            ...['locked', 'foreign', 'noSaving', 'disabled', 'online', 'connecting'].map((key) => write(key, {})),
            ...reasons.map((key) => `${write('offline', { time, why: texts[key] })} ${write('offlinePending', { count })}`),
            ...['lostKept', 'lostNote'].map((key) => `${write('lost', { time })} ${write(key, { count: '12' })}`),
        ];
        const element = document.getElementById('sentence');
        return sentences.filter((sentence) => {
            element.textContent = sentence;
            return element.scrollHeight > element.clientHeight + 1;
        })";
    on_screens(&page, |screen| {
        for language in ["en", "de", "zh", "fr", "es", "pl"] {
            let found = page.promise(cut, &[json!(language)]);
            assert_eq!(found, json!([]), "{language} on {screen}");
        }
    });
}
