//! The lives of one machine: boot, check, load, power cut.

use std::sync::atomic::Ordering;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::client::{Client, Shift};
use crate::disk::visit_doctor;
use crate::judge::Judge;
use crate::machine::{Machine, TOKEN, variable};
use crate::request::seeds;
use crate::support::broker::Broker;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::terminal::{Port, Terminal, number};
use crate::writes::Rest;

const CLIENTS: [Port; 3] = [Port::WebSocket, Port::WebSocket, Port::Http];
const IN_STEP_LIMIT: Duration = Duration::from_secs(180);
/// The first hour of 2039, in seconds since 1970. Each life begins a day later.
const YEAR_2039_S: u64 = 2_177_452_800;
const DAY_S: u64 = 86_400;
/// The entries of a life before its end is near, and how long they may take.
const BUSY_ENTRIES: u64 = 500;
const BUSY_LIMIT: Duration = Duration::from_secs(90);
/// The units of each grant.
const GRANT: u64 = 5;

pub(crate) struct Run {
    machine: Machine,
    hub: Hub,
    /// Dropped after what is connected to it.
    _broker: Broker,
    clients: Vec<Client>,
    judge: Judge,
    rng: fastrand::Rng,
    year: String,
    cuts: u64,
    done: u64,
}

impl Run {
    pub(crate) fn begin() -> Self {
        let seed = variable("POWER_SEED").parse().unwrap_or_else(|_| fastrand::u64(..));
        eprintln!("--seed {seed} repeats the plan");
        let broker = Broker::start();
        let hub = Hub::start(&broker);
        let units = json!({"request_id": "in-1", "sku": "GRANTED", "quantity": 1_000_000});
        assert_eq!(hub.http().post("/api/receipts", &units).status, 200);
        let mut seeds = seeds();
        let clients = CLIENTS.iter().enumerate().map(|(number, port)| {
            let book = if number == 0 { std::mem::take(&mut seeds) } else { Vec::new() };
            let mut client = Client::new(number, *port, seed, book);
            client.token = Some(TOKEN.to_owned());
            client
        });
        Self {
            machine: Machine::new(broker.port()),
            hub,
            _broker: broker,
            clients: clients.collect(),
            judge: Judge::default(),
            rng: fastrand::Rng::with_seed(seed),
            year: variable("POWER_YEAR"),
            cuts: variable("POWER_CUTS").parse().expect("--cuts is a number"),
            done: 0,
        }
    }

    pub(crate) fn cut(&mut self) {
        eprintln!(
            "{:>3}  {:>6}  {:<12}  {:>8}  {:>8}  {:>8}  {:>9}  {:>7}  {:>7}  doctor  hub",
            "cut",
            "boot s",
            "cut at",
            "answered",
            "entries",
            "in step",
            "unflushed",
            "lost",
            "flushes"
        );
        while self.done < self.cuts {
            self.live();
            self.done += 1;
        }
    }

    /// Boots a last time and lets it settle.
    pub(crate) fn end(mut self) {
        self.machine.boot(&self.clock());
        self.machine.wait_until_ready();
        let address = self.machine.address();
        self.examine();
        self.clients.iter_mut().for_each(|client| client.settle(&address));
        self.judge.examine(&self.machine.http(), &mut self.clients);
        self.judge.examine_all(&self.machine.http());
        self.judge.examine_ids(&self.clients);
        let in_step = self.wait_until_in_step();
        let reconciled = self.hub.reconcile();
        assert_eq!(reconciled["balanced"], true, "{reconciled}");
        self.check_years();
        eprintln!(
            "after {} cuts: {} requests answered, {} entries, the same at the hub (in step after {:.0} s), its books balanced",
            self.done,
            self.answered(),
            self.judge.seq(),
            in_step.as_secs_f64()
        );
    }

    fn live(&mut self) {
        let began = Instant::now();
        self.machine.boot(&self.clock());
        // The first life has to fill the disk, and some cuts hit the boot.
        let is_early = self.done > 0 && self.rng.u8(..5) == 0;
        let (mut boot, mut in_step) = (None, None);
        if !is_early {
            self.machine.wait_until_ready();
            boot = Some(began.elapsed());
            self.examine();
            in_step = Some(self.wait_until_in_step());
            self.grant();
        }
        let wait_ms =
            if is_early { self.rng.u64(5_000..60_000) } else { self.rng.u64(1_000..15_000) };
        self.load(Duration::from_millis(wait_ms), !is_early);
        let rest = match self.rng.u8(..4) {
            0 => Rest::Nothing,
            1 => Rest::Everything,
            _ => Rest::Some(self.rng.u8(5..95)),
        };
        let replayed = self.machine.leave(rest, &mut self.rng);
        let doctor = visit_doctor(&self.machine.data(), self.machine.dir());
        let seconds = |time: Option<Duration>| {
            time.map_or("-".to_owned(), |time| format!("{:.0}", time.as_secs_f64()))
        };
        eprintln!(
            "{:>3}  {:>6}  {:<12}  {:>8}  {:>8}  {:>8}  {:>9}  {:>7}  {:>7}  {:<6}  {}",
            self.done + 1,
            seconds(boot),
            format!("{} {:.1} s", if is_early { "boot" } else { "load" }, wait_ms as f64 / 1e3),
            self.answered(),
            self.judge.seq(),
            seconds(in_step),
            replayed.unflushed,
            replayed.lost,
            replayed.flushes,
            if doctor.is_some() { "clean" } else { "-" },
            if in_step.is_some() { "equal" } else { "-" },
        );
    }

    /// Lets terminals send requests for this long; when the machine is up, waits until it is busy
    /// first.
    fn load(&mut self, duration: Duration, is_up: bool) {
        let shift = Shift::new(self.done, self.machine.address());
        let (clients, machine) = (&mut self.clients, &mut self.machine);
        scope(|scope| {
            let shift = &shift;
            clients.iter_mut().for_each(|client| drop(scope.spawn(|| client.work(shift))));
            if is_up {
                wait_until_busy(&machine.http());
            }
            sleep(duration);
            machine.power_off();
            shift.is_over.store(true, Ordering::Relaxed);
        });
    }

    /// Every answered request is in the ledger once, and gets the same answer again.
    fn examine(&mut self) {
        self.judge.examine(&self.machine.http(), &mut self.clients);
        let address = self.machine.address();
        self.clients.iter_mut().for_each(|client| client.check_replays(&address, 0));
    }

    fn grant(&self) {
        let line = json!([{"sku": "GRANTED", "quantity": GRANT}]);
        let id = format!("grant-{}", self.done);
        let grant = json!({"request_id": id, "site": "wh-01", "gateway": "gw-01", "lines": line});
        let answer = self.hub.http().post("/api/grants", &grant);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Waits until the hub has the gateway's ledger, and compares the resulting stock.
    fn wait_until_in_step(&self) -> Duration {
        let (began, http) = (Instant::now(), self.machine.http());
        loop {
            let status = http.get("/api/status").json();
            let (here, there) = (&status["ledger_seq"], &status["sync"]["acked_seq"]);
            let is_known = self.hub.gateway().is_some_and(|it| {
                assert_eq!(it["drift"], false, "{it}");
                it["acked_seq"] == *here
            });
            if here == there && is_known && status["sync"]["state"] == "online" {
                break;
            }
            assert!(began.elapsed() < IN_STEP_LIMIT, "gateway and hub do not agree: {status}");
            sleep(Duration::from_millis(100));
        }
        let elapsed = began.elapsed();
        assert_eq!(stock_here(&http), stock_there(&self.hub), "the gateway's stock and the hub's");
        elapsed
    }

    fn answered(&self) -> usize {
        let books = self.clients.iter().map(|client| &client.book);
        books.flatten().filter(|request| request.answer.is_some()).count()
    }

    /// The clock of the next life, as words for the kernel.
    fn clock(&self) -> Vec<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        match self.year.as_str() {
            "" => Vec::new(),
            "2039" => vec![format!("start_clock={}", YEAR_2039_S + self.done * DAY_S)],
            "1970" => vec!["start_clock=100".to_owned(), format!("late_clock={now}")],
            year => panic!("--year is 2039 or 1970, not {year}"),
        }
    }

    /// Checks that entries have the expected years.
    fn check_years(&self) {
        let ledger = self.machine.http().ledger();
        let is_of = |year: &str| {
            ledger.iter().filter(|entry| entry["at"].as_str().unwrap().starts_with(year)).count()
        };
        match self.year.as_str() {
            "2039" => assert_eq!(is_of("2039"), ledger.len(), "entries of 2039"),
            "1970" => assert!(is_of("1970") > 0, "entries of 1970"),
            _ => {}
        }
    }
}

fn wait_until_busy(http: &Http) {
    let began = Instant::now();
    let seq = || http.get("/api/status").json()["ledger_seq"].as_u64().unwrap();
    let enough = seq() + BUSY_ENTRIES;
    while seq() < enough && began.elapsed() < BUSY_LIMIT {
        sleep(Duration::from_millis(200));
    }
}

fn stock_here(http: &Http) -> Vec<(String, u64, u64)> {
    figures(&http.clone().every_page("list", json!({}), "items"))
}

fn stock_there(hub: &Hub) -> Vec<(String, u64, u64)> {
    let items = hub.http().every_page("list", json!({}), "items");
    let held = items.iter().map(|item| with_sku(&item["gateways"][0], &item["sku"]));
    figures(&held.collect::<Vec<_>>())
}

fn with_sku(held: &Value, sku: &Value) -> Value {
    json!({"sku": sku, "on_hand": held["on_hand"].as_u64().unwrap_or(0), "reserved": held["reserved"].as_u64().unwrap_or(0)})
}

/// The stock of each SKU that has any.
fn figures(items: &[Value]) -> Vec<(String, u64, u64)> {
    let figures = items.iter().map(|item| {
        (
            item["sku"].as_str().unwrap().to_owned(),
            number(item, "on_hand"),
            number(item, "reserved"),
        )
    });
    figures.filter(|(_, on_hand, _)| *on_hand > 0).collect()
}
