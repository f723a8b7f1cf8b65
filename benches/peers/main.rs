//! The gateway beside its alternatives, on this machine and in one run.
//!
//! ```text
//! scripts/bench-peers                # installs Redis and PostgreSQL if they are missing
//! scripts/bench-peers 3 2            # rounds, and seconds of each contender in a round
//! ```
//!
//! Every contender does the same work with the same client (see `load`), has a million decided
//! requests beforehand, and is loaded in alternating rounds, of which the medians count. Absolute
//! figures say more about the machine than about any contender.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it measured"
)]

#[path = "../load/mod.rs"]
mod load;

mod bare;
mod contenders;
mod contest;
mod pgwire;
mod postgres;
mod python;
mod redis;
mod resp;
mod sqlite;
mod targets;

use std::time::Duration;

const ROUNDS: usize = 5;
const SECONDS: u64 = 4;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(ROUNDS);
    let seconds = numbers.get(1).map_or(SECONDS, |seconds| *seconds as u64);
    let contest = contenders::all(Duration::from_secs(seconds)).run(rounds);
    contest.print();
    targets::print(&contest);
}
