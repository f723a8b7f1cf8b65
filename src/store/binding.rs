//! The binding of a gateway to a hub's books.

use uuid::Uuid;

use super::database::Store;
use super::error::StoreError;
use super::gateway_row::{self, Positions};
use super::ledger;
use crate::stock::{BooksId, Seq, Stock, Taken};

impl Store {
    /// The books that the gateway belongs to.
    pub fn books(&self) -> Option<BooksId> {
        self.positions.books
    }

    /// Binds the gateway to books that have its ledger up to `acked_seq`. What comes after that is
    /// kept until they have acknowledged it, even if an older copy of them had it.
    ///
    /// # Errors
    /// If the database cannot be written. Then nothing has changed.
    pub fn bind(
        &mut self,
        books: BooksId,
        acked_seq: Seq,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        let mut positions = Positions { books: Some(books), ..self.positions };
        let progress = &mut positions.progress;
        progress.acked_seq = progress.acked_seq.min(acked_seq);
        self.save_positions(positions, stock)
    }

    /// Binds the gateway to the books that its configuration names. Other books than those that it
    /// belonged to have nothing of its ledger, and it has taken nothing from them. The database must
    /// be opened again if this returns true.
    ///
    /// # Errors
    /// If the database cannot be written. Then nothing has changed.
    pub fn pin(&mut self, books: Uuid, stock: &Stock) -> Result<bool, StoreError> {
        let pinned = Some(BooksId { books, generation: 0 });
        match self.positions.books {
            Some(bound) if bound.books == books => Ok(false),
            Some(_) => {
                let mut positions = Positions { books: pinned, ..self.positions };
                positions.taken = Taken::default();
                positions.progress.acked_seq = 0;
                self.save_positions(positions, stock)?;
                Ok(true)
            }
            None => {
                let positions = Positions { books: pinned, ..self.positions };
                self.save_positions(positions, stock)?;
                Ok(false)
            }
        }
    }

    fn save_positions(&mut self, positions: Positions, stock: &Stock) -> Result<(), StoreError> {
        let end = self.end(stock);
        let transaction = ledger::begin(&mut self.db, end)?;
        gateway_row::save(&transaction, &self.identity, &positions)?;
        transaction.commit().map_err(StoreError::of_commit)?;
        self.positions = positions;
        Ok(())
    }
}
