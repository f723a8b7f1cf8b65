//! Drift: a stock that is not the sum of its ledger. It is noticed by the digest, narrowed down by
//! probes, and repaired on request.

use super::books::Books;
use super::problem::{self, is_drift};
use super::records::{Allotment, Book};
use super::whole_units;
use crate::protocol::drift::{Content, Search};
use crate::protocol::frame::Hello;
use crate::protocol::topic::GatewayId;
use crate::stock::{Digest, Seq, Sku};

/// Starts a search: the digests differ at a position although the ledgers do not.
pub(super) fn start_search(book: &mut Book, seq: Seq) {
    book.searching = book.differing.is_empty();
    if !book.problem.as_deref().is_some_and(is_drift) {
        book.problem = Some(format!(
            "the gateway's stock and the books differ at entry {seq}, though the ledger is the same; the SKUs are being looked for"
        ));
    }
}

/// Compares the digest of a greeting with the books, if both are at the same position.
pub(super) fn check_greeting(book: &mut Book, hello: &Hello) {
    let (seq, theirs) = (hello.ledger_seq, hello.checks.digest);
    if seq == book.cursor.acked_seq && theirs != book.cursor.checks.digest {
        book.cursor.checks.digest = theirs;
        book.differing.clear();
        start_search(book, seq);
    }
}

/// Compares the answer to a probe with the books, if both are at the same position; returns how many
/// SKUs it had to look at.
pub(super) fn compare<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    seq: Seq,
    content: &Content,
    search: &mut Search,
) -> Result<usize, B::Error> {
    let Some(mut book) = books.books(gateway)?.pop() else {
        return Ok(0);
    };
    if book.cursor.acked_seq != seq {
        return Ok(0);
    }
    let allotments = books.allotments(book.id)?;
    let own = allotments.iter();
    let own = own.map(|(sku, held)| (sku, book.whole_units.own(sku, held.figures())));
    search.compare(content, own);
    if search.next().is_none() {
        let left = problem::left(books, &book)?;
        report(&mut book, search.found(), left);
        whole_units::restate(books, &mut book)?;
        books.save(&book)?;
    }
    Ok(allotments.len())
}

/// `left` is what else is wrong.
fn report(book: &mut Book, found: &[Sku], left: Option<String>) {
    book.searching = false;
    book.differing = found.to_vec();
    book.problem = match found {
        [] => left,
        [first, ..] => Some(format!(
            "the stock of {} SKUs differs, {first} among them, though the ledger is the same; repair the books, and run stockgate doctor at the gateway",
            found.len()
        )),
    };
}

/// Sets the allotments of the book in force to the sums of its entries; returns the SKUs that
/// changed, or `None` for an unknown gateway. The problem ends if the digest then agrees with the
/// gateway's, unless the database has replaced another one.
///
/// # Errors
/// If the books database fails.
pub fn repair<B: Books>(books: &mut B, gateway: &GatewayId) -> Result<Option<Vec<Sku>>, B::Error> {
    let Some(mut book) = books.books(gateway)?.pop() else {
        return Ok(None);
    };
    let mut left: std::collections::BTreeMap<Sku, Allotment> =
        books.allotments(book.id)?.into_iter().collect();
    let mut digest = Digest::default();
    let mut repaired = Vec::new();
    for (sku, on_hand, reserved) in books.ledger_sums(book.id)? {
        digest = digest.moved(&sku, (0, 0), (on_hand, reserved));
        // Each entry was exact in the books, and so is their sum.
        let in_books = |units| book.whole_units.to_books(&sku, units).unwrap_or_default();
        let (on_hand, reserved) = (in_books(on_hand), in_books(reserved));
        let allotment = left.remove(&sku).unwrap_or_default();
        if allotment.figures() != (on_hand, reserved) {
            repaired.push((sku, Allotment { on_hand, reserved, ..allotment }));
        }
    }
    // SKUs without entries.
    for (sku, allotment) in left.into_iter().filter(|(_, allotment)| allotment.figures() != (0, 0))
    {
        repaired.push((sku, Allotment { on_hand: 0, reserved: 0, ..allotment }));
    }
    books.save_allotments(book.id, &repaired)?;
    let agrees = digest == book.cursor.checks.digest;
    if agrees && book.is_open() {
        book.problem = problem::left(books, &book)?;
        book.searching = false;
        book.differing.clear();
        whole_units::restate(books, &mut book)?;
    }
    books.save(&book)?;
    Ok(Some(repaired.into_iter().map(|(sku, _)| sku).collect()))
}

/// Updates the problem of the database in force, the last of `left`, after older ones of its gateway
/// were retired or forgotten.
pub(super) fn settle<B: Books>(books: &mut B, left: &[Book]) -> Result<(), B::Error> {
    let Some((newest, older)) = left.split_last() else { return Ok(()) };
    if !newest.is_open() || !newest.differing.is_empty() || newest.searching {
        return Ok(());
    }
    let problem = problem::replaced(older, newest);
    let says_so = newest.problem.as_ref().is_some_and(|known| known.starts_with(problem::REPLACED));
    if problem.is_none() || says_so {
        let mut settled = Book { problem, ..newest.clone() };
        whole_units::restate(books, &mut settled)?;
        books.save(&settled)?;
    }
    Ok(())
}
