//! The search of the stock for what a terminal does not know yet.
//!
//! A search costs what it concerns: few named SKUs are looked up, many and a prefix walk their range
//! or what has changed, whichever is less, and only a subscription to all walks everything. It goes in steps,
//! each of which looks at a bounded number of SKUs, because the writer waits for readers of the
//! stock.

use crate::limits::{EVENT_ITEMS_MAX, STOCK_SCAN_MAX};
use crate::stock::{Item, Seq, Sku, Stock};
use crate::terminal::request::SkuFilter;

/// How far the search for one subscription has come.
#[derive(Debug)]
pub(super) struct StockSearch {
    /// Everything up to here has been found.
    pub(super) seq: Seq,
    /// SKUs that the catalogue names and that no entry has changed yet have no position. A
    /// terminal that starts from position 0 gets them first. `Some` until all are found; inside it
    /// the last one.
    unmoved: Option<Option<Sku>>,
    /// Where the stock was at the first step of a search from position 0: SKUs that were hidden before
    /// are not told. A terminal that knows a SKU is told what it had left when it was hidden. `None` in
    /// other searches.
    began_at: Option<Seq>,
    /// The terminal was told everything up to here before the search.
    told: Seq,
    walk: Option<RangeWalk>,
}

/// A walk through the SKUs with a prefix, or through many that are named. It does not meet them in the order of their changes, so
/// the position of the terminal does not move before its end.
#[derive(Debug)]
struct RangeWalk {
    /// Later changes are searched for afterwards.
    up_to: Seq,
    /// The last SKU that was visited.
    after: Option<Sku>,
    found: Vec<(Sku, Item)>,
}

/// What one step has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SearchStep {
    pub(super) items: Vec<(Sku, Item)>,
    /// Whether there may be more.
    pub(super) more: bool,
    /// How many SKUs were looked at.
    pub(super) visited: usize,
}

impl StockSearch {
    /// A search for what changed after a position.
    pub(super) fn after(seq: Seq) -> Self {
        Self { seq, unmoved: (seq == 0).then_some(None), began_at: None, told: 0, walk: None }
    }

    /// A search for everything, for a terminal that knows the stock up to a position, but not what the
    /// catalogue says now.
    pub(super) fn again(told: Seq) -> Self {
        Self { told, began_at: Some(told), ..Self::after(0) }
    }

    /// Up to where the terminal has everything once it has what was found.
    pub(super) fn complete_to(&self) -> Seq {
        self.seq.max(self.told)
    }

    /// Takes the next step. What it finds is complete up to [`StockSearch::seq`].
    pub(super) fn step(&mut self, filter: &SkuFilter, stock: &Stock) -> SearchStep {
        if self.seq == 0 {
            self.began_at.get_or_insert(stock.seq());
        }
        match filter {
            SkuFilter::Skus(skus) => self.named(skus, filter, stock),
            SkuFilter::Prefix(prefix) => self.with_prefix(prefix, filter, stock),
            SkuFilter::All => match self.unmoved.take() {
                Some(after) if stock.has_unmoved() => self.all_unmoved(after, stock),
                Some(_) | None => self.changed(filter, stock),
            },
        }
    }

    /// Of hidden SKUs, all are told that are named.
    fn named(&mut self, skus: &[Sku], filter: &SkuFilter, stock: &Stock) -> SearchStep {
        let find = |sku| (sku, stock.item(Sku::as_str(sku)), false);
        if skus.len() <= STOCK_SCAN_MAX {
            let known = |(sku, item, _): (&Sku, _, _)| Some((sku.clone(), item?));
            let items = skus.iter().map(find).filter_map(known).collect();
            return self.among(items, skus.len(), stock);
        }
        let Some(walk) = self.walk_through(skus.len(), stock) else {
            return self.changed(filter, stock);
        };
        let is_before = |sku: &Sku| walk.after.as_ref().is_some_and(|after| sku <= after);
        let rest = &skus[skus.partition_point(is_before)..];
        self.walked(walk, rest.len(), &mut rest.iter().map(find))
    }

    fn with_prefix(&mut self, prefix: &str, filter: &SkuFilter, stock: &Stock) -> SearchStep {
        let range = stock.all_after(prefix, None);
        let count = range.len();
        if self.walk.is_none() && count <= STOCK_SCAN_MAX {
            let told = range.filter(|(_, item, is_hidden)| !is_hidden || self.is_newer(item));
            let items = told.map(|(sku, item, _)| (sku.clone(), *item)).collect();
            return self.among(items, count, stock);
        }
        let Some(walk) = self.walk_through(count, stock) else {
            return self.changed(filter, stock);
        };
        let rest = stock.all_after(prefix, walk.after.as_ref().map(Sku::as_str));
        let left = rest.len();
        self.walked(walk, left, &mut rest.map(|(sku, item, hidden)| (sku, Some(*item), hidden)))
    }

    /// The walk through so many SKUs, as far as it has come; `None` if fewer have changed.
    fn walk_through(&mut self, count: usize, stock: &Stock) -> Option<RangeWalk> {
        let changes_max = stock.seq().saturating_sub(self.seq);
        let has_fewer_changes = self.seq > 0 && changes_max <= count as u64;
        let new = || RangeWalk { up_to: stock.seq(), after: None, found: Vec::new() };
        self.walk.take().or_else(|| (!has_fewer_changes).then(new))
    }

    /// The next of a few SKUs, which are all looked at in one step.
    fn among(&mut self, mut items: Vec<(Sku, Item)>, visited: usize, stock: &Stock) -> SearchStep {
        if let Some(after) = self.unmoved.take() {
            let mut unmoved: Vec<_> =
                items.iter().filter(|(_, item)| item.version == 0).cloned().collect();
            unmoved.retain(|(sku, _)| after.as_ref().is_none_or(|after| sku > after));
            unmoved.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            unmoved.truncate(EVENT_ITEMS_MAX);
            if let Some((last, _)) = unmoved.last() {
                self.unmoved = Some(Some(last.clone()));
                return SearchStep { items: unmoved, more: true, visited };
            }
        }
        items.retain(|(_, item)| item.version > self.seq);
        items.sort_unstable_by_key(|(_, item)| item.version);
        let more = items.len() > EVENT_ITEMS_MAX;
        items.truncate(EVENT_ITEMS_MAX);
        self.seq = match items.last() {
            Some((_, item)) if more => item.version,
            Some(_) | None => stock.seq(),
        };
        SearchStep { items, more, visited }
    }

    fn all_unmoved(&mut self, after: Option<Sku>, stock: &Stock) -> SearchStep {
        let mut step = SearchStep { more: true, ..SearchStep::default() };
        for (sku, item) in stock.items_after("", after.as_ref().map(Sku::as_str)) {
            if step.visited == STOCK_SCAN_MAX || step.items.len() == EVENT_ITEMS_MAX {
                break;
            }
            step.visited += 1;
            self.unmoved = Some(Some(sku.clone()));
            if item.version == 0 {
                step.items.push((sku.clone(), *item));
            }
        }
        step
    }

    /// What changed after the position, oldest change first.
    fn changed(&mut self, filter: &SkuFilter, stock: &Stock) -> SearchStep {
        let mut step = SearchStep::default();
        let mut complete_to = self.seq;
        for (sku, item) in stock.changed_after(self.seq).take(STOCK_SCAN_MAX) {
            step.visited += 1;
            complete_to = item.version;
            let is_told = self.is_newer(item) || !stock.is_hidden(sku.as_str());
            if filter.matches(sku) && is_told {
                step.items.push((sku.clone(), *item));
            }
            if step.items.len() == EVENT_ITEMS_MAX {
                break;
            }
        }
        step.more = step.visited == STOCK_SCAN_MAX || step.items.len() == EVENT_ITEMS_MAX;
        self.seq = if step.more { complete_to } else { stock.seq() };
        step
    }

    /// Whether a SKU changed after the first step of a search from position 0, or at any time for
    /// another search.
    fn is_newer(&self, item: &Item) -> bool {
        self.began_at.is_none_or(|began_at| item.version > began_at)
    }

    /// The next step of a walk. The last items found are kept until it ends: the event with them
    /// tells the terminal the position.
    fn walked(
        &mut self,
        mut walk: RangeWalk,
        left: usize,
        rest: &mut dyn Iterator<Item = (&Sku, Option<Item>, bool)>,
    ) -> SearchStep {
        let full = EVENT_ITEMS_MAX;
        let mut visited = 0;
        for (sku, item, is_hidden) in rest.take(STOCK_SCAN_MAX) {
            if walk.found.len() == 2 * full {
                break;
            }
            visited += 1;
            walk.after = Some(sku.clone());
            let Some(item) = item else { continue };
            let is_new = item.version > self.seq || (item.version == 0 && self.unmoved.is_some());
            let is_told = !is_hidden || self.is_newer(&item);
            if is_new && is_told && item.version <= walk.up_to {
                walk.found.push((sku.clone(), item));
            }
        }
        let is_done = visited == left && walk.found.len() <= full;
        let items = match is_done {
            true => std::mem::take(&mut walk.found),
            false if walk.found.len() > full => walk.found.drain(..full).collect(),
            false => Vec::new(),
        };
        if is_done {
            (self.seq, self.unmoved) = (walk.up_to, None);
        } else {
            self.walk = Some(walk);
        }
        SearchStep { items, more: true, visited }
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
