//! The keys of devices, and what they sign.
//!
//! The first key that a database shows is bound to it. From then on its checkpoints must be signed
//! with that key, and must be what the books have: the chain of a gateway's entries is computed here
//! too. What a device signs with another key does not count until an operator accepts it; its entries
//! are booked meanwhile, because a key that was lost is no reason to stop a warehouse.

use uuid::Uuid;

use super::books::Books;
use super::judge::diverged;
use super::outcome::{FrameOutcome, fence_and_refuse};
use super::records::Book;
use super::retire::NoSuchEpoch;
use crate::protocol::frame::{Checkpoint, Hello};
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Origin};

/// How the problem of a gateway begins whose signatures are wrong.
const FORGED: &str = "its signature of entry";

/// Why a key is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    NoSuchEpoch(NoSuchEpoch),
    /// The device shows another one, or none but the one that is bound.
    NotOffered(Option<[u8; 32]>),
}

/// Binds the first key that a database shows, and notes another one. A device without a key goes on:
/// what it does from then on is not signed, which shows.
pub(super) fn receive(book: &mut Book, hello: &Hello) {
    let Some(key) = hello.bound.device_key else { return };
    let bound = *book.device_key.get_or_insert(key);
    book.offered_key = (key != bound).then_some(key);
}

/// Accepts the other key that a device shows.
///
/// # Errors
/// If the books database fails.
pub fn accept_key<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    epoch: Uuid,
    key: [u8; 32],
) -> Result<Result<(), NotAccepted>, B::Error> {
    let all = books.books(gateway)?;
    let known: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let Some(mut book) = all.into_iter().find(|book| book.cursor.epoch == epoch) else {
        return Ok(Err(NotAccepted::NoSuchEpoch(NoSuchEpoch { known })));
    };
    if book.device_key == Some(key) {
        return Ok(Ok(()));
    }
    if book.offered_key != Some(key) {
        return Ok(Err(NotAccepted::NotOffered(book.offered_key)));
    }
    (book.device_key, book.offered_key) = (Some(key), None);
    books.save(&book)?;
    Ok(Ok(()))
}

/// Checks and keeps a checkpoint, if it is of the end of the books: the gateway sends it there. One
/// that arrives early or late is left to the next. Returns the outcome if the database was fenced.
pub(super) fn record_checkpoint<B: Books>(
    books: &mut B,
    book: &mut Book,
    checkpoint: &Checkpoint,
    now_ms: i64,
) -> Result<Option<FrameOutcome>, B::Error> {
    let signed = checkpoint.signed();
    let Some(key) = book.device_key.filter(|_| signed.seq == book.cursor.acked_seq) else {
        return Ok(None);
    };
    let is_settled = book.problem.as_ref().is_none_or(|problem| problem.starts_with(FORGED));
    let origin = origin(book);
    if !signed.is_signed_by(&key, &origin) {
        let is_of_other = |other: &[u8; 32]| signed.is_signed_by(other, &origin);
        if book.offered_key.as_ref().is_some_and(is_of_other) {
            return Ok(None);
        }
        let what = format!("{FORGED} {} is not of the key that is bound to it", signed.seq);
        book.problem = if is_settled { Some(what) } else { book.problem.take() };
        return Ok(None);
    }
    if !book.cursor.checks.chain.agrees(Chain::Sha256(signed.chain), signed.seq) {
        let reason = diverged(signed.seq);
        return fence_and_refuse(books, book.clone(), reason, now_ms).map(Some);
    }
    if is_settled {
        book.problem = None;
    }
    books.save_checkpoint(book, &signed, key)?;
    Ok(None)
}

fn origin(book: &Book) -> Origin {
    let GatewayId { site, gateway } = book.gateway.clone();
    Origin { site, gateway, epoch: book.cursor.epoch }
}
