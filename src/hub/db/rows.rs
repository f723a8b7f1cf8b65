//! Rows of the books and what they stand for.

use uuid::Uuid;

use super::sql::{ColumnReader, SqlRow, SqlValue, packed};
use crate::hub::core::judge::Cursor;
use crate::hub::core::{Book, IssuedTransfer};
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Checks, Digest, Direction, Entry, OrderId, RequestId, Sku, Transfer};
use crate::store::StoreError;

/// The columns that [`read_entry`] reads.
pub(in crate::hub) const ENTRY_COLUMNS: &str =
    "seq, kind, sku, change, reserved_change, order_id, request_id, at_ms";

/// The columns of a book, in the order of the table.
pub(super) const BOOK_COLUMNS: usize = 19;

pub(in crate::hub) fn read_entry(row: SqlRow) -> Result<Entry, StoreError> {
    let mut row = ColumnReader::of(row);
    let seq = row.number()?;
    let code = row.int()?;
    let known = u8::try_from(code).ok().and_then(Entry::from_code);
    let (kind, clock_trusted) =
        known.ok_or_else(|| StoreError::Damaged(format!("entry {seq} has kind {code}")))?;
    let sku = row.id(Sku::parse)?;
    let (change, reserved_change) = (row.int()?, row.int()?);
    let order_id = row.text_or_null()?;
    let order_id = order_id.map(|id| {
        OrderId::parse(&id).map_err(|error| StoreError::Damaged(format!("order id {error}")))
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

pub(super) fn read_book(row: SqlRow) -> Result<Book, StoreError> {
    let mut row = ColumnReader::of(row);
    Ok(Book {
        id: row.int()?,
        gateway: GatewayId { site: row.text()?, gateway: row.text()? },
        cursor: Cursor {
            epoch: Uuid::from_slice(&row.blob()?)
                .map_err(|error| StoreError::Damaged(format!("an epoch: {error}")))?,
            acked_seq: row.number()?,
            checks: Checks { digest: Digest(row.bits()?), chain: Chain(row.bits()?) },
            fenced: row.text_or_null()?,
        },
        known_seq: row.number()?,
        issued: row.number()?,
        taken: row.packed()?,
        match_position: row.packed()?,
        retired: row.bool()?,
        problem: row.text_or_null()?,
        searching: row.bool()?,
        differing: row.packed()?,
        aside: row.number()?,
        last_seen_ms: row.int()?,
        online: row.bool()?,
    })
}

pub(super) fn book_row(book: &Book) -> [SqlValue; BOOK_COLUMNS] {
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
        packed(&book.taken),
        packed(&book.match_position),
        SqlValue::bool(book.retired),
        SqlValue::or_null(book.problem.as_deref()),
        SqlValue::bool(book.searching),
        packed(&book.differing),
        SqlValue::number(book.aside),
        SqlValue::Int(book.last_seen_ms),
        SqlValue::bool(book.online),
    ]
}

pub(super) fn read_issued(row: SqlRow) -> Result<IssuedTransfer, StoreError> {
    let mut row = ColumnReader::of(row);
    let number = row.number()?;
    let request_id = row.id(RequestId::parse)?;
    let (direction, lines): (Direction, Vec<_>) = row.packed()?;
    let transfer = Transfer { number, request_id, direction, lines };
    Ok(IssuedTransfer { transfer, returned: row.packed()?, closed: row.bool()? })
}

pub(super) fn issued_row(book: i64, issued: &IssuedTransfer) -> [SqlValue; 6] {
    let Transfer { number, request_id, direction, lines } = &issued.transfer;
    [
        SqlValue::Int(book),
        SqlValue::number(*number),
        SqlValue::text(request_id.as_str()),
        packed(&(direction, lines)),
        packed(&issued.returned),
        SqlValue::bool(issued.closed),
    ]
}
