//! What people remove.

use super::test_hub::{TestHub, gateway_id, named, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::protocol::frame::Frame;
use crate::stock::{Listing, Sku};

#[test]
fn databases_without_entries_are_forgotten_and_the_one_before_them_is_in_force_again() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 9);
    let mut other = hub.stocked("other", 4);
    for epoch in 50..55 {
        hub.answer_to(&Ledger::new(epoch).hello());
    }
    let frame = gateway.post(&[("deduct", -1)]);
    let refused = hub.handle(&gateway.gateway, &frame).answer;
    assert!(matches!(refused, Some(FrameAnswer::Refused { .. })), "it was replaced: {refused:?}");

    let done = hub.change(|books| forget_unused(books, &gateway_id()));

    assert_eq!(done, Some(ForgottenDatabases { forgotten: 5, left: 1 }));
    assert_eq!(hub.number("SELECT count(*) FROM book"), 2);
    assert_eq!(hub.problem(), None);
    let acked = hub.handle(&gateway.gateway, &gateway.frame(1)).answer;
    assert!(matches!(acked, Some(FrameAnswer::Ack { acked_seq: 2, .. })), "{acked:?}");
    hub.sell(&mut other, 1);
    assert_eq!((hub.allotment_of(&gateway), hub.allotment_of(&other)), ((8, 0), (3, 0)));
}

#[test]
fn a_gateway_that_was_made_up_is_forgotten_and_may_come_again() {
    let mut hub = TestHub::new();
    let mut gateway = Ledger::new(1);
    hub.answer_to(&gateway.hello());
    let done = hub.change(|books| forget_unused(books, &gateway_id()));
    assert_eq!(done, Some(ForgottenDatabases { forgotten: 1, left: 0 }));
    assert_eq!(hub.change(|books| forget_unused(books, &named("never"))), None);
    gateway.post(&[("restock", 3)]);
    hub.greet_and_send(&gateway);
    assert_eq!(hub.on_hand(), 3);
}

#[test]
fn a_database_that_was_sent_something_is_kept() {
    let mut hub = TestHub::new();
    hub.answer_to(&Ledger::new(1).hello());
    hub.receive("in", 9);
    hub.grant("g", 4).unwrap().outcome.unwrap();
    let done = hub.change(|books| forget_unused(books, &gateway_id()));
    assert_eq!(done, Some(ForgottenDatabases { forgotten: 0, left: 1 }));
    assert_eq!(hub.places(), (5, 4, 0));
}

#[test]
fn a_sku_without_units_is_forgotten_and_its_ledger_goes_on() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 9);
    assert_eq!(hub.change(|books| forget_sku(books, &sku())), Err(NotForgotten::HasUnits));
    hub.sell(&mut gateway, 9);

    assert_eq!(hub.change(|books| forget_sku(books, &sku())), Ok(()));

    assert_eq!(hub.number("SELECT count(*) FROM held"), 0);
    assert_eq!(hub.number("SELECT count(*) FROM pool"), 0);
    assert_eq!(hub.entries(), 2, "what happened stays");
    assert_eq!(hub.change(|books| forget_sku(books, &sku())), Err(NotForgotten::Unknown));
    let frame: Frame = gateway.post(&[("restock", 5)]);
    let acked = hub.answer_to(&frame);
    assert!(matches!(acked, Some(FrameAnswer::Ack { acked_seq: 3, .. })), "{acked:?}");
    assert_eq!((hub.on_hand(), hub.problem()), (5, None));
}

#[test]
fn a_sku_of_the_catalogue_of_the_pool_or_of_a_policy_is_kept() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 9);
    hub.sell(&mut gateway, 9);
    hub.set_policy(1, 2);
    assert_eq!(hub.change(|books| forget_sku(books, &sku())), Err(NotForgotten::HasPolicy));
    hub.change(|books| set_policy(books, &sku(), None));
    let listing = Listing { name: Some("a".into()), ..Listing::removed(sku()) };
    hub.change(|books| publish(books, vec![listing]));
    assert_eq!(hub.change(|books| forget_sku(books, &sku())), Err(NotForgotten::Listed));
    hub.receive("in", 1);
    let unknown = Sku::parse("other").unwrap();
    assert_eq!(hub.change(|books| forget_sku(books, &unknown)), Err(NotForgotten::Unknown));
}
