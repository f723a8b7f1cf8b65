//! SKUs without units that a gateway has brought.

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

/// SKUs of a gateway that no catalogue has had, without units and without a policy, at most `limit`.
pub(in crate::hub) fn unused_skus(
    db: &mut dyn Executor,
    gateway: &GatewayId,
    limit: usize,
) -> Result<Vec<Sku>, BooksError> {
    let sql = "SELECT DISTINCT held.sku FROM held JOIN book ON book.id = held.book
        JOIN pool ON pool.sku = held.sku
        WHERE book.site = $1 AND book.gateway = $2
          AND held.on_hand = 0 AND held.reserved = 0 AND held.in_transit = 0
          AND pool.received = 0 AND pool.adjusted = 0 AND pool.deducted = 0
          AND pool.unallotted = 0 AND pool.in_transit = 0 AND pool.given = 0
          AND NOT EXISTS (SELECT 1 FROM listing WHERE listing.sku = held.sku)
          AND NOT EXISTS (SELECT 1 FROM policy WHERE policy.sku = held.sku)
          AND NOT EXISTS (SELECT 1 FROM held AS other WHERE other.sku = held.sku
              AND (other.on_hand <> 0 OR other.in_transit <> 0))
        ORDER BY held.sku LIMIT $3";
    let limit = SqlValue::number(limit as u64);
    let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway), limit];
    let found = db.query(sql, &of)?;
    found.into_iter().map(|row| RowReader::of(row).id(Sku::parse)).collect()
}
