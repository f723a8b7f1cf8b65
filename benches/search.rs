//! The search through a catalogue of 100,000 listings, over HTTP: how long an answer takes, and how much
//! processor time of the gateway, which says more where other programs run beside it.
//!
//! ```text
//! cargo bench --bench search            # about ten seconds
//! cargo bench --bench search -- 500     # searches of each row
//! ```
//!
//! `STOCKGATE_BIN` names another program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use load::gateway::Prefilled;

const LISTINGS: usize = 100_000;
const SEARCHES: usize = 200;

fn main() {
    let searches = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(SEARCHES);
    let plain = Prefilled::listed(1).start();
    let gateway = Prefilled::listed(LISTINGS).start();
    let kilobytes = gateway.served.resident_kb().saturating_sub(plain.served.resident_kb());
    println!("{LISTINGS} listings take {kilobytes} kB of memory more than one");
    println!("search                 found   p50 ms   p99 ms  p50 cpu  p99 cpu");
    for (what, q) in [
        ("one SKU", "SKU-077777"),
        ("a barcode", "4000000077777"),
        ("a word of few", "lantern+7777"),
        ("a word of many", "lamp"),
        ("two words of many", "red+lamp"),
        ("one letter", "a"),
        ("nothing", "zzzz"),
    ] {
        let (mut took, mut worked) = (Vec::new(), Vec::new());
        let mut found = 0;
        for _ in 0..searches {
            let (began, cpu) = (Instant::now(), gateway.served.cpu_exact());
            found = get(gateway.served.port, &format!("/api/stock?limit=50&q={q}"));
            took.push(began.elapsed());
            worked.push(gateway.served.cpu_exact().saturating_sub(cpu));
        }
        let [took, worked] = [took, worked].map(|times| [50, 99].map(|at| percentile(&times, at)));
        let [p50, p99, cpu50, cpu99] = [took[0], took[1], worked[0], worked[1]];
        println!("{what:<20} {found:>7} {p50:>8.2} {p99:>8.2} {cpu50:>8.2} {cpu99:>8.2}");
    }
}

/// In milliseconds.
fn percentile(times: &[Duration], share: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0
}

/// The number of items in the answer.
fn get(port: u16, path: &str) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.matches("\"version\"").count()
}
