//! Books that are older than what a gateway has: put back from a backup, or of a replica that
//! lagged.
//!
//! Such a gateway is held: nothing of it is booked and nothing is sent to it, until an operator
//! recovers the books, which counts their generation up. The next greeting of each database then
//! starts to take over its ledger: up to the position that shows its last transfer, grants and
//! recalls that the books do not know are booked as the ledger says. Their units come out of the
//! pool. A database that has shown since the first one was held that it has no more than the books
//! is not taken over, so that a device cannot draw from the pool what it makes up after a recovery.
//!
//! If the books have lost a receipt, the pool is below 0 after a takeover, until the receipt is booked
//! again. [`super::taken_over`] remembers the requests that such transfers are of.

use super::books::Books;
use super::movement::{MovementKind, Occasion};
use super::records::{Book, Held, IssuedTransfer, MatchPosition};
use super::{booking, catalogue};
use crate::limits::{RECOVERIES_AHEAD_MAX, TRANSFERS_AHEAD_MAX};
use crate::protocol::frame::{BooksId, Hello};
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Line, Sku, Taken};

const ADVICE: &str =
    "older books were put back; POST /api/books/recover takes the gateway on again";

/// What a recovery concerns at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The books, with their new generation.
    pub books: BooksId,
    /// The gateways that were held.
    pub gateways: Vec<GatewayId>,
}

/// Takes on all gateways that are held. Without one, nothing changes.
///
/// # Errors
/// If the books database fails.
pub fn recover<B: Books>(books: &mut B) -> Result<Recovery, B::Error> {
    let mut identity = books.identity()?;
    let (mut newest, mut since_ms) = (identity.generation, i64::MAX);
    let mut gateways = Vec::new();
    for gateway in books.held_gateways()? {
        let Some(mut book) = books.books(&gateway)?.pop() else { continue };
        if let Some(held) = book.held.take() {
            newest = newest.max(book.takeover.heard_generation);
            since_ms = since_ms.min(held.since_ms);
            books.save(&book)?;
            gateways.push(gateway);
        }
    }
    if !gateways.is_empty() {
        identity.generation = newest + 1;
        books.save_identity(identity)?;
        settle(books, &gateways, since_ms, identity.generation)?;
    }
    Ok(Recovery { books: identity, gateways })
}

/// Settles databases that have shown that they have no more than these books, since the first one
/// was held. There is nothing to take over from them, whatever they claim later: they are held then.
fn settle<B: Books>(
    books: &mut B,
    held: &[GatewayId],
    since_ms: i64,
    generation: u64,
) -> Result<(), B::Error> {
    for gateway in books.in_step_since(since_ms)? {
        let book = books.books(&gateway)?.pop();
        let Some(mut book) = book.filter(|_| !held.contains(&gateway)) else { continue };
        if book.is_open() && !book.is_taken_over() {
            (book.takeover.transfers, book.takeover.units) = (0, 0);
            book.takeover.generation = generation;
            let taken = book.taken.catalogue;
            catalogue::start_again(&mut book, taken);
            books.save(&book)?;
        }
    }
    Ok(())
}

/// Handles the greeting of a database that is open or held: holds it if it has more than the books,
/// takes it over if the books were recovered since, and releases it if the books are the newer ones
/// again.
pub(super) fn receive_greeting<B: Books>(
    books: &mut B,
    book: &mut Book,
    hello: &Hello,
    now_ms: i64,
) -> Result<(), B::Error> {
    let identity = books.identity()?;
    if let Some(what) = impossible(book, hello, identity) {
        hold(book, &what, now_ms, true);
        return Ok(());
    }
    book.takeover.heard_generation = hello.bound.books.map_or(0, |bound| bound.generation);
    if book.takeover.generation < identity.generation {
        book.takeover.generation = identity.generation;
        return take_over(books, book, hello);
    }
    match ahead(book, hello, identity) {
        Some(what) => hold(book, &format!("{what}: {ADVICE}"), now_ms, false),
        None => {
            book.takeover.in_step_ms = now_ms;
            drop(book.held.take_if(|held| !held.until_recovered));
        }
    }
    Ok(())
}

/// What a database claims and no books can have done, however old these are.
fn impossible(book: &Book, hello: &Hello, identity: BooksId) -> Option<String> {
    let generation = hello.bound.books.map_or(0, |bound| bound.generation);
    let transfer = hello.taken.transfer;
    let is_possible = generation <= identity.generation.saturating_add(RECOVERIES_AHEAD_MAX)
        && transfer <= book.issued.saturating_add(TRANSFERS_AHEAD_MAX);
    (!is_possible).then(|| {
        format!(
            "the gateway says that it has taken transfer {transfer}, of books that were recovered {generation} times; the books end at transfer {}, recovered {} times, so this cannot be: look at the device, and retire its database",
            book.issued, identity.generation
        )
    })
}

/// What a database has and the books do not.
fn ahead(book: &Book, hello: &Hello, identity: BooksId) -> Option<String> {
    let generation = book.takeover.heard_generation;
    let (acked_seq, issued) = (book.cursor.acked_seq, book.issued);
    if generation > identity.generation {
        return Some(format!(
            "the gateway knows these books as recovered {generation} times, they say {}",
            identity.generation
        ));
    }
    if hello.taken.transfer > issued {
        return Some(format!(
            "the gateway has taken transfer {}, the books end at transfer {issued}",
            hello.taken.transfer
        ));
    }
    // Before a recovery it may have been told of a position that the books have lost.
    let is_current = generation == 0 || generation == identity.generation;
    (is_current && hello.bound.acked_seq > acked_seq).then(|| {
        format!(
            "the hub had confirmed the ledger up to entry {}, the books end at entry {acked_seq}",
            hello.bound.acked_seq
        )
    })
}

/// Holds a database. `until_recovered` says that its greetings do not show the reason.
pub(super) fn hold(book: &mut Book, reason: &str, now_ms: i64, until_recovered: bool) {
    let held = book.held.take();
    let until_recovered = until_recovered || held.as_ref().is_some_and(|held| held.until_recovered);
    let since_ms = held.map_or(now_ms, |held| held.since_ms);
    book.held = Some(Held { since_ms, reason: reason.into(), until_recovered });
}

/// Holds a database whose ledger speaks of a transfer that the books do not have.
pub(super) fn hold_for_transfer(book: &mut Book, what: &str, now_ms: i64) {
    hold(book, &format!("{what}: {ADVICE}, if the device is sound"), now_ms, true);
}

/// Starts to take over a ledger up to what shows its last transfer.
fn take_over<B: Books>(books: &mut B, book: &mut Book, hello: &Hello) -> Result<(), B::Error> {
    let taken = hello.taken;
    // The entry that shows the last transfer is in the ledger, whatever the device says.
    let up_to = taken.at_seq.min(hello.ledger_seq);
    book.held = None;
    // Changes under numbers that it has taken may be others.
    catalogue::start_again(book, taken.catalogue);
    (book.takeover.transfers, book.takeover.units) = (0, 0);
    if taken.transfer < book.match_position.transfer && up_to <= book.cursor.acked_seq {
        return Ok(());
    }
    book.takeover.transfers = taken.transfer.saturating_sub(book.issued);
    (book.takeover.transfer, book.takeover.up_to) = (taken.transfer, up_to);
    // What is issued from now on comes after what the gateway has taken.
    book.issued = book.issued.max(taken.transfer);
    if up_to <= book.cursor.acked_seq { finish(books, book) } else { Ok(()) }
}

/// Ends a takeover, once the ledger is in the books up to the position that shows the last transfer.
/// Transfers of the books that the gateway has not taken, and never will, because it has taken
/// others under their numbers, are undone.
pub(super) fn finish<B: Books>(books: &mut B, book: &mut Book) -> Result<(), B::Error> {
    let MatchPosition { transfer: first, line } = book.match_position;
    let (last, at_seq) = (book.takeover.transfer, book.takeover.up_to);
    let count = usize::try_from((last + 1).saturating_sub(first)).unwrap_or(usize::MAX);
    for mut issued in books.transfers_after(book.id, first - 1, count)? {
        if issued.transfer.number > last {
            break;
        }
        let skip = if issued.transfer.number == first { line as usize } else { 0 };
        if issued.transfer.direction == Direction::Grant {
            let lines = &issued.transfer.lines[skip.min(issued.transfer.lines.len())..];
            undo(books, book, &issued, lines)?;
        }
        issued.closed = true;
        books.save_transfer(book.id, &issued)?;
    }
    // Never back: what was matched has arrived.
    if first <= last {
        book.match_position = MatchPosition { transfer: last + 1, line: 0 };
    }
    book.taken = Taken { transfer: last, at_seq, ..book.taken };
    book.takeover.up_to = 0;
    Ok(())
}

/// Moves units from transit back to the pool.
fn undo<B: Books>(
    books: &mut B,
    book: &Book,
    issued: &IssuedTransfer,
    lines: &[Line],
) -> Result<(), B::Error> {
    let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
    books.expect_skus(&skus)?;
    let accounts = books.accounts(book.id, &skus)?;
    let occasion = Occasion {
        kind: MovementKind::Grant,
        gateway: Some(&book.gateway),
        order_id: None,
        request_id: &issued.transfer.request_id,
        cause: &issued.transfer.cause,
    };
    let (mut allotments, mut movements) = (Vec::new(), Vec::new());
    for (Line { sku, quantity, .. }, account) in lines.iter().zip(accounts) {
        let mut allotment = account.allotment;
        allotment.give(-quantity.units());
        allotments.push((sku.clone(), allotment));
        movements.push(occasion.movement(sku, -quantity.units(), &None));
    }
    // What no pool can have stays in transit, in the books of this database.
    match booking::book(books, &movements)? {
        Ok(()) => books.save_allotments(book.id, &allotments),
        Err(_) => Ok(()),
    }
}
