//! Transfers: made, sent, and closed when the gateway's ledger shows them.

use super::books::{Book, Books, IssuedTransfer};
use crate::limits::TRANSFER_LINES_MAX;
use crate::stock::{Direction, Entry, Kind, Line, RequestId, Seq, Taken, Transfer};

/// Makes the transfers of a request. A grant's units must have left the place they were in; they
/// are in transit from here on.
pub(super) fn issue<B: Books>(
    books: &mut B,
    book: &mut Book,
    request_id: &RequestId,
    direction: Direction,
    lines: &[Line],
) -> Result<(), B::Error> {
    for part in lines.chunks(TRANSFER_LINES_MAX) {
        book.issued += 1;
        let (number, request_id) = (book.issued, request_id.clone());
        let transfer = Transfer { number, request_id, direction, lines: part.to_vec() };
        books.save_transfer(book.id, &IssuedTransfer::new(transfer))?;
    }
    books.save(book)?;
    if direction == Direction::Grant { put_in_transit(books, book, lines) } else { Ok(()) }
}

fn put_in_transit<B: Books>(books: &mut B, book: &Book, lines: &[Line]) -> Result<(), B::Error> {
    for Line { sku, quantity } in lines {
        let mut allotment = books.allotment(book.id, sku)?;
        allotment.in_transit += quantity.units();
        books.save_allotments(book.id, &[(sku.clone(), allotment)])?;
        let mut pool = books.sku_record(sku)?.pool.unwrap_or_default();
        pool.in_transit += quantity.units();
        books.save_pools(&[(sku.clone(), pool)])?;
    }
    Ok(())
}

/// Follows a book's transfers through its ledger: every entry of a grant or recall must be the
/// next one of a transfer that the hub has made, so no gateway can book units that it was not
/// given.
pub(super) struct TransferMatcher<'a, B: Books> {
    books: &'a mut B,
    book: &'a mut Book,
    /// The transfer that the next entry belongs to, if it has been read.
    current: Option<IssuedTransfer>,
    changed: Vec<IssuedTransfer>,
}

impl<'a, B: Books> TransferMatcher<'a, B> {
    pub(super) fn new(books: &'a mut B, book: &'a mut Book) -> Self {
        Self { books, book, current: None, changed: Vec::new() }
    }

    /// Takes the entry of a grant or recall; returns whether the hub has made such a transfer.
    pub(super) fn match_entry(&mut self, entry: &Entry) -> Result<bool, B::Error> {
        loop {
            self.read_current()?;
            let Some(issued) = &self.current else {
                return Ok(false);
            };
            let place = self.book.match_position.line;
            let Some(line) = issued.line(place) else {
                self.next_transfer();
                continue;
            };
            let is_it = issued.transfer.request_id == entry.request_id && line.sku == entry.sku;
            let asked = line.quantity.units();
            match (issued.transfer.direction, entry.kind) {
                (Direction::Grant, Kind::Grant) => {
                    self.book.match_position.line += 1;
                    return Ok(is_it && entry.change == asked);
                }
                // Every line of a grant becomes an entry, so it cannot be passed over.
                (Direction::Grant, _) => return Ok(false),
                (Direction::Recall, Kind::Recall) if is_it => {
                    self.book.match_position.line += 1;
                    return Ok(self.give_back(place, -entry.change, asked));
                }
                // Nothing was to be had of this line.
                (Direction::Recall, _) => self.book.match_position.line += 1,
            }
        }
    }

    /// Closes what the gateway says it has taken; returns whether its ledger bears that out.
    pub(super) fn close_up_to(&mut self, taken: u64) -> Result<bool, B::Error> {
        while self.book.match_position.transfer <= taken {
            let place = self.book.match_position.line;
            self.read_current()?;
            let Some(issued) = &self.current else {
                return Ok(false);
            };
            if issued.transfer.direction == Direction::Grant && issued.line(place).is_some() {
                return Ok(false);
            }
            self.next_transfer();
        }
        Ok(true)
    }

    fn give_back(&mut self, place: u32, given: i64, asked: i64) -> bool {
        if !(1..=asked).contains(&given) {
            return false;
        }
        let issued = self.current.as_mut().expect("a line of it was just looked at");
        issued.returned[place as usize] = given;
        true
    }

    /// Whatever comes now belongs to a later transfer: this one has been taken.
    fn next_transfer(&mut self) {
        if let Some(issued) = self.current.take() {
            self.changed.push(IssuedTransfer { closed: true, ..issued });
        }
        self.book.match_position.transfer += 1;
        self.book.match_position.line = 0;
    }

    fn read_current(&mut self) -> Result<(), B::Error> {
        let number = self.book.match_position.transfer;
        if self.current.is_none() && number <= self.book.issued {
            let found = self.books.transfers_after(self.book.id, number - 1, 1)?;
            self.current = found.into_iter().find(|issued| issued.transfer.number == number);
        }
        Ok(())
    }

    /// Keeps what changed. Without it nothing has.
    pub(super) fn save(mut self) -> Result<(), B::Error> {
        self.changed.extend(self.current.take());
        for issued in &self.changed {
            self.books.save_transfer(self.book.id, issued)?;
        }
        Ok(())
    }
}

/// Counts what a gateway says it has taken, once its ledger is here up to where that shows.
/// Returns what is wrong with it, if anything is.
pub(super) fn count_taken<B: Books>(
    books: &mut B,
    book: &mut Book,
    taken: Taken,
) -> Result<Option<String>, B::Error> {
    let acked_seq: Seq = book.cursor.acked_seq;
    book.taken.catalogue = book.taken.catalogue.max(taken.catalogue);
    if taken.transfer <= book.taken.transfer || taken.at_seq > acked_seq {
        return Ok(None);
    }
    if taken.transfer > book.issued {
        return Ok(Some(format!(
            "the gateway has taken transfer {}, the books end at transfer {}: older books were put back",
            taken.transfer, book.issued
        )));
    }
    let mut matcher = TransferMatcher::new(books, book);
    if !matcher.close_up_to(taken.transfer)? {
        let unmatched = book.match_position.transfer;
        return Ok(Some(format!(
            "the gateway says it has taken transfer {}, but transfer {unmatched} is not in its ledger",
            taken.transfer
        )));
    }
    matcher.save()?;
    book.taken = Taken { catalogue: book.taken.catalogue, ..taken };
    Ok(None)
}
