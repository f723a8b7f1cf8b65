//! Converts between rows of the books and the orders that they stand for.

use serde::{Deserialize, Serialize};

use super::error::BooksError;
use super::sql::{RowReader, SqlRow, SqlValue, to_postcard};
use crate::hub::core::{DecidedRequest, Elsewhere, OpenOrder, StoredHold, StoredRecord};
use crate::stock::{Actor, Hold, OrderId, RequestId};

/// The columns that [`read_reservation`] reads.
pub(in crate::hub) const RESERVATION_COLUMNS: &str = "id, deadline_ms, order_id, actor, lines";

pub(in crate::hub) fn read_reservation(row: SqlRow) -> Result<(RequestId, Hold), BooksError> {
    let mut row = RowReader::of(row);
    let (id, deadline_ms) = (row.id(RequestId::parse)?, row.number()?);
    let (order_id, actor) = (row.id_or_null(OrderId::parse)?, row.id_or_null(Actor::parse)?);
    Ok((id, row.postcard::<StoredHold>()?.into_hold(order_id, deadline_ms, actor)))
}

pub(super) fn reservation_row(id: &RequestId, hold: &Hold) -> [SqlValue; 5] {
    [
        SqlValue::text(id.as_str()),
        SqlValue::number(hold.deadline_ms),
        SqlValue::or_null(hold.order_id.as_ref().map(OrderId::as_str)),
        SqlValue::or_null(hold.actor.as_ref().map(Actor::as_str)),
        to_postcard(&StoredHold::of(hold)),
    ]
}

pub(super) fn read_open_order(row: SqlRow) -> Result<(RequestId, OpenOrder), BooksError> {
    let mut row = RowReader::of(row);
    let (id, deadline_ms) = (row.id(RequestId::parse)?, row.int()?);
    let damaged = |error| BooksError::Damaged(format!("an open order: {error}"));
    Ok((id, OpenOrder::of_stored(&row.blob()?, deadline_ms).map_err(damaged)?))
}

pub(super) fn open_order_row(id: &RequestId, order: &OpenOrder) -> [SqlValue; 3] {
    let stored = order.stored().expect("plain data always serializes");
    let deadline = SqlValue::Int(order.deadline_ms);
    [SqlValue::text(id.as_str()), deadline, SqlValue::Blob(stored)]
}

/// What stands behind the outcome of a request, if it is an order.
#[derive(Serialize, Deserialize)]
struct Behind {
    record: StoredRecord,
    elsewhere: Option<Elsewhere>,
}

/// A central request as it is stored: what else is known of an order stands behind its outcome.
pub(super) fn decided_value(decided: &DecidedRequest) -> SqlValue {
    let SqlValue::Blob(mut bytes) = to_postcard(decided) else { unreachable!("that is bytes") };
    if let Some(record) = &decided.record {
        let behind = Behind { record: record.into(), elsewhere: decided.elsewhere };
        bytes = postcard::to_extend(&behind, bytes).expect("plain data always serializes");
        // Earlier programs do not read further.
        if let Some(maker) = &decided.maker {
            bytes = postcard::to_extend(maker, bytes).expect("plain data always serializes");
        }
    }
    SqlValue::Blob(bytes)
}

pub(in crate::hub) fn read_decided(bytes: &[u8]) -> Result<DecidedRequest, BooksError> {
    let damaged = |error| BooksError::Damaged(format!("a request: {error}"));
    let (decided, rest) = postcard::take_from_bytes::<DecidedRequest>(bytes).map_err(damaged)?;
    if rest.is_empty() {
        return Ok(decided);
    }
    let (behind, rest) = postcard::take_from_bytes::<Behind>(rest).map_err(damaged)?;
    let is_known = !rest.is_empty();
    let maker = is_known.then(|| postcard::from_bytes(rest)).transpose().map_err(damaged)?;
    let Behind { record, elsewhere } = behind;
    Ok(DecidedRequest { record: Some(record.into()), elsewhere, maker, ..decided })
}
