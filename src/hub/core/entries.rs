//! Books the entries of a frame: all of them, or none.

use super::account::AccountUpdate;
use super::answer::FrameAnswer;
use super::booking::TooMuch;
use super::books::Books;
use super::judge::diverged;
use super::outcome::{FrameOutcome, close, fence_and_refuse, hold_instead, record_seen};
use super::problem::{UNLISTED, WAITING, end_waiting, note_waiting};
use super::quota::Quota;
use super::records::Book;
use super::transfer::{Counted, TransferMatcher, count_taken};
use super::{anywhere, demand, drift, policy, recovery, reopen, whole_units};
use crate::protocol::frame::{Entries, Frame};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Chain, Entry, Kind, Sku, Taken};

/// Books new entries, if they lead to the checksums that the frame names. `skip` entries are known.
pub(super) fn apply<B: Books>(
    books: &mut B,
    mut book: Book,
    frame: &Frame,
    skip: usize,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let Frame::Entries(frame) = frame else { return Ok(FrameOutcome::default()) };
    let Entries { entries, checks, taken, .. } = frame;
    let entries = &entries[skip..];
    let new = new_skus(books, &book, entries)?;
    let new_skus = match count_unknown(books, &new)? {
        Ok(new_skus) => new_skus,
        Err(New::Unlisted(reason)) => {
            return wait(books, with_pending(book, entries, now_ms), reason, now_ms);
        }
        Err(New::TooMany(reason)) => {
            let waiting = wait(books, with_pending(book, entries, now_ms), reason, now_ms)?;
            return Ok(FrameOutcome { limited: Some(Quota::Skus), ..waiting });
        }
    };
    let before = book.clone();
    if let Some(reason) = whole_units::find(books, &mut book, &new, frame)? {
        return wait(books, with_pending(before, entries, now_ms), reason, now_ms);
    }
    let update = match book_entries(books, &mut book, (entries, *taken), checks.chain)? {
        Ok(update) => update,
        Err(why) => return not_booked(books, before, entries, why, now_ms),
    };
    reopen::reopened(books, &mut book)?;
    let last_seq = entries.last().map_or(before.cursor.acked_seq, |last| last.seq);
    end_waiting(&mut book);
    if update.reached.digest != checks.digest {
        drift::start_search(&mut book, last_seq);
    }
    book.cursor.acked_seq = last_seq;
    whole_units::note_settled(books, &mut book, entries)?;
    whole_units::restate(books, &mut book)?;
    if !before.cursor.checks.chain.is_like(checks.chain) {
        book.chain_since = before.cursor.acked_seq;
    }
    book.cursor.checks = *checks;
    book.known_seq = book.known_seq.max(last_seq);
    count_pending(&mut book, entries.last(), now_ms);
    if book.is_taken_over() && last_seq >= book.takeover.up_to {
        recovery::finish(books, &mut book)?;
    }
    let Counted { contradiction, recalled } = match book.is_taken_over() {
        true => Counted::default(),
        false => count_taken(books, &mut book, *taken)?,
    };
    let closed = contradiction.map(|reason| close(&mut book, reason, now_ms));
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    demand::count_sold(books, &book, entries, now_ms)?;
    let returned: Vec<Sku> = update.returned().collect();
    // Sales that wait for what has come back are first, then the gateways that wait for it.
    let mut granted = anywhere::serve(books, &[&returned[..], &recalled].concat())?;
    granted.extend(policy::replenish(books, &book, &update)?);
    granted.extend(policy::serve_all(books, &returned)?);
    let epoch = book.cursor.epoch;
    let answer = closed.unwrap_or(FrameAnswer::Ack { epoch, acked_seq: last_seq });
    let entries = entries.len() as u64;
    Ok(FrameOutcome { entries, granted, new_skus, ..FrameOutcome::answered(answer) })
}

/// The answer to entries that cannot be booked, in a book that is as it was before them.
fn not_booked<B: Books>(
    books: &mut B,
    book: Book,
    entries: &[Entry],
    why: Unbookable,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    match why {
        Unbookable::Transfer(what) if book.wire == Version::V2 => {
            hold_instead(books, with_pending(book, entries, now_ms), &what, now_ms)
        }
        Unbookable::Inexact(reason) => {
            wait(books, with_pending(book, entries, now_ms), reason, now_ms)
        }
        Unbookable::Transfer(reason) | Unbookable::Fault(reason) => {
            fence_and_refuse(books, book, reason, now_ms)
        }
    }
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

/// The book of a database whose entries are known, and wait.
fn with_pending(mut book: Book, entries: &[Entry], now_ms: i64) -> Book {
    let last_seq = entries.last().map_or(0, |last| last.seq);
    book.known_seq = book.known_seq.max(last_seq);
    count_pending(&mut book, None, now_ms);
    book
}

/// Why entries of new SKUs wait.
enum New {
    Unlisted(String),
    TooMany(String),
}

/// The SKUs that are new to the database.
fn new_skus<B: Books>(books: &mut B, book: &Book, entries: &[Entry]) -> Result<Vec<Sku>, B::Error> {
    let mut skus: Vec<Sku> = entries.iter().map(|entry| entry.sku.clone()).collect();
    skus.sort();
    skus.dedup();
    let accounts = books.accounts(book.id, &skus)?;
    let new = skus.into_iter().zip(accounts);
    let new = new.filter(|(_, account)| !account.allotment.is_booked());
    Ok(new.map(|(sku, _)| sku).collect())
}

/// How many of the SKUs that are new to a database count as unknown: all, or if these are too many,
/// those that nobody knows. Or the reason to let them wait.
fn count_unknown<B: Books>(books: &mut B, new: &[Sku]) -> Result<Result<u64, New>, B::Error> {
    let rules = books.rules();
    if new.is_empty() || !rules.refuses_unknown_skus && new.len() as u64 <= rules.new_skus {
        return Ok(Ok(new.len() as u64));
    }
    books.expect_skus(new)?;
    let mut unknown = Vec::new();
    for sku in new {
        if !books.sku_record(sku)?.is_known() {
            unknown.push(sku);
        }
    }
    let count = unknown.len() as u64;
    Ok(match unknown.first() {
        Some(sku) if rules.refuses_unknown_skus => Err(New::Unlisted(format!(
            "{UNLISTED} {sku}, which the catalogue lacks, and this hub refuses unknown SKUs; publish a catalogue with it"
        ))),
        Some(sku) if count > rules.new_skus => Err(New::TooMany(format!(
            "{WAITING}: it brings more SKUs that nobody knows than a gateway may at a time, {sku} among them; publish a catalogue with them, or let it go on by and by"
        ))),
        Some(_) | None => Ok(count),
    })
}

/// Takes nothing for this reason. The gateway keeps its entries and asks again.
fn wait<B: Books>(
    books: &mut B,
    mut book: Book,
    reason: String,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    note_waiting(&mut book, &reason);
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    let epoch = book.cursor.epoch;
    Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch, reason }))
}

/// Says of a frame that the database cannot hold why it is not booked. Its gateway waits.
///
/// # Errors
/// If the books database fails.
pub fn reject_frame<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    frame: &Frame,
    reason: &str,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let newest = books.books(gateway)?.pop();
    match newest.filter(|book| book.cursor.epoch == frame.epoch() && book.is_open()) {
        Some(book) => {
            let entries = if let Frame::Entries(frame) = frame { &frame.entries[..] } else { &[] };
            let book = with_pending(book, entries, now_ms);
            wait(books, book, format!("{WAITING}: {reason}"), now_ms)
        }
        None => Ok(FrameOutcome::default()),
    }
}

/// Why entries cannot be booked.
enum Unbookable {
    /// They speak of a transfer that the hub has not made, as far as the books know.
    Transfer(String),
    /// Their quantities have more decimals than the books.
    Inexact(String),
    Fault(String),
}

/// Stores entries and what they change. If they cannot be booked, nothing is stored.
fn book_entries<B: Books>(
    books: &mut B,
    book: &mut Book,
    (entries, taken): (&[Entry], Taken),
    chain: Chain,
) -> Result<Result<AccountUpdate, Unbookable>, B::Error> {
    let last_seq = entries.last().map_or(book.cursor.acked_seq, |last| last.seq);
    let mut update = AccountUpdate::new(books, book, entries, chain)?;
    let mut matcher = TransferMatcher::new(books, book).with_taken(taken);
    for entry in entries {
        if !update.apply(entry, &mut matcher)? {
            let inexact = whole_units::why_inexact(matcher.book(), entry);
            return Ok(Err(inexact.map_or_else(|| unbookable(entry), Unbookable::Inexact)));
        }
    }
    if update.reached.chain != chain {
        return Ok(Err(Unbookable::Fault(diverged(last_seq))));
    }
    let pools = match update.pools(matcher.books())? {
        Ok(pools) => pools,
        Err(TooMuch(sku)) => {
            return Ok(Err(Unbookable::Fault(format!(
                "with the entries up to {last_seq}, the pool of SKU {sku} would have more than any pool can have"
            ))));
        }
    };
    matcher.save()?;
    books.append(book.id, entries)?;
    update.save(books, book, &pools)?;
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
