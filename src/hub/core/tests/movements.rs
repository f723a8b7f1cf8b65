//! The hub's own ledger.

use super::test_hub::{TestHub, gateway_id, sku};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::db::sql::SqlValue;
use crate::hub::db::{movements_sql, read_movement};
use crate::stock::{Actor, Cause, Line, Lot, Quantity, Reason, RequestId, Trace};

#[test]
fn every_change_of_a_pool_is_an_entry_with_who_and_why() {
    let mut hub = TestHub::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    hub.answer_to(&old.hello());
    ask(
        &mut hub,
        "in",
        CentralRequest::Receive { order_id: None, lines: lots(&[("L1", 6), ("L2", 14)]) },
    );
    ask(&mut hub, "sold", CentralRequest::Deduct { order_id: None, lines: lots(&[("", 3)]) });
    ask(
        &mut hub,
        "g",
        CentralRequest::Grant { gateway: gateway_id(), lines: lots(&[("L1", 4), ("", 5)]) },
    );
    hub.deliver(&mut old);
    ask(&mut hub, "r", CentralRequest::Recall { gateway: gateway_id(), lines: lots(&[("", 2)]) });
    hub.deliver(&mut old);
    hub.retire(&old);
    hub.answer_to(&new.hello());
    hub.bring_back(&old, &new).unwrap();
    hub.set_policy(9, 10);
    hub.deliver(&mut new);

    assert_eq!(
        told(&mut hub),
        [
            "1 receipt 6 0 in line-3 because L1",
            "2 receipt 14 0 in line-3 because L2",
            "3 deduct -3 0 sold line-3 because -",
            "4 grant -4 4 g line-3 because L1",
            "5 grant -5 5 g line-3 because -",
            "6 recall 2 0 r line-3 because -",
            "7 bring_back 0 7 bring-back - - -",
            "8 grant -3 3 replenish policy - -",
        ]
    );
    let explained = hub.number("SELECT sum(change) FROM movement");
    assert_eq!(hub.places(), (explained, 0, 10));
    assert!(hub.balanced());
}

#[test]
fn what_is_brought_back_from_transit_is_an_entry_too() {
    let mut hub = TestHub::new();
    let (mut old, mut new) = (Ledger::new(1), Ledger::new(2));
    hub.answer_to(&old.hello());
    hub.answer_to(&old.post(&[("restock", 4)]));
    hub.receive("in", 6);
    hub.grant("g", 6).unwrap().outcome.unwrap();
    hub.retire(&old);
    hub.answer_to(&new.hello());
    hub.bring_back(&old, &new).unwrap();
    assert_eq!(
        told(&mut hub)[2..],
        ["3 bring_back 0 -6 bring-back - - -", "4 bring_back 0 10 bring-back - - -"]
    );
    hub.deliver(&mut new);
    assert_eq!(hub.places(), (0, 0, 10));
}

#[test]
fn lines_of_several_lots_are_decided_by_their_sum() {
    let mut hub = TestHub::new();
    ask(&mut hub, "in", CentralRequest::Receive { order_id: None, lines: lots(&[("", 5)]) });
    let request = CentralRequest::Deduct { order_id: None, lines: lots(&[("L1", 3), ("L2", 3)]) };
    let refused = hub.decide("out", request).unwrap();
    assert!(refused.outcome.is_err());
    assert_eq!((hub.places().0, told(&mut hub).len()), (5, 1), "a refusal changes nothing");
}

#[test]
fn reason_and_lots_are_part_of_the_request_and_the_order_of_lines_is_not() {
    let mut hub = TestHub::new();
    let receive = |lines| CentralRequest::Receive { order_id: None, lines };
    ask(&mut hub, "in", receive(lots(&[("L1", 1), ("L2", 2)])));
    let again = decided(&mut hub, receive(lots(&[("L2", 2), ("L1", 1)])), "because");
    assert!(again.unwrap().replayed);
    for (lines, reason) in [(&[("L1", 1), ("L2", 2)], "why"), (&[("L1", 1), ("L3", 2)], "because")]
    {
        let other = decided(&mut hub, receive(lots(lines)), reason);
        assert!(matches!(other, Err(Rejection::Conflict(_))), "{other:?}");
    }
}

fn ask(hub: &mut TestHub, id: &str, request: CentralRequest) {
    let (id, cause) = (RequestId::parse(id).unwrap(), cause("because"));
    hub.change(|books| decide(books, &id, &request, &cause)).unwrap().outcome.unwrap();
}

fn decided(
    hub: &mut TestHub,
    request: CentralRequest,
    reason: &str,
) -> Result<CentralDecision, Rejection> {
    let (id, cause) = (RequestId::parse("in").unwrap(), cause(reason));
    hub.change(|books| decide(books, &id, &request, &cause))
}

fn cause(reason: &str) -> Cause {
    Cause { actor: Actor::parse("line-3").ok(), reason: Reason::parse(reason).ok() }
}

fn lots(lines: &[(&str, u64)]) -> Vec<Line> {
    let line = |(lot, units): &(&str, u64)| {
        let trace = Trace::of(Lot::parse(lot).ok(), None, None);
        Line { trace, ..Line::new(sku(), Quantity::of_line(*units).unwrap()) }
    };
    lines.iter().map(line).collect()
}

/// The movements in words; request ids up to their first colon.
fn told(hub: &mut TestHub) -> Vec<String> {
    let all = [0, 1_000].map(SqlValue::Int);
    let rows = hub.database.read(|db| db.query(&movements_sql(), &all)).unwrap();
    let word = |EnteredMovement { seq, movement, .. }: EnteredMovement| {
        let id = movement.request_id.as_str().split(':').next().unwrap_or_default().to_owned();
        let actor = movement.cause.actor.map_or("-".into(), |actor| actor.to_string());
        let reason = movement.cause.reason.map_or("-".into(), |reason| reason.to_string());
        let lot = movement.trace.and_then(|trace| trace.lot);
        let lot = lot.map_or("-".into(), |lot| lot.to_string());
        let (kind, change, transit) =
            (movement.kind.as_str(), movement.change, movement.in_transit_change);
        format!("{seq} {kind} {change} {transit} {id} {actor} {reason} {lot}")
    };
    rows.into_iter().map(|row| word(read_movement(row).unwrap())).collect()
}
