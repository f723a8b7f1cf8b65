//! A data directory whose gateway is killed again and again, at every kind of moment, under the
//! load of terminals that record every answer.
//!
//! `STOCKGATE_CRASH_KILLS` sets the number of kills (25 by default), `STOCKGATE_CRASH_SEED` repeats
//! the plan of a run: the moments and the requests. The timing still differs.
#![allow(
    clippy::disallowed_methods,
    reason = "the test watches another process, whose time is the real one"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod judge;
mod moment;
mod request;
mod run;

use std::env;

use run::Run;

const KILLS_DEFAULT: u64 = 25;

#[test]
fn nothing_answered_is_lost_or_doubled_however_often_the_gateway_is_killed() {
    let kills = number_from("STOCKGATE_CRASH_KILLS").unwrap_or(KILLS_DEFAULT);
    let seed = number_from("STOCKGATE_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{kills} kills; STOCKGATE_CRASH_SEED={seed} repeats the plan");
    let mut run = Run::begin(seed);
    run.kill(kills);
    run.end();
}

fn number_from(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, is {text:?}")))
}
