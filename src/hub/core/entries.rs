//! Books the entries of a frame: all of them, or none.

use super::account::AccountUpdate;
use super::answer::FrameAnswer;
use super::books::Books;
use super::judge::diverged;
use super::outcome::{FrameOutcome, close, fence_and_refuse, hold_instead, record_seen};
use super::records::{Allotment, Book};
use super::transfer::{TransferMatcher, count_taken};
use super::{anywhere, demand, drift, policy, recovery, reopen};
use crate::protocol::frame::{Entries, Frame};
use crate::protocol::wire::Version;
use crate::stock::{Chain, Entry, Kind, Sku};

/// How the problem of a gateway begins whose entries wait for a listing.
const UNLISTED: &str = "its ledger has entries of SKU";

/// Books new entries, if they lead to the checksums that the frame names. `skip` entries are known.
pub(super) fn apply<B: Books>(
    books: &mut B,
    mut book: Book,
    frame: &Frame,
    skip: usize,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let Frame::Entries(Entries { entries, checks, taken, .. }) = frame else {
        return Ok(FrameOutcome::default());
    };
    let entries = &entries[skip..];
    if let Some(sku) = unlisted(books, &book, entries)? {
        return wait_for_listing(books, book, &sku, now_ms);
    }
    let before = book.clone();
    let update = match book_entries(books, &mut book, entries, checks.chain)? {
        Ok(update) => update,
        Err(Unbookable::Transfer(what)) if book.wire == Version::V2 => {
            return hold_instead(books, before, &what, now_ms);
        }
        Err(Unbookable::Transfer(reason) | Unbookable::Fault(reason)) => {
            return fence_and_refuse(books, before, reason, now_ms);
        }
    };
    reopen::reopened(&mut book);
    let last_seq = entries.last().map_or(before.cursor.acked_seq, |last| last.seq);
    if update.reached.digest != checks.digest {
        drift::start_search(&mut book, last_seq);
    }
    book.cursor.acked_seq = last_seq;
    if book.problem.as_ref().is_some_and(|problem| problem.starts_with(UNLISTED)) {
        book.problem = None;
    }
    if !before.cursor.checks.chain.is_like(checks.chain) {
        book.chain_since = before.cursor.acked_seq;
    }
    book.cursor.checks = *checks;
    book.known_seq = book.known_seq.max(last_seq);
    count_pending(&mut book, entries.last(), now_ms);
    if book.is_taken_over() && last_seq >= book.takeover.up_to {
        recovery::finish(books, &mut book)?;
    }
    let contradiction =
        if book.is_taken_over() { None } else { count_taken(books, &mut book, *taken)? };
    let closed = contradiction.map(|reason| close(&mut book, reason, now_ms));
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    demand::count_sold(books, &book, entries, now_ms)?;
    // Sales that wait for what has come back are first.
    let mut granted = anywhere::serve(books, &update.returned())?;
    granted.extend(policy::replenish(books, &book, &update)?);
    let epoch = book.cursor.epoch;
    let answer = closed.unwrap_or(FrameAnswer::Ack { epoch, acked_seq: last_seq });
    let entries = entries.len() as u64;
    Ok(FrameOutcome { entries, granted, ..FrameOutcome::answered(answer) })
}

/// Notes since when entries wait. After some were booked, the next ones are at most as old as the
/// last of these.
pub(super) fn count_pending(book: &mut Book, booked: Option<&Entry>, now_ms: i64) {
    if book.known_seq <= book.cursor.acked_seq {
        book.pending_since_ms = 0;
        return;
    }
    let since_ms = booked.filter(|entry| entry.clock_trusted).map(|entry| entry.at_ms);
    match since_ms {
        Some(at_ms) => book.pending_since_ms = at_ms.clamp(1, now_ms.max(1)),
        None if book.pending_since_ms == 0 => book.pending_since_ms = now_ms.max(1),
        None => {}
    }
}

/// The first SKU that the catalogue lacks and the books do not know, where such are refused.
fn unlisted<B: Books>(
    books: &mut B,
    book: &Book,
    entries: &[Entry],
) -> Result<Option<Sku>, B::Error> {
    if !books.rules().refuses_unknown_skus {
        return Ok(None);
    }
    let mut skus: Vec<Sku> = entries.iter().map(|entry| entry.sku.clone()).collect();
    skus.sort();
    skus.dedup();
    let accounts = books.accounts(book.id, &skus)?;
    for (sku, account) in skus.into_iter().zip(accounts) {
        if account.allotment == Allotment::default() && !books.sku_record(&sku)?.is_known() {
            return Ok(Some(sku));
        }
    }
    Ok(None)
}

/// Takes nothing until the SKU is in the catalogue. The gateway keeps its entries and asks again.
fn wait_for_listing<B: Books>(
    books: &mut B,
    mut book: Book,
    sku: &Sku,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let reason = format!(
        "{UNLISTED} {sku}, which the catalogue lacks, and this hub refuses unknown SKUs; publish a catalogue with it"
    );
    if book.problem.as_ref().is_none_or(|problem| problem.starts_with(UNLISTED)) {
        book.problem = Some(reason.clone());
    }
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    let epoch = book.cursor.epoch;
    Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch, reason }))
}

/// Why entries cannot be booked.
enum Unbookable {
    /// They speak of a transfer that the hub has not made, as far as the books know.
    Transfer(String),
    Fault(String),
}

/// Stores entries and what they change. If they cannot be booked, nothing is stored.
fn book_entries<B: Books>(
    books: &mut B,
    book: &mut Book,
    entries: &[Entry],
    chain: Chain,
) -> Result<Result<AccountUpdate, Unbookable>, B::Error> {
    let last_seq = entries.last().map_or(book.cursor.acked_seq, |last| last.seq);
    let mut update = AccountUpdate::new(books, book, entries, chain)?;
    let mut matcher = TransferMatcher::new(books, book);
    for entry in entries {
        if !update.apply(entry, &mut matcher)? {
            return Ok(Err(unbookable(entry)));
        }
    }
    if update.reached.chain != chain {
        return Ok(Err(Unbookable::Fault(diverged(last_seq))));
    }
    matcher.save()?;
    books.append(book.id, entries)?;
    update.save(books, book)?;
    Ok(Ok(update))
}

fn unbookable(entry: &Entry) -> Unbookable {
    if !entry.fits_kind() {
        let Entry { seq, change, reserved_change, sku, .. } = entry;
        return Unbookable::Fault(format!(
            "entry {seq}, a {} of SKU {sku}, changes on hand by {change} and reserved by {reserved_change}, which no {0} does",
            entry.kind.as_str()
        ));
    }
    if !matches!(entry.kind, Kind::Grant | Kind::Recall) {
        return Unbookable::Fault(diverged(entry.seq));
    }
    let (seq, what, sku) = (entry.seq, entry.kind.as_str(), &entry.sku);
    Unbookable::Transfer(format!(
        "entry {seq} books a {what} of SKU {sku} that the hub has not made"
    ))
}
