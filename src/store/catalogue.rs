//! The catalogue: the names, units and barcodes of SKUs, as the hub sent them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Transaction};

use super::error::StoreError;
use super::gateway_row::RowCounts;
use super::row_check::{RowChecks, text, write_row};
use super::sql_values::{get_u64, stored, to_i64};
use crate::stock::{Barcode, Catalogue, Decimals, Listing, Sku};

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
            insert(db, listing, name, rows)?;
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
            let codes = before.barcodes.iter().map(|barcode| barcode.code.as_str());
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
    listing: &Listing,
    name: &str,
    rows: &mut RowCounts,
) -> Result<(), StoreError> {
    let Listing { sku, unit, decimals, barcodes, .. } = listing;
    let mut insert = db.prepare_cached("INSERT INTO listing VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let joined = Barcode::join(barcodes);
    let values = [
        text(sku.as_str()),
        text(name),
        unit.as_deref().map_or(ValueRef::Null, text),
        ValueRef::Integer(u8::from(*decimals).into()),
        text(&joined),
    ];
    write_row(&mut insert, "listing", &values)?;
    rows.listings += 1;
    barcodes.iter().try_for_each(|barcode| insert_barcode(db, barcode, sku, rows))
}

/// A barcode stands for one SKU: the one that was listed with it last.
pub(super) fn insert_barcode(
    db: &Transaction<'_>,
    barcode: &Barcode,
    sku: &Sku,
    rows: &mut RowCounts,
) -> Result<(), StoreError> {
    let content = ValueRef::Integer(to_i64(barcode.content));
    let values = [text(&barcode.code), text(sku.as_str()), content];
    let sql = "UPDATE barcode SET sku = ?2, content = ?3, crc = ?4 WHERE code = ?1";
    let mut update = db.prepare_cached(sql)?;
    if write_row(&mut update, "barcode", &values)? == 0 {
        let mut insert = db.prepare_cached("INSERT INTO barcode VALUES (?1, ?2, ?3, ?4)")?;
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
    let sql = "SELECT sku, name, unit, decimals, barcodes, crc FROM listing WHERE sku = ?1";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([sku.as_str()])?;
    let Some(row) = rows.next()? else {
        return check_neighbours(db, "listing", sql, sku.as_str()).map(|()| None);
    };
    check("listing", row)?;
    Ok(Some(read_listing(row)?))
}

/// Reads the whole catalogue. Damaged rows are left out: the hub sends them again.
///
/// # Errors
/// If the database cannot be read.
pub(super) fn read_all(db: &Connection) -> Result<Catalogue, StoreError> {
    let mut select = db.prepare("SELECT sku, name, unit, decimals, barcodes, crc FROM listing")?;
    let mut rows = select.query([])?;
    let (mut catalogue, mut has_gaps) = (Catalogue::default(), false);
    while let Some(row) = rows.next()? {
        match check("listing", row).and_then(|()| read_listing(row)) {
            Ok(listing) => catalogue.apply([&listing]),
            Err(_) => has_gaps = true,
        }
    }
    Ok(if has_gaps { catalogue.with_gaps() } else { catalogue })
}

fn read_listing(row: &Row<'_>) -> Result<Listing, StoreError> {
    let (sku, barcodes): (String, String) = (row.get(0)?, row.get(4)?);
    let decimals: u8 = row.get(3)?;
    let unreadable = || StoreError::Damaged(format!("the listing of {sku} cannot be read"));
    Ok(Listing {
        sku: stored(0, Sku::parse(&sku))?,
        name: Some(row.get(1)?),
        unit: row.get(2)?,
        decimals: Decimals::try_from(decimals).map_err(|_| unreadable())?,
        barcodes: Barcode::split(&barcodes).ok_or_else(unreadable)?,
    })
}

/// The SKU that a barcode stands for, and the content of what has it; `None` if the barcode is in
/// no listing.
///
/// # Errors
/// If the database cannot be read, or the barcode is damaged.
pub fn find_barcode(db: &Connection, code: &str) -> Result<Option<(Sku, u64)>, StoreError> {
    let sql = "SELECT code, sku, content, crc FROM barcode WHERE code = ?1";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([code])?;
    let Some(row) = rows.next()? else {
        return check_neighbours(db, "barcode", sql, code).map(|()| None);
    };
    check("barcode", row)?;
    let sku: String = row.get(1)?;
    Ok(Some((stored(1, Sku::parse(&sku))?, get_u64(row, 2)?)))
}

/// Up to `limit` barcodes after the text `after`, in order, each with its SKU and the content of what
/// has it.
///
/// # Errors
/// If the database cannot be read, or a barcode is damaged.
pub(super) fn barcodes(
    db: &Connection,
    after: &str,
    limit: usize,
) -> Result<Vec<(Barcode, Sku)>, StoreError> {
    let sql = "SELECT code, sku, content, crc FROM barcode WHERE code > ?1 ORDER BY code LIMIT ?2";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query((after, to_i64(limit as u64)))?;
    let mut barcodes = Vec::new();
    while let Some(row) = rows.next()? {
        check("barcode", row)?;
        let (code, sku): (String, String) = (row.get(0)?, row.get(1)?);
        barcodes.push((Barcode { code, content: get_u64(row, 2)? }, stored(1, Sku::parse(&sku))?));
    }
    Ok(barcodes)
}

/// Checks the rows on each side of a key that is not there. A row whose key was damaged lies where it was,
/// so it is one of them. `sql` reads one row by its key.
fn check_neighbours(db: &Connection, table: &str, sql: &str, key: &str) -> Result<(), StoreError> {
    for (side, order) in [("<", "1 DESC"), (">", "1")] {
        let sql =
            format!("{} ORDER BY {order} LIMIT 1", sql.replace("= ?1", &format!("{side} ?1")));
        let mut select = db.prepare_cached(&sql)?;
        let mut rows = select.query([key])?;
        rows.next()?.map_or(Ok(()), |row| check(table, row))?;
    }
    Ok(())
}

fn check(table: &str, row: &Row<'_>) -> Result<(), StoreError> {
    if RowChecks::EXIST.pass(table, row) {
        return Ok(());
    }
    let why = format!("a row of the table {table} is damaged; the next start repairs it");
    Err(StoreError::Damaged(why))
}
