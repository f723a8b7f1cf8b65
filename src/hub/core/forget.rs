//! People remove what was made up or is not needed any more: databases that have never sent an
//! entry, and SKUs without units. Ledgers are never removed.

use super::books::Books;
use super::drift;
use super::records::{Book, Pool};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

/// What was removed of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgottenDatabases {
    /// Its databases that have never sent an entry.
    pub forgotten: usize,
    /// The others.
    pub left: usize,
}

/// Forgets the databases of a gateway that have no entries and were sent nothing; `None` for an
/// unknown gateway. One that lives greets again and is taken on as a new one.
///
/// # Errors
/// If the books database fails.
pub fn forget_unused<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
) -> Result<Option<ForgottenDatabases>, B::Error> {
    let all = books.books(gateway)?;
    if all.is_empty() {
        return Ok(None);
    }
    let (unused, left): (Vec<Book>, Vec<Book>) = all.into_iter().partition(is_unused);
    for book in &unused {
        books.remove(book)?;
    }
    if !unused.is_empty() {
        drift::settle(books, &left)?;
    }
    Ok(Some(ForgottenDatabases { forgotten: unused.len(), left: left.len() }))
}

fn is_unused(book: &Book) -> bool {
    book.cursor.acked_seq == 0 && book.issued == 0 && book.aside == 0
}

/// Why a SKU is not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotForgotten {
    /// The books do not know it.
    Unknown,
    /// It is in the catalogue, or was.
    Listed,
    /// It has units, or has had some in the pool.
    HasUnits,
    /// It has a policy.
    HasPolicy,
}

/// Forgets a SKU that is in no catalogue, has no units anywhere, and has had none in the pool. The
/// entries that brought it stay where they are.
///
/// # Errors
/// If the books database fails.
pub fn forget_sku<B: Books>(
    books: &mut B,
    sku: &Sku,
) -> Result<Result<(), NotForgotten>, B::Error> {
    books.expect_skus(std::slice::from_ref(sku))?;
    let record = books.sku_record(sku)?;
    let Some(pool) = record.pool else { return Ok(Err(NotForgotten::Unknown)) };
    if record.listed {
        return Ok(Err(NotForgotten::Listed));
    }
    let mut has_units = pool != Pool::default();
    for (book, allotment) in books.holders(sku)? {
        has_units |= allotment.figures() != (0, 0) || allotment.in_transit != 0;
        if books.accounts(book, std::slice::from_ref(sku))?.iter().any(|of| of.has_policy) {
            return Ok(Err(NotForgotten::HasPolicy));
        }
    }
    if has_units {
        return Ok(Err(NotForgotten::HasUnits));
    }
    books.remove_sku(sku)?;
    Ok(Ok(()))
}
