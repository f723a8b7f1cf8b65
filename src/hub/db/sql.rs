//! The little that the books ask of a database, so that SQLite and PostgreSQL keep them alike.
//!
//! Statements number their values `$1`, `$2` … in the order in which they first appear, which is
//! how both databases understand them.

use crate::store::StoreError;

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hub) enum SqlValue {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A row of values, in the order of the columns.
pub(in crate::hub) type SqlRow = Vec<SqlValue>;

/// A database within a transaction, or reading.
pub(in crate::hub) trait Executor {
    /// Runs a statement; returns how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, StoreError>;
    /// Runs a query.
    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, StoreError>;
}

impl SqlValue {
    pub(in crate::hub) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(in crate::hub) fn number(number: u64) -> Self {
        Self::Int(crate::store::to_i64(number))
    }

    pub(in crate::hub) fn bool(is: bool) -> Self {
        Self::Int(i64::from(is))
    }

    /// A number without a sign, bit by bit.
    pub(in crate::hub) fn bits(bits: u64) -> Self {
        Self::Int(bits.cast_signed())
    }

    pub(in crate::hub) fn or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

/// Reads the columns of a row one after the other.
pub(in crate::hub) struct ColumnReader {
    values: std::vec::IntoIter<SqlValue>,
}

impl ColumnReader {
    pub(in crate::hub) fn of(row: SqlRow) -> Self {
        Self { values: row.into_iter() }
    }

    fn next(&mut self) -> SqlValue {
        self.values.next().unwrap_or(SqlValue::Null)
    }

    pub(in crate::hub) fn int(&mut self) -> Result<i64, StoreError> {
        match self.next() {
            SqlValue::Int(number) => Ok(number),
            other @ (SqlValue::Null | SqlValue::Text(_) | SqlValue::Blob(_)) => {
                Err(damaged("a number", &other))
            }
        }
    }

    pub(in crate::hub) fn number(&mut self) -> Result<u64, StoreError> {
        let number = self.int()?;
        u64::try_from(number).map_err(|_| damaged("a number from 0 on", &SqlValue::Int(number)))
    }

    pub(in crate::hub) fn bool(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    pub(in crate::hub) fn bits(&mut self) -> Result<u64, StoreError> {
        Ok(self.int()?.cast_unsigned())
    }

    pub(in crate::hub) fn text(&mut self) -> Result<String, StoreError> {
        match self.next() {
            SqlValue::Text(text) => Ok(text),
            other @ (SqlValue::Null | SqlValue::Int(_) | SqlValue::Blob(_)) => {
                Err(damaged("a text", &other))
            }
        }
    }

    pub(in crate::hub) fn text_or_null(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            SqlValue::Null => Ok(None),
            SqlValue::Text(text) => Ok(Some(text)),
            other @ (SqlValue::Int(_) | SqlValue::Blob(_)) => Err(damaged("a text", &other)),
        }
    }

    pub(in crate::hub) fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next() {
            SqlValue::Blob(bytes) => Ok(bytes),
            other @ (SqlValue::Null | SqlValue::Int(_) | SqlValue::Text(_)) => {
                Err(damaged("bytes", &other))
            }
        }
    }

    /// A text that must be an id.
    pub(in crate::hub) fn id<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.text()?;
        parse(&text).map_err(|error| StoreError::Damaged(format!("the text {text:?} {error}")))
    }

    /// A value that was stored as postcard.
    pub(in crate::hub) fn packed<T: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Result<T, StoreError> {
        postcard::from_bytes(&self.blob()?)
            .map_err(|error| StoreError::Damaged(format!("a packed value: {error}")))
    }
}

fn damaged(wanted: &str, found: &SqlValue) -> StoreError {
    StoreError::Damaged(format!("the books should have {wanted} where there is {found:?}"))
}

/// A value as it is stored when nobody looks for what is in it.
pub(in crate::hub) fn packed(value: &impl serde::Serialize) -> SqlValue {
    SqlValue::Blob(postcard::to_stdvec(value).expect("plain data always serializes"))
}
