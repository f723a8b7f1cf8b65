//! Retiring databases that were lost, stolen or replaced.
//!
//! Only an operator knows that a database is gone for good. As long as it may come back and sell
//! what it was granted, the books leave its units with it. Once it is retired, none of its entries
//! is booked any more, and its allotment is granted to the gateway's next database. Decisions that
//! it had not sent are not in the books. The answer says how many entries are known to be missing;
//! the next cycle count finds their effect on the stock.

use uuid::Uuid;

use super::books::Books;
use super::records::{Book, hub_request_id};
use super::transfer::issue;
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Line, Quantity, Sku};

/// What retiring a database did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The retired database.
    pub epoch: Uuid,
    /// The position up to which its ledger is in the books.
    pub acked_seq: u64,
    /// The position up to which its ledger is known to go. The entries between the two are lost.
    pub known_seq: u64,
    /// The database that its allotment was granted to, if the gateway has greeted with a new one.
    pub moved_to: Option<Uuid>,
}

/// The gateway has no database of this epoch, or is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchEpoch {
    /// The epochs that the gateway has, the one in force last; empty for an unknown gateway.
    pub known: Vec<Uuid>,
}

/// Retires a database of a gateway: the one with this epoch, or else the oldest one that is not
/// retired. Retiring a database again changes nothing.
///
/// # Errors
/// If the books database fails.
pub fn retire<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    epoch: Option<Uuid>,
) -> Result<Result<Retired, NoSuchEpoch>, B::Error> {
    let all = books.books(gateway)?;
    let known: Vec<Uuid> = all.iter().map(|book| book.cursor.epoch).collect();
    let found = match epoch {
        Some(epoch) => all.iter().find(|book| book.cursor.epoch == epoch),
        None => all.iter().find(|book| !book.retired).or(all.last()),
    };
    let (Some(book), Some(newest)) = (found, all.last()) else {
        return Ok(Err(NoSuchEpoch { known }));
    };
    let mut book = book.clone();
    if !book.retired {
        mark_retired(&mut book);
        books.save(&book)?;
    }
    let can_move = newest.id != book.id && newest.is_open();
    let moved_to = if can_move { Some(move_to(books, newest, &all, book.id)?) } else { None };
    let (epoch, acked_seq, known_seq) = (book.cursor.epoch, book.cursor.acked_seq, book.known_seq);
    Ok(Ok(Retired { epoch, acked_seq, known_seq, moved_to }))
}

/// Grants the allotments of retired databases to the newest one; returns its epoch. The newest one
/// has no problem any more if `retired` was the last database that was replaced and not retired.
fn move_to<B: Books>(
    books: &mut B,
    newest: &Book,
    all: &[Book],
    retired: i64,
) -> Result<Uuid, B::Error> {
    let mut newest = newest.clone();
    bring_back(books, &mut newest)?;
    let mut left = all.iter().filter(|other| other.id != retired && other.id != newest.id);
    if left.all(|other| other.retired) && newest.differing.is_empty() {
        newest.problem = None;
    }
    books.save(&newest)?;
    Ok(newest.cursor.epoch)
}

fn mark_retired(book: &mut Book) {
    let (acked_seq, known_seq) = (book.cursor.acked_seq, book.known_seq);
    let lost = match known_seq > acked_seq {
        true => format!("entries {} to {known_seq} never arrived", acked_seq + 1),
        false => "as far as is known nothing is missing".into(),
    };
    let reason = format!("the database was retired at entry {acked_seq}; {lost}");
    book.retired = true;
    book.online = false;
    book.problem = Some(reason.clone());
    book.cursor.fenced = Some(reason);
}

/// Grants the allotments of a gateway's retired databases to its new one.
pub(super) fn bring_back<B: Books>(books: &mut B, new: &mut Book) -> Result<(), B::Error> {
    for old in books.books(&new.gateway)? {
        if old.retired && old.id != new.id {
            move_stock(books, &old, new)?;
        }
    }
    Ok(())
}

fn move_stock<B: Books>(books: &mut B, old: &Book, new: &mut Book) -> Result<(), B::Error> {
    let held = books.allotments(old.id)?;
    let moved = held.into_iter().filter_map(|(sku, mut allotment)| {
        let units = u64::try_from(allotment.on_hand + allotment.in_transit).ok()?;
        let quantity = Quantity::of_sum(units)?;
        let (on_hand, _) = allotment.take_all();
        Some((Line::new(sku, quantity), allotment, on_hand))
    });
    let moved: Vec<_> = moved.collect();
    if moved.is_empty() {
        return Ok(());
    }
    let lines: Vec<Line> = moved.iter().map(|(line, _, _)| line.clone()).collect();
    let left: Vec<_> =
        moved.iter().map(|(line, allotment, _)| (line.sku.clone(), *allotment)).collect();
    books.save_allotments(old.id, &left)?;
    // What was in transit to the old database is now in transit to the new one, and so is what the
    // old one had on hand.
    let on_hand = moved.iter().map(|(line, _, on_hand)| (&line.sku, *on_hand));
    count_in_transit(books, on_hand.filter(|(_, on_hand)| *on_hand != 0))?;
    let request_id = hub_request_id("bring-back", new);
    issue(books, new, &request_id, Direction::Grant, &lines)
}

fn count_in_transit<'a, B: Books>(
    books: &mut B,
    units: impl Iterator<Item = (&'a Sku, i64)>,
) -> Result<(), B::Error> {
    let units: Vec<(&Sku, i64)> = units.collect();
    let skus: Vec<Sku> = units.iter().map(|(sku, _)| (*sku).clone()).collect();
    books.expect_skus(&skus)?;
    let mut pools = Vec::with_capacity(units.len());
    for (sku, units) in units {
        let mut pool = books.pool(sku)?;
        pool.in_transit += units;
        pools.push((sku.clone(), pool));
    }
    books.save_pools(&pools)
}
