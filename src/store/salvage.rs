//! Reading of a ledger that may be damaged.

use rusqlite::Connection;

use super::chunk::{ChunkKey, LedgerChunk};
use super::error::StoreError;
use super::ledger::key_and_blob;

/// Calls `visit` with each chunk that can be read, in order: from the beginning up to a damaged
/// page, and from the first readable page after it. A row whose CRC is wrong is skipped.
///
/// # Errors
/// The first error of `visit`. Damage is not an error.
pub(super) fn for_each_readable_chunk(
    db: &Connection,
    mut visit: impl FnMut(LedgerChunk) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut from, mut last) = (0, 0);
    let mut visited = Ok(());
    loop {
        let read = for_each_blob(db, from, |key, blob| {
            last = key.n;
            visited = LedgerChunk::decode(key, blob).map_or(Ok(()), &mut visit);
            visited.is_ok()
        });
        match first_after_damage(db, last) {
            Some(next) if read.is_err() && visited.is_ok() && next > from => from = next,
            _ => return visited,
        }
    }
}

fn for_each_blob(
    db: &Connection,
    from: i64,
    mut visit: impl FnMut(ChunkKey, &[u8]) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT n, seq, chunk FROM ledger WHERE n >= ?1 ORDER BY n")?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let (key, blob) = key_and_blob(row)?;
        if !visit(key, blob) {
            break;
        }
    }
    Ok(())
}

/// The first row after a damage that can be read. It is found from the end of the ledger backwards.
fn first_after_damage(db: &Connection, damaged: i64) -> Option<i64> {
    let mut first = None;
    let mut statement =
        db.prepare("SELECT n, chunk FROM ledger WHERE n > ?1 ORDER BY n DESC").ok()?;
    let mut rows = statement.query([damaged]).ok()?;
    while let Ok(Some(row)) = rows.next() {
        first = Some(row.get(0).ok()?);
    }
    first
}
