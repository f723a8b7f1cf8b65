//! Many gateways at once. They are played by one client of the broker.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stockgate::protocol::Frame;
use stockgate::protocol::wire::Wire;
use uuid::Uuid;

use super::forged::hello;
use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;
use crate::support::patience::patience;

/// Several times what the hub's MQTT client takes at a time.
const GATEWAYS: u128 = 400;

#[test]
fn every_gateway_is_answered_and_told_of_a_restart_however_many_there_are() {
    let broker = Broker::start();
    let mut hub = Hub::start(&broker);
    let mut gateways = Bystander::hearing(&broker, "stockgate/1/wh/+/down");

    hub.pause();
    for n in 0..GATEWAYS {
        let frame = hello(Uuid::from_u128(n + 1).into(), 0);
        gateways.publish(&format!("stockgate/1/wh/g{n}/up"), &frame.encode(Wire::UP));
    }
    hub.resume();
    assert_eq!(resumed(&mut gateways, 1).len(), GATEWAYS as usize, "all greetings are answered");

    hub.restart();
    assert_eq!(resumed(&mut gateways, 0).len(), GATEWAYS as usize, "all are asked to greet");
    let http = hub.http();
    assert_eq!(http.metric("stockgate_hub_outgoing_frames"), 0);
}

/// The topics on which a Resume with this nonce arrives, until all gateways have one.
fn resumed(gateways: &mut Bystander, with_nonce: u64) -> BTreeSet<String> {
    let deadline = Instant::now() + patience();
    let mut topics = BTreeSet::new();
    while topics.len() < GATEWAYS as usize && Instant::now() < deadline {
        let Some(message) = gateways.next_within(Duration::from_secs(1)) else { continue };
        if let Ok(Frame::Resume(resume)) = Frame::decode(&message.payload)
            && resume.nonce == with_nonce
        {
            topics.insert(message.topic);
        }
    }
    topics
}
