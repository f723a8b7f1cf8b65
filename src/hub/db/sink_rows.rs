//! Converts between rows of the books and the sinks of the feed.

use super::error::BooksError;
use super::sql::{Dialect, Executor, RowReader, SqlRow, SqlValue};
use crate::limits::{SINK_FORGOTTEN, SINK_LEASE};

/// How far a sink is, and who delivers to it. Places are those of the feed: the position of a range,
/// and the last entry of it that was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hub) struct SinkRow {
    pub(in crate::hub) name: String,
    pub(in crate::hub) position: u64,
    pub(in crate::hub) seq: u64,
    /// The process that has the sink for itself; empty: none.
    pub(in crate::hub) owner: String,
    /// Until when that process has it; without one, until when the last one has had it.
    pub(in crate::hub) lease_until_ms: i64,
    /// When the last delivery succeeded, in milliseconds since 1970; 0: never.
    pub(in crate::hub) delivered_ms: i64,
    /// What was wrong with the last delivery.
    pub(in crate::hub) error: Option<String>,
    /// Since when deliveries fail; 0: they do not.
    pub(in crate::hub) failing_since_ms: i64,
    /// Since when the next event alone is refused; 0: it is not.
    pub(in crate::hub) refused_since_ms: i64,
    /// How often people have asked to try again.
    pub(in crate::hub) retries: i64,
}

/// An event that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct AsideRow {
    pub(in crate::hub) sink: String,
    pub(in crate::hub) position: u64,
    pub(in crate::hub) seq: u64,
    pub(in crate::hub) error: String,
    pub(in crate::hub) at_ms: i64,
    /// Whether it is to be tried again.
    pub(in crate::hub) retry: bool,
}

/// The columns that [`SinkRow::read`] reads.
const COLUMNS: &str = "name, position, seq, owner, lease_until_ms, delivered_ms, error,
    failing_since_ms, refused_since_ms, retries";

/// The time of the database, which is the same for all workers, in milliseconds since 1970.
pub(super) fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        Dialect::Postgresql => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    }
}

/// The time of a server that several workers share; `None` with SQLite, which has none of its own.
pub(in crate::hub) fn server_time(db: &mut dyn Executor) -> Result<Option<i64>, BooksError> {
    if db.dialect() == Dialect::Sqlite {
        return Ok(None);
    }
    let found = db.query(&format!("SELECT {}", now(Dialect::Postgresql)), &[])?.pop();
    RowReader::of(found.unwrap_or_default()).int().map(Some)
}

/// Sinks that a worker has had since then are not forgotten at a time.
pub(in crate::hub) fn known_since(now_ms: i64) -> i64 {
    now_ms.saturating_sub(i64::try_from(SINK_FORGOTTEN.as_millis()).unwrap_or(i64::MAX))
}

/// Selects a sink by name, with the time of the database before its columns.
pub(super) fn sink_sql(dialect: Dialect) -> String {
    format!(
        "SELECT {}, {COLUMNS} FROM {{keys}} AS k JOIN sink ON sink.name = k.a {{for update of sink}}",
        now(dialect)
    )
}

/// Every sink that the books know, with the time of the database.
pub(in crate::hub) fn sink_rows(db: &mut dyn Executor) -> Result<Vec<(i64, SinkRow)>, BooksError> {
    let sql = format!("SELECT {}, {COLUMNS} FROM sink ORDER BY name", now(db.dialect()));
    db.query(&sql, &[])?.into_iter().map(read_timed).collect()
}

/// A sink by its name, if the books know it, with the time of the database.
pub(in crate::hub) fn sink_row(
    db: &mut dyn Executor,
    name: &str,
) -> Result<Option<(i64, SinkRow)>, BooksError> {
    let sql = format!("SELECT {}, {COLUMNS} FROM sink WHERE name = $1", now(db.dialect()));
    db.query(&sql, &[SqlValue::text(name)])?.pop().map(read_timed).transpose()
}

pub(super) fn read_timed(row: SqlRow) -> Result<(i64, SinkRow), BooksError> {
    let mut row = RowReader::of(row);
    Ok((row.int()?, SinkRow::read(&mut row)?))
}

impl SinkRow {
    /// Whether a process may take the sink, at the time of the database. A lease that is much longer
    /// than any is of before a clock was set back.
    pub(in crate::hub) fn is_free_for(&self, owner: &str, now_ms: i64) -> bool {
        let longest_ms = 2 * i64::try_from(SINK_LEASE.as_millis()).unwrap_or(i64::MAX / 2);
        let left_ms = self.lease_until_ms.saturating_sub(now_ms);
        self.owner.is_empty() || self.owner == owner || !(0..=longest_ms).contains(&left_ms)
    }

    /// Whether a process has the sink at the time of the database.
    pub(in crate::hub) fn is_held(&self, now_ms: i64) -> bool {
        !self.owner.is_empty() && self.lease_until_ms >= now_ms
    }

    /// Until when entries are kept for the sink by workers that are not configured with it.
    pub(in crate::hub) fn kept_until_ms(&self) -> i64 {
        let kept_ms = i64::try_from(SINK_FORGOTTEN.as_millis()).unwrap_or(i64::MAX);
        self.lease_until_ms.saturating_add(kept_ms)
    }

    fn read(row: &mut RowReader) -> Result<Self, BooksError> {
        Ok(Self {
            name: row.text()?,
            position: row.number()?,
            seq: row.number()?,
            owner: row.text()?,
            lease_until_ms: row.int()?,
            delivered_ms: row.int()?,
            error: row.text_or_null()?,
            failing_since_ms: row.int()?,
            refused_since_ms: row.int()?,
            retries: row.int()?,
        })
    }

    pub(super) fn row(&self) -> SqlRow {
        vec![
            SqlValue::text(&self.name),
            SqlValue::number(self.position),
            SqlValue::number(self.seq),
            SqlValue::text(&self.owner),
            SqlValue::Int(self.lease_until_ms),
            SqlValue::Int(self.delivered_ms),
            SqlValue::or_null(self.error.as_deref()),
            SqlValue::Int(self.failing_since_ms),
            SqlValue::Int(self.refused_since_ms),
            SqlValue::Int(self.retries),
        ]
    }
}

impl AsideRow {
    pub(super) fn row(&self) -> SqlRow {
        vec![
            SqlValue::text(&self.sink),
            SqlValue::number(self.position),
            SqlValue::number(self.seq),
            SqlValue::text(&self.error),
            SqlValue::Int(self.at_ms),
            SqlValue::bool(self.retry),
        ]
    }

    /// The sink, and the place of the event in the feed.
    pub(super) fn key(&self) -> (String, u64, u64) {
        (self.sink.clone(), self.position, self.seq)
    }
}

/// The events of a sink that were set aside, the oldest first; with `retry` only those that are to be
/// tried again.
pub(in crate::hub) fn aside_events(
    db: &mut dyn Executor,
    sink: &str,
    limit: usize,
) -> Result<Vec<AsideRow>, BooksError> {
    let sql = "SELECT sink, position, seq, error, at_ms, retry FROM sink_aside
               WHERE sink = $1 ORDER BY position, seq LIMIT $2";
    let values = [SqlValue::text(sink), SqlValue::number(limit as u64)];
    db.query(sql, &values)?.into_iter().map(read_aside).collect()
}

/// The event of a sink that is to be tried again and was not tried for longest: one that always fails
/// holds up no other.
pub(in crate::hub) fn next_aside(
    db: &mut dyn Executor,
    sink: &str,
) -> Result<Option<AsideRow>, BooksError> {
    let sql = "SELECT sink, position, seq, error, at_ms, retry FROM sink_aside
               WHERE sink = $1 AND retry = $2 ORDER BY at_ms, position, seq LIMIT 1";
    let found = db.query(sql, &[SqlValue::text(sink), SqlValue::bool(true)])?.pop();
    found.map(read_aside).transpose()
}

fn read_aside(row: SqlRow) -> Result<AsideRow, BooksError> {
    let mut row = RowReader::of(row);
    Ok(AsideRow {
        sink: row.text()?,
        position: row.number()?,
        seq: row.number()?,
        error: row.text()?,
        at_ms: row.int()?,
        retry: row.bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_free_without_an_owner_and_after_a_lease_that_ended_or_cannot_be() {
        let sink = |owner: &str, lease_until_ms| SinkRow {
            owner: owner.into(),
            lease_until_ms,
            ..SinkRow::default()
        };
        let is_free =
            |owner, left_ms: i64| sink(owner, 1_000_000 + left_ms).is_free_for("me", 1_000_000);
        assert!(is_free("", 4_000) && is_free("me", 4_000) && is_free("other", -1));
        assert!(!is_free("other", 0) && !is_free("other", 4_000));
        assert!(!is_free("other", 6_000), "clocks of databases differ a little");
        assert!(is_free("other", 86_400_000), "the clock was set back");
    }
}
