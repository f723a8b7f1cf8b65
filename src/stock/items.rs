//! The stock of all SKUs, in the order of the SKUs and in the order of the last change.
//!
//! Each SKU has a slot that it keeps. The indexes hold slot numbers of four bytes, so a million
//! SKUs fit a small machine, and the hot path, a lookup and an update, compares no texts in a
//! tree. A hidden SKU keeps its slot, so it is found by its name, but it is not in the order of the
//! SKUs, so no list has it.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

use super::Item;
use super::types::{Seq, Sku};

/// All SKUs with their stock.
#[derive(Clone, Debug, Default)]
pub struct Items {
    slots: Vec<(Sku, Item)>,
    hasher: DefaultHashBuilder,
    by_hash: HashTable<u32>,
    /// The slots in the order of the SKUs.
    by_sku: Vec<u32>,
    /// The slot of each SKU by its version. What changed after a position is a range of this map.
    /// SKUs that have never changed share version 0 and are left out.
    by_version: BTreeMap<Seq, u32>,
    hidden: HashSet<u32>,
    /// The newest version of a SKU when it was hidden.
    hidden_seq: Seq,
}

impl Items {
    /// Takes SKUs in ascending order, without duplicates.
    fn from_ordered(slots: Vec<(Sku, Item)>) -> Self {
        let mut items = Self { by_sku: (0..slot_number(slots.len())).collect(), ..Self::default() };
        let by_version = slots.iter().zip(0..).map(|((_, item), slot)| (item.version, slot));
        items.by_version = by_version.filter(|(version, _)| *version > 0).collect();
        items.by_hash.reserve(slots.len(), |_| unreachable!("nothing is in it yet"));
        for ((sku, _), slot) in slots.iter().zip(0..) {
            let hash = items.hasher.hash_one(sku.as_str());
            items.by_hash.insert_unique(hash, slot, |_| unreachable!("there is room for all"));
        }
        items.slots = slots;
        items
    }

    /// The number of SKUs that are not hidden.
    pub fn count(&self) -> usize {
        self.by_sku.len()
    }

    /// Whether there are SKUs that have never changed.
    pub fn has_unmoved(&self) -> bool {
        self.by_version.len() < self.slots.len()
    }

    /// The stock of one SKU, if it is known.
    pub fn get(&self, sku: &str) -> Option<Item> {
        self.slot(sku).map(|slot| self.slots[slot].1)
    }

    /// Replaces the text of a known SKU by the one that is in memory already, so that a long SKU
    /// takes no more memory however often it is reserved.
    pub(super) fn share_sku(&self, sku: &mut Sku) {
        if let Some(slot) = self.slot(sku.as_str()) {
            *sku = self.slots[slot].0.clone();
        }
    }

    /// All SKUs, hidden ones too, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Sku, &Item)> {
        self.slots.iter().map(|(sku, item)| (sku, item))
    }

    /// Takes known SKUs out of the lists, until their stock is set again.
    pub fn hide<'a>(&mut self, skus: impl IntoIterator<Item = &'a Sku>) {
        let before = self.hidden.len();
        for sku in skus {
            if let Some(slot) = self.slot(sku.as_str()) {
                self.hidden.insert(slot_number(slot));
                self.hidden_seq = self.hidden_seq.max(self.slots[slot].1.version);
            }
        }
        if self.hidden.len() > before {
            self.by_sku.retain(|slot| !self.hidden.contains(slot));
        }
    }

    pub(super) fn is_hidden(&self, sku: &str) -> bool {
        !self.hidden.is_empty()
            && self.slot(sku).is_some_and(|slot| self.hidden.contains(&slot_number(slot)))
    }

    /// After this position no SKU was hidden.
    pub(super) fn hidden_seq(&self) -> Seq {
        self.hidden_seq
    }

    /// Sets the stock of some SKUs, and adds those that are not known.
    pub fn set_all<'a>(&mut self, changes: impl IntoIterator<Item = (&'a Sku, &'a Item)>) {
        let known = self.slots.len();
        let mut listed = Vec::new();
        for (sku, item) in changes {
            match self.slot(sku.as_str()) {
                Some(slot) => {
                    self.set(slot, *item);
                    listed.extend(self.hidden.take(&slot_number(slot)));
                }
                None => self.push(sku.clone(), *item),
            }
        }
        listed.extend(slot_number(known)..slot_number(self.slots.len()));
        self.list(listed);
    }

    /// What changed after a position, oldest change first.
    pub fn changed_after(&self, seq: Seq) -> impl Iterator<Item = (&Sku, &Item)> {
        let after = (Bound::Excluded(seq), Bound::Unbounded);
        self.by_version.range(after).map(|(_, slot)| self.at(*slot))
    }

    /// The SKUs with a prefix that follow `after`, in ascending order. Their number is known
    /// without a walk.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl ExactSizeIterator<Item = (&'a Sku, &'a Item)> + use<'a> {
        let sku = |slot: &u32| self.at(*slot).0.as_str();
        let is_before = |sku: &str| sku < prefix || after.is_some_and(|after| sku <= after);
        let from = &self.by_sku[self.by_sku.partition_point(|slot| is_before(sku(slot)))..];
        let count = from.partition_point(|slot| sku(slot).starts_with(prefix));
        from[..count].iter().map(|slot| self.at(*slot))
    }

    fn at(&self, slot: u32) -> (&Sku, &Item) {
        visits::count();
        let (sku, item) = &self.slots[slot as usize];
        (sku, item)
    }

    fn slot(&self, sku: &str) -> Option<usize> {
        visits::count();
        let hash = self.hasher.hash_one(sku);
        let is_it = |slot: &u32| self.slots[*slot as usize].0.as_str() == sku;
        self.by_hash.find(hash, is_it).map(|slot| *slot as usize)
    }

    fn set(&mut self, slot: usize, item: Item) {
        let before = std::mem::replace(&mut self.slots[slot].1, item);
        self.by_version.remove(&before.version);
        self.index_version(item.version, slot_number(slot));
    }

    fn index_version(&mut self, version: Seq, slot: u32) {
        if version > 0 {
            self.by_version.insert(version, slot);
        }
    }

    /// Adds a SKU; [`Items::list`] then puts it into the order of SKUs.
    fn push(&mut self, sku: Sku, item: Item) {
        let slot = slot_number(self.slots.len());
        let hash = self.hasher.hash_one(sku.as_str());
        self.slots.push((sku, item));
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash_of = |slot: &u32| hasher.hash_one(slots[*slot as usize].0.as_str());
        self.by_hash.insert_unique(hash, slot, hash_of);
        self.index_version(item.version, slot);
    }

    /// Inserts slots into the order of SKUs. Each slot is moved once, and only the texts of new SKUs
    /// are compared: comparing all would take noticeable time with a million.
    fn list(&mut self, mut new: Vec<u32>) {
        let slots = &self.slots;
        let sku = |slot: u32| &slots[slot as usize].0;
        new.sort_unstable_by_key(|slot| sku(*slot));
        let mut end = self.by_sku.len();
        self.by_sku.resize(end + new.len(), 0);
        for (before, slot) in new.into_iter().enumerate().rev() {
            let at = self.by_sku[..end].partition_point(|old| sku(*old) < sku(slot));
            self.by_sku.copy_within(at..end, at + before + 1);
            self.by_sku[at + before] = slot;
            end = at;
        }
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        self.slots.len() == other.slots.len()
            && self.with_prefix("", None).eq(other.with_prefix("", None))
            && self.iter().all(|(sku, item)| other.get(sku.as_str()) == Some(*item))
    }
}

impl Eq for Items {}

impl FromIterator<(Sku, Item)> for Items {
    fn from_iter<I: IntoIterator<Item = (Sku, Item)>>(items: I) -> Self {
        let mut slots: Vec<_> = items.into_iter().collect();
        // The database returns them in order; building a map would slow down the start.
        if !slots.is_sorted_by(|one, next| one.0 < next.0) {
            slots = BTreeMap::from_iter(slots).into_iter().collect();
        }
        Self::from_ordered(slots)
    }
}

/// Counts, for tests, how many SKUs this thread has looked at.
pub(crate) mod visits {
    #[cfg(not(test))]
    pub(super) fn count() {}

    #[cfg(test)]
    thread_local! { static VISITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) } }

    #[cfg(test)]
    pub(super) fn count() {
        VISITS.set(VISITS.get() + 1);
    }

    /// The number since the last call.
    #[cfg(test)]
    pub(crate) fn take() -> usize {
        VISITS.take()
    }
}

fn slot_number(slot: usize) -> u32 {
    u32::try_from(slot).expect("memory ends long before four thousand million SKUs")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_are_a_map_in_two_orders(batches in prop::collection::vec(batch(), 0..20)) {
            let mut items = Items::default();
            let mut model: BTreeMap<Sku, Item> = BTreeMap::new();
            let mut version = 0;
            for batch in batches {
                let mut changes: BTreeMap<Sku, Item> = BTreeMap::new();
                for (sku, on_hand) in batch {
                    if on_hand == 0 && !model.contains_key(&sku) && !changes.contains_key(&sku) {
                        changes.insert(sku, Item::default());
                        continue;
                    }
                    version += 1;
                    changes.insert(sku, Item { on_hand, reserved: 0, version });
                }
                model.extend(changes.clone());
                items.set_all(&changes);
            }
            prop_assert!(items.with_prefix("", None).eq(&model));
            for (prefix, after) in [("m", None), ("", Some("m")), ("a", Some("b")), ("b", Some("a"))] {
                let follows = |sku: &str| after.is_none_or(|after| sku > after);
                let range = model.iter().filter(|(sku, _)| {
                    sku.as_str().starts_with(prefix) && follows(sku.as_str())
                });
                prop_assert_eq!(items.with_prefix(prefix, after).len(), range.clone().count());
                prop_assert!(items.with_prefix(prefix, after).eq(range));
            }
            let mut changed: Vec<_> = model.iter().filter(|(_, item)| item.version > 7).collect();
            changed.sort_by_key(|(_, item)| item.version);
            prop_assert!(items.changed_after(7).eq(changed));
            let ever_changed = model.values().filter(|item| item.version > 0).count();
            prop_assert_eq!(items.changed_after(0).count(), ever_changed);
            prop_assert_eq!(&items, &model.clone().into_iter().collect::<Items>());
            prop_assert_eq!(&items, &model.clone().into_iter().rev().collect::<Items>());
            for (sku, item) in &model {
                prop_assert_eq!(items.get(sku.as_str()), Some(*item));
            }
        }
    }

    #[test]
    fn of_a_sku_that_comes_twice_the_last_stock_counts() {
        let item = |on_hand| Item { on_hand, reserved: 0, version: on_hand.unsigned_abs() };
        let items = [1, 2].map(|on_hand| (Sku::parse("A").unwrap(), item(on_hand)));
        let items: Items = items.into_iter().collect();
        assert_eq!((items.count(), items.get("A")), (1, Some(item(2))));
        assert_ne!(items, Items::default());
    }

    #[test]
    fn a_sku_that_is_added_without_stock_is_unmoved_until_its_first_change() {
        let sku = Sku::parse("A").unwrap();
        let mut items = Items::default();
        for (version, unmoved) in [(0, true), (1, false)] {
            items.set_all([(&sku, &Item { on_hand: 0, reserved: 0, version })]);
            assert_eq!(items.has_unmoved(), unmoved);
        }
    }

    fn batch() -> impl Strategy<Value = Vec<(Sku, i64)>> {
        let sku = "[a-z]{1,2}".prop_map(|text| Sku::parse(&text).unwrap());
        prop::collection::vec((sku, prop_oneof![Just(0), 0..1_000_i64]), 0..10)
    }
}
