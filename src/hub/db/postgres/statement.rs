//! Statements over sets of rows: each column is one array, so that the number of statements does not
//! grow with the number of rows.

use tokio_postgres::types::{ToSql, Type};

use crate::hub::db::schema::ColumnType;
use crate::hub::db::sql::{Change, KEY_NAMES, Keys, SqlRow, SqlValue, Write, with_locks};

/// The values of one column.
pub(super) enum Column<'a> {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Blobs(Vec<Option<&'a [u8]>>),
}

impl<'a> Column<'a> {
    fn of(column: usize, kind: ColumnType, rows: &'a [SqlRow]) -> Self {
        let values = rows.iter().map(|row| &row[column]);
        match kind {
            ColumnType::Int => Self::Ints(values.map(int).collect()),
            ColumnType::Text => Self::Texts(values.map(text).collect()),
            ColumnType::Blob => Self::Blobs(values.map(blob).collect()),
        }
    }

    pub(super) fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Ints(values) => (values, Type::INT8_ARRAY),
            Self::Texts(values) => (values, Type::TEXT_ARRAY),
            Self::Blobs(values) => (values, Type::BYTEA_ARRAY),
        }
    }
}

fn int(value: &SqlValue) -> Option<i64> {
    if let SqlValue::Int(number) = value { Some(*number) } else { None }
}

fn text(value: &SqlValue) -> Option<&str> {
    if let SqlValue::Text(text) = value { Some(text) } else { None }
}

fn blob(value: &SqlValue) -> Option<&[u8]> {
    if let SqlValue::Blob(bytes) = value { Some(bytes) } else { None }
}

pub(super) fn typed_keys(keys: &Keys) -> Vec<Column<'_>> {
    let kinds = keys.types.iter().copied().enumerate();
    kinds.map(|(column, kind)| Column::of(column, kind, &keys.rows)).collect()
}

/// A query with the relation of its keys, whose columns are the values from `$1` on.
pub(super) fn key_statement(sql: &str, keys: &Keys) -> String {
    let names = KEY_NAMES[..keys.types.len()].join(", ");
    let unnest = unnest(1, keys.types.iter().copied());
    let relation = format!("(SELECT * FROM {unnest} AS keys({names}))");
    with_locks(sql, true).replace("{keys}", &relation)
}

/// One statement that writes all changes, and its values.
pub(super) fn write_statement(changes: &[Change]) -> (String, Vec<Column<'_>>) {
    let (mut parts, mut values) = (Vec::with_capacity(changes.len()), Vec::new());
    for change in changes {
        let first = values.len() + 1;
        let kinds = change.columns();
        parts.push(part(change, first));
        let kinds = kinds.iter().enumerate();
        values.extend(kinds.map(|(column, (_, kind))| Column::of(column, *kind, &change.rows)));
    }
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        return (last, values);
    }
    let parts: Vec<String> =
        parts.iter().enumerate().map(|(n, part)| format!("w{n} AS ({part})")).collect();
    (format!("WITH {} {last}", parts.join(", ")), values)
}

fn part(change: &Change, first: usize) -> String {
    let (table, columns) = (change.table.name, change.columns());
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let rows = unnest(first, columns.iter().map(|(_, kind)| *kind));
    if change.write == Write::Delete {
        return format!("DELETE FROM {table} WHERE ({names}) IN (SELECT * FROM {rows})");
    }
    let tail = change.conflict_clause();
    format!("INSERT INTO {table} ({names}) SELECT * FROM {rows} {tail}")
}

fn unnest(first: usize, kinds: impl Iterator<Item = ColumnType>) -> String {
    let array = |(place, kind)| match kind {
        ColumnType::Int => format!("${place}::bigint[]"),
        ColumnType::Text => format!("${place}::text[]"),
        ColumnType::Blob => format!("${place}::bytea[]"),
    };
    let arrays: Vec<String> = (first..).zip(kinds).map(array).collect();
    format!("unnest({})", arrays.join(", "))
}
