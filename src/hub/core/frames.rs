//! Takes frames into the books.
//!
//! A frame's entries, the stock they lead to, the units that landed by them and the cursor behind
//! them move in one transaction; an acknowledgement is sent after it. Books of an older database
//! of a gateway stay as they are.

use uuid::Uuid;

use super::account::AccountUpdate;
use super::books::{Book, Books};
use super::transfer::{TransferMatcher, count_taken};
use super::{policy, retire};
use crate::hub::core::judge::{Verdict, diverged, judge};
use crate::limits::{ASIDE_MAX, HUB_GATEWAYS_MAX};
use crate::protocol::frame::{Entries, Frame, Position, Refused, Resume};
use crate::protocol::topic::GatewayId;
use crate::stock::{Entry, Kind, Seq, Taken};

/// What to say to a gateway once the transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameAnswer {
    /// The last number is the nonce of the greeting that it answers, 0 for none.
    Resume(Uuid, Seq, u64),
    /// Everything up to here is committed.
    Ack(Uuid, Seq),
    /// Nothing is taken, for this reason.
    Refused(Uuid, String),
}

impl FrameAnswer {
    /// One answer for two, the other of which came earlier: where the hub stands now, and the
    /// greeting that is answered by it.
    #[must_use]
    pub fn joined_to(self, earlier: Option<&Self>) -> Self {
        match (earlier, self) {
            (Some(Self::Resume(epoch, _, nonce)), Self::Ack(same, seq)) if *epoch == same => {
                Self::Resume(same, seq, *nonce)
            }
            (Some(Self::Resume(epoch, _, nonce)), Self::Resume(same, seq, 0)) if *epoch == same => {
                Self::Resume(same, seq, *nonce)
            }
            (_, later) => later,
        }
    }

    /// The frame that says it.
    pub fn frame(self) -> Frame {
        let position = |epoch: Uuid, acked_seq| Position { epoch: epoch.into(), acked_seq };
        match self {
            Self::Resume(epoch, acked_seq, nonce) => {
                Frame::Resume(Resume { position: position(epoch, acked_seq), nonce })
            }
            Self::Ack(epoch, acked_seq) => Frame::Ack(position(epoch, acked_seq)),
            Self::Refused(epoch, reason) => Frame::Refused(Refused { epoch: epoch.into(), reason }),
        }
    }
}

/// What became of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameOutcome {
    /// New entries in the books.
    pub entries: u64,
    /// What to say, if anything.
    pub answer: Option<FrameAnswer>,
    /// The gateway has greeted: it may have missed what it was sent.
    pub greeted: bool,
    /// Other gateways for which there are new transfers.
    pub granted: Vec<GatewayId>,
    /// Whether the frame is of a database that the hub knows, and for a hub.
    pub accepted: bool,
}

/// Takes a frame into the books. On an error the whole transaction is to be dropped.
///
/// # Errors
/// If the books database fails.
pub fn handle_frame<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    frame: &Frame,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    let mut all = books.books(gateway)?;
    let newest = all.pop();
    let replaced: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let verdict = judge(newest.as_ref().map(|book| &book.cursor), &replaced, frame);
    let greeting = if let Frame::Hello(hello) = frame { Some(hello.nonce) } else { None };
    let nonce = greeting.unwrap_or(0);
    let mut outcome = match (verdict, newest) {
        (Verdict::NewEpoch { epoch }, newest) => {
            all.extend(newest);
            open_book(books, gateway, &all, (epoch, nonce), now_ms)?
        }
        (Verdict::Fence(reason), Some(book)) => fence(books, book, reason, now_ms)?,
        (Verdict::Refuse(reason), newest) => {
            all.extend(newest);
            set_aside(books, all, frame)?;
            FrameOutcome::say(FrameAnswer::Refused(frame.epoch(), reason))
        }
        (Verdict::Apply { skip }, Some(book)) => apply(books, book, frame, skip, now_ms)?,
        (Verdict::Known, Some(book)) => {
            let outcome = hear(books, book, frame, now_ms)?;
            FrameOutcome { accepted: true, ..outcome.or_say(FrameAnswer::Ack) }
        }
        (Verdict::Resume, Some(book)) => hear(books, book, frame, now_ms)?
            .or_say(|epoch, seq| FrameAnswer::Resume(epoch, seq, nonce)),
        (Verdict::Heard, Some(book)) => hear(books, book, frame, now_ms)?.silently(),
        // A stray frame, or a verdict that these books cannot come to.
        (
            Verdict::Ignore
            | Verdict::Fence(_)
            | Verdict::Apply { .. }
            | Verdict::Known
            | Verdict::Resume
            | Verdict::Heard,
            _,
        ) => return Ok(FrameOutcome::default()),
    };
    outcome.greeted = greeting.is_some();
    Ok(outcome)
}

impl FrameOutcome {
    fn say(answer: FrameAnswer) -> Self {
        Self { answer: Some(answer), accepted: true, ..Self::default() }
    }
}

/// What was heard, before it is known what to say to it.
struct Heard {
    epoch: Uuid,
    acked_seq: Seq,
    refused: Option<String>,
}

impl Heard {
    fn or_say(self, answer: impl FnOnce(Uuid, Seq) -> FrameAnswer) -> FrameOutcome {
        match self.refused {
            Some(reason) => FrameOutcome::say(FrameAnswer::Refused(self.epoch, reason)),
            None => FrameOutcome::say(answer(self.epoch, self.acked_seq)),
        }
    }

    fn silently(self) -> FrameOutcome {
        let answer = self.refused.map(|reason| FrameAnswer::Refused(self.epoch, reason));
        FrameOutcome { answer, accepted: true, ..FrameOutcome::default() }
    }
}

/// Notes that a gateway was heard of, and what it has taken.
fn hear<B: Books>(
    books: &mut B,
    mut book: Book,
    frame: &Frame,
    now_ms: i64,
) -> Result<Heard, B::Error> {
    if let Frame::Hello(hello) = frame {
        book.known_seq = book.known_seq.max(hello.ledger_seq);
        super::drift::hear(&mut book, hello);
        go_back(&mut book, hello.taken);
    }
    let refused = match frame.taken() {
        Some(taken) => count_taken(books, &mut book, taken)?,
        None => None,
    };
    if let Some(reason) = &refused {
        close(&mut book, reason);
    }
    note_seen(&mut book, now_ms);
    books.save(&book)?;
    Ok(Heard { epoch: book.cursor.epoch, acked_seq: book.cursor.acked_seq, refused })
}

/// A greeting that has taken less than was heard before may be late: then what is sent once more
/// is known there already. Or it is from a copy that was put back, with the same ledger, and what
/// it has not taken must be sent, or it would wait for that for ever.
fn go_back(book: &mut Book, taken: Taken) {
    if taken.transfer < book.taken.transfer {
        book.taken = Taken { catalogue: book.taken.catalogue, ..taken };
    }
    book.taken.catalogue = book.taken.catalogue.min(taken.catalogue);
}

/// Notes whether a gateway is connected to the broker; `seen` if it has just said so itself.
/// Returns whether it has books.
///
/// # Errors
/// If the books database fails.
pub fn note_online<B: Books>(
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

fn note_seen(book: &mut Book, now_ms: i64) {
    book.last_seen_ms = now_ms;
    book.online = true;
}

fn close(book: &mut Book, reason: &str) {
    book.cursor.fenced = Some(reason.into());
    book.problem = Some(reason.into());
}

fn fence<B: Books>(
    books: &mut B,
    mut book: Book,
    reason: String,
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    close(&mut book, &reason);
    book.last_seen_ms = now_ms;
    books.save(&book)?;
    Ok(FrameOutcome::say(FrameAnswer::Refused(book.cursor.epoch, reason)))
}

/// Starts books for a database; an older one that nobody has retired is reported as replaced.
fn open_book<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    older: &[Book],
    (epoch, nonce): (Uuid, u64),
    now_ms: i64,
) -> Result<FrameOutcome, B::Error> {
    if books.book_count()? >= HUB_GATEWAYS_MAX {
        let reason = format!("the hub keeps books for {HUB_GATEWAYS_MAX} databases, that is all");
        return Ok(FrameOutcome::say(FrameAnswer::Refused(epoch, reason)));
    }
    let mut book = Book::new(gateway, epoch, now_ms);
    if let Some(newest) = older.last() {
        books.save(&Book { online: false, ..newest.clone() })?;
    }
    let replaced = older.iter().rfind(|old| !old.retired);
    book.problem = replaced.map(|old| replaced_problem(old, epoch));
    books.open(&mut book)?;
    retire::bring_back(books, &mut book)?;
    Ok(FrameOutcome::say(FrameAnswer::Resume(epoch, 0, nonce)))
}

fn replaced_problem(old: &Book, epoch: Uuid) -> String {
    format!(
        "the database was replaced: epoch {} ended at entry {}, epoch {epoch} goes on; retire the old one to move its stock here, then count the stock",
        old.cursor.epoch, old.cursor.acked_seq
    )
}

/// Keeps what came too late, so that somebody can look at it.
fn set_aside<B: Books>(books: &mut B, all: Vec<Book>, frame: &Frame) -> Result<(), B::Error> {
    let Frame::Entries(Entries { entries, .. }) = frame else {
        return Ok(());
    };
    let epoch = frame.epoch();
    let Some(mut book) = all.into_iter().find(|book| book.cursor.epoch == epoch) else {
        return Ok(());
    };
    let late: Vec<Entry> =
        entries.iter().filter(|entry| entry.seq > book.cursor.acked_seq).cloned().collect();
    if late.is_empty() || book.aside >= ASIDE_MAX {
        return Ok(());
    }
    book.aside = books.set_aside(book.id, &late)?;
    book.known_seq = book.known_seq.max(late.last().map_or(0, |last| last.seq));
    books.save(&book)
}

/// Applies new entries, if they lead to the ledger that the gateway says it has.
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
    let before = book.clone();
    let mut update = AccountUpdate::new(books, &book, entries)?;
    let mut matcher = TransferMatcher::new(books, &mut book);
    for entry in entries {
        if !update.apply(entry, &mut matcher)? {
            return fence(books, before, not_ours(entry), now_ms);
        }
    }
    let last_seq = entries.last().map_or(before.cursor.acked_seq, |last| last.seq);
    if update.reached.chain != checks.chain {
        return fence(books, before, diverged(last_seq), now_ms);
    }
    matcher.save()?;
    books.append(book.id, entries)?;
    update.save(books, &book)?;
    if update.reached.digest != checks.digest {
        super::drift::note(&mut book, last_seq);
    }
    book.cursor.acked_seq = last_seq;
    book.cursor.checks = *checks;
    book.known_seq = book.known_seq.max(last_seq);
    let refused = count_taken(books, &mut book, *taken)?;
    if let Some(reason) = &refused {
        close(&mut book, reason);
    }
    note_seen(&mut book, now_ms);
    books.save(&book)?;
    let granted = policy::replenish(books, &book, &update)?;
    let epoch = book.cursor.epoch;
    let answer =
        refused.map_or(FrameAnswer::Ack(epoch, last_seq), |why| FrameAnswer::Refused(epoch, why));
    let entries = entries.len() as u64;
    Ok(FrameOutcome { entries, granted, ..FrameOutcome::say(answer) })
}

fn not_ours(entry: &Entry) -> String {
    if !matches!(entry.kind, Kind::Grant | Kind::Recall) {
        return diverged(entry.seq);
    }
    let (seq, what, sku) = (entry.seq, entry.kind.as_str(), &entry.sku);
    format!("entry {seq} books a {what} of SKU {sku} that the hub has not made")
}
