//! A browser for a test: headless Chromium, driven over WebDriver.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::support::daemon::Daemon;
use crate::support::patience::{patience, until};
use crate::support::process::free_port;

/// The key with which WebDriver identifies an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const SHIFT: char = '\u{e008}';
const CONTROL: char = '\u{e009}';
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ESCAPE: &str = "\u{e00c}";
pub(super) const HOME: &str = "\u{e011}";
pub(super) const F4: &str = "\u{e034}";
pub(super) const F8: &str = "\u{e038}";
pub(super) const F9: &str = "\u{e039}";

pub(super) struct Browser {
    agent: Agent,
    session: String,
    /// Dropped after the session, which ends Chromium.
    _driver: Daemon,
    _dir: TempDir,
}

impl Browser {
    pub(super) fn start() -> Self {
        Self::speaking("en-US")
    }

    /// A browser whose user prefers these languages.
    pub(super) fn speaking(languages: &str) -> Self {
        Self::start_with(languages, &[])
    }

    /// The same with more arguments.
    pub(super) fn start_with(languages: &str, arguments: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience()))
            .max_idle_connections(0)
            .proxy(None)
            .build();
        let agent = config.new_agent();
        let base = format!("http://127.0.0.1:{port}");
        let mut driver = Daemon::new("chromedriver", dir.path().join("chromedriver.log"));
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let is_ready = || {
            let status = agent.get(&format!("{base}/status")).call();
            status.is_ok_and(|mut status| {
                let status: Value = status.body_mut().read_json().unwrap();
                status["value"]["ready"] == true
            })
        };
        driver.launch(command, is_ready);
        let asked = capabilities(&dir.path().join("profile"), languages, arguments);
        let opened = send(&agent, &format!("{base}/session"), &asked);
        let id = opened["sessionId"].as_str().expect("a session").to_owned();
        Self { agent, session: format!("{base}/session/{id}"), _driver: driver, _dir: dir }
    }

    pub(super) fn go(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    pub(super) fn reload(&self) {
        self.post("refresh", &json!({}));
    }

    /// The result of a script.
    pub(super) fn script(&self, text: &str, arguments: &[Value]) -> Value {
        self.post("execute/sync", &json!({"script": text, "args": arguments}))
    }

    /// The result of a script's promise.
    pub(super) fn promise(&self, text: &str, arguments: &[Value]) -> Value {
        let text = format!(
            "const done = arguments[arguments.length - 1];
             (async (...arguments) => {{ {text} }})(...arguments).then(done, (error) => done(String(error)));"
        );
        self.post("execute/async", &json!({"script": text, "args": arguments}))
    }

    /// Clicks an element in the middle of the screen, where nothing that stays at an edge covers it.
    pub(super) fn click(&self, css: &str) {
        let scroll = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })";
        self.script(scroll, &[json!(css)]);
        let element = self.find(css);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Focuses an element and types into it.
    pub(super) fn type_into(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.post(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Presses keys at the current focus, as fast as a scanner.
    pub(super) fn press(&self, keys: &str) {
        self.press_with_pauses(keys, 0);
    }

    /// The same with the modifiers that a scanner sends: Shift for a capital letter, Control and ]
    /// for the separator of GS1 codes.
    pub(super) fn press_as_scanner(&self, keys: &str) {
        let steps = keys.chars().flat_map(|key| match key {
            '\u{1d}' => held(CONTROL, ']'),
            'A'..='Z' => held(SHIFT, key),
            _ => pressed(key).to_vec(),
        });
        self.act(steps.collect());
    }

    /// Presses keys as a person does.
    pub(super) fn type_slowly(&self, keys: &str) {
        self.press_with_pauses(keys, 120);
    }

    /// Touches an element with a finger.
    pub(super) fn touch(&self, css: &str) {
        let place = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)]";
        let place = self.script(place, &[json!(css)]);
        let steps = json!([
            {"type": "pointerMove", "duration": 0, "x": place[0], "y": place[1]},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]);
        let finger = json!({"type": "pointer", "id": "finger", "parameters": {"pointerType": "touch"}, "actions": steps});
        self.post("actions", &json!({"actions": [finger]}));
    }

    /// Inserts text at the focus without keys, as the input method of an Android scanner does.
    pub(super) fn insert(&self, text: &str) {
        self.command("Input.insertText", &json!({"text": text}));
    }

    fn press_with_pauses(&self, keys: &str, pause_ms: u64) {
        let pause = json!({"type": "pause", "duration": pause_ms});
        let steps =
            keys.chars().flat_map(|key| [&pressed(key)[..], std::slice::from_ref(&pause)].concat());
        self.act(steps.collect());
    }

    fn act(&self, steps: Vec<Value>) {
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": steps}]});
        self.post("actions", &actions);
    }

    /// The visible text of the first element that matches.
    pub(super) fn text(&self, css: &str) -> String {
        let text = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.script(text, &[json!(css)]).as_str().unwrap().replace('\u{a0}', " ")
    }

    pub(super) fn attribute(&self, css: &str, name: &str) -> String {
        let text = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? ''";
        self.script(text, &[json!(css), json!(name)]).as_str().unwrap().to_owned()
    }

    pub(super) fn is_shown(&self, css: &str) -> bool {
        let text = "return Boolean(document.querySelector(arguments[0])?.checkVisibility())";
        self.script(text, &[json!(css)]) == true
    }

    /// The id of the focused element.
    pub(super) fn focused(&self) -> String {
        self.script("return document.activeElement?.id ?? ''", &[]).as_str().unwrap().to_owned()
    }

    pub(super) fn until_text(&self, css: &str, words: &str) {
        let mut last = String::new();
        let what = format!("{css} says {words:?}");
        let says = || {
            last = self.text(css);
            last.contains(words)
        };
        let waited = std::panic::AssertUnwindSafe(|| until(&what, says));
        if let Err(panic) = std::panic::catch_unwind(waited) {
            eprintln!("{css} said: {last:?}");
            std::panic::resume_unwind(panic);
        }
    }

    /// Emulates a screen of this size and pixel ratio.
    pub(super) fn resize(&self, width: u32, height: u32, scale: u32, mobile: bool) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile,
        });
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
        self.command("Emulation.setTouchEmulationEnabled", &json!({"enabled": mobile}));
    }

    pub(super) fn prefer_colors(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.command("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Saves a picture of the whole page.
    pub(super) fn photograph(&self, name: &str) {
        self.script("scrollTo(0, 0)", &[]);
        self.capture(name, true);
    }

    /// Saves a picture of what the screen shows.
    pub(super) fn photograph_view(&self, name: &str) {
        self.capture(name, false);
    }

    fn capture(&self, name: &str, is_whole: bool) {
        let picture = json!({"format": "png", "captureBeyondViewport": is_whole});
        let data = self.command("Page.captureScreenshot", &picture)["data"].take();
        let dir = target().join("screenshots");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{name}.png")), decode(data.as_str().unwrap())).unwrap();
    }

    /// Sends a command of Chromium's own protocol.
    pub(super) fn command(&self, name: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    fn find(&self, css: &str) -> String {
        let found = self.post("element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        send(&self.agent, &format!("{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without this Chromium would survive its driver.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn pressed(key: char) -> [Value; 2] {
    ["keyDown", "keyUp"].map(|step| json!({"type": step, "value": key}))
}

fn held(modifier: char, key: char) -> Vec<Value> {
    let [down, up] = pressed(modifier);
    [&[down][..], &pressed(key), &[up]].concat()
}

/// The build directory of cargo.
pub(super) fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn capabilities(profile: &Path, languages: &str, more: &[&str]) -> Value {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--no-first-run".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--no-proxy-server".to_owned(),
        "--window-size=1366,768".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--accept-lang={languages}"),
    ];
    arguments.extend(more.iter().map(ToString::to_string));
    let options = json!({
        "args": arguments,
        "prefs": {"intl.accept_languages": languages},
    });
    let browser = json!({"browserName": "chrome", "goog:chromeOptions": options});
    json!({"capabilities": {"alwaysMatch": browser}})
}

fn send(agent: &Agent, url: &str, body: &Value) -> Value {
    let mut answer = agent
        .post(url)
        .send_json(body)
        .unwrap_or_else(|error| panic!("chromedriver does not answer {url}: {error}"));
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    assert!(status.is_success(), "{url}: {text}");
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    answer["value"].take()
}

/// Decodes base64, the encoding of screenshots.
fn decode(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for character in text.bytes().filter(|character| *character != b'=') {
        let value = alphabet.iter().position(|known| *known == character).expect("base64");
        held = (held << 6) | u32::try_from(value).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap());
        }
    }
    bytes
}

/// Longer than the page takes to draw.
pub(super) const DRAWN: Duration = Duration::from_millis(250);
