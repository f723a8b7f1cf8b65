//! The sinks of the feed, as the tasks that deliver to them change them within a transaction.

use super::transaction::BooksTransaction;
use crate::hub::db::error::BooksError;
use crate::hub::db::sink_rows::{AsideRow, SinkRow, aside_events};
use crate::hub::db::sql::{RowReader, SqlValue};

impl BooksTransaction<'_> {
    /// Makes a sink known, at the beginning of the feed.
    pub(in crate::hub) fn register_sink(&mut self, name: &str) {
        self.sinks.new.push(SinkRow { name: name.into(), ..SinkRow::default() }.row());
    }

    /// Locks a sink; returns it with the time of the database in milliseconds since 1970.
    pub(in crate::hub) fn sink(
        &mut self,
        name: &str,
    ) -> Result<Option<(i64, SinkRow)>, BooksError> {
        self.sinks.load(self.db, name)?;
        Ok(self.sinks.known.get(name).cloned())
    }

    /// Writes a sink that was locked.
    pub(in crate::hub) fn set_sink(&mut self, now_ms: i64, sink: SinkRow) {
        self.sinks.changed.insert(sink.name.clone(), sink.row());
        self.sinks.known.insert(sink.name.clone(), (now_ms, sink));
    }

    /// How many events of a sink are set aside.
    pub(in crate::hub) fn count_aside(&mut self, sink: &str) -> Result<u64, BooksError> {
        let sql = "SELECT count(*) FROM sink_aside WHERE sink = $1";
        let row = self.db.query(sql, &[SqlValue::text(sink)])?.pop();
        RowReader::of(row.unwrap_or_default()).number()
    }

    /// Sets an event aside, or changes what is said of one that is.
    pub(in crate::hub) fn set_aside(&mut self, event: &AsideRow) {
        self.sinks.aside.insert(event.key(), Some(event.clone()));
    }

    /// Removes an event that was set aside.
    pub(in crate::hub) fn end_aside(&mut self, event: &AsideRow) {
        self.sinks.aside.insert(event.key(), None);
    }

    /// Has the events of a sink tried again that are set aside; returns how many there are.
    pub(in crate::hub) fn retry_aside(
        &mut self,
        sink: &str,
        limit: usize,
    ) -> Result<usize, BooksError> {
        let events = aside_events(self.db, sink, limit)?;
        for event in &events {
            self.set_aside(&AsideRow { retry: true, ..event.clone() });
        }
        Ok(events.len())
    }
}
