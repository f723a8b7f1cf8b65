//! Frames that should not exist: damaged, foreign, forged, or repeated.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use stockgate::protocol::Frame;
use stockgate::protocol::frame::{Epoch, Position, Refused, Resume};
use stockgate::protocol::wire::Wire;
use uuid::Uuid;

use super::forged::{FORGED, hello, restocks, wire_of};
use super::pair::{
    DOWN, ID, Pair, SITE, UP, assert_same_books, assert_same_entries, until_confirmed, until_reason,
};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::mqtt::Bystander;
use crate::support::patience::{throughout, until};
use crate::support::terminal::{Terminal, number};

const BAD_AT_HUB: &str = "stockgate_hub_frames_bad_total";
const BAD_AT_GATEWAY: &str = "stockgate_frames_bad_total";
/// Long enough that a wrong frame would have changed something.
const QUIET: Duration = Duration::from_secs(1);

#[test]
fn frames_that_the_hub_cannot_read_are_counted_and_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let unreadable = unreadable();

    for payload in &unreadable {
        bystander.publish(UP, payload);
    }

    let http = pair.hub.http();
    until("all are counted", || http.metric(BAD_AT_HUB) == unreadable.len() as u64);
    assert_sync_goes_on(&pair);
    assert_eq!(http.metric(BAD_AT_HUB), unreadable.len() as u64);
    let complaints = pair.hub.log().matches("a frame was rejected").count();
    assert_eq!(complaints, 1, "once a minute: {}", pair.hub.log());
}

#[test]
fn frames_that_the_gateway_cannot_read_are_counted_and_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let unreadable = unreadable();

    for payload in &unreadable {
        bystander.publish(DOWN, payload);
    }

    let http = pair.gateway.http();
    until("all are counted", || http.metric(BAD_AT_GATEWAY) == unreadable.len() as u64);
    assert_sync_goes_on(&pair);
}

#[test]
fn a_payload_of_any_size_costs_one_message_and_not_the_link() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    for bytes in [8 << 20, 300 << 10, 40 << 10] {
        bystander.publish(UP, &vec![7; bytes]);
        bystander.publish(DOWN, &vec![7; bytes]);
        pair.gateway.http().ok("deduct", one(&format!("r{bytes}"), "A", 1));
    }
    let (hub, gateway) = (pair.hub.http(), pair.gateway.http());
    until("the hub counts them", || hub.metric(BAD_AT_HUB) == 3);
    until("the gateway counts them", || gateway.metric(BAD_AT_GATEWAY) == 3);
    pair.assert_in_step();
    assert_eq!(hub.metric("stockgate_hub_link_losses_total"), 0);
    assert_eq!(gateway.metric("stockgate_link_losses_total"), 0);
    assert!(pair.hub.log().contains("bytes, a frame has at most"), "{}", pair.hub.log());
}

#[test]
fn entries_of_another_epoch_are_counted_and_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let (before, other) = (pair.known()["epoch"].clone(), Uuid::from_u128(7));

    Bystander::at(&pair.broker)
        .publish(UP, &restocks(other.into(), 2, &[("A", 5)]).encode(Wire::UP));

    assert_sync_goes_on(&pair);
    assert_eq!(pair.known()["epoch"], before);
    until("it is counted", || pair.hub.http().metric(BAD_AT_HUB) == 1);
}

#[test]
fn frames_for_another_epoch_are_counted_and_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let position = Position { epoch: Uuid::from_u128(7).into(), acked_seq: 9 };
    let refused = Refused { epoch: position.epoch, reason: "forged".into() };

    bystander.publish(DOWN, &Frame::Ack(position).encode(wire_of(&pair.hub)));
    bystander
        .publish(DOWN, &Frame::Resume(Resume { position, nonce: 0 }).encode(wire_of(&pair.hub)));
    bystander.publish(DOWN, &Frame::Refused(refused).encode(wire_of(&pair.hub)));

    assert_sync_goes_on(&pair);
    until("they are counted", || pair.gateway.http().metric(BAD_AT_GATEWAY) == 3);
}

#[test]
fn frames_in_the_wrong_direction_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let epoch = epoch_of(&pair);
    let position = Position { epoch, acked_seq: 9 };

    bystander.publish(UP, &Frame::Ack(position).encode(Wire::UP));
    bystander.publish(UP, &Frame::Resume(Resume { position, nonce: 0 }).encode(Wire::UP));
    bystander.publish(DOWN, &restocks(epoch, 2, &[("A", 5)]).encode(FORGED));
    bystander.publish(DOWN, &hello(epoch, 9).encode(FORGED));

    assert_sync_goes_on(&pair);
}

#[test]
fn entries_after_a_gap_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);

    Bystander::at(&pair.broker)
        .publish(UP, &restocks(epoch_of(&pair), 7, &[("A", 5)]).encode(Wire::UP));

    assert_sync_goes_on(&pair);
}

#[test]
fn entries_that_arrive_again_change_nothing() {
    let broker = Broker::start();
    let mut bystander = Bystander::hearing(&broker, UP);
    let hub = Hub::start(&broker);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    for n in 0..5 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
        until_confirmed(&gateway);
    }
    let before = hub.ledger(SITE, ID);
    let frames: Vec<Bytes> = entries_in(&mut bystander);
    assert!(frames.len() >= 5, "every movement had a frame of its own");

    for frame in frames.iter().rev().chain(&frames) {
        bystander.publish(UP, frame);
    }

    let known = || hub.http().metric("stockgate_hub_frames_known_total");
    until("they are taken for known", || known() >= 2 * frames.len() as u64);
    assert_same_entries(&before, &hub.ledger(SITE, ID));
    let pair = Pair { gateway, hub, broker };
    assert_sync_goes_on(&pair);
}

#[test]
fn a_greeting_that_arrives_late_changes_nothing() {
    let broker = Broker::start();
    let mut bystander = Bystander::hearing(&broker, UP);
    let hub = Hub::start(&broker);
    let gateway = Gateway::start_with(&broker.section());
    let greeting = bystander.next().payload;
    gateway.http().ok("restock", one("r1", "A", 100));
    let pair = Pair { gateway, hub, broker };
    pair.assert_in_step();

    for _ in 0..5 {
        bystander.publish(UP, &greeting);
    }

    assert_sync_goes_on(&pair);
}

#[test]
fn a_forged_acknowledgement_of_what_was_not_sent_confirms_nothing() {
    let broker = Broker::start();
    let mut bystander = Bystander::hearing(&broker, UP);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100), ("B", 100)]);
    let Ok(Frame::Hello(greeting)) = Frame::decode(&bystander.next().payload) else {
        panic!("a gateway greets first");
    };

    for acked_seq in [1, 2, 3, 1_000_000, u64::MAX] {
        let position = Position { epoch: greeting.epoch, acked_seq };
        bystander.publish(DOWN, &Frame::Ack(position).encode(FORGED));
        bystander.publish(DOWN, &Frame::Resume(Resume { position, nonce: 0 }).encode(FORGED));
    }

    throughout(QUIET, || assert_eq!(number(&gateway.sync(), "acked_seq"), 0));
    let hub = Hub::start(&broker);
    until_confirmed(&gateway);
    assert_same_books(&gateway, &hub, SITE, ID);
}

#[test]
fn a_forged_acknowledgement_beyond_the_ledger_confirms_nothing_on_a_link_in_use() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let epoch = epoch_of(&pair);
    for n in 0..20 {
        pair.gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
        let position = Position { epoch, acked_seq: 1_000_000 };
        bystander.publish(DOWN, &Frame::Ack(position).encode(wire_of(&pair.hub)));
        let sync = pair.gateway.sync();
        assert!(number(&sync, "acked_seq") <= n + 2, "{sync}");
    }
    pair.assert_in_step();
}

#[test]
fn unbounded_sums_of_one_gateway_do_not_stop_another() {
    assert_another_goes_on_beside(&[&[i64::MAX, i64::MAX]]);
}

#[test]
fn unbounded_quantities_of_one_gateway_do_not_stop_another() {
    assert_another_goes_on_beside(&[&[i64::MAX]]);
}

#[test]
fn negative_quantities_of_one_gateway_do_not_stop_another() {
    assert_another_goes_on_beside(&[&[i64::MIN]]);
}

#[test]
fn sums_over_gateways_at_the_bound_do_not_stop_another() {
    let most = (1 << 53) - 1;
    let rest = [&[most; 24][..], &[1_023]].concat();
    assert_eq!(rest.iter().sum::<i64>() + 1_000 * most, i64::MAX);

    assert_another_goes_on_beside(&[&[most; 1_000], &rest]);
}

#[test]
fn messages_on_unknown_topics_change_nothing() {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    let greeting = hello(Uuid::from_u128(7).into(), 0).encode(Wire::UP);
    let long = format!("stockgate/1/{}/gw-01/up", "x".repeat(65));

    for topic in ["stockgate/1/wh 01/gw-01/up", "stockgate/1/wh-01/gw:01/up", &long] {
        bystander.publish(topic, &greeting);
    }
    for state in ["", "{}", "no JSON", "{\"online\":\"perhaps\"}"] {
        bystander.publish("stockgate/1/wh-01/gw-01/state", state.as_bytes());
    }

    assert_sync_goes_on(&pair);
    assert_eq!(pair.hub.gateways().len(), 1);
    assert_eq!(pair.known()["online"], true);
}

#[test]
fn a_forged_refusal_does_not_last() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let refused = Refused { epoch: epoch_of(&pair), reason: "forged".into() };
    Bystander::at(&pair.broker).publish(DOWN, &Frame::Refused(refused).encode(wire_of(&pair.hub)));
    until_reason(&pair.gateway, "forged");

    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    pair.gateway.restart();

    pair.assert_in_step();
}

/// A client that may publish as one gateway can spoil the books of that gateway only.
fn assert_another_goes_on_beside(others: &[&[i64]]) {
    let pair = Pair::stocked(&[("A", 100)]);
    let mut bystander = Bystander::at(&pair.broker);
    for (n, changes) in others.iter().enumerate() {
        let lines: Vec<(&str, i64)> = changes.iter().map(|change| ("B", *change)).collect();
        let (up, epoch) = (format!("stockgate/1/other-{n}/gw-01/up"), Uuid::from_u128(7).into());
        let known = pair.hub.gateways().len();
        bystander.publish(&up, &hello(epoch, 2).encode(Wire::UP));
        until("the hub knows the other", || pair.hub.gateways().len() > known);
        bystander.publish(&up, &restocks(epoch, 1, &lines).encode(Wire::UP));
    }

    pair.gateway.http().ok("restock", one("r1", "B", 1));
    until_confirmed(&pair.gateway);
    assert_same_books(&pair.gateway, &pair.hub, SITE, ID);
    assert_eq!(pair.known()["drift"], false);
    assert_eq!(pair.hub.http().get("/api/reconcile?all=true").status, 200);
}

/// One more movement arrives, and nothing but the gateway's own movements ever did.
fn assert_sync_goes_on(pair: &Pair) {
    pair.gateway.http().ok("deduct", one("one-more", "A", 1));
    pair.assert_in_step();
    assert_eq!(pair.known()["drift"], false);
    throughout(QUIET, || assert_eq!(pair.gateway.sync()["state"], "online"));
    pair.assert_in_step();
}

/// Frames with one fault each.
fn unreadable() -> Vec<Vec<u8>> {
    let sound = restocks(Uuid::from_u128(7).into(), 2, &[("A", 5)]).encode(Wire::UP);
    let last = sound.len() - 1;
    let with = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        bytes
    };
    let (cut, cut_in_the_header) = (sound[..last].to_vec(), sound[..7].to_vec());
    let longer = [sound.as_slice(), &[0]].concat();
    let (damaged, newer_version) = (with(last, !sound[last]), with(2, 3));
    let mut unknown_kind = with(3, 77);
    reseal(&mut unknown_kind);
    let random = fastrand::Rng::with_seed(7).u128(..).to_le_bytes().repeat(9);
    let json = json!({"online": true}).to_string().into_bytes();
    let too_large = vec![b'S'; 100_000];
    vec![
        cut,
        cut_in_the_header,
        longer,
        damaged,
        newer_version,
        unknown_kind,
        random,
        json,
        too_large,
        Vec::new(),
    ]
}

/// Corrects the checksum of a changed frame.
fn reseal(frame: &mut [u8]) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[2..8]);
    hasher.update(&frame[12..]);
    frame[8..12].copy_from_slice(&hasher.finalize().to_le_bytes());
}

fn epoch_of(pair: &Pair) -> Epoch {
    let known: Value = pair.known();
    Uuid::parse_str(known["epoch"].as_str().unwrap()).unwrap().into()
}

/// The frames with entries received so far.
fn entries_in(bystander: &mut Bystander) -> Vec<Bytes> {
    let heard = bystander.all().into_iter().map(|message| message.payload);
    heard.filter(|payload| matches!(Frame::decode(payload), Ok(Frame::Entries(_)))).collect()
}
