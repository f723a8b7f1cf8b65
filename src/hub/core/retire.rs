//! Dead, stolen and replaced databases.
//!
//! Only an operator knows that a database is gone for good: as long as it may come back and sell
//! what it was granted, its units are in its hands. Retiring it says so. From then on nothing of
//! it is merged any more, and what the books say it held is granted to the gateway's next
//! database. What it had decided and not sent is not in the books; how much that is, as far as it
//! is known, is reported, and the next cycle count finds it.

use uuid::Uuid;

use super::books::{Allotment, Book, Books};
use super::policy::own_request;
use super::transfer::issue;
use crate::protocol::topic::GatewayId;
use crate::stock::{Direction, Line, Quantity};

/// What retiring a database did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Which database.
    pub epoch: Uuid,
    /// Up to where its ledger is in the books.
    pub acked_seq: u64,
    /// Up to where it is known to have gone: what is between is lost to the books.
    pub known_seq: u64,
    /// The database to which its stock was granted, if there is one already.
    pub moved_to: Option<Uuid>,
}

/// There is no such gateway or database; says which there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchEpoch {
    /// The epochs of the gateway, the one in force last.
    pub known: Vec<Uuid>,
}

/// Retires a database of a gateway: the one named, else the oldest that was replaced and not
/// retired, else the one in force.
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
        close(&mut book);
        books.save(&book)?;
    }
    let mut moved_to = None;
    if newest.id != book.id && newest.is_open() {
        let mut newest = newest.clone();
        bring_back(books, &mut newest)?;
        let left = all.iter().filter(|other| other.id != book.id && other.id != newest.id);
        if left.clone().all(|other| other.retired) && newest.differing.is_empty() {
            newest.problem = None;
        }
        books.save(&newest)?;
        moved_to = Some(newest.cursor.epoch);
    }
    let (epoch, acked_seq, known_seq) = (book.cursor.epoch, book.cursor.acked_seq, book.known_seq);
    Ok(Ok(Retired { epoch, acked_seq, known_seq, moved_to }))
}

fn close(book: &mut Book) {
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

/// Grants a gateway's new database what its retired ones held.
pub(super) fn bring_back<B: Books>(books: &mut B, new: &mut Book) -> Result<(), B::Error> {
    for old in books.books(&new.gateway)? {
        if old.retired && old.id != new.id {
            move_stock(books, &old, new)?;
        }
    }
    Ok(())
}

fn move_stock<B: Books>(books: &mut B, old: &Book, new: &mut Book) -> Result<(), B::Error> {
    let mut lines = Vec::new();
    for (sku, allotment) in books.allotments(old.id)? {
        let units = allotment.on_hand + allotment.in_transit;
        if let Some(quantity) = u64::try_from(units).ok().and_then(Quantity::of_sum) {
            // Units in transit to the old database stay in transit, but to the new one.
            let mut pool = books.sku_record(&sku)?.pool.unwrap_or_default();
            pool.in_transit -= allotment.in_transit;
            books.save_pools(&[(sku.clone(), pool)])?;
            books.save_allotments(old.id, &[(sku.clone(), Allotment::default())])?;
            lines.push(Line { sku, quantity });
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let request_id = own_request("bring-back", new);
    issue(books, new, &request_id, Direction::Grant, &lines)
}
