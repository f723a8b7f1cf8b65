//! The table of stock, brought up behind the ledger.
//!
//! A sweep goes through the SKUs in their order, a few with each commit, and writes those that
//! changed since the last sweep began: in their order, because neighbours share a page, and a few,
//! because nobody should feel it. When it has been through, everything up to where the ledger
//! stood at its beginning is in the table, and a start need only read the ledger from there.

use crate::limits::{STOCK_LAG_MIN, SWEEP_STEP};
use crate::stock::{Item, Seq, Sku, Stock};

/// How far the sweep has come.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// Up to here every change is in the table.
    pub(super) stocked_seq: Seq,
    /// Where the ledger stood when this sweep began.
    began_at: Seq,
    /// The last SKU that was looked at.
    after: Option<Sku>,
    /// Entries times SKUs; every [`lag`] of it are worth a look at one SKU.
    credit: u64,
}

impl Sweep {
    pub(super) fn new(stocked_seq: Seq, seq: Seq) -> Self {
        Self { stocked_seq, began_at: seq, after: None, credit: 0 }
    }

    /// What to write along with a commit of so many entries: so many that a sweep is through
    /// when [`lag`] entries have been made.
    pub(super) fn step<'a>(
        &mut self,
        stock: &'a Stock,
        entries: usize,
    ) -> Vec<(&'a Sku, &'a Item)> {
        self.credit += (entries * (stock.sku_count() + 1)) as u64;
        let lag = lag(stock);
        let looks = usize::try_from(self.credit / lag).unwrap_or(usize::MAX);
        if looks < SWEEP_STEP.min(stock.sku_count()) {
            return Vec::new();
        }
        self.credit %= lag;
        self.look(stock, looks)
    }

    /// What to write of the next so many SKUs.
    pub(super) fn look<'a>(&mut self, stock: &'a Stock, looks: usize) -> Vec<(&'a Sku, &'a Item)> {
        let after = self.after.take();
        let seen: Vec<_> =
            stock.items_after("", after.as_ref().map(Sku::as_str)).take(looks + 1).collect();
        let behind = self.stocked_seq;
        if seen.len() > looks {
            self.after = Some(seen[looks - 1].0.clone());
        } else {
            (self.stocked_seq, self.began_at) = (self.began_at, stock.seq());
        }
        let changed = |(_, item): &(&Sku, &Item)| item.version > behind;
        seen.into_iter().take(looks).filter(changed).collect()
    }
}

/// Entries in a sweep. With many SKUs it takes longer, or it would write their pages too often.
fn lag(stock: &Stock) -> u64 {
    STOCK_LAG_MIN.max(stock.sku_count() as u64 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Chain, Taken};

    #[test]
    fn a_sweep_writes_what_changed_and_is_through_in_time() {
        let mut stock = stock(1_000, |n| n + 1);
        let mut sweep = Sweep::new(990, stock.seq());
        let (mut written, mut entries) = (0, 0);
        while sweep.stocked_seq == 990 {
            written += sweep.step(&stock, 100).len();
            entries += 100;
        }
        assert_eq!(written, 10, "SKUs that changed after position 990");
        assert_eq!(sweep.stocked_seq, 1_000);
        assert!(entries as u64 <= 2 * STOCK_LAG_MIN, "{entries}");
        stock = self::stock(3, |n| n + 1);
        assert!(sweep.step(&stock, 1).is_empty(), "one entry is not worth a look");
    }

    fn stock(skus: u64, version: impl Fn(u64) -> Seq) -> Stock {
        let item = |n| {
            let item = Item { on_hand: 1, reserved: 0, version: version(n) };
            (Sku::parse(&format!("{n:05}")).unwrap(), item)
        };
        Stock::load((0..skus).map(item).collect(), [], skus, Chain::default(), Taken::default())
    }
}
