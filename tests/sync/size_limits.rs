//! Brokers with a limit on the size of messages: Mosquitto drops a larger one and acknowledges it
//! (`message_size_limit`), or closes the connection over it (`max_packet_size`).

use serde_json::json;

use super::pair::{Pair, until_confirmed};
use crate::support::broker::Broker;
use crate::support::cable::Cable;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;

const KINDS: [&str; 2] = ["message_size_limit", "max_packet_size"];
const ORDERS: u64 = 3_000;

#[test]
fn a_backlog_passes_every_limit_with_at_most_twice_the_bytes() {
    let free = drained("");
    println!("no limit: {free} bytes");
    for kind in KINDS {
        for limit in [4_096, 8_192, 16_384] {
            let sent = drained(&format!("{kind} {limit}\n"));
            println!("{kind} {limit}: {sent} bytes");
            assert!(sent <= 2 * free, "{kind} {limit}: {sent} bytes, {free} without a limit");
        }
    }
}

/// The bytes that a gateway sends to have a backlog confirmed.
fn drained(limit: &str) -> usize {
    let broker = Broker::start_with(&format!("allow_anonymous true\n{limit}"));
    let cable = Cable::to(broker.port());
    let hub = Hub::start(&broker);
    cable.stall(true);
    let gateway = Gateway::stocked_with(&cable.section(), &[("A", 1_000_000)]);
    let order = |n: u64| {
        // Nothing in it repeats, so that it takes its bytes.
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        json!({"request_id": format!("r{n}"), "order_id": id, "sku": "A", "quantity": 1})
    };
    gateway.ws().pipelined("deduct", (0..ORDERS).map(order));
    cable.mend();
    until_confirmed(&gateway);
    let sent = cable.sent();
    if limit.is_empty() {
        assert_eq!(gateway.http().metric("stockgate_sync_frame_lost_bytes"), 0);
    } else if !limit.contains("16384") {
        assert_named(&gateway);
    }
    Pair { gateway, hub, broker }.assert_in_step();
    sent
}

/// Status, metric and log name the limit.
fn assert_named(gateway: &Gateway) {
    let words = "do not get through, small ones do: the broker's size limit";
    let names_it = || gateway.sync()["reason"].as_str().is_some_and(|why| why.contains(words));
    until("the status names it", names_it);
    assert!(gateway.http().metric("stockgate_sync_frame_lost_bytes") > 4_096);
    assert!(gateway.log().contains(words), "{}", gateway.log());
}
