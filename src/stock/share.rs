//! Matching units by trace: which lines of a reservation or deduction a request is about. A trace is
//! no stock of its own, so units of another trace of the SKU do as well.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::decision::Movement;
use super::line::Line;
use super::trace::OptionalTrace;
use super::types::{Quantity, Sku};

/// Units of one SKU and trace.
type Units = ((Sku, OptionalTrace), i64);

/// What was taken of some lines, and what is left of them.
pub(super) struct Share {
    taken: Vec<Units>,
    left: Vec<Units>,
}

impl Share {
    /// Takes the wanted lines out of those that are there, which must suffice SKU by SKU: units of
    /// the same trace first, then any. Those go by the trace of the wanted line, or by their own if
    /// that has none. Both lists are merged.
    pub(super) fn of(there: &[Line], wanted: &[Line]) -> Self {
        let mut pile = Pile::new(there);
        let mut taken = Vec::new();
        let mut open: Vec<i64> = wanted.iter().map(|line| line.quantity.units()).collect();
        for (line, open) in wanted.iter().zip(&mut open) {
            let units = pile.take_alike(line, *open);
            taken.push((key(line), units));
            *open -= units;
        }
        for (line, mut open) in wanted.iter().zip(open) {
            while open > 0
                && let Some((trace, units)) = pile.take_any(&line.sku, open)
            {
                let trace = line.trace.clone().or(trace);
                taken.push(((line.sku.clone(), trace), units));
                open -= units;
            }
        }
        Self { taken, left: pile.left }
    }

    /// The movements of a commit, which releases what is left.
    pub(super) fn into_commit(self) -> Vec<Movement> {
        let Self { taken, left } = self;
        let mut movements = Movements::default();
        // The order of the reservation's lines.
        left.iter().for_each(|(key, units)| movements.add(key, 0, -units));
        taken.iter().for_each(|(key, units)| movements.add(key, -units, -units));
        movements.list.retain(|movement| movement.reserved_change != 0);
        movements.list
    }

    /// The movements of a commit after which what is left stays reserved.
    pub(super) fn into_part(self) -> Vec<Movement> {
        let mut movements = Movements::default();
        self.taken.iter().for_each(|(key, units)| movements.add(key, -units, -units));
        movements.list.retain(|movement| movement.reserved_change != 0);
        movements.list
    }

    /// What was taken, as lines.
    pub(super) fn taken(&self) -> Vec<Line> {
        lines(&self.taken)
    }

    /// What is left, as lines.
    pub(super) fn left(&self) -> Vec<Line> {
        lines(&self.left)
    }
}

fn key(line: &Line) -> (Sku, OptionalTrace) {
    (line.sku.clone(), line.trace.clone())
}

fn lines(units: &[Units]) -> Vec<Line> {
    let line = |((sku, trace), units): &Units| {
        let quantity = Quantity::of_sum(units.unsigned_abs())?;
        Some(Line { sku: sku.clone(), quantity, trace: trace.clone() })
    };
    super::merge_lines(units.iter().filter_map(line).collect())
}

/// The units that are left of some lines.
struct Pile {
    left: Vec<Units>,
    by_trace: HashMap<(Sku, OptionalTrace), usize>,
    by_sku: HashMap<Sku, VecDeque<usize>>,
}

impl Pile {
    fn new(lines: &[Line]) -> Self {
        let mut by_sku = HashMap::<Sku, VecDeque<usize>>::with_capacity(lines.len());
        for (at, line) in lines.iter().enumerate() {
            let places = by_sku.entry(line.sku.clone()).or_default();
            // Units without a trace are taken before those of another one.
            if line.trace.is_none() { places.push_front(at) } else { places.push_back(at) }
        }
        Self {
            left: lines.iter().map(|line| (key(line), line.quantity.units())).collect(),
            by_trace: lines.iter().enumerate().map(|(at, line)| (key(line), at)).collect(),
            by_sku,
        }
    }

    fn take_alike(&mut self, line: &Line, units: i64) -> i64 {
        let at = self.by_trace.get(&key(line)).copied();
        at.map_or(0, |at| self.take(at, units))
    }

    fn take_any(&mut self, sku: &Sku, units: i64) -> Option<(OptionalTrace, i64)> {
        let places = self.by_sku.get_mut(sku)?;
        while self.left[*places.front()?].1 == 0 {
            places.pop_front();
        }
        let at = *places.front()?;
        Some((self.left[at].0.1.clone(), self.take(at, units)))
    }

    fn take(&mut self, at: usize, units: i64) -> i64 {
        let left = &mut self.left[at].1;
        let units = units.min(*left);
        *left -= units;
        units
    }
}

/// Movements, one for each SKU and trace.
#[derive(Default)]
struct Movements {
    list: Vec<Movement>,
    places: HashMap<(Sku, OptionalTrace), usize>,
}

impl Movements {
    fn add(&mut self, key: &(Sku, OptionalTrace), change: i64, reserved_change: i64) {
        let place = *self.places.entry_ref(key).or_insert_with(|| {
            let (sku, trace) = key.clone();
            self.list.push(Movement { sku, quantity: 0, change: 0, reserved_change: 0, trace });
            self.list.len() - 1
        });
        let movement = &mut self.list[place];
        movement.quantity += change.unsigned_abs();
        movement.change += change;
        movement.reserved_change += reserved_change;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Lot, Trace};

    #[test]
    fn units_of_the_wanted_trace_are_taken_first_and_then_any() {
        let there = [line("L1", 2), line("L2", 3), line("", 4)];
        let share = Share::of(&there, &[line("", 5), line("L3", 2), line("L2", 1)]);
        assert_eq!(share.taken(), [line("", 4), line("L2", 1), line("L1", 1), line("L3", 2)]);
        assert_eq!(share.left(), [line("L2", 1)]);
    }

    #[test]
    fn a_commit_of_lots_releases_what_it_does_not_take() {
        let share = Share::of(&[line("L1", 2), line("", 4)], &[line("L1", 1), line("L2", 3)]);
        assert_eq!(share.left(), [line("L1", 1), line("", 1)]);
        let movements = share.into_commit().into_iter().map(|movement| {
            let lot = movement.trace.and_then(|trace| trace.lot);
            let lot = lot.map_or(String::new(), |lot| lot.as_str().into());
            (lot, movement.quantity, movement.change, movement.reserved_change)
        });
        let expected = [("L1", 1, -1, -2), ("", 0, 0, -1), ("L2", 3, -3, -3)];
        assert_eq!(movements.collect::<Vec<_>>(), expected.map(|(l, q, c, r)| (l.into(), q, c, r)));
    }

    fn line(lot: &str, units: u64) -> Line {
        let sku = Sku::parse("A").unwrap();
        let trace = Trace::of(Lot::parse(lot).ok(), None, None);
        Line { trace, ..Line::new(sku, Quantity::of_sum(units).unwrap()) }
    }
}
