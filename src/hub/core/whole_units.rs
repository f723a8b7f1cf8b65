//! SKUs that a gateway booked in other decimals than the catalogue gives them now: in whole units, or
//! in those of an earlier catalogue.
//!
//! The decimals of a SKU are fixed where it is booked first. So such a database keeps to its own, and
//! the books count them in the catalogue's smallest unit, so that no sum mixes the two. Its own
//! ledger stays as it is. As long as it has units of that SKU, or some are on their way, it gets no
//! transfers of it. People settle the conflict: they count the SKU to 0 there and keep the goods under
//! another one, or give the gateway a new database, which learns of the decimals first. A database in
//! which it was settled can be granted what is a whole number of its own units.
//!
//! In which decimals it books, a database says with its entries. Of one that does not, it is known by
//! the catalogue that it had taken.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::books::Books;
use super::decimals::SkuDecimals;
use super::problem::{self, WAITING};
use super::records::{Allotment, Book, WholeUnits};
use super::scale::Scale;
use crate::limits::WHOLE_UNITS_MAX;
use crate::protocol::frame::{BookedDecimals, Entries, Hello};
use crate::stock::{Decimals, Direction, Entry, Kind, Line, Quantity, Seq, Sku, Transfer};

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
    fn scale(&self, sku: &Sku) -> Option<Scale> {
        self.skus.iter().find(|(of, _)| of == sku).map(|(_, scale)| *scale)
    }

    /// Units of the database in the catalogue's; `None` if they are no whole number of these.
    pub(super) fn to_books(&self, sku: &Sku, units: i64) -> Option<i64> {
        self.scale(sku).map_or(Some(units), |scale| scale.to_books(units))
    }

    /// The same, rounded up.
    pub(super) fn to_books_up(&self, sku: &Sku, units: i64) -> i64 {
        self.scale(sku).map_or(units, |scale| scale.to_books_up(units))
    }

    pub fn contains(&self, sku: &Sku) -> bool {
        self.scale(sku).is_some()
    }

    /// The SKUs that the database books in other decimals.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.skus.iter().map(|(sku, _)| sku)
    }

    /// Those of them of which this was not settled.
    pub fn in_conflict(&self) -> impl Iterator<Item = &Sku> {
        self.skus.iter().filter(|(_, scale)| !scale.is_settled).map(|(sku, _)| sku)
    }

    /// The decimals of the amounts in the database's own ledger.
    pub fn own_decimals(&self, sku: &Sku, decimals: &SkuDecimals) -> Decimals {
        self.own_decimals_of(sku).unwrap_or_else(|| decimals.of(sku))
    }

    /// The same; `None` if they are those of the catalogue.
    pub(super) fn own_decimals_of(&self, sku: &Sku) -> Option<Decimals> {
        self.scale(sku).map(|scale| scale.own)
    }

    /// The figures of the database itself.
    pub(super) fn own(&self, sku: &Sku, (on_hand, reserved): (i64, i64)) -> (i64, i64) {
        let own = |units| self.scale(sku).map_or(units, |scale| scale.to_own_down(units));
        (own(on_hand), own(reserved))
    }

    /// The quantity of a line in the units of the database. A grant is exact or not to be sent; a
    /// recall asks for less if it must, but for one unit.
    pub(super) fn own_quantity(&self, direction: Direction, line: &Line) -> Option<Quantity> {
        let Some(scale) = self.scale(&line.sku) else { return Some(line.quantity) };
        let units = match direction {
            Direction::Grant => scale.to_own(line.quantity.units())?,
            Direction::Recall => scale.to_own_down(line.quantity.units()).max(1),
        };
        Quantity::of_sum(u64::try_from(units).ok()?)
    }

    /// Gives transfers in the units of the database.
    pub(super) fn put_in_own(&self, transfers: &mut [Transfer]) {
        for Transfer { direction, lines, .. } in transfers {
            for line in lines {
                line.quantity = self.own_quantity(*direction, line).unwrap_or(line.quantity);
            }
        }
    }

    /// Why the database gets no transfer of a line, if it gets none.
    pub(super) fn why_withheld(&self, direction: Direction, line: &Line) -> Option<String> {
        let scale = self.scale(&line.sku)?;
        if !scale.is_settled {
            return Some(conflict(&line.sku, &how(scale), SETTLE));
        }
        let is_exact = scale.to_own(line.quantity.units()).is_some()
            && self.own_quantity(direction, line).is_some();
        let (sku, own) = (&line.sku, in_decimals(scale.own));
        (!is_exact).then(|| {
            format!(
                "it books SKU {sku} {own}, and this quantity needs more decimals; choose one that does not"
            )
        })
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

/// Why a database gets no transfer of a SKU of which it is in conflict.
pub(super) fn why_withheld(book: &Book, sku: &Sku) -> String {
    conflict(sku, &book.whole_units.scale(sku).map_or_else(String::new, how), SETTLE)
}

/// Why entries wait whose quantities have more decimals than the books.
pub(super) fn why_inexact(book: &Book, entry: &Entry) -> Option<String> {
    let scale = book.whole_units.scale(&entry.sku)?;
    let is_exact = |units| scale.to_books(units).is_some();
    let Entry { seq, sku, change, reserved_change, .. } = entry;
    let (own, listed) = (in_decimals(scale.own), in_decimals(scale.listed));
    (!is_exact(*change) || !is_exact(*reserved_change)).then(|| {
        format!(
            "{WAITING}: entry {seq} books SKU {sku} {own}, and the books keep it {listed}, which would round this quantity; give the gateway a new database, and keep the goods under another SKU"
        )
    })
}

fn in_decimals(decimals: Decimals) -> String {
    match u8::from(decimals) {
        0 => "in whole units".into(),
        1 => "in 1 decimal".into(),
        count => format!("in {count} decimals"),
    }
}

/// How a database books a SKU, and since when.
fn how(scale: Scale) -> String {
    let (own, listed) = (in_decimals(scale.own), u8::from(scale.listed));
    match u8::from(scale.own) {
        0 => format!("{own}, before it knew that the catalogue gives decimals there"),
        _ => format!("{own}, before it knew that the catalogue gives it {listed}"),
    }
}

fn conflict(skus: impl Display, how: &str, settle: &str) -> String {
    format!("{CONFLICT}{skus} {how}, and keeps to them; it is granted none of it: {settle}")
}

/// Says in a database's problem of which SKUs it has units in other decimals, as long as it has any.
pub(super) fn restate<B: Books>(books: &mut B, book: &mut Book) -> Result<(), B::Error> {
    if book.whole_units.skus.is_empty() {
        return Ok(());
    }
    let skus: Vec<Sku> = book.whole_units.in_conflict().cloned().collect();
    let accounts = books.accounts(book.id, &skus)?;
    let held = skus.into_iter().zip(accounts.into_iter().map(|of| of.allotment));
    let held: Vec<(Sku, Allotment)> =
        held.filter(|(_, held)| held.on_hand + held.in_transit != 0).collect();
    for beginning in [CONFLICT, CONFLICT_BEFORE] {
        problem::take_back(&mut book.problem, beginning);
    }
    if let [(first, _), others @ ..] = held.as_slice() {
        let how = book.whole_units.scale(first).map_or_else(String::new, how);
        let is_coming = held.iter().any(|(_, held)| held.in_transit != 0);
        let settle = if is_coming { SETTLE_IN_TRANSIT } else { SETTLE };
        let why = match others.len() {
            0 => conflict(first, &how, settle),
            others => conflict(format_args!("{first} and {others} more"), &how, settle),
        };
        problem::add(&mut book.problem, &why);
    }
    Ok(())
}

/// Notes where a database has nothing left of a SKU that it books in other decimals, and where it
/// enters units of it again.
pub(super) fn note_settled<B: Books>(
    books: &mut B,
    book: &mut Book,
    entries: &[Entry],
) -> Result<(), B::Error> {
    let changed = |sku: &&Sku| entries.iter().any(|entry| entry.sku == **sku);
    let skus: Vec<Sku> = book.whole_units.skus().filter(changed).cloned().collect();
    if skus.is_empty() {
        return Ok(());
    }
    let accounts = books.accounts(book.id, &skus)?;
    let held: BTreeMap<Sku, Allotment> =
        skus.into_iter().zip(accounts.into_iter().map(|of| of.allotment)).collect();
    for (sku, scale) in &mut book.whole_units.skus {
        let Some(held) = held.get(sku) else { continue };
        let enters =
            |entry: &Entry| entry.sku == *sku && entry.change > 0 && entry.kind != Kind::Grant;
        if (held.on_hand, held.in_transit) == (0, 0) {
            scale.is_settled = true;
        } else if held.in_transit == 0 && entries.iter().any(enters) {
            // What is on its way must arrive.
            scale.is_settled = false;
        }
    }
    Ok(())
}

/// Finds the SKUs among those that are new to a database which it booked in other decimals than the
/// catalogue gives them. Returns why the entries have to wait, if the books cannot count them.
pub(super) fn find<B: Books>(
    books: &mut B,
    book: &mut Book,
    new: &[Sku],
    frame: &Entries,
) -> Result<Option<String>, B::Error> {
    let asked = to_compare(books, book, new, frame)?;
    if asked.is_empty() {
        return Ok(None);
    }
    for (sku, listed, then) in books.decimals_at(&asked)? {
        let own = frame.decimals.as_ref().map_or(then, |booked| decimals_in(booked, &sku));
        if own == listed {
            continue;
        }
        if own > listed && !is_fixed(books, &sku)? {
            return Ok(Some(too_fine(&sku, own, listed)));
        }
        if book.whole_units.skus.len() >= WHOLE_UNITS_MAX {
            return Ok(Some(format!(
                "{WAITING}: it books SKU {sku} {}, and the catalogue gives it other decimals, as {WHOLE_UNITS_MAX} more of its SKUs; give the gateway a new database",
                in_decimals(own)
            )));
        }
        book.whole_units.skus.push((sku, Scale::new(listed, own)));
    }
    Ok(None)
}

/// The SKUs whose decimals are to be compared, and the last change of the catalogue that the database
/// can have known when it booked each first.
fn to_compare<B: Books>(
    books: &mut B,
    book: &Book,
    new: &[Sku],
    frame: &Entries,
) -> Result<Vec<(Sku, u64)>, B::Error> {
    let new: Vec<&Sku> = new.iter().filter(|sku| !book.whole_units.contains(sku)).collect();
    let last = if new.is_empty() { 0 } else { books.last_listing()? };
    let is_whole = frame.decimals.as_ref().is_none_or(Vec::is_empty);
    if new.is_empty() || last == 0 && is_whole {
        return Ok(Vec::new());
    }
    let known = |sku: &Sku| {
        let first = frame.entries.iter().find(|entry| entry.sku == *sku);
        let known = |first: &Entry| book.whole_units.known_at(first.seq, frame.taken.catalogue);
        first.map_or(last + book.catalogue_base, known)
    };
    let known = new.into_iter().map(|sku| (sku.clone(), known(sku)));
    let may_differ =
        |(_, known): &(Sku, u64)| frame.decimals.is_some() || *known < last + book.catalogue_base;
    let in_books = |(sku, known): (Sku, u64)| (sku, known.saturating_sub(book.catalogue_base));
    Ok(known.filter(may_differ).map(in_books).collect())
}

fn decimals_in(booked: &BookedDecimals, sku: &Sku) -> Decimals {
    booked.iter().find(|(of, _)| of == sku).map(|(_, decimals)| *decimals).unwrap_or_default()
}

/// Whether the catalogue cannot give a SKU other decimals any more.
fn is_fixed<B: Books>(books: &mut B, sku: &Sku) -> Result<bool, B::Error> {
    books.expect_skus(std::slice::from_ref(sku))?;
    Ok(books.sku_record(sku)?.pool.is_some())
}

fn too_fine(sku: &Sku, own: Decimals, listed: Decimals) -> String {
    let (own, listed) = (in_decimals(own), in_decimals(listed));
    format!(
        "{WAITING}: it has booked SKU {sku} {own}, and the catalogue gives it {listed}; publish a catalogue that gives it {own}",
    )
}

/// How many of the transfers may be sent: up to the first one with a SKU in conflict, that the
/// database's own units cannot express, or with a SKU whose decimals the database does not know yet.
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
    let waits = |transfer: &Transfer| {
        let waits = |line: &Line| {
            book.whole_units.in_conflict().any(|sku| *sku == line.sku)
                || book.whole_units.own_quantity(transfer.direction, line).is_none()
                || waiting.contains_key(&line.sku)
        };
        transfer.lines.iter().any(waits)
    };
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
