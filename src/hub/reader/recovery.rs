//! How far a recovery of the books has come, and a database that is opened again.

use uuid::Uuid;

use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::protocol::topic::GatewayId;

/// The progress of a recovery.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hub) struct RecoveryProgress {
    /// Gateways that are online and have not sent their ledger yet.
    pub(in crate::hub) waiting: u64,
    /// Transfers that the books did not know.
    pub(in crate::hub) transfers: u64,
    /// The units of their entries, with six decimals.
    pub(in crate::hub) units: i128,
}

pub(in crate::hub) fn recovery(
    db: &mut dyn Executor,
    generation: u64,
) -> Result<RecoveryProgress, BooksError> {
    let sql = "SELECT
        CAST(CASE WHEN in_force = 1 AND online = 1 AND fenced IS NULL AND wire > 1
            AND (generation < $1 OR takeover_up_to > 0) THEN 1 ELSE 0 END AS BIGINT),
        CASE WHEN generation = $1 THEN taken_over_transfers ELSE 0 END,
        CASE WHEN generation = $1 THEN taken_over_units ELSE 0 END
        FROM book WHERE in_force = 1 OR generation = $1";
    let mut progress = RecoveryProgress::default();
    for row in db.query(sql, &[SqlValue::number(generation)])? {
        let mut row = RowReader::of(row);
        progress.waiting += row.number()?;
        progress.transfers += row.number()?;
        progress.units += i128::from(row.number()?);
    }
    Ok(progress)
}

/// The state of a database that an operator wants open, `open`, `fenced` or `reopening`, with its
/// problem.
pub(in crate::hub) fn reopening(
    db: &mut dyn Executor,
    gateway: &GatewayId,
    epoch: Uuid,
) -> Result<Option<(&'static str, Option<String>)>, BooksError> {
    let sql = "SELECT fenced, reopening, problem FROM book
               WHERE site = $1 AND gateway = $2 AND epoch = $3";
    let epoch = SqlValue::Blob(epoch.as_bytes().to_vec());
    let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway), epoch];
    let Some(row) = db.query(sql, &of)?.pop() else { return Ok(None) };
    let mut row = RowReader::of(row);
    let state = match (row.text_or_null()?, row.text_or_null()?) {
        (Some(_), _) => "fenced",
        (None, Some(_)) => "reopening",
        (None, None) => "open",
    };
    Ok(Some((state, row.text_or_null()?)))
}
