//! What an operator feels and sees from the corner of an eye, and what the browser offers to install.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::driver::ENTER;
use super::page::Page;
use crate::support::gateway::Gateway;
use crate::support::patience::until;

/// Records the vibrations that the page asks for.
const FEEL: &str = "window.felt = []; navigator.vibrate = (pattern) => window.felt.push(pattern)";
/// The least contrast of the field to its panel, and of a text to the field, for each outcome.
const CONTRAST: &str = "
    const light = (colour) => {
        const [red, green, blue] = colour.match(/[\\d.]+/g).map((value) => value / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ratio = (one, other) => (Math.max(light(one), light(other)) + 0.05) / (Math.min(light(one), light(other)) + 0.05);
    const style = (css) => getComputedStyle(document.querySelector(css));
    return Math.min(...['good', 'bad'].map((alarm) => {
        document.body.dataset.alarm = alarm;
        const field = style('#item').backgroundColor;
        return Math.min(ratio(field, style('#work').backgroundColor), ratio(field, style('#available strong').color));
    }))";

fn stocked() -> Gateway {
    Gateway::stocked(&[("A-1", 20), ("22423", 3)])
}

fn alarm(page: &Page) -> String {
    page.attribute("body", "data-alarm")
}

fn refuse(page: &Page) {
    page.scan_item("22423");
    page.type_slowly(&format!("9{ENTER}"));
    page.until_text("#result", "Refused");
    until("it is seen", || alarm(page) == "bad");
}

#[test]
fn outcomes_are_felt_and_told_apart() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    // Browsers vibrate once a person has touched the page.
    page.click("#item");
    page.script(FEEL, &[]);
    let felt = || page.script("return window.felt.splice(0)", &[]);

    page.scan_item("A-1");
    page.press(ENTER);
    page.until_text("#result", "1 picked");
    assert_eq!(felt(), json!([[60], [60]]), "found, and booked");
    refuse(&page);

    assert_eq!(felt(), json!([[60], [250, 100, 250]]), "found, and refused");
}

#[test]
fn a_touch_acknowledges_a_failure() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.resize(360, 640, 1, true);
    refuse(&page);
    sleep(Duration::from_millis(400));
    assert_eq!(alarm(&page), "bad");

    page.touch("#item");

    until("a touch acknowledges it", || alarm(&page).is_empty());
}

#[test]
fn the_colour_of_an_outcome_is_strong() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.scan_item("A-1");
    for scheme in ["light", "dark"] {
        page.prefer_colors(scheme);
        let least = page.script(CONTRAST, &[]).as_f64().unwrap();
        assert!(least >= 3.0, "{least} to 1, {scheme}");
    }
}

#[test]
fn the_volume_is_kept() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    let set = "const volume = document.getElementById('volume');
        volume.value = '30'; volume.dispatchEvent(new Event('change'))";
    page.script(set, &[]);
    page.reload();
    page.until_connected();

    assert_eq!(page.value("#volume"), "30");
}

#[test]
fn the_page_can_be_installed() {
    let gateway = stocked();
    let page = Page::open(&gateway);
    page.promise("await navigator.serviceWorker.ready; return true", &[]);
    let manifest = page.command("Page.getAppManifest", &json!({}));
    assert_eq!(manifest["errors"], json!([]), "{manifest}");

    let errors = page.command("Page.getInstallabilityErrors", &json!({}));
    assert_eq!(errors["installabilityErrors"], json!([]));
}
