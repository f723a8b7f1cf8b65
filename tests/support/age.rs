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
    let mark = "INSERT OR REPLACE INTO mark
                SELECT running_ms, (SELECT max(n) FROM ledger WHERE seq < ?1) FROM gateway
                WHERE EXISTS (SELECT 1 FROM ledger WHERE seq < ?1)";
    db.execute(mark, [seq]).unwrap();
    let pass = "UPDATE gateway SET acked_seq = max(acked_seq, ?1), running_ms = running_ms + ?2";
    db.execute(pass, params![seq, TWO_DAYS_MS]).unwrap();
}
