//! The ranges of the numbers in a frame.
//!
//! A number that decodes may still be one that no ledger or books can have. Both sides store
//! positions and numbers as signed integers of 64 bits and calculate with them, so everything
//! outside of the range is rejected here, before anything else looks at the frame.

use super::drift::{Figures, Sums};
use super::frame::{
    Behind, BooksId, Call, Catalogue, Checkpoint, Demand, Frame, Hello, Position, Probe,
    ProbeAnswer, Resume, TakenUpTo, Transfers,
};
use crate::limits::{
    CATALOGUE_LISTINGS_MAX, DEMAND_SKUS_MAX, DRIFT_FIGURES_MAX, FRAME_TRANSFERS_MAX,
    SOFTWARE_BYTES_MAX, STOCK_MAX, TRANSFER_LINES_MAX,
};
use crate::stock::{Barcode, Taken};

/// The largest ledger position, and the largest number of a transfer or of a catalogue change.
const NUMBER_MAX: u64 = i64::MAX.unsigned_abs();

impl Frame {
    /// Checks that every number is in its range; `Err` says what is not.
    pub(super) fn check_ranges(&self) -> Result<(), &'static str> {
        match self {
            Self::Hello(hello) => check_hello(hello),
            // Positions and amounts are checked while the columns are decoded.
            Self::Entries(entries) => check_taken(entries.taken),
            Self::Behind(Behind { position, ledger_seq }) => {
                check_position(position)?;
                check_number(*ledger_seq, "the position is out of range")
            }
            Self::Taken(TakenUpTo { taken, .. }) => check_taken(*taken),
            Self::Sums(ProbeAnswer { seq, content, .. }) => {
                check_number(*seq, "the position is out of range")?;
                check(Sums::is_valid(content), NO_PART)
            }
            Self::Figures(ProbeAnswer { seq, content, .. }) => {
                check_number(*seq, "the position is out of range")?;
                check_figures(content)
            }
            Self::Resume(Resume { position, .. })
            | Self::Ack(position)
            | Self::Call(Call { position, .. }) => check_position(position),
            Self::Refused(_) | Self::Held(_) => Ok(()),
            Self::Demand(demand) => check_demand(demand),
            Self::Checkpoint(Checkpoint { seq, .. }) => {
                check_number(*seq, "the position is out of range")
            }
            Self::Transfers(transfers) => check_transfers(transfers),
            Self::Catalogue(catalogue) => check_catalogue(catalogue),
            Self::Probe(Probe { part, .. }) => check(part.is_valid(), NO_PART),
        }
    }
}

const NO_PART: &str = "the part of the stock does not exist";

fn check(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn check_number(number: u64, otherwise: &'static str) -> Result<(), &'static str> {
    check(number <= NUMBER_MAX, otherwise)
}

fn check_position(position: &Position) -> Result<(), &'static str> {
    check_number(position.acked_seq, "the position is out of range")
}

fn check_taken(Taken { transfer, at_seq, catalogue }: Taken) -> Result<(), &'static str> {
    let is_possible = [transfer, at_seq, catalogue].iter().all(|number| *number <= NUMBER_MAX);
    check(is_possible, "what was taken is out of range")
}

fn check_hello(hello: &Hello) -> Result<(), &'static str> {
    check_number(hello.ledger_seq, "the position is out of range")?;
    check(hello.software.len() <= SOFTWARE_BYTES_MAX, "the software's name is too long")?;
    check_number(hello.bound.acked_seq, "the position is out of range")?;
    hello.bound.books.as_ref().map_or(Ok(()), check_books)?;
    check_taken(hello.taken)
}

/// Checks the identity of books.
pub(super) fn check_books(books: &BooksId) -> Result<(), &'static str> {
    check_number(books.generation, "the generation is out of range")
}

fn check_demand(Demand { refused, .. }: &Demand) -> Result<(), &'static str> {
    check(refused.len() <= DEMAND_SKUS_MAX, "the demand has too many SKUs")?;
    let is_possible = |n: u64| n <= STOCK_MAX.unsigned_abs();
    let all = refused.iter().all(|one| is_possible(one.lines) && is_possible(one.units));
    check(all, "a demand is out of range")
}

fn check_figures(Figures { part, figures }: &Figures) -> Result<(), &'static str> {
    check(part.is_valid(), NO_PART)?;
    check(figures.len() <= DRIFT_FIGURES_MAX, "a part has too many SKUs")?;
    let is_possible = |on_hand: i64, reserved: i64| {
        (-STOCK_MAX..=STOCK_MAX).contains(&on_hand) && (-STOCK_MAX..=STOCK_MAX).contains(&reserved)
    };
    let all = figures.iter().all(|(_, on_hand, reserved)| is_possible(*on_hand, *reserved));
    check(all, "a stock is out of range")
}

/// The numbers of the transfers have no gap. Their quantities are checked by their type.
fn check_transfers(Transfers { transfers, .. }: &Transfers) -> Result<(), &'static str> {
    let is_number = (1..=FRAME_TRANSFERS_MAX).contains(&transfers.len());
    check(is_number, "the number of transfers is out of range")?;
    let has_lines = transfers.iter().all(|t| (1..=TRANSFER_LINES_MAX).contains(&t.lines.len()));
    check(has_lines, "a transfer's number of lines is out of range")?;
    check(transfers.iter().all(can_be_summed), "a transfer has a SKU of two lots")?;
    let in_range = transfers.iter().all(|t| (1..=NUMBER_MAX).contains(&t.number));
    check(in_range, "a transfer's number is out of range")?;
    let follows = |pair: &[_; 2]| matches!(pair, [a, b] if numbers_follow(a, b));
    check(transfers.array_windows().all(follows), "there is a gap between transfers")
}

/// The stock engine sums the lines of a SKU, and checks the sum against the stock.
fn can_be_summed(transfer: &crate::stock::Transfer) -> bool {
    let mut lines: Vec<&crate::stock::Line> = transfer.lines.iter().collect();
    lines.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
    lines.array_windows().all(|[a, b]| a.sku != b.sku || a.trace == b.trace)
}

fn numbers_follow(one: &crate::stock::Transfer, next: &crate::stock::Transfer) -> bool {
    one.number.checked_add(1) == Some(next.number)
}

fn check_catalogue(catalogue: &Catalogue) -> Result<(), &'static str> {
    let Catalogue { after, up_to, listings, .. } = catalogue;
    check(after < up_to && *up_to <= NUMBER_MAX, "the changes of the catalogue are out of range")?;
    check(listings.len() <= CATALOGUE_LISTINGS_MAX, "the number of listings is out of range")?;
    let mut barcodes = listings.iter().flat_map(|listing| &listing.barcodes);
    check(barcodes.all(Barcode::has_valid_content), "the content of a barcode is out of range")
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
