//! Whether a gateway slows down as it fills: throughput, latency, memory and time to ready, by the
//! number of SKUs and of requests in the ledger, beside an empty gateway.
//!
//! ```text
//! cargo bench --bench growth              # some minutes, and 4 GB of disk
//! cargo bench --bench growth -- 3 2       # rounds, and seconds of each row in a round
//! ```
//!
//! The databases are filled by the engine, without network. In every round a gateway is started on
//! each of them, in every second round in reverse order, so that a full one is never measured
//! minutes after the empty one. The figures are medians of the rounds; the ratio is to the empty
//! gateway.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use load::client::Load;
use load::figures::{Figures, median};
use load::gateway::Prefilled;
use load::requests::Ids;
use load::websocket::WebSocket;
use load::zipf::Zipf;

/// SKUs and requests in the ledger; the first is the empty database.
const SIZES: [(usize, usize); 7] = [
    (10_000, 0),
    (10_000, 100_000),
    (100_000, 100_000),
    (1_000_000, 100_000),
    (10_000, 1_000_000),
    (10_000, 10_000_000),
    (1_000_000, 10_000_000),
];
const CLIENTS: usize = 50;
const DEPTHS: [usize; 2] = [1, 32];
const ROUNDS: usize = 5;
const SECONDS: u64 = 3;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(ROUNDS);
    let time = Duration::from_secs(numbers.get(1).map_or(SECONDS, |seconds| *seconds as u64));
    let mut sizes: Vec<Size> = SIZES.into_iter().map(Size::filled).collect();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        if round.is_multiple_of(2) {
            sizes.iter_mut().for_each(|size| size.measure(time));
        } else {
            sizes.iter_mut().rev().for_each(|size| size.measure(time));
        }
    }
    println!(
        "   SKUs   ledger depth    per s  ratio   p50 ms   p99 ms  ready ms  RSS MB  (50 clients)"
    );
    for at in 0..DEPTHS.len() {
        sizes.iter().for_each(|size| size.print(at, &sizes[0]));
    }
}

/// A database of one size, and the figures of copies of it.
struct Size {
    skus: Arc<Zipf>,
    requests: usize,
    prefilled: Prefilled,
    /// By the number of requests in flight, then by round.
    figures: [Vec<Figures>; DEPTHS.len()],
    ready_ms: Vec<f64>,
    resident_mb: Vec<f64>,
}

impl Size {
    fn filled((skus, requests): (usize, usize)) -> Self {
        eprintln!("filling {skus} SKUs, {requests} requests");
        let skus = Arc::new(Zipf::new(skus));
        let prefilled = Prefilled::new(&skus, Ids::Uuid, requests);
        let (ready_ms, resident_mb) = (Vec::new(), Vec::new());
        Self { skus, requests, prefilled, figures: Default::default(), ready_ms, resident_mb }
    }

    fn measure(&mut self, time: Duration) {
        let gateway = self.prefilled.start();
        self.ready_ms.push(gateway.served.ready.as_secs_f64() * 1_000.0);
        for (figures, depth) in self.figures.iter_mut().zip(DEPTHS) {
            let (clients, skus) = (CLIENTS, Arc::clone(&self.skus));
            let load = Load { clients, depth, time, ids: Ids::Uuid, skus };
            figures.push(gateway.run(&load, &WebSocket));
        }
        self.resident_mb.push(gateway.served.resident_kb() as f64 / 1_000.0);
    }

    fn print(&self, at: usize, empty: &Self) {
        let mine = Figures::medians(&self.figures[at]);
        let rounds = self.figures[at].iter().zip(&empty.figures[at]);
        let ratio = median(rounds.map(|(mine, empty)| mine.per_second / empty.per_second));
        println!(
            "{:>7} {:>8} {:>5} {:>8.0} {:>6.2} {:>8.2} {:>8.2} {:>9.0} {:>7.1}",
            self.skus.skus,
            self.requests,
            DEPTHS[at],
            mine.per_second,
            ratio,
            mine.p50_ms,
            mine.p99_ms,
            median(self.ready_ms.iter().copied()),
            median(self.resident_mb.iter().copied()),
        );
    }
}
