//! Two controllers under one name: they have one client id, so each displaces the other at the broker.

use std::time::Duration;

use serde_json::json;

use crate::support::broker::Broker;
use crate::support::cable::Cable;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{throughout, until};

/// Long enough for many losses, though the wait between them grows.
const TOGETHER: Duration = Duration::from_secs(30);

/// Large frames are always under way, and take half a second, so that many connections end over one.
#[test]
fn two_controllers_under_one_name_are_named_and_not_taken_for_a_size_limit() {
    let broker = Broker::start();
    let _hub = Hub::start(&broker);
    let cables = [Cable::to(broker.port()), Cable::to(broker.port())];
    let twins = cables.each_ref().map(|cable| {
        cable.delay(100..250);
        Gateway::stocked_with(&cable.section(), &[("A", 1_000_000)])
    });
    let mut round = 0;
    throughout(TOGETHER, || {
        round += 1;
        for twin in &twins {
            order(twin, round);
            let reason = twin.sync()["reason"].clone();
            assert!(!reason.to_string().contains("size limit"), "{reason}");
            assert_eq!(twin.http().metric("stockgate_sync_frame_lost_bytes"), 0);
        }
    });
    let losses = twins.each_ref().map(|twin| twin.http().metric("stockgate_link_losses_total"));
    assert!(losses.iter().sum::<u64>() > 6, "they displace each other: {losses:?}");
    until("the loss and its step are named", || {
        twins
            .iter()
            .any(|twin| twin.sync()["reason"].to_string().contains("the broker has closed it"))
            && twins.iter().all(|twin| twin.log().contains("a second client uses our client id"))
    });
}

fn order(gateway: &Gateway, round: u64) {
    let order = |n: u64| {
        // Nothing in it repeats, so that it takes its bytes.
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        json!({"request_id": format!("{round}-{n}"), "order_id": id, "sku": "A", "quantity": 1})
    };
    gateway.ws().pipelined("deduct", (0..300).map(order));
}
