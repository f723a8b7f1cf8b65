//! Deductions over WebSocket and HTTP: throughput, latency and bytes written, by the number of
//! clients and of requests in flight.
//!
//! ```text
//! cargo bench --bench served                      # the usual rows
//! cargo bench --bench served -- 50 32 10 uuid     # clients, requests under way each, seconds, ids
//! ```
//!
//! Client and gateway share the machine, and one thread drives all clients. SKUs are drawn from
//! 4,000 by Zipf's law (0.99); 100,000 requests have been decided before. `STOCKGATE_BIN` names
//! another program.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use load::client::Load;
use load::figures::{COLUMNS, Figures};
use load::gateway::Prefilled;
use load::http::Http;
use load::requests::Ids;
use load::websocket::WebSocket;
use load::zipf::Zipf;

const SKUS: usize = 4_000;
const REMEMBERED: usize = 100_000;
const SECONDS: u64 = 5;
const CLIENTS: [usize; 3] = [1, 50, 200];
const DEPTH: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<usize>().ok());
    let time = Duration::from_secs(number(2).map_or(SECONDS, |seconds| seconds as u64));
    let ids = arguments.get(3).map_or(Ids::Uuid, |name| Ids::named(name));
    let skus = Arc::new(Zipf::new(SKUS));
    let prefilled = Prefilled::new(&skus, ids, REMEMBERED);
    println!("over       clients depth {COLUMNS}");
    let load = |clients, depth| Load { clients, depth, time, ids, skus: Arc::clone(&skus) };
    if let (Some(clients), Some(depth)) = (number(0), number(1)) {
        return websocket(&prefilled, &load(clients, depth));
    }
    for depth in [1, DEPTH] {
        CLIENTS.iter().for_each(|clients| websocket(&prefilled, &load(*clients, depth)));
    }
    for clients in CLIENTS {
        let load = load(clients, 1);
        print("HTTP", &load, &prefilled.start().run(&load, &Http));
    }
}

fn websocket(prefilled: &Prefilled, load: &Load) {
    print("WebSocket", load, &prefilled.start().run(load, &WebSocket));
}

fn print(over: &str, load: &Load, figures: &Figures) {
    println!("{over:<10} {:>7} {:>5} {}", load.clients, load.depth, figures.row());
}
