//! Rows of the books and what they stand for.

use uuid::Uuid;

use super::sql::{Columns, Row, Value, packed};
use crate::hub::core::judge::Cursor;
use crate::hub::core::{Book, Issued};
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Checks, Digest, Direction, Entry, OrderId, RequestId, Sku, Transfer};
use crate::store::StoreError;

/// The columns that [`read_entry`] reads.
pub(in crate::hub) const ENTRY_COLUMNS: &str =
    "seq, kind, sku, change, reserved_change, order_id, request_id, at_ms";

/// The columns of a book, in the order of the table.
pub(super) const BOOK_COLUMNS: usize = 19;

pub(in crate::hub) fn read_entry(row: Row) -> Result<Entry, StoreError> {
    let mut row = Columns::of(row);
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

pub(super) fn entry_row(book: i64, entry: &Entry) -> [Value; 9] {
    [
        Value::Int(book),
        Value::number(entry.seq),
        Value::Int(i64::from(entry.code())),
        Value::text(entry.sku.as_str()),
        Value::Int(entry.change),
        Value::Int(entry.reserved_change),
        Value::or_null(entry.order_id.as_ref().map(OrderId::as_str)),
        Value::text(entry.request_id.as_str()),
        Value::Int(entry.at_ms),
    ]
}

pub(super) fn read_book(row: Row) -> Result<Book, StoreError> {
    let mut row = Columns::of(row);
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
        landed: row.packed()?,
        retired: row.bool()?,
        problem: row.text_or_null()?,
        searching: row.bool()?,
        differing: row.packed()?,
        aside: row.number()?,
        last_seen_ms: row.int()?,
        online: row.bool()?,
    })
}

pub(super) fn book_row(book: &Book) -> [Value; BOOK_COLUMNS] {
    [
        Value::Int(book.id),
        Value::text(&book.gateway.site),
        Value::text(&book.gateway.gateway),
        Value::Blob(book.cursor.epoch.as_bytes().to_vec()),
        Value::number(book.cursor.acked_seq),
        Value::bits(book.cursor.checks.digest.0),
        Value::bits(book.cursor.checks.chain.0),
        Value::or_null(book.cursor.fenced.as_deref()),
        Value::number(book.known_seq),
        Value::number(book.issued),
        packed(&book.taken),
        packed(&book.landed),
        Value::bool(book.retired),
        Value::or_null(book.problem.as_deref()),
        Value::bool(book.searching),
        packed(&book.differing),
        Value::number(book.aside),
        Value::Int(book.last_seen_ms),
        Value::bool(book.online),
    ]
}

pub(super) fn read_issued(row: Row) -> Result<Issued, StoreError> {
    let mut row = Columns::of(row);
    let number = row.number()?;
    let request_id = row.id(RequestId::parse)?;
    let (direction, lines): (Direction, Vec<_>) = row.packed()?;
    let transfer = Transfer { number, request_id, direction, lines };
    Ok(Issued { transfer, returned: row.packed()?, closed: row.bool()? })
}

pub(super) fn issued_row(book: i64, issued: &Issued) -> [Value; 6] {
    let Transfer { number, request_id, direction, lines } = &issued.transfer;
    [
        Value::Int(book),
        Value::number(*number),
        Value::text(request_id.as_str()),
        packed(&(direction, lines)),
        packed(&issued.returned),
        Value::bool(issued.closed),
    ]
}
