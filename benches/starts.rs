//! The time until two files of the gateway are ready, beside each other.
//!
//! ```text
//! cargo bench --bench starts -- OLD NEW                      # 10^6 SKUs, 10^7 requests
//! cargo bench --bench starts -- OLD NEW 100000 0 5           # SKUs, requests, rounds
//! ```
//!
//! The old file fills a database over its own port, a copy of which the new one takes over. Then
//! each starts on its own in turn. It takes 5 GB of disk.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking and prints what it measured, in real time"
)]

mod load;

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use load::figures::median;
use load::filled::{filled, is_ready};
use load::gateway::Stopped;
use load::zipf::Zipf;

const SKUS: usize = 1_000_000;
const REQUESTS: u64 = 10_000_000;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [old, new, ..] = &arguments[..] else {
        println!("starts: left out, it needs two files: -- OLD NEW [SKUS [REQUESTS [ROUNDS]]]");
        return;
    };
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let skus = number(2).map_or(SKUS, |skus| skus as usize);
    let requests = number(3).unwrap_or(REQUESTS);
    let gateway = filled(old.as_ref(), &Arc::new(Zipf::new(skus)), skus, requests);
    let old_data = gateway.stop();
    let new_data = old_data.copy();
    println!("the new file's first start: {:.0} ms", start(new, &new_data)[0]);
    let rounds = (0..number(4).map_or(ROUNDS, |rounds| rounds as usize))
        .map(|_| [start(old, &old_data), start(new, &new_data)]);
    let rounds: Vec<[[f64; 2]; 2]> = rounds.collect();
    println!("{skus} SKUs, {requests} requests     old      new   ratio");
    for (what, figure) in [("ready, ms", 0), ("memory, MB", 1)] {
        let of = |file: usize| median(rounds.iter().map(|round| round[file][figure]));
        let ratio = median(rounds.iter().map(|[old, new]| new[figure] / old[figure]));
        println!("{what:<28} {:>8.0} {:>8.0} {ratio:>7.3}", of(0), of(1));
    }
}

/// Starts a file on a database; returns the milliseconds until it is ready, and its memory in MB.
fn start(program: &str, data: &Stopped) -> [f64; 2] {
    let began = Instant::now();
    let gateway = data.start(Path::new(program));
    while !is_ready(gateway.served.port) {
        assert!(began.elapsed() < PATIENCE, "{program} is not ready");
        sleep(Duration::from_millis(2));
    }
    [began.elapsed().as_secs_f64() * 1_000.0, gateway.served.resident_kb() as f64 / 1_024.0]
}
