//! Bringing back what a retired database held: at an operator's request, and only once.

use uuid::Uuid;

use super::booking::{self, TooMuch};
use super::books::Books;
use super::movement::{MovementKind, Occasion};
use super::records::{Allotment, Book};
use super::retire::NoSuchEpoch;
use super::transfer::{issue, without_room};
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
        return Ok(Err(CannotBringBack::Closed(whole_units::why_withheld(new, sku))));
    }
    let lines: Vec<Line> = held.iter().filter_map(|(sku, held)| all_of(sku, held)).collect();
    if let Some(sku) = without_room(books, new, &lines)? {
        let reason = format!("it would have more of SKU {sku} than a stock can hold");
        return Ok(Err(CannotBringBack::Closed(reason)));
    }
    let moved = move_stock(books, (old, held), &mut new.clone(), &request_id, cause)?;
    Ok(match moved {
        Ok(lines) => Ok(BroughtBack { lines, replayed: false }),
        Err(TooMuch(sku)) => Err(CannotBringBack::Closed(format!(
            "more of SKU {sku} would be in transit than can be counted"
        ))),
    })
}

/// A SKU that the old database has units of, and the new one books in other decimals: no transfer of it
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

/// All that a database has of a SKU, on hand and in transit.
fn all_of(sku: &Sku, held: &Allotment) -> Option<Line> {
    let units = u64::try_from(held.on_hand + held.in_transit).ok()?;
    Some(Line::new(sku.clone(), Quantity::of_sum(units)?))
}

fn move_stock<B: Books>(
    books: &mut B,
    (old, held): (&Book, Vec<(Sku, Allotment)>),
    new: &mut Book,
    request_id: &RequestId,
    cause: &Cause,
) -> Result<Result<Vec<Line>, TooMuch>, B::Error> {
    let moved = held.into_iter().filter_map(|(sku, mut allotment)| {
        let line = all_of(&sku, &allotment)?;
        let (_, in_transit) = allotment.take_all();
        Some((line, allotment, in_transit))
    });
    let mut moved: Vec<_> = moved.collect();
    moved.sort_by(|(a, ..), (b, ..)| a.sku.cmp(&b.sku));
    let lines: Vec<Line> = moved.iter().map(|(line, _, _)| line.clone()).collect();
    if lines.is_empty() {
        return Ok(Ok(lines));
    }
    // What was in transit to the old database is so no more. All of a line is in transit to the new
    // one.
    let occasion = Occasion {
        kind: MovementKind::BringBack,
        gateway: Some(&new.gateway),
        order_id: None,
        request_id,
        cause,
    };
    let movements = moved.iter().flat_map(|(Line { sku, quantity, .. }, _, in_transit)| {
        let moved = [-in_transit, quantity.units()].into_iter().filter(|units| *units != 0);
        moved.map(|units| occasion.movement(sku, units, &None))
    });
    if let Err(too_much) = booking::book(books, &movements.collect::<Vec<_>>())? {
        return Ok(Err(too_much));
    }
    let left: Vec<_> =
        moved.iter().map(|(line, allotment, _)| (line.sku.clone(), *allotment)).collect();
    books.save_allotments(old.id, &left)?;
    issue(books, new, request_id, Direction::Grant, &lines, cause)?;
    Ok(Ok(lines))
}
