//! How soon a link is back after an outage of the network. `STOCKGATE_OUTAGE_SECONDS` makes the outages
//! longer.
#![allow(clippy::print_stdout, reason = "docs/PERFORMANCE.md names the figures")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::addresses::silent;
use super::pair::{Pair, until_state};
use crate::support::patience::stretched;

/// Long enough that the wait between attempts has grown to its bound.
const OUTAGE_S: u64 = 20;
/// From the first moment at which the broker takes a connection.
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn after_an_outage_the_link_is_back_within_5_seconds_of_the_network() {
    let seconds = std::env::var("STOCKGATE_OUTAGE_SECONDS").ok();
    let seconds = seconds.map_or(OUTAGE_S, |text| text.parse().expect("a number of seconds"));
    let mut pair = Pair::stocked(&[("A", 5)]);
    for is_silent in [false, true] {
        pair.broker.kill9();
        // What is sent meanwhile is lost, or refused.
        let nobody = is_silent.then(|| silent("127.0.0.1", pair.broker.port()));
        sleep(Duration::from_secs(seconds));
        until_state(&pair.gateway, "offline");
        drop(nobody);
        pair.broker.launch();
        let began = Instant::now();
        until_state(&pair.gateway, "online");
        let took = began.elapsed();
        let kind = if is_silent { "without an answer" } else { "refused" };
        println!("{seconds} s of outage, attempts {kind}: online after {took:?}");
        assert!(took < stretched(BACK_WITHIN), "{kind}: {took:?}");
    }
    pair.assert_in_step();
}
