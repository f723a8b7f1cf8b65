//! The check of the catalogue's tables at a start.
//!
//! Whatever is damaged or missing in them, the hub sends the whole catalogue again if it is told
//! that nothing of it was taken. Until then the rows that are sound are used.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::catalogue::insert_barcode;
use super::error::StoreError;
use super::gateway_row::{Positions, RowCounts};
use super::repairs::{BARCODE, LISTING, NAMED_MAX, Repairs, keep_sound_rows, named};
use super::row_check::RowChecks;
use crate::stock::{Barcode, Sku};

/// What is wrong with the tables.
#[derive(Debug)]
pub(super) struct CatalogueRepair {
    /// The keys of damaged rows, not all of them.
    damaged: Vec<String>,
    missing: u64,
}

/// Checks every row of the catalogue, and that there are as many as there should be.
pub(super) fn check(
    db: &Connection,
    rows: &RowCounts,
) -> Result<Option<CatalogueRepair>, StoreError> {
    let checks = RowChecks::of(db)?;
    let (listings, bad_listings) =
        count_sound(db, checks, "listing", "SELECT * FROM listing ORDER BY sku")?;
    let (barcodes, bad_barcodes) =
        count_sound(db, checks, "barcode", "SELECT * FROM barcode ORDER BY code")?;
    let damaged = [bad_listings, bad_barcodes].concat();
    let missing = rows.listings.abs_diff(listings) + rows.barcodes.abs_diff(barcodes);
    let is_sound = damaged.is_empty() && missing == 0;
    Ok((!is_sound).then_some(CatalogueRepair { damaged, missing }))
}

/// How many rows of a table are sound, each key counted once, and the keys of some that are not.
fn count_sound(
    db: &Connection,
    checks: RowChecks,
    table: &str,
    sql: &str,
) -> Result<(u64, Vec<String>), StoreError> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let (mut sound, mut bad) = (0, Vec::new());
    let mut last: Option<Vec<u8>> = None;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_bytes().unwrap_or_default();
        let is_next = last.as_deref().is_none_or(|last| last < key);
        if is_next && checks.pass(table, row) {
            sound += 1;
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        } else if bad.len() <= NAMED_MAX {
            bad.push(format!("{table} {}", String::from_utf8_lossy(key)));
        }
    }
    Ok((sound, bad))
}

impl CatalogueRepair {
    pub(super) fn tell(&self, repairs: &mut Repairs) {
        let remedy = "the sound rows are used, and the hub sends the catalogue again";
        if !self.damaged.is_empty() {
            let keys = named(self.damaged.iter().map(String::as_str));
            repairs.add(format!("rows of the catalogue are damaged ({keys})"), remedy);
        } else {
            repairs.add(format!("{} rows of the catalogue are missing", self.missing), remedy);
        }
    }

    /// Keeps the sound rows, adds the barcodes that just one listing has, and asks the hub for the
    /// whole catalogue.
    pub(super) fn write(
        &self,
        db: &Transaction<'_>,
        positions: &mut Positions,
    ) -> Result<(), StoreError> {
        let rows = &mut positions.rows;
        rows.listings = keep_sound_rows(db, LISTING)?;
        rows.barcodes = keep_sound_rows(db, BARCODE)?;
        for (code, found) in missing_barcodes(db)? {
            if let Some((sku, content)) = found {
                insert_barcode(db, &Barcode { code, content }, &sku, rows)?;
            }
        }
        positions.taken.catalogue = 0;
        Ok(())
    }
}

/// The barcodes that are in listings only, each with its SKU and content if there is just one.
fn missing_barcodes(db: &Connection) -> Result<BTreeMap<String, Option<(Sku, u64)>>, StoreError> {
    let mut found = BTreeMap::new();
    let mut exists = db.prepare("SELECT EXISTS (SELECT 1 FROM barcode WHERE code = ?1)")?;
    let mut statement = db.prepare("SELECT sku, barcodes FROM listing")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sku, barcodes): (String, String) = (row.get(0)?, row.get(1)?);
        for Barcode { code, content } in Barcode::split(&barcodes).unwrap_or_default() {
            if !exists.query_row([&code], |row| row.get::<_, bool>(0))? {
                let sku = Sku::parse(&sku).ok().filter(|_| !found.contains_key(&code));
                found.insert(code, sku.map(|sku| (sku, content)));
            }
        }
    }
    Ok(found)
}
