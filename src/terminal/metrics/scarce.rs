//! The SKUs with the least stock available, which somebody may want to reorder.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::state::CommittedState;
use crate::limits::{SCARCE_MAX, SCARCE_REPORT_MS, STOCK_SCAN_MAX};
use crate::stock::{Item, Seq, Sku};

/// The scarce SKUs. The last report is kept for [`SCARCE_REPORT_MS`], however often it is scraped.
#[derive(Debug, Default)]
pub(in crate::terminal) struct ScarceSkus(Mutex<Option<CachedReport>>);

#[derive(Debug)]
struct CachedReport {
    made_ms: u64,
    report: ScarceReport,
}

/// What a search through all SKUs found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScarceReport {
    /// SKUs that had stock and have nothing available now.
    pub(super) sold_out: u64,
    /// The SKUs that sold out last, then those with the least available, each with the units
    /// available. At most [`SCARCE_MAX`] of either.
    pub(super) least: Vec<(Sku, u64)>,
}

impl ScarceSkus {
    /// The newest report. A new one takes a search through all SKUs, which holds the stock's lock
    /// for a bounded number of them at a time; it must not run on the event loop.
    pub(super) fn report(&self, state: &CommittedState) -> ScarceReport {
        // Held during the search, so that two scrapes at once search only once.
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = state.clock.since_start_ms();
        if let Some(CachedReport { made_ms, report }) = &*cached
            && now_ms < made_ms + SCARCE_REPORT_MS
        {
            return report.clone();
        }
        let report = search(state).report();
        *cached = Some(CachedReport { made_ms: now_ms, report: report.clone() });
        report
    }
}

fn search(state: &CommittedState) -> ScarceSearch {
    let mut search = ScarceSearch::default();
    let mut after = None::<Sku>;
    loop {
        let stock = state.stock();
        let part = stock.items_after("", after.as_ref().map(Sku::as_str)).take(STOCK_SCAN_MAX);
        match part.inspect(|(sku, item)| search.add(sku, item)).last() {
            Some((sku, _)) => after = Some(sku.clone()),
            None => return search,
        }
    }
}

/// The scarcest SKUs among those added so far.
#[derive(Debug, Default)]
struct ScarceSearch {
    sold_out: u64,
    newest_sold_out: BTreeSet<(Reverse<Seq>, Sku)>,
    least_available: BTreeSet<(i64, Sku)>,
}

impl ScarceSearch {
    fn add(&mut self, sku: &Sku, item: &Item) {
        let available = item.available();
        if available > 0 {
            insert_bounded(&mut self.least_available, (available, sku));
        } else if item.version > 0 {
            self.sold_out += 1;
            insert_bounded(&mut self.newest_sold_out, (Reverse(item.version), sku));
        }
    }

    fn report(self) -> ScarceReport {
        let sold_out = self.newest_sold_out.into_iter().map(|(_, sku)| (sku, 0));
        let least =
            self.least_available.into_iter().map(|(units, sku)| (sku, units.unsigned_abs()));
        ScarceReport { sold_out: self.sold_out, least: sold_out.chain(least).collect() }
    }
}

/// Inserts a SKU if it is among the first [`SCARCE_MAX`]. Mostly it is not, which costs one
/// comparison.
fn insert_bounded<K: Ord + Copy>(first: &mut BTreeSet<(K, Sku)>, (key, sku): (K, &Sku)) {
    let is_full = first.len() >= SCARCE_MAX;
    if is_full && first.last().is_some_and(|(last, _)| key >= *last) {
        return;
    }
    first.insert((key, sku.clone()));
    if is_full {
        first.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(stock: &[(&str, i64, i64, Seq)]) -> ScarceReport {
        let mut search = ScarceSearch::default();
        for &(sku, on_hand, reserved, version) in stock {
            search.add(&Sku::parse(sku).unwrap(), &Item { on_hand, reserved, version });
        }
        search.report()
    }

    #[test]
    fn sold_out_skus_come_first_and_then_those_with_the_least_available() {
        let report = report(&[
            ("plenty", 90, 0, 1),
            ("held", 5, 5, 7),
            ("never", 0, 0, 0),
            ("gone", 0, 0, 9),
            ("few", 3, 1, 4),
        ]);
        assert_eq!(report.sold_out, 2);
        let least: Vec<(&str, u64)> = report.least.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        assert_eq!(least, [("gone", 0), ("held", 0), ("few", 2), ("plenty", 90)]);
    }

    #[test]
    fn the_lists_are_bounded() {
        let names: Vec<String> = (0..3 * SCARCE_MAX).map(|n| format!("S{n:03}")).collect();
        let stock = |on_hand: fn(i64) -> i64| {
            names
                .iter()
                .zip(1..)
                .map(move |(name, n)| (name.as_str(), on_hand(n), 0, n.unsigned_abs()))
        };
        let sold: Vec<_> = stock(|_| 0).collect();
        let of_sold = report(&sold);
        assert_eq!((of_sold.sold_out, of_sold.least.len()), (3 * SCARCE_MAX as u64, SCARCE_MAX));
        assert_eq!(of_sold.least[0].0.as_str(), names.last().unwrap(), "the newest");
        let left: Vec<_> = stock(|n| 1_000 - n).collect();
        let of_left = report(&left).least;
        assert_eq!(of_left.len(), SCARCE_MAX);
        assert!(of_left.is_sorted_by_key(|(_, left)| *left));
    }
}
