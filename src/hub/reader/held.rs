//! The allotments of a range of SKUs.
//!
//! A SKU may be at every gateway, so a page of SKUs is bounded by its allotments, too: it may hold
//! fewer SKUs than were asked for, but is read and sent in a bounded time.

use std::collections::BTreeMap;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};

/// The most allotments of a page. More than one SKU can have: see
/// [`HUB_GATEWAYS_MAX`](crate::limits::HUB_GATEWAYS_MAX).
const HELD_MAX: usize = 25_000;

/// One SKU at one database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) book: i64,
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    pub(super) in_transit: i64,
    /// `received + adjusted - deducted`: what the database's own entries have brought.
    pub(super) received: i64,
    pub(super) adjusted: i64,
    pub(super) deducted: i64,
}

/// The allotments of SKUs.
#[derive(Debug, Default)]
pub(super) struct HeldRange {
    of: BTreeMap<String, Vec<Held>>,
    /// The last SKU whose allotments are all here; `None` if all of the range are.
    complete_up_to: Option<String>,
}

impl HeldRange {
    /// Reads the allotments of the SKUs after one up to another.
    pub(super) fn read(
        db: &mut dyn Executor,
        after: &str,
        up_to: &str,
    ) -> Result<Self, BooksError> {
        let sql = "SELECT sku, book, on_hand, reserved, in_transit, received, adjusted, deducted
                   FROM held WHERE sku > $1 AND sku <= $2 ORDER BY sku, book LIMIT $3";
        let limit = SqlValue::number(HELD_MAX as u64 + 1);
        let rows = db.query(sql, &[SqlValue::text(after), SqlValue::text(up_to), limit])?;
        let is_cut = rows.len() > HELD_MAX;
        let mut range = Self::default();
        for row in rows {
            let mut row = RowReader::of(row);
            let sku = row.text()?;
            let held = read_held(&mut row)?;
            match range.of.get_mut(&sku) {
                Some(of) => of.push(held),
                None => drop(range.of.insert(sku, vec![held])),
            }
        }
        if is_cut {
            // The allotments of the last SKU go on.
            range.of.pop_last();
            range.complete_up_to = range.of.keys().next_back().cloned();
        }
        Ok(range)
    }

    pub(super) fn take(&mut self, sku: &str) -> Vec<Held> {
        self.of.remove(sku).unwrap_or_default()
    }

    /// Whether all allotments of a SKU of the range are here.
    pub(super) fn is_complete(&self, sku: &str) -> bool {
        self.complete_up_to.as_deref().is_none_or(|last| sku <= last)
    }
}

fn read_held(row: &mut RowReader) -> Result<Held, BooksError> {
    Ok(Held {
        book: row.int()?,
        on_hand: row.int()?,
        reserved: row.int()?,
        in_transit: row.int()?,
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
    })
}
