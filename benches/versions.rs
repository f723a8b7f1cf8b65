//! Two files of the gateway beside each other: a change must not make it slower.
//!
//! ```text
//! cargo bench --bench versions -- OLD NEW              # 5 rounds of 4 seconds
//! cargo bench --bench versions -- OLD NEW 9 2          # rounds, and seconds of each load
//! ```
//!
//! Each file gets an empty database, 4,000 SKUs and 100,000 decided requests over its own port, so
//! that it may be of any version. They are loaded in alternating rounds, by the same client; the
//! medians count. Processor time is the gateway's alone and says more on a busy machine.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it measured"
)]

mod load;

use std::sync::Arc;
use std::time::Duration;

use load::client::Load;
use load::figures::median;
use load::filled::filled;
use load::gateway::Gateway;
use load::requests::Ids;
use load::websocket::WebSocket;
use load::zipf::Zipf;

const SKUS: usize = 4_000;
const REMEMBERED: u64 = 100_000;
const ROUNDS: usize = 5;
const SECONDS: u64 = 4;
/// Clients, and requests under way of each.
const LOADS: [(usize, usize); 3] = [(50, 32), (50, 1), (200, 1)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [old, new, ..] = &arguments[..] else {
        println!("versions: left out, it needs two files: -- OLD NEW [ROUNDS [SECONDS]]");
        return;
    };
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<usize>().ok());
    let time = Duration::from_secs(number(3).map_or(SECONDS, |seconds| seconds as u64));
    let skus = Arc::new(Zipf::new(SKUS));
    let load =
        |(clients, depth)| Load { clients, depth, time, ids: Ids::Uuid, skus: Arc::clone(&skus) };
    let gateways = [old, new].map(|file| filled(file.as_ref(), &skus, SKUS, REMEMBERED));
    println!("clients x depth        per s          CPU us/request        p99 ms");
    for shape in LOADS {
        let rounds = (0..number(2).unwrap_or(ROUNDS)).map(|_| {
            let [old, new] = &gateways;
            [measure(old, &load(shape)), measure(new, &load(shape))]
        });
        print(shape, &rounds.collect::<Vec<_>>());
    }
}

/// Requests a second, microseconds of a processor for each, the 99th percentile of latency.
type Measured = [f64; 3];

fn measure(gateway: &Gateway, load: &Load) -> Measured {
    let before = gateway.served.cpu_seconds();
    let figures = gateway.run(load, &WebSocket);
    let used = gateway.served.cpu_seconds() - before;
    let requests = figures.per_second * load.time.as_secs_f64();
    [figures.per_second, used * 1e6 / requests, figures.p99_ms]
}

/// A line of the table: old, new, and the median of the rounds' ratios.
fn print((clients, depth): (usize, usize), rounds: &[[Measured; 2]]) {
    print!("{clients:>4} x {depth:<4}");
    for figure in 0..3 {
        let of = |file: usize| median(rounds.iter().map(|round| round[file][figure]));
        let ratio = median(rounds.iter().map(|[old, new]| new[figure] / old[figure]));
        print!("  {:>8.1} {:>8.1} {ratio:>5.3}", of(0), of(1));
    }
    println!();
}
