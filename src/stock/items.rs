//! The stock of all SKUs, in the order of the SKUs and in the order of the last change.
//!
//! Each SKU has a slot that it keeps. The indexes hold slot numbers of four bytes, so a million
//! SKUs fit a small machine, and the hot path, a lookup and an update, compares no texts in a
//! tree. A hidden SKU keeps its slot, so it is found by its name, but it is in an order of its own, so
//! no list has it.

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
    /// The slots in the order of the SKUs, without the hidden ones.
    by_sku: Order,
    /// The slot of each SKU by its version. What changed after a position is a range of this map.
    /// SKUs that have never changed share version 0 and are left out.
    by_version: BTreeMap<Seq, u32>,
    hidden: HashSet<u32>,
    /// The hidden slots in the order of the SKUs.
    hidden_by_sku: Order,
}

/// Slots in the order of their SKUs.
#[derive(Clone, Debug, Default)]
struct Order(Vec<u32>);

impl Items {
    /// Takes SKUs in ascending order, without duplicates.
    fn from_ordered(slots: Vec<(Sku, Item)>) -> Self {
        let by_sku = Order((0..slot_number(slots.len())).collect());
        let mut items = Self { by_sku, ..Self::default() };
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
        self.by_sku.0.len()
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
        self.iter_from(0)
    }

    /// The same without the first ones. SKUs that are added come last.
    pub(super) fn iter_from(&self, first: usize) -> impl Iterator<Item = (&Sku, &Item)> {
        let slots = self.slots.get(first..).unwrap_or_default();
        slots.iter().map(|(sku, item)| (sku, item))
    }

    /// Takes known SKUs out of the lists, until their stock is set again.
    pub fn hide<'a>(&mut self, skus: impl IntoIterator<Item = &'a Sku>) {
        let mut new = Vec::new();
        for sku in skus {
            let slot = self.slot(sku.as_str()).map(slot_number);
            new.extend(slot.filter(|slot| self.hidden.insert(*slot)));
        }
        self.by_sku.remove(&self.slots, new.clone());
        self.hidden_by_sku.insert(&self.slots, new);
    }

    pub(super) fn is_hidden(&self, sku: &str) -> bool {
        !self.hidden.is_empty()
            && self.slot(sku).is_some_and(|slot| self.hidden.contains(&slot_number(slot)))
    }

    /// Sets the stock of some SKUs, and adds those that are not known.
    pub fn set_all<'a>(&mut self, changes: impl IntoIterator<Item = (&'a Sku, &'a Item)>) {
        let known = self.slots.len();
        let mut shown = Vec::new();
        for (sku, item) in changes {
            match self.slot(sku.as_str()) {
                Some(slot) => {
                    self.set(slot, *item);
                    shown.extend(self.hidden.take(&slot_number(slot)));
                }
                None => self.push(sku.clone(), *item),
            }
        }
        self.hidden_by_sku.remove(&self.slots, shown.clone());
        shown.extend(slot_number(known)..slot_number(self.slots.len()));
        self.by_sku.insert(&self.slots, shown);
    }

    /// What changed after a position, oldest change first.
    pub fn changed_after(&self, seq: Seq) -> impl Iterator<Item = (&Sku, &Item)> {
        let after = (Bound::Excluded(seq), Bound::Unbounded);
        self.by_version.range(after).map(|(_, slot)| at(&self.slots, *slot))
    }

    /// The SKUs with a prefix that follow `after`, in ascending order. Their number is known
    /// without a walk.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl ExactSizeIterator<Item = (&'a Sku, &'a Item)> + use<'a> {
        self.by_sku.range(&self.slots, prefix, after).iter().map(|slot| at(&self.slots, *slot))
    }

    /// The same with the hidden ones, and whether they are hidden.
    pub fn all_with_prefix<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl ExactSizeIterator<Item = (&'a Sku, &'a Item, bool)> + use<'a> {
        let orders = [&self.by_sku, &self.hidden_by_sku];
        let [listed, hidden] = orders.map(|order| order.range(&self.slots, prefix, after));
        Merged { slots: &self.slots, listed, hidden }
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

    /// Adds a SKU that is not in the order of SKUs yet.
    fn push(&mut self, sku: Sku, item: Item) {
        let slot = slot_number(self.slots.len());
        let hash = self.hasher.hash_one(sku.as_str());
        self.slots.push((sku, item));
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash_of = |slot: &u32| hasher.hash_one(slots[*slot as usize].0.as_str());
        self.by_hash.insert_unique(hash, slot, hash_of);
        self.index_version(item.version, slot);
    }
}

type Slots = [(Sku, Item)];

fn at(slots: &Slots, slot: u32) -> (&Sku, &Item) {
    visits::count();
    let (sku, item) = &slots[slot as usize];
    (sku, item)
}

/// Each change moves each slot at most once, and compares only the texts of the SKUs concerned:
/// comparing all would take noticeable time with a million.
impl Order {
    /// Adds slots that are not in it.
    fn insert(&mut self, slots: &Slots, mut new: Vec<u32>) {
        let sku = |slot: u32| at(slots, slot).0;
        new.sort_unstable_by_key(|slot| sku(*slot));
        let order = &mut self.0;
        let mut end = order.len();
        order.resize(end + new.len(), 0);
        for (before, slot) in new.into_iter().enumerate().rev() {
            let place = order[..end].partition_point(|old| sku(*old) < sku(slot));
            order.copy_within(place..end, place + before + 1);
            order[place + before] = slot;
            end = place;
        }
    }

    /// Takes out slots that are in it.
    fn remove(&mut self, slots: &Slots, gone: Vec<u32>) {
        let order = &mut self.0;
        let sku = |slot: u32| at(slots, slot).0;
        let place = |slot: u32| order.partition_point(|old| sku(*old) < sku(slot));
        let mut places: Vec<usize> = gone.into_iter().map(place).collect();
        places.sort_unstable();
        let ends = places.iter().skip(1).copied().chain([order.len()]).collect::<Vec<_>>();
        for (before, (place, end)) in places.iter().zip(ends).enumerate() {
            order.copy_within(place + 1..end, place - before);
        }
        order.truncate(order.len() - places.len());
    }

    /// The slots whose SKUs have a prefix and follow `after`.
    fn range(&self, slots: &Slots, prefix: &str, after: Option<&str>) -> &[u32] {
        let sku = |slot: &u32| at(slots, *slot).0.as_str();
        let is_before = |sku: &str| sku < prefix || after.is_some_and(|after| sku <= after);
        let from = &self.0[self.0.partition_point(|slot| is_before(sku(slot)))..];
        &from[..from.partition_point(|slot| sku(slot).starts_with(prefix))]
    }
}

/// A range of each order as one, in the order of the SKUs.
struct Merged<'a> {
    slots: &'a Slots,
    listed: &'a [u32],
    hidden: &'a [u32],
}

impl<'a> Iterator for Merged<'a> {
    type Item = (&'a Sku, &'a Item, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let first = |range: &[u32]| range.first().map(|slot| &self.slots[*slot as usize].0);
        let is_hidden = match (first(self.listed), first(self.hidden)) {
            (Some(listed), Some(hidden)) => hidden < listed,
            (listed, _) => listed.is_none(),
        };
        let range = if is_hidden { &mut self.hidden } else { &mut self.listed };
        let (slot, rest) = range.split_first()?;
        *range = rest;
        let (sku, item) = at(self.slots, *slot);
        Some((sku, item, is_hidden))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.listed.len() + self.hidden.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Merged<'_> {}

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

    proptest! {
        #[test]
        fn hidden_skus_are_in_an_order_of_their_own(
            batches in prop::collection::vec((batch(), batch()), 0..20),
        ) {
            let mut items = Items::default();
            let (mut model, mut hidden) = (BTreeMap::new(), BTreeMap::new());
            for ((shown, hides), version) in batches.into_iter().zip(1..) {
                let changes: BTreeMap<Sku, Item> = shown.into_iter().zip(0..).map(|((sku, on_hand), n)| {
                    (sku, Item { on_hand, reserved: 0, version: version * 100 + n })
                }).collect();
                items.set_all(&changes);
                hidden.retain(|sku, _| !changes.contains_key(sku));
                model.extend(changes);
                let hides: Vec<Sku> = hides.into_iter().map(|(sku, _)| sku).collect();
                items.hide(&hides);
                hidden.extend(hides.into_iter().filter_map(|sku| Some((sku.clone(), *model.get(&sku)?))));
            }
            let listed = model.iter().filter(|(sku, _)| !hidden.contains_key(*sku));
            prop_assert_eq!(items.count(), listed.clone().count());
            prop_assert!(items.with_prefix("", None).eq(listed));
            let told = |(sku, item)| (sku, item, hidden.contains_key(sku));
            prop_assert!(items.all_with_prefix("", None).eq(model.iter().map(told)));
            let few = model.iter().filter(|(sku, _)| sku.as_str().starts_with('b'));
            prop_assert_eq!(items.all_with_prefix("b", None).len(), few.clone().count());
            prop_assert!(items.all_with_prefix("b", None).eq(few.map(told)));
            for sku in model.keys() {
                prop_assert_eq!(items.is_hidden(sku.as_str()), hidden.contains_key(sku));
            }
        }
    }

    #[test]
    fn hiding_one_of_many_looks_at_a_few() {
        let sku = |n: usize| Sku::parse(&format!("{n:06}")).unwrap();
        let item = |n: usize| Item { on_hand: 0, reserved: 0, version: n as u64 };
        let mut items: Items = (0..100_000).map(|n| (sku(n), item(n))).collect();
        for n in [0, 50_000, 99_999] {
            visits::take();
            items.hide(&[sku(n)]);
            let hidden = visits::take();
            items.set_all([(&sku(n), &item(n))]);
            let shown = visits::take();
            assert!(hidden.max(shown) < 64, "{hidden} and {shown} looked at");
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
