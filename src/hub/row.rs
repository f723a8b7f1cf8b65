//! Columns of the books that several queries read.

use rusqlite::Row;

use crate::stock::{Chain, Checks, Digest, Entry, Kind, OrderId, RequestId, Sku};
use crate::store::{get_u64, stored};

/// Reads an entry from columns in the order seq, kind, sku, change, reserved_change, order_id,
/// request_id, at_ms.
pub(super) fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let code: u8 = row.get(1)?;
    let kind = Kind::from_code(code)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, i64::from(code)))?;
    let order_id: Option<String> = row.get(5)?;
    Ok(Entry {
        seq: get_u64(row, 0)?,
        kind,
        sku: stored(2, Sku::parse(row.get_ref(2)?.as_str()?))?,
        change: row.get(3)?,
        reserved_change: row.get(4)?,
        order_id: order_id.map(|id| stored(5, OrderId::parse(&id))).transpose()?,
        request_id: stored(6, RequestId::parse(row.get_ref(6)?.as_str()?))?,
        at_ms: row.get(7)?,
    })
}

/// Reads digest and chain from two columns.
pub(super) fn read_checks(row: &Row<'_>, first: usize) -> rusqlite::Result<Checks> {
    Ok(Checks {
        digest: Digest(row.get::<_, i64>(first)?.cast_unsigned()),
        chain: Chain(row.get::<_, i64>(first + 1)?.cast_unsigned()),
    })
}
