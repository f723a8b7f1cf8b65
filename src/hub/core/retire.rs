//! Retiring databases that were lost, stolen or replaced.
//!
//! Only an operator knows that a database is gone for good. As long as it may come back and sell
//! what it was granted, the books leave its units with it. Once it is retired, none of its entries
//! is booked any more. What it held stays with it until an operator brings it back: see
//! [`super::bring_back()`]. Decisions that it had not sent are not in the books. The answer says how
//! many entries are known to be missing; the next cycle count finds their effect on the stock.

use uuid::Uuid;

use super::books::Books;
use super::drift;
use super::records::{Book, IssuedTransfer};
use crate::limits::FRAME_TRANSFERS_MAX;
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Sku};

/// What retiring a database did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The retired database.
    pub epoch: Uuid,
    /// The position up to which its ledger is in the books.
    pub acked_seq: u64,
    /// The position up to which its ledger is known to go. The entries between the two are lost.
    pub known_seq: u64,
    /// What it holds, by SKU.
    pub held: Vec<HeldUnits>,
}

/// What a database holds of a SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldUnits {
    /// The SKU.
    pub sku: Sku,
    /// By its entries in the books.
    pub on_hand: i64,
    /// Granted, with the entry not in the books.
    pub in_transit: i64,
}

/// The gateway has no database of this epoch, or is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchEpoch {
    /// The epochs that the gateway has, the one in force last; empty for an unknown gateway.
    pub known: Vec<Uuid>,
}

/// Retires the database of a gateway with this epoch. Its open recalls are closed with what has come
/// back. Retiring a database again changes nothing.
///
/// # Errors
/// If the books database fails.
pub fn retire<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    epoch: Uuid,
) -> Result<Result<Retired, NoSuchEpoch>, B::Error> {
    let all = books.books(gateway)?;
    let Some(book) = all.iter().find(|book| book.cursor.epoch == epoch) else {
        let known = all.iter().map(|book| book.cursor.epoch).collect();
        return Ok(Err(NoSuchEpoch { known }));
    };
    let mut book = book.clone();
    if !book.retired {
        mark_retired(&mut book);
        books.save(&book)?;
        close_recalls(books, &book)?;
        if all.last().is_some_and(|newest| newest.id != book.id) {
            let is_left = |other: &&Book| other.id != book.id;
            let left: Vec<Book> = all.iter().filter(is_left).cloned().collect();
            drift::settle(books, &left)?;
        }
    }
    let held = books.allotments(book.id)?.into_iter().map(|(sku, allotment)| HeldUnits {
        sku,
        on_hand: allotment.on_hand,
        in_transit: allotment.in_transit,
    });
    let mut held: Vec<HeldUnits> =
        held.filter(|held| (held.on_hand, held.in_transit) != (0, 0)).collect();
    held.sort_by(|a, b| a.sku.cmp(&b.sku));
    let (acked_seq, known_seq) = (book.cursor.acked_seq, book.known_seq);
    Ok(Ok(Retired { epoch, acked_seq, known_seq, held }))
}

fn mark_retired(book: &mut Book) {
    let (acked_seq, known_seq) = (book.cursor.acked_seq, book.known_seq);
    let lost = match known_seq > acked_seq {
        true => format!("entries {} to {known_seq} never arrived", acked_seq + 1),
        false => "as far as is known nothing is missing".into(),
    };
    let reason = format!("the database was retired at entry {acked_seq}; {lost}");
    (book.held, book.reopening) = (None, None);
    book.retired = true;
    book.online = false;
    book.problem = Some(reason.clone());
    book.cursor.fenced = Some(reason);
}

/// Nothing more comes back of the recalls that the database has not taken.
fn close_recalls<B: Books>(books: &mut B, book: &Book) -> Result<(), B::Error> {
    let mut after = book.match_position.transfer.saturating_sub(1);
    loop {
        let found = books.transfers_after(book.id, after, FRAME_TRANSFERS_MAX)?;
        let Some(last) = found.last() else { return Ok(()) };
        after = last.transfer.number;
        for issued in found {
            if issued.transfer.direction == Direction::Recall && !issued.closed {
                books.save_transfer(book.id, &IssuedTransfer { closed: true, ..issued })?;
            }
        }
    }
}
