//! What goods are called: kept beside the stock, read by people and scanners.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{StoreError, stored};
use crate::stock::{Listing, Sku};

/// Takes over what is new; of a SKU that is listed no longer, nothing is left here.
pub(super) fn save(db: &Transaction<'_>, listings: &[Listing]) -> Result<(), StoreError> {
    for listing in listings {
        withdraw(db, &listing.sku)?;
        if let Some(name) = &listing.name {
            enter(db, &listing.sku, name, &listing.barcodes.join(" "))?;
        }
    }
    Ok(())
}

fn withdraw(db: &Transaction<'_>, sku: &Sku) -> Result<(), StoreError> {
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

fn enter(db: &Transaction<'_>, sku: &Sku, name: &str, barcodes: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO listing VALUES (?1, ?2, ?3)")?.execute([
        sku.as_str(),
        name,
        barcodes,
    ])?;
    // A code stands for one SKU: the one that named it last.
    let mut claim = db.prepare_cached("INSERT OR REPLACE INTO barcode VALUES (?1, ?2)")?;
    for code in barcodes.split_whitespace() {
        claim.execute([code, sku.as_str()])?;
    }
    Ok(())
}

/// What the catalogue says of a SKU, if it is listed.
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

/// The SKU that a barcode stands for, if it stands for any.
///
/// # Errors
/// If the database cannot be read.
pub fn sku_of_barcode(db: &Connection, code: &str) -> Result<Option<Sku>, StoreError> {
    let mut select = db.prepare_cached("SELECT sku FROM barcode WHERE code = ?1")?;
    let found = select.query_row([code], |row| stored(0, Sku::parse(row.get_ref(0)?.as_str()?)));
    Ok(found.optional()?)
}
