//! The signed positions of the ledger.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::database::Store;
use super::error::StoreError;
use super::ledger;
use super::row_check::{RowChecks, write_row};
use super::sql_values::{get_blob, get_u64, to_i64};
use crate::stock::{Chain, Seq, Signed, SignedPosition, Stock};

impl Store {
    /// Signs the end of the ledger, if it has the newer chain.
    ///
    /// # Errors
    /// If the database cannot be written, or another program has written to it.
    pub fn sign(
        &mut self,
        key: &Ed25519KeyPair,
        stock: &Stock,
        at_ms: i64,
    ) -> Result<Option<SignedPosition>, StoreError> {
        let Chain::Sha256(chain) = stock.checks().chain else { return Ok(None) };
        let end = (stock.seq(), chain);
        let signed = SignedPosition::new(&self.identity.origin, end, at_ms, key);
        let values = [
            ValueRef::Integer(to_i64(signed.seq)),
            ValueRef::Blob(&signed.chain),
            ValueRef::Integer(at_ms),
            ValueRef::Blob(&signed.signature),
            ValueRef::Blob(key.public_key().as_ref()),
        ];
        let end = self.end(stock);
        let transaction = ledger::begin(&mut self.db, end)?;
        let sql = "INSERT OR REPLACE INTO signed VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        write_row(&mut *transaction.prepare_cached(sql)?, "signed", &values)?;
        transaction.commit()?;
        Ok(Some(signed))
    }

    /// The last signed position.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_signed(&self) -> Result<Option<Signed>, StoreError> {
        let mut statement = self.db.prepare(&format!("{SELECT} ORDER BY seq DESC"))?;
        let mut rows = statement.query([0])?;
        while let Some(row) = rows.next()? {
            if let Some(signed) = read_row(row)? {
                return Ok(Some(signed));
            }
        }
        Ok(None)
    }
}

const SELECT: &str =
    "SELECT seq, chain, at_ms, signature, public_key, crc FROM signed WHERE seq >= ?1";

/// The signed positions from this one on, in order. Rows that are damaged are left out.
///
/// # Errors
/// If the database cannot be read.
pub fn read_signed(db: &Connection, from: Seq) -> Result<Vec<Signed>, StoreError> {
    let mut statement = db.prepare(&format!("{SELECT} ORDER BY seq"))?;
    let mut rows = statement.query([to_i64(from)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(read_row(row)?);
    }
    Ok(found)
}

/// Reads a row, unless it is damaged.
fn read_row(row: &Row<'_>) -> Result<Option<Signed>, StoreError> {
    if !RowChecks::EXIST.pass("signed", row) {
        return Ok(None);
    }
    let (chain, signature) = (get_blob(row, 1)?.try_into(), get_blob(row, 3)?.try_into());
    let (Ok(chain), Ok(signature), Ok(key)) = (chain, signature, get_blob(row, 4)?.try_into())
    else {
        return Ok(None);
    };
    let (seq, at_ms) = (get_u64(row, 0)?, row.get(2)?);
    Ok(Some((SignedPosition { seq, chain, at_ms, signature }, key)))
}
