//! Handles frames: has their entries booked, and records what gateways report.
//!
//! The entries of a frame, the stock they lead to, the transfers they match and the cursor after
//! them change in one transaction. The acknowledgement is sent after the commit. The books of a
//! gateway's older databases stay as they are.

use uuid::Uuid;

use super::answer::FrameAnswer;
use super::books::Books;
use super::entries::{apply, count_pending};
use super::judge::{Verdict, judge};
use super::outcome::{FrameOutcome, close, fence_and_refuse, held_answer, record_seen};
use super::problem::{WAITING, note_waiting, replaced};
use super::quota::Quota;
use super::records::Book;
use super::transfer::{Counted, count_taken};
use super::{anywhere, catalogue, demand, drift, keys, recovery, reopen};
use crate::limits::{ASIDE_MAX, GATEWAY_DATABASES_MAX, HUB_GATEWAYS_MAX};
use crate::protocol::frame::{Entries, Frame, Hello};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{Entry, Seq, Taken};

/// Handles a frame that was written in this version. On an error, the whole transaction must be
/// rolled back.
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
            set_aside(books, all, frame, now_ms)?;
            FrameOutcome::answered(FrameAnswer::Refused { epoch: frame.epoch(), reason })
        }
        (Verdict::Apply { skip }, Some(book)) => apply(books, book, frame, skip, now_ms)?,
        (Verdict::Known, Some(book)) => record(books, book, frame, now_ms)?
            .or_answer(|epoch, acked_seq| FrameAnswer::Ack { epoch, acked_seq }),
        (Verdict::Resume, Some(book)) => record(books, book, frame, now_ms)?
            .or_answer(|epoch, acked_seq| FrameAnswer::Resume { epoch, acked_seq, nonce }),
        (Verdict::Record, Some(book)) => record_only(books, book, frame, now_ms)?,
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
    match reopen::judge_again(books, book, frame)? {
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
        keys::receive(book, hello);
        book.known_seq = book.known_seq.max(hello.ledger_seq);
        count_pending(book, None, now_ms);
    }
    let Some(answer) = held_answer(book) else { return Ok(None) };
    record_seen(book, now_ms);
    books.save(book)?;
    Ok(Some(answer))
}

/// Records what a frame says that has no answer.
fn record_only<B: Books>(
    books: &mut B,
    mut book: Book,
    frame: &Frame,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    if let Frame::Demand(demand) = frame {
        demand::count_refused(books, &book, demand, now_ms)?;
    }
    if let Frame::Checkpoint(checkpoint) = frame
        && let Some(fenced) = keys::record_checkpoint(books, &mut book, checkpoint, now_ms)?
    {
        return Ok(fenced);
    }
    Ok(record(books, book, frame, now_ms)?.without_answer())
}

/// What was recorded from a frame, before the answer is known.
struct Recorded {
    epoch: Uuid,
    acked_seq: Seq,
    /// The answer, if the database was closed.
    closed: Option<FrameAnswer>,
    /// The gateways with new transfers.
    granted: Vec<GatewayId>,
}

impl Recorded {
    fn or_answer(self, answer: impl FnOnce(Uuid, Seq) -> FrameAnswer) -> FrameOutcome {
        let Self { epoch, acked_seq, closed, granted } = self;
        let answer = closed.unwrap_or_else(|| answer(epoch, acked_seq));
        FrameOutcome { granted, ..FrameOutcome::answered(answer) }
    }

    fn without_answer(self) -> FrameOutcome {
        let Self { closed: answer, granted, .. } = self;
        FrameOutcome { answer, granted, accepted: true, ..FrameOutcome::default() }
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
        book.whole_units.receive_greeting(hello);
        count_pending(&mut book, None, now_ms);
        drift::check_greeting(&mut book, hello);
        lower_taken(&mut book, hello.taken);
        catalogue::check_greeting(books, &mut book, hello.taken.catalogue)?;
    }
    let Counted { contradiction, recalled } = match frame.taken() {
        Some(taken) if !book.is_taken_over() => count_taken(books, &mut book, taken)?,
        Some(_) | None => Counted::default(),
    };
    let closed = contradiction.map(|reason| close(&mut book, reason, now_ms));
    record_seen(&mut book, now_ms);
    books.save(&book)?;
    let granted = anywhere::serve(books, &recalled)?;
    Ok(Recorded { epoch: book.cursor.epoch, acked_seq: book.cursor.acked_seq, closed, granted })
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
    if online && !book.online {
        books.note_recall(gateway, true);
    }
    book.online = online;
    book.last_seen_ms = if seen { now_ms } else { book.last_seen_ms };
    books.save(&book)?;
    Ok(true)
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
    let is_another = !older.is_empty();
    if let Some(newest) = older.last().filter(|_| books.rules().new_databases == 0) {
        let reason = format!(
            "{WAITING}: the gateway has shown more new databases than one may at a time; {epoch} is taken later, if it still asks then"
        );
        let mut newest = newest.clone();
        note_waiting(&mut newest, &reason);
        books.save(&newest)?;
        let answer = FrameAnswer::Refused { epoch, reason };
        let limited = Some(Quota::Databases);
        return Ok(FrameOutcome { limited, ..FrameOutcome::answered(answer) });
    }
    let mut book = Book { wire: version, ..Book::new(gateway, epoch, now_ms) };
    book.takeover.generation = books.identity()?.generation;
    let greeting = if let Frame::Hello(hello) = frame { Some(hello) } else { None };
    if let Some(hello) = greeting {
        catalogue::start_again(&mut book, hello.taken.catalogue);
        book.whole_units.receive_greeting(hello);
    }
    if let Some(hello) = greeting.filter(|_| version == Version::V2) {
        recovery::receive_greeting(books, &mut book, hello, now_ms)?;
        keys::receive(&mut book, hello);
    }
    if let Some(newest) = older.last() {
        books.save(&Book { online: false, ..newest.clone() })?;
    }
    book.problem = replaced(older, &book);
    books.open(&mut book)?;
    let nonce = greeting.map_or(0, |hello| hello.nonce);
    let resume = FrameAnswer::Resume { epoch, acked_seq: 0, nonce };
    let answer = held_answer(&book).unwrap_or(resume);
    Ok(FrameOutcome { opened_another: is_another, ..FrameOutcome::answered(answer) })
}

/// Keeps late entries of a fenced or replaced database, for an operator to look at.
fn set_aside<B: Books>(
    books: &mut B,
    all: Vec<Book>,
    frame: &Frame,
    now_ms: i64,
) -> Result<(), B::Error> {
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
    count_pending(&mut book, None, now_ms);
    book.aside = books.set_aside(book.id, &kept)?;
    books.save(&book)
}
