//! The allotments of a range of SKUs.
//!
//! A SKU may be at every gateway, so a page of SKUs is bounded by its allotments, too: it may hold
//! fewer SKUs than were asked for, but is read and sent in a bounded time.

use std::collections::BTreeMap;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};

/// The most allotments of a page that lists them, unless its only SKU has more.
const LISTED_MAX: usize = 4_000;

/// One SKU at one database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) book: i64,
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    pub(super) in_transit: i64,
}

/// The allotments of SKUs.
#[derive(Debug, Default)]
pub(super) struct HeldRange {
    of: BTreeMap<String, Vec<Held>>,
    /// The last SKU whose allotments are all here; `None` if all of the range are.
    complete_up_to: Option<String>,
}

impl HeldRange {
    /// Reads the allotments of the SKUs after one up to another, or of the first of them.
    pub(super) fn read(
        db: &mut dyn Executor,
        after: &str,
        up_to: &str,
    ) -> Result<Self, BooksError> {
        let sql = select_held("sku > $1 AND sku <= $2 ORDER BY sku, book LIMIT $3");
        let limit = SqlValue::number(LISTED_MAX as u64 + 1);
        let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::text(up_to), limit])?;
        let is_cut = rows.len() > LISTED_MAX;
        let mut range = Self::of_rows(rows)?;
        if is_cut {
            // The allotments of the last SKU go on.
            let last = range.of.pop_last();
            if let Some((sku, _)) = last.filter(|_| range.of.is_empty()) {
                let all = db.query(&select_held("sku = $1 ORDER BY book"), &[SqlValue::text(&sku)]);
                range = Self::of_rows(all?)?;
            }
            range.complete_up_to = range.of.keys().next_back().cloned();
        }
        Ok(range)
    }

    fn of_rows(rows: Vec<SqlRow>) -> Result<Self, BooksError> {
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

pub(super) fn read_held(row: &mut RowReader) -> Result<Held, BooksError> {
    let (book, on_hand) = (row.int()?, row.int()?);
    Ok(Held { book, on_hand, reserved: row.int()?, in_transit: row.int()? })
}

fn select_held(condition: &str) -> String {
    format!("SELECT sku, book, on_hand, reserved, in_transit FROM held WHERE {condition}")
}
