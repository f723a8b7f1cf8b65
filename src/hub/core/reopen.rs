//! Fenced databases that are opened again.
//!
//! Where a clone or a late frame had a database fenced, its ledger may still continue the books
//! exactly. An operator says that it should be tried; the chain shows whether it is so. Until then,
//! the database is neither open nor fenced for good.

use uuid::Uuid;

use super::books::Books;
use super::records::Book;
use super::retire::NoSuchEpoch;
use super::{problem, whole_units};
use crate::protocol::frame::{Frame, Hello};
use crate::protocol::topic::GatewayId;

/// Why a database is not opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReopened {
    NoSuchEpoch(NoSuchEpoch),
    /// It is retired: its units may be elsewhere.
    Retired,
    /// A newer database of the gateway is in force.
    Replaced,
}

/// Lets a fenced database show that its ledger continues the books. An open one stays as it is.
///
/// # Errors
/// If the books database fails.
pub fn reopen<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    epoch: Uuid,
) -> Result<Result<(), NotReopened>, B::Error> {
    let all = books.books(gateway)?;
    let known: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let Some(place) = known.iter().position(|known| *known == epoch) else {
        return Ok(Err(NotReopened::NoSuchEpoch(NoSuchEpoch { known })));
    };
    let mut book = all[place].clone();
    if book.retired {
        return Ok(Err(NotReopened::Retired));
    }
    if place + 1 < all.len() {
        return Ok(Err(NotReopened::Replaced));
    }
    if let Some(reason) = book.cursor.fenced.take() {
        book.reopening = Some(reason);
        books.save(&book)?;
    }
    Ok(Ok(()))
}

/// Judges the frame of a database that is being opened again: a greeting at the books' position,
/// whose chain has been compared, opens it. Returns the reason to fence it again.
pub(super) fn judge_again<B: Books>(
    books: &mut B,
    book: &mut Book,
    frame: &Frame,
) -> Result<Option<String>, B::Error> {
    let Frame::Hello(Hello { ledger_seq, .. }) = frame else { return Ok(None) };
    if book.reopening.is_none() {
        return Ok(None);
    }
    let acked_seq = book.cursor.acked_seq;
    if *ledger_seq == acked_seq {
        reopened(books, book)?;
    }
    Ok((*ledger_seq < acked_seq).then(|| {
        format!("its ledger ends at entry {ledger_seq}, the books have it up to entry {acked_seq}")
    }))
}

/// The ledger continues the books.
pub(super) fn reopened<B: Books>(books: &mut B, book: &mut Book) -> Result<(), B::Error> {
    if book.reopening.take().is_some() {
        book.problem = problem::left(books, book)?;
        whole_units::restate(books, book)?;
    }
    Ok(())
}
