//! What SQLite and PostgreSQL have in common, as far as the books need it.
//!
//! Statements number their values `$1`, `$2` … in the order in which they first appear, because
//! then both databases give them the same meaning.

use uuid::Uuid;

use super::error::BooksError;

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

/// Executes statements within a transaction.
pub(in crate::hub) trait Executor {
    /// Executes a statement; returns the number of changed rows.
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError>;
    /// Executes a query; returns all its rows.
    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError>;
}

impl SqlValue {
    pub(in crate::hub) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(in crate::hub) fn number(number: u64) -> Self {
        Self::Int(i64::try_from(number).expect("numbers in the books are counted from 0"))
    }

    pub(in crate::hub) fn bool(is: bool) -> Self {
        Self::Int(i64::from(is))
    }

    /// The 64 bits of an unsigned number, as a signed one.
    pub(in crate::hub) fn bits(bits: u64) -> Self {
        Self::Int(bits.cast_signed())
    }

    pub(in crate::hub) fn or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

/// Reads the columns of a row from left to right. A column of another type is damage.
pub(in crate::hub) struct RowReader {
    values: std::vec::IntoIter<SqlValue>,
}

impl RowReader {
    pub(in crate::hub) fn of(row: SqlRow) -> Self {
        Self { values: row.into_iter() }
    }

    fn next(&mut self) -> SqlValue {
        self.values.next().unwrap_or(SqlValue::Null)
    }

    pub(in crate::hub) fn int(&mut self) -> Result<i64, BooksError> {
        match self.next() {
            SqlValue::Int(number) => Ok(number),
            other @ (SqlValue::Null | SqlValue::Text(_) | SqlValue::Blob(_)) => {
                Err(damaged("a number", &other))
            }
        }
    }

    pub(in crate::hub) fn number(&mut self) -> Result<u64, BooksError> {
        let number = self.int()?;
        u64::try_from(number).map_err(|_| damaged("a number from 0 on", &SqlValue::Int(number)))
    }

    pub(in crate::hub) fn bool(&mut self) -> Result<bool, BooksError> {
        Ok(self.int()? != 0)
    }

    pub(in crate::hub) fn bits(&mut self) -> Result<u64, BooksError> {
        Ok(self.int()?.cast_unsigned())
    }

    pub(in crate::hub) fn text(&mut self) -> Result<String, BooksError> {
        match self.next() {
            SqlValue::Text(text) => Ok(text),
            other @ (SqlValue::Null | SqlValue::Int(_) | SqlValue::Blob(_)) => {
                Err(damaged("a text", &other))
            }
        }
    }

    pub(in crate::hub) fn text_or_null(&mut self) -> Result<Option<String>, BooksError> {
        match self.next() {
            SqlValue::Null => Ok(None),
            SqlValue::Text(text) => Ok(Some(text)),
            other @ (SqlValue::Int(_) | SqlValue::Blob(_)) => Err(damaged("a text", &other)),
        }
    }

    pub(in crate::hub) fn blob(&mut self) -> Result<Vec<u8>, BooksError> {
        match self.next() {
            SqlValue::Blob(bytes) => Ok(bytes),
            other @ (SqlValue::Null | SqlValue::Int(_) | SqlValue::Text(_)) => {
                Err(damaged("bytes", &other))
            }
        }
    }

    /// The epoch of a database.
    pub(in crate::hub) fn epoch(&mut self) -> Result<Uuid, BooksError> {
        Uuid::from_slice(&self.blob()?)
            .map_err(|error| BooksError::Damaged(format!("an epoch: {error}")))
    }

    /// A text that is parsed.
    pub(in crate::hub) fn id<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, BooksError> {
        let text = self.text()?;
        parse(&text).map_err(|error| BooksError::Damaged(format!("the text {text:?} {error}")))
    }

    /// A value that is stored as postcard.
    pub(in crate::hub) fn postcard<T: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Result<T, BooksError> {
        postcard::from_bytes(&self.blob()?)
            .map_err(|error| BooksError::Damaged(format!("a stored value: {error}")))
    }
}

fn damaged(wanted: &str, found: &SqlValue) -> BooksError {
    BooksError::Damaged(format!("the books should have {wanted} where there is {found:?}"))
}

/// A value that no statement looks into, stored as postcard.
pub(in crate::hub) fn to_postcard(value: &impl serde::Serialize) -> SqlValue {
    SqlValue::Blob(postcard::to_stdvec(value).expect("plain data always serializes"))
}
