use std::convert::Infallible;

use super::*;
use crate::clock::Now;
use crate::stock::{
    Action, CatalogueUpdate, Cause, Chain, Command, Digest, Direction, Draft, Hold, Item, Line,
    Listing, Quantity, RequestId, RequestRecord, RequestRecords, Stock, Taken, Transfer,
    TransferOutcome, Undecided,
};

#[test]
fn a_stock_without_a_lost_sku_keeps_the_digest_and_expires_nothing_of_that_sku() {
    let stock = stock(false).with_holds([hold("later", 900, "B")]);
    assert_eq!((stock.checks().digest, stock.checks().chain), (Digest(42), Chain::Xxh3(77)));
    assert_eq!((stock.seq(), stock.hold_count(), stock.holds.weight()), (3, 3, 3));
    assert_eq!(stock.next_deadline_ms(), Some(800));
    assert_eq!(stock.lost().skus.iter().map(Sku::as_str).collect::<Vec<_>>(), ["A"]);
    let taken = Taken { transfer: 3, at_seq: 2, catalogue: 1 };
    let stock = stock.with_taken(taken);
    assert_eq!((stock.taken(), stock.seq()), (taken, 3));
}

#[test]
fn a_reservation_of_a_lost_sku_stays_when_it_is_due() {
    let stock = stock(false);
    let mut draft = Draft::new(&stock, Now { running_ms: 10_000, ..NOW }, 900);
    let Ok(()) = draft.expire_due(&NoRecord, 100);
    let expired = draft.finish().ledger_records;
    let expired: Vec<_> = expired.iter().map(|record| record.request_id.as_str()).collect();
    assert_eq!(expired, ["held B"]);
}

#[test]
fn an_unknown_sku_may_be_lost_only_if_names_were_lost() {
    for (unnamed, lost) in [(false, [true, false, false]), (true, [true, false, true])] {
        let stock = stock(unnamed);
        assert_eq!(["A", "B", "X"].map(|name| stock.is_lost(name)), lost, "{unnamed}");
        assert!(!stock.lost().is_empty());
    }
    let unnamed = Lost { unnamed: true, ..Lost::default() };
    assert!(Lost::default().is_empty() && !unnamed.is_empty());
}

#[test]
fn nothing_that_touches_a_lost_sku_is_decided() {
    let stock = stock(false);
    let reservation = || RequestId::parse("held A").unwrap();
    let actions = |name: &str| {
        let lines = lines(name);
        [
            Action::Deduct { order_id: None, lines: lines.clone() },
            Action::Restock { order_id: None, lines: lines.clone() },
            Action::Reserve { order_id: None, lines, ttl_s: None },
            Action::Count { sku: sku(name), counted: 5, trace: None },
        ]
    };
    let ends = [
        Action::Commit { reservation: reservation(), lines: None },
        Action::Release { reservation: reservation() },
    ];
    for action in actions("A").into_iter().chain(ends) {
        let lost = Err(Undecided::StockLost { sku: sku("A") });
        assert_eq!(decide(&stock, action.clone()).map(|_| ()), lost, "{action:?}");
    }
    for action in actions("B") {
        assert_eq!(decide(&stock, action.clone()), Ok(true), "{action:?}");
    }
}

#[test]
fn a_grant_of_a_lost_sku_waits_and_the_catalogue_does_not_make_it_known() {
    let stock = stock(false);
    let mut draft = Draft::new(&stock, NOW, 900);
    assert_eq!(draft.apply_transfer(&grant("A")), TransferOutcome::NoRoom(sku("A")));
    assert_eq!(draft.apply_transfer(&grant("B")), TransferOutcome::Applied);
    let listing = |name| Listing { name: Some("x".into()), ..Listing::removed(sku(name)) };
    let listings = ["A", "C"].map(listing).to_vec();
    assert!(draft.apply_catalogue_update(&CatalogueUpdate { after: 0, up_to: 1, listings }));
    let changes = draft.finish();
    assert!(changes.items.contains_key("C") && !changes.items.contains_key("A"));
}

const NOW: Now = Now { wall_ms: 0, running_ms: 0, trusted: true };

struct NoRecord;

impl RequestRecords for NoRecord {
    type Error = Infallible;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(None)
    }
}

/// A stock that has lost A, of which one unit is reserved, as of B.
fn stock(unnamed: bool) -> Stock {
    let items = [(sku("B"), Item { on_hand: 5, reserved: 1, version: 3 })].into_iter().collect();
    let holds = [hold("held A", 700, "A"), hold("held B", 800, "B")];
    let lost = Lost { skus: [sku("A")].into(), unnamed };
    Stock::load(items, holds, 3, Chain::Xxh3(77), Taken::default()).without(lost, Digest(42))
}

/// Whether the action is applied.
fn decide(stock: &Stock, action: Action) -> Result<bool, Undecided> {
    let command = Command::chosen(RequestId::parse("r").unwrap(), action);
    let Ok(answer) = Draft::new(stock, NOW, 900).decide(&command, &NoRecord);
    answer.map(|decided| decided.outcome.is_ok())
}

fn grant(name: &str) -> Transfer {
    let (request_id, lines) = (RequestId::parse("g").unwrap(), lines(name));
    Transfer { number: 1, request_id, direction: Direction::Grant, lines, cause: Cause::default() }
}

fn hold(id: &str, deadline_ms: u64, name: &str) -> (RequestId, Hold) {
    (
        RequestId::parse(id).unwrap(),
        Hold { order_id: None, lines: lines(name), deadline_ms, actor: None },
    )
}

fn lines(name: &str) -> Vec<Line> {
    vec![Line::new(sku(name), Quantity::of_line(1).unwrap())]
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}
