//! Writes signed positions, those of new entries in the transaction that enters them.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rusqlite::Transaction;
use rusqlite::types::ValueRef;

use super::error::StoreError;
use super::row_check::write_row;
use super::sql_values::to_i64;
use crate::limits::SIGN_EVERY_ENTRIES;
use crate::process::signing_key::SigningKey;
use crate::stock::{Chain, Origin, Posted, SignedPosition};

/// Signs those of the new positions that are multiples of [`SIGN_EVERY_ENTRIES`]; returns the last one.
pub(super) fn sign_multiples(
    transaction: &Transaction<'_>,
    key: Option<&SigningKey>,
    origin: &Origin,
    entries: &[Posted],
) -> Result<Option<SignedPosition>, StoreError> {
    let mut last = None;
    let Some(key) = key.map(SigningKey::pair) else { return Ok(last) };
    for Posted { entry, checks } in entries {
        if entry.seq % SIGN_EVERY_ENTRIES == 0
            && let Chain::Sha256(chain) = checks.chain
        {
            let signed = SignedPosition::new(origin, (entry.seq, chain), entry.at_ms, key);
            save(transaction, &signed, key)?;
            last = Some(signed);
        }
    }
    Ok(last)
}

pub(super) fn save(
    transaction: &Transaction<'_>,
    signed: &SignedPosition,
    key: &Ed25519KeyPair,
) -> rusqlite::Result<usize> {
    let values = [
        ValueRef::Integer(to_i64(signed.seq)),
        ValueRef::Blob(&signed.chain),
        ValueRef::Integer(signed.at_ms),
        ValueRef::Blob(&signed.signature),
        ValueRef::Blob(key.public_key().as_ref()),
    ];
    let sql = "INSERT OR REPLACE INTO signed VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    write_row(&mut *transaction.prepare_cached(sql)?, "signed", &values)
}
