//! The catalogue: the names and barcodes of SKUs, as the hub sent them.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::error::StoreError;
use super::sql_values::stored;
use crate::stock::{Listing, Sku};

/// Saves new listings. A listing without a name deletes its SKU from the catalogue.
pub(super) fn save(db: &Transaction<'_>, listings: &[Listing]) -> Result<(), StoreError> {
    for listing in listings {
        delete(db, &listing.sku)?;
        if let Some(name) = &listing.name {
            insert(db, &listing.sku, name, &listing.barcodes.join(" "))?;
        }
    }
    Ok(())
}

/// Deletes the listing of a SKU with those of its barcodes that still stand for it.
fn delete(db: &Transaction<'_>, sku: &Sku) -> Result<(), StoreError> {
    let Some(before) = listing(db, sku)? else {
        return Ok(());
    };
    let mut delete = db.prepare_cached("DELETE FROM barcode WHERE code = ?1 AND sku = ?2")?;
    for code in before.barcodes {
        delete.execute([code.as_str(), sku.as_str()])?;
    }
    db.prepare_cached("DELETE FROM listing WHERE sku = ?1")?.execute([sku.as_str()])?;
    Ok(())
}

fn insert(db: &Transaction<'_>, sku: &Sku, name: &str, barcodes: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO listing VALUES (?1, ?2, ?3)")?.execute([
        sku.as_str(),
        name,
        barcodes,
    ])?;
    // A barcode stands for one SKU: the one that was listed with it last.
    let mut replace = db.prepare_cached("INSERT OR REPLACE INTO barcode VALUES (?1, ?2)")?;
    for code in barcodes.split_whitespace() {
        replace.execute([code, sku.as_str()])?;
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
