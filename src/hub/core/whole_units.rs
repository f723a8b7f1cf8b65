//! SKUs that a gateway booked in whole units before it knew that the catalogue gives them decimals.
//!
//! The decimals of a SKU are fixed where it is booked first. So such a database keeps to whole units,
//! and the books count them in the catalogue's smallest unit, so that no sum mixes the two. Its own
//! ledger stays as it is, and it gets no transfers of that SKU. People settle the conflict: they keep the
//! goods under another SKU, or give the gateway a new database, which learns of the decimals first.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::books::Books;
use super::decimals::SkuDecimals;
use super::problem;
use super::records::{Allotment, Book, WholeUnits};
use crate::limits::WHOLE_UNITS_MAX;
use crate::protocol::frame::Hello;
use crate::stock::{Decimals, Entry, Seq, Sku, Transfer};

/// How a problem begins that says so.
const CONFLICT: &str = "it has booked SKU ";
/// The beginning that an earlier version wrote.
const CONFLICT_BEFORE: &str = "it has booked in whole units";
/// What settles it …
const SETTLE: &str =
    "count it to 0 there and keep the goods under another SKU, or give the gateway a new database";
/// … and what does where units are in transit, which no count ends.
const SETTLE_IN_TRANSIT: &str =
    "what is on its way there holds up all that follows, so give the gateway a new database";

impl WholeUnits {
    /// How many of the catalogue's smallest units make one of the database's.
    pub fn factor(&self, sku: &Sku) -> i64 {
        let of = self.skus.iter().find(|(of, _)| of == sku);
        of.map_or(1, |(_, decimals)| decimals.one().cast_signed())
    }

    pub fn contains(&self, sku: &Sku) -> bool {
        self.skus().any(|of| of == sku)
    }

    /// The SKUs that the database books in whole units.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.skus.iter().map(|(sku, _)| sku)
    }

    /// The decimals of the amounts in the database's own ledger.
    pub fn own_decimals(&self, sku: &Sku, decimals: &SkuDecimals) -> Decimals {
        if self.contains(sku) { Decimals::default() } else { decimals.of(sku) }
    }

    /// The figures of the database itself.
    pub(super) fn own(&self, sku: &Sku, (on_hand, reserved): (i64, i64)) -> (i64, i64) {
        let factor = self.factor(sku);
        (on_hand / factor, reserved / factor)
    }

    pub(super) fn receive_greeting(&mut self, hello: &Hello) {
        (self.greeted_seq, self.greeted_catalogue) = (hello.ledger_seq, hello.taken.catalogue);
    }

    /// The last change of the catalogue that the database can have known when it made an entry which
    /// it sent with `taken`.
    fn known_at(&self, seq: Seq, taken: u64) -> u64 {
        if seq <= self.greeted_seq { taken.min(self.greeted_catalogue) } else { taken }
    }
}

/// Why a database gets no transfer of a SKU that it books in whole units.
pub(super) fn why_withheld(sku: &Sku) -> String {
    conflict(sku, SETTLE)
}

fn conflict(skus: impl Display, settle: &str) -> String {
    format!(
        "{CONFLICT}{skus} in whole units, before it knew that the catalogue gives decimals there, and keeps to them; it is granted none of it: {settle}"
    )
}

/// Says in a database's problem of which SKUs it has units in whole units, as long as it has any.
pub(super) fn restate<B: Books>(books: &mut B, book: &mut Book) -> Result<(), B::Error> {
    let skus: Vec<Sku> = book.whole_units.skus().cloned().collect();
    if skus.is_empty() {
        return Ok(());
    }
    let accounts = books.accounts(book.id, &skus)?;
    let held = skus.into_iter().zip(accounts.into_iter().map(|of| of.allotment));
    let held: Vec<(Sku, Allotment)> =
        held.filter(|(_, held)| held.on_hand + held.in_transit != 0).collect();
    for beginning in [CONFLICT, CONFLICT_BEFORE] {
        problem::take_back(&mut book.problem, beginning);
    }
    if let [(first, _), others @ ..] = held.as_slice() {
        let is_coming = held.iter().any(|(_, held)| held.in_transit != 0);
        let settle = if is_coming { SETTLE_IN_TRANSIT } else { SETTLE };
        let why = match others.len() {
            0 => conflict(first, settle),
            others => conflict(format_args!("{first} and {others} more"), settle),
        };
        problem::add(&mut book.problem, &why);
    }
    Ok(())
}

/// Finds the SKUs among those that are new to a database which it booked without the decimals that
/// the catalogue gives them.
pub(super) fn find<B: Books>(
    books: &mut B,
    book: &mut Book,
    new: &[Sku],
    entries: &[Entry],
    taken: u64,
) -> Result<(), B::Error> {
    let last = if new.is_empty() { 0 } else { books.last_listing()? + book.catalogue_base };
    let mut unseen = Vec::new();
    for sku in new {
        let first = entries.iter().find(|entry| entry.sku == *sku);
        let known = first.map_or(last, |first| book.whole_units.known_at(first.seq, taken));
        if known < last {
            unseen.push((sku.clone(), known.saturating_sub(book.catalogue_base)));
        }
    }
    if unseen.is_empty() {
        return Ok(());
    }
    for (sku, decimals) in books.decimals_after(&unseen)? {
        let has_decimals = decimals != Decimals::default();
        if has_decimals && book.whole_units.skus.len() < WHOLE_UNITS_MAX {
            book.whole_units.skus.push((sku, decimals));
        }
    }
    Ok(())
}

/// How many of the transfers may be sent: up to the first one with a SKU in other units, or whose
/// decimals the database does not know yet.
pub(super) fn sendable<B: Books>(
    books: &mut B,
    book: &Book,
    transfers: &[Transfer],
) -> Result<usize, B::Error> {
    let lines = transfers.iter().flat_map(|transfer| &transfer.lines);
    let mut skus: Vec<Sku> = lines.map(|line| line.sku.clone()).collect();
    skus.sort();
    skus.dedup();
    let waiting = unknown_decimals(books, book, skus)?;
    let waits = |sku: &Sku| book.whole_units.contains(sku) || waiting.contains_key(sku);
    let waits = |transfer: &Transfer| transfer.lines.iter().any(|line| waits(&line.sku));
    Ok(transfers.iter().position(waits).unwrap_or(transfers.len()))
}

/// Those of the SKUs whose decimals the database may not know.
fn unknown_decimals<B: Books>(
    books: &mut B,
    book: &Book,
    mut skus: Vec<Sku>,
) -> Result<BTreeMap<Sku, Decimals>, B::Error> {
    // What was in its ledger when it greeted may be of another SKU than the catalogue thinks.
    let has_backlog = book.cursor.acked_seq < book.whole_units.greeted_seq;
    let known = book.taken.catalogue.saturating_sub(book.catalogue_base);
    if !has_backlog && known >= books.last_listing()? {
        return Ok(BTreeMap::new());
    }
    let accounts = books.accounts(book.id, &skus)?;
    let is_new: Vec<bool> = accounts.iter().map(|of| !of.allotment.is_booked()).collect();
    let mut is_new = is_new.into_iter();
    skus.retain(|_| is_new.next().unwrap_or(true));
    let after = if has_backlog { 0 } else { known };
    let skus: Vec<(Sku, u64)> = skus.into_iter().map(|sku| (sku, after)).collect();
    Ok(books.decimals_after(&skus)?.into_iter().collect())
}
