//! The identity of a hub's books.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which books a hub keeps, as every frame downwards names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksId {
    /// Made with the books.
    #[serde(with = "uuid::serde::compact")]
    pub books: Uuid,
    /// How often the books were recovered: books with a lower number are an older copy of them.
    pub generation: u64,
}

impl fmt::Display for BooksId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.books)
    }
}
