//! Files that another program writes into while a store has them open.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use rusqlite::Connection;

use super::shop::Shop;
use super::{DATABASE_FILE, StoreError};

fn database(shop: &Shop) -> PathBuf {
    shop.directory.path().join(DATABASE_FILE)
}

fn log(shop: &Shop) -> PathBuf {
    shop.directory.path().join("stockgate.db-wal")
}

fn cut(shop: &Shop, bytes: u64) {
    File::options().write(true).open(log(shop)).unwrap().set_len(bytes).unwrap();
}

/// A shop of which some is in the database and some in its log.
fn shop() -> Shop {
    let mut shop = Shop::new();
    for n in 0..10 {
        shop.restock(&format!("before {n}"), 1);
    }
    assert!(shop.store.check_commit_placement().is_ok());
    shop
}

fn checkpoint(shop: &Shop, kind: &str) -> (i64, i64) {
    let other = Connection::open(database(shop)).unwrap();
    let sql = format!("PRAGMA wal_checkpoint({kind})");
    other.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(2)?))).unwrap()
}

#[track_caller]
fn assert_overwritten(shop: &mut Shop, name: &str) {
    for _ in 0..2 {
        let checked = shop.store.check_commit_placement();
        let Err(StoreError::Displaced(found)) = checked else { panic!("{name}: {checked:?}") };
        assert!(found.is_overwritten() && found.path.ends_with(name), "{found:?}");
    }
    assert!(!shop.store.save_displaced_log(), "the log is not the database's any more");
}

#[test]
fn a_log_that_is_cut_is_noticed_before_and_after_the_next_commit() {
    for bytes in [0, 16, 32, 5_000, 25_000] {
        for commits in [0, 1, 3] {
            let mut shop = shop();
            cut(&shop, bytes);
            for n in 0..commits {
                // What is read from the log may be missing.
                let changes = shop.restock_changes(&format!("after {n}"), 1);
                if shop.store.commit(&changes, None, &shop.stock).is_ok() {
                    shop.stock.apply(&changes);
                }
            }
            assert_overwritten(&mut shop, "stockgate.db-wal");
        }
    }
}

#[test]
fn another_log_copied_over_the_log_is_noticed() {
    for commits in [1, 50] {
        let (mut shop, mut other) = (shop(), shop());
        for n in 0..commits {
            other.restock(&format!("other {n}"), 1);
        }
        fs::copy(log(&other), log(&shop)).unwrap();
        assert_overwritten(&mut shop, "stockgate.db-wal");
    }
}

#[test]
fn an_older_copy_written_over_the_database_is_noticed() {
    for kind in ["PASSIVE", "TRUNCATE"] {
        let mut shop = shop();
        let copy = shop.directory.path().join("copy");
        fs::copy(database(&shop), &copy).unwrap();
        shop.restock("after", 1);
        assert_eq!(checkpoint(&shop, kind).0, 0);
        shop.store.check_commit_placement().unwrap();
        fs::copy(&copy, database(&shop)).unwrap();
        // As `cp -p` does. The clock of the filesystem may have stood still meanwhile.
        let file = File::options().write(true).open(database(&shop)).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_overwritten(&mut shop, "stockgate.db");
    }
}

#[test]
fn what_checkpoints_of_any_program_write_is_no_fault() {
    let mut shop = shop();
    for (round, kind) in
        ["PASSIVE", "FULL", "RESTART", "TRUNCATE", "TRUNCATE", "PASSIVE"].iter().enumerate()
    {
        assert_eq!(checkpoint(&shop, kind).0, 0, "{kind}");
        shop.store.check_commit_placement().unwrap();
        shop.store.check_placement().unwrap();
        for n in 0..3 {
            shop.restock(&format!("{round}-{n}"), 1);
            shop.store.check_commit_placement().unwrap();
        }
    }
    // What has started the log over before the look is not alone.
    for kind in ["PASSIVE", "TRUNCATE"] {
        let mut shop = self::shop();
        assert_eq!(checkpoint(&shop, "PASSIVE").0, 0);
        shop.store.check_commit_placement().unwrap();
        for n in 0..4 {
            shop.restock(&format!("{kind}-{n}"), 1);
            assert_eq!(checkpoint(&shop, if n == 3 { kind } else { "PASSIVE" }).0, 0);
        }
        if kind == "PASSIVE" {
            shop.restock("last", 1);
        }
        shop.store.check_commit_placement().unwrap();
        // After one commit.
        shop.restock("one", 1);
        assert_eq!(checkpoint(&shop, "TRUNCATE").0, 0);
        shop.store.check_commit_placement().unwrap();
    }
    // Many checkpoints of its own.
    let mut shop = Shop::unsynced();
    for n in 0..3_000 {
        shop.restock(&format!("r{n}"), 1);
        shop.store.check_commit_placement().unwrap();
    }
    let killed = shop.killed().unwrap();
    assert_eq!(killed.stock.seq(), 3_000);
}

/// A checkpoint that a full disk ends early has written to the database.
#[test]
fn a_checkpoint_that_has_not_ended_is_no_fault() {
    let mut shop = shop();
    let reader = Connection::open(database(&shop)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM ledger").unwrap();
    for n in 0..5 {
        shop.restock(&format!("r{n}"), 1);
        checkpoint(&shop, "PASSIVE");
        shop.store.check_commit_placement().unwrap();
    }
    drop(reader);
    checkpoint(&shop, "PASSIVE");
    shop.store.check_commit_placement().unwrap();
}
