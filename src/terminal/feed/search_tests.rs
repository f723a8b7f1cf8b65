use std::collections::BTreeMap;

use super::*;
use crate::stock::{Chain, Items, Taken, visits};

/// Binary searches in both orders, of listed and of hidden SKUs, look at these many besides those
/// that are found.
const LOOKUP: usize = 72;

/// The SKUs `00000` to `09999`, or so many of them, changed in this order, without the last
/// `unmoved`.
fn stock(count: u64, unmoved: u64) -> Stock {
    let item = |n| {
        let version = if n < count - unmoved { n + 1 } else { 0 };
        (sku(n), Item { on_hand: 1, reserved: 0, version })
    };
    let items = (0..count).map(item).collect();
    Stock::load(items, [], count, Chain::default(), Taken::default())
}

fn sku(n: u64) -> Sku {
    Sku::parse(&format!("{n:05}")).unwrap()
}

fn named(numbers: &[u64]) -> SkuFilter {
    SkuFilter::of_skus(numbers.iter().map(|n| sku(*n)).collect())
}

fn prefix(text: &str) -> SkuFilter {
    SkuFilter::Prefix(text.into())
}

/// Searches to the end. Returns what was found, how many SKUs were looked at, and the most in one
/// step.
fn search(filter: &SkuFilter, since: Seq, stock: &Stock) -> (BTreeMap<Sku, Item>, usize, usize) {
    let (mut found, mut visited, mut longest) = (BTreeMap::new(), 0, 0);
    let mut search = StockSearch::after(since);
    visits::take();
    loop {
        let SearchStep { items, more, visited: said } = search.step(filter, stock);
        let looked_at = visits::take();
        assert!(looked_at <= said + LOOKUP, "{looked_at} looked at, and {said} told");
        (visited, longest) = (visited + looked_at, longest.max(looked_at));
        for (sku, item) in items {
            assert!(found.insert(sku, item).is_none(), "no version is sent twice");
        }
        if !more {
            assert_eq!(search.seq, stock.seq());
            return (found, visited, longest);
        }
    }
}

#[test]
fn a_search_looks_at_no_more_than_it_concerns() {
    for unmoved in [0, 5_000, 10_000] {
        let stock = stock(10_000, unmoved);
        let range = prefix("004");
        for (filter, since, count, limit) in [
            (named(&[7_000]), 0, 1, 2),
            (named(&[7_000]), 9_999, 0, 1),
            (named(&[3, 4_711, 9_999]), 0, 3, 12),
            (named(&(2_000..4_000).collect::<Vec<_>>()), 0, 2_000, 2_500),
            (named(&(2_000..4_000).collect::<Vec<_>>()), 9_990, 0, LOOKUP),
            (prefix("0471"), 0, 10, 40),
            (range, 0, 100, 400),
            (prefix("04"), 0, 1_000, 1_000 + 60 * LOOKUP),
            (prefix("x"), 0, 0, LOOKUP),
            (prefix("00"), 9_990, 0, LOOKUP + 10),
            (SkuFilter::All, 0, 10_000, 20_000 + 450 * LOOKUP),
        ] {
            let (found, visited, longest) = search(&filter, since, &stock);
            assert_eq!(found.len(), count, "{filter:?} since {since}");
            let limit = limit + 2 * LOOKUP;
            assert!(visited <= limit, "{filter:?} since {since}: {visited} were looked at");
            assert!(longest <= STOCK_SCAN_MAX + LOOKUP, "{longest} under one lock");
        }
    }
    let (found, visited, _) = search(&SkuFilter::All, 9_950, &stock(10_000, 0));
    assert_eq!(found.len(), 50);
    assert!(visited <= 60, "{visited} for 50 changes");
}

#[test]
fn hidden_skus_make_no_search_longer() {
    let items = stock(10_000, 0);
    let mut items: Items = items.items().map(|(sku, item)| (sku.clone(), *item)).collect();
    items.hide(&[sku(4_711), sku(9_999)]);
    let stock = Stock::load(items, [], 10_000, Chain::default(), Taken::default());
    for (filter, since, count) in [
        (prefix("0471"), 0, 9),
        (prefix("0471"), 4_000, 10),
        (prefix("0471"), 4_712, 8),
        (prefix("04"), 0, 999),
        (prefix("04"), 1, 1_000),
        (prefix("09999"), 9_999, 1),
        (prefix("09999"), 0, 0),
    ] {
        let (found, visited, _) = search(&filter, since, &stock);
        assert_eq!(found.len(), count, "{filter:?} since {since}");
        let limit = 3 * count + 2 * LOOKUP + if count < 100 { 0 } else { 60 * LOOKUP };
        assert!(visited <= limit, "{filter:?} since {since}: {visited} were looked at");
    }
}

/// It was told what the SKU had, so it is told that nothing is left.
#[test]
fn a_terminal_is_told_of_what_is_hidden_while_it_searches() {
    for filter in [prefix("0"), prefix("01"), named(&[1_000, 1_001]), SkuFilter::All] {
        let mut items: BTreeMap<_, _> =
            stock(2_000, 0).items().map(|(sku, item)| (sku.clone(), *item)).collect();
        let (mut search, mut known) = (StockSearch::after(0), BTreeMap::new());
        while !known.contains_key(&sku(1_000)) {
            known.extend(search.step(&filter, &loaded(&items, 2_000)).items);
        }
        let gone = Item { on_hand: 0, reserved: 0, version: 2_001 };
        items.insert(sku(1_000), gone);
        let mut hidden: Items = items.into_iter().collect();
        hidden.hide(&[sku(1_000)]);
        let stock = Stock::load(hidden, [], 2_001, Chain::default(), Taken::default());
        for _ in 0..1_000 {
            known.extend(search.step(&filter, &stock).items);
        }
        assert_eq!(known[&sku(1_000)], gone, "{filter:?}");
    }
}

/// It is for a terminal that has missed what the catalogue changed.
#[test]
fn a_search_for_everything_again_tells_no_position_that_goes_back() {
    let mut items: Items = stock(200, 50).items().map(|(sku, item)| (sku.clone(), *item)).collect();
    items.hide(&[sku(20), sku(120)]);
    let stock = Stock::load(items, [], 200, Chain::default(), Taken::default());
    for (filter, count) in [(SkuFilter::All, 199), (prefix("0"), 199), (named(&[1, 20, 120]), 3)] {
        let (mut search, mut found) = (StockSearch::again(100), 0);
        loop {
            let step = search.step(&filter, &stock);
            assert!(search.complete_to() >= 100);
            found += step.items.len();
            if !step.more {
                break;
            }
        }
        // Of those that are hidden, one that has changed after the terminal's position, or is named.
        assert_eq!((found, search.complete_to()), (count, 200), "{filter:?}");
    }
}

/// A terminal that loses its connection within a search starts again at the position of the last
/// event it got. What changes meanwhile is found, too.
#[test]
fn nothing_is_missed_whenever_the_search_is_broken_off_and_whatever_changes_meanwhile() {
    let many: Vec<u64> = (300..2_400).collect();
    let filters = [
        named(&[1, 200, 1_900]),
        named(&many),
        prefix("0"),
        prefix("00"),
        prefix("019"),
        SkuFilter::All,
    ];
    for filter in filters {
        for broken_off in [0, 1, 3, 10] {
            let mut items: BTreeMap<_, _> = stock(2_000, 500)
                .items_after("", None)
                .map(|(sku, item)| (sku.clone(), *item))
                .collect();
            let (mut seq, mut known) = (2_000, BTreeMap::new());
            let (mut search, mut steps, mut left) = (StockSearch::after(0), 0, 20);
            loop {
                let stock = loaded(&items, seq);
                let step = search.step(&filter, &stock);
                for (sku, item) in step.items {
                    let before = known.insert(sku, item);
                    assert!(before.is_none_or(|before: Item| before.version <= item.version));
                }
                steps += 1;
                if steps == broken_off {
                    search = StockSearch::after(search.seq);
                }
                if left > 0 {
                    left -= 1;
                    seq += 1;
                    let changed = [1, 471, 1_471, 1_900, 1_999][left % 5];
                    items.insert(sku(changed), Item { on_hand: 9, reserved: 0, version: seq });
                } else if !step.more {
                    break;
                }
            }
            items.retain(|sku, _| filter.matches(sku));
            assert!(known == items, "{filter:?}, broken off at {broken_off}");
        }
    }
}

fn loaded(items: &BTreeMap<Sku, Item>, seq: Seq) -> Stock {
    Stock::load(items.clone().into_iter().collect(), [], seq, Chain::default(), Taken::default())
}
