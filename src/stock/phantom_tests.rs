use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::clock::Now;
use crate::stock::{
    Action, CatalogueUpdate, Command, CommandAnswer, Decimals, Line, Listing, Quantity, Refusal,
    RequestId, RequestRecord, RequestRecords, Stock,
};

proptest! {
    #[test]
    fn merging_and_hiding_keep_the_sum_of_all_units(
        restocked in prop::collection::vec((name(), 1..50_u64), 0..6),
        reserved in prop::collection::vec((name(), 1..20_u64), 0..3),
        actions in prop::collection::vec((name(), name(), any::<bool>()), 1..12),
    ) {
        let mut shop = Shop::default();
        restocked.iter().for_each(|(sku, units)| shop.restock(sku, *units));
        reserved.iter().for_each(|(sku, units)| shop.reserve(sku, *units));
        let before = shop.sums();
        for (from, into, hides) in actions {
            if hides {
                let _ = shop.hide(from);
            } else if from != into {
                let _ = shop.merge(from, into);
            }
            prop_assert_eq!(shop.sums(), before);
            let hidden = shop.stock.items().filter(|(sku, _)| shop.stock.is_hidden(sku.as_str()));
            prop_assert!(hidden.into_iter().all(|(_, item)| item.figures() == (0, 0)));
            let listed = shop.stock.items_after("", None).count();
            let hidden = shop.stock.items().filter(|(sku, _)| shop.stock.is_hidden(sku.as_str()));
            prop_assert_eq!(shop.stock.items().count(), listed + hidden.count());
        }
    }
}

#[test]
fn a_merge_is_two_counts_of_one_mutation_and_is_not_rolled_back() {
    let mut shop = Shop::default();
    shop.restock("85123a", 3);
    shop.restock("85123A", 40);
    let merged = shop.merge("85123a", "85123A").unwrap().outcome.unwrap();
    let lines = merged.lines.iter();
    let told: Vec<_> =
        lines.map(|line| (line.sku.as_str(), line.quantity, line.on_hand, line.change)).collect();
    assert_eq!(told, [("85123a", 0, 0, -3), ("85123A", 43, 43, 3)]);
    let of = shop.last();
    let rolled_back = shop.act(Action::Rollback { of, lines: None }).unwrap().outcome;
    assert!(matches!(rolled_back, Err(Refusal::UnknownRequest { .. })), "{rolled_back:?}");
}

#[test]
fn what_is_reserved_is_neither_merged_nor_hidden() {
    let mut shop = Shop::default();
    shop.restock("X", 3);
    shop.restock("A", 1);
    shop.reserve("X", 2);
    let refused = [shop.merge("X", "A"), shop.hide("X")].map(|answer| answer.unwrap().outcome);
    let below = Refusal::BelowReserved { sku: sku("X"), counted: 0, reserved: 2 };
    assert_eq!(refused, [Err(below.clone()), Err(below)]);
    assert!(shop.merge("A", "X").unwrap().outcome.is_ok(), "into it, units may go");
}

#[test]
fn skus_that_are_not_known_are_not_merged() {
    let mut shop = Shop::default();
    shop.restock("A", 1);
    for (from, into) in [("A", "B"), ("B", "A")] {
        let refused = shop.merge(from, into).unwrap().outcome;
        assert_eq!(refused, Err(Refusal::UnknownSku { sku: sku("B") }));
    }
    let hidden = shop.hide("B").unwrap().outcome;
    assert_eq!(hidden, Err(Refusal::UnknownSku { sku: sku("B") }));
}

#[test]
fn a_merge_that_makes_no_sense_is_left_undecided() {
    let mut shop = Shop::default();
    shop.list("KG", 3, true);
    shop.restock("KG", 1_000);
    shop.restock("kg", 1);
    let other = shop.merge("kg", "KG").unwrap_err();
    assert!(matches!(&other, Undecided::Impossible { why, .. } if why.contains("decimals")));
    for (sku, counted) in [("A", STOCK_MAX), ("B", 1)] {
        shop.restock(sku, 1);
        let sku = self::sku(sku);
        let counted = shop.act(Action::Count { sku, counted, trace: None });
        assert!(counted.unwrap().outcome.is_ok());
    }
    assert_eq!(shop.merge("B", "A").unwrap_err(), Undecided::StockTooLarge { sku: sku("A") });
}

#[test]
fn only_what_has_no_stock_and_no_listing_is_hidden() {
    let mut shop = Shop::default();
    shop.restock("X", 1);
    let has_stock = shop.hide("X").unwrap().outcome;
    assert_eq!(has_stock, Err(Refusal::HasStock { sku: sku("X"), on_hand: 1 }));
    shop.list("L", 0, true);
    let is_listed = shop.hide("L").unwrap().outcome;
    assert_eq!(is_listed, Err(Refusal::IsListed { sku: sku("L") }));
    shop.list("L", 0, false);
    assert!(shop.hide("L").unwrap().outcome.is_ok());
}

#[test]
fn what_is_listed_is_no_phantom_and_is_not_merged() {
    let mut shop = Shop::default();
    shop.list("L", 0, true);
    shop.restock("L", 3);
    shop.restock("A", 1);
    assert_eq!(shop.merge("L", "A").unwrap().outcome, Err(Refusal::IsListed { sku: sku("L") }));
    assert!(shop.merge("A", "L").unwrap().outcome.is_ok(), "into it, units may go");
    shop.list("L", 0, false);
    assert!(shop.merge("L", "A").unwrap().outcome.is_ok());
}

#[test]
fn what_keeps_the_decimals_of_its_entries_after_its_listing_is_hidden_too() {
    let mut shop = Shop::default();
    shop.list("KG", 3, true);
    shop.restock("KG", 1);
    shop.restock("A", 1);
    shop.list("A", 0, true);
    let counted = shop.act(Action::Count { sku: sku("KG"), counted: 0, trace: None });
    assert!(counted.unwrap().outcome.is_ok());
    assert_eq!(shop.hide("KG").unwrap().outcome, Err(Refusal::IsListed { sku: sku("KG") }));
    shop.list("KG", 0, false);
    assert!(shop.stock.catalogue().decimals("KG") != Decimals::default());
    assert!(shop.hide("KG").unwrap().outcome.is_ok());
    assert_eq!(shop.listed(), ["A"]);
}

#[test]
fn a_hidden_sku_is_known_and_in_no_list_until_it_has_stock_or_is_listed() {
    let mut shop = Shop::default();
    shop.restock("A", 1);
    for comes_back in
        [|shop: &mut Shop| shop.restock("X", 2), |shop: &mut Shop| shop.list("X", 0, true)]
    {
        shop.restock("X", 3);
        shop.merge("X", "A").unwrap();
        assert!(shop.hide("X").unwrap().outcome.is_ok());
        assert_eq!((shop.listed(), shop.stock.sku_count()), (vec!["A"], 1));
        let version = shop.stock.item("X").unwrap().version;
        assert_eq!(version, shop.stock.seq(), "hiding it is an entry");
        comes_back(&mut shop);
        assert_eq!(shop.listed(), ["A", "X"]);
        assert!(shop.stock.item("X").unwrap().version >= version);
    }
}

#[test]
fn in_one_batch_the_last_word_counts() {
    let mut shop = Shop::default();
    shop.restock("X", 3);
    shop.restock("A", 1);
    let merge = |from, into| Action::Merge { from: sku(from), into: sku(into) };
    let hide = || Action::Hide { sku: sku("X") };
    let restock = |units| Action::Restock { order_id: None, lines: lines("X", units) };
    shop.batch(vec![merge("X", "A"), hide(), restock(5)]);
    assert_eq!(shop.listed(), ["A", "X"]);
    shop.batch(vec![restock(1), merge("X", "A"), hide()]);
    assert_eq!(shop.listed(), ["A"]);
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["A", "B", "C", "D"])
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

fn lines(sku: &str, units: u64) -> Vec<Line> {
    vec![Line::new(self::sku(sku), Quantity::of_line(units).unwrap())]
}

#[derive(Default)]
struct Shop {
    stock: Stock,
    records: Remembered,
    requests: usize,
}

#[derive(Default)]
struct Remembered(BTreeMap<RequestId, RequestRecord>);

impl RequestRecords for Remembered {
    type Error = Infallible;

    fn find(&self, id: &RequestId) -> Result<Option<RequestRecord>, Infallible> {
        Ok(self.0.get(id).cloned())
    }
}

impl Shop {
    fn restock(&mut self, sku: &str, units: u64) {
        let restocked = self.act(Action::Restock { order_id: None, lines: lines(sku, units) });
        assert!(restocked.unwrap().outcome.is_ok());
    }

    /// Reserves what is available; nothing if that is less.
    fn reserve(&mut self, sku: &str, units: u64) {
        let lines = lines(sku, units);
        let _ = self.act(Action::Reserve { order_id: None, lines, ttl_s: None });
    }

    fn merge(&mut self, from: &str, into: &str) -> CommandAnswer {
        self.act(Action::Merge { from: sku(from), into: sku(into) })
    }

    fn hide(&mut self, sku: &str) -> CommandAnswer {
        self.act(Action::Hide { sku: self::sku(sku) })
    }

    fn act(&mut self, action: Action) -> CommandAnswer {
        self.batch(vec![action]).remove(0)
    }

    fn batch(&mut self, actions: Vec<Action>) -> Vec<CommandAnswer> {
        let mut draft = Draft::new(&self.stock, NOW, 900);
        let mut answers = Vec::new();
        for action in actions {
            self.requests += 1;
            let id = RequestId::parse(&format!("r{}", self.requests)).unwrap();
            let Ok(answer) = draft.decide(&Command::chosen(id, action), &self.records);
            answers.push(answer);
        }
        let changes = draft.finish();
        self.stock.apply(&changes);
        let records = changes.ledger_records.into_iter();
        self.records.0.extend(records.filter_map(|one| Some((one.request_id, one.record?))));
        answers
    }

    /// Lists a SKU, or takes it out of the catalogue.
    fn list(&mut self, sku: &str, decimals: u8, listed: bool) {
        let listing = Listing {
            name: listed.then(|| "in words".to_owned()),
            decimals: Decimals::try_from(decimals).unwrap(),
            ..Listing::removed(self::sku(sku))
        };
        let after = self.stock.taken().catalogue;
        let mut draft = Draft::new(&self.stock, NOW, 900);
        let update = CatalogueUpdate { after, up_to: after + 1, listings: vec![listing] };
        assert!(draft.apply_catalogue_update(&update));
        let changes = draft.finish();
        self.stock.apply(&changes);
    }

    fn last(&self) -> RequestId {
        RequestId::parse(&format!("r{}", self.requests)).unwrap()
    }

    fn listed(&self) -> Vec<&str> {
        self.stock.items_after("", None).map(|(sku, _)| sku.as_str()).collect()
    }

    fn sums(&self) -> (i64, i64) {
        let figures = self.stock.items().map(|(_, item)| item.figures());
        figures.fold((0, 0), |sum, (on_hand, reserved)| (sum.0 + on_hand, sum.1 + reserved))
    }
}

const NOW: Now = Now { wall_ms: 0, running_ms: 0, trusted: true };
