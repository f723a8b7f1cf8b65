//! What devices have signed of their ledgers.

use std::collections::BTreeMap;

use crate::hub::core::Book;
use crate::hub::db::schema::CHECKPOINT;
use crate::hub::db::sql::{Change, SqlRow, SqlValue, Write};
use crate::limits::SIGN_EVERY_ENTRIES;
use crate::stock::SignedPosition;

#[derive(Debug, Default)]
pub(super) struct CheckpointSet {
    /// By book and part.
    new: BTreeMap<(i64, u64), SqlRow>,
}

impl CheckpointSet {
    pub(super) fn save(&mut self, book: &Book, signed: &SignedPosition, key: [u8; 32]) {
        let SignedPosition { seq, chain, at_ms, signature } = *signed;
        // The last position of a part is a multiple.
        let part = seq.saturating_sub(1) / SIGN_EVERY_ENTRIES;
        let row = vec![
            SqlValue::Int(book.id),
            SqlValue::number(part),
            SqlValue::number(seq),
            SqlValue::Blob(chain.to_vec()),
            SqlValue::Int(at_ms),
            SqlValue::Blob(signature.to_vec()),
            SqlValue::Blob(key.to_vec()),
        ];
        self.new.insert((book.id, part), row);
    }

    pub(super) fn changes(&mut self) -> Change {
        let rows = std::mem::take(&mut self.new).into_values().collect();
        Change { table: &CHECKPOINT, write: Write::Set, rows }
    }
}
