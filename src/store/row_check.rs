//! The checksum of a row: a CRC-32 over the name of its table, its key and its values.
//!
//! Cheap flash flips bits, and SQLite has no checksums of its own. A flipped bit of a key, a value
//! or the checksum itself is found when the row is read, and so is a row whose values are another
//! row's. The last column of every table but the ledger holds the checksum; a chunk of the ledger
//! has one inside. A missing row is found by its neighbours, or because rows are counted.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, Statement, params_from_iter};

use super::error::StoreError;
use super::schema::CHECKSUMS;
use super::version::check_ours;

/// Whether the rows of a database have checksums. One of an older version, which is read without an
/// upgrade, has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowChecks {
    exist: bool,
}

impl RowChecks {
    /// Those of a database of the newest version.
    pub(super) const EXIST: Self = Self { exist: true };

    pub(super) fn of(db: &Connection) -> Result<Self, StoreError> {
        Ok(Self { exist: check_ours(db)? >= CHECKSUMS })
    }

    pub(super) fn exist(self) -> bool {
        self.exist
    }

    /// The column to read last in each row.
    pub(super) fn column(self) -> &'static str {
        if self.exist { "crc" } else { "NULL" }
    }

    /// Whether a row of `table` is as it was written. It must hold all columns in their order.
    pub(super) fn pass(self, table: &str, row: &Row<'_>) -> bool {
        !self.exist || crc_of(row) == Some(row_crc(table, values(row)))
    }

    /// Whether at least the key of such a row is as it was written.
    pub(super) fn key_passes(self, table: &str, row: &Row<'_>) -> bool {
        let key = row_crc(table, values(row)) >> 32;
        !self.exist || crc_of(row).is_some_and(|crc| crc >> 32 == key)
    }
}

/// All values of a row but its checksum, which is the last one.
fn values<'a>(row: &'a Row<'_>) -> impl Iterator<Item = ValueRef<'a>> {
    let count = row.as_ref().column_count() - 1;
    (0..count).filter_map(|index| row.get_ref(index).ok())
}

fn crc_of(row: &Row<'_>) -> Option<i64> {
    row.get(row.as_ref().column_count() - 1).ok()
}

/// Executes a statement that writes a row of `table`: the parameters are its values in the order of
/// the columns, then their checksum. Returns the number of rows that it changed.
pub(super) fn write_row(
    statement: &mut Statement<'_>,
    table: &str,
    values: &[ValueRef<'_>],
) -> rusqlite::Result<usize> {
    let crc = ValueRef::Integer(row_crc(table, values.iter().copied()));
    let parameters = values.iter().copied().chain([crc]).map(ToSqlOutput::Borrowed);
    statement.execute(params_from_iter(parameters))
}

/// A text as a value of a row.
pub(super) fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

/// Adds the SQL function `row_crc(table, value, …)`, which returns the checksum of a row. The
/// migration uses it, and tests that change a row by hand.
///
/// # Errors
/// If the connection is in use.
pub fn add_row_crc_function(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("row_crc", -1, flags, |context: &Context<'_>| {
        let table: String = context.get(0)?;
        Ok(row_crc(&table, (1..context.len()).map(|index| context.get_raw(index))))
    })
}

/// The CRC-32 of the row, and above it 16 bits of the CRC-32 of its table and key alone: they tell
/// whose row is damaged. Each value is preceded by its type, and a text or blob by its length, so
/// that no two rows are encoded alike.
pub(super) fn row_crc<'a>(table: &str, values: impl Iterator<Item = ValueRef<'a>>) -> i64 {
    let mut crc = crc32fast::Hasher::new();
    let mut key = None;
    crc.update(table.as_bytes());
    for value in values {
        match value {
            ValueRef::Null => crc.update(b"n"),
            ValueRef::Integer(number) => {
                crc.update(b"i");
                crc.update(&number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                crc.update(b"r");
                crc.update(&number.to_le_bytes());
            }
            ValueRef::Text(bytes) => update_with_length(&mut crc, *b"t", bytes),
            ValueRef::Blob(bytes) => update_with_length(&mut crc, *b"b", bytes),
        }
        key.get_or_insert_with(|| crc.clone().finalize());
    }
    i64::from(key.unwrap_or(0) & 0xffff) << 32 | i64::from(crc.finalize())
}

fn update_with_length(crc: &mut crc32fast::Hasher, kind: [u8; 1], bytes: &[u8]) {
    crc.update(&kind);
    crc.update(&(bytes.len() as u64).to_le_bytes());
    crc.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_table_type_or_border_have_other_checksums() {
        let crc = |table: &str, values: &[ValueRef<'_>]| row_crc(table, values.iter().copied());
        let all = [
            crc("t", &[text("ab"), text("c")]),
            crc("t", &[text("a"), text("bc")]),
            crc("t", &[text("abc")]),
            crc("t", &[text("c"), text("ab")]),
            crc("u", &[text("ab"), text("c")]),
            crc("t", &[ValueRef::Blob(b"ab"), text("c")]),
            crc("t", &[ValueRef::Integer(1)]),
            crc("t", &[ValueRef::Real(f64::from_bits(1))]),
            crc("t", &[ValueRef::Null]),
            crc("t", &[]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn the_sql_function_returns_the_checksum_of_a_row() {
        let db = Connection::open_in_memory().unwrap();
        add_row_crc_function(&db).unwrap();
        let sql = "SELECT row_crc('t', 'a', 7, x'00')";
        let found: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
        let values = [text("a"), ValueRef::Integer(7), ValueRef::Blob(&[0])];
        assert_eq!(found, row_crc("t", values.into_iter()));
    }
}
