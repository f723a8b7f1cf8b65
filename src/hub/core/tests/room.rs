//! A stock holds a number of units at most, and a gateway takes its transfers in order: one that has
//! no room would stop all that follow.

use super::test_hub::{TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::reader::{self, GatewayQuery};
use crate::limits::STOCK_MAX;

#[test]
fn a_grant_that_has_no_room_at_its_gateway_is_refused() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", STOCK_MAX - 2);
    hub.receive("in", 9);
    hub.grant("fits", 1).unwrap().outcome.unwrap();
    let refused = hub.grant("not any more", 2);
    assert_eq!(refused, Err(Rejection::NoRoom(gateway_id(), sku())), "one is in transit");
    assert_eq!(hub.places(), (8, 1, STOCK_MAX - 2));
    hub.deliver(&mut gateway);
    hub.sell(&mut gateway, 1);
    hub.grant("not any more", 2).unwrap().outcome.expect("nothing was decided");
}

#[test]
fn a_policy_grants_no_more_than_there_is_room_for() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", STOCK_MAX - 1);
    let reserved = gateway.post(&[("reserve", STOCK_MAX - 1)]);
    hub.answer_to(&reserved);
    hub.receive("in", 9);
    assert_eq!(hub.set_policy(5, 8), ["gw"]);
    assert_eq!(hub.places(), (8, 1, STOCK_MAX - 1));
}

#[test]
fn nothing_is_brought_back_that_has_no_room() {
    let mut hub = TestHub::new();
    let old = hub.stocked("gw", 2);
    let new = hub.stocked("gw", STOCK_MAX - 1);
    hub.retire(&old);
    let refused = hub.bring_back(&old, &new);
    assert!(matches!(&refused, Err(CannotBringBack::Closed(why)) if why.contains("SKU A")));
    assert_eq!((hub.allotment_of(&old), hub.allotment_of(&new)), ((2, 0), (STOCK_MAX - 1, 0)));
}

/// Nobody would know otherwise why none of the later transfers arrives.
#[test]
fn a_transfer_that_its_gateway_cannot_take_is_its_problem() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 1);
    hub.receive("in", 3);
    hub.grant("g", 3).unwrap().outcome.unwrap();
    assert_eq!(shown(&mut hub)["problem"], serde_json::Value::Null);
    counted(&mut hub, &mut gateway, STOCK_MAX - 2);
    let known = shown(&mut hub);
    let problem = known["problem"].as_str().unwrap_or_default();
    assert!(problem.contains(&format!("has {} of SKU A", STOCK_MAX - 2)), "{known}");
    assert_eq!(known["drift"], false, "{known}");
    counted(&mut hub, &mut gateway, 5);
    assert_eq!(shown(&mut hub)["problem"], serde_json::Value::Null);
}

#[test]
fn a_gateway_without_room_says_so_before_it_names_a_size_limit() {
    let mut hub = TestHub::new();
    let mut gateway = hub.stocked("gw", 1);
    hub.receive("in", 3);
    hub.grant("g", 3).unwrap().outcome.unwrap();
    hub.change(|books| {
        let book = books.books(&gateway_id())?.pop().unwrap();
        let frame_lost = Some(LostFrames { bytes: 16_128, broker: "broker:1883".into() });
        books.save(&Book { frame_lost, ..book })
    });
    let names = |hub: &mut TestHub, words: &str| {
        let known = shown(hub);
        assert!(known["problem"].as_str().is_some_and(|why| why.contains(words)), "{known}");
    };
    names(&mut hub, "a size limit of the broker");
    counted(&mut hub, &mut gateway, STOCK_MAX - 2);
    names(&mut hub, "transfers wait");
}

fn counted(hub: &mut TestHub, gateway: &mut Ledger, to: i64) {
    let on_hand: i64 = gateway.entries.iter().map(|entry| entry.change).sum();
    let frame = gateway.post(&[("count", to - on_hand)]);
    hub.handle(&gateway.gateway.clone(), &frame);
}

fn shown(hub: &mut TestHub) -> serde_json::Value {
    let query = GatewayQuery { limit: 1, ..GatewayQuery::default() };
    let page = hub.database.read(|db| reader::gateways(db, &query)).unwrap();
    serde_json::to_value(page).unwrap()["items"][0].clone()
}
