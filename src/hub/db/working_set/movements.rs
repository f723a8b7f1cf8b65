//! New movements of the hub's own ledger.

use std::ops::RangeInclusive;

use crate::clock;
use crate::hub::core::Movement;
use crate::hub::db::error::BooksError;
use crate::hub::db::rows::movement_row;
use crate::hub::db::schema::MOVEMENT;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::stock::Seq;

#[derive(Debug, Default)]
pub(super) struct MovementSet {
    new: Vec<Movement>,
}

impl MovementSet {
    pub(super) fn enter(&mut self, movements: &[Movement]) {
        self.new.extend_from_slice(movements);
    }

    /// Numbers the movements. The last position is locked from here to the commit, so that other
    /// workers leave no gap; hence this is the last thing that a transaction reads.
    /// Returns the positions as well, if there are any.
    pub(super) fn changes(
        &mut self,
        db: &mut dyn Executor,
    ) -> Result<(Change, Option<RangeInclusive<Seq>>), BooksError> {
        let new = std::mem::take(&mut self.new);
        let (mut rows, mut entered) = (Vec::with_capacity(new.len()), None);
        if !new.is_empty() {
            let sql = "UPDATE movement_end SET seq = seq + $1 RETURNING seq";
            let end = db.query(sql, &[SqlValue::number(new.len() as u64)])?.pop();
            let first = RowReader::of(end.unwrap_or_default()).number()? + 1 - new.len() as u64;
            let at_ms = clock::wall_ms();
            let row = |(seq, movement): (u64, &Movement)| -> SqlRow {
                movement_row(seq, movement, at_ms).to_vec()
            };
            rows.extend((first..).zip(&new).map(row));
            entered = Some(first..=first + new.len() as u64 - 1);
        }
        Ok((Change { table: &MOVEMENT, write: Write::Insert, rows }, entered))
    }
}
