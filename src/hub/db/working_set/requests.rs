//! The central requests that were decided.

use std::collections::BTreeMap;

use crate::hub::core::DecidedRequest;
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::REQUEST;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlRow, SqlValue, Write, to_postcard};
use crate::stock::RequestId;

#[derive(Debug, Default)]
pub(super) struct RequestSet {
    decided: BTreeMap<RequestId, Option<DecidedRequest>>,
    count: u64,
    new: Vec<SqlRow>,
}

impl RequestSet {
    pub(super) fn decided(
        &mut self,
        db: &mut dyn Executor,
        id: &RequestId,
    ) -> Result<Option<DecidedRequest>, BooksError> {
        if !self.decided.contains_key(id) {
            let sql = "SELECT (SELECT coalesce(max(n), 0) FROM request),
                       (SELECT remembered FROM request WHERE id = $1)";
            let found = db.query(sql, &[SqlValue::text(id.as_str())])?.pop();
            let mut row = RowReader::of(found.unwrap_or_default());
            self.count = self.count.max(row.number()?);
            self.decided.insert(id.clone(), row.postcard_or_null()?);
        }
        Ok(self.decided.get(id).cloned().flatten())
    }

    /// The number of requests; one of them must have been asked for before.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn save(&mut self, id: &RequestId, decided: &DecidedRequest) {
        self.count += 1;
        let n = SqlValue::number(self.count);
        self.new.push(vec![n, SqlValue::text(id.as_str()), to_postcard(decided)]);
        self.decided.insert(id.clone(), Some(decided.clone()));
    }

    pub(super) fn changes(&mut self) -> Change {
        let rows = std::mem::take(&mut self.new);
        Change { table: &REQUEST, write: Write::Insert, rows }
    }
}
