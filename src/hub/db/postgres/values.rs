//! Converts values between the books and PostgreSQL.

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Column, Row};

use crate::hub::db::error::BooksError;
use crate::hub::db::sql::{SqlRow, SqlValue};

/// A value with its type.
pub(super) type TypedValue<'a> = (&'a (dyn ToSql + Sync), Type);

/// Values with their types. With the types given, a statement is prepared and executed in one round
/// trip and stays in no session, as a pooler in transaction mode requires.
pub(super) fn typed(values: &[SqlValue]) -> Vec<TypedValue<'_>> {
    values.iter().map(|value| -> TypedValue<'_> { (value, type_of(value)) }).collect()
}

fn type_of(value: &SqlValue) -> Type {
    match value {
        SqlValue::Int(_) => Type::INT8,
        // Only texts can be absent.
        SqlValue::Null | SqlValue::Text(_) => Type::TEXT,
        SqlValue::Blob(_) => Type::BYTEA,
    }
}

pub(super) fn read_row(row: &Row) -> Result<SqlRow, BooksError> {
    (0..row.len()).map(|index| read_value(row, index)).collect()
}

fn read_value(row: &Row, index: usize) -> Result<SqlValue, BooksError> {
    let column: &Column = &row.columns()[index];
    Ok(match *column.type_() {
        Type::BYTEA => value(row, index, SqlValue::Blob)?,
        Type::TEXT => value(row, index, SqlValue::Text)?,
        Type::BOOL => value(row, index, SqlValue::bool)?,
        _ => value(row, index, SqlValue::Int)?,
    })
}

fn value<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    of: impl FnOnce(T) -> SqlValue,
) -> Result<SqlValue, BooksError> {
    Ok(row.try_get::<_, Option<T>>(index)?.map_or(SqlValue::Null, of))
}

impl ToSql for SqlValue {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}
