//! Writes rows of refused demand.

use rusqlite::Transaction;
use rusqlite::types::ValueRef;

use super::error::StoreError;
use super::row_check::{text, write_row};
use super::sql_values::to_i64;
use crate::stock::RefusedRow;

/// Writes rows, which take the place of those of the same day and SKU.
pub(super) fn save_rows(db: &Transaction<'_>, rows: &[RefusedRow]) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO demand VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = db.prepare_cached(sql)?;
    for RefusedRow { day, sku, counts } in rows {
        let values = [
            ValueRef::Integer(i64::from(*day)),
            text(sku.as_str()),
            ValueRef::Integer(to_i64(counts.lines)),
            ValueRef::Integer(to_i64(counts.units)),
        ];
        write_row(&mut statement, "demand", &values)?;
    }
    Ok(())
}
