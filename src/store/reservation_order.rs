//! The open reservations in the order of their ledger records, in memory.
//!
//! Pruning deletes old ledger records, but keeps those of open reservations. It finds them here: a
//! search through the table `hold` would read all of it in each step, and an index in the database
//! would cost another page in each commit that opens or closes a reservation.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::error::StoreError;
use super::request_index::RequestIndex;
use super::sql_values::stored;
use crate::stock::{Changes, RequestId};

/// Each open reservation under the number of its ledger record.
#[derive(Debug, Default)]
pub(super) struct ReservationOrder(BTreeMap<i64, RequestId>);

impl ReservationOrder {
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut statement = db.prepare("SELECT n, id FROM hold")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, stored(1, RequestId::parse(row.get_ref(1)?.as_str()?))?))
        })?;
        Ok(Self(rows.collect::<Result<_, _>>()?))
    }

    /// Takes over what a committed batch opened, changed and closed. `first` is the number of its
    /// first record; `index` says which records a reservation may have had before.
    pub(super) fn apply(&mut self, changes: &Changes, first: i64, index: &RequestIndex) {
        for (id, hold) in &changes.holds {
            let before = index.numbers(id).find(|n| self.0.get(n) == Some(id));
            before.and_then(|n| self.0.remove(&n));
            if hold.is_some() {
                self.0.extend(record_number(changes, id, first).map(|n| (n, id.clone())));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The open reservations whose record has this number or a lower one, each with the number.
    pub(super) fn up_to(&self, n: i64) -> impl Iterator<Item = (i64, &RequestId)> {
        self.0.range(..=n).map(|(n, id)| (*n, id))
    }

    /// Removes what was pruned, and adds the reservations whose records were carried forward;
    /// `next` is the number of the first of these.
    pub(super) fn carry<'a>(
        &mut self,
        pruned: i64,
        carried: impl Iterator<Item = &'a RequestId>,
        next: i64,
    ) {
        while self.0.first_key_value().is_some_and(|(n, _)| *n <= pruned) {
            self.0.pop_first();
        }
        self.0.extend((next..).zip(carried.cloned()));
    }
}

/// The number of the ledger record that a batch made of a request.
pub(super) fn record_number(changes: &Changes, id: &RequestId, first: i64) -> Option<i64> {
    let index = changes.record_index(id)?;
    Some(first + i64::try_from(index).expect("a batch is small"))
}
