use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::clock::Now;
use crate::stock::{
    Action, Cause, Changes, Command, Entry, Item, Quantity, RequestId, RequestRecord,
    RequestRecords, Seq, Stock,
};

#[test]
fn a_grant_is_on_hand_and_in_the_ledger_line_by_line() {
    let mut shop = Shop::default();
    assert_eq!(shop.take(&grant(1, &[("A", 5), ("B", 7)])), TransferOutcome::Applied);
    assert_eq!((shop.item("A"), shop.item("B")), ((5, 0), (7, 0)));
    let entry = &shop.ledger[1];
    assert_eq!((entry.kind, entry.change, entry.reserved_change), (Kind::Grant, 7, 0));
    assert_eq!((entry.request_id.as_str(), &entry.order_id), ("g1", &None));
    assert_eq!(shop.stock.taken(), taken(1, 2));
}

#[test]
fn a_transfer_out_of_turn_changes_nothing() {
    let mut shop = Shop::default();
    shop.take(&grant(1, &[("A", 5)]));
    let before = shop.stock.clone();
    for number in [0, 1, 3, u64::MAX] {
        assert_eq!(shop.take(&grant(number, &[("A", 5)])), TransferOutcome::OutOfTurn, "{number}");
    }
    assert_eq!(shop.stock, before);
}

#[test]
fn transfers_of_one_batch_follow_each_other() {
    let mut shop = Shop::default();
    let transfers = [grant(1, &[("A", 5)]), grant(2, &[("A", 1)]), recall(3, &[("A", 4)])];
    shop.decide(|draft| {
        for transfer in &transfers {
            assert_eq!(draft.apply_transfer(transfer), TransferOutcome::Applied);
        }
    });
    assert_eq!((shop.item("A"), shop.stock.taken()), ((2, 0), taken(3, 3)));
}

#[test]
fn a_recall_returns_what_is_available() {
    let mut shop = Shop::stocked("A", 10);
    shop.reserve("A", 7);
    let before = shop.stock.seq();
    assert_eq!(shop.take(&recall(1, &[("A", 5), ("unknown", 1)])), TransferOutcome::Applied);
    assert_eq!(shop.item("A"), (7, 7));
    assert_eq!(shop.stock.item("unknown"), None);
    let given: Vec<_> = shop.ledger.iter().filter(|entry| entry.kind == Kind::Recall).collect();
    assert_eq!((given.len(), given[0].change), (1, -3));
    assert_eq!(shop.stock.taken(), taken(1, before + 1));
}

#[test]
fn a_recall_that_returns_nothing_is_applied_without_an_entry() {
    let mut shop = Shop::stocked("A", 3);
    shop.reserve("A", 3);
    let before = shop.ledger.len();
    let changes = shop.decide(|draft| drop(draft.apply_transfer(&recall(1, &[("A", 5)]))));
    assert!(!changes.is_empty() && changes.ledger_records.is_empty());
    assert_eq!((shop.ledger.len(), shop.stock.taken()), (before, taken(1, 2)));
}

#[test]
fn a_grant_over_the_stock_limit_waits_and_so_do_those_after_it() {
    let mut shop = Shop::stocked("A", 1);
    let most = STOCK_MAX.unsigned_abs();
    let too_much = grant(1, &[("B", 1), ("A", most)]);
    assert_eq!(shop.take(&too_much), TransferOutcome::NoRoom(sku("A")));
    assert_eq!(shop.take(&grant(2, &[("B", 1)])), TransferOutcome::OutOfTurn);
    assert_eq!((shop.stock.item("B"), shop.stock.taken()), (None, Taken::default()));
    shop.deduct("A", 1);
    assert_eq!(shop.take(&too_much), TransferOutcome::Applied, "it had only to wait");
    assert_eq!(shop.item("A"), (STOCK_MAX, 0));
}

#[test]
fn a_sku_in_two_lines_of_a_transfer_becomes_one_line() {
    let mut shop = Shop::default();
    let most = STOCK_MAX.unsigned_abs();
    assert_eq!(
        shop.take(&grant(1, &[("A", most), ("A", most)])),
        TransferOutcome::NoRoom(sku("A"))
    );
    shop.take(&grant(1, &[("A", 2), ("A", 3)]));
    shop.take(&recall(2, &[("A", 4), ("A", 4)]));
    assert_eq!((shop.item("A"), shop.ledger.len()), ((0, 0), 2));
}

#[test]
fn a_client_may_use_the_request_id_of_a_transfer() {
    let mut shop = Shop::default();
    let changes = shop.decide(|draft| drop(draft.apply_transfer(&grant(1, &[("A", 5)]))));
    assert!(changes.ledger_records.iter().all(|decision| decision.record.is_none()));
    let action = Action::Restock { order_id: None, lines: vec![line("A", 1)] };
    shop.command("g1", action);
    assert_eq!(shop.item("A"), (6, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is lost, doubled or out of order: each transfer counts once and in its turn, a
    /// unit is in one place, and nothing promised is given back.
    #[test]
    fn transfers_move_units_exactly_once(
        sent in prop::collection::vec(transfer(), 1..12),
        arrivals in prop::collection::vec((0..12_usize, busy()), 1..80),
    ) {
        let sent: Vec<Transfer> = sent.iter().zip(1..).map(numbered).collect();
        let mut shop = Shop::default();
        for (index, busy) in arrivals {
            shop.keep_busy(&busy);
            let transfer = &sent[index % sent.len()];
            let (before, promised) = (shop.stock.taken().transfer, shop.promised());
            let is_next = transfer.number == before + 1;
            let made = shop.ledger.len();
            prop_assert_eq!(shop.take(transfer) == TransferOutcome::Applied, is_next);
            prop_assert_eq!(shop.stock.taken().transfer, before + u64::from(is_next));
            prop_assert!(is_next || shop.ledger.len() == made);
            prop_assert_eq!(shop.promised(), promised);
        }
        shop.check(&sent[..usize::try_from(shop.stock.taken().transfer).unwrap()]);
    }
}

/// What terminals do between two transfers.
#[derive(Clone, Debug)]
enum Busy {
    Deduct(String, u64),
    Reserve(String, u64),
    Nothing,
}

fn busy() -> impl Strategy<Value = Busy> {
    prop_oneof![
        (name(), 1..5_u64).prop_map(|(sku, units)| Busy::Deduct(sku, units)),
        (name(), 1..5_u64).prop_map(|(sku, units)| Busy::Reserve(sku, units)),
        Just(Busy::Nothing),
    ]
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let lines = prop::collection::vec((name(), 1..9_u64), 1..4);
    (lines, any::<bool>()).prop_map(|(lines, is_grant)| {
        let lines: Vec<(&str, u64)> = lines.iter().map(|(sku, n)| (sku.as_str(), *n)).collect();
        if is_grant { grant(0, &lines) } else { recall(0, &lines) }
    })
}

/// A transfer by its number, and named by it.
fn numbered((transfer, number): (&Transfer, u64)) -> Transfer {
    let request_id = RequestId::parse(&format!("t{number}")).unwrap();
    Transfer { number, request_id, ..transfer.clone() }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["A", "B", "C"]).prop_map(str::to_owned)
}

/// A gateway without a disk whose records nobody asks for twice.
#[derive(Default)]
struct Shop {
    stock: Stock,
    ledger: Vec<Entry>,
    requests: usize,
}

struct Nothing;

impl RequestRecords for Nothing {
    type Error = Infallible;

    fn find(&self, _: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(None)
    }
}

impl Shop {
    fn stocked(sku: &str, units: u64) -> Self {
        let mut shop = Self::default();
        shop.command("seed", Action::Restock { order_id: None, lines: vec![line(sku, units)] });
        shop
    }

    fn decide(&mut self, decide: impl FnOnce(&mut Draft<'_>)) -> Changes {
        let mut draft =
            Draft::new(&self.stock, Now { wall_ms: 0, running_ms: 0, trusted: true }, 900);
        decide(&mut draft);
        let changes = draft.finish();
        self.stock.apply(&changes);
        self.ledger.extend(changes.entries.iter().map(|posted| posted.entry.clone()));
        changes
    }

    fn take(&mut self, transfer: &Transfer) -> TransferOutcome {
        let mut taking = TransferOutcome::OutOfTurn;
        self.decide(|draft| taking = draft.apply_transfer(transfer));
        taking
    }

    fn command(&mut self, name: &str, action: Action) {
        let request_id = RequestId::parse(name).unwrap();
        let command = Command::chosen(request_id, action);
        self.decide(|draft| {
            let Ok(answer) = draft.decide(&command, &Nothing);
            assert!(answer.is_ok());
        });
    }

    fn unnamed(&mut self, action: Action) {
        self.requests += 1;
        self.command(&format!("r{}", self.requests), action);
    }

    fn deduct(&mut self, sku: &str, units: u64) {
        self.unnamed(Action::Deduct { order_id: None, lines: vec![line(sku, units)] });
    }

    fn reserve(&mut self, sku: &str, units: u64) {
        let lines = vec![line(sku, units)];
        self.unnamed(Action::Reserve { order_id: None, lines, ttl_s: None });
    }

    fn keep_busy(&mut self, busy: &Busy) {
        match busy {
            Busy::Deduct(sku, units) => self.deduct(sku, *units),
            Busy::Reserve(sku, units) => self.reserve(sku, *units),
            Busy::Nothing => {}
        }
    }

    fn item(&self, sku: &str) -> (i64, i64) {
        self.stock.item(sku).map(|item| (item.on_hand, item.reserved)).unwrap()
    }

    fn promised(&self) -> Vec<i64> {
        ["A", "B", "C"].map(|sku| self.stock.item(sku).unwrap_or_default().reserved).into()
    }

    /// The ledger adds up to the stock, and holds of each transfer taken what it should.
    fn check(&self, taken: &[Transfer]) {
        let mut items: BTreeMap<&Sku, Item> = BTreeMap::new();
        for (entry, seq) in self.ledger.iter().zip(1..) {
            let item = items.entry(&entry.sku).or_default();
            item.on_hand += entry.change;
            item.reserved += entry.reserved_change;
            item.version = seq;
            assert!(0 <= item.reserved && item.reserved <= item.on_hand, "{entry:?}");
        }
        assert!(self.stock.items_after("", None).eq(items.iter().map(|(sku, item)| (*sku, item))));
        for transfer in taken {
            self.check_entries(transfer);
        }
    }

    fn check_entries(&self, transfer: &Transfer) {
        for Line { sku, quantity, .. } in super::super::merge_lines(transfer.lines.clone()) {
            let is_its = |entry: &&Entry| entry.request_id == transfer.request_id;
            let mine = self.ledger.iter().filter(is_its).filter(|entry| entry.sku == sku);
            let moved: Vec<(Kind, i64)> = mine.map(|entry| (entry.kind, entry.change)).collect();
            let units = quantity.units();
            match (transfer.direction, moved.as_slice()) {
                (Direction::Grant, [(Kind::Grant, change)]) => assert_eq!(*change, units),
                (Direction::Recall, []) => {}
                (Direction::Recall, [(Kind::Recall, change)]) => {
                    assert!((-units..0).contains(change), "{transfer:?} gave {change}");
                }
                other => panic!("{other:?} for {transfer:?}"),
            }
        }
    }
}

fn grant(number: u64, lines: &[(&str, u64)]) -> Transfer {
    transfer_of(number, "g", Direction::Grant, lines)
}

fn recall(number: u64, lines: &[(&str, u64)]) -> Transfer {
    transfer_of(number, "r", Direction::Recall, lines)
}

fn transfer_of(number: u64, name: &str, direction: Direction, lines: &[(&str, u64)]) -> Transfer {
    let request_id = RequestId::parse(&format!("{name}{number}")).unwrap();
    let lines = lines.iter().map(|(sku, units)| line(sku, *units)).collect();
    Transfer { number, request_id, direction, lines, cause: Cause::default() }
}

fn line(sku: &str, units: u64) -> Line {
    Line::new(self::sku(sku), Quantity::try_from(units).unwrap())
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn taken(transfer: u64, at_seq: Seq) -> Taken {
    Taken { transfer, at_seq, catalogue: 0 }
}
