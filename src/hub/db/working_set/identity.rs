//! Which books these are.

use uuid::Uuid;

use crate::hub::db::error::BooksError;
use crate::hub::db::schema::IDENTITY;
use crate::hub::db::sql::{Change, Executor, RowReader, SqlValue, Write};
use crate::protocol::frame::BooksId;

#[derive(Debug, Default)]
pub(super) struct Identity {
    known: Option<BooksId>,
    change: Option<(BooksId, Write)>,
}

impl Identity {
    pub(super) fn get(&mut self, db: &mut dyn Executor) -> Result<BooksId, BooksError> {
        if let Some(known) = self.known {
            return Ok(known);
        }
        let found = db.query("SELECT books, generation FROM identity WHERE one = 1", &[])?.pop();
        let missing = || BooksError::Damaged("the books have no identity".into());
        let mut row = RowReader::of(found.ok_or_else(missing)?);
        let identity = BooksId { books: row.epoch()?, generation: row.number()? };
        self.known = Some(identity);
        Ok(identity)
    }

    /// Makes an identity for new books. If there is one at the end of the transaction, it stays.
    pub(super) fn register(&mut self) {
        let identity = BooksId { books: Uuid::new_v4(), generation: 1 };
        self.change = Some((identity, Write::Register));
    }

    pub(super) fn save(&mut self, identity: BooksId) {
        self.known = Some(identity);
        self.change = Some((identity, Write::Set));
    }

    pub(super) fn changes(&self) -> Option<Change> {
        let (BooksId { books, generation }, write) = self.change?;
        let books = SqlValue::Blob(books.as_bytes().to_vec());
        let row = vec![SqlValue::Int(1), books, SqlValue::number(generation)];
        Some(Change { table: &IDENTITY, write, rows: vec![row] })
    }
}
