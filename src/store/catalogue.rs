//! The catalogue: the names and barcodes of SKUs, as the hub sent them.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::error::StoreError;
use super::gateway_row::RowCounts;
use super::row_check::{text, write_row};
use super::sql_values::stored;
use crate::stock::{Listing, Sku};

/// Saves new listings. A listing without a name deletes its SKU from the catalogue. `rows` is how
/// many rows the tables have.
pub(super) fn save(
    db: &Transaction<'_>,
    listings: &[Listing],
    rows: &mut RowCounts,
) -> Result<(), StoreError> {
    for listing in listings {
        delete(db, &listing.sku, rows)?;
        if let Some(name) = &listing.name {
            insert(db, &listing.sku, name, &listing.barcodes.join(" "), rows)?;
        }
    }
    Ok(())
}

/// Deletes the listing of a SKU with those of its barcodes that still stand for it.
fn delete(db: &Transaction<'_>, sku: &Sku, rows: &mut RowCounts) -> Result<(), StoreError> {
    let Some(before) = listing(db, sku)? else {
        return Ok(());
    };
    let mut delete = db.prepare_cached("DELETE FROM barcode WHERE code = ?1 AND sku = ?2")?;
    for code in before.barcodes {
        rows.barcodes -= delete.execute([code.as_str(), sku.as_str()])? as u64;
    }
    let mut delete = db.prepare_cached("DELETE FROM listing WHERE sku = ?1")?;
    rows.listings -= delete.execute([sku.as_str()])? as u64;
    Ok(())
}

fn insert(
    db: &Transaction<'_>,
    sku: &Sku,
    name: &str,
    barcodes: &str,
    rows: &mut RowCounts,
) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached("INSERT INTO listing VALUES (?1, ?2, ?3, ?4)")?;
    write_row(&mut insert, "listing", &[text(sku.as_str()), text(name), text(barcodes)])?;
    rows.listings += 1;
    // A barcode stands for one SKU: the one that was listed with it last.
    let mut update = db.prepare_cached("UPDATE barcode SET sku = ?2, crc = ?3 WHERE code = ?1")?;
    let mut insert = db.prepare_cached("INSERT INTO barcode VALUES (?1, ?2, ?3)")?;
    for code in barcodes.split_whitespace() {
        let values = [text(code), text(sku.as_str())];
        if write_row(&mut update, "barcode", &values)? == 0 {
            write_row(&mut insert, "barcode", &values)?;
            rows.barcodes += 1;
        }
    }
    Ok(())
}

/// Reads the listing of a SKU; `None` if the catalogue has none.
///
/// # Errors
/// If the database cannot be read.
pub fn listing(db: &Connection, sku: &Sku) -> Result<Option<Listing>, StoreError> {
    let mut select = db.prepare_cached("SELECT name, barcodes FROM listing WHERE sku = ?1")?;
    let found = select.query_row([sku.as_str()], |row| {
        let barcodes = row.get_ref(1)?.as_str()?.split_whitespace().map(str::to_owned).collect();
        Ok(Listing { sku: sku.clone(), name: Some(row.get(0)?), barcodes })
    });
    Ok(found.optional()?)
}

/// The SKU that a barcode stands for; `None` if it is in no listing.
///
/// # Errors
/// If the database cannot be read.
pub fn sku_of_barcode(db: &Connection, code: &str) -> Result<Option<Sku>, StoreError> {
    let mut select = db.prepare_cached("SELECT sku FROM barcode WHERE code = ?1")?;
    let found = select.query_row([code], |row| stored(0, Sku::parse(row.get_ref(0)?.as_str()?)));
    Ok(found.optional()?)
}
