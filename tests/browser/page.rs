//! The terminal page as its users know it.

use std::ops::Deref;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::driver::{Browser, ENTER};
use crate::support::gateway::Gateway;
use crate::support::patience::until;

/// The newest of the last operations.
pub(super) const NEWEST: &str = "#operations li:first-child";

/// Presses keys, and does with those that nobody takes what a browser does.
const SCANNER: &str = "
    let at = performance.now();
    for (const key of [...arguments[0], 'Enter']) {
        const field = document.activeElement;
        const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
        Object.defineProperty(event, 'timeStamp', { value: at += 1 });
        if (!field.dispatchEvent(event)) continue;
        if (key !== 'Enter') document.execCommand('insertText', false, key);
        else if (field.matches('button')) field.click();
        else field.form?.requestSubmit();
    }";
/// A hand is not as quick with the next Enter, which the page would take for the scanner's.
const ECHO: Duration = Duration::from_millis(350);

pub(super) struct Page {
    browser: Browser,
}

impl Deref for Page {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Page {
    /// The page of a gateway, connected.
    pub(super) fn open(gateway: &Gateway) -> Self {
        let page = Self::of(Browser::start(), &format!("{}/", gateway.url()));
        page.until_connected();
        page
    }

    pub(super) fn of(browser: Browser, url: &str) -> Self {
        browser.go(url);
        Self { browser }
    }

    pub(super) fn until_connected(&self) {
        self.until_link(&["online", "offline", "disabled"]);
    }

    /// Waits until the banner shows one of these states.
    pub(super) fn until_link(&self, states: &[&str]) {
        until(&format!("the link is {states:?}"), || {
            states.contains(&self.attribute("#banner", "data-state").as_str())
        });
    }

    /// What a scanner does. On a busy machine the browser's own keys come as slowly as a hand's, so
    /// these are made in the page, a millisecond apart by their own account.
    pub(super) fn scan(&self, code: &str) {
        self.script(SCANNER, &[json!(code)]);
        sleep(ECHO);
    }

    /// The same with the browser's own keys.
    pub(super) fn scan_with_keys(&self, code: &str) {
        self.press(&format!("{code}{ENTER}"));
        sleep(ECHO);
    }

    /// Scans an item and waits until it is shown.
    pub(super) fn scan_item(&self, sku: &str) {
        self.scan(sku);
        self.until_item(sku);
    }

    pub(super) fn until_item(&self, sku: &str) {
        until(&format!("{sku} is shown"), || {
            self.text("#sku") == sku && self.attribute("#item", "data-state") != "searching"
        });
    }

    /// Waits until the newest operation has a state.
    pub(super) fn until_newest(&self, state: &str) {
        until(&format!("the newest operation is {state}"), || {
            self.attribute(NEWEST, "data-state") == state
        });
    }

    pub(super) fn until_available(&self, figure: &str) {
        until(&format!("{figure} are available"), || self.text("#available strong") == figure);
    }

    /// The request id of the newest operation.
    pub(super) fn newest_id(&self) -> String {
        self.attribute(NEWEST, "data-request-id")
    }

    /// What this browser keeps of operations that are decided, the newest first.
    pub(super) fn history(&self) -> Value {
        let text = "return JSON.parse(localStorage.getItem('stockgate.history') ?? '[]')";
        self.script(text, &[])
    }

    /// How many requests this browser keeps until they are answered.
    pub(super) fn kept(&self) -> usize {
        let text = "return Object.keys(localStorage).filter((key) => key.startsWith('stockgate.request.'))";
        self.script(text, &[]).as_array().unwrap().len()
    }

    /// Presses the button of the newest operation that says this.
    pub(super) fn press_button(&self, label: &str) {
        let text = "const [row, label] = arguments;
            const buttons = [...document.querySelectorAll(`${row} button`)];
            buttons.find((button) => !button.hidden && button.innerText === label).click()";
        self.script(text, &[json!(NEWEST), json!(label)]);
    }
}
