//! Takes back grants of SKUs that turn out to be in other decimals at a gateway.
//!
//! A gateway takes transfers in their order, and such a grant cannot be sent. So it would hold up all
//! that follow. None of them was sent: they leave the queue, their units return to the pool, and those
//! behind them get their numbers.

use std::collections::BTreeMap;

use super::booking;
use super::books::Books;
use super::movement::{Movement, MovementKind, Occasion};
use super::records::{Book, IssuedTransfer};
use crate::limits::FRAME_TRANSFERS_MAX;
use crate::stock::{Actor, Cause, Direction, Line, Reason, Sku};

/// Who withdraws, and why, in the hub's own ledger.
const HUB: &str = "hub";
const WHY: &str = "withdrawn: the gateway books it in other decimals";

/// Withdraws what is granted of these SKUs and not sent; returns the SKUs of which units are back in
/// the pool.
pub(super) fn withdraw<B: Books>(
    books: &mut B,
    book: &mut Book,
    skus: &[Sku],
) -> Result<Vec<Sku>, B::Error> {
    if skus.is_empty() || book.taken.transfer >= book.issued {
        return Ok(Vec::new());
    }
    let is_of = |line: &Line| skus.contains(&line.sku);
    let is_concerned = |issued: &IssuedTransfer| {
        let Direction::Grant = issued.transfer.direction else { return false };
        issued.transfer.lines.iter().any(is_of)
    };
    let mut pending = unsent(books, book)?;
    let Some(first) = pending.iter().position(is_concerned) else { return Ok(Vec::new()) };
    let (mut next, mut movements, mut lines) = (0, Vec::new(), Vec::new());
    let mut kept = Vec::new();
    for mut issued in pending.drain(first..) {
        next = if next == 0 { issued.transfer.number } else { next };
        if is_concerned(&issued) {
            movements.extend(taken_back(book, &issued, is_of));
            let (withdrawn, left) = issued.transfer.lines.into_iter().partition::<Vec<_>, _>(is_of);
            issued.transfer.lines = left;
            lines.extend(withdrawn);
            issued.returned = vec![0; issued.transfer.lines.len()];
        }
        if !issued.transfer.lines.is_empty() {
            issued.transfer.number = next;
            next += 1;
            kept.push(issued);
        }
    }
    if booking::book(books, &movements)?.is_err() {
        return Ok(Vec::new());
    }
    give_back(books, book, &lines)?;
    for issued in &kept {
        books.save_transfer(book.id, issued)?;
    }
    for number in next..=book.issued {
        books.remove_transfer(book.id, number)?;
    }
    book.issued = next - 1;
    books.save(book)?;
    Ok(lines.into_iter().map(|line| line.sku).collect())
}

/// The transfers of which the database has not taken any line.
fn unsent<B: Books>(books: &mut B, book: &Book) -> Result<Vec<IssuedTransfer>, B::Error> {
    let matched = book.match_position;
    let begun = if matched.line > 0 { matched.transfer } else { matched.transfer - 1 };
    let (mut pending, mut after) = (Vec::new(), book.taken.transfer.max(begun));
    loop {
        let page = books.transfers_after(book.id, after, FRAME_TRANSFERS_MAX)?;
        let Some(last) = page.last() else { return Ok(pending) };
        after = last.transfer.number;
        pending.extend(page);
    }
}

/// The movements that take lines of a grant back into the pool.
fn taken_back(
    book: &Book,
    issued: &IssuedTransfer,
    is_of: impl Fn(&Line) -> bool,
) -> Vec<Movement> {
    let cause = Cause { actor: Actor::parse(HUB).ok(), reason: Reason::parse(WHY).ok() };
    let occasion = Occasion {
        kind: MovementKind::Recall,
        gateway: Some(&book.gateway),
        order_id: None,
        request_id: &issued.transfer.request_id,
        cause: &cause,
    };
    let lines = issued.transfer.lines.iter().filter(|line| is_of(line));
    let back = |line: &Line| {
        let units = line.quantity.units();
        Movement { in_transit_change: -units, ..occasion.movement(&line.sku, units, &line.trace) }
    };
    lines.map(back).collect()
}

/// The units are not in transit to the database any more.
fn give_back<B: Books>(books: &mut B, book: &Book, lines: &[Line]) -> Result<(), B::Error> {
    let mut units: BTreeMap<&Sku, i64> = BTreeMap::new();
    for line in lines {
        *units.entry(&line.sku).or_default() += line.quantity.units();
    }
    let skus: Vec<Sku> = units.keys().map(|sku| (*sku).clone()).collect();
    let accounts = books.accounts(book.id, &skus)?;
    let mut changed = Vec::new();
    for ((sku, units), account) in units.into_iter().zip(accounts) {
        let mut allotment = account.allotment;
        allotment.give(-units);
        changed.push((sku.clone(), allotment));
    }
    books.save_allotments(book.id, &changed)
}
