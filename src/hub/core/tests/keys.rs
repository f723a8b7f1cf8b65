//! The keys of devices and what they sign.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::test_hub::{TestHub, gateway_id};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::frame::{Checkpoint, Frame};
use crate::protocol::wire::Version;
use crate::stock::{Chain, Origin, SignedPosition};

#[test]
fn a_checkpoint_at_the_end_of_the_books_is_kept_and_replaces_that_of_its_part() {
    let (mut hub, mut ledger) = signing_gateway();
    hub.answer_to(&ledger.post(&[("restock", 5)]));
    hub.answer_to(&checkpoint(&ledger, 1));
    assert_eq!(kept(&mut hub), (1, 1));
    let early = ledger.post(&[("deduct", -1)]);
    hub.answer_to(&checkpoint(&ledger, 1));
    assert_eq!(kept(&mut hub), (1, 1), "its entries are not in the books");
    hub.answer_to(&early);
    hub.answer_to(&checkpoint(&ledger, 1));
    assert_eq!((kept(&mut hub), hub.problem()), ((1, 2), None));
}

#[test]
fn a_signature_of_another_key_is_a_problem_until_a_right_one_comes() {
    let (mut hub, mut ledger) = signing_gateway();
    hub.answer_to(&ledger.post(&[("restock", 5)]));
    hub.answer_to(&checkpoint(&ledger, 2));
    assert_eq!(kept(&mut hub), (0, 0));
    let problem = hub.problem().unwrap();
    assert!(problem.contains("signature of entry 1"), "{problem}");
    hub.answer_to(&checkpoint(&ledger, 1));
    assert_eq!((kept(&mut hub), hub.problem()), ((1, 1), None));
}

#[test]
fn a_gateway_that_signs_another_past_than_it_has_sent_is_fenced() {
    let (mut hub, mut ledger) = signing_gateway();
    hub.answer_to(&ledger.post(&[("restock", 5)]));
    let mut rewritten = signing_ledger();
    rewritten.post(&[("restock", 6)]);
    let answer = hub.answer_to(&checkpoint(&rewritten, 1));
    let Some(FrameAnswer::Refused { reason, .. }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("differ at entry 1"), "{reason}");
    assert_eq!(kept(&mut hub), (0, 0));
}

#[test]
fn what_a_device_signs_with_another_key_counts_once_an_operator_accepts_it() {
    let (mut hub, mut ledger) = signing_gateway();
    hub.answer_to(&ledger.post(&[("restock", 5)]));
    hub.answer_to(&checkpoint(&ledger, 1));
    ledger.bound.device_key = Some(public(2));
    hub.answer_to(&ledger.hello());
    hub.answer_to(&ledger.post(&[("deduct", -1)]));
    hub.answer_to(&checkpoint(&ledger, 2));
    assert_eq!((hub.entries(), kept(&mut hub)), (2, (1, 1)), "it goes on selling");
    assert_eq!(hub.problem(), None, "the books are right");
    hub.answer_to(&checkpoint(&ledger, 3));
    assert!(hub.problem().is_some(), "nobody knows this key");

    let epoch = ledger.epoch;
    let mut accept = |key| hub.change(|books| accept_key(books, &gateway_id(), epoch, key));
    assert_eq!(accept(public(3)), Err(NotAccepted::NotOffered(Some(public(2)))));
    assert_eq!((accept(public(2)), accept(public(2))), (Ok(()), Ok(())));
    hub.answer_to(&ledger.hello());
    hub.answer_to(&checkpoint(&ledger, 2));
    assert_eq!((kept(&mut hub), hub.problem()), ((1, 2), None));
}

#[test]
fn a_device_that_shows_the_right_key_again_shows_no_other() {
    let (mut hub, mut ledger) = signing_gateway();
    let mut shown = Vec::new();
    for key in [Some(public(2)), None, Some(public(1))] {
        ledger.bound.device_key = key;
        hub.answer_to(&ledger.hello());
        shown.push(hub.number("SELECT count(offered_key) FROM book"));
    }
    assert_eq!(shown, [1, 1, 0]);
}

#[test]
fn a_new_database_of_another_device_says_so() {
    let (mut hub, ledger) = signing_gateway();
    for (epoch, seed) in [(2, 1), (3, 2)] {
        let mut new = Ledger::new(epoch);
        new.bound.device_key = Some(public(seed));
        hub.answer_to(&new.hello());
        let problem = hub.problem().unwrap();
        assert_eq!(problem.contains("another key"), seed == 2, "{problem}");
        assert_ne!(new.epoch, ledger.epoch);
    }
}

/// The hub's own ledger is chained: whatever is changed in it, the chain is another.
#[test]
fn every_field_of_a_movement_is_in_the_chain() {
    let movement = Movement {
        kind: MovementKind::Grant,
        sku: super::sku(),
        change: -4,
        reserved_change: 0,
        in_transit_change: 4,
        gateway: Some(gateway_id()),
        order_id: None,
        request_id: crate::stock::RequestId::parse("g").unwrap(),
        cause: crate::stock::Cause::default(),
        trace: None,
    };
    let of = |seq, at_ms, movement: &Movement| {
        let movement = movement.clone();
        EnteredMovement { seq, at_ms, movement }.chained(&EnteredMovement::first_chain())
    };
    let named = |gateway: &str| Some(super::test_hub::named(gateway));
    let all = [
        of(1, 7, &movement),
        of(2, 7, &movement),
        of(1, 8, &movement),
        of(1, 7, &Movement { kind: MovementKind::BringBack, ..movement.clone() }),
        of(1, 7, &Movement { change: -5, ..movement.clone() }),
        of(1, 7, &Movement { reserved_change: -4, ..movement.clone() }),
        of(1, 7, &Movement { in_transit_change: 5, ..movement.clone() }),
        of(1, 7, &Movement { gateway: None, ..movement.clone() }),
        of(1, 7, &Movement { gateway: named("other"), ..movement.clone() }),
        of(
            1,
            7,
            &Movement { order_id: crate::stock::OrderId::parse("o").ok(), ..movement.clone() },
        ),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
}

/// A hub that knows a gateway, which signs with the key of seed 1.
fn signing_gateway() -> (TestHub, Ledger) {
    let mut hub = TestHub::new().of_version(Version::V2);
    let ledger = signing_ledger();
    hub.answer_to(&ledger.hello());
    (hub, ledger)
}

fn signing_ledger() -> Ledger {
    let mut ledger = Ledger::new(1);
    ledger.checks.chain = ledger.checks.chain.upgraded(0);
    ledger.bound.device_key = Some(public(1));
    ledger
}

/// The end of a ledger, signed with the key of a seed.
fn checkpoint(ledger: &Ledger, seed: u8) -> Frame {
    let Ledger { gateway, epoch, .. } = ledger.clone();
    let origin = Origin { site: gateway.site, gateway: gateway.gateway, epoch };
    let Chain::Sha256(chain) = ledger.checks.chain else { panic!("it is the newer one") };
    let end = (ledger.entries.len() as u64, chain);
    Frame::Checkpoint(Checkpoint::new(epoch, &SignedPosition::new(&origin, end, 7, &key(seed))))
}

/// The number of checkpoints, and the newest of them.
fn kept(hub: &mut TestHub) -> (i64, i64) {
    let newest = hub.number("SELECT coalesce(max(seq), 0) FROM checkpoint");
    (hub.number("SELECT count(*) FROM checkpoint"), newest)
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).public_key().as_ref().try_into().unwrap()
}
