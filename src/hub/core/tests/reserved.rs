//! How much may be reserved in the pools at once: as much as at a gateway.

use super::test_hub::TestHub;
use super::*;
use crate::clock::Now;
use crate::hub::reader;
use crate::limits::{RESERVATIONS_MAX, RESERVED_LINES_MAX};
use crate::stock::{Action, Actor, Cause, Line, Quantity, RequestId, Sku, Undecided};

/// Lines of one unit each.
fn lines(count: usize) -> Vec<Line> {
    let line = |number: usize| {
        Line::new(Sku::parse(&format!("S{number}")).unwrap(), Quantity::of_line(1).unwrap())
    };
    (0..count).map(line).collect()
}

/// A hub whose pool has enough of so many SKUs.
fn stocked(skus: usize) -> TestHub {
    let mut hub = TestHub::new();
    let lines = lines(skus)
        .into_iter()
        .map(|line| Line { quantity: Quantity::of_line(1_000_000).unwrap(), ..line });
    let receipt = CentralRequest::Receive { order_id: None, lines: lines.collect() };
    hub.decide("in", receipt).unwrap().outcome.unwrap();
    hub
}

fn ask(hub: &mut TestHub, id: &str, action: Action) -> Result<(), Undecided> {
    match hub.decide(id, CentralRequest::Order { action, chosen: true }) {
        Ok(decision) => decision.outcome.map(drop).map_err(|refusal| panic!("{refusal:?}")),
        Err(Rejection::Undecided(undecided)) => Err(undecided),
        Err(other) => panic!("{other:?}"),
    }
}

fn reserve(hub: &mut TestHub, id: &str, count: usize) -> Result<(), Undecided> {
    ask(hub, id, Action::Reserve { order_id: None, lines: lines(count), ttl_s: None })
}

fn release(hub: &mut TestHub, id: &str, reservation: &str) -> Result<(), Undecided> {
    let reservation = RequestId::parse(reservation).unwrap();
    ask(hub, id, Action::Release { reservation })
}

/// Copies of a reservation, for which the pool is not asked, as another worker makes them.
fn copies(hub: &mut TestHub, id: &str, count: usize) {
    hub.db(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO reservation (id, deadline_ms, order_id, actor, lines)
         SELECT 'copy-' || i || '-' || (SELECT count(*) FROM reservation), deadline_ms, order_id, actor, lines FROM n, reservation
         WHERE id = '{id}'"
    ));
}

#[test]
fn so_many_reservations_of_the_pools_are_open_and_no_more() {
    let mut hub = stocked(1);
    reserve(&mut hub, "first", 1).unwrap();
    copies(&mut hub, "first", RESERVATIONS_MAX - 2);
    hub.database.outdate_reserved();
    reserve(&mut hub, "last", 1).unwrap();
    assert_eq!(reserve(&mut hub, "more", 1), Err(Undecided::ReservationsFull));
    assert_eq!(reserve(&mut hub, "last", 1), Ok(()), "a repetition");
    release(&mut hub, "r", "first").unwrap();
    reserve(&mut hub, "more", 1).unwrap();
    assert_eq!(reserve(&mut hub, "again", 1), Err(Undecided::ReservationsFull));
}

#[test]
fn a_reservation_that_has_ended_names_who_made_it() {
    let mut hub = stocked(1);
    let by = |actor: &str| Cause { actor: Actor::parse(actor).ok(), reason: None };
    let id = |id: &str| RequestId::parse(id).unwrap();
    let reserve = Action::Reserve { order_id: None, lines: lines(1), ttl_s: None };
    let release = Action::Release { reservation: id("r") };
    for (name, action, actor) in [("r", reserve, "ann"), ("x", release, "bob")] {
        let request = CentralRequest::Order { action, chosen: true };
        let decided = hub.change(|books| decide(books, &id(name), &request, &by(actor)));
        decided.unwrap().outcome.unwrap();
    }
    let now = Now { wall_ms: 0, running_ms: 0, trusted: true };
    let told = hub.database.read(|db| reader::reservation(db, &id("r"), now)).unwrap();
    let told = serde_json::to_value(told).unwrap();
    let fields = ["state", "actor", "closed_by", "closed_actor"].map(|field| told[field].clone());
    assert_eq!(fields, ["released", "ann", "x", "bob"]);
}

#[test]
fn so_many_lines_of_the_pools_are_reserved_and_no_more() {
    let mut hub = stocked(1_000);
    reserve(&mut hub, "first", 1_000).unwrap();
    copies(&mut hub, "first", RESERVED_LINES_MAX / 1_000 - 2);
    hub.database.outdate_reserved();
    assert_eq!(reserve(&mut hub, "a", 999), Ok(()));
    assert_eq!(reserve(&mut hub, "b", 2), Err(Undecided::ReservedLinesFull));
    assert_eq!(reserve(&mut hub, "c", 1), Ok(()));
    assert_eq!(reserve(&mut hub, "d", 1), Err(Undecided::ReservedLinesFull));
    release(&mut hub, "r", "a").unwrap();
    assert_eq!(reserve(&mut hub, "d", 999), Ok(()), "as many as were released");
}

/// Requests of one transaction count as well, and what they end does not.
#[test]
fn what_one_transaction_reserves_and_ends_counts_in_it() {
    let mut hub = stocked(3);
    reserve(&mut hub, "stored", 2).unwrap();
    let reserved = hub.change(|books| {
        let mut decided = |id: &str, action: Action| {
            let order = CentralRequest::Order { action, chosen: true };
            let id = RequestId::parse(id).unwrap();
            drop(decide(books, &id, &order, &Cause::default()).unwrap());
            books.reserved().unwrap()
        };
        let reserve = |count| Action::Reserve { order_id: None, lines: lines(count), ttl_s: None };
        let of = |id: &str| RequestId::parse(id).unwrap();
        Ok([
            decided("new", reserve(3)),
            decided("r1", Action::Release { reservation: of("stored") }),
            decided("r2", Action::Release { reservation: of("new") }),
        ])
    });
    let found = reserved.map(|reserved| (reserved.reservations, reserved.lines));
    assert_eq!(found, [(2, 5), (1, 3), (0, 0)]);
}

#[test]
fn what_is_reserved_is_counted_once_a_second_and_near_a_limit_each_time() {
    let mut hub = stocked(1);
    let reserved = |hub: &mut TestHub| hub.change(|books| books.reserved()).reservations;
    reserve(&mut hub, "first", 1).unwrap();
    copies(&mut hub, "first", 10);
    reserve(&mut hub, "second", 1).unwrap();
    release(&mut hub, "r", "second").unwrap();
    assert_eq!(reserved(&mut hub), 1, "only what this worker does is known at once");
    hub.database.outdate_reserved();
    assert_eq!(reserved(&mut hub), 11);
    copies(&mut hub, "first", RESERVATIONS_MAX - 20);
    hub.database.outdate_reserved();
    assert_eq!(reserved(&mut hub), RESERVATIONS_MAX - 9);
    copies(&mut hub, "first", 8);
    reserve(&mut hub, "last", 1).unwrap();
    assert_eq!(reserve(&mut hub, "more", 1), Err(Undecided::ReservationsFull));
}
