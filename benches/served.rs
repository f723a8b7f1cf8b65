//! Deductions served over WebSocket: throughput, latency and bytes written, by clients and depth.
//!
//! ```text
//! cargo bench --bench served                      # the usual rows
//! cargo bench --bench served -- 50 32 10 uuid     # clients, requests under way each, seconds, ids
//! ```
//!
//! Client and gateway share the machine. SKUs are drawn from 4,000 by Zipf's law (0.99), stock
//! never runs out, every hundredth request repeats an earlier one. `STOCKGATE_BIN` names another
//! program to serve.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SKUS: usize = 4_000;
const ZIPF: f64 = 0.99;
const REPEAT_EVERY: u64 = 100;
const USUAL: [(usize, usize); 5] = [(1, 1), (50, 1), (200, 1), (1, 32), (50, 32)];
const SECONDS: u64 = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    let rows = match (number(0), number(1)) {
        (Some(clients), Some(depth)) => vec![(clients, depth)],
        _ => USUAL.to_vec(),
    };
    let seconds = number(2).unwrap_or(SECONDS as usize) as u64;
    let ids = arguments.get(3).map_or("uuid", String::as_str);
    println!("clients depth    rows/s   p50 ms   p99 ms p99.9 ms  bytes/row");
    let skus = Arc::new(Zipf::new());
    for (clients, depth) in rows {
        let load = Load { clients, depth, seconds, ids: ids.into(), skus: Arc::clone(&skus) };
        println!("{clients:>7} {depth:>5} {}", load.run());
    }
}

/// What is asked of the gateway at once.
struct Load {
    clients: usize,
    depth: usize,
    seconds: u64,
    ids: String,
    skus: Arc<Zipf>,
}

impl Load {
    fn run(&self) -> String {
        let gateway = Gateway::start();
        gateway.restock();
        let before = gateway.bytes_written();
        let began = Instant::now();
        let until = began + Duration::from_secs(self.seconds);
        let mut latencies: Vec<u32> = thread::scope(|scope| {
            let clients = (0..self.clients).map(|number| {
                let socket = gateway.connect();
                scope.spawn(move || Client::new(socket, number, self).run(until))
            });
            let clients: Vec<_> = clients.collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        let (elapsed, rows) = (began.elapsed().as_secs_f64(), latencies.len());
        let bytes = (gateway.bytes_written() - before) / rows as u64;
        latencies.sort_unstable();
        let at = |share: f64| f64::from(latencies[(rows as f64 * share) as usize]) / 1_000.0;
        format!(
            "{:>9.0} {:>8.2} {:>8.2} {:>8.2} {bytes:>10}",
            rows as f64 / elapsed,
            at(0.5),
            at(0.99),
            at(0.999)
        )
    }
}

/// One terminal that keeps so many requests under way.
struct Client<'a> {
    socket: BufReader<TcpStream>,
    number: usize,
    load: &'a Load,
    random: fastrand::Rng,
    asked: u64,
    last_id: String,
    sent: VecDeque<Instant>,
    out: Vec<u8>,
}

impl<'a> Client<'a> {
    fn new(socket: BufReader<TcpStream>, number: usize, load: &'a Load) -> Self {
        let random = fastrand::Rng::with_seed(number as u64);
        let (last_id, sent, out) = (String::new(), VecDeque::new(), Vec::new());
        Self { socket, number, load, random, asked: 0, last_id, sent, out }
    }

    /// The latency of each request, in microseconds.
    fn run(mut self, until: Instant) -> Vec<u32> {
        let mut latencies = Vec::new();
        (0..self.load.depth).for_each(|_| self.ask());
        self.send();
        while !self.sent.is_empty() {
            latencies.push(self.answer());
            if Instant::now() < until {
                self.ask();
            }
            // What has arrived together is answered together.
            if self.socket.buffer().is_empty() {
                self.send();
            }
        }
        latencies
    }

    fn ask(&mut self) {
        self.asked += 1;
        if !self.asked.is_multiple_of(REPEAT_EVERY) {
            self.last_id = match self.load.ids.as_str() {
                "uuid" => uuid::Builder::from_random_bytes(self.random.u128(..).to_le_bytes())
                    .into_uuid()
                    .to_string(),
                _ => format!("t{:04}-{:012}", self.number, self.asked),
            };
        }
        let sku = self.load.skus.draw(&mut self.random);
        let text = format!(
            r#"{{"id":{},"op":"deduct","request_id":"{}","sku":"S{sku:04}","quantity":1}}"#,
            self.asked, self.last_id
        );
        frame(&mut self.out, &text);
        self.sent.push_back(Instant::now());
    }

    fn send(&mut self) {
        if !self.out.is_empty() {
            self.socket.get_mut().write_all(&self.out).unwrap();
            self.out.clear();
        }
    }

    /// Answers come in the order of the requests.
    fn answer(&mut self) -> u32 {
        loop {
            let text = read_frame(&mut self.socket);
            if text.windows(5).any(|part| part == b"\"ok\":") {
                let micros = self.sent.pop_front().unwrap().elapsed().as_micros();
                return u32::try_from(micros).unwrap_or(u32::MAX);
            }
        }
    }
}

/// A text frame of a client; a mask of zeros leaves the text as it is.
fn frame(out: &mut Vec<u8>, text: &str) {
    out.push(0x81);
    match text.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(text.as_bytes());
}

fn read_frame(socket: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).unwrap();
    let mut length = u64::from(head[1]);
    if length == 126 {
        socket.read_exact(&mut head).unwrap();
        length = u64::from(u16::from_be_bytes(head));
    }
    let mut text = vec![0; length as usize];
    socket.read_exact(&mut text).unwrap();
    text
}

/// A gateway on a data directory of its own.
struct Gateway {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Gateway {
    fn start() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("stockgate.toml");
        let data = dir.path().join("data");
        let text = format!(
            "[gateway]\ndata_dir = \"{}\"\n[terminals]\nlisten = \"127.0.0.1:{port}\"\n",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let built = env!("CARGO_BIN_EXE_stockgate");
        let program = std::env::var("STOCKGATE_BIN").unwrap_or(built.into());
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&config).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let gateway = Self { process, port, _dir: dir };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        gateway
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_nodelay(true).unwrap();
        let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                       Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        socket.write_all(request.as_bytes()).unwrap();
        let mut socket = BufReader::with_capacity(64 * 1024, socket);
        let mut line = String::new();
        while socket.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        socket
    }

    fn restock(&self) {
        let mut socket = self.connect();
        for first in (0..SKUS).step_by(500) {
            let lines: Vec<String> = (first..first + 500)
                .map(|sku| format!(r#"{{"sku":"S{sku:04}","quantity":1000000000}}"#))
                .collect();
            let text = format!(
                r#"{{"id":{first},"op":"restock","request_id":"in-{first}","lines":[{}]}}"#,
                lines.join(",")
            );
            let mut out = Vec::new();
            frame(&mut out, &text);
            socket.get_mut().write_all(&out).unwrap();
            while !read_frame(&mut socket).windows(9).any(|part| part == b"\"ok\":true") {}
        }
    }

    /// What the kernel has been given to write for the gateway.
    fn bytes_written(&self) -> u64 {
        let path = format!("/proc/{}/io", self.process.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Draws SKUs by Zipf's law.
struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    fn new() -> Self {
        let mut sum = 0.0;
        let sums = (1..=SKUS).map(|rank| {
            sum += (rank as f64).powf(-ZIPF);
            sum
        });
        Self { sums: sums.collect() }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let at = random.f64() * self.sums[SKUS - 1];
        self.sums.partition_point(|sum| *sum < at)
    }
}
