//! Refused demand: the lines and units that were refused for want of stock, by day and SKU.
//!
//! The numbers are cumulative, so the hub may hear of them late, twice, or only of the last ones.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use super::decimals::Decimals;
use super::listing::Listing;
use super::trace::Day;
use super::types::{Quantity, Sku};
use crate::clock::Now;
use crate::limits::{DEMAND_DAYS_KEPT, DEMAND_DAYS_UNSENT_MAX, DEMAND_ROWS_MAX, STOCK_MAX};

/// The day of what was refused while the clock was not set. It is counted as today's once it is.
const UNDATED: u32 = 0;
/// More is not counted.
const UNITS_MAX: u64 = STOCK_MAX.unsigned_abs();

/// What was refused of one SKU on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusedCounts {
    pub lines: u64,
    pub units: u64,
}

impl RefusedCounts {
    /// The same demand in other decimals. What these cannot say is rounded up.
    fn rescaled(self, before: Decimals, after: Decimals) -> Self {
        Self { units: before.rescaled_up(self.units, after).min(UNITS_MAX), ..self }
    }
}

/// The refused demand of one SKU on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Days since 1970, in UTC.
    pub day: u32,
    pub sku: Sku,
    pub counts: RefusedCounts,
}

/// What has to be written so that the database holds the refused demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsavedDemand {
    pub rows: Vec<RefusedRow>,
    /// Days whose rows are deleted first.
    pub forgotten: BTreeSet<u32>,
    up_to: u64,
}

impl UnsavedDemand {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.forgotten.is_empty()
    }
}

/// The refused demand of the last days. Each change of a row has a number, so that a reader can ask
/// for what has changed since.
#[derive(Clone, Debug, Default)]
pub struct DemandCounter {
    rows: BTreeMap<(u32, Sku), (RefusedCounts, u64)>,
    /// The number of the last change.
    changes: u64,
    /// All changes up to here are in the database.
    saved: u64,
    /// All changes up to here have been sent to the hub.
    sent: u64,
    /// Days that are forgotten here, but not in the database.
    forgotten: BTreeSet<u32>,
}

impl DemandCounter {
    /// The counter with the rows that the database holds.
    pub fn load(rows: Vec<RefusedRow>) -> Self {
        let mut counter = Self::default();
        for RefusedRow { day, sku, counts } in rows {
            counter.add(day, &sku, counts);
        }
        counter.saved = counter.changes;
        counter
    }

    /// Counts refused lines. Returns how many have no place because there are too many rows.
    pub fn count(&mut self, refused: &[(Sku, Quantity)], now: Now) -> u64 {
        let day = if now.trusted { day_of(now.wall_ms) } else { UNDATED };
        let mut over = 0;
        for (sku, quantity) in refused {
            let counts = RefusedCounts { lines: 1, units: quantity.units().unsigned_abs() };
            over += u64::from(!self.add(day, sku, counts));
        }
        over
    }

    fn add(&mut self, day: u32, sku: &Sku, more: RefusedCounts) -> bool {
        let key = (day, sku.clone());
        if self.rows.len() >= DEMAND_ROWS_MAX && !self.rows.contains_key(&key) {
            return false;
        }
        self.changes += 1;
        let (counts, changed) = self.rows.entry(key).or_default();
        let sum = |before: u64, more: u64| (before + more).min(UNITS_MAX);
        counts.lines = sum(counts.lines, more.lines);
        counts.units = sum(counts.units, more.units);
        *changed = self.changes;
        true
    }

    /// Deletes days that are long ago. A day that was not sent yet is kept longer.
    pub fn forget_old(&mut self, now: Now) {
        if !now.trusted {
            return;
        }
        let today = day_of(now.wall_ms);
        self.date(today);
        let is_unsent = |day: u32| self.of_day(day).any(|(_, (_, at))| *at > self.sent);
        let is_old = |day: &u32| {
            let age = today.saturating_sub(*day);
            age > DEMAND_DAYS_UNSENT_MAX || age > DEMAND_DAYS_KEPT && !is_unsent(*day)
        };
        let days: BTreeSet<u32> = self.rows.keys().map(|(day, _)| *day).collect();
        let old: BTreeSet<u32> = days.into_iter().filter(is_old).collect();
        self.rows.retain(|(day, _), _| !old.contains(day));
        self.forgotten.extend(old);
    }

    /// Counts as today's what was refused before the clock was set.
    fn date(&mut self, today: u32) {
        let undated: Vec<(Sku, RefusedCounts)> =
            self.of_day(UNDATED).map(|((_, sku), (counts, _))| (sku.clone(), *counts)).collect();
        if undated.is_empty() {
            return;
        }
        self.rows.retain(|(day, _), _| *day != UNDATED);
        self.forgotten.insert(UNDATED);
        for (sku, counts) in undated {
            self.add(today, &sku, counts);
        }
    }

    /// The rows of the SKUs that these listings are of, in the decimals that they give: to be written
    /// with the listings, and then taken over with [`Self::replace`]. `catalogue` is the one before. A
    /// row whose decimals stay counts as changed, too: the hub takes no count of a SKU from a gateway
    /// that may not know the newest decimals.
    pub fn relisted(&self, catalogue: &Catalogue, listings: &[Listing]) -> Vec<RefusedRow> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let after: BTreeMap<&Sku, Decimals> =
            listings.iter().map(|listing| (&listing.sku, listing.decimals)).collect();
        let relisted = |((day, sku), (counts, _)): (&(u32, Sku), &(RefusedCounts, u64))| {
            let after = *after.get(sku)?;
            let is_known = catalogue.knows_decimals(sku.as_str());
            let before = if is_known { catalogue.decimals(sku.as_str()) } else { after };
            let counts = counts.rescaled(before, after);
            Some(RefusedRow { day: *day, sku: sku.clone(), counts })
        };
        self.rows.iter().filter_map(relisted).collect()
    }

    /// Takes over rows that were written.
    pub fn replace(&mut self, rows: &[RefusedRow]) {
        for RefusedRow { day, sku, counts } in rows {
            self.changes += 1;
            self.rows.insert((*day, sku.clone()), (*counts, self.changes));
        }
    }

    fn of_day(&self, day: u32) -> impl Iterator<Item = (&(u32, Sku), &(RefusedCounts, u64))> {
        self.rows.iter().filter(move |((of, _), _)| *of == day)
    }

    /// What has to be written.
    pub fn unsaved(&self) -> UnsavedDemand {
        let rows = self.rows.iter().filter(|(_, (_, changed))| *changed > self.saved);
        let rows = rows.map(|((day, sku), (counts, _))| RefusedRow {
            day: *day,
            sku: sku.clone(),
            counts: *counts,
        });
        let rows = rows.collect();
        UnsavedDemand { rows, forgotten: self.forgotten.clone(), up_to: self.changes }
    }

    /// This has been written.
    pub fn saved(&mut self, written: &UnsavedDemand) {
        self.saved = written.up_to;
        self.forgotten.retain(|day| !written.forgotten.contains(day));
    }

    /// The number of the last change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The rows with a day that have changed after this number, with the number of their last
    /// change, in the order of these.
    pub fn changed_after(&self, after: u64) -> Vec<(u64, RefusedRow)> {
        let rows = self.rows.iter().filter(|((day, _), (_, at))| *at > after && *day != UNDATED);
        let row = |day: u32, sku: &Sku, counts| RefusedRow { day, sku: sku.clone(), counts };
        let mut changed: Vec<(u64, RefusedRow)> =
            rows.map(|((day, sku), (counts, at))| (*at, row(*day, sku, *counts))).collect();
        changed.sort_unstable_by_key(|(at, _)| *at);
        changed
    }

    /// All changes up to this number have been sent.
    pub fn set_sent(&mut self, up_to: u64) {
        self.sent = self.sent.max(up_to);
    }
}

fn day_of(wall_ms: i64) -> u32 {
    u32::try_from(wall_ms.div_euclid(Day::MS)).unwrap_or(UNDATED)
}

#[cfg(test)]
#[path = "refused_demand_tests.rs"]
mod tests;
