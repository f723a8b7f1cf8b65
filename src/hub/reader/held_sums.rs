//! The sums of allotments over all databases, by SKU. The database adds them up, so that a page costs
//! one row for each SKU. A sum may have more than 64 bits; so the halves of the numbers are summed.

use std::collections::BTreeMap;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlRow, SqlValue};

/// What is summed, in this order.
const FIGURES: [&str; 5] = ["on_hand", "in_transit", "received", "adjusted", "deducted"];

/// The sums of one SKU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeldSums {
    pub(super) on_hand: i128,
    pub(super) in_transit: i128,
    pub(super) received: i128,
    pub(super) adjusted: i128,
    pub(super) deducted: i128,
}

/// The sums of a range of SKUs.
#[derive(Debug, Default)]
pub(super) struct HeldSumsRange {
    of: BTreeMap<String, HeldSums>,
    /// The last SKU whose allotments are all in its sums; `None` if all of the range are.
    complete_up_to: Option<String>,
}

impl HeldSumsRange {
    /// Sums up the SKUs after one up to another, or as many of them as have at most `limit`
    /// allotments.
    pub(super) fn read(
        db: &mut dyn Executor,
        (after, up_to): (&str, &str),
        limit: usize,
    ) -> Result<Self, BooksError> {
        let sql = format!(
            "SELECT sku, count(*), {} FROM
                 (SELECT * FROM held WHERE sku > $1 AND sku <= $2 ORDER BY sku, book LIMIT $3) AS part
             GROUP BY sku ORDER BY sku",
            halves()
        );
        let most = SqlValue::number(limit as u64 + 1);
        let rows = db.query(&sql, &[SqlValue::text(after), SqlValue::text(up_to), most])?;
        let (mut range, mut count) = (Self::default(), 0);
        for row in rows {
            let mut row = RowReader::of(row);
            let sku = row.text()?;
            count += row.number()?;
            range.of.insert(sku, read_sums(&mut row)?);
        }
        if count > limit as u64 {
            // The allotments of the last SKU go on.
            let last = range.of.pop_last();
            if let Some((sku, _)) = last.filter(|_| range.of.is_empty()) {
                let sums = sums_of(db, &sku)?;
                range.of.insert(sku, sums);
            }
            range.complete_up_to = range.of.keys().next_back().cloned();
        }
        Ok(range)
    }

    pub(super) fn take(&mut self, sku: &str) -> HeldSums {
        self.of.remove(sku).unwrap_or_default()
    }

    /// Whether the sums of a SKU of the range are here.
    pub(super) fn is_complete(&self, sku: &str) -> bool {
        self.complete_up_to.as_deref().is_none_or(|last| sku <= last)
    }
}

/// The sums of one SKU.
pub(super) fn sums_of(db: &mut dyn Executor, sku: &str) -> Result<HeldSums, BooksError> {
    let sql = format!("SELECT {} FROM held WHERE sku = $1", halves());
    let row: SqlRow = db.query(&sql, &[SqlValue::text(sku)])?.pop().unwrap_or_default();
    read_sums(&mut RowReader::of(row))
}

/// The sums of the upper and lower halves of each figure.
fn halves() -> String {
    let sums = FIGURES.map(|name| {
        format!(
            "CAST(coalesce(sum({name} >> 32), 0) AS BIGINT),
             CAST(coalesce(sum({name} & 4294967295), 0) AS BIGINT)"
        )
    });
    sums.join(", ")
}

fn read_sums(row: &mut RowReader) -> Result<HeldSums, BooksError> {
    let mut sum = || -> Result<i128, BooksError> {
        let (upper, lower) = (row.int()?, row.int()?);
        Ok((i128::from(upper) << 32) + i128::from(lower))
    };
    Ok(HeldSums {
        on_hand: sum()?,
        in_transit: sum()?,
        received: sum()?,
        adjusted: sum()?,
        deducted: sum()?,
    })
}
