//! The reservations in the pool. The pools of their SKUs stand for them: who changes one has these
//! locked.

use std::collections::BTreeMap;

use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{RESERVATION_COLUMNS, read_reservation, reservation_row};
use crate::hub::db::schema::RESERVATION;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::stock::{Hold, RequestId, Reserved};

#[derive(Debug, Default)]
pub(super) struct ReservationSet {
    /// What this transaction has changed; `None` for those that have ended.
    changed: BTreeMap<RequestId, Option<Hold>>,
    /// The lines of stored ones that it has read. It reads what it changes.
    read: BTreeMap<RequestId, usize>,
    /// How much was reserved before it, once that was asked for.
    stored: Option<Reserved>,
}

impl ReservationSet {
    /// An open reservation as it is now.
    pub(super) fn newest(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<Hold>, BooksError> {
        if let Some(changed) = self.changed.get(id) {
            return Ok(changed.clone());
        }
        let sql = format!("SELECT {RESERVATION_COLUMNS} FROM reservation WHERE id = $1");
        let found = db.query(&sql, &[SqlValue::text(id.as_str())])?.pop();
        let hold = found.map(read_reservation).transpose()?.map(|(_, hold)| hold);
        if let Some(hold) = &hold {
            self.read.insert(id.clone(), hold.lines.len());
        }
        Ok(hold)
    }

    /// How much is reserved now.
    pub(super) fn reserved(&mut self, db: &mut dyn Executor) -> Result<Reserved, BooksError> {
        let stored = match self.stored {
            Some(stored) => stored,
            None => *self.stored.insert(count(db)?),
        };
        let replaced = self.changed.keys().filter_map(|id| self.read.get(id));
        let open = self.changed.values().flatten().map(|hold| hold.lines.len());
        let before = replaced.clone().count();
        let lines = stored.lines + open.clone().sum::<usize>();
        Ok(Reserved {
            reservations: (stored.reservations + open.count()).saturating_sub(before),
            lines: lines.saturating_sub(replaced.sum()),
        })
    }

    pub(super) fn save(&mut self, id: &RequestId, hold: Option<&Hold>) {
        self.changed.insert(id.clone(), hold.cloned());
    }

    pub(super) fn changes(&self) -> [Change; 2] {
        let open = self.changed.iter().filter_map(|(id, hold)| Some((id, hold.as_ref()?)));
        let open: Vec<SqlRow> = open.map(|(id, hold)| reservation_row(id, hold).to_vec()).collect();
        let ended = self.changed.iter().filter(|(_, hold)| hold.is_none());
        let ended = ended.map(|(id, _)| vec![SqlValue::text(id.as_str())]).collect();
        let change = |write, rows| Change { table: &RESERVATION, write, rows };
        [change(Write::Set, open), change(Write::Delete, ended)]
    }
}

/// How much is reserved in the books. A stored reservation begins with the number of its lines, of which
/// there are too few for more than two bytes.
fn count(db: &mut dyn Executor) -> Result<Reserved, BooksError> {
    let sql = "SELECT substr(lines, 1, 2), count(*) FROM reservation GROUP BY 1";
    let mut counted = Reserved::default();
    for row in db.query(sql, &[])? {
        let mut row = RowReader::of(row);
        let (beginning, count) = (row.blob()?, row.number()?);
        let damaged = |error| BooksError::Damaged(format!("a reservation: {error}"));
        let (lines, _) = postcard::take_from_bytes::<u16>(&beginning).map_err(damaged)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        counted.reservations = counted.reservations.saturating_add(count);
        counted.lines = counted.lines.saturating_add(count.saturating_mul(lines.into()));
    }
    Ok(counted)
}

const _: () = assert!(crate::limits::LINES_MAX < 1 << 14, "two bytes hold the number");
