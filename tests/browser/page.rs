//! The terminal page as its users operate it.

use std::ops::Deref;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::driver::{Browser, ENTER};
use crate::support::gateway::Gateway;
use crate::support::patience::until;

/// The newest of the last operations.
pub(super) const NEWEST: &str = "#operations li:first-child";

/// Presses keys this many milliseconds apart, with the modifiers of a keyboard, and applies the
/// default action of keys that the page does not handle. All key events are queued before the page
/// handles the first one, as on a slow terminal.
const KEYS: &str = "
    const [text, end, gap] = arguments;
    let at = performance.now();
    const press = (key, held) => {
        const field = document.activeElement;
        const event = new KeyboardEvent('keydown', { key, ...held, bubbles: true, cancelable: true });
        Object.defineProperty(event, 'timeStamp', { value: at });
        if (!field.dispatchEvent(event)) return;
        if (key.length === 1 && !held.ctrlKey) document.execCommand('insertText', false, key);
        else if (key === 'Enter' && field.matches('button')) field.click();
        else if (key === 'Enter') field.form?.requestSubmit();
    };
    for (const key of [...text, end]) {
        at += gap;
        if (key === '\\u001d') {
            press('Control', { ctrlKey: true });
            press(']', { ctrlKey: true });
        } else {
            const shiftKey = /^[A-Z!-&(-+:<>?@^_{-~]$/.test(key);
            if (shiftKey) press('Shift', { shiftKey });
            press(key, { shiftKey });
        }
    }";
/// Presses keys one by one as given, each so many milliseconds after the one before.
const STROKES: &str = "
    let at = performance.now();
    for (const { key, gap, code, alt, caps } of arguments[0]) {
        at += gap;
        const field = document.activeElement;
        const shiftKey = caps && /[a-z]/.test(key);
        const event = new KeyboardEvent('keydown', { key, code, altKey: alt, shiftKey, modifierCapsLock: caps, bubbles: true, cancelable: true });
        Object.defineProperty(event, 'timeStamp', { value: at });
        if (!field.dispatchEvent(event)) continue;
        if (key.length === 1) document.execCommand('insertText', false, key);
        else if (key === 'Enter' && field.matches('button')) field.click();
        else if (key === 'Enter') field.form?.requestSubmit();
    }";
/// Answers the next request of a kind with an error instead of sending it. `window.asked` collects
/// the ids of all requests of that kind.
pub(super) const ANSWER_ONCE: &str = "
    const [kind, code] = arguments;
    const send = window.send ??= WebSocket.prototype.send;
    window.asked = [];
    WebSocket.prototype.send = function (text) {
        const { id, op, request_id } = JSON.parse(text);
        if (op === kind) window.asked.push(request_id ?? null);
        if (op !== kind || window.asked.length > 1) return send.call(this, text);
        const data = JSON.stringify({ id, ok: false, error: { code, message: 'later', replayed: false } });
        setTimeout(() => this.onmessage(new MessageEvent('message', { data })), 0);
    }";
/// Longer than a scanner takes between the code and its Enter.
const ECHO: Duration = Duration::from_millis(350);
/// Longer than a function key that begins a scan is before it.
const HAND: Duration = Duration::from_millis(60);

/// One key press of a scanner.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    key: String,
    gap_ms: u64,
    code: String,
    alt: bool,
    caps: bool,
}

impl Stroke {
    pub(super) fn key(key: &str, gap_ms: u64) -> Self {
        Self { key: key.into(), gap_ms, code: String::new(), alt: false, caps: false }
    }

    /// The keys of a code and Enter.
    pub(super) fn each(code: &str, gap_ms: u64) -> Vec<Self> {
        let keys = code.chars().map(|key| Self::key(&key.to_string(), gap_ms));
        keys.chain([Self::key("Enter", gap_ms)]).collect()
    }

    /// The same with a pause after so many keys.
    pub(super) fn each_with_pause(
        code: &str,
        gap_ms: u64,
        after: usize,
        pause_ms: u64,
    ) -> Vec<Self> {
        let mut strokes = Self::each(code, gap_ms);
        strokes[after].gap_ms = pause_ms;
        strokes
    }

    /// The place of the key on the keyboard.
    pub(super) fn on(mut self, code: &str) -> Self {
        self.code = code.into();
        self
    }

    pub(super) fn with_alt(mut self) -> Self {
        self.alt = true;
        self
    }

    /// A key of a keyboard of the United States, which writes small letters where the scanner
    /// holds Shift.
    pub(super) fn with_caps_lock(mut self) -> Self {
        self.caps = true;
        self.code = match self.key.as_str() {
            "-" => "Minus".into(),
            key if key.len() > 1 => key.into(),
            key if key.parse::<u8>().is_ok() => format!("Digit{key}"),
            key => format!("Key{}", key.to_uppercase()),
        };
        self
    }

    fn json(&self) -> Value {
        json!({"key": self.key, "gap": self.gap_ms, "code": self.code, "alt": self.alt, "caps": self.caps})
    }
}

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
    /// The connected page of a gateway.
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

    /// Scans a code. On a busy machine the browser's own key events are as slow as a person's, so
    /// these are made in the page with timestamps one millisecond apart.
    pub(super) fn scan(&self, code: &str) {
        self.scan_ended_by("Enter", code);
    }

    /// The same with a scanner that ends a code with another key.
    pub(super) fn scan_ended_by(&self, end: &str, code: &str) {
        // A person puts the hand from a key to the scanner.
        sleep(HAND);
        self.script(KEYS, &[json!(code), json!(end), json!(1)]);
        sleep(ECHO);
    }

    /// Presses these keys, and waits until a second Enter would count again.
    pub(super) fn strokes(&self, strokes: &[Stroke]) {
        sleep(HAND);
        let strokes: Vec<_> = strokes.iter().map(Stroke::json).collect();
        self.script(STROKES, &[json!(strokes)]);
        sleep(ECHO);
    }

    /// The content of a field.
    pub(super) fn value(&self, css: &str) -> String {
        let text = "return document.querySelector(arguments[0]).value";
        self.script(text, &[json!(css)]).as_str().unwrap().to_owned()
    }

    /// Types like a person, then Enter, while the page is too busy to handle the keys.
    pub(super) fn type_unseen(&self, keys: &str) {
        self.script(KEYS, &[json!(keys), json!("Enter"), json!(120)]);
    }

    /// The same with the browser's own key events.
    pub(super) fn scan_with_keys(&self, code: &str) {
        self.press_as_scanner(&format!("{code}{ENTER}"));
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

    /// The decided operations that this browser has stored, newest first.
    pub(super) fn history(&self) -> Value {
        let text = "return JSON.parse(localStorage.getItem('stockgate.history') ?? '[]')";
        self.script(text, &[])
    }

    /// The number of requests that this browser stores until they are answered.
    pub(super) fn kept(&self) -> usize {
        let text = "return Object.keys(localStorage).filter((key) => key.startsWith('stockgate.request.'))";
        self.script(text, &[]).as_array().unwrap().len()
    }

    /// Presses the button with this text of the newest operation.
    pub(super) fn press_button(&self, label: &str) {
        let text = "const [row, label] = arguments;
            const buttons = [...document.querySelectorAll(`${row} button`)];
            buttons.find((button) => !button.hidden && button.innerText === label).click()";
        self.script(text, &[json!(NEWEST), json!(label)]);
    }
}
