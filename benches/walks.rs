//! What terminals that subscribe again and again cost a terminal that deducts, with a million SKUs.
//!
//! ```text
//! cargo bench --bench walks             # half a minute
//! cargo bench --bench walks -- 5        # seconds of each row
//! ```
//!
//! One client deducts, one request at a time. Beside it two connections subscribe in a loop, and
//! wait for the first stock event each time: to one SKU, to a thousand, to a prefix, or to all.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use load::client::Load;
use load::gateway::Prefilled;
use load::requests::{Ids, sku_name};
use load::websocket::WebSocket;
use load::zipf::Zipf;
use tungstenite::Message;

const SKUS: usize = 1_000_000;
const SUBSCRIBERS: usize = 2;
const SECONDS: u64 = 3;

fn main() {
    let seconds = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(SECONDS);
    let skus = Arc::new(Zipf::new(SKUS));
    let gateway = Prefilled::new(&skus, Ids::Uuid, 0).start();
    let load =
        Load { clients: 1, depth: 1, time: Duration::from_secs(seconds), ids: Ids::Uuid, skus };
    let named = |count: usize| {
        let names = (0..count).map(|n| format!("{:?}", sku_name(n * SKUS / count)));
        format!("\"skus\":[{}]", names.collect::<Vec<_>>().join(","))
    };
    let prefix = sku_name(SKUS / 2);
    let prefix = format!("\"prefix\":{:?}", &prefix[..prefix.len() - 2]);
    println!("two subscribe to   p50 ms   p99 ms  subscriptions per s   (deductions, {SKUS} SKUs)");
    for (what, filter) in [
        ("nothing", None),
        ("one SKU", Some(named(1))),
        ("1,000 SKUs", Some(named(1_000))),
        ("a prefix", Some(prefix)),
        ("all", Some("\"all\":true".into())),
    ] {
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let figures = std::thread::scope(|scope| {
            for _ in 0..SUBSCRIBERS {
                if let Some(filter) = &filter {
                    scope.spawn(|| subscribe(gateway.served.port, filter, &stop, &count));
                }
            }
            let figures = gateway.run(&load, &WebSocket);
            stop.store(true, Ordering::Relaxed);
            figures
        });
        let per_second = count.load(Ordering::Relaxed) as f64 / seconds as f64;
        let (p50, p99) = (figures.p50_ms, figures.p99_ms);
        println!("{what:<16} {p50:>8.2} {p99:>8.2} {per_second:>20.0}");
    }
}

/// Subscribes until it is stopped.
fn subscribe(port: u16, filter: &str, stop: &AtomicBool, count: &AtomicUsize) {
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let url = format!("ws://127.0.0.1:{port}/ws");
    let (mut ws, _) = tungstenite::client(url, stream).unwrap();
    while !stop.load(Ordering::Relaxed) {
        ws.send(Message::text(format!("{{\"id\":1,\"op\":\"subscribe\",{filter}}}"))).unwrap();
        while !ws.read().unwrap().to_text().unwrap().contains("\"matched\"") {}
        while !ws.read().unwrap().to_text().unwrap().contains("\"stock\"") {}
        count.fetch_add(1, Ordering::Relaxed);
    }
}
