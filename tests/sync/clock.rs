//! Wall clocks that are wrong or jump: nothing is decided by them, and they are reported. They are
//! simulated with libfaketime, on the program as cargo has built it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::pair::{Pair, until_reason};
use crate::support::bodies::{one, with};
use crate::support::broker::{Broker, section};
use crate::support::certificates::Authority;
use crate::support::clock::library;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{throughout, until};
use crate::support::postgres::Postgres;
use crate::support::process::free_port;
use crate::support::program::Program;
use crate::support::terminal::{Terminal, number};

/// A wall clock that can be set while a program runs. The monotonic clock is the real one.
struct Wall {
    dir: TempDir,
}

impl Wall {
    /// `offset` in the notation of libfaketime, such as `-56y`.
    fn showing(offset: &str) -> Self {
        let wall = Self { dir: TempDir::new().unwrap() };
        wall.set(offset);
        wall
    }

    fn set(&self, offset: &str) {
        // Replaced in one step: the program must not read half of it.
        let new = self.dir.path().join("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("offset")
    }

    /// What has a program see this clock.
    fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    fn give_to(&self, gateway: &mut Gateway) {
        self.variables().iter().for_each(|(name, value)| gateway.set_env(name, value));
    }
}

/// The static files cannot load a library.
fn program() -> Program {
    Program::at(Path::new(env!("CARGO_BIN_EXE_stockgate")))
}

fn pair_with(wall: &Wall) -> Pair {
    let broker = Broker::start();
    let hub = Hub::start(&broker);
    let mut gateway = Gateway::prepare_with(program(), &broker.section());
    wall.give_to(&mut gateway);
    gateway.launch();
    Pair { gateway, hub, broker }
}

#[test]
fn a_start_in_1970_is_reported_and_a_late_correction_disturbs_nothing() {
    let wall = Wall::showing("-56y");
    let mut pair = pair_with(&wall);
    let mut http = pair.gateway.http();
    http.ok("restock", one("in", "A", 10));
    http.ok("reserve", with(one("held", "A", 3), "ttl_s", 600));
    pair.broker.kill9();
    http.ok("deduct", one("early", "A", 1));
    assert_eq!(http.metric("stockgate_clock_trusted"), 0);

    wall.set("+0");
    http.ok("deduct", one("late", "A", 2));
    assert_eq!(http.metric("stockgate_clock_trusted"), 1);
    assert!(number(&pair.gateway.sync(), "oldest_pending_s") < 600, "{}", pair.gateway.sync());
    assert_eq!(http.figures("A"), (7, 3), "the reservation has not ended");
    pair.gateway.restart();
    assert_eq!(pair.gateway.http().figures("A"), (7, 3), "nor by a restart");
    pair.broker.launch();

    pair.assert_in_step();
    let told: Vec<_> = pair.gateway.http().ledger().iter().map(|it| it["clock"].clone()).collect();
    let untrusted = json!("untrusted");
    assert_eq!(told[..3], [untrusted.clone(), untrusted.clone(), untrusted]);
    assert!(told[3].is_null(), "the right time is not worth a word: {told:?}");
}

#[test]
fn reservations_end_by_running_time_however_the_clock_jumps() {
    for offset in ["+13y", "-9y"] {
        let wall = Wall::showing("+0");
        let pair = pair_with(&wall);
        let mut http = pair.gateway.http();
        http.ok("restock", one("in", "A", 10));
        http.ok("reserve", with(one("short", "A", 3), "ttl_s", 4));
        http.ok("reserve", with(one("long", "A", 2), "ttl_s", 600));
        wall.set(offset);
        assert_eq!(http.figures("A"), (10, 5), "{offset}");
        until("the short one ends", || http.figures("A") == (10, 2));
        wall.set("+0");
        http.ok("deduct", one("back", "A", 1));
        pair.assert_in_step();
        let seqs: Vec<_> = http.ledger().iter().map(|entry| number(entry, "seq")).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5], "{offset}: order is by sequence");
    }
}

#[test]
fn a_reservation_survives_a_restart_without_a_clock() {
    let wall = Wall::showing("+0");
    let mut pair = pair_with(&wall);
    let mut http = pair.gateway.http();
    http.ok("restock", one("in", "A", 10));
    http.ok("reserve", with(one("held", "A", 3), "ttl_s", 8));
    pair.gateway.kill9();
    wall.set("-56y");
    pair.gateway.launch();
    assert_eq!(http.figures("A"), (10, 3));
    until("it ends by running time", || http.figures("A") == (10, 0));
    pair.assert_in_step();
}

#[test]
fn a_gateway_works_in_2039() {
    let wall = Wall::showing("+13y");
    let mut pair = pair_with(&wall);
    pair.gateway.http().ok("restock", one("in", "A", 10));
    pair.gateway.restart();
    pair.gateway.http().ok("deduct", one("out", "A", 1));
    pair.assert_in_step();
}

#[test]
fn tls_that_fails_for_the_clock_says_so() {
    let authority = Authority::new();
    let server = authority.sign("broker", "IP:127.0.0.1");
    let port = free_port();
    let extra = format!(
        "allow_anonymous true\nlistener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
        server.certificate.display(),
        server.key.display()
    );
    let _broker = Broker::start_with(&extra);
    let ca = authority.file();
    let mqtt = section(&format!("mqtts://127.0.0.1:{port}"), &[("ca_file", ca.to_str().unwrap())]);
    for (offset, words) in
        [("-56y", "is not valid yet (from "), ("+13y", "if that is wrong, set the clock")]
    {
        let wall = Wall::showing(offset);
        let mut gateway = Gateway::prepare_with(program(), &mqtt);
        wall.give_to(&mut gateway);
        gateway.launch();
        until_reason(&gateway, words);
        assert!(gateway.log().contains(words), "the log names it too");
    }
}

/// Its own clock and that of SQLite are the same; only what was booked says what time it is.
#[test]
fn a_hub_whose_clock_is_years_ahead_removes_nothing_from_its_books() {
    let (broker, wall) = (Broker::start(), Wall::showing("+10y"));
    let keys = format!("ledger_retention_days = 30\n{}", broker.section());
    let mut hub = Hub::start_as(hub_program(), &keys);
    assert_eq!(hub.http().post("/api/receipts", &one("po", "A", 9)).status, 200);
    hub.terminate();
    wall.variables().iter().for_each(|(name, value)| hub.set_env(name, value));
    hub.launch();
    let assert_kept = |hub: &Hub, count: usize| {
        throughout(Duration::from_secs(2), || {
            let page = hub.http().get("/api/events?after=0").json();
            assert_eq!(page["events"].as_array().unwrap().len(), count, "{page}");
        });
    };
    assert_kept(&hub, 1);
    assert_eq!(hub.http().post("/api/receipts", &one("po-2", "A", 9)).status, 200);
    let last = hub.http().get("/api/ledger").json()["entries"][1]["at"].clone();
    assert!(last.as_str().unwrap() > "2036", "that is what its clock shows: {last}");
    // It looks for old entries when it starts: what it has booked itself does not say what time it is.
    hub.restart();
    assert_kept(&hub, 2);
}

/// With PostgreSQL they end by the clock of the server, with SQLite by one that nobody sets.
#[test]
fn reservations_in_the_pool_end_in_time_however_the_clock_of_the_hub_jumps() {
    let postgres = Postgres::start();
    for (store, offset) in [(None, "+13y"), (None, "-9y"), (Some(postgres.url()), "+13y")] {
        let wall = Wall::showing("+0");
        let mut hub = Hub::prepare_at(hub_program(), store.as_deref(), "");
        wall.variables().iter().for_each(|(name, value)| hub.set_env(name, value));
        hub.launch();
        let http = hub.http();
        assert_eq!(http.post("/api/receipts", &one("po", "A", 10)).status, 200);
        let reserve = |id: &str, units: u64, ttl_s: u64| {
            let answer = http.post("/api/reservations", &with(one(id, "A", units), "ttl_s", ttl_s));
            assert_eq!(answer.status, 201, "{answer:?}");
        };
        reserve("short", 3, 15);
        reserve("long", 2, 600);
        wall.set(offset);
        let reserved = || hub.stock("A")["reserved"].clone();
        assert_eq!(reserved(), 5, "{offset}");
        until("the short one ends", || reserved() == 2);
        let left = http.get("/api/reservations").json()["items"][0]["expires_in_s"].clone();
        assert!((500..=600).contains(&left.as_u64().unwrap()), "{offset}: {left}");
        reserve("later", 1, 2);
        until("the later one ends", || reserved() == 2);
        assert_eq!(http.get("/api/reservations/long").json()["state"], "open", "{offset}");
        let commit = http.post("/api/reservations/long/commit", &json!({}));
        assert_eq!(commit.status, 200, "{offset}: {commit:?}");
    }
}

fn hub_program() -> Program {
    Program::at(Path::new(env!("CARGO_BIN_EXE_stockgate-hub")))
}
