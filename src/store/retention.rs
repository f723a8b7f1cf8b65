//! Forgetting what is old enough, in steps that nobody feels.
//!
//! Age is running time: a controller whose clock jumps from 1970 to today must not forget
//! everything at once. A row of the ledger goes only when the hub has committed its entries and
//! the table of stock holds them; the last row stays for its digest.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::chunk::ChunkEncoder;
use super::ledger::last_row;
use super::{Progress, Store, StoreError, save_progress, to_i64};
use crate::limits::{CHECKPOINT_STEP, PRUNE_ROWS_PER_STEP, RETENTION_MARK_MS};
use crate::stock::{LedgerRecord, RequestId, RequestRecords, Seq, Stock};

impl Store {
    /// Notes how far the ledger has come, once an hour.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn record_retention_mark(&mut self, running_ms: u64) -> Result<(), StoreError> {
        let newest: Option<i64> =
            self.db.query_row("SELECT max(running_ms) FROM mark", [], |row| row.get(0))?;
        let due_ms = newest.map_or(0, |newest| newest.unsigned_abs() + RETENTION_MARK_MS);
        if running_ms >= due_ms {
            let row = params![to_i64(running_ms), self.request_index.next - 1];
            self.db.execute("INSERT OR REPLACE INTO mark VALUES (?1, ?2)", row)?;
        }
        Ok(())
    }

    /// Deletes a few of the facts that are older than `retention_ms`; returns whether there was
    /// anything to delete.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing was deleted.
    pub fn prune(
        &mut self,
        progress: Progress,
        retention_ms: u64,
        stock: &Stock,
    ) -> Result<bool, StoreError> {
        let Some(old_ms) = progress.running_ms.checked_sub(retention_ms) else {
            return Ok(false);
        };
        let Some(old_n) = marked(&self.db, old_ms)? else {
            return Ok(false);
        };
        if prunable(&self.db, old_n, progress.acked_seq)?.is_none() {
            self.forget_marks(old_ms)?;
            return Ok(false);
        }
        match prunable(&self.db, old_n, progress.acked_seq.min(self.checkpoint.seq))? {
            Some(covered_n) => self.forget_up_to(covered_n, progress)?,
            None => self.checkpoint_step(stock, CHECKPOINT_STEP)?,
        }
        Ok(true)
    }

    fn forget_up_to(&mut self, last_n: i64, progress: Progress) -> Result<(), StoreError> {
        let kept = self.held_before(last_n)?;
        let transaction = self.db.transaction()?;
        // What the hub has must be known for as long as what it had before it is gone.
        save_progress(&transaction, progress)?;
        carry_forward(&transaction, &kept, self.request_index.next)?;
        transaction.execute(
            "UPDATE gateway SET pruned_seq = (SELECT seq FROM ledger WHERE n = ?1)",
            [last_n],
        )?;
        transaction.execute("DELETE FROM ledger WHERE n <= ?1", [last_n])?;
        transaction.execute("DELETE FROM seen WHERE n <= ?1", [last_n])?;
        transaction.commit()?;
        self.request_index.remember(&kept);
        self.request_index.forget_before(last_n + 1);
        Ok(())
    }

    /// The mark that told what is old enough is needed until a newer one does.
    fn forget_marks(&self, old_ms: u64) -> Result<(), StoreError> {
        let newest_old = "SELECT max(running_ms) FROM mark WHERE running_ms <= ?1";
        let sql = format!("DELETE FROM mark WHERE running_ms < ({newest_old})");
        self.db.execute(&sql, [to_i64(old_ms)])?;
        Ok(())
    }

    /// The requests of open reservations among the facts up to this one: a record says how its
    /// reservation may still end, so it stays however old it is.
    fn held_before(&self, n: i64) -> Result<Vec<LedgerRecord>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT id FROM hold WHERE n <= ?1")?;
        let ids = statement.query_map([n], |row| row.get::<_, String>(0))?;
        let mut kept = Vec::new();
        for id in ids {
            let request_id = super::stored(0, RequestId::parse(&id?))?;
            if let Some(record) = self.find(&request_id)? {
                kept.push(LedgerRecord { request_id, record: Some(record), entries: 0 });
            }
        }
        Ok(kept)
    }
}

/// The last fact that was there at some running time.
fn marked(db: &Connection, running_ms: u64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT n FROM mark WHERE running_ms <= ?1 ORDER BY running_ms DESC LIMIT 1";
    Ok(db.prepare_cached(sql)?.query_row([to_i64(running_ms)], |row| row.get(0)).optional()?)
}

/// The last of the next few rows that may go: old, at the hub, in the table of stock, and not
/// the last one.
fn prunable(db: &Connection, old_n: i64, seq: Seq) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT max(n) FROM (SELECT n, seq FROM ledger ORDER BY n LIMIT ?3)
               WHERE n <= ?1 AND seq <= ?2 AND n < (SELECT max(n) FROM ledger)";
    let step = to_i64(PRUNE_ROWS_PER_STEP);
    Ok(db.prepare_cached(sql)?.query_row([old_n, to_i64(seq), step], |row| row.get(0))?)
}

/// Writes facts once more at the ledger's end, from where they will be found from now on.
fn carry_forward(
    db: &Transaction<'_>,
    ledger_records: &[LedgerRecord],
    next: i64,
) -> Result<(), StoreError> {
    let Some(last) = last_row(db)?.filter(|_| !ledger_records.is_empty()) else {
        return Ok(());
    };
    for (fact, n) in ledger_records.iter().zip(next..) {
        let mut encoder = ChunkEncoder::new(last.chunk.last(), 0);
        encoder.add(fact, &[], &[]);
        db.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3)")?.execute(params![
            n,
            to_i64(last.chunk.last().0),
            encoder.finish()
        ])?;
        db.prepare_cached("UPDATE hold SET n = ?2 WHERE id = ?1")?
            .execute(params![fact.request_id.as_str(), n])?;
    }
    Ok(())
}
