//! Converts between rows of the books and what they stand for.

use super::error::BooksError;
use super::schema::Table;
use super::sql::{RowReader, SqlRow, SqlValue, to_postcard};
use crate::hub::core::judge::Cursor;
use crate::hub::core::{Book, Held, IssuedTransfer, Takeover};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{
    Cause, Chain, Checks, Digest, Direction, Entry, OrderId, RequestId, Sku, Transfer,
};

/// The columns that [`read_entry`] reads.
const ENTRY_COLUMNS: &str = "seq, kind, sku, change, reserved_change, order_id, request_id, at_ms";

/// The number of columns that [`book_row`] and [`read_book`] have, in the order of the table. The
/// last column of the table, whether a book is in force, is not a part of it.
pub(super) const BOOK_COLUMNS: usize = 32;

/// Selects the entries of book `$1` after position `$2`, at most `$3`: of its ledger, or those that
/// were kept aside.
pub(in crate::hub) fn entries_sql(aside: bool) -> String {
    let table = if aside { "aside" } else { "entry" };
    format!(
        "SELECT {ENTRY_COLUMNS} FROM {table} WHERE book = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    )
}

pub(in crate::hub) fn read_entry(row: SqlRow) -> Result<Entry, BooksError> {
    let mut row = RowReader::of(row);
    let seq = row.number()?;
    let code = row.int()?;
    let known = u8::try_from(code).ok().and_then(Entry::from_code);
    let (kind, clock_trusted) =
        known.ok_or_else(|| BooksError::Damaged(format!("entry {seq} has kind {code}")))?;
    let sku = row.id(Sku::parse)?;
    let (change, reserved_change) = (row.int()?, row.int()?);
    let order_id = row.text_or_null()?;
    let order_id = order_id.map(|id| {
        OrderId::parse(&id).map_err(|error| BooksError::Damaged(format!("order id {error}")))
    });
    Ok(Entry {
        seq,
        kind,
        sku,
        change,
        reserved_change,
        order_id: order_id.transpose()?,
        request_id: row.id(RequestId::parse)?,
        at_ms: row.int()?,
        clock_trusted,
        cause: Cause::default(),
        trace: None,
    })
}

pub(super) fn entry_row(book: i64, entry: &Entry) -> [SqlValue; 9] {
    [
        SqlValue::Int(book),
        SqlValue::number(entry.seq),
        SqlValue::Int(i64::from(entry.code())),
        SqlValue::text(entry.sku.as_str()),
        SqlValue::Int(entry.change),
        SqlValue::Int(entry.reserved_change),
        SqlValue::or_null(entry.order_id.as_ref().map(OrderId::as_str)),
        SqlValue::text(entry.request_id.as_str()),
        SqlValue::Int(entry.at_ms),
    ]
}

/// The names of a table's columns, for a query.
pub(super) fn columns(table: &Table) -> String {
    let name = |(name, _): &(&str, _)| format!("{}.{name}", table.name);
    let names: Vec<String> = table.columns.iter().map(name).collect();
    names.join(", ")
}

pub(super) fn read_book(row: SqlRow) -> Result<Book, BooksError> {
    let mut row = RowReader::of(row);
    Ok(Book {
        id: row.int()?,
        gateway: GatewayId { site: row.text()?, gateway: row.text()? },
        cursor: Cursor {
            epoch: row.epoch()?,
            acked_seq: row.number()?,
            checks: Checks { digest: Digest(row.bits()?), chain: Chain(row.bits()?) },
            fenced: row.text_or_null()?,
        },
        known_seq: row.number()?,
        issued: row.number()?,
        taken: row.postcard()?,
        match_position: row.postcard()?,
        retired: row.bool()?,
        problem: row.text_or_null()?,
        searching: row.bool()?,
        differing: row.postcard()?,
        aside: row.number()?,
        last_seen_ms: row.int()?,
        online: row.bool()?,
        wire: version(row.int()?)?,
        software: row.text()?,
        pending_since_ms: row.int()?,
        held: held(&mut row)?,
        takeover: takeover(&mut row)?,
        reopening: row.text_or_null()?,
    })
}

fn version(number: i64) -> Result<Version, BooksError> {
    let known = u8::try_from(number).ok().and_then(Version::from_number);
    known.ok_or_else(|| BooksError::Damaged(format!("a gateway speaks version {number}")))
}

fn held(row: &mut RowReader) -> Result<Option<Held>, BooksError> {
    let reason = row.text_or_null()?;
    let (since_ms, until_recovered) = (row.int()?, row.bool()?);
    Ok(reason.map(|reason| Held { since_ms, reason, until_recovered }))
}

fn takeover(row: &mut RowReader) -> Result<Takeover, BooksError> {
    Ok(Takeover {
        generation: row.number()?,
        heard_generation: row.number()?,
        up_to: row.number()?,
        transfer: row.number()?,
        transfers: row.number()?,
        units: row.number()?,
    })
}

pub(super) fn book_row(book: &Book) -> [SqlValue; BOOK_COLUMNS] {
    let (held, takeover) = (book.held.as_ref(), book.takeover);
    [
        SqlValue::Int(book.id),
        SqlValue::text(&book.gateway.site),
        SqlValue::text(&book.gateway.gateway),
        SqlValue::Blob(book.cursor.epoch.as_bytes().to_vec()),
        SqlValue::number(book.cursor.acked_seq),
        SqlValue::bits(book.cursor.checks.digest.0),
        SqlValue::bits(book.cursor.checks.chain.0),
        SqlValue::or_null(book.cursor.fenced.as_deref()),
        SqlValue::number(book.known_seq),
        SqlValue::number(book.issued),
        to_postcard(&book.taken),
        to_postcard(&book.match_position),
        SqlValue::bool(book.retired),
        SqlValue::or_null(book.problem.as_deref()),
        SqlValue::bool(book.searching),
        to_postcard(&book.differing),
        SqlValue::number(book.aside),
        SqlValue::Int(book.last_seen_ms),
        SqlValue::bool(book.online),
        SqlValue::Int(i64::from(book.wire.number())),
        SqlValue::text(&book.software),
        SqlValue::Int(book.pending_since_ms),
        SqlValue::or_null(held.map(|held| held.reason.as_str())),
        SqlValue::Int(held.map_or(0, |held| held.since_ms)),
        SqlValue::bool(held.is_some_and(|held| held.until_recovered)),
        SqlValue::number(takeover.generation),
        SqlValue::number(takeover.heard_generation),
        SqlValue::number(takeover.up_to),
        SqlValue::number(takeover.transfer),
        SqlValue::number(takeover.transfers),
        SqlValue::number(takeover.units),
        SqlValue::or_null(book.reopening.as_deref()),
    ]
}

pub(super) fn read_issued(row: SqlRow) -> Result<IssuedTransfer, BooksError> {
    let mut row = RowReader::of(row);
    let number = row.number()?;
    let request_id = row.id(RequestId::parse)?;
    let (direction, lines): (Direction, Vec<_>) = row.postcard()?;
    let transfer = Transfer { number, request_id, direction, lines };
    Ok(IssuedTransfer { transfer, returned: row.postcard()?, closed: row.bool()? })
}

pub(super) fn issued_row(book: i64, issued: &IssuedTransfer) -> [SqlValue; 6] {
    let Transfer { number, request_id, direction, lines } = &issued.transfer;
    [
        SqlValue::Int(book),
        SqlValue::number(*number),
        SqlValue::text(request_id.as_str()),
        to_postcard(&(direction, lines)),
        to_postcard(&issued.returned),
        SqlValue::bool(issued.closed),
    ]
}
