//! The books in tables, the same in SQLite and in PostgreSQL.

use std::collections::BTreeMap;

use super::error::BooksError;
use super::rows::{BOOK_COLUMNS, book_row, entry_row, issued_row, read_book, read_issued};
use super::sql::{Executor, RowReader, SqlRow, SqlValue, to_postcard};
use crate::hub::core::{
    Allotment, Book, Books, DecidedRequest, IssuedTransfer, Policy, Pool, SkuAccount, SkuRecord,
};
use crate::protocol::topic::GatewayId;
use crate::stock::Listing;
use crate::stock::{Entry, RequestId, Sku};

/// How many rows one statement reads or writes, when there are many: each statement costs a round
/// trip to the database.
const ROWS: usize = 64;

/// The books within an open transaction.
pub(in crate::hub) struct BooksTransaction<'a> {
    db: &'a mut dyn Executor,
}

impl<'a> BooksTransaction<'a> {
    pub(in crate::hub) fn new(db: &'a mut dyn Executor) -> Self {
        Self { db }
    }

    /// Records that no gateway is known to be online.
    pub(in crate::hub) fn set_all_offline(&mut self) -> Result<(), BooksError> {
        self.db.execute("UPDATE book SET online = 0 WHERE online = 1", &[])?;
        Ok(())
    }

    /// The books in force that are not fenced.
    pub(in crate::hub) fn open_books(&mut self) -> Result<Vec<Book>, BooksError> {
        let sql = "SELECT * FROM book WHERE fenced IS NULL
                   AND id IN (SELECT max(id) FROM book GROUP BY site, gateway)";
        self.db.query(sql, &[])?.into_iter().map(read_book).collect()
    }

    fn one(&mut self, sql: &str, values: &[SqlValue]) -> Result<Option<RowReader>, BooksError> {
        Ok(self.db.query(sql, values)?.pop().map(RowReader::of))
    }

    /// Inserts rows of `N` columns, many at a time. `tail` says what to do with rows that exist.
    fn put<const N: usize>(
        &mut self,
        table: &str,
        rows: &[[SqlValue; N]],
        tail: &str,
    ) -> Result<(), BooksError> {
        let mut chunks = rows.chunks_exact(ROWS);
        for chunk in &mut chunks {
            self.db.execute(&insert(table, N, ROWS, tail), &chunk.concat())?;
        }
        let one = insert(table, N, 1, tail);
        for row in chunks.remainder() {
            self.db.execute(&one, row)?;
        }
        Ok(())
    }

    /// Runs a query for SKUs, many at a time; returns its rows by SKU, which is the first column.
    /// `{skus}` in the query stands for the SKUs; `first` are the values before them.
    fn find(
        &mut self,
        sql: &str,
        first: &[SqlValue],
        skus: &[Sku],
    ) -> Result<BTreeMap<String, RowReader>, BooksError> {
        let mut found = BTreeMap::new();
        for chunk in skus.chunks(ROWS) {
            // One of two widths, so that only two statements are prepared.
            let width = if chunk.len() == 1 { 1 } else { ROWS };
            let padded = chunk.iter().chain(std::iter::repeat(&chunk[0])).take(width);
            let texts = padded.map(|sku| SqlValue::text(sku.as_str()));
            let values: Vec<SqlValue> = first.iter().cloned().chain(texts).collect();
            let list = places(first.len() + 1, width);
            for row in self.db.query(&sql.replace("{skus}", &list), &values)? {
                let mut row = RowReader::of(row);
                found.insert(row.text()?, row);
            }
        }
        Ok(found)
    }
}

/// `$first` and the following, `count` of them.
fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

fn insert(table: &str, width: usize, rows: usize, tail: &str) -> String {
    let rows: Vec<String> =
        (0..rows).map(|row| format!("({})", places(row * width + 1, width))).collect();
    format!("INSERT INTO {table} VALUES {} {tail}", rows.join(", "))
}

const SET_BOOK: &str = "ON CONFLICT (id) DO UPDATE SET acked_seq = excluded.acked_seq,
    digest = excluded.digest, chain = excluded.chain, fenced = excluded.fenced,
    known_seq = excluded.known_seq, issued = excluded.issued, taken = excluded.taken,
    landed = excluded.landed, retired = excluded.retired, problem = excluded.problem,
    searching = excluded.searching, differing = excluded.differing, aside = excluded.aside,
    last_seen_ms = excluded.last_seen_ms, online = excluded.online";
const SET_ALLOTMENT: &str = "ON CONFLICT (sku, book) DO UPDATE SET on_hand = excluded.on_hand,
    reserved = excluded.reserved, in_transit = excluded.in_transit";
const SET_POOL: &str = "ON CONFLICT (sku) DO UPDATE SET received = excluded.received,
    adjusted = excluded.adjusted, deducted = excluded.deducted,
    unallotted = excluded.unallotted, in_transit = excluded.in_transit";

impl Books for BooksTransaction<'_> {
    type Error = BooksError;

    fn book_count(&mut self) -> Result<usize, BooksError> {
        let count = self.one("SELECT count(*) FROM book", &[])?;
        let count = count.map_or(Ok(0), |mut row| row.number())?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn books(&mut self, gateway: &GatewayId) -> Result<Vec<Book>, BooksError> {
        let sql = "SELECT * FROM book WHERE site = $1 AND gateway = $2 ORDER BY id";
        let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway)];
        self.db.query(sql, &of)?.into_iter().map(read_book).collect()
    }

    fn book(&mut self, id: i64) -> Result<Book, BooksError> {
        let found = self.db.query("SELECT * FROM book WHERE id = $1", &[SqlValue::Int(id)])?.pop();
        let missing = || BooksError::Damaged(format!("there is no book {id}"));
        read_book(found.ok_or_else(missing)?)
    }

    fn open(&mut self, book: &mut Book) -> Result<(), BooksError> {
        let last = self.one("SELECT coalesce(max(id), 0) FROM book", &[])?;
        book.id = last.map_or(Ok(0), |mut row| row.int())? + 1;
        self.save(book)
    }

    fn save(&mut self, book: &Book) -> Result<(), BooksError> {
        self.put::<BOOK_COLUMNS>("book", &[book_row(book)], SET_BOOK)
    }

    fn append(&mut self, book: i64, entries: &[Entry]) -> Result<(), BooksError> {
        let rows: Vec<_> = entries.iter().map(|entry| entry_row(book, entry)).collect();
        self.put("entry", &rows, "")
    }

    fn ledger_sums(&mut self, book: i64) -> Result<Vec<(Sku, i64, i64)>, BooksError> {
        let sql = "SELECT sku, CAST(sum(change) AS {int}), CAST(sum(reserved_change) AS {int})
                   FROM entry WHERE book = $1 GROUP BY sku ORDER BY sku";
        let rows = self.db.query(&sql.replace("{int}", "BIGINT"), &[SqlValue::Int(book)])?;
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            Ok((row.id(Sku::parse)?, row.int()?, row.int()?))
        };
        rows.into_iter().map(read).collect()
    }

    fn set_aside(&mut self, book: i64, entries: &[Entry]) -> Result<u64, BooksError> {
        let rows: Vec<_> = entries.iter().map(|entry| entry_row(book, entry)).collect();
        self.put("aside", &rows, "ON CONFLICT (book, seq) DO NOTHING")?;
        let sql = "SELECT count(*) FROM aside WHERE book = $1";
        self.one(sql, &[SqlValue::Int(book)])?.map_or(Ok(0), |mut row| row.number())
    }

    fn accounts(&mut self, book: i64, skus: &[Sku]) -> Result<Vec<SkuAccount>, BooksError> {
        let sql = "SELECT sku, on_hand, reserved, in_transit FROM held
                   WHERE book = $1 AND sku IN ({skus})";
        let mut allotments = self.find(sql, &[SqlValue::Int(book)], skus)?;
        let sql = "SELECT sku, received, adjusted, deducted, unallotted, in_transit FROM pool
                   WHERE sku IN ({skus})";
        let mut pools = self.find(sql, &[], skus)?;
        let policies = self.find("SELECT sku FROM policy WHERE sku IN ({skus})", &[], skus)?;
        let account = |sku: &Sku| {
            let sku = sku.as_str();
            Ok(SkuAccount {
                allotment: allotments
                    .remove(sku)
                    .map(read_allotment)
                    .transpose()?
                    .unwrap_or_default(),
                pool: pools.remove(sku).map(read_pool).transpose()?.unwrap_or_default(),
                has_policy: policies.contains_key(sku),
            })
        };
        skus.iter().map(account).collect()
    }

    fn allotment(&mut self, book: i64, sku: &Sku) -> Result<Allotment, BooksError> {
        let sql = "SELECT on_hand, reserved, in_transit FROM held WHERE sku = $1 AND book = $2";
        let row = self.one(sql, &[SqlValue::text(sku.as_str()), SqlValue::Int(book)])?;
        Ok(row.map(read_allotment).transpose()?.unwrap_or_default())
    }

    fn allotments(&mut self, book: i64) -> Result<Vec<(Sku, Allotment)>, BooksError> {
        let sql = "SELECT sku, on_hand, reserved, in_transit FROM held WHERE book = $1
                   ORDER BY sku";
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            Ok((row.id(Sku::parse)?, read_allotment(row)?))
        };
        self.db.query(sql, &[SqlValue::Int(book)])?.into_iter().map(read).collect()
    }

    fn holders(&mut self, sku: &Sku) -> Result<Vec<(i64, Allotment)>, BooksError> {
        let sql = "SELECT book, on_hand, reserved, in_transit FROM held WHERE sku = $1
                   ORDER BY book";
        let read = |row: SqlRow| {
            let mut row = RowReader::of(row);
            Ok((row.int()?, read_allotment(row)?))
        };
        self.db.query(sql, &[SqlValue::text(sku.as_str())])?.into_iter().map(read).collect()
    }

    fn save_allotments(
        &mut self,
        book: i64,
        allotments: &[(Sku, Allotment)],
    ) -> Result<(), BooksError> {
        let row = |(sku, allotment): &(Sku, Allotment)| {
            let Allotment { on_hand, reserved, in_transit } = *allotment;
            let figures = [on_hand, reserved, in_transit].map(SqlValue::Int);
            let [on_hand, reserved, in_transit] = figures;
            [SqlValue::text(sku.as_str()), SqlValue::Int(book), on_hand, reserved, in_transit]
        };
        let rows: Vec<_> = allotments.iter().map(row).collect();
        self.put("held", &rows, SET_ALLOTMENT)
    }

    fn sku_record(&mut self, sku: &Sku) -> Result<SkuRecord, BooksError> {
        let of = [SqlValue::text(sku.as_str())];
        let sql = "SELECT received, adjusted, deducted, unallotted, in_transit FROM pool
                   WHERE sku = $1";
        let pool = self.one(sql, &of)?.map(read_pool).transpose()?;
        let listed = self.one("SELECT n FROM listing WHERE sku = $1", &of)?.is_some();
        Ok(SkuRecord { pool, listed })
    }

    fn save_pools(&mut self, pools: &[(Sku, Pool)]) -> Result<(), BooksError> {
        let row = |(sku, pool): &(Sku, Pool)| {
            let Pool { received, adjusted, deducted, unallotted, in_transit } = *pool;
            let sums = [received, adjusted, deducted, unallotted, in_transit].map(SqlValue::Int);
            let [received, adjusted, deducted, unallotted, in_transit] = sums;
            [SqlValue::text(sku.as_str()), received, adjusted, deducted, unallotted, in_transit]
        };
        let rows: Vec<_> = pools.iter().map(row).collect();
        self.put("pool", &rows, SET_POOL)
    }

    fn save_transfer(&mut self, book: i64, issued: &IssuedTransfer) -> Result<(), BooksError> {
        let tail = "ON CONFLICT (book, number) DO UPDATE SET
                    returned = excluded.returned, closed = excluded.closed";
        self.put("transfer", &[issued_row(book, issued)], tail)
    }

    fn transfers_after(
        &mut self,
        book: i64,
        number: u64,
        limit: usize,
    ) -> Result<Vec<IssuedTransfer>, BooksError> {
        let sql = "SELECT number, request_id, transfer, returned, closed FROM transfer
                   WHERE book = $1 AND number > $2 ORDER BY number LIMIT $3";
        let of = [SqlValue::Int(book), SqlValue::number(number), SqlValue::number(limit as u64)];
        self.db.query(sql, &of)?.into_iter().map(read_issued).collect()
    }

    fn transfers_of(&mut self, request_id: &RequestId) -> Result<Vec<IssuedTransfer>, BooksError> {
        let sql = "SELECT number, request_id, transfer, returned, closed FROM transfer
                   WHERE request_id = $1 ORDER BY book, number";
        let rows = self.db.query(sql, &[SqlValue::text(request_id.as_str())])?;
        rows.into_iter().map(read_issued).collect()
    }

    fn decided_request(
        &mut self,
        request_id: &RequestId,
    ) -> Result<Option<DecidedRequest>, BooksError> {
        let sql = "SELECT remembered FROM request WHERE id = $1";
        let row = self.one(sql, &[SqlValue::text(request_id.as_str())])?;
        row.map(|mut row| row.postcard()).transpose()
    }

    fn request_count(&mut self) -> Result<u64, BooksError> {
        let row = self.one("SELECT coalesce(max(n), 0) FROM request", &[])?;
        row.map_or(Ok(0), |mut row| row.number())
    }

    fn save_request(&mut self, id: &RequestId, decided: &DecidedRequest) -> Result<(), BooksError> {
        let n = SqlValue::number(self.request_count()? + 1);
        self.put("request", &[[n, SqlValue::text(id.as_str()), to_postcard(decided)]], "")
    }

    fn policy(&mut self, sku: &Sku) -> Result<Option<Policy>, BooksError> {
        let sql = "SELECT low_water, target FROM policy WHERE sku = $1";
        let row = self.one(sql, &[SqlValue::text(sku.as_str())])?;
        row.map(|mut row| Ok(Policy { low_water: row.int()?, target: row.int()? })).transpose()
    }

    fn save_policy(&mut self, sku: &Sku, policy: Policy) -> Result<(), BooksError> {
        let Policy { low_water, target } = policy;
        let row = [SqlValue::text(sku.as_str()), SqlValue::Int(low_water), SqlValue::Int(target)];
        let tail = "ON CONFLICT (sku) DO UPDATE SET low_water = excluded.low_water,
                    target = excluded.target";
        self.put("policy", &[row], tail)
    }

    fn waiting(&mut self, sku: &Sku) -> Result<Vec<i64>, BooksError> {
        let rows = self.db.query(
            "SELECT book FROM ask WHERE sku = $1 ORDER BY n",
            &[SqlValue::text(sku.as_str())],
        )?;
        rows.into_iter().map(|row| RowReader::of(row).int()).collect()
    }

    fn start_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), BooksError> {
        let last = self.one("SELECT coalesce(max(n), 0) FROM ask", &[])?;
        let n = last.map_or(Ok(0), |mut row| row.int())? + 1;
        let row = [SqlValue::Int(n), SqlValue::text(sku.as_str()), SqlValue::Int(book)];
        self.put("ask", &[row], "")
    }

    fn stop_waiting(&mut self, sku: &Sku, book: i64) -> Result<(), BooksError> {
        let of = [SqlValue::text(sku.as_str()), SqlValue::Int(book)];
        self.db.execute("DELETE FROM ask WHERE sku = $1 AND book = $2", &of)?;
        Ok(())
    }

    fn catalogue(&mut self) -> Result<Vec<Listing>, BooksError> {
        let sql = "SELECT n, sku, name, barcodes FROM listing ORDER BY sku";
        let rows = self.db.query(sql, &[])?;
        rows.into_iter().map(|row| Ok(read_listing(row)?.1)).collect()
    }

    fn last_listing(&mut self) -> Result<u64, BooksError> {
        let row = self.one("SELECT coalesce(max(n), 0) FROM listing", &[])?;
        row.map_or(Ok(0), |mut row| row.number())
    }

    fn save_listing(&mut self, number: u64, listing: &Listing) -> Result<(), BooksError> {
        let row = [
            SqlValue::text(listing.sku.as_str()),
            SqlValue::number(number),
            SqlValue::or_null(listing.name.as_deref()),
            SqlValue::text(&listing.barcodes.join(" ")),
        ];
        let tail = "ON CONFLICT (sku) DO UPDATE SET n = excluded.n, name = excluded.name,
                    barcodes = excluded.barcodes";
        self.put("listing", &[row], tail)
    }

    fn listings_after(
        &mut self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listing)>, BooksError> {
        let sql = "SELECT n, sku, name, barcodes FROM listing WHERE n > $1 ORDER BY n LIMIT $2";
        let of = [SqlValue::number(number), SqlValue::number(limit as u64)];
        self.db.query(sql, &of)?.into_iter().map(read_listing).collect()
    }
}

fn read_allotment(mut row: RowReader) -> Result<Allotment, BooksError> {
    Ok(Allotment { on_hand: row.int()?, reserved: row.int()?, in_transit: row.int()? })
}

fn read_pool(mut row: RowReader) -> Result<Pool, BooksError> {
    Ok(Pool {
        received: row.int()?,
        adjusted: row.int()?,
        deducted: row.int()?,
        unallotted: row.int()?,
        in_transit: row.int()?,
    })
}

fn read_listing(row: SqlRow) -> Result<(u64, Listing), BooksError> {
    let mut row = RowReader::of(row);
    let number = row.number()?;
    let (sku, name, barcodes) = (row.id(Sku::parse)?, row.text_or_null()?, row.text()?);
    let barcodes = barcodes.split_whitespace().map(Into::into).collect();
    Ok((number, Listing { sku, name, barcodes }))
}
