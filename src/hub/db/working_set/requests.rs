//! The central requests that were decided.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::open_orders::id_keys;
use crate::hub::core::DecidedRequest;
use crate::hub::db::error::BooksError;
use crate::hub::db::order_rows::{decided_value, read_decided};
use crate::hub::db::schema::{Dialect, REQUEST};
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
    /// Numbers that no request has yet.
    numbers: VecDeque<u64>,
    /// The last number that this transaction has taken.
    last: u64,
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
        self.known.remove(id);
        self.load(db, &BTreeSet::from([id.clone()])).map(drop)
    }

    /// Reads those of these requests that are not known yet, and takes numbers for the new ones. Returns
    /// of those that were read whether they are orders that wait.
    pub(super) fn load(
        &mut self,
        db: &mut dyn Executor,
        ids: &BTreeSet<RequestId>,
    ) -> Result<BTreeMap<RequestId, bool>, BooksError> {
        let missing = ids.iter().filter(|id| !self.known.contains_key(*id)).cloned().collect();
        let (mut open, number) = (BTreeMap::new(), number_of(db.dialect()));
        let sql = format!(
            "SELECT k.a, request.n, request.remembered, {number},
                CAST(CASE WHEN EXISTS (SELECT 1 FROM open_order
                    WHERE open_order.id = k.a) THEN 1 ELSE 0 END AS BIGINT)
             FROM {{keys}} AS k LEFT JOIN request ON request.id = k.a"
        );
        for row in db.query_keys(&sql, &id_keys(&missing))? {
            let mut row = RowReader::of(row);
            let id = row.id(RequestId::parse)?;
            let (number, remembered) = (row.int_or_null()?, row.blob_or_null()?);
            let offered = row.number()?;
            open.insert(id.clone(), row.bool()?);
            let known = match (number, remembered) {
                (Some(number), Some(bytes)) => {
                    let number = number.unsigned_abs();
                    Some(Numbered { number, decided: read_decided(&bytes)? })
                }
                _ => {
                    self.take_number(offered);
                    None
                }
            };
            self.known.insert(id, known);
        }
        Ok(open)
    }

    /// SQLite offers the next number for every request, so those taken before count too.
    fn take_number(&mut self, offered: u64) {
        self.last = offered.max(self.last + 1);
        self.numbers.push_back(self.last);
    }

    /// The number of the next request that is saved. Numbers that are not used are left out.
    pub(super) fn next_number(&mut self, db: &mut dyn Executor) -> Result<u64, BooksError> {
        if self.numbers.is_empty() {
            let sql = format!("SELECT {}", number_of(db.dialect()));
            let found = db.query(&sql, &[])?.pop();
            self.take_number(RowReader::of(found.unwrap_or_default()).number()?);
        }
        let missing = || BooksError::Damaged("there is no number for a request".into());
        self.numbers.front().copied().ok_or_else(missing)
    }

    pub(super) fn save(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
        decided: &DecidedRequest,
    ) -> Result<(), BooksError> {
        let (number, decided) = (self.next_number(db)?, decided.clone());
        self.numbers.pop_front();
        self.known.insert(id.clone(), Some(Numbered { number, decided }));
        self.new.insert(id.clone());
        Ok(())
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

/// The next number of a request. Several workers take theirs from a sequence: the largest of the
/// table, and one more, would be the same for all that decide at the same time.
fn number_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgresql => "nextval('request_number')",
        Dialect::Sqlite => "(SELECT coalesce(max(n), 0) + 1 FROM request)",
    }
}

fn row((id, known): (&RequestId, &Numbered)) -> SqlRow {
    let number = SqlValue::number(known.number);
    vec![number, SqlValue::text(id.as_str()), decided_value(&known.decided)]
}
