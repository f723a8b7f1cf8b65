//! Handles frames: books their entries, and records what gateways report.
//!
//! The entries of a frame, the stock they lead to, the transfers they match and the cursor after
//! them change in one transaction. The acknowledgement is sent after the commit. The books of a
//! gateway's older databases stay as they are.

use uuid::Uuid;

use super::account::AccountUpdate;
use super::answer::FrameAnswer;
use super::books::Books;
use super::judge::{Verdict, diverged, judge};
use super::records::{Allotment, Book};
use super::transfer::{TransferMatcher, count_taken};
use super::{demand, drift, policy, recovery, reopen};
use crate::limits::{ASIDE_MAX, GATEWAY_DATABASES_MAX, HUB_GATEWAYS_MAX};
use crate::protocol::frame::{Entries, Frame, Hello};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Chain, Entry, Kind, Seq, Sku, Taken};

/// How the problem of a gateway begins whose entries wait for a listing.
const UNLISTED: &str = "its ledger has entries of SKU";

/// What a frame has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameOutcome {
    /// The number of entries that were booked.
    pub entries: u64,
    /// The answer, if there is one.
    pub answer: Option<FrameAnswer>,
    /// The frame was a greeting: what the gateway was sent before may be lost.
    pub greeted: bool,
    /// The gateways with new transfers.
    pub granted: Vec<GatewayId>,
    /// Whether the frame is for a hub, and from a database that may send it. Other frames are
    /// rejected.
    pub accepted: bool,
}

/// Handles a frame that was written in this version. On an error, the whole transaction must be rolled back.
///
/// # Errors
/// If the books database fails.
pub fn handle_frame<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    frame: &Frame,
    version: Version,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    if let Frame::Hello(hello) = frame
        && let Some(reason) = other_books(books, hello)?
    {
        let epoch = frame.epoch();
        return Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch, reason }));
    }
    let mut all = books.books(gateway)?;
    let mut newest = all.pop().map(|book| book.written_in(version, frame));
    let replaced: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let verdict = judge(newest.as_ref().map(|book| &book.cursor), &replaced, frame);
    let greeting = if let Frame::Hello(hello) = frame { Some(hello.nonce) } else { None };
    let nonce = greeting.unwrap_or(0);
    if let Some(book) = newest.as_mut().filter(|_| verdict.is_for_open_books())
        && let Some(answer) = keep_out(books, book, frame, now_ms)?
    {
        let greeted = greeting.is_some();
        return Ok(FrameOutcome { greeted, ..FrameOutcome::answered(answer) });
    }
    let mut outcome = match (verdict, newest) {
        // Only its greeting will say which books it belongs to.
        (Verdict::NewEpoch { epoch }, None) if greeting.is_none() && version == Version::V2 => {
            FrameOutcome::answered(FrameAnswer::Resume { epoch, acked_seq: 0, nonce })
        }
        (Verdict::NewEpoch { .. }, newest) => {
            all.extend(newest);
            open_book(books, gateway, &all, (frame, version), now_ms)?
        }
        (Verdict::Fence(reason), Some(book)) => fence_and_refuse(books, book, reason, now_ms)?,
        (Verdict::Refuse(reason), newest) => {
            all.extend(newest);
            set_aside(books, all, frame)?;
            FrameOutcome::answered(FrameAnswer::Refused { epoch: frame.epoch(), reason })
        }
        (Verdict::Apply { skip }, Some(book)) => apply(books, book, frame, skip, now_ms)?,
        (Verdict::Known, Some(book)) => record(books, book, frame, now_ms)?
            .or_answer(|epoch, acked_seq| FrameAnswer::Ack { epoch, acked_seq }),
        (Verdict::Resume, Some(book)) => record(books, book, frame, now_ms)?
            .or_answer(|epoch, acked_seq| FrameAnswer::Resume { epoch, acked_seq, nonce }),
        (Verdict::Record, Some(book)) => {
            if let Frame::Demand(demand) = frame {
                demand::count_refused(books, &book, demand, now_ms)?;
            }
            record(books, book, frame, now_ms)?.without_answer()
        }
        // A rejected frame; or a verdict that needs books where there are none, which the judge
        // does not give.
        (
            Verdict::Ignore
            | Verdict::Fence(_)
            | Verdict::Apply { .. }
            | Verdict::Known
            | Verdict::Resume
            | Verdict::Record,
            _,
        ) => return Ok(FrameOutcome::default()),
    };
    outcome.greeted = greeting.is_some();
    Ok(outcome)
}

/// The reason to leave a gateway alone that belongs to other books, if it does. Nothing about it is
/// written.
fn other_books<B: Books>(books: &mut B, hello: &Hello) -> Result<Option<String>, B::Error> {
    let Some(bound) = hello.bound.books else { return Ok(None) };
    let ours = books.identity()?;
    let reason = format!("the gateway belongs to books {bound}, these are books {ours}");
    Ok((bound.books != ours.books).then_some(reason))
}

impl Book {
    /// Remembers the version of a frame of this database.
    fn written_in(self, version: Version, frame: &Frame) -> Self {
        let wire = if frame.epoch() == self.cursor.epoch { version } else { self.wire };
        Self { wire, ..self }
    }
}

/// Answers a database that fails to show that it continues the books, or that is held: nothing of
/// its frame is booked.
fn keep_out<B: Books>(
    books: &mut B,
    book: &mut Book,
    frame: &Frame,
    now_ms: i64,
) -> Result<Option<FrameAnswer>, B::Error> {
    match reopen::judge_again(book, frame) {
        Some(reason) => Ok(fence_and_refuse(books, book.clone(), reason, now_ms)?.answer),
        None => hold_back(books, book, frame, now_ms),
    }
}

/// Answers a gateway that is held.
fn hold_back<B: Books>(
    books: &mut B,
    book: &mut Book,
    frame: &Frame,
    now_ms: i64,
) -> Result<Option<FrameAnswer>, B::Error> {
    if book.wire == Version::V1 {
        return Ok(None);
    }
    if let Frame::Hello(hello) = frame {
        recovery::receive_greeting(books, book, hello, now_ms)?;
        book.known_seq = book.known_seq.max(hello.ledger_seq);
    }
    let Some(answer) = held_answer(book) else { return Ok(None) };
    record_seen(book, now_ms);
    books.save(book)?;
    Ok(Some(answer))
}

fn held_answer(book: &Book) -> Option<FrameAnswer> {
    let reason = book.held.as_ref()?.reason.clone();
    Some(FrameAnswer::Held { epoch: book.cursor.epoch, reason })
}

/// Closes a database whose ledger does not fit the transfers of the books. Version 1 cannot tell
/// whether the books are older.
fn close(book: &mut Book, reason: String, now_ms: i64) -> FrameAnswer {
    let epoch = book.cursor.epoch;
    if book.wire == Version::V1 {
        fence(book, &reason);
        return FrameAnswer::Refused { epoch, reason };
    }
    recovery::hold_for_transfer(book, &reason, now_ms);
    held_answer(book).unwrap_or(FrameAnswer::Refused { epoch, reason })
}

impl FrameOutcome {
    fn answered(answer: FrameAnswer) -> Self {
        Self { answer: Some(answer), accepted: true, ..Self::default() }
    }
}

/// What was recorded from a frame, before the answer is known.
struct Recorded {
    epoch: Uuid,
    acked_seq: Seq,
    /// The answer, if the database was closed.
    closed: Option<FrameAnswer>,
}

impl Recorded {
    fn or_answer(self, answer: impl FnOnce(Uuid, Seq) -> FrameAnswer) -> FrameOutcome {
        let Self { epoch, acked_seq, closed } = self;
        FrameOutcome::answered(closed.unwrap_or_else(|| answer(epoch, acked_seq)))
    }

    fn without_answer(self) -> FrameOutcome {
        FrameOutcome { answer: self.closed, accepted: true, ..FrameOutcome::default() }
    }
}

/// Records that a gateway has sent something, and what it has taken.
fn record<B: Books>(
    books: &mut B,
    mut book: Book,
    frame: &Frame,
    now_ms: i64,
) -> Result<Recorded, B::Error> {
    if let Frame::Hello(hello) = frame {
        book.known_seq = book.known_seq.max(hello.ledger_seq);
        book.software.clone_from(&hello.software);
        count_pending(&mut book, None, now_ms);
        drift::check_greeting(&mut book, hello);
        lower_taken(&mut book, hello.taken);
    }
    let contradiction = match frame.taken() {
        Some(taken) if !book.is_taken_over() => count_taken(books, &mut book, taken)?,
        Some(_) | None => None,
    };
    let closed = contradiction.map(|reason| close(&mut book, reason, now_ms));
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    Ok(Recorded { epoch: book.cursor.epoch, acked_seq: book.cursor.acked_seq, closed })
}

/// Notes since when entries wait. After some were booked, the next ones are at most as old as the
/// last of these.
fn count_pending(book: &mut Book, booked: Option<&Entry>, now_ms: i64) {
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

/// Lowers what a gateway has taken to what its greeting says.
///
/// A greeting that says less than an earlier frame may have been delayed; then what is sent again
/// is known there already. Or it comes from a copy of the database that was put back, with the same
/// ledger; what that copy has not taken must be sent, or it would wait for ever.
fn lower_taken(book: &mut Book, taken: Taken) {
    if taken.transfer < book.taken.transfer {
        book.taken = Taken { catalogue: book.taken.catalogue, ..taken };
    }
    book.taken.catalogue = book.taken.catalogue.min(taken.catalogue);
}

/// Records whether a gateway is connected to the broker. `seen` says that the gateway itself has
/// just reported it. Returns whether the gateway has books.
///
/// # Errors
/// If the books database fails.
pub fn record_online<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    online: bool,
    seen: bool,
    now_ms: i64,
) -> Result<bool, B::Error> {
    let Some(mut book) = books.books(gateway)?.pop() else {
        return Ok(false);
    };
    book.online = online;
    book.last_seen_ms = if seen { now_ms } else { book.last_seen_ms };
    books.save(&book)?;
    Ok(true)
}

fn record_seen(book: &mut Book, now_ms: i64) {
    book.last_seen_ms = now_ms;
    book.online = true;
}

fn fence(book: &mut Book, reason: &str) {
    book.cursor.fenced = Some(reason.into());
    book.problem = Some(reason.into());
    book.reopening = None;
}

fn fence_and_refuse<B: Books>(
    books: &mut B,
    mut book: Book,
    reason: String,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    fence(&mut book, &reason);
    book.last_seen_ms = now_ms;
    books.save(&book)?;
    Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch: book.cursor.epoch, reason }))
}

/// Opens books for a new database. An older one that is not retired is reported as replaced.
fn open_book<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    older: &[Book],
    (frame, version): (&Frame, Version),
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let epoch = frame.epoch();
    if books.book_count()? >= HUB_GATEWAYS_MAX {
        let reason =
            format!("the hub keeps books for {HUB_GATEWAYS_MAX} databases, which is its limit");
        return Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch, reason }));
    }
    let left = older.iter().filter(|old| !old.retired).count();
    if let Some(newest) = older.last().filter(|_| left >= GATEWAY_DATABASES_MAX) {
        let reason = format!(
            "the gateway has {left} databases that are not retired, which is the limit; retire those that are gone for good"
        );
        books.save(&Book { problem: Some(reason.clone()), ..newest.clone() })?;
        return Ok(FrameOutcome::answered(FrameAnswer::Refused { epoch, reason }));
    }
    let mut book = Book { wire: version, ..Book::new(gateway, epoch, now_ms) };
    book.takeover.generation = books.identity()?.generation;
    let greeting = if let Frame::Hello(hello) = frame { Some(hello) } else { None };
    if let Some(hello) = greeting.filter(|_| version == Version::V2) {
        recovery::receive_greeting(books, &mut book, hello, now_ms)?;
    }
    if let Some(newest) = older.last() {
        books.save(&Book { online: false, ..newest.clone() })?;
    }
    let replaced = older.iter().rfind(|old| !old.retired);
    book.problem = replaced.map(|old| replaced_problem(old, epoch));
    books.open(&mut book)?;
    if let Some(answer) = held_answer(&book) {
        return Ok(FrameOutcome::answered(answer));
    }
    let nonce = greeting.map_or(0, |hello| hello.nonce);
    Ok(FrameOutcome::answered(FrameAnswer::Resume { epoch, acked_seq: 0, nonce }))
}

fn replaced_problem(old: &Book, epoch: Uuid) -> String {
    format!(
        "the database was replaced: epoch {} ended at entry {}, epoch {epoch} continues; retire the old one if it is gone for good, bring its stock back, then count",
        old.cursor.epoch, old.cursor.acked_seq
    )
}

/// Keeps late entries of a fenced or replaced database, for an operator to look at.
fn set_aside<B: Books>(books: &mut B, all: Vec<Book>, frame: &Frame) -> Result<(), B::Error> {
    let Frame::Entries(Entries { entries, .. }) = frame else {
        return Ok(());
    };
    let epoch = frame.epoch();
    let Some(mut book) = all.into_iter().find(|book| book.cursor.epoch == epoch) else {
        return Ok(());
    };
    let late = entries.iter().filter(|entry| entry.seq > book.cursor.acked_seq);
    let room = ASIDE_MAX.saturating_sub(book.aside);
    let kept: Vec<Entry> =
        late.take(usize::try_from(room).unwrap_or(usize::MAX)).cloned().collect();
    let Some(last) = kept.last() else {
        return Ok(());
    };
    book.known_seq = book.known_seq.max(last.seq);
    book.aside = books.set_aside(book.id, &kept)?;
    books.save(&book)
}

/// Books new entries, if they lead to the checksums that the frame names. `skip` entries are known.
fn apply<B: Books>(
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
    let granted = policy::replenish(books, &book, &update)?;
    let epoch = book.cursor.epoch;
    let answer = closed.unwrap_or(FrameAnswer::Ack { epoch, acked_seq: last_seq });
    let entries = entries.len() as u64;
    Ok(FrameOutcome { entries, granted, ..FrameOutcome::answered(answer) })
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
    book.problem = Some(reason.clone());
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

fn hold_instead<B: Books>(
    books: &mut B,
    mut book: Book,
    what: &str,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    recovery::hold_for_transfer(&mut book, what, now_ms);
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    Ok(FrameOutcome { answer: held_answer(&book), accepted: true, ..FrameOutcome::default() })
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
