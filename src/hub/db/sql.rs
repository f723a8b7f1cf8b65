//! What SQLite and PostgreSQL have in common, as far as the books need it.
//!
//! Statements number their values `$1`, `$2` … in the order in which they first appear, because
//! then both databases give them the same meaning.

use uuid::Uuid;

use super::error::BooksError;
use super::schema::Table;
pub(in crate::hub) use super::schema::{ColumnType, Dialect};
use crate::stock::Decimals;

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
    #[cfg(test)]
    fn execute(&mut self, sql: &str, values: &[SqlValue]) -> Result<u64, BooksError>;
    /// Executes a query; returns all its rows.
    fn query(&mut self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>, BooksError>;
    /// Executes a query for many keys at once. `{keys}` in it stands for a relation of the keys,
    /// whose columns are `a`, `b` …; `{for update of TABLE}` keeps others from changing the rows
    /// found, in the order in which they are returned.
    fn query_keys(&mut self, sql: &str, keys: &Keys) -> Result<Vec<SqlRow>, BooksError>;
    /// Executes two such queries for the same keys, the second after the first.
    fn query_keys_twice(
        &mut self,
        first: &str,
        second: &str,
        keys: &Keys,
    ) -> Result<[Vec<SqlRow>; 2], BooksError> {
        Ok([self.query_keys(first, keys)?, self.query_keys(second, keys)?])
    }
    /// Begins to insert many new rows of one table. It may go on while other statements are made; what
    /// fails is an error of one of these, at the latest of the commit.
    fn insert(&mut self, table: &'static Table, rows: Vec<SqlRow>) -> Result<(), BooksError> {
        self.write(&[Change { table, write: Write::Insert, rows }])
    }
    /// Writes rows of several tables. What was begun before is finished first.
    fn write(&mut self, changes: &[Change]) -> Result<(), BooksError>;
    /// The kind of database.
    fn dialect(&self) -> Dialect;
}

/// Keys of rows. At least one.
#[derive(Debug)]
pub(in crate::hub) struct Keys {
    /// The types of the columns of a key.
    pub(in crate::hub) types: &'static [ColumnType],
    pub(in crate::hub) rows: Vec<SqlRow>,
}

/// Rows of one table to write.
#[derive(Debug)]
pub(in crate::hub) struct Change {
    pub(in crate::hub) table: &'static Table,
    pub(in crate::hub) write: Write,
    /// Whole rows; for [`Write::Delete`] only the columns of the key.
    pub(in crate::hub) rows: Vec<SqlRow>,
}

/// How to write rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Write {
    /// They must be new.
    Insert,
    /// Those that exist stay as they are.
    Register,
    /// Those that exist are replaced.
    Set,
    /// The column `sold` is added to that of one which exists; of the others the larger value counts.
    Count,
    /// They are removed.
    Delete,
}

impl Change {
    /// What an `INSERT` of the rows ends with.
    pub(in crate::hub) fn conflict_clause(&self) -> String {
        let key = self.table.key.join(", ");
        let set = |(name, _): &(&str, ColumnType)| format!("{name} = excluded.{name}");
        let larger = |name: &str| {
            let (old, new) = (format!("{}.{name}", self.table.name), format!("excluded.{name}"));
            format!("{name} = CASE WHEN {new} > {old} THEN {new} ELSE {old} END")
        };
        match self.write {
            Write::Count => format!(
                "ON CONFLICT ({key}) DO UPDATE SET sold = {}.sold + excluded.sold, {}, {}",
                self.table.name,
                larger("refused_lines"),
                larger("refused_units"),
            ),
            Write::Insert | Write::Delete => String::new(),
            Write::Register => format!("ON CONFLICT ({key}) DO NOTHING"),
            Write::Set => {
                let others = self.table.columns.iter();
                let others = others.filter(|(name, _)| !self.table.key.contains(name));
                let values: Vec<String> = others.map(set).collect();
                format!("ON CONFLICT ({key}) DO UPDATE SET {}", values.join(", "))
            }
        }
    }

    /// The names and types of the columns that `rows` has.
    pub(in crate::hub) fn columns(&self) -> Vec<(&'static str, ColumnType)> {
        let columns = self.table.columns.iter().copied();
        match self.write {
            Write::Delete => {
                let of = |key: &&str| self.table.columns.iter().copied().find(|(n, _)| n == key);
                self.table.key.iter().filter_map(of).collect()
            }
            Write::Insert | Write::Register | Write::Set | Write::Count => columns.collect(),
        }
    }
}

/// The names of the columns of a relation of keys.
pub(in crate::hub) const KEY_NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Replaces `{for update of TABLE}`.
pub(in crate::hub) fn with_locks(sql: &str, lock: bool) -> String {
    match sql.split_once("{for update of ") {
        Some((before, rest)) => {
            let (table, after) = rest.split_once('}').unwrap_or((rest, ""));
            let clause = if lock { format!("FOR UPDATE OF {table}") } else { String::new() };
            format!("{before}{clause}{after}")
        }
        None => sql.into(),
    }
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

    pub(in crate::hub) fn bytes_or_null(bytes: Option<&[u8; 32]>) -> Self {
        bytes.map_or(Self::Null, |bytes| Self::Blob(bytes.to_vec()))
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

    pub(in crate::hub) fn int_or_null(&mut self) -> Result<Option<i64>, BooksError> {
        match self.next() {
            SqlValue::Null => Ok(None),
            SqlValue::Int(number) => Ok(Some(number)),
            other @ (SqlValue::Text(_) | SqlValue::Blob(_)) => Err(damaged("a number", &other)),
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

    /// The decimals of a SKU.
    pub(in crate::hub) fn decimals(&mut self) -> Result<Decimals, BooksError> {
        let number = self.int()?;
        let decimals = u8::try_from(number).ok().and_then(|it| Decimals::try_from(it).ok());
        decimals.ok_or_else(|| damaged("a number of decimals", &SqlValue::Int(number)))
    }

    /// The decimals of a SKU, if there are any.
    pub(in crate::hub) fn decimals_or_null(&mut self) -> Result<Option<Decimals>, BooksError> {
        let Some(number) = self.int_or_null()? else { return Ok(None) };
        Self::of(vec![SqlValue::Int(number)]).decimals().map(Some)
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

    pub(in crate::hub) fn blob_or_null(&mut self) -> Result<Option<Vec<u8>>, BooksError> {
        match self.next() {
            SqlValue::Null => Ok(None),
            value @ (SqlValue::Int(_) | SqlValue::Text(_) | SqlValue::Blob(_)) => {
                Self::of(vec![value]).blob().map(Some)
            }
        }
    }

    /// So many bytes.
    pub(in crate::hub) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], BooksError> {
        let bytes = self.blob()?;
        let found = format!("{} bytes where there are {N}", bytes.len());
        bytes.try_into().map_err(|_| BooksError::Damaged(found))
    }

    /// So many bytes, if there are any.
    pub(in crate::hub) fn bytes_or_null<const N: usize>(
        &mut self,
    ) -> Result<Option<[u8; N]>, BooksError> {
        let Some(bytes) = self.blob_or_null()? else { return Ok(None) };
        Self::of(vec![SqlValue::Blob(bytes)]).bytes().map(Some)
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

    /// A text that is parsed, if there is one.
    pub(in crate::hub) fn id_or_null<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BooksError> {
        let Some(text) = self.text_or_null()? else { return Ok(None) };
        let damaged = |error| BooksError::Damaged(format!("the text {text:?} {error}"));
        parse(&text).map_err(damaged).map(Some)
    }

    /// A value that is stored as postcard, if there is one.
    pub(in crate::hub) fn postcard_or_null<T: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Result<Option<T>, BooksError> {
        let value = self.next();
        if value == SqlValue::Null { Ok(None) } else { Self::of(vec![value]).postcard().map(Some) }
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
