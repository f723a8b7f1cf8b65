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
use super::{demand, drift, policy};
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
    let newest = all.pop().map(|book| book.written_in(version, frame));
    let replaced: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let verdict = judge(newest.as_ref().map(|book| &book.cursor), &replaced, frame);
    let greeting = if let Frame::Hello(hello) = frame { Some(hello.nonce) } else { None };
    let nonce = greeting.unwrap_or(0);
    let mut outcome = match (verdict, newest) {
        // Only its greeting will say which books it belongs to.
        (Verdict::NewEpoch { epoch }, None) if greeting.is_none() && version == Version::V2 => {
            FrameOutcome::answered(FrameAnswer::Resume { epoch, acked_seq: 0, nonce })
        }
        (Verdict::NewEpoch { epoch }, newest) => {
            all.extend(newest);
            open_book(books, gateway, &all, (epoch, nonce, version), now_ms)?
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

impl FrameOutcome {
    fn answered(answer: FrameAnswer) -> Self {
        Self { answer: Some(answer), accepted: true, ..Self::default() }
    }
}

/// What was recorded from a frame, before the answer is known.
struct Recorded {
    epoch: Uuid,
    acked_seq: Seq,
    refused: Option<String>,
}

impl Recorded {
    fn or_answer(self, answer: impl FnOnce(Uuid, Seq) -> FrameAnswer) -> FrameOutcome {
        match self.refused {
            Some(reason) => {
                FrameOutcome::answered(FrameAnswer::Refused { epoch: self.epoch, reason })
            }
            None => FrameOutcome::answered(answer(self.epoch, self.acked_seq)),
        }
    }

    fn without_answer(self) -> FrameOutcome {
        let answer = self.refused.map(|reason| FrameAnswer::Refused { epoch: self.epoch, reason });
        FrameOutcome { answer, accepted: true, ..FrameOutcome::default() }
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
    let refused = match frame.taken() {
        Some(taken) => count_taken(books, &mut book, taken)?,
        None => None,
    };
    if let Some(reason) = &refused {
        fence(&mut book, reason);
    }
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    Ok(Recorded { epoch: book.cursor.epoch, acked_seq: book.cursor.acked_seq, refused })
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
    (epoch, nonce, version): (Uuid, u64, Version),
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
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
    if let Some(newest) = older.last() {
        books.save(&Book { online: false, ..newest.clone() })?;
    }
    let replaced = older.iter().rfind(|old| !old.retired);
    book.problem = replaced.map(|old| replaced_problem(old, epoch));
    books.open(&mut book)?;
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
        Err(reason) => return fence_and_refuse(books, before, reason, now_ms),
    };
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
    let refused = count_taken(books, &mut book, *taken)?;
    if let Some(reason) = &refused {
        fence(&mut book, reason);
    }
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    demand::count_sold(books, &book, entries, now_ms)?;
    let granted = policy::replenish(books, &book, &update)?;
    let epoch = book.cursor.epoch;
    let answer = match refused {
        Some(reason) => FrameAnswer::Refused { epoch, reason },
        None => FrameAnswer::Ack { epoch, acked_seq: last_seq },
    };
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

/// Stores entries and what they change. If they cannot be booked, returns the reason to fence the
/// database, and nothing is stored.
fn book_entries<B: Books>(
    books: &mut B,
    book: &mut Book,
    entries: &[Entry],
    chain: Chain,
) -> Result<Result<AccountUpdate, String>, B::Error> {
    let last_seq = entries.last().map_or(book.cursor.acked_seq, |last| last.seq);
    let mut update = AccountUpdate::new(books, book, entries)?;
    let mut matcher = TransferMatcher::new(books, book);
    for entry in entries {
        if !update.apply(entry, &mut matcher)? {
            return Ok(Err(unbookable(entry)));
        }
    }
    if update.reached.chain != chain {
        return Ok(Err(diverged(last_seq)));
    }
    matcher.save()?;
    books.append(book.id, entries)?;
    update.save(books, book)?;
    Ok(Ok(update))
}

fn unbookable(entry: &Entry) -> String {
    if !entry.fits_kind() {
        let Entry { seq, change, reserved_change, sku, .. } = entry;
        return format!(
            "entry {seq}, a {} of SKU {sku}, changes on hand by {change} and reserved by {reserved_change}, which no {0} does",
            entry.kind.as_str()
        );
    }
    if !matches!(entry.kind, Kind::Grant | Kind::Recall) {
        return diverged(entry.seq);
    }
    let (seq, what, sku) = (entry.seq, entry.kind.as_str(), &entry.sku);
    format!("entry {seq} books a {what} of SKU {sku} that the hub has not made")
}
