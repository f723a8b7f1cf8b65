//! The doctor's pass over a database: every row is checked, and what the ledger tells is compared
//! with what the other tables hold.
//!
//! It reads one snapshot, beside a running gateway or without one, and changes nothing. What it
//! holds in memory grows with the SKUs and the open reservations, not with the requests.

use rusqlite::Connection;

use super::catalogue_repair;
use super::chunk::LedgerChunk;
use super::error::StoreError;
use super::gateway_row::{GatewayRow, Positions};
use super::hash_check::HashCheck;
use super::ledger::{for_each_blob, last_row};
use super::ledger_repair::corrected;
use super::ledger_scan::open_reservations;
use super::load::load;
use super::repairs::{Repair, Repairs, check_columns, named};
use super::reported_rows::DamagedReports;
use super::retention::{check_marks, tell_marks};
use super::row_check::RowChecks;
use super::schema::CONTENTS;
use super::stock_table::read_holds;
use super::version::check_ours;

const REFUSED: &str = "what the requests in it were answered is not known, so they are refused";
const FLIPPED: &str =
    "a start that reads it puts the bit right; until then the requests in it are refused";
const REWRITTEN: &str = "nothing is decided by it; tell the makers of the program";

/// Finds everything that is damaged, and calls `visit` with each chunk of the ledger that can be
/// read. Whether the stock is what the ledger adds up to is left to the caller.
///
/// # Errors
/// If the database cannot be read at all.
pub fn examine(
    db: &Connection,
    visit: impl FnMut(&LedgerChunk),
) -> Result<Vec<Repair>, StoreError> {
    let mut repairs = Repairs::default();
    let row = match GatewayRow::read(db) {
        Ok(row) => row,
        Err(StoreError::Damaged(why)) => {
            repairs.add_lost(why, "the gateway does not start");
            None
        }
        Err(error) => return Err(error),
    };
    if row.as_ref().is_some_and(|row| !row.is_whole) {
        GatewayRow::tell_damaged_copy(&mut repairs);
    }
    ledger(db, row.as_ref(), visit, &mut repairs)?;
    if let Some(GatewayRow { positions, .. }) =
        row.filter(|_| RowChecks::of(db).is_ok_and(RowChecks::exist))
    {
        tables(db, &positions, &mut repairs)?;
    }
    Ok(repairs.into_vec())
}

/// What SQLite finds wrong with the structure of the file: rows that a scan finds may be where no look-up
/// by their key does.
///
/// # Errors
/// If the database cannot be read at all.
pub fn find_structural_damage(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter(|row| row != "ok").collect())
}

/// Checks the ledger row by row, with the hashes of its requests.
fn ledger(
    db: &Connection,
    row: Option<&GatewayRow>,
    mut visit: impl FnMut(&LedgerChunk),
    repairs: &mut Repairs,
) -> Result<(), StoreError> {
    let mut hashes = HashCheck::new(db, row.map(|row| row.identity.seed))?;
    let mut statement = db.prepare(&hashes.sql())?;
    let mut rows = statement.query([])?;
    let (mut damaged, mut gaps) = (Vec::new(), Vec::new());
    // With which record the ledger should begin, and after which entry.
    let mut beginning = row.and_then(|GatewayRow { positions, .. }| {
        Some((positions.pruned_n? + 1, positions.pruned_seq))
    });
    // The number after the last record, and the position and checks after the last entry.
    let mut end = None;
    for_each_blob(db, i64::MIN, |key, blob| {
        let beginning = beginning.take();
        let Ok(chunk) = LedgerChunk::decode(key, blob) else {
            let has_flipped_bit = corrected(key, blob.to_vec()).is_some();
            damaged.push((key.n, has_flipped_bit));
            end = None;
            return Ok(true);
        };
        let first = key.n + 1 - i64::try_from(chunk.ledger_records.len()).unwrap_or(0);
        if end.is_some_and(|end| end != (first, chunk.base))
            || beginning.is_some_and(|beginning| beginning != (first, chunk.base.0))
        {
            gaps.push(first.to_string());
        }
        end = Some((key.n + 1, chunk.last()));
        hashes.compare(&mut rows, first, &chunk.ledger_records)?;
        visit(&chunk);
        Ok(true)
    })?;
    hashes.finish(&mut rows, last_row(db).ok().flatten().map_or(i64::MAX, |row| row.n + 1))?;
    for (n, has_flipped_bit) in &damaged {
        let fault = format!("row {n} of the ledger cannot be read");
        match has_flipped_bit {
            true => repairs.add(format!("{fault}: one bit has flipped"), FLIPPED),
            false => repairs.add_lost(fault, REFUSED),
        }
    }
    if !gaps.is_empty() {
        let names = named(gaps.iter().map(String::as_str));
        repairs
            .add_lost(format!("records before record {names} of the ledger are missing"), REFUSED);
    }
    hashes.tell(repairs);
    Ok(())
}

/// Checks all other tables.
fn tables(db: &Connection, positions: &Positions, repairs: &mut Repairs) -> Result<(), StoreError> {
    let has_contents = check_ours(db)? >= CONTENTS;
    check_columns(db, has_contents)?;
    if let Some(catalogue) = catalogue_repair::check(db, &positions.rows)? {
        catalogue.tell(repairs);
    }
    tell_marks(check_marks(db)?.1, repairs);
    DamagedReports::check(db)?.tell(repairs);
    // Whether the stock can be loaded at all is reported with the ledger.
    if let Ok((_, stock)) = load(db, positions) {
        stock.tell(repairs);
    }
    misplaced_marks(db, repairs)?;
    if has_contents {
        foreign_barcodes(db, repairs)?;
    }
    foreign_reservations(db, repairs)
}

/// Marks must grow in both columns, up to the end of the ledger.
fn misplaced_marks(db: &Connection, repairs: &mut Repairs) -> Result<(), StoreError> {
    let last = last_row(db).ok().flatten().map_or(i64::MAX, |row| row.n);
    let mut statement = db.prepare("SELECT running_ms, n FROM mark ORDER BY running_ms")?;
    let marks =
        statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let mut before = 0;
    for mark in marks {
        let Ok((running_ms, n)) = mark else { continue };
        if n < before || n > last {
            let fault = format!("mark {running_ms} names record {n}, which is not in its place");
            repairs.add_lost(fault, "records may be deleted earlier or later than they should");
        }
        before = n;
    }
    Ok(())
}

fn foreign_barcodes(db: &Connection, repairs: &mut Repairs) -> Result<(), StoreError> {
    let sql = "SELECT code FROM barcode WHERE NOT EXISTS (SELECT 1 FROM listing
        WHERE listing.sku = barcode.sku AND instr(
            ' ' || barcodes || ' ', ' ' || code || '*' || content || ' '))
        LIMIT 6";
    let mut statement = db.prepare(sql)?;
    let codes = statement.query_map([], |row| row.get::<_, String>(0))?;
    let codes: Vec<String> = codes.filter_map(Result::ok).collect();
    if !codes.is_empty() {
        let codes = named(codes.iter().map(String::as_str));
        repairs.add_lost(format!("barcodes {codes} are in no listing of their SKU"), REWRITTEN);
    }
    Ok(())
}

/// Each reservation must be open by the ledger, with the same lines.
fn foreign_reservations(db: &Connection, repairs: &mut Repairs) -> Result<(), StoreError> {
    let (open, last_ms) = open_reservations(db)?;
    let read = read_holds(db)?;
    let is_foreign = |(id, hold, _): &&(_, crate::stock::Hold, i64)| {
        let by_ledger = open.get(id).and_then(|reservation| reservation.hold(last_ms, 0));
        by_ledger.is_none_or(|known| {
            (known.lines, known.order_id) != (hold.lines.clone(), hold.order_id.clone())
        })
    };
    let foreign: Vec<&str> =
        read.holds.iter().filter(is_foreign).map(|(id, ..)| id.as_str()).collect();
    if !foreign.is_empty() {
        let names = named(foreign.into_iter());
        let fault = format!(
            "the ledger does not have the open reservations {names} as the table hold has them"
        );
        repairs.add_lost(fault, "they end as the table says");
    }
    Ok(())
}
