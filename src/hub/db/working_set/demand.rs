//! What was sold and refused: counts to be added.

use std::collections::BTreeMap;

use crate::hub::core::{Book, DemandCounts};
use crate::hub::db::schema::DEMAND;
use crate::hub::db::sql::{Change, SqlValue, Write};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

#[derive(Debug, Default)]
pub(super) struct DemandSet {
    /// By day, gateway, SKU and book.
    counts: BTreeMap<(i64, GatewayId, Sku, i64), DemandCounts>,
}

impl DemandSet {
    pub(super) fn count(&mut self, book: &Book, day: i64, sku: &Sku, counts: DemandCounts) {
        let key = (day, book.gateway.clone(), sku.clone(), book.id);
        let sum = self.counts.entry(key).or_default();
        sum.sold = sum.sold.saturating_add(counts.sold);
        sum.refused_lines = sum.refused_lines.max(counts.refused_lines);
        sum.refused_units = sum.refused_units.max(counts.refused_units);
    }

    pub(super) fn changes(&self) -> Change {
        let rows = self.counts.iter().map(|((day, gateway, sku, book), counts)| {
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
        });
        Change { table: &DEMAND, write: Write::Count, rows: rows.collect() }
    }
}
