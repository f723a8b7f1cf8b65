//! A fleet of gateways on one hub, both stores, with a real broker and real processes.
//!
//! ```text
//! cargo bench --bench fleet                              # everything; half an hour
//! cargo bench --bench fleet -- --gateways 500            # so many gateways in each part
//! cargo bench --bench fleet -- --part drain --store postgresql --workers 2
//! ```
//!
//! The parts are `drain` (`--entries`, `--skus`), `answers`, `connected`, `downward`, `faults`,
//! `readers` and `feed`; `--seconds` is the duration of `answers` and `faults`. Each figure stands beside its
//! bound and the load of the machine, and `!` marks one that misses its bound. The gateways are
//! played: they speak version 2 of the protocol, each on a connection of its own, and keep no
//! database. `STOCKGATE_HUB_BIN` names another program of the hub. Gateways, Mosquitto, PostgreSQL
//! and hub share the processors.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    reason = "a benchmark prints what it measured, fails by panicking and works in real time"
)]

#[path = "../load/mod.rs"]
mod load;
#[path = "../../tests/support/mod.rs"]
mod support;

mod answers;
mod bare;
mod connected;
mod crowd;
mod delay;
mod downward;
mod drain;
mod faults;
mod feed;
mod figures;
mod gateway;
mod ledger;
mod parts;
mod plan;
mod readers;
mod standing;

use self::figures::Figures;
use self::plan::Plan;

fn main() {
    let plan = Plan::of_arguments();
    let mut figures = Figures::new();
    for (name, run) in [
        ("drain", drain::run as fn(&Plan, &mut Figures)),
        ("answers", answers::run),
        ("connected", connected::run),
        ("downward", downward::run),
        ("faults", faults::run),
        ("readers", readers::run),
        ("feed", feed::run),
    ] {
        if plan.has(name) {
            run(&plan, &mut figures);
        }
    }
    figures.end();
}
