//! A mass expiry: how long deductions wait while many reservations end at the same instant.
//!
//! ```text
//! cargo bench --bench expiry                      # 100,000 reservations of 10 lines, 4 clients
//! cargo bench --bench expiry -- 20000 10 50       # reservations, lines, clients
//! ```
//!
//! Two rows: the reservations fall due while the gateway runs, and they are overdue when it starts.
//! Each client sends one deduction at a time over WebSocket; client and gateway share the machine.
//! `STOCKGATE_BIN` names another program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::sync::Arc;
use std::time::{Duration, Instant};

use load::client::Load;
use load::engine::Reservations;
use load::gateway::{Gateway, Prefilled};
use load::requests::Ids;
use load::websocket::WebSocket;
use load::zipf::Zipf;

const SKUS: usize = 4_000;
const RESERVATIONS: usize = 100_000;
const LINES: usize = 10;
const CLIENTS: usize = 4;
/// The end of the reservations, in seconds after the start: the gateway is idle by then.
const TTL_S: u64 = 6;
const ROUND: Duration = Duration::from_secs(1);

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (count, lines) = (number(0, RESERVATIONS), number(1, LINES));
    let load = Load {
        clients: number(2, CLIENTS),
        depth: 1,
        time: ROUND,
        ids: Ids::Uuid,
        skus: Arc::new(Zipf::new(SKUS)),
    };
    println!("{count} reservations of {lines} lines, {} clients", load.clients);
    println!(
        "they are due     ready ms  longest wait ms  p99 ms  deducts  expiry s  MB before, at most, after"
    );
    for (name, begins_at_ms) in [("while it runs", 0), ("when it starts", 2 * TTL_S * 1_000)] {
        let reservations = Reservations { count, lines, ttl_s: TTL_S, begins_at_ms };
        let gateway = Prefilled::reserved(&load.skus, &reservations).start();
        Expiry::measure(&gateway, &load).print(name, &gateway);
    }
}

/// What was seen until the last reservation had ended.
#[derive(Default)]
struct Expiry {
    longest_ms: f64,
    p99_ms: f64,
    deducts: f64,
    took: Duration,
    mb: [f64; 3],
}

impl Expiry {
    fn measure(gateway: &Gateway, load: &Load) -> Self {
        let mb = || gateway.served.resident_kb() as f64 / 1_000.0;
        let (mut seen, mut began) = (Self::default(), Instant::now());
        seen.mb = [mb(); 3];
        let all = open(gateway);
        loop {
            let round = gateway.run(load, &WebSocket);
            let open = open(gateway);
            if open == all {
                began = Instant::now();
            }
            seen.longest_ms = seen.longest_ms.max(round.max_ms);
            seen.p99_ms = seen.p99_ms.max(round.p99_ms);
            seen.deducts += round.per_second * load.time.as_secs_f64();
            seen.mb[1] = seen.mb[1].max(mb());
            if open == 0 {
                (seen.took, seen.mb[2]) = (began.elapsed(), mb());
                return seen;
            }
        }
    }

    fn print(&self, name: &str, gateway: &Gateway) {
        println!(
            "{name:<16} {:>8.0} {:>16.0} {:>7.1} {:>8.0} {:>9.0} {:>9.0} {:>8.0} {:>6.0}",
            gateway.served.ready.as_secs_f64() * 1_000.0,
            self.longest_ms,
            self.p99_ms,
            self.deducts,
            self.took.as_secs_f64(),
            self.mb[0],
            self.mb[1],
            self.mb[2],
        );
    }
}

/// Open reservations. The gateway must be ready all the time.
fn open(gateway: &Gateway) -> u64 {
    let url = format!("http://127.0.0.1:{}/api/status", gateway.served.port);
    let mut answer = ureq::get(&url).call().unwrap();
    let status: serde_json::Value = answer.body_mut().read_json().unwrap();
    assert_eq!(status["ready"], true, "{status}");
    status["reservations"].as_u64().unwrap()
}
