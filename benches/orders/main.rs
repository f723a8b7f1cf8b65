//! Orders from the centre over gRPC: sales from the pool, beside a plain function in PostgreSQL, and
//! sales from anywhere.
//!
//! ```text
//! cargo bench --bench orders             # five seconds each
//! cargo bench --bench orders -- 10       # so many seconds
//! ```
//!
//! `pool` sells from the pool of one hub on SQLite and of two workers on PostgreSQL. Beside it stands
//! pgbench on the same PostgreSQL with one call of benches/peers/deduct.sql a sale: idempotent and
//! with an entry too, and without a hub. `anywhere` sells units that are at three gateways and not in
//! the pool. Clients, gateways, Mosquitto, PostgreSQL and hubs share the processors.
//! `STOCKGATE_HUB_BIN` names another program of the hub.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

#[path = "../load/mod.rs"]
mod load;
#[path = "../../tests/support/mod.rs"]
mod support;

mod anywhere;
mod client;
mod pgbench;
mod pool;

#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated code")]
#[allow(dead_code, unreachable_pub, unused_qualifications, elided_lifetimes_in_paths)]
mod proto {
    include!("../../proto/stockgate.v1.rs");
}

use std::time::Duration;

use self::load::figures::COLUMNS;

const SECONDS: u64 = 5;

fn main() {
    let mut numbers = std::env::args().filter_map(|text| text.parse().ok());
    let time = Duration::from_secs(numbers.next().unwrap_or(SECONDS));
    println!("{:<44} {COLUMNS}", "");
    pool::run(time);
    anywhere::run(time);
}
