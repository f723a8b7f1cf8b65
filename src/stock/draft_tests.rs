use std::convert::Infallible;

use super::*;
use crate::stock::{
    Action, CatalogueUpdate, Command, Direction, Line, Quantity, Transfer, TransferOutcome,
};

#[test]
fn a_draft_that_reuses_memory_has_none_of_the_earlier_changes() {
    let stock = Stock::default();
    let mut draft = Draft::new(&stock, NOW, 900);
    let restock = Action::Restock { order_id: None, lines: vec![line("A", 5)] };
    let request_id = id("r1");
    let Ok(decided) = draft.decide(&Command::chosen(request_id, restock), &NoRecord);
    assert!(decided.is_ok());
    draft.open(id("r2"), hold());
    assert_eq!(draft.apply_transfer(&grant("g")), TransferOutcome::Applied);
    let listings = vec![Listing { name: Some("b".into()), ..Listing::removed(sku("B")) }];
    let update = CatalogueUpdate { after: 0, up_to: 1, listings };
    assert!(draft.apply_catalogue_update(&update));

    let reused = Draft::new(&stock, NOW, 900).reusing(draft.finish()).finish();

    assert_eq!(reused, Draft::new(&stock, NOW, 900).finish());
}

#[test]
fn reservations_opened_and_closed_in_the_batch_are_counted() {
    let mut stock = Stock::default();
    stock.set_hold(id("before"), Some(hold()));
    let mut draft = Draft::new(&stock, NOW, 900);
    for n in 0..4 {
        draft.open(id(&format!("r{n}")), hold());
    }
    assert_eq!(draft.hold_count(), 5);
    for name in ["r1", "before"] {
        let Ok(()) = draft.close(&id(name), ReservationState::Expired, &NoRecord);
    }
    assert_eq!(draft.hold_count(), 3);
}

#[test]
fn a_movement_that_nobody_asked_for_is_recorded_with_its_entries() {
    let stock = Stock::default();
    let mut draft = Draft::new(&stock, NOW, 900);
    assert_eq!(draft.apply_transfer(&grant("g")), TransferOutcome::Applied);
    let record = LedgerRecord { request_id: id("g"), record: None, entries: 2 };
    assert_eq!(draft.finish().ledger_records, [record]);
}

#[test]
fn a_reservation_is_closed_without_its_record_only_if_that_is_lost() {
    let mut stock = Stock::default();
    stock.set_hold(id("r"), Some(hold()));
    let mut draft = Draft::new(&stock, NOW, 900);
    assert_eq!(
        draft.close(&id("r"), ReservationState::Expired, &Unreadable),
        Err("the disk fails")
    );
    assert_eq!(draft.hold_count(), 1);
    assert_eq!(draft.close(&id("r"), ReservationState::Expired, &Damaged), Ok(()));
    assert_eq!(draft.hold_count(), 0);
}

const NOW: Now = Now { wall_ms: 1_000, running_ms: 0, trusted: true };

struct NoRecord;

impl RequestRecords for NoRecord {
    type Error = Infallible;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(None)
    }
}

struct Unreadable;

impl RequestRecords for Unreadable {
    type Error = &'static str;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, &'static str> {
        Err("the disk fails")
    }
}

struct Damaged;

impl RequestRecords for Damaged {
    type Error = &'static str;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, &'static str> {
        Err("the row is damaged")
    }

    fn lost_reason(error: &&'static str) -> Option<String> {
        Some((*error).to_owned())
    }
}

fn grant(name: &str) -> Transfer {
    let lines = vec![line("A", 1), line("B", 2)];
    Transfer {
        number: 1,
        request_id: id(name),
        direction: Direction::Grant,
        lines,
        cause: Cause::default(),
    }
}

fn hold() -> Hold {
    Hold { order_id: None, lines: vec![line("A", 1)], deadline_ms: 1, actor: None }
}

fn line(name: &str, units: u64) -> Line {
    Line::new(sku(name), Quantity::of_line(units).unwrap())
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

fn id(name: &str) -> RequestId {
    RequestId::parse(name).unwrap()
}
