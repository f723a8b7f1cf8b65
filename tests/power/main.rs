//! A whole machine whose power is cut again and again. `scripts/power-cut` prepares it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the test watches another machine, whose time is the real one, and fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../crash/client.rs"]
#[allow(dead_code, reason = "the crash test uses more of it")]
mod client;
#[path = "../crash/judge.rs"]
#[allow(dead_code, reason = "the crash test uses more of it")]
mod judge;
#[path = "../crash/request.rs"]
#[allow(dead_code, reason = "the crash test uses more of it")]
mod request;

mod disk;
mod machine;
mod run;
mod writes;

use run::Run;

#[test]
#[ignore = "takes an emulated machine: scripts/power-cut"]
fn nothing_answered_is_lost_or_doubled_however_often_the_power_is_cut() {
    let mut run = Run::begin();
    run.cut();
    run.end();
}
