//! Converts between rows of the books and what they stand for.

use super::error::BooksError;
use super::schema::{MOVEMENT, Table};
use super::sql::{Dialect, RowReader, SqlRow, SqlValue, to_postcard};
use crate::hub::core::judge::Cursor;
use crate::hub::core::{
    Book, EnteredMovement, Held, IssuedTransfer, LostFrames, Movement, MovementKind, Takeover,
    WholeUnits,
};
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;
use crate::stock::{
    Actor, Cause, Chain, Checks, Day, Digest, Direction, Entry, Line, Lot, OptionalTrace, OrderId,
    Reason, RequestId, Serial, Sku, Trace, Transfer,
};

/// The columns that [`read_entry`] reads.
const ENTRY_COLUMNS: &str = "seq, kind, sku, change, reserved_change, order_id, request_id, at_ms,
    actor, reason, lot, serial, expires";

/// The number of columns that [`book_row`] and [`read_book`] have, in the order of the table. The
/// last column of the table, whether a book is in force, is not a part of it.
pub(super) const BOOK_COLUMNS: usize = 41;

/// Selects the entries of book `$1` after position `$2`, at most `$3`: of its ledger, or those that
/// were kept aside. PostgreSQL may still have entries that were removed.
pub(in crate::hub) fn entries_sql(aside: bool) -> String {
    let (table, after) = match aside {
        true => ("aside", "$2".to_owned()),
        false => ("entry", kept_after("$1", "$2")),
    };
    format!(
        "SELECT {ENTRY_COLUMNS} FROM {table} WHERE book = $1 AND seq > {after} ORDER BY seq LIMIT $3"
    )
}

/// The position after which a ledger is read: not before where it begins.
fn kept_after(book: &str, after: &str) -> String {
    format!(
        "(SELECT max(seq) FROM (SELECT seq FROM pruned WHERE pruned.book = {book}
            UNION ALL SELECT {after}) AS bounds)"
    )
}

/// Selects entries of the feed: the keys are a book, the first and the last position of a range, and
/// the position of the range in the feed, which comes before the columns of an entry.
pub(in crate::hub) fn feed_entries_sql(look: Look) -> String {
    let of = "entry.book = k.a AND entry.seq BETWEEN k.b AND k.c";
    let found = look.within("entry", of, "k.d");
    format!("SELECT k.d, {ENTRY_COLUMNS} FROM {{keys}} AS k {found} ORDER BY k.d, seq")
}

/// The same of the hub's own ledger, whose keys have no book.
pub(in crate::hub) fn feed_movements_sql(look: Look) -> String {
    let found = look.within("movement", "movement.seq BETWEEN k.a AND k.b", "k.c");
    format!("SELECT k.c, {} FROM {{keys}} AS k {found} ORDER BY k.c, seq", columns(&MOVEMENT))
}

/// Where the entries of ranges are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Look {
    Everywhere,
    /// In the table of the month that the range has in the feed, which only PostgreSQL knows.
    InMonth,
}

impl Look {
    /// What a database does without looking into every table.
    pub(in crate::hub) fn fast(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Everywhere,
            Dialect::Postgresql => Self::InMonth,
        }
    }

    /// Joins the rows of a ledger that meet a condition, for a position in the feed.
    fn within(self, ledger: &str, condition: &str, position: &str) -> String {
        match self {
            Self::Everywhere => format!("JOIN {ledger} ON {condition}"),
            // The offset keeps the server from making one join of all tables of it.
            Self::InMonth => format!(
                "JOIN (SELECT position, month AS booked FROM feed) AS place
                     ON place.position = {position}
                 CROSS JOIN LATERAL (SELECT * FROM {ledger}
                     WHERE {condition} AND month = place.booked OFFSET 0) AS {ledger}"
            ),
        }
    }
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
    Ok(Entry {
        seq,
        kind,
        sku,
        change,
        reserved_change,
        order_id: row.id_or_null(OrderId::parse)?,
        request_id: row.id(RequestId::parse)?,
        at_ms: row.int()?,
        clock_trusted,
        cause: read_cause(&mut row)?,
        trace: read_trace(&mut row)?,
    })
}

fn read_cause(row: &mut RowReader) -> Result<Cause, BooksError> {
    let actor = row.id_or_null(Actor::parse)?;
    Ok(Cause { actor, reason: row.id_or_null(Reason::parse)? })
}

fn read_trace(row: &mut RowReader) -> Result<OptionalTrace, BooksError> {
    let (lot, serial) = (row.id_or_null(Lot::parse)?, row.id_or_null(Serial::parse)?);
    let day = row.int_or_null()?.map(|day| {
        let known = i32::try_from(day).ok().and_then(|day| Day::try_from(day).ok());
        known.ok_or_else(|| BooksError::Damaged(format!("an expiry date is {day}")))
    });
    Ok(Trace::of(lot, serial, day.transpose()?))
}

/// The values that [`read_cause`] and [`read_trace`] read.
fn said(cause: &Cause, trace: &OptionalTrace) -> [SqlValue; 5] {
    let trace = trace.as_deref();
    let day = trace.and_then(|trace| trace.expires);
    [
        SqlValue::or_null(cause.actor.as_ref().map(Actor::as_str)),
        SqlValue::or_null(cause.reason.as_ref().map(Reason::as_str)),
        SqlValue::or_null(trace.and_then(|trace| trace.lot.as_ref()).map(Lot::as_str)),
        SqlValue::or_null(trace.and_then(|trace| trace.serial.as_ref()).map(Serial::as_str)),
        day.map_or(SqlValue::Null, |day| SqlValue::Int(i64::from(day.number()))),
    ]
}

pub(super) fn entry_row(book: i64, entry: &Entry) -> [SqlValue; 14] {
    let [actor, reason, lot, serial, expires] = said(&entry.cause, &entry.trace);
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
        actor,
        reason,
        lot,
        serial,
        expires,
    ]
}

/// Selects the movements after position `$1`, at most `$2`.
pub(in crate::hub) fn movements_sql() -> String {
    let (columns, after) = (columns(&MOVEMENT), kept_after("0", "$1"));
    format!("SELECT {columns} FROM movement WHERE seq > {after} ORDER BY seq LIMIT $2")
}

pub(in crate::hub) fn read_movement(row: SqlRow) -> Result<EnteredMovement, BooksError> {
    let mut row = RowReader::of(row);
    let (seq, code) = (row.number()?, row.int()?);
    let kind = u8::try_from(code).ok().and_then(MovementKind::from_code);
    let kind =
        kind.ok_or_else(|| BooksError::Damaged(format!("movement {seq} has kind {code}")))?;
    let sku = row.id(Sku::parse)?;
    let (change, in_transit_change) = (row.int()?, row.int()?);
    let gateway = row.text_or_null()?.zip(row.text_or_null()?);
    let gateway = gateway.map(|(site, gateway)| GatewayId { site, gateway });
    let order_id = row.id_or_null(OrderId::parse)?;
    let request_id = row.id(RequestId::parse)?;
    let at_ms = row.int()?;
    let (cause, trace) = (read_cause(&mut row)?, read_trace(&mut row)?);
    let movement = Movement {
        kind,
        sku,
        change,
        reserved_change: row.int()?,
        in_transit_change,
        gateway,
        order_id,
        request_id,
        cause,
        trace,
    };
    Ok(EnteredMovement { seq, at_ms, movement })
}

pub(super) fn movement_row(entered: &EnteredMovement) -> [SqlValue; 16] {
    let EnteredMovement { seq, at_ms, movement } = entered;
    let gateway = movement.gateway.as_ref();
    let [actor, reason, lot, serial, expires] = said(&movement.cause, &movement.trace);
    [
        SqlValue::number(*seq),
        SqlValue::Int(i64::from(movement.kind.code())),
        SqlValue::text(movement.sku.as_str()),
        SqlValue::Int(movement.change),
        SqlValue::Int(movement.in_transit_change),
        SqlValue::or_null(gateway.map(|id| id.site.as_str())),
        SqlValue::or_null(gateway.map(|id| id.gateway.as_str())),
        SqlValue::or_null(movement.order_id.as_ref().map(OrderId::as_str)),
        SqlValue::text(movement.request_id.as_str()),
        SqlValue::Int(*at_ms),
        actor,
        reason,
        lot,
        serial,
        expires,
        SqlValue::Int(movement.reserved_change),
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
    let mut book = Book {
        id: row.int()?,
        gateway: GatewayId { site: row.text()?, gateway: row.text()? },
        cursor: Cursor {
            epoch: row.epoch()?,
            acked_seq: row.number()?,
            checks: Checks { digest: Digest(row.bits()?), chain: Chain::Xxh3(row.bits()?) },
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
        frame_lost: None,
        device_key: None,
        offered_key: None,
        chain_since: 0,
        catalogue_base: 0,
        whole_units: WholeUnits::default(),
    };
    if let Some(chain) = row.bytes_or_null()? {
        book.cursor.checks.chain = Chain::Sha256(chain);
    }
    let lost_bytes = row.int_or_null()?.and_then(|bytes| u32::try_from(bytes).ok());
    (book.device_key, book.offered_key) = (row.bytes_or_null()?, row.bytes_or_null()?);
    book.chain_since = row.number()?;
    book.catalogue_base = row.number()?;
    book.whole_units = row.postcard_or_null()?.unwrap_or_default();
    book.takeover.in_step_ms = row.int()?;
    let broker = row.text_or_null()?.unwrap_or_default();
    book.frame_lost = lost_bytes.map(|bytes| LostFrames { bytes, broker });
    Ok(book)
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
        in_step_ms: 0,
    })
}

pub(super) fn book_row(book: &Book) -> [SqlValue; BOOK_COLUMNS] {
    let (held, takeover, lost) = (book.held.as_ref(), book.takeover, book.frame_lost.as_ref());
    let (chain, sha256) = match book.cursor.checks.chain {
        Chain::Xxh3(chain) => (chain, SqlValue::Null),
        Chain::Sha256(chain) => (0, SqlValue::Blob(chain.to_vec())),
    };
    [
        SqlValue::Int(book.id),
        SqlValue::text(&book.gateway.site),
        SqlValue::text(&book.gateway.gateway),
        SqlValue::Blob(book.cursor.epoch.as_bytes().to_vec()),
        SqlValue::number(book.cursor.acked_seq),
        SqlValue::bits(book.cursor.checks.digest.0),
        SqlValue::bits(chain),
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
        sha256,
        lost.map_or(SqlValue::Null, |lost| SqlValue::Int(i64::from(lost.bytes))),
        SqlValue::bytes_or_null(book.device_key.as_ref()),
        SqlValue::bytes_or_null(book.offered_key.as_ref()),
        SqlValue::number(book.chain_since),
        SqlValue::number(book.catalogue_base),
        to_postcard(&book.whole_units),
        SqlValue::Int(takeover.in_step_ms),
        SqlValue::or_null(lost.map(|lost| lost.broker.as_str())),
    ]
}

pub(super) fn read_issued(row: SqlRow) -> Result<IssuedTransfer, BooksError> {
    let mut row = RowReader::of(row);
    let number = row.number()?;
    let request_id = row.id(RequestId::parse)?;
    let (direction, lines, cause) = read_transfer(&row.blob()?)?;
    let transfer = Transfer { number, request_id, direction, lines, cause };
    Ok(IssuedTransfer { transfer, returned: row.postcard()?, closed: row.bool()? })
}

/// A stored transfer. Earlier versions stored neither a cause after it nor the traces of its lines.
fn read_transfer(bytes: &[u8]) -> Result<(Direction, Vec<Line>, Cause), BooksError> {
    let damaged = |error| BooksError::Damaged(format!("a transfer: {error}"));
    let ((direction, mut lines), rest): ((_, Vec<Line>), _) =
        postcard::take_from_bytes(bytes).map_err(damaged)?;
    if rest.is_empty() {
        return Ok((direction, lines, Cause::default()));
    }
    let (cause, rest) = postcard::take_from_bytes(rest).map_err(damaged)?;
    if !rest.is_empty() {
        let traces: Vec<OptionalTrace> = postcard::from_bytes(rest).map_err(damaged)?;
        lines.iter_mut().zip(traces).for_each(|(line, trace)| line.trace = trace);
    }
    Ok((direction, lines, cause))
}

pub(super) fn issued_row(book: i64, issued: &IssuedTransfer) -> [SqlValue; 6] {
    let Transfer { number, request_id, direction, lines, cause } = &issued.transfer;
    let traces: Vec<&OptionalTrace> = lines.iter().map(|line| &line.trace).collect();
    [
        SqlValue::Int(book),
        SqlValue::number(*number),
        SqlValue::text(request_id.as_str()),
        to_postcard(&(direction, lines, cause, traces)),
        to_postcard(&issued.returned),
        SqlValue::bool(issued.closed),
    ]
}
