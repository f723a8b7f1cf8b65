//! The cost of subscribed terminals, and how soon they see a change.
//!
//! ```text
//! cargo bench --bench fanout                 # 3 rounds of 10 seconds of each
//! cargo bench --bench fanout -- 5 20         # other numbers of rounds and seconds
//! ```
//!
//! Another connection deducts 1,000 times a second, one at a time, from 4,000 SKUs. A latency is
//! the time from the decision, which the ledger records, until a terminal has read of it, for each
//! deduction and terminal; so it includes the commit. The initial stock has been read before.
//! Terminals, in one thread, and gateway share the machine; `stolen` is the percentage of it that
//! other guests of the same host had meanwhile. `STOCKGATE_BIN` names another program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::cell::RefCell;
use std::collections::HashSet;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, sleep};

use load::figures::median;
use load::gateway::{Gateway, Prefilled};
use load::protocol::{Protocol, block_on};
use load::requests::{Ids, Requests};
use load::websocket::WebSocket;
use load::zipf::Zipf;

const SKUS: usize = 4_000;
const TERMINALS: usize = 2_000;
const IDLE: usize = 10_000;
const FEW: usize = 200;
const PER_SECOND: u64 = 1_000;
/// The bytes that a terminal accepts although it does not read.
const DEAF_BUFFER: u32 = 4_096;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(3);
    let time = Duration::from_secs(numbers.get(1).copied().unwrap_or(10));
    raise_file_limit();
    let skus = Arc::new(Zipf::new(SKUS));
    let prefilled = Prefilled::new(&skus, Ids::Uuid, 10_000);
    idle(&prefilled);
    let of = |readers, deaf| Round { readers, deaf, time, skus: Arc::clone(&skus) };
    println!(
        "readers  deaf   p50 ms   p99 ms p99.9 ms   RSS kB  cores  events/s  idle %  stolen %"
    );
    let kinds = [of(TERMINALS, 0), of(FEW, 0), of(FEW / 2, 0), of(FEW / 2, FEW / 2)];
    let mut seen = vec![Vec::new(); kinds.len()];
    for _ in 0..rounds {
        for (kind, seen) in kinds.iter().zip(&mut seen) {
            let figures = kind.run(&prefilled.start());
            println!("{}", kind.row(&figures));
            seen.push(figures);
        }
    }
    println!("medians");
    for (kind, seen) in kinds.iter().zip(&seen) {
        println!("{}", kind.row(&Figures::medians(seen)));
    }
}

/// Connected terminals that are idle, with and without a subscription.
fn idle(prefilled: &Prefilled) {
    let gateway = prefilled.start();
    let before = gateway.served.resident_kb();
    block_on(async {
        let mut terminals = Vec::new();
        for _ in 0..IDLE {
            terminals.push(connect(gateway.served.port, None).await);
        }
        let connected = gateway.served.resident_kb();
        println!("{IDLE} idle terminals: resident {before} kB before, {connected} kB with them");
        // They have read the initial stock.
        let since = ledger(gateway.served.port, 0).len();
        for terminal in &mut terminals {
            subscribe(terminal, since).await;
        }
        sleep(Duration::from_secs(1)).await;
        println!("the same, subscribed to all: {} kB", gateway.served.resident_kb());
    });
}

/// A number of terminals for some time.
struct Round {
    readers: usize,
    /// Subscribed terminals that do not read.
    deaf: usize,
    time: Duration,
    skus: Arc<Zipf>,
}

#[derive(Clone, Default)]
struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    most_kb: f64,
    cores: f64,
    events: f64,
    /// Of both cores, in percent.
    idle: f64,
    stolen: f64,
}

impl Round {
    fn run(&self, gateway: &Gateway) -> Figures {
        let seen = Rc::new(RefCell::new(Seen::default()));
        block_on(async {
            let mut deaf = Vec::new();
            for _ in 0..self.deaf {
                let mut terminal = connect(gateway.served.port, Some(DEAF_BUFFER)).await;
                subscribe(&mut terminal, 0).await;
                deaf.push(terminal);
            }
            for _ in 0..self.readers {
                let mut terminal = connect(gateway.served.port, None).await;
                subscribe(&mut terminal, 0).await;
                tokio::task::spawn_local(read(terminal, Rc::clone(&seen)));
            }
            all_read(&seen).await;
            let deductions = Deductions::start(gateway.served.port, &self.skus, &seen).await;
            deductions.run(gateway, self.time).await
        })
    }

    fn row(&self, figures: &Figures) -> String {
        let Figures { p50_ms, p99_ms, p999_ms, most_kb, cores, events, idle, stolen } = figures;
        format!(
            "{:>7} {:>5} {p50_ms:>8.1} {p99_ms:>8.1} {p999_ms:>8.1} {most_kb:>8.0} {cores:>6.2} {events:>9.0} {idle:>7.1} {stolen:>9.1}",
            self.readers, self.deaf,
        )
    }
}

impl Figures {
    fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            p50_ms: of(|round| round.p50_ms),
            p99_ms: of(|round| round.p99_ms),
            p999_ms: of(|round| round.p999_ms),
            most_kb: of(|round| round.most_kb),
            cores: of(|round| round.cores),
            events: of(|round| round.events),
            idle: of(|round| round.idle),
            stolen: of(|round| round.stolen),
        }
    }
}

/// Waits until the terminals have read the initial stock.
async fn all_read(seen: &RefCell<Seen>) {
    let mut known = 0;
    while known == 0 || seen.borrow().read > known {
        known = seen.borrow().read;
        sleep(Duration::from_secs(1)).await;
    }
}

/// Which terminal read up to which position, and when.
#[derive(Default)]
struct Seen {
    /// The position before the first deduction.
    base: u64,
    /// First position, last position, and time.
    events: Vec<(u64, u64, SystemTime)>,
    is_counting: bool,
    /// The number of events read.
    read: u64,
}

impl Seen {
    /// A terminal at position `known` has read an event up to `seq`.
    fn note(&mut self, known: u64, seq: u64) {
        self.read += 1;
        if self.is_counting {
            self.events.push((known, seq, SystemTime::now()));
        }
    }

    /// A histogram of latencies in tenths of a millisecond, by the times of the ledger.
    fn latencies(&self, ledger: &[SystemTime]) -> Vec<u64> {
        let mut latencies = Vec::new();
        let at = |seq: u64| usize::try_from(seq.saturating_sub(self.base)).unwrap();
        for (known, seq, read) in &self.events {
            for decided in &ledger[at(*known).min(ledger.len())..at(*seq).min(ledger.len())] {
                let took = read.duration_since(*decided).unwrap_or_default();
                let tenths = usize::try_from(took.as_micros() / 100).unwrap();
                if latencies.len() <= tenths {
                    latencies.resize(tenths + 1, 0);
                }
                latencies[tenths] += 1;
            }
        }
        latencies
    }
}

fn quantile_ms(latencies: &[u64], share: f64) -> f64 {
    let wanted = (latencies.iter().sum::<u64>() as f64 * share) as u64;
    let mut passed = 0;
    let found = latencies.iter().position(|count| {
        passed += count;
        passed > wanted
    });
    found.unwrap_or_default() as f64 / 10.0
}

/// The times of the entries after a position.
fn ledger(port: u16, mut after: u64) -> Vec<SystemTime> {
    let mut times = Vec::new();
    loop {
        let url = format!("http://127.0.0.1:{port}/api/ledger?limit=1000&after={after}");
        let page: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
        for entry in page["entries"].as_array().unwrap() {
            times.push(humantime::parse_rfc3339(entry["at"].as_str().unwrap()).unwrap());
        }
        let Some(next) = page["next"].as_u64() else { return times };
        after = next;
    }
}

/// The connection that changes the stock.
struct Deductions {
    socket: TcpStream,
    requests: Requests,
    seen: Rc<RefCell<Seen>>,
}

impl Deductions {
    /// Connects, and finds the end of the ledger with one deduction.
    async fn start(port: u16, skus: &Arc<Zipf>, seen: &Rc<RefCell<Seen>>) -> Self {
        let mut socket = connect(port, None).await;
        let mut requests = Requests::new(skus, Ids::Uuid);
        let mut out = Vec::new();
        WebSocket.ask(&requests.next().unwrap(), &mut out);
        socket.write_all(&out).await.unwrap();
        let mut frames = Frames::default();
        let mut base = None;
        while base.is_none() {
            frames.read(&mut socket).await;
            frames.each(|text| base = base.or(number_behind(text, b"\"seq\":")));
        }
        seen.borrow_mut().base = base.unwrap();
        Self { socket, requests, seen: Rc::clone(seen) }
    }

    /// Deducts for this long, after a second of warm-up.
    async fn run(self, gateway: &Gateway, time: Duration) -> Figures {
        let (mut reader, mut writer) = self.socket.into_split();
        let drain = async move {
            let mut dropped = vec![0; 65_536];
            while reader.read(&mut dropped).await.unwrap() > 0 {}
        };
        tokio::task::spawn_local(drain);
        let mut tick = interval(Duration::from_millis(1));
        let warm = Instant::now() + Duration::from_secs(1);
        let (until, mut cpu_before, mut most_kb, mut sent) = (warm + time, 0.0, 0, 0);
        let mut machine_before = Machine::default();
        let began = Instant::now();
        let mut requests = self.requests;
        let mut asked = HashSet::new();
        while Instant::now() < until {
            tick.tick().await;
            if warm < Instant::now() && !self.seen.borrow().is_counting {
                self.seen.borrow_mut().is_counting = true;
                cpu_before = gateway.served.cpu_seconds();
                machine_before = Machine::now();
            }
            let due = u64::try_from(began.elapsed().as_millis()).unwrap() * PER_SECOND / 1_000;
            let mut out = Vec::new();
            while sent < due {
                let request = requests.next().unwrap();
                // A retry would change nothing.
                if !asked.insert(request.id_bytes().to_vec()) {
                    continue;
                }
                WebSocket.ask(&request, &mut out);
                sent += 1;
            }
            writer.write_all(&out).await.unwrap();
            if sent % 500 == 0 {
                most_kb = most_kb.max(gateway.served.resident_kb());
            }
        }
        let (idle, stolen) = Machine::now().since(&machine_before);
        let cores = (gateway.served.cpu_seconds() - cpu_before) / time.as_secs_f64();
        sleep(Duration::from_millis(500)).await;
        let seen = self.seen.borrow();
        let latencies = seen.latencies(&ledger(gateway.served.port, seen.base));
        Figures {
            p50_ms: quantile_ms(&latencies, 0.5),
            p99_ms: quantile_ms(&latencies, 0.99),
            p999_ms: quantile_ms(&latencies, 0.999),
            most_kb: most_kb as f64,
            cores,
            events: seen.events.len() as f64 / time.as_secs_f64(),
            idle,
            stolen,
        }
    }
}

/// The processor times of the machine since its boot, in ticks.
#[derive(Default)]
struct Machine {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Machine {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let line = stat.lines().next().unwrap().split_whitespace().skip(1);
        let ticks: Vec<u64> = line.take(8).map(|number| number.parse().unwrap()).collect();
        Self { all: ticks.iter().sum(), idle: ticks[3] + ticks[4], stolen: ticks[7] }
    }

    /// The shares that were idle and that others had, in percent.
    fn since(&self, before: &Self) -> (f64, f64) {
        let all = (self.all - before.all).max(1) as f64;
        let share = |now: u64, before: u64| (now - before) as f64 * 100.0 / all;
        (share(self.idle, before.idle), share(self.stolen, before.stolen))
    }
}

/// A terminal that reads while there is something to read.
async fn read(mut socket: TcpStream, seen: Rc<RefCell<Seen>>) {
    let mut frames = Frames::default();
    let mut known = 0;
    loop {
        if !frames.read(&mut socket).await {
            return;
        }
        frames.each(|text| {
            if let Some(event) = text.strip_prefix(br#"{"event":"stock","seq":"#) {
                let seq = number_at(event);
                let mut seen = seen.borrow_mut();
                let base = seen.base;
                seen.note(known.max(base), seq);
                known = seq;
            }
        });
    }
}

/// The bytes of a stream of frames that have arrived.
#[derive(Default)]
struct Frames(Vec<u8>);

impl Frames {
    /// Reads what has arrived; `false` at the end.
    async fn read(&mut self, socket: &mut TcpStream) -> bool {
        self.0.reserve(4_096);
        socket.read_buf(&mut self.0).await.is_ok_and(|read| read > 0)
    }

    /// Takes the complete frames.
    fn each(&mut self, mut take: impl FnMut(&[u8])) {
        let mut done = 0;
        loop {
            let arrived = &self.0[done..];
            let (head, length) = match *arrived {
                [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
                [_, length, ..] if length < 126 => (2, usize::from(length)),
                _ => break,
            };
            let Some(text) = arrived.get(head..head + length) else { break };
            take(text);
            done += head + length;
        }
        self.0.drain(..done);
    }
}

async fn connect(port: u16, buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    WebSocket.greet(&mut stream).await;
    // An acknowledgement for two events instead of one each: over loopback the gateway's processor
    // would pay for the terminal's.
    stream.set_quickack(false).unwrap();
    stream
}

/// Subscribes to everything after a position.
async fn subscribe(socket: &mut TcpStream, since: usize) {
    let text = format!(r#"{{"id":1,"op":"subscribe","all":true,"since":{since}}}"#);
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    socket.write_all(&frame).await.unwrap();
}

fn number_behind(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = text.windows(name.len()).position(|part| part == name)?;
    Some(number_at(&text[at + name.len()..]))
}

fn number_at(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Raises the limit of open files as far as possible, because each connection is one.
fn raise_file_limit() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let most = line.split_whitespace().nth(4).unwrap();
    let id = std::process::id().to_string();
    let limit = format!("--nofile={most}:{most}");
    let raised = Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap();
    assert!(raised.success(), "prlimit, of util-linux, raises the limit of open files");
}
