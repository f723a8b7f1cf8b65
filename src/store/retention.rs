//! Forgetting what is old enough, in steps that nobody feels.
//!
//! Age is running time: a controller whose clock jumps from 1970 to today must not forget
//! everything at once. Ledger entries go only when the hub has committed them, and their sums
//! are kept, so that opening + ledger = stock always holds; the last entry stays for its digest.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, get_u64, to_i64};
use crate::limits::{PRUNE_STEP, RETENTION_MARK_MS};
use crate::stock::Seq;

impl Store {
    /// Notes how far ledger and requests have come, once an hour.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn mark(&mut self, running_ms: u64, seq: Seq) -> Result<(), StoreError> {
        let newest: Option<i64> =
            self.db.query_row("SELECT max(running_ms) FROM mark", [], |row| row.get(0))?;
        let due_ms = newest.map_or(0, |newest| newest.unsigned_abs() + RETENTION_MARK_MS);
        if running_ms >= due_ms {
            let row = params![to_i64(running_ms), to_i64(seq), self.next_request - 1];
            self.db.execute("INSERT OR REPLACE INTO mark VALUES (?1, ?2, ?3)", row)?;
        }
        Ok(())
    }

    /// Deletes a few of the entries and requests that are older than `retention_ms`; returns
    /// whether there was anything to delete.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing was deleted.
    pub fn prune(
        &mut self,
        running_ms: u64,
        retention_ms: u64,
        acked_seq: Seq,
    ) -> Result<bool, StoreError> {
        let Some(old_ms) = running_ms.checked_sub(retention_ms) else {
            return Ok(false);
        };
        let sql = "SELECT seq, request_n FROM mark WHERE running_ms <= ?1
                   ORDER BY running_ms DESC LIMIT 1";
        let mark = self
            .db
            .query_row(sql, [to_i64(old_ms)], |row| Ok((get_u64(row, 0)?, row.get::<_, i64>(1)?)));
        let Some((seq, request_n)) = mark.optional()? else {
            return Ok(false);
        };
        let transaction = self.db.transaction()?;
        let entries = prune_ledger(&transaction, seq.min(acked_seq))?;
        let requests = prune_requests(&transaction, request_n)?;
        let nothing = entries + requests == 0;
        if nothing && seq <= acked_seq {
            let newest_old = "SELECT max(running_ms) FROM mark WHERE running_ms <= ?1";
            let sql = format!("DELETE FROM mark WHERE running_ms < ({newest_old})");
            transaction.execute(&sql, [to_i64(old_ms)])?;
        }
        transaction.commit()?;
        Ok(!nothing)
    }
}

fn prune_ledger(db: &rusqlite::Transaction<'_>, up_to: Seq) -> Result<usize, StoreError> {
    let bounds = db.query_row("SELECT min(seq), max(seq) FROM ledger", [], |row| {
        Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
    })?;
    let Some((first, last)) = bounds else {
        return Ok(0);
    };
    let step = first + to_i64(PRUNE_STEP) - 1;
    let up_to = step.min(to_i64(up_to)).min(last - 1);
    if up_to < first {
        return Ok(0);
    }
    db.execute(
        "INSERT INTO opening
         SELECT sku, sum(change), sum(reserved_change) FROM ledger WHERE seq <= ?1 GROUP BY sku
         ON CONFLICT (sku) DO UPDATE SET
            on_hand = on_hand + excluded.on_hand, reserved = reserved + excluded.reserved",
        [up_to],
    )?;
    Ok(db.execute("DELETE FROM ledger WHERE seq <= ?1", [up_to])?)
}

/// The record of an open reservation stays: it says how the reservation may still end.
fn prune_requests(db: &rusqlite::Transaction<'_>, up_to: i64) -> Result<usize, StoreError> {
    let sql = "DELETE FROM request WHERE n IN (
                   SELECT n FROM request
                   WHERE n <= ?1 AND id NOT IN (SELECT id FROM hold) ORDER BY n LIMIT ?2)";
    Ok(db.execute(sql, [up_to, to_i64(PRUNE_STEP)])?)
}
