//! What devices claim after older books were put back: a false claim harms at most the books of the
//! device that makes it.

use super::older::{bind, lost_grant, recover_and_send};
use super::test_hub::{lines, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::stock::Taken;

/// A pool that has been given away nearly as often as can be counted.
#[test]
fn what_no_pool_can_count_fences_the_database_that_brings_it_and_is_refused_to_others() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());
    hub.change(|books| recover(books));
    hub.handle(&gateway.gateway, &gateway.hello());
    hub.db("UPDATE pool SET given = 9223372036854775807 - 10");

    gateway.bound.acked_seq = 1;
    let answer = hub.handle(&gateway.gateway, &gateway.frame(1)).answer;

    let Some(FrameAnswer::Refused { reason, .. }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("the pool of SKU A would have more"), "{reason}");
    assert_eq!((hub.places(), hub.entries()), ((100, 0, 5), 1), "nothing is booked");
    let other = hub.stocked("other", 1);
    let grant = CentralRequest::Grant { gateway: other.gateway.clone(), lines: lines(20) };
    assert_eq!(hub.decide("to-other", grant), Err(Rejection::TooLarge(sku())));
    assert_eq!(hub.allotment_of(&other), (1, 0));
}

#[test]
fn what_was_taken_over_keeps_its_request_id_from_no_other_request() {
    let (mut hub, mut gateway) = lost_grant(100);
    hub.handle(&gateway.gateway, &gateway.hello());
    recover_and_send(&mut hub, &mut gateway);
    let other = hub.stocked("other", 1).gateway;
    let own = || gateway.gateway.clone();
    let requests = [
        CentralRequest::Receive { order_id: None, lines: lines(40) },
        CentralRequest::Deduct { order_id: None, lines: lines(40) },
        CentralRequest::Grant { gateway: other, lines: lines(40) },
        CentralRequest::Grant { gateway: own(), lines: lines(39) },
        CentralRequest::Recall { gateway: own(), lines: lines(40) },
    ];
    for request in requests {
        let decided = hub.copy().decide("g", request.clone()).unwrap();
        assert!(!decided.replayed && decided.outcome.is_ok(), "{request:?}: {decided:?}");
    }
    assert!(hub.grant("g", 40).unwrap().replayed);
}

#[test]
fn a_recall_that_was_taken_over_is_repeated_by_one_that_asks_for_as_much_or_more() {
    let (mut hub, mut gateway) = lost_grant(100);
    claim(&mut gateway, "back", "recall", -2);
    hub.handle(&gateway.gateway, &gateway.hello());
    recover_and_send(&mut hub, &mut gateway);
    assert_eq!(hub.places(), (62, 0, 40));
    for units in [2, 5] {
        assert!(hub.copy().recall("back", units).unwrap().replayed, "{units}");
    }
    assert!(!hub.recall("back", 1).unwrap().replayed);
}

#[test]
fn a_device_that_was_in_step_with_the_older_books_is_held_for_what_it_claims_after_a_recovery() {
    for (greeted_ms, is_held) in [(11, true), (9, false)] {
        let (mut hub, gateway) = lost_grant(100);
        let mut device = hub.stocked("other", 1);
        bind(&mut hub, &mut device);
        for (now_ms, ledger) in [(9, &device), (10, &gateway), (greeted_ms, &device)] {
            hub.handle_at(now_ms, &ledger.gateway, &ledger.hello());
        }
        hub.change(|books| recover(books));

        claim(&mut device, "made up", "grant", 60);
        let answer = hub.handle_at(12, &device.gateway, &device.hello()).answer;

        assert_eq!(matches!(answer, Some(FrameAnswer::Held { .. })), is_held, "{answer:?}");
        assert_eq!(hub.number("SELECT issued FROM book WHERE gateway = 'other'") == 0, is_held);
    }
}

/// An entry of a transfer that the books do not know, which the ledger says that it has taken.
fn claim(ledger: &mut Ledger, name: &str, kind: &str, change: i64) {
    ledger.post_as(name, kind, change);
    let (transfer, at_seq) = (ledger.taken.transfer + 1, ledger.entries.len() as u64);
    ledger.taken = Taken { transfer, at_seq, ..ledger.taken };
    ledger.bound.acked_seq = at_seq;
}
