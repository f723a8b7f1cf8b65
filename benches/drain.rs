//! A million entries that wait for the hub, and the latency of deductions while they are sent.
//!
//! ```text
//! cargo bench --bench drain                 # 1,000,000 entries
//! cargo bench --bench drain -- 100000       # another number
//! cargo bench --bench drain -- 100000 "message_size_limit 8192"
//! ```
//!
//! Gateway, Mosquitto, hub and a terminal that deducts one at a time share the processors. The hub
//! is stopped and continued in turns while the terminal deducts; the median of the ratios of two
//! neighbouring rounds is the cost of draining. The hub keeps its SQLite books in memory
//! (`/dev/shm`), because its disk would be another one. `STOCKGATE_BIN` and `STOCKGATE_HUB_BIN`
//! name other programs. An argument with a space is a line for Mosquitto's configuration.
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

const SKUS: usize = 4_000;
const ENTRIES: u64 = 1_000_000;
const ROUND: Duration = Duration::from_secs(2);

fn main() {
    let entries = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(ENTRIES);
    let skus = Arc::new(Zipf::new(SKUS));
    let load = Load { clients: 1, depth: 1, time: ROUND, ids: Ids::Uuid, skus: Arc::clone(&skus) };
    let prefilled = Prefilled::new(&skus, Ids::Uuid, usize::try_from(entries).unwrap());
    let dir = temp_dir();
    let extra: Vec<String> = std::env::args().skip(1).filter(|text| text.contains(' ')).collect();
    let broker = broker(dir.path(), &extra.join("\n"));
    let meter = Meter::to(broker.port);
    let gateway = prefilled.start_with(&link(meter.port));
    let deduct = || gateway.run(&load, &WebSocket);
    let before_kb = gateway.served.resident_kb();

    let books = tempfile::tempdir_in("/dev/shm").unwrap();
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
