//! The SKUs of which the least is left: those that somebody should look at first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::state::CommittedState;
use crate::limits::{SCAN_MAX, SCARCE_LOOK_MS, SCARCE_MAX};
use crate::stock::{Item, Seq, Sku};

/// The last look; a scrape soon after it gets it again.
#[derive(Debug, Default)]
pub struct Scarce(Mutex<Option<(u64, Listed)>>);

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// SKUs of which there has been some and nothing is available now.
    pub sold_out: u64,
    /// The ones that came to that last, then the ones that have the least left, with what is
    /// available. A bounded number of each.
    pub least: Vec<(Sku, u64)>,
}

impl Scarce {
    /// Goes through all SKUs, a bounded part in one hold of the stock's lock. That takes a while
    /// where there are many: not for the event loop.
    pub fn look(&self, state: &CommittedState) -> Listed {
        // Held meanwhile: two scrapes at once do the work once.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = state.clock.since_start_ms();
        if let Some((looked_ms, listed)) = &*last
            && now_ms < looked_ms + SCARCE_LOOK_MS
        {
            return listed.clone();
        }
        let listed = look(state).listed();
        *last = Some((now_ms, listed.clone()));
        listed
    }
}

fn look(state: &CommittedState) -> Look {
    let mut look = Look::default();
    let mut after = None::<Sku>;
    loop {
        let stock = state.stock();
        let part = stock.items_after("", after.as_ref().map(Sku::as_str)).take(SCAN_MAX);
        match part.inspect(|(sku, item)| look.take(sku, item)).last() {
            Some((sku, _)) => after = Some(sku.clone()),
            None => return look,
        }
    }
}

/// Of each kind the foremost.
#[derive(Debug, Default)]
struct Look {
    sold_out: u64,
    newest_sold_out: BTreeSet<(Reverse<Seq>, Sku)>,
    least_left: BTreeSet<(i64, Sku)>,
}

impl Look {
    fn take(&mut self, sku: &Sku, item: &Item) {
        let available = item.available();
        if available > 0 {
            keep(&mut self.least_left, (available, sku));
        } else if item.version > 0 {
            self.sold_out += 1;
            keep(&mut self.newest_sold_out, (Reverse(item.version), sku));
        }
    }

    fn listed(self) -> Listed {
        let sold_out = self.newest_sold_out.into_iter().map(|(_, sku)| (sku, 0));
        let least = self.least_left.into_iter().map(|(left, sku)| (sku, left.unsigned_abs()));
        Listed { sold_out: self.sold_out, least: sold_out.chain(least).collect() }
    }
}

/// Takes one in if it belongs to the foremost; mostly it does not, and costs a comparison.
fn keep<K: Ord + Copy>(foremost: &mut BTreeSet<(K, Sku)>, (key, sku): (K, &Sku)) {
    let is_full = foremost.len() >= SCARCE_MAX;
    if is_full && foremost.last().is_some_and(|(last, _)| key >= *last) {
        return;
    }
    foremost.insert((key, sku.clone()));
    if is_full {
        foremost.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(stock: &[(&str, i64, i64, Seq)]) -> Listed {
        let mut look = Look::default();
        for &(sku, on_hand, reserved, version) in stock {
            look.take(&Sku::parse(sku).unwrap(), &Item { on_hand, reserved, version });
        }
        look.listed()
    }

    #[test]
    fn what_is_sold_out_comes_first_and_then_what_has_the_least() {
        let listed = listed(&[
            ("plenty", 90, 0, 1),
            ("held", 5, 5, 7),
            ("never", 0, 0, 0),
            ("gone", 0, 0, 9),
            ("few", 3, 1, 4),
        ]);
        assert_eq!(listed.sold_out, 2);
        let least: Vec<(&str, u64)> = listed.least.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        assert_eq!(least, [("gone", 0), ("held", 0), ("few", 2), ("plenty", 90)]);
    }

    #[test]
    fn only_so_many_are_listed() {
        let names: Vec<String> = (0..3 * SCARCE_MAX).map(|n| format!("S{n:03}")).collect();
        let stock = |on_hand: fn(i64) -> i64| {
            names
                .iter()
                .zip(1..)
                .map(move |(name, n)| (name.as_str(), on_hand(n), 0, n.unsigned_abs()))
        };
        let sold: Vec<_> = stock(|_| 0).collect();
        let of_sold = listed(&sold);
        assert_eq!((of_sold.sold_out, of_sold.least.len()), (3 * SCARCE_MAX as u64, SCARCE_MAX));
        assert_eq!(of_sold.least[0].0.as_str(), names.last().unwrap(), "the newest");
        let left: Vec<_> = stock(|n| 1_000 - n).collect();
        let of_left = listed(&left).least;
        assert_eq!(of_left.len(), SCARCE_MAX);
        assert!(of_left.is_sorted_by_key(|(_, left)| *left));
    }
}
