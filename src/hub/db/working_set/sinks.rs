//! The sinks of the feed: their positions, and the events that were set aside.

use std::collections::BTreeMap;

use crate::hub::db::error::BooksError;
use crate::hub::db::schema::{SINK, SINK_ASIDE};
use crate::hub::db::sink_rows::{AsideRow, SinkRow, read_timed, sink_sql};
use crate::hub::db::sql::{Change, ColumnType, Executor, Keys, SqlRow, SqlValue, Write};

#[derive(Debug, Default)]
pub(super) struct SinkSet {
    /// Those that the transaction has locked, with the time of the database when it did.
    pub(super) known: BTreeMap<String, (i64, SinkRow)>,
    pub(super) changed: BTreeMap<String, SqlRow>,
    pub(super) new: Vec<SqlRow>,
    /// Events that are set aside, by sink and place in the feed; `None` for one that is removed.
    pub(super) aside: BTreeMap<(String, u64, u64), Option<AsideRow>>,
}

impl SinkSet {
    pub(super) fn load(&mut self, db: &mut dyn Executor, name: &str) -> Result<(), BooksError> {
        if self.known.contains_key(name) {
            return Ok(());
        }
        let keys = Keys { types: &[ColumnType::Text], rows: vec![vec![SqlValue::text(name)]] };
        let found = db.query_keys(&sink_sql(db.dialect()), &keys)?.pop();
        if let Some(found) = found.map(read_timed).transpose()? {
            self.known.insert(name.into(), found);
        }
        Ok(())
    }

    pub(super) fn changes(&mut self) -> [Change; 4] {
        let changed = std::mem::take(&mut self.changed).into_values().collect();
        let (mut aside, mut removed) = (Vec::new(), Vec::new());
        for ((sink, position, seq), event) in std::mem::take(&mut self.aside) {
            match event {
                Some(event) => aside.push(event.row()),
                None => removed.push(vec![
                    SqlValue::text(&sink),
                    SqlValue::number(position),
                    SqlValue::number(seq),
                ]),
            }
        }
        [
            Change { table: &SINK, write: Write::Register, rows: std::mem::take(&mut self.new) },
            Change { table: &SINK, write: Write::Set, rows: changed },
            Change { table: &SINK_ASIDE, write: Write::Set, rows: aside },
            Change { table: &SINK_ASIDE, write: Write::Delete, rows: removed },
        ]
    }
}
