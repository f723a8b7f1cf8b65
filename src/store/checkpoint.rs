//! The stock checkpoint: the pass that brings the `stock` table up to a position of the ledger.
//!
//! The table lags the ledger, which is committed first. A checkpoint visits the SKUs in order, a
//! few with each commit, and writes those that changed since the last checkpoint began. It goes in
//! order because neighbours share a page, and in small steps so that no commit takes long. When it
//! has visited every SKU, the table holds every change up to the position at which it began, and
//! a start reads the ledger from there only.
//!
//! This is not SQLite's checkpoint, which moves the WAL into the database file.

use crate::limits::{CHECKPOINT_ENTRIES_MIN, CHECKPOINT_STEP};
use crate::stock::{Item, Seq, Sku, Stock};

/// The progress of the checkpoint that is under way.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    /// Every change up to this position is in the table.
    pub(super) seq: Seq,
    /// The end of the ledger when this checkpoint began.
    began_at: Seq,
    /// The last SKU that was visited.
    after: Option<Sku>,
    /// Committed entries times SKUs; each [`entries_per_checkpoint`] of it pays for one visit.
    credit: u64,
}

impl Checkpoint {
    /// A checkpoint that begins now, over a table that holds every change up to `seq`.
    pub(super) fn new(seq: Seq, ledger_seq: Seq) -> Self {
        Self { seq, began_at: ledger_seq, after: None, credit: 0 }
    }

    /// Returns the rows to write along with a commit of `entries` entries. It visits as many SKUs
    /// as it takes to be done after [`entries_per_checkpoint`] entries.
    pub(super) fn step<'a>(
        &mut self,
        stock: &'a Stock,
        entries: usize,
    ) -> Vec<(&'a Sku, &'a Item)> {
        // In 64 bits: a large commit over a million SKUs exceeds 32.
        self.credit += entries as u64 * (stock.sku_count() as u64 + 1);
        let price = entries_per_checkpoint(stock);
        let visits = usize::try_from(self.credit / price).unwrap_or(usize::MAX);
        if visits < CHECKPOINT_STEP.min(stock.sku_count()) {
            return Vec::new();
        }
        self.credit %= price;
        self.visit(stock, visits)
    }

    /// Visits the next `count` SKUs; returns those whose row must be written.
    pub(super) fn visit<'a>(&mut self, stock: &'a Stock, count: usize) -> Vec<(&'a Sku, &'a Item)> {
        let after = self.after.take();
        let next: Vec<_> =
            stock.items_after("", after.as_ref().map(Sku::as_str)).take(count + 1).collect();
        let written_seq = self.seq;
        if next.len() > count {
            self.after = Some(next[count - 1].0.clone());
        } else {
            (self.seq, self.began_at) = (self.began_at, stock.seq());
        }
        let changed = |(_, item): &(&Sku, &Item)| item.version > written_seq;
        next.into_iter().take(count).filter(changed).collect()
    }
}

/// How many ledger entries a checkpoint spreads over. With many SKUs it spreads over more, because
/// it would write their pages too often otherwise.
fn entries_per_checkpoint(stock: &Stock) -> u64 {
    CHECKPOINT_ENTRIES_MIN.max(stock.sku_count() as u64 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Chain, Taken};

    #[test]
    fn a_checkpoint_writes_what_changed_and_is_done_in_time() {
        let mut stock = stock(1_000, |n| n + 1);
        let mut checkpoint = Checkpoint::new(990, stock.seq());
        let (mut written, mut entries) = (0, 0);
        while checkpoint.seq == 990 {
            written += checkpoint.step(&stock, 100).len();
            entries += 100;
        }
        assert_eq!(written, 10, "the SKUs that changed after position 990");
        assert_eq!(checkpoint.seq, 1_000);
        assert!(entries as u64 <= 2 * CHECKPOINT_ENTRIES_MIN, "{entries}");
        stock = self::stock(3, |n| n + 1);
        assert!(checkpoint.step(&stock, 1).is_empty(), "one entry does not pay for a visit");
    }

    fn stock(skus: u64, version: impl Fn(u64) -> Seq) -> Stock {
        let item = |n| {
            let item = Item { on_hand: 1, reserved: 0, version: version(n) };
            (Sku::parse(&format!("{n:05}")).unwrap(), item)
        };
        Stock::load((0..skus).map(item).collect(), [], skus, Chain::default(), Taken::default())
    }
}
