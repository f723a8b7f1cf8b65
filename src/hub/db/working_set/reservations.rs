//! The reservations in the pool. The pools of their SKUs stand for them: who changes one has these
//! locked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock::instant;
use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{RESERVATION_COLUMNS, read_reservation, reservation_row};
use crate::hub::db::schema::RESERVATION;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::limits::{RESERVATIONS_MAX, RESERVED_LINES_MAX};
use crate::stock::{Hold, RequestId, Reserved};

/// How long a count serves. Other workers reserve meanwhile.
const COUNT_MAX: Duration = Duration::from_secs(1);
/// Nearer to a limit than this part of it, every transaction counts.
const NEAR: usize = 16;

/// How much is reserved, as a transaction leaves it to the next ones: to count takes long where much is
/// reserved.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub::db) struct CountedReserved {
    reserved: Reserved,
    counted: Instant,
}

#[cfg(test)]
impl CountedReserved {
    /// The same, when the time is over for which it serves.
    pub(in crate::hub::db) fn outdated(self) -> Self {
        Self { counted: self.counted.checked_sub(COUNT_MAX).unwrap(), ..self }
    }
}

#[derive(Debug, Default)]
pub(super) struct ReservationSet {
    /// What this transaction has changed; `None` for those that have ended.
    changed: BTreeMap<RequestId, Option<Hold>>,
    /// The lines of stored ones that it has read. It reads what it changes.
    read: BTreeMap<RequestId, usize>,
    /// How much was reserved before it, if that is known.
    stored: Option<CountedReserved>,
    /// Whether this transaction has counted that.
    is_counted: bool,
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

    /// Begins with what earlier transactions know.
    pub(super) fn know(&mut self, stored: Option<CountedReserved>) {
        self.stored = stored;
    }

    /// What is known for later transactions.
    pub(super) fn known(&self) -> Option<CountedReserved> {
        let known = |stored: CountedReserved| CountedReserved {
            reserved: self.with_changes(stored.reserved),
            ..stored
        };
        self.stored.map(known)
    }

    /// How much is reserved now.
    pub(super) fn reserved(&mut self, db: &mut dyn Executor) -> Result<Reserved, BooksError> {
        if let Some(stored) = self.stored {
            let reserved = self.with_changes(stored.reserved);
            let serves =
                instant().duration_since(stored.counted) < COUNT_MAX && !is_near_limit(reserved);
            if serves || self.is_counted {
                return Ok(reserved);
            }
        }
        let stored = CountedReserved { reserved: count(db)?, counted: instant() };
        (self.stored, self.is_counted) = (Some(stored), true);
        Ok(self.with_changes(stored.reserved))
    }

    fn with_changes(&self, stored: Reserved) -> Reserved {
        let replaced = self.changed.keys().filter_map(|id| self.read.get(id));
        let open = self.changed.values().flatten().map(|hold| hold.lines.len());
        let before = replaced.clone().count();
        let lines = stored.lines + open.clone().sum::<usize>();
        Reserved {
            reservations: (stored.reservations + open.count()).saturating_sub(before),
            lines: lines.saturating_sub(replaced.sum()),
        }
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

fn is_near_limit(reserved: Reserved) -> bool {
    let is_near = |count: usize, limit: usize| count >= limit - limit / NEAR;
    is_near(reserved.reservations, RESERVATIONS_MAX) || is_near(reserved.lines, RESERVED_LINES_MAX)
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
const _: () = assert!(RESERVED_LINES_MAX / NEAR > crate::limits::LINES_MAX, "one order is less");
