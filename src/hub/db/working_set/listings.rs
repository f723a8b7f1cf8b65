//! The catalogue.

use std::collections::BTreeMap;

use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{ColumnType, LISTING, LISTING_DECIMALS};
use crate::hub::db::sql::{Change, Executor, Keys, RowReader, SqlRow, SqlValue, Write};
use crate::stock::{Barcode, Decimals, Listing, Sku};

/// The highest number that the database can hold.
const NUMBER_MAX: u64 = i64::MAX.unsigned_abs();
const COLUMNS: &str = "n, sku, name, barcodes, unit, decimals";

#[derive(Debug, Default)]
pub(super) struct ListingSet {
    last: Option<u64>,
    /// The decimals of all listings, and the number of the change with which each got them.
    decimals: BTreeMap<Sku, (Decimals, u64)>,
    changed: Vec<SqlRow>,
    /// The decimals that SKUs got, with the numbers of these changes.
    since: Vec<SqlRow>,
    /// What was read after a position, for the gateways that are there.
    after: BTreeMap<u64, Vec<(u64, Listing)>>,
}

impl ListingSet {
    /// All listings, by SKU.
    pub(super) fn all(&mut self, db: &mut dyn Executor) -> Result<Vec<Listing>, BooksError> {
        db.write(&self.changes())?;
        let sql = format!("SELECT {COLUMNS}, decimals_n FROM listing ORDER BY sku");
        let mut listings = Vec::new();
        for row in db.query(&sql, &[])? {
            let since = RowReader::of(row.last().cloned().into_iter().collect()).number()?;
            let (_, listing) = read_listing(row)?;
            self.decimals.insert(listing.sku.clone(), (listing.decimals, since));
            listings.push(listing);
        }
        Ok(listings)
    }

    pub(super) fn last(&mut self, db: &mut dyn Executor) -> Result<u64, BooksError> {
        if self.last.is_none() {
            let found = db.query("SELECT coalesce(max(n), 0) FROM listing", &[])?.pop();
            self.last = Some(RowReader::of(found.unwrap_or_default()).number()?);
        }
        Ok(self.last.unwrap_or_default())
    }

    /// Notes a changed listing; all of them must have been read. One that only has another name keeps
    /// the number with which it got its decimals; a SKU without a listing has none.
    pub(super) fn save(&mut self, number: u64, listing: &Listing) {
        self.last = self.last.max(Some(number));
        self.after.clear();
        let known = self.decimals.get(&listing.sku).copied().unwrap_or_default();
        let since = if known.0 == listing.decimals { known.1 } else { number };
        self.decimals.insert(listing.sku.clone(), (listing.decimals, since));
        if since == number {
            self.since.push(vec![
                SqlValue::text(listing.sku.as_str()),
                SqlValue::number(number),
                SqlValue::Int(u8::from(listing.decimals).into()),
            ]);
        }
        self.changed.push(vec![
            SqlValue::text(listing.sku.as_str()),
            SqlValue::number(number),
            SqlValue::or_null(listing.name.as_deref()),
            SqlValue::text(&Barcode::join(&listing.barcodes)),
            SqlValue::or_null(listing.unit.as_deref()),
            SqlValue::Int(u8::from(listing.decimals).into()),
            SqlValue::number(since),
        ]);
    }

    pub(super) fn after(
        &mut self,
        db: &mut dyn Executor,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, BooksError> {
        if let Some(known) = self.after.get(&number) {
            return Ok(known.clone());
        }
        db.write(&self.changes())?;
        let sql = format!("SELECT {COLUMNS} FROM listing WHERE n > $1 ORDER BY n LIMIT $2");
        let of = [SqlValue::number(number), SqlValue::number(limit as u64)];
        let found = db.query(&sql, &of)?.into_iter().map(read_listing);
        let found = found.collect::<Result<Vec<_>, _>>()?;
        self.after.insert(number, found.clone());
        Ok(found)
    }

    /// The decimals of those SKUs that got them after a number, or lost them: 0 then.
    pub(super) fn decimals_after(
        &mut self,
        db: &mut dyn Executor,
        skus: &[(Sku, u64)],
    ) -> Result<Vec<(Sku, Decimals)>, BooksError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        db.write(&self.changes())?;
        let sql = "SELECT listing.sku, decimals FROM {keys} AS k
                   JOIN listing ON listing.sku = k.a AND listing.decimals_n > k.b";
        let found = db.query_keys(sql, &keys(skus))?.into_iter().map(|row| {
            let mut row = RowReader::of(row);
            Ok((row.id(Sku::parse)?, row.decimals()?))
        });
        found.collect()
    }

    /// The decimals of SKUs as they are, and after the change with a number: 0 without a listing.
    pub(super) fn decimals_at(
        &mut self,
        db: &mut dyn Executor,
        skus: &[(Sku, u64)],
    ) -> Result<Vec<(Sku, Decimals, Decimals)>, BooksError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        db.write(&self.changes())?;
        let sql = "SELECT k.a, coalesce(listing.decimals, 0), coalesce((
                       SELECT decimals FROM listing_decimals AS since
                       WHERE since.sku = k.a AND since.n <= k.b ORDER BY since.n DESC LIMIT 1), 0)
                   FROM {keys} AS k LEFT JOIN listing ON listing.sku = k.a";
        let found = db.query_keys(sql, &keys(skus))?.into_iter().map(|row| {
            let mut row = RowReader::of(row);
            Ok((row.id(Sku::parse)?, row.decimals()?, row.decimals()?))
        });
        found.collect()
    }

    pub(super) fn changes(&mut self) -> Vec<Change> {
        let (rows, since) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.since));
        let changes = [
            Change { table: &LISTING, write: Write::Set, rows },
            Change { table: &LISTING_DECIMALS, write: Write::Set, rows: since },
        ];
        changes.into_iter().filter(|change| !change.rows.is_empty()).collect()
    }
}

fn keys(skus: &[(Sku, u64)]) -> Keys {
    let key = |(sku, number): &(Sku, u64)| {
        vec![SqlValue::text(sku.as_str()), SqlValue::number((*number).min(NUMBER_MAX))]
    };
    let rows = skus.iter().map(key).collect();
    Keys { types: &[ColumnType::Text, ColumnType::Int], rows }
}

/// All listings in the books, by SKU.
pub(in crate::hub) fn read_catalogue(db: &mut dyn Executor) -> Result<Vec<Listing>, BooksError> {
    let rows = db.query(&format!("SELECT {COLUMNS} FROM listing ORDER BY sku"), &[])?;
    rows.into_iter().map(|row| Ok(read_listing(row)?.1)).collect()
}

fn read_listing(row: SqlRow) -> Result<(u64, Listing), BooksError> {
    let mut row = RowReader::of(row);
    let number = row.number()?;
    let (sku, name, barcodes) = (row.id(Sku::parse)?, row.text_or_null()?, row.text()?);
    let (unit, decimals) = (row.text_or_null()?, row.decimals()?);
    let damaged = || BooksError::Damaged(format!("the listing of {sku} cannot be read"));
    let barcodes = Barcode::split(&barcodes).ok_or_else(damaged)?;
    Ok((number, Listing { sku, name, unit, decimals, barcodes }))
}
