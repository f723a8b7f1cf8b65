//! Reservations that are due, but whose expiry is not entered yet; and bounds of what is reserved.

use std::convert::Infallible;

use super::*;
use crate::limits::RESERVED_LINES_MAX;
use crate::stock::{
    Action, Chain, Command, CommandAnswer, Line, Lot, Quantity, Refusal, Serial, Taken, Trace,
    Undecided,
};

const NOW: Now = Now { wall_ms: 0, running_ms: 1_000, trusted: true };

#[test]
fn what_is_due_ends_in_parts_oldest_deadline_first() {
    let mut stock = with_holds(&[("r1", 900), ("r2", 1_000), ("r3", 800), ("r4", 1_001)]);
    assert_eq!(expire(&mut stock, 3), ["r3", "r1"], "of two lines each");
    assert_eq!(reserved(&stock), 2);
    assert_eq!(expire(&mut stock, 3), ["r2"], "the other one is not due");
    assert_eq!(expire(&mut stock, 3), [""; 0]);
    assert_eq!((reserved(&stock), stock.holds.weight()), (1, 2));
}

#[test]
fn what_is_due_stays_reserved_until_it_is_entered() {
    let stock = with_holds(&[("r1", 1_000)]);
    let mut draft = Draft::new(&stock, NOW, 900);
    let deduct = |units| Action::Deduct { order_id: None, lines: lines(&["A"], units) };
    let refused = decide(&mut draft, "d1", deduct(10)).unwrap().outcome.unwrap_err();
    assert!(matches!(refused, Refusal::InsufficientStock { available: 9, .. }), "{refused:?}");
    let Ok(()) = draft.expire_due(&NoRecord, 1);
    assert!(decide(&mut draft, "d2", deduct(10)).unwrap().outcome.is_ok());
}

#[test]
fn what_is_due_can_be_neither_committed_nor_released() {
    let stock = with_holds(&[("due", 1_000), ("open", 1_001)]);
    let commit = |id: RequestId| Action::Commit { reservation: id, lines: None };
    let release = |id: RequestId| Action::Release { reservation: id };
    let mut draft = Draft::new(&stock, NOW, 900);
    for (name, action) in [("c1", commit(id("due"))), ("c2", release(id("due")))] {
        let refused = decide(&mut draft, name, action).unwrap().outcome.unwrap_err();
        assert_eq!(refused, Refusal::ReservationExpired { reservation: id("due") });
    }
    assert!(decide(&mut draft, "c3", release(id("open"))).unwrap().outcome.is_ok());
}

#[test]
fn the_lines_of_open_reservations_are_bounded() {
    let mut stock = with_holds(&[("r1", 5_000)]);
    stock.holds.set_weight(RESERVED_LINES_MAX - 1);
    let mut draft = Draft::new(&stock, NOW, 900);
    let reserve =
        |skus: &[&str]| Action::Reserve { order_id: None, lines: lines(skus, 1), ttl_s: None };
    let full = Err(Undecided::ReservedLinesFull);
    assert_eq!(decide(&mut draft, "one", reserve(&["A", "B"])), full);
    assert!(decide(&mut draft, "two", reserve(&["A"])).is_ok(), "it is the last");
    assert_eq!(decide(&mut draft, "three", reserve(&["A"])), full);
    assert!(decide(&mut draft, "four", Action::Release { reservation: id("r1") }).is_ok());
    assert!(decide(&mut draft, "five", reserve(&["A", "B"])).is_ok(), "as many as were released");
    assert_eq!(decide(&mut draft, "six", reserve(&["A"])), full);
}

#[test]
fn the_lot_and_serial_of_a_reserved_line_count_by_their_length() {
    let (text, other) = ("x".repeat(64), "y".repeat(64));
    let traced = |lot: &str, serial: &str| {
        let trace = Trace::of(Lot::parse(lot).ok(), Serial::parse(serial).ok(), None);
        let line = Line { trace, ..lines(&["A"], 1).remove(0) };
        Action::Reserve { order_id: None, lines: vec![line], ttl_s: None }
    };
    let full = Err(Undecided::ReservedLinesFull);
    for (lot, serial, weight) in [("l", "", 2), (&*text, "", 3), (&*text, &*other, 4)] {
        let mut stock = with_holds(&[("r1", 5_000)]);
        stock.holds.set_weight(RESERVED_LINES_MAX - weight + 1);
        let mut draft = Draft::new(&stock, NOW, 900);
        assert_eq!(decide(&mut draft, "over", traced(lot, serial)), full, "{weight}");
        stock.holds.set_weight(RESERVED_LINES_MAX - weight);
        let mut draft = Draft::new(&stock, NOW, 900);
        assert!(decide(&mut draft, "last", traced(lot, serial)).unwrap().outcome.is_ok());
        assert_eq!(decide(&mut draft, "next", traced("l", "")), full);
        assert!(decide(&mut draft, "end", Action::Release { reservation: id("last") }).is_ok());
        assert!(decide(&mut draft, "again", traced(lot, serial)).unwrap().outcome.is_ok());
        let changes = draft.finish();
        stock.holds.set_weight(2);
        stock.apply(&changes);
        assert_eq!(stock.holds.weight(), 2 + weight, "only what was not released");
    }
}

#[test]
fn more_than_may_be_reserved_is_loaded_and_ends() {
    let mut stock = with_holds(&[("r1", 1_000), ("r2", 5_000)]);
    stock.holds.set_weight(2 * RESERVED_LINES_MAX);
    assert_eq!(expire(&mut stock, 10), ["r1"]);
    let mut draft = Draft::new(&stock, NOW, 900);
    let reserve = Action::Reserve { order_id: None, lines: lines(&["A"], 1), ttl_s: None };
    assert_eq!(decide(&mut draft, "r3", reserve), Err(Undecided::ReservedLinesFull));
    assert!(decide(&mut draft, "end", Action::Release { reservation: id("r2") }).is_ok());
}

#[test]
fn a_reserved_sku_takes_no_memory_of_its_own() {
    let long = "x".repeat(64);
    let items = [(sku(&long), Item { on_hand: 2, reserved: 2, version: 1 })].into_iter().collect();
    let hold = |name| (id(name), hold(9, &[&long]));
    let stock = Stock::load(items, [hold("r1"), hold("r2")], 1, Chain::default(), Taken::default());
    let texts = stock.holds.lines().map(|line| line.sku.as_str().as_ptr());
    let known = stock.items.iter().next().unwrap().0.as_str().as_ptr();
    assert!(texts.into_iter().all(|text| text == known));
}

struct NoRecord;

impl RequestRecords for NoRecord {
    type Error = Infallible;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(None)
    }
}

/// Ten units of A and B, of which each reservation holds one.
fn with_holds(holds: &[(&str, u64)]) -> Stock {
    let reserved = i64::try_from(holds.len()).unwrap();
    let item = |(name, version)| (sku(name), Item { on_hand: 10, reserved, version });
    let items = [("A", 1), ("B", 2)].map(item).into_iter().collect();
    let hold = |(name, deadline_ms): &(&str, u64)| (id(name), hold(*deadline_ms, &["A", "B"]));
    Stock::load(items, holds.iter().map(hold), 2, Chain::default(), Taken::default())
}

/// Expires in one batch; returns the reservations that ended.
fn expire(stock: &mut Stock, lines_max: usize) -> Vec<String> {
    let mut draft = Draft::new(stock, NOW, 900);
    let Ok(()) = draft.expire_due(&NoRecord, lines_max);
    let changes = draft.finish();
    stock.apply(&changes);
    changes.ledger_records.iter().map(|record| record.request_id.to_string()).collect()
}

fn reserved(stock: &Stock) -> i64 {
    stock.item("A").unwrap().reserved
}

fn decide(draft: &mut Draft<'_>, name: &str, action: Action) -> CommandAnswer {
    let Ok(answer) = draft.decide(&Command::chosen(id(name), action), &NoRecord);
    answer
}

fn hold(deadline_ms: u64, skus: &[&str]) -> Hold {
    Hold { order_id: None, lines: lines(skus, 1), deadline_ms, actor: None }
}

fn lines(skus: &[&str], units: u64) -> Vec<Line> {
    let quantity = Quantity::of_line(units).unwrap();
    skus.iter().map(|name| Line::new(sku(name), quantity)).collect()
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

fn id(name: &str) -> RequestId {
    RequestId::parse(name).unwrap()
}
