//! The sinks of the feed in figures.

use super::feed_cursor::{FeedCursor, feed_ends};
use crate::clock::wall_ms;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};
use crate::hub::db::{BooksError, SinkRow, sink_rows};
use crate::limits::SINK_LAG_RANGES_MAX;

/// A sink in figures.
#[derive(Clone, Debug)]
pub(in crate::hub) struct SinkFigures {
    pub(in crate::hub) sink: SinkRow,
    /// Events after its position.
    pub(in crate::hub) lag_events: u64,
    /// The age of the first of them.
    pub(in crate::hub) lag_s: u64,
    /// Events that are set aside.
    pub(in crate::hub) set_aside: u64,
}

/// The configured sinks in figures.
pub(in crate::hub) fn sink_figures(
    db: &mut dyn Executor,
    names: &[String],
) -> Result<Vec<SinkFigures>, BooksError> {
    let known: Vec<SinkRow> = sink_rows(db)?.into_iter().map(|(_, sink)| sink).collect();
    let of = |name: &String| {
        let sink = known.iter().find(|sink| sink.name == *name).cloned();
        // A new sink is at the beginning.
        sink.unwrap_or_else(|| SinkRow { name: name.clone(), ..SinkRow::default() })
    };
    names.iter().map(|name| figures(db, of(name))).collect()
}

fn figures(db: &mut dyn Executor, sink: SinkRow) -> Result<SinkFigures, BooksError> {
    // Of the range at the position, only what is after the last entry that was delivered.
    let sql = "SELECT CAST(coalesce(sum(last_seq - first_seq + 1), 0) AS BIGINT),
            coalesce(min(CASE WHEN at_ms > 0 THEN at_ms END), 0) FROM (
            SELECT last_seq, at_ms, CASE WHEN position = $1 AND first_seq <= $2 THEN $2 + 1
                ELSE first_seq END AS first_seq
            FROM feed WHERE position >= $1 ORDER BY position LIMIT $3) AS after
        WHERE first_seq <= last_seq";
    let after = feed_ends(db)?.first.max(FeedCursor::new(sink.position, sink.seq));
    let values = [after.position, after.seq, SINK_LAG_RANGES_MAX].map(SqlValue::number);
    let mut row = RowReader::of(db.query(sql, &values)?.pop().unwrap_or_default());
    let (lag_events, oldest_ms) = (row.number()?, row.int()?);
    let sql = "SELECT count(*) FROM sink_aside WHERE sink = $1";
    let mut row =
        RowReader::of(db.query(sql, &[SqlValue::text(&sink.name)])?.pop().unwrap_or_default());
    let age_ms = if oldest_ms > 0 { wall_ms().saturating_sub(oldest_ms).max(0) } else { 0 };
    let lag_s = age_ms.unsigned_abs() / 1_000;
    Ok(SinkFigures { sink, lag_events, lag_s, set_aside: row.number()? })
}
