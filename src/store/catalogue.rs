//! The catalogue: the names and barcodes of SKUs, as the hub sent them.

use rusqlite::{Connection, Row, Transaction};

use super::error::StoreError;
use super::gateway_row::RowCounts;
use super::row_check::{RowChecks, text, write_row};
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
    let deleted = match listing(db, sku) {
        Ok(None) => return Ok(()),
        Ok(Some(before)) => {
            let sql = "DELETE FROM barcode WHERE code = ?1 AND sku = ?2";
            let mut delete = db.prepare_cached(sql)?;
            let codes = before.barcodes.iter();
            codes.map(|code| delete.execute([code, sku.as_str()])).sum::<Result<usize, _>>()?
        }
        // Which barcodes it has cannot be read, so all rows are searched for them.
        Err(error) if error.is_damage() => {
            db.execute("DELETE FROM barcode WHERE sku = ?1", [sku.as_str()])?
        }
        Err(error) => return Err(error),
    };
    rows.barcodes = rows.barcodes.saturating_sub(deleted as u64);
    let mut delete = db.prepare_cached("DELETE FROM listing WHERE sku = ?1")?;
    rows.listings = rows.listings.saturating_sub(delete.execute([sku.as_str()])? as u64);
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
    for code in barcodes.split_whitespace() {
        insert_barcode(db, code, sku, rows)?;
    }
    Ok(())
}

/// A barcode stands for one SKU: the one that was listed with it last.
pub(super) fn insert_barcode(
    db: &Transaction<'_>,
    code: &str,
    sku: &Sku,
    rows: &mut RowCounts,
) -> Result<(), StoreError> {
    let values = [text(code), text(sku.as_str())];
    let mut update = db.prepare_cached("UPDATE barcode SET sku = ?2, crc = ?3 WHERE code = ?1")?;
    if write_row(&mut update, "barcode", &values)? == 0 {
        let mut insert = db.prepare_cached("INSERT INTO barcode VALUES (?1, ?2, ?3)")?;
        write_row(&mut insert, "barcode", &values)?;
        rows.barcodes += 1;
    }
    Ok(())
}

/// Reads the listing of a SKU; `None` if the catalogue has none.
///
/// # Errors
/// If the database cannot be read, or the listing is damaged.
pub fn listing(db: &Connection, sku: &Sku) -> Result<Option<Listing>, StoreError> {
    let sql = "SELECT sku, name, barcodes, crc FROM listing WHERE sku = ?1";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([sku.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check("listing", row)?;
    let barcodes: String = row.get(2)?;
    let barcodes = barcodes.split_whitespace().map(str::to_owned).collect();
    Ok(Some(Listing { sku: sku.clone(), name: Some(row.get(1)?), barcodes }))
}

/// The SKU that a barcode stands for; `None` if it is in no listing.
///
/// # Errors
/// If the database cannot be read, or the barcode is damaged.
pub fn sku_of_barcode(db: &Connection, code: &str) -> Result<Option<Sku>, StoreError> {
    let mut select = db.prepare_cached("SELECT code, sku, crc FROM barcode WHERE code = ?1")?;
    let mut rows = select.query([code])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check("barcode", row)?;
    let sku: String = row.get(1)?;
    Ok(Some(stored(1, Sku::parse(&sku))?))
}

fn check(table: &str, row: &Row<'_>) -> Result<(), StoreError> {
    if RowChecks::EXIST.pass(table, row) {
        return Ok(());
    }
    let why = format!("a row of the table {table} is damaged; the next start repairs it");
    Err(StoreError::Damaged(why))
}
