//! Which row of a file gets which number among the rows of its order and SKU.
//!
//! The number is part of the request id, so it must be the same in every export of the same rows. In
//! the order of the file the rows count 1, 2, 3 …; but an export may be sorted in another way, or a
//! row may have been added above the others. Then a number is taken: the gateway refuses it, because
//! it has decided another quantity under that id. The number is then left to a later row, and the
//! refused row tries the next number that turns out to be free. So each number goes to the row that
//! it went to the first time, and new rows get new numbers.
//!
//! A number that no row of the file fits belongs to a row that was changed or removed. The rows that
//! are left over then are not sent under further numbers, because one of them may be the changed row.

use std::collections::{HashMap, VecDeque};

/// An order and a SKU, hashed.
pub(super) type GroupKey = u128;

/// How a request under a number ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The number is this row's, now or from an earlier run.
    Mine,
    /// The number is another row's.
    Other,
    /// The request was not decided, so the number is free.
    Nobody,
}

/// A row, and the number under which to send it.
pub(super) type Numbered<T> = (u32, T);

/// The rows of all orders and SKUs. Of each order and SKU one row may be under way at a time, and the
/// next one waits, so that the gateway decides the rows in the order of the file.
#[derive(Debug)]
pub(super) struct Groups<T> {
    /// Numbers that have found their rows.
    numbers: HashMap<GroupKey, u32>,
    open: HashMap<GroupKey, Group<T>>,
}

#[derive(Debug)]
struct Group<T> {
    /// Rows to try under the next number.
    to_try: VecDeque<T>,
    /// Rows that do not fit the next number.
    passed_over: VecDeque<T>,
    is_under_way: bool,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Self {
        Self { numbers: HashMap::new(), open: HashMap::new() }
    }

    /// Whether a row of this order and SKU waits for its answer.
    pub(super) fn is_under_way(&self, key: GroupKey) -> bool {
        self.open.get(&key).is_some_and(|group| group.is_under_way)
    }

    /// Takes the next row of the file, and returns it with the number under which to send it now.
    pub(super) fn arrive(&mut self, key: GroupKey, row: T) -> Numbered<T> {
        let group = self.open.entry(key).or_insert_with(|| Group {
            to_try: VecDeque::new(),
            passed_over: VecDeque::new(),
            is_under_way: false,
        });
        debug_assert!(!group.is_under_way, "the row before it is answered");
        group.is_under_way = true;
        (self.numbers.get(&key).copied().unwrap_or(0) + 1, row)
    }

    /// Takes the answer to a row; returns the row of the same order and SKU to send next.
    pub(super) fn answered(&mut self, key: GroupKey, row: T, taken: Taken) -> Option<Numbered<T>> {
        let group = self.open.get_mut(&key)?;
        group.is_under_way = false;
        match taken {
            Taken::Other => group.passed_over.push_back(row),
            Taken::Nobody => {}
            Taken::Mine => {
                *self.numbers.entry(key).or_default() += 1;
                group.passed_over.append(&mut group.to_try);
                std::mem::swap(&mut group.passed_over, &mut group.to_try);
            }
        }
        self.next(key)
    }

    fn next(&mut self, key: GroupKey) -> Option<Numbered<T>> {
        let group = self.open.get_mut(&key)?;
        if let Some(row) = group.to_try.pop_front() {
            group.is_under_way = true;
            return Some((self.numbers.get(&key).copied().unwrap_or(0) + 1, row));
        }
        if group.passed_over.is_empty() {
            self.open.remove(&key);
        }
        None
    }

    /// The rows that fit no number, once all are answered.
    pub(super) fn left_over(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.open).into_values().flat_map(|group| group.passed_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays quantities of one order and SKU to a gateway that has decided some; returns the
    /// rows left over.
    fn replay(decided: &mut Vec<u32>, rows: &[u32]) -> Vec<u32> {
        let mut groups = Groups::new();
        for &row in rows {
            let mut next = Some(groups.arrive(7, row));
            while let Some((number, row)) = next {
                let at = number as usize - 1;
                let taken = match decided.get(at) {
                    Some(&there) if there == row => Taken::Mine,
                    Some(_) => Taken::Other,
                    None => {
                        assert_eq!(at, decided.len(), "numbers have no gaps");
                        decided.push(row);
                        Taken::Mine
                    }
                };
                next = groups.answered(7, row, taken);
            }
        }
        assert!(!groups.is_under_way(7));
        groups.left_over().collect()
    }

    fn again(first: &[u32], then: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let mut decided = Vec::new();
        assert!(replay(&mut decided, first).is_empty());
        let left = replay(&mut decided, then);
        (decided, left)
    }

    #[test]
    fn a_sorted_export_finds_the_same_numbers_and_new_rows_get_new_ones() {
        for then in [[6, 2, 2], [2, 6, 2], [2, 2, 6]] {
            assert_eq!(again(&[6, 2, 2], &then), (vec![6, 2, 2], vec![]), "{then:?}");
        }
        for then in [[4, 6, 2], [6, 4, 2], [6, 2, 4], [4, 2, 6], [2, 4, 6], [2, 6, 4]] {
            assert_eq!(again(&[6, 2], &then), (vec![6, 2, 4], vec![]), "{then:?}");
        }
        assert_eq!(again(&[6, 2], &[6, 2, 6]), (vec![6, 2, 6], vec![]));
    }

    #[test]
    fn a_changed_row_is_left_over_and_nothing_is_doubled() {
        assert_eq!(again(&[7], &[8]), (vec![7], vec![8]));
        assert_eq!(again(&[7, 7], &[8, 7]), (vec![7, 7], vec![8]));
        assert_eq!(again(&[6, 2], &[2]), (vec![6, 2], vec![2]), "6 may have become 2");
        assert_eq!(again(&[6, 2], &[4, 2]), (vec![6, 2], vec![4, 2]));
    }

    #[test]
    fn a_row_that_was_not_decided_takes_no_number() {
        let mut groups = Groups::new();
        assert_eq!(groups.arrive(7, "wrong"), (1, "wrong"));
        assert!(groups.is_under_way(7) && !groups.is_under_way(8));
        assert_eq!(groups.answered(7, "wrong", Taken::Nobody), None);
        assert_eq!(groups.arrive(7, "right"), (1, "right"));
        assert_eq!(groups.answered(7, "right", Taken::Mine), None);
        assert_eq!(groups.arrive(7, "next"), (2, "next"));
        assert_eq!(groups.arrive(8, "other order"), (1, "other order"));
    }
}
