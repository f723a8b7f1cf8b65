//! The open reservations in the order of their ledger records, in memory.
//!
//! Pruning deletes old ledger records, but keeps those of open reservations. It finds them here: a
//! search through the table `hold` would read all of it in each step, and an index in the database
//! would cost another page in each commit that opens or closes a reservation.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::error::StoreError;
use super::sql_values::stored;
use crate::stock::{Changes, RequestId, Stock};

/// Closed reservations that are kept at least before they are looked for and removed.
const CLOSED_MIN: usize = 1_024;

/// Each reservation under the number of its ledger record, lowest first. Closed ones stay until
/// there are as many as open ones, so that closing one costs nothing.
#[derive(Debug, Default)]
pub(super) struct ReservationOrder(VecDeque<(i64, RequestId)>);

impl ReservationOrder {
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut statement = db.prepare("SELECT n, id FROM hold")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, stored(1, RequestId::parse(row.get_ref(1)?.as_str()?))?))
        })?;
        let mut order = rows.collect::<Result<Vec<_>, _>>()?;
        order.sort_unstable_by_key(|(n, _)| *n);
        Ok(Self(order.into()))
    }

    /// Adds the reservations that a committed batch opened. `first` is the number of its first
    /// record, `stock` the stock before it.
    pub(super) fn add(&mut self, changes: &Changes, first: i64, stock: &Stock) {
        if self.0.len() > 2 * stock.hold_count() + CLOSED_MIN {
            self.0.retain(|(_, id)| stock.hold(id).is_some());
        }
        let mut opened: Vec<_> = changes
            .holds
            .iter()
            .filter(|(_, hold)| hold.is_some())
            .filter_map(|(id, _)| Some((record_number(changes, id, first)?, id.clone())))
            .collect();
        opened.sort_unstable_by_key(|(n, _)| *n);
        self.0.extend(opened);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The open reservations whose record has this number or a lower one.
    pub(super) fn open_up_to<'a>(
        &'a self,
        n: i64,
        stock: &'a Stock,
    ) -> impl Iterator<Item = &'a RequestId> {
        let old = self.0.iter().take_while(move |(record, _)| *record <= n);
        old.map(|(_, id)| id).filter(|id| stock.hold(id).is_some())
    }

    /// Removes what was pruned, and adds the reservations whose records were carried forward;
    /// `next` is the number of the first of these.
    pub(super) fn carry<'a>(
        &mut self,
        pruned: i64,
        carried: impl Iterator<Item = &'a RequestId>,
        next: i64,
    ) {
        let removed = self.0.partition_point(|(n, _)| *n <= pruned);
        self.0.drain(..removed);
        self.0.extend((next..).zip(carried.cloned()));
    }
}

/// The number of the ledger record that a batch made of a request.
pub(super) fn record_number(changes: &Changes, id: &RequestId, first: i64) -> Option<i64> {
    let index = changes.record_index(id)?;
    Some(first + i64::try_from(index).expect("a batch is small"))
}
