//! The reservations in the pool. The pools of their SKUs stand for them: who changes one has these
//! locked.

use std::collections::BTreeMap;

use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{RESERVATION_COLUMNS, read_reservation, reservation_row};
use crate::hub::db::schema::RESERVATION;
use crate::hub::db::sql::{Change, Executor, SqlRow, SqlValue, Write};
use crate::stock::{Hold, RequestId};

#[derive(Debug, Default)]
pub(super) struct ReservationSet {
    /// What this transaction has changed; `None` for those that have ended.
    changed: BTreeMap<RequestId, Option<Hold>>,
}

impl ReservationSet {
    /// An open reservation as it is now.
    pub(super) fn newest(
        &self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<Hold>, BooksError> {
        if let Some(changed) = self.changed.get(id) {
            return Ok(changed.clone());
        }
        let sql = format!("SELECT {RESERVATION_COLUMNS} FROM reservation WHERE id = $1");
        let found = db.query(&sql, &[SqlValue::text(id.as_str())])?.pop();
        Ok(found.map(read_reservation).transpose()?.map(|(_, hold)| hold))
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
