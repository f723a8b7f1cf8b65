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
    let mut upsert = db.prepare_cached(
        "INSERT INTO request VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET record = excluded.record",
    )?;
    for (id, record) in records {
        upsert.execute(params![next, id.as_str(), encode(record)])?;
        // A changed record leaves its number unused; the order of numbers is all that matters.
        next += 1;
    }
    Ok(next)
}

/// The number of the newest record.
pub(super) fn last(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("SELECT coalesce(max(n), 0) FROM request", [], |row| row.get(0))?)
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
