//! What was sold and refused: counts to be added.

use std::collections::BTreeMap;

use crate::hub::core::{Book, DemandCounts};
use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ColumnType, DEMAND};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimals, Sku};

#[derive(Debug, Default)]
pub(super) struct DemandSet {
    counts: BTreeMap<DemandKey, DemandCounts>,
    /// The decimals that SKUs had, and those that they get. What is stored has the former.
    rescaled: BTreeMap<Sku, (Decimals, Decimals)>,
}

/// Day, gateway, SKU and book.
type DemandKey = (i64, GatewayId, Sku, i64);

impl DemandSet {
    pub(super) fn count(&mut self, book: &Book, day: i64, sku: &Sku, counts: DemandCounts) {
        let key = (day, book.gateway.clone(), sku.clone(), book.id);
        add(self.counts.entry(key).or_default(), counts);
    }

    /// Gives what was refused of a SKU until now in other decimals. It was never sold.
    pub(super) fn rescale(&mut self, sku: &Sku, decimals: (Decimals, Decimals)) {
        for (_, counts) in self.counts.iter_mut().filter(|((_, _, of, _), _)| of == sku) {
            counts.refused_units = in_decimals(counts.refused_units, decimals);
        }
        let stored = self.rescaled.get(sku).map_or(decimals.0, |(stored, _)| *stored);
        self.rescaled.insert(sku.clone(), (stored, decimals.1));
    }

    pub(super) fn changes(&self, db: &mut dyn Executor) -> Result<[Change; 2], BooksError> {
        let (mut rescaled, mut counted) = (self.rescaled_rows(db)?, Vec::new());
        for (key, counts) in &self.counts {
            match rescaled.get_mut(key) {
                Some(stored) => add(stored, *counts),
                None => counted.push(row(key, counts)),
            }
        }
        let rescaled = rescaled.iter().map(|(key, counts)| row(key, counts)).collect();
        Ok([
            Change { table: &DEMAND, write: Write::Set, rows: rescaled },
            Change { table: &DEMAND, write: Write::Count, rows: counted },
        ])
    }

    /// The stored rows in their new decimals. There is no index for that, because it is rare: the
    /// decimals of a SKU are fixed once there are units of it.
    fn rescaled_rows(
        &self,
        db: &mut dyn Executor,
    ) -> Result<BTreeMap<DemandKey, DemandCounts>, BooksError> {
        if self.rescaled.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = "SELECT day, site, gateway, sku, book, sold, refused_lines, refused_units
                   FROM demand WHERE sku IN (SELECT k.a FROM {keys} AS k)";
        let skus = self.rescaled.keys().map(|sku| vec![SqlValue::text(sku.as_str())]);
        let keys = Keys { types: &[ColumnType::Text], rows: skus.collect() };
        let found = db.query_keys(sql, &keys)?.into_iter().map(|row| self.rescaled_row(row));
        found.collect()
    }

    fn rescaled_row(&self, stored: SqlRow) -> Result<(DemandKey, DemandCounts), BooksError> {
        let mut stored = RowReader::of(stored);
        let day = stored.int()?;
        let gateway = GatewayId { site: stored.text()?, gateway: stored.text()? };
        let (sku, book) = (stored.id(Sku::parse)?, stored.int()?);
        let (sold, refused_lines) = (stored.int()?, stored.int()?);
        let decimals = self.rescaled.get(&sku).copied().unwrap_or_default();
        let refused_units = in_decimals(stored.int()?, decimals);
        let counts = DemandCounts { sold, refused_lines, refused_units };
        Ok(((day, gateway, sku, book), counts))
    }
}

/// What was sold adds up; what was refused is cumulative, so the larger number counts.
fn add(sum: &mut DemandCounts, more: DemandCounts) {
    sum.sold = sum.sold.saturating_add(more.sold);
    sum.refused_lines = sum.refused_lines.max(more.refused_lines);
    sum.refused_units = sum.refused_units.max(more.refused_units);
}

/// As a gateway does it, which counts on in the new decimals.
fn in_decimals(units: i64, (before, after): (Decimals, Decimals)) -> i64 {
    let units = before.rescaled_up(units.unsigned_abs(), after);
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn row((day, gateway, sku, book): &DemandKey, counts: &DemandCounts) -> SqlRow {
    let DemandCounts { sold, refused_lines, refused_units } = *counts;
    vec![
        SqlValue::Int(*day),
        SqlValue::text(&gateway.site),
        SqlValue::text(&gateway.gateway),
        SqlValue::text(sku.as_str()),
        SqlValue::Int(*book),
        SqlValue::Int(sold),
        SqlValue::Int(refused_lines),
        SqlValue::Int(refused_units),
    ]
}
