//! Bringing back what a retired database held: at an operator's request, and only once.

use uuid::Uuid;

use super::booking;
use super::books::Books;
use super::movement::{MovementKind, Occasion};
use super::records::{Allotment, Book};
use super::retire::NoSuchEpoch;
use super::transfer::issue;
use super::whole_units;
use crate::protocol::topic::GatewayId;
use crate::stock::{Cause, Direction, Line, Quantity, RequestId, Sku};

/// What was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroughtBack {
    /// What is granted to the other database.
    pub lines: Vec<Line>,
    /// Whether it had been brought back to it before.
    pub replayed: bool,
}

/// Why nothing can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotBringBack {
    /// The gateway has no such database.
    NoSuchEpoch(NoSuchEpoch),
    /// The database may still come back and sell what it holds.
    NotRetired,
    /// The other database gets no transfers, for this reason.
    Closed(String),
}

/// Grants what a retired database holds to the one in force. Doing it again changes nothing.
///
/// # Errors
/// If the books database fails.
pub fn bring_back<B: Books>(
    books: &mut B,
    gateway: &GatewayId,
    from: Uuid,
    to: Uuid,
    cause: &Cause,
) -> Result<Result<BroughtBack, CannotBringBack>, B::Error> {
    let all = books.books(gateway)?;
    let find = |epoch| all.iter().find(|book| book.cursor.epoch == epoch);
    let (Some(old), Some(new), Some(newest)) = (find(from), find(to), all.last()) else {
        let known = all.iter().map(|book| book.cursor.epoch).collect();
        return Ok(Err(CannotBringBack::NoSuchEpoch(NoSuchEpoch { known })));
    };
    let request_id = request_id(old, new);
    let done = books.transfers_of(&request_id)?;
    if !done.is_empty() {
        let lines = done.into_iter().flat_map(|issued| issued.transfer.lines).collect();
        return Ok(Ok(BroughtBack { lines, replayed: true }));
    }
    if !old.retired {
        return Ok(Err(CannotBringBack::NotRetired));
    }
    if let Some(reason) = new.why_closed() {
        return Ok(Err(CannotBringBack::Closed(reason.into())));
    }
    if new.id != newest.id {
        let reason = format!("it was replaced by {}", newest.cursor.epoch);
        return Ok(Err(CannotBringBack::Closed(reason)));
    }
    let held = books.allotments(old.id)?;
    if let Some(sku) = withheld(&held, new) {
        return Ok(Err(CannotBringBack::Closed(whole_units::why_withheld(sku))));
    }
    let lines = move_stock(books, (old, held), &mut new.clone(), &request_id, cause)?;
    Ok(Ok(BroughtBack { lines, replayed: false }))
}

/// A SKU that the old database has units of, and the new one books in whole units: no transfer of it
/// would be sent, nor any that follows.
fn withheld<'h>(held: &'h [(Sku, Allotment)], new: &Book) -> Option<&'h Sku> {
    let has_units = |held: &Allotment| held.on_hand + held.in_transit > 0;
    let mut moved = held.iter().filter(|(_, held)| has_units(held)).map(|(sku, _)| sku);
    moved.find(|sku| new.whole_units.contains(sku))
}

/// The same for the same two databases.
fn request_id(old: &Book, new: &Book) -> RequestId {
    let (from, to) = (old.cursor.epoch.simple(), new.id);
    RequestId::parse(&format!("bring-back:{from}:{to}")).expect("short and plain")
}

fn move_stock<B: Books>(
    books: &mut B,
    (old, held): (&Book, Vec<(Sku, Allotment)>),
    new: &mut Book,
    request_id: &RequestId,
    cause: &Cause,
) -> Result<Vec<Line>, B::Error> {
    let moved = held.into_iter().filter_map(|(sku, mut allotment)| {
        let units = u64::try_from(allotment.on_hand + allotment.in_transit).ok()?;
        let quantity = Quantity::of_sum(units)?;
        let (on_hand, _) = allotment.take_all();
        Some((Line::new(sku, quantity), allotment, on_hand))
    });
    let mut moved: Vec<_> = moved.collect();
    moved.sort_by(|(a, ..), (b, ..)| a.sku.cmp(&b.sku));
    let lines: Vec<Line> = moved.iter().map(|(line, _, _)| line.clone()).collect();
    if lines.is_empty() {
        return Ok(lines);
    }
    let left: Vec<_> =
        moved.iter().map(|(line, allotment, _)| (line.sku.clone(), *allotment)).collect();
    books.save_allotments(old.id, &left)?;
    // What was in transit to the old database is now in transit to the new one, and so is what the
    // old one had on hand.
    let occasion = Occasion {
        kind: MovementKind::BringBack,
        gateway: Some(&new.gateway),
        order_id: None,
        request_id,
        cause,
    };
    let on_hand = moved.iter().filter(|(_, _, on_hand)| *on_hand != 0);
    let movement =
        |(line, _, on_hand): &(Line, _, i64)| occasion.movement(&line.sku, *on_hand, &None);
    booking::book(books, &on_hand.map(movement).collect::<Vec<_>>())?;
    issue(books, new, request_id, Direction::Grant, &lines, cause)?;
    Ok(lines)
}
