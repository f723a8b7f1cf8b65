//! The problem text of a gateway's database. It joins conditions that an operator has to settle with
//! those that only delay its entries, and knows each by its beginning.

use super::books::Books;
use super::records::Book;

/// How the problem of a gateway begins whose entries wait for a listing, or for another reason that
/// may pass.
pub(super) const UNLISTED: &str = "its ledger has entries of SKU";
pub(super) const WAITING: &str = "its entries wait";

/// How the problem of a database begins that took the place of another one.
pub(super) const REPLACED: &str = "the database was replaced";

/// Whether a problem is one of the books or the device. Entries that only wait are none: they are
/// booked once the reason is gone.
pub fn is_drift(problem: &str) -> bool {
    ![UNLISTED, WAITING].iter().any(|beginning| problem.starts_with(beginning))
}

/// Whether a problem says, among others, that entries wait.
pub fn is_waiting(problem: &str) -> bool {
    [UNLISTED, WAITING].iter().any(|beginning| problem.contains(beginning))
}

/// Appends a condition that may pass by itself.
pub(super) fn add(problem: &mut Option<String>, reason: &str) {
    *problem = Some(match problem.take() {
        Some(problem) => format!("{problem}; {reason}"),
        None => reason.into(),
    });
}

/// Removes the condition with this beginning, and those that were appended after it.
pub(super) fn take_back(problem: &mut Option<String>, beginning: &str) {
    let Some(text) = problem else { return };
    if text.starts_with(beginning) {
        *problem = None;
    } else if let Some(at) = text.find(&format!("; {beginning}")) {
        text.truncate(at);
    }
}

/// Says that the entries of a database wait, and why.
pub(super) fn note_waiting(book: &mut Book, reason: &str) {
    end_waiting(book);
    add(&mut book.problem, reason);
}

/// Removes what [`note_waiting`] has said, once entries are booked.
pub(super) fn end_waiting(book: &mut Book) {
    for beginning in [UNLISTED, WAITING] {
        take_back(&mut book.problem, beginning);
    }
}

/// The problem of a database that took the place of one which is not retired.
pub(super) fn replaced(older: &[Book], new: &Book) -> Option<String> {
    let old = older.iter().rfind(|old| !old.retired)?;
    let is_other = new.device_key != old.device_key && old.device_key.is_some();
    let device = if is_other { ", signed with another key" } else { "" };
    let epoch = new.cursor.epoch;
    Some(format!(
        "{REPLACED}: epoch {} ended at entry {}, epoch {epoch} continues{device}; retire the old one if it is gone for good, bring its stock back, then count",
        old.cursor.epoch, old.cursor.acked_seq
    ))
}

/// What is left of the problem of the database in force once its stock and its ledger are sound.
pub(super) fn left<B: Books>(books: &mut B, book: &Book) -> Result<Option<String>, B::Error> {
    let mut older = books.books(&book.gateway)?;
    older.retain(|other| other.id < book.id);
    Ok(replaced(&older, book))
}
