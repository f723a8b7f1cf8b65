//! Where a request may be remembered. The writer knows that in memory, and names it; the task that
//! asked reads it beside the writer, which has others to serve.

use rusqlite::Connection;

use super::error::StoreError;
use super::request_index::find_among;
use crate::stock::{RequestId, RequestRecord};

/// The records that may be a request's.
#[derive(Debug)]
pub struct RequestLookup {
    id: RequestId,
    seed: u64,
    /// The newest first.
    numbers: Vec<i64>,
}

impl RequestLookup {
    pub(super) fn new(id: RequestId, seed: u64, numbers: Vec<i64>) -> Self {
        Self { id, seed, numbers }
    }

    /// Reads the newest record of the request; `None` if it is not remembered.
    pub(super) fn read(&self, db: &Connection) -> Result<Option<RequestRecord>, StoreError> {
        find_among(db, self.seed, &self.id, &mut self.numbers.iter().copied())
    }
}
