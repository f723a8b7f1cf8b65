//! Pruning: deletion of old records, in small steps.
//!
//! Age is running time: a controller whose clock jumps from 1970 to today must not delete
//! everything at once. A row of the ledger is deleted only when the hub has committed its entries
//! and the stock table holds them. The last row stays for its checks.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction};

use super::chunk::ChunkEncoder;
use super::database::Store;
use super::error::StoreError;
use super::gateway_row::{self, Positions, Progress};
use super::ledger::{append_chunk, begin, last_row, row_from};
use super::repairs::Repairs;
use super::row_check::{RowChecks, write_row};
use super::sql_values::{get_u64, to_i64};
use super::stock_table::renumber_hold;
use crate::limits::{
    CHECKPOINT_STEP, PRUNE_LINES_PER_STEP, PRUNE_ROWS_PER_STEP, RETENTION_MARK_MS,
};
use crate::stock::{LedgerRecord, RequestId, RequestRecords, Seq, Stock};

impl Store {
    /// Records, once an hour, which ledger record is the last one at this running time. Pruning
    /// reads ages from these marks.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn record_retention_mark(
        &mut self,
        running_ms: u64,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        let newest: Option<i64> =
            self.db.query_row("SELECT max(running_ms) FROM mark", [], |row| row.get(0))?;
        let due_ms = newest.map_or(0, |newest| newest.unsigned_abs() + RETENTION_MARK_MS);
        if running_ms >= due_ms {
            let end = self.end(stock);
            let transaction = begin(&mut self.db, end)?;
            let values = [to_i64(running_ms), end.n];
            let sql = "INSERT OR REPLACE INTO mark VALUES (?1, ?2, ?3)";
            write_row(&mut transaction.prepare(sql)?, "mark", &values.map(ValueRef::Integer))?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// Deletes a few of the records that are older than `retention_ms`, or brings the stock table
    /// further so that they can be deleted. Returns how many lines of open reservations it has carried
    /// forward; `None` if there was nothing to do.
    ///
    /// # Errors
    /// If the database cannot be written. Then nothing was deleted.
    pub fn prune(
        &mut self,
        progress: Progress,
        retention_ms: u64,
        stock: &Stock,
    ) -> Result<Option<usize>, StoreError> {
        let Some(old_ms) = progress.running_ms.checked_sub(retention_ms) else {
            return Ok(None);
        };
        let Some(old_n) = last_record_at(&self.db, old_ms)? else {
            return Ok(None);
        };
        if last_prunable(&self.db, old_n, progress.acked_seq, 1)?.is_none() {
            self.delete_old_marks(old_ms, stock)?;
            return Ok(None);
        }
        let covered_seq = progress.acked_seq.min(self.checkpoint.seq);
        match self.last_of_step(old_n, covered_seq, stock)? {
            Some(last) => self.delete_up_to(last, progress, stock).map(Some),
            None => self.checkpoint_step(stock, CHECKPOINT_STEP).map(|()| Some(0)),
        }
    }

    /// As [`last_prunable`], where one step ends: after a few rows, or before the reservations in them
    /// have too many lines to be carried forward. One row is deleted in any case.
    fn last_of_step(
        &self,
        old_n: i64,
        seq: Seq,
        stock: &Stock,
    ) -> Result<Option<(i64, Seq)>, StoreError> {
        let Some(last) = last_prunable(&self.db, old_n, seq, PRUNE_ROWS_PER_STEP)? else {
            return Ok(None);
        };
        let mut lines = 0;
        for (n, id) in self.reservations.up_to(last.0) {
            lines += line_count(stock, id);
            if lines > PRUNE_LINES_PER_STEP {
                let before = last_prunable(&self.db, n - 1, seq, PRUNE_ROWS_PER_STEP)?;
                return match before {
                    Some(_) => Ok(before),
                    None => last_prunable(&self.db, old_n, seq, 1),
                };
            }
        }
        Ok(Some(last))
    }

    fn delete_up_to(
        &mut self,
        (last_n, last_seq): (i64, Seq),
        progress: Progress,
        stock: &Stock,
    ) -> Result<usize, StoreError> {
        let kept = self.open_reservations_up_to(last_n)?;
        let (next, end) = (self.request_index.next(), self.end(stock));
        // The acknowledged position is saved with it: that the hub has the deleted entries must
        // be known to every later start.
        let positions =
            Positions { progress, pruned_seq: last_seq, pruned_n: Some(last_n), ..self.positions };
        let transaction = begin(&mut self.db, end)?;
        gateway_row::save(&transaction, &self.identity, &positions)?;
        // First: what is carried forward takes the pages that this frees.
        transaction.execute("DELETE FROM ledger WHERE n <= ?1", [last_n])?;
        transaction.execute("DELETE FROM seen WHERE n <= ?1", [last_n])?;
        transaction.execute("DELETE FROM signed WHERE seq < ?1", [to_i64(last_seq)])?;
        carry_forward(&transaction, &kept, stock, next)?;
        transaction.commit()?;
        self.positions = positions;
        self.request_index.add(&kept);
        self.request_index.remove_before(last_n + 1);
        self.reservations.carry(last_n, kept.iter().map(|record| &record.request_id), next);
        Ok(kept.iter().map(|record| line_count(stock, &record.request_id)).sum())
    }

    /// Keeps the newest of the old marks: it says what is old until a newer one is old, too.
    fn delete_old_marks(&mut self, old_ms: u64, stock: &Stock) -> Result<(), StoreError> {
        let newest_old = "SELECT max(running_ms) FROM mark WHERE running_ms <= ?1";
        let sql = format!("DELETE FROM mark WHERE running_ms < ({newest_old})");
        let end = self.end(stock);
        let transaction = begin(&mut self.db, end)?;
        transaction.execute(&sql, [to_i64(old_ms)])?;
        transaction.commit()?;
        Ok(())
    }

    /// The records of open reservations up to record `n`. A reservation may still be committed or
    /// released, so its record stays however old it is.
    fn open_reservations_up_to(&self, n: i64) -> Result<Vec<LedgerRecord>, StoreError> {
        let mut kept = Vec::new();
        for (_, id) in self.reservations.up_to(n) {
            if let Some(record) = self.find(id)? {
                let request_id = id.clone();
                kept.push(LedgerRecord { request_id, record: Some(record), entries: 0 });
            }
        }
        Ok(kept)
    }
}

/// The running time of the last sound retention mark, and how many marks are damaged. Marks are set
/// every hour; the running clock in the gateway's row is saved with other changes only.
pub(super) fn check_marks(db: &Connection) -> Result<(u64, usize), StoreError> {
    let checks = RowChecks::of(db)?;
    let sql = format!("SELECT running_ms, n, {} FROM mark", checks.column());
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let (mut last_ms, mut damaged) = (0, 0);
    while let Some(row) = rows.next()? {
        match get_u64(row, 0) {
            Ok(running_ms) if checks.pass("mark", row) => last_ms = running_ms.max(last_ms),
            Ok(_) | Err(_) => damaged += 1,
        }
    }
    Ok((last_ms, damaged))
}

/// Says how many marks are damaged. Returns whether any is.
pub(super) fn tell_marks(damaged: usize, repairs: &mut Repairs) -> bool {
    if damaged > 0 {
        let fault = format!("{damaged} rows of the table mark are damaged");
        repairs.add(fault, "they are dropped, and old entries are deleted later");
    }
    damaged > 0
}

/// The number of the last record that existed at this running time.
fn last_record_at(db: &Connection, running_ms: u64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT running_ms, n, crc FROM mark WHERE running_ms <= ?1
        ORDER BY running_ms DESC LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([to_i64(running_ms)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    match RowChecks::EXIST.pass("mark", row) {
        true => Ok(Some(row.get(1)?)),
        false => Err(StoreError::Damaged("a mark of the ledger's age is damaged".into())),
    }
}

fn line_count(stock: &Stock, reservation: &RequestId) -> usize {
    stock.hold(reservation).map_or(0, |hold| hold.lines.len())
}

/// Of the first so many rows, the last one up to record `old_n` and position `seq`: the numbers of its
/// last record and its last entry. Never the last row of the ledger.
fn last_prunable(
    db: &Connection,
    old_n: i64,
    seq: Seq,
    rows: u64,
) -> Result<Option<(i64, Seq)>, StoreError> {
    let sql = "SELECT max(n) FROM (SELECT n, seq FROM ledger ORDER BY n LIMIT ?3)
               WHERE n <= ?1 AND seq <= ?2 AND n < (SELECT max(n) FROM ledger)";
    let last: Option<i64> =
        db.prepare_cached(sql)?.query_row([old_n, to_i64(seq), to_i64(rows)], |row| row.get(0))?;
    let row = last.map_or(Ok(None), |n| row_from(db, n))?;
    Ok(row.map(|row| (row.n, row.chunk.last().0)))
}

/// Appends the records of open reservations to the ledger once more, where they are found from now
/// on. `next` is the number of the first of them.
fn carry_forward(
    db: &Transaction<'_>,
    records: &[LedgerRecord],
    stock: &Stock,
    next: i64,
) -> Result<(), StoreError> {
    let Some(last) = last_row(db)?.filter(|_| !records.is_empty()) else {
        return Ok(());
    };
    let base = last.chunk.last();
    for (record, n) in records.iter().zip(next..) {
        let mut chunk = ChunkEncoder::new(base, 0);
        chunk.add(record, &[], &[]);
        append_chunk(db, n, base.0, chunk)?;
        let id = &record.request_id;
        let has_row = match stock.hold(id) {
            Some(hold) => renumber_hold(db, id, hold, n)?,
            None => false,
        };
        if !has_row {
            return Err(StoreError::Damaged(format!("reservation {id} is not in its table")));
        }
    }
    Ok(())
}
