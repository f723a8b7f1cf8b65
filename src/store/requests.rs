//! The rows of decided requests.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Store, StoreError};
use crate::stock::{Record, Records, RequestId};

/// Written before each record, so that its layout can change.
const RECORD_VERSION: u8 = 1;

impl Records for Store {
    type Error = StoreError;

    fn find(&self, id: &RequestId) -> Result<Option<Record>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT record FROM request WHERE id = ?1")?;
        let blob: Option<Vec<u8>> =
            statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
        blob.map(|blob| decode(id, &blob)).transpose()
    }
}

/// Saves new and changed records; returns the number for the next new one.
pub(super) fn save(
    db: &Transaction<'_>,
    records: &[(RequestId, Record)],
    mut next: i64,
) -> Result<i64, StoreError> {
    // A changed record gets a new number: its age counts from its last change.
    let mut upsert = db.prepare_cached("INSERT OR REPLACE INTO request VALUES (?1, ?2, ?3)")?;
    for (id, record) in records {
        upsert.execute(params![next, id.as_str(), encode(record)])?;
        next += 1;
    }
    Ok(next)
}

/// The highest number ever given, whether its record is still there or not: a number given twice
/// would be as old as the marks say of the first one, and forgotten at once.
pub(super) fn last(db: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT max((SELECT coalesce(max(n), 0) FROM request),
                          (SELECT coalesce(max(request_n), 0) FROM mark))";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

fn encode(record: &Record) -> Vec<u8> {
    postcard::to_extend(record, vec![RECORD_VERSION]).expect("plain data always serializes")
}

fn decode(id: &RequestId, blob: &[u8]) -> Result<Record, StoreError> {
    let damaged = || StoreError::Damaged(format!("the record of request {id} cannot be read"));
    match blob.split_first() {
        Some((&RECORD_VERSION, body)) => postcard::from_bytes(body).map_err(|_| damaged()),
        Some(_) | None => Err(damaged()),
    }
}
