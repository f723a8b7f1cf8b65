//! The open reservations: by their ids, by their deadlines, and by the SKUs and orders that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::DefaultHashBuilder;
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::types::{Actor, OrderId, RequestId, Sku};

/// An open reservation, with the units that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub order_id: Option<OrderId>,
    pub lines: Vec<Line>,
    /// The deadline in milliseconds of running time.
    pub deadline_ms: u64,
    /// Who made the reservation. Its postcard form leaves this out, like the traces of its lines.
    #[serde(skip)]
    pub actor: Option<Actor>,
}

/// How much is reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Open reservations.
    pub reservations: usize,
    /// Their lines.
    pub lines: usize,
}

/// What a reservation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named<'a> {
    Sku(&'a str),
    Order(&'a str),
}

/// The open reservations of a stock.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    by_id: BTreeMap<RequestId, Hold>,
    /// Those that can be given back, by their deadlines.
    deadlines: BTreeSet<(u64, RequestId)>,
    /// A hash of each SKU and of the order of a reservation, with its id: 32 bytes for each line, and as
    /// much again in a tree that is half full. Names may share a hash, so what is found here is compared
    /// with the name.
    by_name: BTreeSet<(u32, RequestId)>,
    hasher: DefaultHashBuilder,
    weight: usize,
}

impl Holds {
    pub(super) fn get(&self, id: &RequestId) -> Option<&Hold> {
        self.by_id.get(id)
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// What the lines of all of them count for: see [`Hold::weight`].
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.by_id.values().flat_map(|hold| &hold.lines)
    }

    /// Those after an id, in ascending order of their ids.
    pub(super) fn after(&self, after: Option<&str>) -> impl Iterator<Item = (&RequestId, &Hold)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range::<str, _>((from, Bound::Unbounded))
    }

    /// Those after an id that name this, in ascending order of their ids.
    pub(super) fn naming<'a>(
        &'a self,
        name: Named<'a>,
        after: Option<&RequestId>,
    ) -> impl Iterator<Item = (&'a RequestId, &'a Hold)> + use<'a> {
        let hash = self.hash(name);
        let from = after.map_or_else(
            || Bound::Included((hash, RequestId::first())),
            |after| Bound::Excluded((hash, after.clone())),
        );
        let ids = self.by_name.range((from, Bound::Unbounded));
        let ids = ids.take_while(move |(of, _)| *of == hash);
        ids.map(|(_, id)| (id, &self.by_id[id])).filter(move |(_, hold)| hold.names(name))
    }

    /// Those whose deadline has come, the earliest first.
    pub(super) fn due(&self, now_ms: u64) -> impl Iterator<Item = &RequestId> {
        let due = self.deadlines.iter().take_while(move |(deadline_ms, _)| *deadline_ms <= now_ms);
        due.map(|(_, id)| id)
    }

    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// Adds a reservation, in place of the one with this id. One that `can_end` is due at its deadline.
    pub(super) fn insert(&mut self, id: RequestId, hold: Hold, can_end: bool) {
        self.remove(&id);
        for name in names(&hold) {
            self.by_name.insert((self.hash(name), id.clone()));
        }
        if can_end {
            self.deadlines.insert((hold.deadline_ms, id.clone()));
        }
        self.weight += hold.weight();
        self.by_id.insert(id, hold);
    }

    pub(super) fn remove(&mut self, id: &RequestId) {
        let Some(hold) = self.by_id.remove(id) else { return };
        for name in names(&hold) {
            self.by_name.remove(&(self.hash(name), id.clone()));
        }
        self.deadlines.remove(&(hold.deadline_ms, id.clone()));
        self.weight -= hold.weight();
    }

    /// As if they counted for this much.
    #[cfg(test)]
    pub(super) fn set_weight(&mut self, weight: usize) {
        self.weight = weight;
    }

    fn hash(&self, name: Named<'_>) -> u32 {
        let [high, low] = [32, 0].map(|shift| (self.hasher.hash_one(name) >> shift) as u32);
        high ^ low
    }
}

impl IntoIterator for Holds {
    type Item = (RequestId, Hold);
    type IntoIter = std::collections::btree_map::IntoIter<RequestId, Hold>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_id.into_iter()
    }
}

impl Hold {
    /// What its lines count for against [`RESERVED_LINES_MAX`](crate::limits::RESERVED_LINES_MAX).
    pub(super) fn weight(&self) -> usize {
        self.lines.iter().map(Line::weight).sum()
    }

    fn names(&self, name: Named<'_>) -> bool {
        names(self).any(|own| own == name)
    }
}

fn names(hold: &Hold) -> impl Iterator<Item = Named<'_>> {
    let order = hold.order_id.iter().map(OrderId::as_str).map(Named::Order);
    order.chain(hold.lines.iter().map(|line| &line.sku).map(Sku::as_str).map(Named::Sku))
}

impl PartialEq for Holds {
    fn eq(&self, other: &Self) -> bool {
        (&self.by_id, &self.deadlines) == (&other.by_id, &other.deadlines)
    }
}

impl Eq for Holds {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stock::Quantity;

    proptest! {
        #[test]
        fn what_names_a_sku_or_an_order_is_what_a_walk_finds(
            steps in prop::collection::vec((0..20u8, prop::option::of((0..4u8, prop::collection::vec(0..6u8, 1..4)))), 0..60),
            after in prop::option::of(0..20u8),
        ) {
            let mut holds = Holds::default();
            for (id, hold) in steps {
                match hold {
                    Some((order, skus)) => holds.insert(id_of(id), hold_of(order, &skus), order != 3),
                    None => holds.remove(&id_of(id)),
                }
            }
            let after = after.map(id_of);
            for name in (0..7).map(|n| format!("s{n}")).chain((0..4).map(|n| format!("o{n}"))) {
                let name = if name.starts_with('s') { Named::Sku(&name) } else { Named::Order(&name) };
                let all = holds.after(after.as_ref().map(RequestId::as_str));
                let walked: Vec<_> = all.filter(|(_, hold)| hold.names(name)).collect();
                prop_assert_eq!(holds.naming(name, after.as_ref()).collect::<Vec<_>>(), walked);
            }
            prop_assert_eq!(holds.weight(), holds.lines().count());
            let due = holds.after(None).filter(|(_, hold)| hold.order_id != Some(order_of(3)));
            prop_assert_eq!(holds.due(u64::MAX).count(), due.count());
        }
    }

    #[test]
    fn nothing_is_left_of_a_removed_reservation() {
        let mut holds = Holds::default();
        holds.insert(id_of(1), hold_of(0, &[1, 1, 2]), true);
        holds.insert(id_of(1), hold_of(1, &[2]), true);
        holds.remove(&id_of(1));
        assert!(holds.by_name.is_empty() && holds.deadlines.is_empty() && holds.weight == 0);
    }

    fn id_of(n: u8) -> RequestId {
        RequestId::parse(&format!("r{n:02}")).unwrap()
    }

    fn order_of(n: u8) -> OrderId {
        OrderId::parse(&format!("o{n}")).unwrap()
    }

    fn hold_of(order: u8, skus: &[u8]) -> Hold {
        let line = |n: &u8| {
            Line::new(Sku::parse(&format!("s{n}")).unwrap(), Quantity::try_from(1).unwrap())
        };
        Hold {
            order_id: Some(order_of(order)),
            lines: skus.iter().map(line).collect(),
            deadline_ms: 7,
            actor: None,
        }
    }
}
