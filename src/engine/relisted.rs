//! The SKUs whose items the catalogue has changed, on their way to subscribed terminals. No ledger
//! entry says so, hence they have a count of their own.

use std::collections::VecDeque;

use crate::limits::RELISTED_MAX;
use crate::stock::Sku;

/// The SKUs that were listed, renamed or given another unit and that are not taken yet.
#[derive(Debug, Default)]
pub struct Relisted {
    /// How many there were since the start.
    count: u64,
    /// The last of them.
    waiting: VecDeque<Sku>,
}

/// Some of them, in their order.
#[derive(Debug)]
pub struct Relisting {
    /// How many there were before.
    pub after: u64,
    pub skus: Vec<Sku>,
}

impl Relisting {
    /// How many there were up to its end.
    pub fn up_to(&self) -> u64 {
        self.after + self.skus.len() as u64
    }
}

impl Relisted {
    /// Adds SKUs. If too many wait, the first are dropped.
    pub(super) fn add(&mut self, skus: Vec<Sku>) {
        self.count += skus.len() as u64;
        self.waiting.extend(skus);
        let too_many = self.waiting.len().saturating_sub(RELISTED_MAX);
        self.waiting.drain(..too_many);
    }

    /// How many there were since the start.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes the next ones, and says whether there are more.
    pub fn take(&mut self, most: usize) -> (Relisting, bool) {
        let after = self.count - self.waiting.len() as u64;
        let skus = self.waiting.drain(..most.min(self.waiting.len())).collect();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        (Relisting { after, skus }, !self.waiting.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_taken_in_order_and_the_first_of_too_many_are_missed() {
        let sku = |n: usize| Sku::parse(&n.to_string()).unwrap();
        let mut relisted = Relisted::default();
        relisted.add((0..3).map(sku).collect());
        let (first, more) = relisted.take(2);
        assert_eq!(
            (first.after, first.up_to(), first.skus, more),
            (0, 2, vec![sku(0), sku(1)], true)
        );
        relisted.add((3..RELISTED_MAX + 4).map(sku).collect());
        let (next, more) = relisted.take(1);
        assert_eq!((next.after, next.skus, more), (4, vec![sku(4)], true), "2 and 3 are missed");
        let (rest, more) = relisted.take(usize::MAX);
        assert_eq!((rest.up_to(), more), (relisted.count(), false));
        let (none, _) = relisted.take(1);
        assert_eq!((none.after, none.skus.len()), (relisted.count(), 0));
    }
}
