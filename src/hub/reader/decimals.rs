//! The decimals of SKUs, as the catalogue gives them.

use std::collections::BTreeSet;

use crate::hub::core::SkuDecimals;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{ColumnType, Executor, Keys, RowReader, SqlValue};
use crate::stock::Sku;

/// The decimals of each row's SKU as a column of a query on a table with the column `sku`.
pub(super) fn decimals_column(table: &str) -> String {
    format!("coalesce((SELECT decimals FROM listing WHERE listing.sku = {table}.sku), 0)")
}

/// The decimals of these SKUs.
pub(in crate::hub) fn decimals<'a>(
    db: &mut dyn Executor,
    skus: impl Iterator<Item = &'a Sku>,
) -> Result<SkuDecimals, BooksError> {
    let skus: BTreeSet<&str> = skus.map(Sku::as_str).collect();
    if skus.is_empty() {
        return Ok(SkuDecimals::default());
    }
    let rows = skus.into_iter().map(|sku| vec![SqlValue::text(sku)]).collect();
    let keys = Keys { types: &[ColumnType::Text], rows };
    let sql = "SELECT listing.sku, decimals FROM {keys} AS k JOIN listing ON listing.sku = k.a";
    let found = db.query_keys(sql, &keys)?.into_iter().map(|row| {
        let mut row = RowReader::of(row);
        Ok((row.id(Sku::parse)?, row.decimals()?))
    });
    found.collect()
}
