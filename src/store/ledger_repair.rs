//! Correction of rows of the ledger in which one bit has flipped.
//!
//! A start needs the newest rows, and nothing else holds what is in them. It looks for a flipped bit
//! when it cannot read one. The chain and the digest confirm what comes of it.

use rusqlite::{Connection, params};

use super::bit_flip::{BYTES_MAX, integer_flips};
use super::chunk::{ChunkKey, LedgerChunk};
use super::error::StoreError;
use super::ledger::for_each_blob;
use super::repairs::{Repairs, check_structure, named};

/// Rows that are looked at before the database is given up.
const ROWS_MAX: usize = 16;

/// Puts every row right in which one bit has flipped. Returns whether there was one.
pub(super) fn correct_rows(db: &Connection, repairs: &mut Repairs) -> Result<bool, StoreError> {
    let mut rows = Vec::new();
    for_each_blob(db, i64::MIN, |key, blob| {
        if LedgerChunk::decode(key, blob).is_err() {
            rows.push((key, blob.to_vec()));
        }
        Ok(rows.len() < ROWS_MAX)
    })?;
    let right: Vec<_> =
        rows.into_iter().filter_map(|(key, blob)| Some((key, corrected(key, blob)?))).collect();
    if right.is_empty() {
        return Ok(false);
    }
    check_structure(db)?;
    let transaction = db.unchecked_transaction()?;
    for (wrong, (key, blob)) in &right {
        let sql = "UPDATE ledger SET n = ?2, seq = ?3, chunk = ?4 WHERE n = ?1";
        transaction.execute(sql, params![wrong.n, key.n, key.seq, blob])?;
    }
    transaction.commit()?;
    let numbers: Vec<String> = right.iter().map(|(_, (key, _))| key.n.to_string()).collect();
    let numbers = named(numbers.iter().map(String::as_str));
    repairs.add(format!("rows {numbers} of the ledger have a flipped bit"), "the bit is put right");
    Ok(true)
}

/// A row as it was written, if one bit of it has flipped.
pub(super) fn corrected(key: ChunkKey, mut blob: Vec<u8>) -> Option<(ChunkKey, Vec<u8>)> {
    for flip in integer_flips() {
        let keys = [ChunkKey { n: key.n ^ flip, ..key }, ChunkKey { seq: key.seq ^ flip, ..key }];
        if let Some(key) = keys.into_iter().find(|key| LedgerChunk::passes(*key, &blob)) {
            return Some((key, blob));
        }
    }
    if blob.len() > BYTES_MAX {
        return None;
    }
    for bit in 0..blob.len() * 8 {
        blob[bit / 8] ^= 1 << (bit % 8);
        if LedgerChunk::passes(key, &blob) {
            return Some((key, blob));
        }
        blob[bit / 8] ^= 1 << (bit % 8);
    }
    None
}
