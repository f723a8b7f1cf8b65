//! Demand: what was sold, and what was refused for want of stock, per day, place and SKU.

use std::collections::BTreeMap;

use super::books::Books;
use super::records::{Book, DemandCounts};
use crate::limits::DEMAND_DAYS_MAX;
use crate::protocol::frame::{Demand, RefusedDemand};
use crate::stock::{Day, Entry, Kind, Sku};

/// Counts what new entries have sold.
pub(super) fn count_sold<B: Books>(
    books: &mut B,
    book: &Book,
    entries: &[Entry],
    now_ms: i64,
) -> Result<(), B::Error> {
    let mut sold: BTreeMap<(i64, &Sku), i64> = BTreeMap::new();
    for entry in entries {
        let units = match entry.kind {
            Kind::Deduct | Kind::Commit => -entry.change,
            // What undoes a restock is negative, and no sale.
            Kind::Rollback => -entry.change.max(0),
            Kind::Restock
            | Kind::Count
            | Kind::CountRollback
            | Kind::Reserve
            | Kind::Release
            | Kind::Expire
            | Kind::Grant
            | Kind::Recall => 0,
        };
        if units != 0 {
            let units = book.whole_units.to_books(&entry.sku, units).unwrap_or_default();
            *sold.entry((day_of(entry, now_ms), &entry.sku)).or_default() += units;
        }
    }
    for ((day, sku), sold) in sold {
        books.count_demand(book, day, sku, DemandCounts { sold, ..DemandCounts::default() })?;
    }
    Ok(())
}

/// Counts what a gateway says it has refused. A day that is too far away is left out, and a SKU whose
/// decimals the gateway may not know: it reports that one again once it has taken the catalogue.
pub(super) fn count_refused<B: Books>(
    books: &mut B,
    book: &Book,
    demand: &Demand,
    now_ms: i64,
) -> Result<(), B::Error> {
    let day = i64::from(demand.day);
    if !is_near(day, now_ms) {
        return Ok(());
    }
    let outdated = outdated(books, book, &demand.refused)?;
    for RefusedDemand { sku, lines, units } in
        demand.refused.iter().filter(|refused| !outdated.contains(&refused.sku))
    {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let refused_lines = number(*lines);
        let refused_units = book.whole_units.to_books_up(sku, number(*units));
        let counts = DemandCounts { sold: 0, refused_lines, refused_units };
        books.count_demand(book, day, sku, counts)?;
    }
    Ok(())
}

/// The SKUs whose decimals have changed after the catalogue that the gateway has taken. Those that it
/// keeps in other decimals are counted as such.
fn outdated<B: Books>(
    books: &mut B,
    book: &Book,
    refused: &[RefusedDemand],
) -> Result<Vec<Sku>, B::Error> {
    let known = book.taken.catalogue.saturating_sub(book.catalogue_base);
    if known >= books.last_listing()? {
        return Ok(Vec::new());
    }
    let skus = refused.iter().map(|refused| &refused.sku);
    let skus = skus.filter(|sku| !book.whole_units.contains(sku)).cloned();
    let changed = books.decimals_after(&skus.map(|sku| (sku, known)).collect::<Vec<_>>())?;
    Ok(changed.into_iter().map(|(sku, _)| sku).collect())
}

/// The day of an entry by its own clock, or by the hub's if that one was wrong.
fn day_of(entry: &Entry, now_ms: i64) -> i64 {
    let day = entry.at_ms.div_euclid(Day::MS);
    if entry.clock_trusted && is_near(day, now_ms) { day } else { now_ms.div_euclid(Day::MS) }
}

/// A wrong clock, or a malicious one, must not fill the books with days.
fn is_near(day: i64, now_ms: i64) -> bool {
    let today = now_ms.div_euclid(Day::MS);
    (today - DEMAND_DAYS_MAX..=today + 1).contains(&day)
}
