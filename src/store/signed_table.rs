//! The signed positions of the ledger.

use std::sync::Arc;

use ring::signature::Ed25519KeyPair;
use rusqlite::{Connection, Row};

use super::database::Store;
use super::error::StoreError;
use super::ledger;
use super::row_check::RowChecks;
use super::schema::REPORTS;
use super::signed_rows::save;
use super::sql_values::{get_blob, get_u64, to_i64};
use super::version::check_ours;
use crate::process::signing_key::SigningKey;
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
        let end = self.end(stock);
        let transaction = ledger::begin(&mut self.db, end)?;
        save(&transaction, &signed, key)?;
        transaction.commit()?;
        self.signed_seq = signed.seq;
        Ok(Some(signed))
    }

    /// Signs with this key each position from now on that is a multiple of
    /// [`SIGN_EVERY_ENTRIES`](crate::limits::SIGN_EVERY_ENTRIES), in the transaction of its entry.
    pub fn set_key(&mut self, key: Arc<SigningKey>) {
        self.key = Some(key);
    }

    /// The last position that was signed with its entry, if it is after this one.
    pub fn signed_after(&self, seq: Seq) -> Option<SignedPosition> {
        self.signed_with_entry.filter(|signed| signed.seq > seq)
    }

    /// The last signed position.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_signed(&self) -> Result<Option<Signed>, StoreError> {
        last_signed(&self.db)
    }
}

/// The last signed position. A database of an earlier version has none.
///
/// # Errors
/// If the database cannot be read.
pub fn last_signed(db: &Connection) -> Result<Option<Signed>, StoreError> {
    if check_ours(db)? < REPORTS {
        return Ok(None);
    }
    let mut statement = db.prepare(&format!("{SELECT} ORDER BY seq DESC"))?;
    let mut rows = statement.query([0])?;
    while let Some(row) = rows.next()? {
        if let Some(signed) = read_row(row)? {
            return Ok(Some(signed));
        }
    }
    Ok(None)
}

const SELECT: &str =
    "SELECT seq, chain, at_ms, signature, public_key, crc FROM signed WHERE seq >= ?1";

/// The signed positions from this one on, in order. Rows that are damaged are left out, and a database
/// of an earlier version has none.
///
/// # Errors
/// If the database cannot be read.
pub fn read_signed(db: &Connection, from: Seq) -> Result<Vec<Signed>, StoreError> {
    if check_ours(db)? < REPORTS {
        return Ok(Vec::new());
    }
    let mut statement = db.prepare(&format!("{SELECT} ORDER BY seq"))?;
    let mut rows = statement.query([to_i64(from)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(read_row(row)?);
    }
    Ok(found)
}

/// The signature of this position.
///
/// # Errors
/// If the database cannot be read.
pub(super) fn signed_at(db: &Connection, seq: Seq) -> Result<Option<Signed>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY seq LIMIT 1"))?;
    let mut rows = statement.query([to_i64(seq)])?;
    let signed = rows.next()?.map_or(Ok(None), read_row)?;
    Ok(signed.filter(|(signed, _)| signed.seq == seq))
}

/// The position in the first row that is damaged.
///
/// # Errors
/// If the database cannot be read.
pub fn first_damaged_signed(db: &Connection) -> Result<Option<Seq>, StoreError> {
    if check_ours(db)? < REPORTS {
        return Ok(None);
    }
    let mut statement = db.prepare(&format!("{SELECT} ORDER BY seq"))?;
    let mut rows = statement.query([i64::MIN])?;
    while let Some(row) = rows.next()? {
        if read_row(row)?.is_none() {
            return Ok(Some(get_u64(row, 0)?));
        }
    }
    Ok(None)
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
