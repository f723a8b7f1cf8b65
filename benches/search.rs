//! The search through a catalogue of 100,000 listings, over HTTP, and its cost to a terminal that
//! deducts beside it.
//!
//! ```text
//! cargo bench --bench search            # about ten seconds
//! cargo bench --bench search -- 500     # searches of each row
//! ```
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use load::gateway::Prefilled;

const LISTINGS: usize = 100_000;
const SEARCHES: usize = 200;

fn main() {
    let searches = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(SEARCHES);
    let plain = Prefilled::listed(1).start();
    let gateway = Prefilled::listed(LISTINGS).start();
    let kilobytes = gateway.served.resident_kb().saturating_sub(plain.served.resident_kb());
    println!("{LISTINGS} listings take {kilobytes} kB of memory more than one");
    println!("search                 found   p50 ms   p99 ms");
    for (what, q) in [
        ("one SKU", "SKU-077777"),
        ("a barcode", "4000000077777"),
        ("a word of few", "lantern+7777"),
        ("a word of many", "lamp"),
        ("two words of many", "red+lamp"),
        ("one letter", "a"),
        ("nothing", "zzzz"),
    ] {
        let mut took = Vec::with_capacity(searches);
        let mut found = 0;
        for _ in 0..searches {
            let began = Instant::now();
            found = get(gateway.served.port, &format!("/api/stock?limit=50&q={q}"));
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        took.sort_by(f64::total_cmp);
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        println!("{what:<20} {found:>7} {:>8.2} {:>8.2}", at(50), at(99));
    }
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
