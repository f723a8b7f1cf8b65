//! What was refused for want of stock.

use rusqlite::{Connection, Row};

use super::database::Store;
use super::demand_rows::save_rows;
use super::error::StoreError;
use super::ledger;
use super::row_check::RowChecks;
use super::sql_values::{get_u64, stored};
use crate::stock::{RefusedCounts, RefusedRow, Sku, Stock, UnsavedDemand};

impl Store {
    /// Writes what was refused.
    ///
    /// # Errors
    /// If the database cannot be written, or another program has written to it.
    pub fn save_demand(
        &mut self,
        unsaved: &UnsavedDemand,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        let end = self.end(stock);
        let transaction = ledger::begin(&mut self.db, end)?;
        for day in &unsaved.forgotten {
            transaction.execute("DELETE FROM demand WHERE day = ?1", [day])?;
        }
        save_rows(&transaction, &unsaved.rows)?;
        Ok(transaction.commit()?)
    }
}

/// Reads what was refused. Rows that are damaged are left out.
pub(super) fn read_demand(db: &Connection) -> Result<Vec<RefusedRow>, StoreError> {
    let mut statement = db.prepare("SELECT day, sku, lines, units, crc FROM demand")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if RowChecks::EXIST.pass("demand", row) {
            found.push(parse(row)?);
        }
    }
    Ok(found)
}

fn parse(row: &Row<'_>) -> rusqlite::Result<RefusedRow> {
    let sku = stored(1, Sku::parse(&row.get::<_, String>(1)?))?;
    let counts = RefusedCounts { lines: get_u64(row, 2)?, units: get_u64(row, 3)? };
    Ok(RefusedRow { day: row.get(0)?, sku, counts })
}
