//! The signed positions of the ledger.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::database::Store;
use super::device_key::DeviceKey;
use super::error::StoreError;
use super::row_check::{RowChecks, write_row};
use super::sql_values::{get_blob, get_u64, to_i64};
use crate::stock::{Chain, Seq, SignedPosition, Stock};

/// A signed position, and the public key of the device that signed it.
pub type Signed = (SignedPosition, [u8; 32]);

impl Store {
    /// Signs the end of the ledger, if it has the newer chain. Returns whether it did.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn sign(&mut self, key: &DeviceKey, stock: &Stock, at_ms: i64) -> Result<bool, StoreError> {
        let Chain::Sha256(chain) = stock.checks().chain else { return Ok(false) };
        let end = (stock.seq(), chain);
        let signed = SignedPosition::new(&self.identity.origin, end, at_ms, key.pair());
        let values = [
            ValueRef::Integer(to_i64(signed.seq)),
            ValueRef::Blob(&signed.chain),
            ValueRef::Integer(at_ms),
            ValueRef::Blob(&signed.signature),
            ValueRef::Blob(&key.public()),
        ];
        let sql = "INSERT OR REPLACE INTO signed VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        write_row(&mut *self.db.prepare_cached(sql)?, "signed", &values)?;
        Ok(true)
    }

    /// The last signed position; 0 if there is none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_signed(&self) -> Result<Seq, StoreError> {
        Ok(read_signed(&self.db, 0)?.last().map_or(0, |(signed, _)| signed.seq))
    }
}

/// The signed positions from this one on, in order. Rows that are damaged are left out.
///
/// # Errors
/// If the database cannot be read.
pub fn read_signed(db: &Connection, from: Seq) -> Result<Vec<Signed>, StoreError> {
    let sql = "SELECT seq, chain, at_ms, signature, public_key, crc FROM signed
        WHERE seq >= ?1 ORDER BY seq";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([to_i64(from)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if !RowChecks::EXIST.pass("signed", row) {
            continue;
        }
        let (chain, signature) = (get_blob(row, 1)?.try_into(), get_blob(row, 3)?.try_into());
        let (Ok(chain), Ok(signature), Ok(key)) = (chain, signature, get_blob(row, 4)?.try_into())
        else {
            continue;
        };
        let (seq, at_ms) = (get_u64(row, 0)?, row.get(2)?);
        found.push((SignedPosition { seq, chain, at_ms, signature }, key));
    }
    Ok(found)
}
