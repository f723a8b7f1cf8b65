//! The central requests that were decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::core::DecidedRequest;
use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{decided_value, read_decided};
use crate::hub::db::schema::REQUEST;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write};
use crate::stock::RequestId;

/// A request with its number among all of them.
#[derive(Clone, Debug)]
struct Numbered {
    number: u64,
    decided: DecidedRequest,
}

#[derive(Debug, Default)]
pub(super) struct RequestSet {
    known: BTreeMap<RequestId, Option<Numbered>>,
    count: u64,
    new: BTreeSet<RequestId>,
    changed: BTreeSet<RequestId>,
}

impl RequestSet {
    pub(super) fn decided(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<DecidedRequest>, BooksError> {
        if !self.known.contains_key(id) {
            self.read(db, id)?;
        }
        Ok(self.known.get(id).cloned().flatten().map(|known| known.decided))
    }

    /// A request as it is now, unless this transaction has changed it.
    pub(super) fn newest(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<DecidedRequest>, BooksError> {
        if !self.new.contains(id) && !self.changed.contains(id) {
            self.read(db, id)?;
        }
        self.decided(db, id)
    }

    fn read(&mut self, db: &mut dyn Executor, id: &RequestId) -> Result<(), BooksError> {
        let sql = "SELECT (SELECT coalesce(max(n), 0) FROM request),
                   (SELECT n FROM request WHERE id = $1),
                   (SELECT remembered FROM request WHERE id = $1)";
        let found = db.query(sql, &[SqlValue::text(id.as_str())])?.pop();
        let mut row = RowReader::of(found.unwrap_or_default());
        self.count = self.count.max(row.number()?);
        let known = match (row.int_or_null()?, row.blob_or_null()?) {
            (Some(number), Some(bytes)) => {
                let number = number.unsigned_abs();
                Some(Numbered { number, decided: read_decided(&bytes)? })
            }
            _ => None,
        };
        self.known.insert(id.clone(), known);
        Ok(())
    }

    /// The number of requests; one of them must have been asked for before.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn save(&mut self, id: &RequestId, decided: &DecidedRequest) {
        self.count += 1;
        let (number, decided) = (self.count, decided.clone());
        self.known.insert(id.clone(), Some(Numbered { number, decided }));
        self.new.insert(id.clone());
    }

    /// Changes a request that was decided before; it must have been asked for.
    pub(super) fn update(
        &mut self,
        id: &RequestId,
        decided: &DecidedRequest,
    ) -> Result<(), BooksError> {
        let missing = || BooksError::Damaged(format!("request {id} was not read"));
        let known = self.known.get_mut(id).and_then(Option::as_mut).ok_or_else(missing)?;
        decided.clone_into(&mut known.decided);
        if !self.new.contains(id) {
            self.changed.insert(id.clone());
        }
        Ok(())
    }

    pub(super) fn changes(&mut self) -> [Change; 2] {
        let change = |ids: &BTreeSet<RequestId>, write| {
            let known = ids.iter().filter_map(|id| Some((id, self.known.get(id)?.as_ref()?)));
            Change { table: &REQUEST, write, rows: known.map(row).collect() }
        };
        [change(&self.new, Write::Insert), change(&self.changed, Write::Set)]
    }
}

fn row((id, known): (&RequestId, &Numbered)) -> SqlRow {
    let number = SqlValue::number(known.number);
    vec![number, SqlValue::text(id.as_str()), decided_value(&known.decided)]
}
