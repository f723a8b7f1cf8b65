//! A million entries that wait for the hub, and the latency of deductions while they are sent.
//!
//! ```text
//! cargo bench --bench drain                 # 1,000,000 entries
//! cargo bench --bench drain -- 100000       # another number
//! cargo bench --bench drain -- 100000 "message_size_limit 8192"
//! cargo bench --bench drain -- limits       # a table of limits of 4, 8 and 16 KiB beside none
//! cargo bench --bench drain -- limits 100000 5    # another number, and more rounds
//! ```
//!
//! Gateway, Mosquitto, hub and a terminal that deducts one at a time share the processors. The hub
//! is stopped and continued in turns while the terminal deducts; the median of the ratios of two
//! neighbouring rounds is the cost of draining. The hub keeps its SQLite books in memory
//! (`/dev/shm`), because its disk would be another one. `STOCKGATE_BIN` and `STOCKGATE_HUB_BIN`
//! name other programs. An argument with a space is a line for Mosquitto's configuration.
//!
//! For the table nobody deducts: all entries wait, and the time counts from the first acknowledgement
//! to the last, the search for a size that passes included. The figures are medians of the rounds.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use load::client::Load;
use load::figures::{Figures, median};
use load::gateway::{Gateway, Prefilled, temp_dir};
use load::requests::Ids;
use load::served::{Served, free_port};
use load::websocket::WebSocket;
use load::zipf::Zipf;
use tempfile::TempDir;

const SKUS: usize = 4_000;
const ENTRIES: u64 = 1_000_000;
const ROUND: Duration = Duration::from_secs(2);
/// For the table.
const ENTRIES_THROUGH_LIMITS: u64 = 200_000;
const ROUNDS: usize = 3;
/// How often the gateway is asked how far it is.
const LOOK: Duration = Duration::from_millis(10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|text| text.parse().ok()).collect();
    let entries = |default| numbers.first().copied().unwrap_or(default);
    if arguments.iter().any(|text| text == "limits") {
        let rounds = numbers.get(1).map_or(ROUNDS, |rounds| *rounds as usize);
        return compare_limits(entries(ENTRIES_THROUGH_LIMITS), rounds);
    }
    let lines: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|text| text.contains(' ')).collect();
    drain_under_load(entries(ENTRIES), &lines.join("\n"));
}

/// Prints what a terminal notices of a drain through a broker with these lines.
fn drain_under_load(entries: u64, lines: &str) {
    let skus = Arc::new(Zipf::new(SKUS));
    let load = Load { clients: 1, depth: 1, time: ROUND, ids: Ids::Uuid, skus: Arc::clone(&skus) };
    let prefilled = Prefilled::new(&skus, Ids::Uuid, usize::try_from(entries).unwrap());
    let dir = temp_dir();
    let broker = broker(dir.path(), lines);
    let meter = Meter::to(broker.port);
    let gateway = prefilled.start_with(&link(meter.port));
    let deduct = || gateway.run(&load, &WebSocket);
    let before_kb = gateway.served.resident_kb();

    let books = books_dir();
    let hub = hub(books.path(), broker.port);
    let (mut alone, mut meanwhile) = (Vec::new(), Vec::new());
    let (mut most_kb, mut spent) = (before_kb, Duration::ZERO);
    let (bytes, first) = (meter.bytes(), acked(&gateway));
    while acked(&gateway) < entries {
        let began = Instant::now();
        meanwhile.push(deduct());
        spent += began.elapsed();
        most_kb = most_kb.max(gateway.served.resident_kb());
        hub.signal("STOP");
        alone.push(deduct());
        hub.signal("CONT");
    }
    let drained = (acked(&gateway) - first) as f64;
    let ratios = meanwhile.iter().zip(&alone).map(|(busy, quiet)| busy.p50_ms / quiet.p50_ms);
    println!("entries drained               {drained}");
    println!("a second                      {:.0}", drained / spent.as_secs_f64());
    println!("bytes an entry, MQTT and all  {:.1}", (meter.bytes() - bytes) as f64 / drained);
    println!("resident, before and at most  {before_kb} kB, {most_kb} kB");
    println!("ratio of the medians          {:.2}, of {} pairs", median(ratios), alone.len());
    for (name, rounds) in [("while it drains", &meanwhile), ("with the hub stopped", &alone)] {
        let Figures { p50_ms, p99_ms, .. } = Figures::medians(rounds);
        println!("a deduction {name:<20} p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms");
    }
}

/// A drain without a terminal.
#[derive(Clone, Copy, Debug)]
struct Drain {
    /// From the first acknowledgement to the last.
    per_second: f64,
    /// With all of MQTT, in both directions.
    bytes_an_entry: f64,
}

/// Prints a table: each kind of limit beside none, in rounds in which the brokers take turns.
fn compare_limits(entries: u64, rounds: usize) {
    let skus = Arc::new(Zipf::new(SKUS));
    let prefilled = Prefilled::new(&skus, Ids::Uuid, usize::try_from(entries).unwrap());
    let limited = ["message_size_limit", "max_packet_size"]
        .into_iter()
        .flat_map(|kind| [4, 8, 16].map(|kib| format!("{kind} {}", kib * 1_024)));
    let brokers: Vec<String> = std::iter::once(String::new()).chain(limited).collect();
    let mut drains = vec![Vec::new(); brokers.len()];
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for (lines, drains) in brokers.iter().zip(&mut drains) {
            drains.push(drain(&prefilled, entries, lines));
        }
    }
    println!("| broker | entries a second | to those without a limit | bytes an entry |");
    println!("|---|---|---|---|");
    for (lines, of) in brokers.iter().zip(&drains) {
        let name = if lines.is_empty() { "no limit" } else { lines };
        let ratios = of.iter().zip(&drains[0]).map(|(one, free)| one.per_second / free.per_second);
        println!(
            "| {name} | {:.0} | {:.2} | {:.1} |",
            median(of.iter().map(|drain| drain.per_second)),
            median(ratios),
            median(of.iter().map(|drain| drain.bytes_an_entry)),
        );
    }
}

/// Lets the hub take all entries, through a broker with these lines.
fn drain(prefilled: &Prefilled, entries: u64, lines: &str) -> Drain {
    let dir = temp_dir();
    let broker = broker(dir.path(), lines);
    let meter = Meter::to(broker.port);
    let gateway = prefilled.start_with(&link(meter.port));
    let before = meter.bytes();
    let books = books_dir();
    let _hub = hub(books.path(), broker.port);
    let wait_until = |position: u64| loop {
        match acked(&gateway) {
            acked if acked >= position => return acked,
            _ => thread::sleep(LOOK),
        }
    };
    let first = wait_until(1);
    let began = Instant::now();
    wait_until(entries);
    Drain {
        per_second: entries.saturating_sub(first) as f64 / began.elapsed().as_secs_f64(),
        bytes_an_entry: (meter.bytes() - before) as f64 / entries as f64,
    }
}

/// In memory, because the hub's disk would be another one.
fn books_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

fn link(port: u16) -> String {
    format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n")
}

fn broker(dir: &Path, extra: &str) -> Served {
    let (port, config) = (free_port(), dir.join("mosquitto.conf"));
    let text = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n{extra}\n");
    std::fs::write(&config, text).unwrap();
    Served::start(Command::new("/usr/sbin/mosquitto").arg("-c").arg(config), port)
}

fn hub(dir: &Path, broker: u16) -> Served {
    let (port, config) = (free_port(), dir.join("stockgate-hub.toml"));
    let store = dir.join("hub.db");
    let text = format!(
        "[hub]\nstore = \"sqlite:{}\"\nlisten = \"127.0.0.1:{port}\"\n{}",
        store.display(),
        link(broker)
    );
    std::fs::write(&config, text).unwrap();
    let built = || env!("CARGO_BIN_EXE_stockgate-hub").into();
    let program = std::env::var_os("STOCKGATE_HUB_BIN").map_or_else(built, PathBuf::from);
    let mut command = Command::new(program);
    // The hub would take it for a key of its configuration.
    command.args(["run", "--config"]).arg(config).env_remove("STOCKGATE_HUB_BIN");
    Served::start(&mut command, port)
}

/// The position that the hub has confirmed.
fn acked(gateway: &Gateway) -> u64 {
    let mut socket = TcpStream::connect(("127.0.0.1", gateway.served.port)).unwrap();
    socket
        .write_all(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (_, after) = answer.split_once("\"acked_seq\":").unwrap();
    after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Counts the bytes between gateway and broker in both directions.
struct Meter {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Meter {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let meter = Self { port: listener.local_addr().unwrap().port(), bytes: Arc::default() };
        let bytes = Arc::clone(&meter.bytes);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)));
                let Ok(server) = server else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let bytes = Arc::clone(&bytes);
                    thread::spawn(move || pass(from, to, &bytes));
                }
            }
        });
        meter
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, bytes: &AtomicU64) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        bytes.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
