//! Issues transfers, and matches the entries of a gateway's ledger with them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::books::Books;
use super::records::{Book, IssuedTransfer};
use crate::limits::TRANSFER_LINES_ISSUED;
use crate::protocol::wire::Version;
use crate::stock::{
    Cause, Decimals, Direction, Entry, Kind, Line, Quantity, RequestId, Seq, Sku, Taken, Transfer,
    totals,
};

/// Issues the transfers of a request. The caller has taken a grant's units from where they were, and
/// counts them as in transit there; here they are counted as in transit to the database.
pub(super) fn issue<B: Books>(
    books: &mut B,
    book: &mut Book,
    request_id: &RequestId,
    direction: Direction,
    lines: &[Line],
    cause: &Cause,
) -> Result<(), B::Error> {
    for lines in parts(lines, book.wire) {
        book.issued += 1;
        let (number, request_id, cause) = (book.issued, request_id.clone(), cause.clone());
        let transfer = Transfer { number, request_id, direction, lines, cause };
        books.save_transfer(book.id, &IssuedTransfer::new(transfer))?;
    }
    books.save(book)?;
    match direction {
        Direction::Grant => put_in_transit(books, book, &totals(lines)),
        Direction::Recall => Ok(()),
    }
}

/// The lines of each transfer: a SKU appears once in it, and so the lots of a SKU are in several. A
/// gateway of version 1 knows no lots.
fn parts(lines: &[Line], version: Version) -> Vec<Vec<Line>> {
    let lines = if version == Version::V1 { totals(lines) } else { Cow::Borrowed(lines) };
    let mut parts: Vec<(BTreeSet<Sku>, Vec<Line>)> = Vec::new();
    for line in &*lines {
        let has_room = |(skus, lines): &&mut (BTreeSet<Sku>, Vec<Line>)| {
            lines.len() < TRANSFER_LINES_ISSUED && !skus.contains(&line.sku)
        };
        match parts.iter_mut().find(has_room) {
            Some((skus, lines)) => {
                skus.insert(line.sku.clone());
                lines.push(line.clone());
            }
            None => parts.push((BTreeSet::from([line.sku.clone()]), vec![line.clone()])),
        }
    }
    parts.into_iter().map(|(_, lines)| lines).collect()
}

fn put_in_transit<B: Books>(books: &mut B, book: &Book, lines: &[Line]) -> Result<(), B::Error> {
    let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
    let accounts = books.accounts(book.id, &skus)?;
    let mut given = Vec::with_capacity(lines.len());
    for (Line { sku, quantity, .. }, account) in lines.iter().zip(accounts) {
        let mut allotment = account.allotment;
        allotment.give(quantity.units());
        given.push((sku.clone(), allotment));
    }
    books.save_allotments(book.id, &given)
}

/// The first SKU of which a database would have more than a stock can hold, with these lines and what
/// is in transit to it: it could take neither this grant nor any that follows.
pub(super) fn without_room<B: Books>(
    books: &mut B,
    book: &Book,
    lines: &[Line],
) -> Result<Option<Sku>, B::Error> {
    let lines = totals(lines);
    let skus: Vec<Sku> = lines.iter().map(|line| line.sku.clone()).collect();
    let accounts = books.accounts(book.id, &skus)?;
    let mut lines = lines.iter().zip(accounts);
    let full = lines.find(|(line, account)| account.allotment.room() < line.quantity.units());
    Ok(full.map(|(line, _)| line.sku.clone()))
}

/// What the entry of a grant or recall stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    /// A line of a transfer.
    Known,
    /// A line of a transfer that the books have lost.
    TakenOver,
    /// Nothing that the hub has made.
    No,
}

/// Matches the grants and recalls in a ledger with the issued transfers.
///
/// Each such entry must be the next one of a transfer that the hub has issued. So no gateway can
/// book units that it was not granted.
pub(super) struct TransferMatcher<'a, B: Books> {
    books: &'a mut B,
    book: &'a mut Book,
    /// The transfer at the match position, once it has been read.
    current: Option<IssuedTransfer>,
    changed: Vec<IssuedTransfer>,
    /// The last transfer that the gateway has taken, as its frame says.
    taken: u64,
    /// The last transfer that the entry may be of.
    last: u64,
}

impl<'a, B: Books> TransferMatcher<'a, B> {
    pub(super) fn new(books: &'a mut B, book: &'a mut Book) -> Self {
        let (taken, last) = (u64::MAX, book.issued);
        Self { books, book, current: None, changed: Vec::new(), taken, last }
    }

    /// Matches entries of a frame with what the gateway had taken when it sent it. The books may have
    /// issued later ones for the same request, if they do not know that it was made before.
    pub(super) fn with_taken(self, taken: Taken) -> Self {
        // Earlier versions are not held back: they would be fenced.
        let is_known = self.book.wire == Version::V2;
        Self { taken: if is_known { taken.transfer } else { u64::MAX }, ..self }
    }

    /// Matches the entry of a grant or recall; returns false if the hub has not issued it.
    pub(super) fn match_entry(&mut self, entry: &Entry) -> Result<bool, B::Error> {
        loop {
            self.read_current()?;
            let Some(issued) = &self.current else {
                return Ok(false);
            };
            let index = self.book.match_position.line;
            let Some(line) = issued.line(index) else {
                self.next_transfer();
                continue;
            };
            let is_same = issued.transfer.request_id == entry.request_id && line.sku == entry.sku;
            let (direction, own) = (issued.transfer.direction, &self.book.whole_units);
            let Some(asked) = own.own_quantity(direction, line).map(Quantity::units) else {
                return Ok(false);
            };
            match (issued.transfer.direction, entry.kind) {
                (Direction::Grant, Kind::Grant) => {
                    self.book.match_position.line += 1;
                    return Ok(is_same && entry.change == asked);
                }
                // Every line of a grant becomes an entry, so none can be skipped.
                (Direction::Grant, _) => return Ok(false),
                (Direction::Recall, Kind::Recall) if is_same => {
                    self.book.match_position.line += 1;
                    return Ok(self.give_back(index, -entry.change, asked));
                }
                // No units of this line were available.
                (Direction::Recall, _) => self.book.match_position.line += 1,
            }
        }
    }

    /// Matches the entry of a grant or recall. While a ledger is taken over, what no transfer of the
    /// books matches is booked as it is.
    pub(super) fn match_or_take_over(&mut self, entry: &Entry) -> Result<Matched, B::Error> {
        let before = (self.book.match_position, self.current.clone(), self.changed.len());
        let is_taken_over = entry.seq <= self.book.takeover.up_to;
        let Book { issued, takeover, .. } = &*self.book;
        self.last = self.taken.min(if is_taken_over { takeover.transfer } else { *issued });
        if self.match_entry(entry)? {
            return Ok(Matched::Known);
        }
        if !is_taken_over {
            return Ok(Matched::No);
        }
        (self.book.match_position, self.current) = (before.0, before.1);
        self.changed.truncate(before.2);
        self.count_taken_over(entry)?;
        Ok(Matched::TakenOver)
    }

    /// Counts units in a measure that those of all SKUs have in common.
    fn count_taken_over(&mut self, entry: &Entry) -> Result<(), B::Error> {
        let decimals = match self.book.whole_units.own_decimals_of(&entry.sku) {
            Some(own) => own,
            None => self.books.sku_record(&entry.sku)?.decimals,
        };
        let scale = Decimals::MOST.one() / decimals.one();
        let units = entry.change.unsigned_abs().saturating_mul(scale);
        let takeover = &mut self.book.takeover;
        takeover.units = takeover.units.saturating_add(units).min(i64::MAX.unsigned_abs());
        Ok(())
    }

    /// Who asked for the transfer that was matched last, and why.
    pub(super) fn cause(&self) -> Cause {
        self.current.as_ref().map(|issued| issued.transfer.cause.clone()).unwrap_or_default()
    }

    /// Closes the transfers that the gateway says it has taken; returns false if its ledger lacks an
    /// entry of them.
    pub(super) fn close_up_to(&mut self, taken: u64) -> Result<bool, B::Error> {
        while self.book.match_position.transfer <= taken {
            let index = self.book.match_position.line;
            self.read_current()?;
            let Some(issued) = &self.current else {
                return Ok(false);
            };
            if issued.transfer.direction == Direction::Grant && issued.line(index).is_some() {
                return Ok(false);
            }
            self.next_transfer();
        }
        Ok(true)
    }

    fn give_back(&mut self, index: u32, given: i64, asked: i64) -> bool {
        if !(1..=asked).contains(&given) {
            return false;
        }
        let issued = self.current.as_mut().expect("its line was read just before");
        let sku = &issued.transfer.lines[index as usize].sku;
        let Some(given) = self.book.whole_units.to_books(sku, given) else { return false };
        issued.returned[index as usize] = given;
        true
    }

    /// Closes the current transfer: the next entry belongs to a later one.
    fn next_transfer(&mut self) {
        if let Some(issued) = self.current.take() {
            self.changed.push(IssuedTransfer { closed: true, ..issued });
        }
        self.book.match_position.transfer += 1;
        self.book.match_position.line = 0;
    }

    fn read_current(&mut self) -> Result<(), B::Error> {
        let number = self.book.match_position.transfer;
        if self.current.is_none() && number <= self.last {
            let found = self.books.transfers_after(self.book.id, number - 1, 1)?;
            self.current = found.into_iter().find(|issued| issued.transfer.number == number);
        }
        Ok(())
    }

    /// The SKUs of the recalls that were closed.
    fn recalled(&self) -> Vec<Sku> {
        let closed = self.changed.iter().map(|issued| &issued.transfer);
        let recalls = closed.filter(|transfer| transfer.direction == Direction::Recall);
        recalls.flat_map(|transfer| &transfer.lines).map(|line| line.sku.clone()).collect()
    }

    pub(super) fn book(&self) -> &Book {
        self.book
    }

    pub(super) fn books(&mut self) -> &mut B {
        self.books
    }

    /// Stores the changed transfers. The caller stores the book.
    pub(super) fn save(mut self) -> Result<(), B::Error> {
        self.changed.extend(self.current.take());
        for issued in &self.changed {
            self.books.save_transfer(self.book.id, issued)?;
        }
        Ok(())
    }
}

/// What counting the transfers that a gateway has taken comes to.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// The reason to fence the database, if its ledger contradicts it.
    pub(super) contradiction: Option<String>,
    /// The SKUs of recalls that are closed now: sales may have waited for their units.
    pub(super) recalled: Vec<Sku>,
}

impl Counted {
    fn contradicted(reason: String) -> Self {
        Self { contradiction: Some(reason), recalled: Vec::new() }
    }
}

/// Records what a gateway says it has taken, once the books have its ledger up to the position that
/// shows it.
pub(super) fn count_taken<B: Books>(
    books: &mut B,
    book: &mut Book,
    taken: Taken,
) -> Result<Counted, B::Error> {
    let acked_seq: Seq = book.cursor.acked_seq;
    book.taken.catalogue = book.taken.catalogue.max(taken.catalogue);
    if taken.transfer <= book.taken.transfer || taken.at_seq > acked_seq {
        return Ok(Counted::default());
    }
    if taken.transfer > book.issued {
        return Ok(Counted::contradicted(format!(
            "the gateway has taken transfer {}, the books end at transfer {}: older books were put back",
            taken.transfer, book.issued
        )));
    }
    let mut matcher = TransferMatcher::new(books, book);
    if !matcher.close_up_to(taken.transfer)? {
        let unmatched = book.match_position.transfer;
        return Ok(Counted::contradicted(format!(
            "the gateway says it has taken transfer {}, but transfer {unmatched} is not in its ledger",
            taken.transfer
        )));
    }
    let recalled = matcher.recalled();
    matcher.save()?;
    // It takes transfers in their order, so it has answered all recalls before this one.
    books.note_recall(&book.gateway, true);
    book.taken = Taken { catalogue: book.taken.catalogue, ..taken };
    Ok(Counted { contradiction: None, recalled })
}
