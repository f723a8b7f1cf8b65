//! Makes entries old in a moment, so that there is something to prune.
//!
//! Retention is counted in days of running time. So while the gateway is stopped, its database is
//! told that two days have passed, and that the hub has confirmed the entries before.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};

const TWO_DAYS_MS: i64 = 2 * 24 * 3_600_000;

/// Makes all entries up to this position old.
pub fn grow_older(database: &Path, seq: u64) {
    let db = Connection::open(database).unwrap();
    // The log stays as the kill left it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let seq = i64::try_from(seq).unwrap();
    stockgate::store::add_row_crc_function(&db).unwrap();
    let mark = "INSERT OR REPLACE INTO mark
                SELECT running_ms, (SELECT max(n) FROM ledger WHERE seq < ?1), 0 FROM gateway
                WHERE copy = 1 AND EXISTS (SELECT 1 FROM ledger WHERE seq < ?1)";
    db.execute(mark, [seq]).unwrap();
    db.execute("UPDATE mark SET crc = row_crc('mark', running_ms, n)", []).unwrap();
    let pass = "UPDATE gateway SET acked_seq = max(acked_seq, ?1), running_ms = running_ms + ?2";
    db.execute(pass, params![seq, TWO_DAYS_MS]).unwrap();
    let sealed = "UPDATE gateway SET crc = row_crc('gateway', copy, site, gateway, epoch,
        acked_seq, running_ms, stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq,
        taken_catalogue, stock_rows, listing_rows, barcode_rows, books, books_generation,
        pruned_n)";
    db.execute(sealed, []).unwrap();
}
