//! `stockgate watch`, and the output formats that scripts read.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::{many, one};
use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{run_to_end, wait};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal;

const LIMIT: Duration = Duration::from_secs(30);

/// A running watch with its output in a file.
struct Watch {
    child: Child,
    output: PathBuf,
}

impl Watch {
    fn start(gateway: &Gateway, more: &[&str]) -> Self {
        let output = gateway.dir().join("watched");
        let mut command = watching(gateway, more);
        command.stdout(fs::File::create(&output).unwrap());
        Self { child: command.spawn().unwrap(), output }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    fn until_it_shows(&self, part: &str) {
        until(&format!("the watch shows {part}"), || self.text().contains(part));
    }

    fn interrupt(mut self) -> ExitStatus {
        signal(&self.child, "INT");
        wait(&mut self.child, LIMIT).expect("Ctrl-C ends it")
    }
}

fn signal(child: &Child, name: &str) {
    let arguments = [format!("-{name}"), child.id().to_string()];
    assert!(Command::new("kill").args(arguments).status().unwrap().success());
}

fn watching(gateway: &Gateway, more: &[&str]) -> Command {
    let mut command = stockgate();
    command.arg("watch").args(more).args(["--url", &gateway.url()]).stderr(Stdio::null());
    command
}

#[test]
fn watch_prints_one_line_an_event_and_reconnects() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    let watch = Watch::start(&gateway, &[]);
    watch.until_it_shows("-- wh-01/gw-01: no hub is configured");
    gateway.http().ok("restock", one("r1", "SEEN", 3));
    watch.until_it_shows("SEEN");

    gateway.kill9();
    watch.until_it_shows("-- the gateway cannot be reached, trying again");
    gateway.launch();
    gateway.http().ok("restock", one("r2", "AFTER", 3));
    watch.until_it_shows("AFTER");

    let seen = watch.text().lines().filter(|line| line.starts_with("SEEN ")).count();
    assert_eq!(seen, 1, "what was seen is not told again: {}", watch.text());
    assert_eq!(watch.interrupt().code(), Some(0));
}

#[test]
fn watch_json_prints_the_gateways_events_and_lost_connections() {
    let mut gateway = Gateway::stocked(&[("A1", 5), ("B", 7)]);
    let watch = Watch::start(&gateway, &["--json", "--prefix", "A"]);
    watch.until_it_shows("\"A1\"");
    gateway.restart();
    watch.until_it_shows("\"lost\"");
    until("the watch is back", || watch.text().matches("\"hello\"").count() == 2);
    gateway.http().ok("deduct", many("d1", &[("A1", 1), ("B", 1)]));
    watch.until_it_shows("\"on_hand\":4");

    let text = watch.text();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds.contains(&"stock")), ("hello", true), "{kinds:?}");
    assert!(!text.contains("\"B\""), "{text}");
    assert_eq!(watch.interrupt().code(), Some(0));
}

#[test]
fn watch_ends_quietly_when_its_output_is_closed() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    for more in [&["--json"][..], &[]] {
        let mut child = watching(&gateway, more).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        drop(output);
        // Nothing happens at the gateway: only the closed pipe ends it.
        let ended = wait(&mut child, LIMIT).expect("it ends");
        assert_eq!((ended.code(), ended.signal()), (Some(0), None), "{more:?}");
    }
}

/// A watch on a terminal of its own, and what it has drawn.
struct Drawn {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Drawn {
    fn start(gateway: &Gateway) -> Self {
        let stockgate = stockgate();
        let words = std::iter::once(stockgate.get_program()).chain(stockgate.get_args());
        let program: Vec<String> = words.map(|word| format!("{word:?}")).collect();
        // Without `exec` some shells stay in between and receive the signal.
        let watch = format!("exec {} watch --url {}", program.join(" "), gateway.url());
        let mut command = Command::new("script");
        command.env("SHELL", "/bin/sh").env_remove("NO_COLOR").env("TERM", "xterm");
        command.args(["--quiet", "--return", "--command", &watch, "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("Debian's bsdutils are there");
        let mut stdout = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let shown_there = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                shown_there.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, shown, reader }
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// The last frame that was drawn as a whole.
    fn frame(&self) -> String {
        self.screen().rsplit("\x1b[H").next().unwrap_or_default().to_owned()
    }

    fn press(&mut self, key: &str) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(key.as_bytes()).and_then(|()| keyboard.flush()).unwrap();
    }

    /// Everything that it drew, once it has ended well.
    fn ended(mut self, why: &str) -> String {
        assert_eq!(wait(&mut self.child, LIMIT).expect(why).code(), Some(0));
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs script and pgrep: scripts/test")]
fn watch_on_a_terminal_draws_in_place_and_restores_the_terminal() {
    let gateway = Gateway::stocked(&[("PLENTY", 500), ("FEW", 3)]);
    let drawn = Drawn::start(&gateway);
    until("the board is drawn", || drawn.screen().contains("FEW"));
    gateway.http().ok("deduct", one("d1", "PLENTY", 7));
    until("the change is drawn", || drawn.screen().contains("493"));
    let inner = Command::new("pgrep").args(["-P", &drawn.child.id().to_string()]).output().unwrap();
    let inner = String::from_utf8(inner.stdout).unwrap();
    assert!(Command::new("kill").args(["-INT", inner.trim()]).status().unwrap().success());
    let screen = drawn.ended("Ctrl-C ends it");

    let frames: Vec<&str> = screen.split("\x1b[H").collect();
    assert!(frames.len() > 2, "{screen:?}");
    let last = frames.last().unwrap();
    for part in ["wh-01/gw-01", "2 SKUs", "10 or fewer available: 1 SKUs", "FEW", "-7", "493"] {
        assert!(last.contains(part), "{part}: {last:?}");
    }
    assert!(screen.starts_with("\x1b[?1049h") && screen.ends_with("\x1b[?25h\x1b[?1049l"));
}

#[test]
fn watch_shows_names_and_decimals() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![named("A", "Lamp, white", &[]), measured("KG", "kg", 3, &[])]);
    let watch = Watch::start(&gateway, &[]);
    watch.until_it_shows("Lamp, white");
    gateway.http().ok("restock", json!({"request_id": "in", "sku": "KG", "quantity": 1.25}));
    watch.until_it_shows("1.25");

    let text = watch.text();
    let row = text.lines().rfind(|line| line.starts_with("KG ")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["KG", "1.25", "1.25", "0", "KG", "by", "kg", "[kg]"]);
    assert_eq!(watch.interrupt().code(), Some(0));
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs script: scripts/test")]
fn the_board_shows_names() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    list(&mut gateway, vec![named("A", "Lamp, white", &[])]);
    let mut drawn = Drawn::start(&gateway);
    until("it has a name", || drawn.frame().contains("Lamp, white"));
    gateway.http().ok("deduct", one("d1", "A", 1));
    until("a change has one", || drawn.frame().matches("Lamp, white").count() == 2);
    drawn.press("q");
    drawn.ended("q ends it");
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs script: scripts/test")]
fn the_keys_of_the_board_explain_and_end_it_and_its_lines_have_colours() {
    let gateway = Gateway::stocked(&[("PLENTY", 500), ("GONE", 3)]);
    gateway.http().ok("deduct", one("d1", "GONE", 3));
    let mut drawn = Drawn::start(&gateway);
    until("the board is drawn", || drawn.frame().contains("GONE"));
    assert!(drawn.frame().contains("\x1b[31m  GONE"), "{:?}", drawn.frame());
    drawn.press("?");
    until("it is explained", || drawn.frame().contains("second line"));
    drawn.press("?");
    until("the board is back", || drawn.frame().contains("GONE"));
    drawn.press("q");

    assert!(drawn.ended("q ends it").ends_with("\x1b[?25h\x1b[?1049l"));
}

#[test]
fn stock_status_and_ledger_have_shapes_that_scripts_can_rely_on() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let ask = |arguments: &[&str]| {
        let ended =
            run_to_end(stockgate().args(arguments).args(["--json", "--url", &gateway.url()]));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        let lines = ended.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let item = json!({"sku": "A", "name": null, "unit": null, "on_hand": 5, "reserved": 0,
        "available": 5, "version": 1});
    for arguments in [&["stock"][..], &["stock", "A"]] {
        assert_eq!(ask(arguments), std::slice::from_ref(&item));
    }
    assert_eq!(ask(&["ledger"])[0]["kind"], "restock");
    let status = ask(&["status"]);
    assert_eq!((status.len(), &status[0]["sync"]["state"]), (1, &json!("disabled")));
}
