use super::data_dir::DataDir;
use super::files::LOCK_FILE;
use super::high_water_mark::{HighWaterMark, Marked};
use super::shop::{HOUR_MS, Shop, id, lines, named, open, transfer};
use crate::stock::{
    Action, Catalogue, Command, Direction, Kind, Line, Quantity, Sku, Stock, Taken, Undecided,
};
use crate::store::{
    DATABASE_FILE, LedgerEnd, Progress, Store, StoreError, accept, read_identity, read_ledger,
};

#[test]
fn committed_changes_are_kept_after_reopening() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.reserve("r2", 3);
    let before = shop.stock.clone();
    shop.reopen();
    assert_eq!(shop.stock, before);
    assert!(shop.find("r1") && shop.find("r2") && !shop.find("r3"));
}

/// FULL syncs every commit; NORMAL only at WAL checkpoints, and no killed process shows the difference.
#[test]
fn every_commit_is_synced() {
    let mut shop = Shop::new();
    shop.reopen();
    let db = &shop.store.db;
    let level: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((level, mode.as_str()), (2, "wal"));
}

#[test]
fn running_time_and_the_hubs_position_continue() {
    let mut shop = Shop::new();
    let progress = Progress { acked_seq: 1, running_ms: 77_000 };
    let changes = shop.restock_changes("r1", 5);
    shop.store.commit(&changes, Some(progress), &shop.stock).unwrap();
    drop(shop.store);
    assert_eq!(open(&shop.directory).unwrap().1.progress, progress);
}

/// A gateway that has nothing to save for days still knows how long its oldest entry has waited.
#[test]
fn running_time_continues_from_the_last_mark_after_a_kill() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    for hours in 0..4 {
        shop.store.record_retention_mark(hours * HOUR_MS + 5, &shop.stock).unwrap();
    }
    assert_eq!(shop.killed().unwrap().progress.running_ms, 3 * HOUR_MS + 5);
    let progress = Progress { acked_seq: 1, running_ms: 4 * HOUR_MS };
    let changes = shop.restock_changes("r2", 5);
    shop.store.commit(&changes, Some(progress), &shop.stock).unwrap();
    assert_eq!(shop.killed().unwrap().progress, progress);
}

#[test]
fn damaged_retention_marks_do_not_stop_a_start() {
    let mut shop = Shop::new();
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    let progress = Progress { acked_seq: 0, running_ms: 7 };
    let changes = shop.restock_changes("r1", 5);
    shop.store.commit(&changes, Some(progress), &shop.stock).unwrap();
    shop.store.db.execute("UPDATE mark SET running_ms = -1", []).unwrap();
    assert_eq!(shop.killed().unwrap().progress, progress);
    let (_, restored) = read_identity(&shop.store.db).unwrap().expect("it was used");
    assert_eq!(restored, progress, "a restore reads it too");
}

#[test]
fn only_one_gateway_opens_a_data_directory() {
    let shop = Shop::new();
    assert!(matches!(open(&shop.directory), Err(StoreError::InUse(_))));
}

#[test]
fn another_gateways_database_is_refused() {
    let Shop { directory, store, .. } = Shop::new();
    drop(store);
    let error = Store::open(directory.path(), "site", "other").unwrap_err();
    assert!(matches!(error, StoreError::OtherGateway { .. }), "{error}");
}

#[test]
fn a_foreign_file_is_left_untouched() {
    for sql in ["CREATE TABLE t (x)", "PRAGMA user_version = 3; PRAGMA application_id = 7"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DATABASE_FILE);
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert!(matches!(open(&directory), Err(StoreError::NotOurs)), "{sql}");
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DATABASE_FILE), "not an SQLite file at all").unwrap();
    assert!(matches!(open(&directory), Err(StoreError::Broken { .. })));
}

#[test]
fn a_newer_database_is_refused() {
    let Shop { directory, store, .. } = Shop::new();
    drop(store);
    let db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn stock_that_does_not_match_the_ledger_is_not_served() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let Shop { directory, store, .. } = shop;
    drop(store);
    let db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    super::add_row_crc_function(&db).unwrap();
    let sql = "INSERT OR REPLACE INTO stock VALUES ('A', 6, 0, 2, row_crc('stock', 'A', 6, 0, 2))";
    db.execute(sql, []).unwrap();
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Broken { .. })));
}

#[test]
fn a_failed_commit_changes_nothing() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.store.db.execute_batch("PRAGMA query_only = on").unwrap();
    let changes = shop.restock_changes("r2", 5);
    shop.store.commit(&changes, None, &shop.stock).unwrap_err();
    shop.store.db.execute_batch("PRAGMA query_only = off").unwrap();
    assert!(!shop.find("r2"));
    shop.store.commit(&changes, None, &shop.stock).unwrap();
    assert!(shop.find("r2"));
}

#[test]
fn only_old_confirmed_entries_are_pruned_and_the_sums_stay() {
    let mut shop = Shop::new();
    shop.store.record_retention_mark(0, &shop.stock).unwrap();
    for n in 0..40 {
        shop.restock(&format!("old{n}"), 1);
    }
    shop.reserve("held", 2);
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    for n in 0..10 {
        shop.restock(&format!("new{n}"), 1);
    }
    assert!(!shop.prune(3 * HOUR_MS - 1, 30), "nothing is old yet");
    while shop.prune(3 * HOUR_MS, 30) {}
    let left = read_ledger(&shop.store.db, 0, 1_000).unwrap();
    assert_eq!(left[0].entry.seq, 31, "entries that the hub has not committed stay");
    assert!(!shop.find("old0") && shop.find("new0"));
    assert!(shop.find("held"), "an open reservation is remembered however old it is");
    while shop.prune(9 * HOUR_MS, 51) {}
    assert_eq!(read_ledger(&shop.store.db, 0, 1_000).unwrap()[0].entry.seq, 42);
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 50);
    shop.reopen();
}

/// A record that got the number of an older one would count as old, and would be pruned at once.
#[test]
fn outcomes_are_kept_though_older_ones_were_pruned_before_a_restart() {
    let mut shop = Shop::new();
    for n in 0..40 {
        shop.restock(&format!("old{n}"), 1);
    }
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    while shop.prune(9 * HOUR_MS, 40) {}
    assert!(!shop.find("old38"), "only the last row stays");
    shop.reopen();
    shop.restock("new", 1);
    while shop.prune(9 * HOUR_MS, 40) {}
    assert!(shop.find("new"));
}

#[test]
fn a_closed_reservation_keeps_its_record_however_old_it_is() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.reserve("r2", 3);
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    let action = Action::Release { reservation: id("r2") };
    let changes = shop.draft("r3", action);
    shop.commit(&changes);
    while shop.prune(9 * HOUR_MS, 3) {}
    assert!(!shop.find("r1") && shop.find("r2") && shop.find("r3"));
}

/// This holds for the last row, too, whose checks no later row repeats.
#[test]
fn a_lost_row_of_a_reservation_is_rebuilt_with_what_is_left_and_its_new_end() {
    let mut shop = Shop::new();
    shop.restock("in", 9);
    shop.reserve("held", 5);
    let reservation = || id("held");
    let part = Action::CommitPart { reservation: reservation(), lines: Some(lines(2)) };
    let longer = Action::Extend { reservation: reservation(), ttl_s: 5_000 };
    for (name, action) in [("part", part), ("longer", longer)] {
        let changes = shop.draft(name, action);
        shop.commit(&changes);
    }
    assert_eq!(shop.store.reservations.len(), 1, "it is in one place of the order");
    let before = shop.stock.hold(&reservation()).cloned();
    shop.reopen();
    assert_eq!(shop.stock.hold(&reservation()).cloned(), before);
    shop.store.db.execute("DELETE FROM hold", []).unwrap();

    shop.reopen();

    let rebuilt = shop.stock.hold(&reservation()).unwrap();
    assert_eq!(rebuilt.lines, lines(3));
    assert_eq!(rebuilt.deadline_ms, 5_000_000);
    assert!(shop.stock.lost().is_empty());
}

#[test]
fn every_flipped_bit_of_the_ledger_is_found() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let db = &shop.store.db;
    let read = |db: &rusqlite::Connection| -> Vec<u8> {
        db.query_row("SELECT chunk FROM ledger", [], |row| row.get(0)).unwrap()
    };
    let whole = read(db);
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        db.execute("UPDATE ledger SET chunk = ?1", [flipped]).unwrap();
        assert!(matches!(read_ledger(db, 0, 9), Err(StoreError::Damaged(_))), "bit {bit}");
        assert!(matches!(super::load_stock(db), Err(StoreError::Damaged(_))), "bit {bit}");
    }
}

#[test]
fn applied_transfers_are_kept_after_reopening_with_their_entries() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.take(&transfer(1, Direction::Grant, 7));
    shop.take(&transfer(2, Direction::Recall, 2));
    let before = shop.stock.clone();
    shop.reopen();
    assert_eq!(shop.stock, before);
    assert_eq!(shop.stock.taken(), Taken { transfer: 2, at_seq: 3, catalogue: 0 });
    let entries = read_ledger(&shop.store.db, 1, 9).unwrap();
    let moved: Vec<_> =
        entries.iter().map(|posted| (posted.entry.kind, posted.entry.change)).collect();
    assert_eq!(moved, [(Kind::Grant, 7), (Kind::Recall, -2)]);
    assert!(!shop.find("t1"), "no client has asked for it");
}

#[test]
fn a_recall_that_returned_nothing_is_kept_after_reopening() {
    let mut shop = Shop::new();
    shop.take(&transfer(1, Direction::Recall, 2));
    shop.reopen();
    assert_eq!(shop.stock.taken(), Taken { transfer: 1, at_seq: 0, catalogue: 0 });
    assert_eq!(read_ledger(&shop.store.db, 0, 9).unwrap(), []);
}

#[test]
fn a_transfer_whose_commit_failed_is_not_confirmed() {
    let mut shop = Shop::new();
    shop.store.db.execute_batch("PRAGMA query_only = on").unwrap();
    let changes = shop.transfer_changes(&transfer(1, Direction::Grant, 7));
    shop.store.commit(&changes, None, &shop.stock).unwrap_err();
    shop.store.db.execute_batch("PRAGMA query_only = off").unwrap();
    shop.reopen();
    assert_eq!((shop.stock.taken(), shop.stock.sku_count()), (Taken::default(), 0));
}

#[test]
fn a_reservation_with_the_id_of_a_transfer_keeps_its_record() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let mut draft = shop.empty_draft();
    let action = Action::Reserve { order_id: None, lines: lines(3), ttl_s: None };
    let command = Command::chosen(id("t1"), action);
    assert!(draft.decide(&command, &shop.store).unwrap().unwrap().outcome.is_ok());
    draft.apply_transfer(&transfer(1, Direction::Grant, 7));
    let changes = draft.finish();
    shop.commit(&changes);
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    shop.restock("r2", 1);
    while shop.prune(9 * HOUR_MS, 4) {}
    assert!(shop.find("t1") && !shop.find("r1"));
}

#[test]
fn listed_skus_are_known_named_and_found_by_their_codes() {
    let mut shop = Shop::new();
    shop.update(0, 2, &[("A", Some("Nail"), "401 402"), ("B", Some("Hammer"), "403")]);
    assert_eq!(shop.listed("A"), Some(named("A", "Nail", &["401", "402"])));
    assert_eq!(shop.coded("402"), Some("A".into()));
    shop.update(2, 3, &[("B", Some("Big hammer"), "402 404")]);
    assert_eq!(shop.listed("B"), Some(named("B", "Big hammer", &["402", "404"])));
    let codes = ["401", "402", "403", "404"].map(|code| shop.coded(code));
    assert_eq!(codes, [Some("A".into()), Some("B".into()), None, Some("B".into())]);
    shop.reopen();
    assert_eq!((shop.stock.sku_count(), shop.stock.seq()), (2, 0));
    assert_eq!(shop.stock.taken().catalogue, 3);
    shop.restock("r1", 5);
    shop.reopen();
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 5);
}

#[test]
fn skus_removed_from_the_catalogue_lose_name_and_codes_and_stay_known() {
    let mut shop = Shop::new();
    shop.update(0, 1, &[("A", Some("Nail"), "401 402")]);
    shop.update(1, 2, &[("B", Some("Hammer"), "402")]);
    shop.update(2, 3, &[("A", None, "")]);
    assert_eq!((shop.listed("A"), shop.coded("401")), (None, None));
    assert_eq!(shop.coded("402"), Some("B".into()), "it stands for another SKU since");
    assert!(shop.stock.item("A").is_some());
}

#[test]
fn a_database_of_version_2_is_brought_up_to_date_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let mut db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    super::migrate::upgrade_to(&mut db, 2);
    let sql = "INSERT INTO gateway VALUES (1, 'site', 'gateway', ?1, 1, 77, 0, 0, 5)";
    db.execute(sql, [[7_u8; 16]]).unwrap();
    let (empty, elsewhere) = (Stock::default(), Shop::new());
    let changes = elsewhere.restock_changes("r1", 5);
    let transaction = db.transaction().unwrap();
    super::ledger::append(&transaction, &changes, empty.checks(), 1).unwrap();
    transaction.commit().unwrap();
    assert_eq!(super::load_stock(&db).unwrap().seq(), 1, "it can be read without an upgrade");
    drop(db);

    let (store, opened) = open(&directory).unwrap();
    assert_eq!(opened.origin.epoch.as_bytes(), &[7; 16]);
    assert_eq!(opened.progress, Progress { acked_seq: 1, running_ms: 77 });
    let mut shop = Shop { directory, store, stock: opened.stock };
    assert_eq!(shop.stock.item("A").unwrap().on_hand, 5);
    assert!(shop.find("r1"));
    let copy = shop.directory.path().join("stockgate.db.version-2");
    let old = rusqlite::Connection::open(&copy).unwrap();
    assert_eq!(super::version::check_ours(&old).unwrap(), 2);
    assert_eq!(super::load_stock(&old).unwrap().seq(), 1, "the copy holds what was there");
    shop.take(&transfer(1, Direction::Grant, 7));
    shop.update(0, 2, &[("A", Some("Nail"), "401")]);
    shop.store.remove_upgrade_copies(HOUR_MS);
    shop.reopen();
    assert_eq!(shop.stock.taken(), Taken { transfer: 1, at_seq: 2, catalogue: 2 });
    shop.store.remove_upgrade_copies(77 + 599_999);
    shop.reopen();
    assert!(copy.exists(), "repeated starts prove nothing");
    shop.store.remove_upgrade_copies(77 + 600_000);
    assert!(!copy.exists(), "the new version has served for ten minutes");
}

/// Written by the program before the rows had checksums, with an own row for sixteen hashes of
/// request ids: 51 entries, of which the first twenty are pruned, reservations, transfers, listings.
pub(super) const VERSION_3: &[u8] = include_bytes!("../../tests/golden/databases/version-3.db");

#[test]
fn a_database_of_version_3_is_brought_up_to_date_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE_FILE);
    std::fs::write(&database, VERSION_3).unwrap();
    let before = super::open_read_only(directory.path()).unwrap();
    let stock = super::load_stock(&before).unwrap();
    let identity = read_identity(&before).unwrap().unwrap();
    drop(before);

    let (store, opened) = open(&directory).unwrap();
    assert!(opened.repairs.is_empty(), "{:?}", opened.repairs);
    assert_eq!((opened.origin, opened.progress), identity);
    assert_eq!(opened.stock.catalogue().count(), 3);
    assert_eq!(opened.stock.clone().with_catalogue(Catalogue::default()), stock);
    assert_eq!((opened.stock.seq(), opened.stock.hold_count()), (51, 2));
    let rows = store.positions.rows;
    assert_eq!((rows.stock, rows.listings, rows.barcodes), (3, 3, 4));
    let mut shop = Shop { directory, store, stock: opened.stock };
    assert!(["r30", "held1", "held2", "out", "last"].iter().all(|name| shop.find(name)));
    assert_eq!(shop.coded("402"), Some("C".into()));
    shop.restock("after", 1);
    shop.reopen();
    assert!(shop.find("r30") && shop.find("after"));
}

/// Its rows had no checksums, so nothing says that a hash is right.
#[test]
fn a_hash_that_was_damaged_before_the_upgrade_of_version_3_lets_no_request_be_decided_again() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE_FILE);
    std::fs::write(&database, VERSION_3).unwrap();
    let db = rusqlite::Connection::open(&database).unwrap();
    assert!(db.execute("UPDATE seen SET hashes = zeroblob(length(hashes))", []).unwrap() > 0);
    drop(db);
    let (store, opened) = open(&directory).unwrap();
    let shop = Shop { directory, store, stock: opened.stock };
    assert!(["r30", "held1", "held2", "out", "last"].iter().all(|name| shop.find(name)));
}

/// The program from before there were marks has used the directory, and has left none.
#[test]
fn a_start_that_is_killed_after_the_upgrade_leaves_a_mark() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(LOCK_FILE), "").unwrap();
    std::fs::write(directory.path().join(DATABASE_FILE), VERSION_3).unwrap();
    let data_dir = DataDir::lock(directory.path()).unwrap();
    let mark = HighWaterMark::read_locked(&data_dir);
    let mut db = rusqlite::Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    assert!(super::migrate::migrate(&mut db, &data_dir, &mark).unwrap());
    drop((db, data_dir));
    assert_eq!(open(&directory).unwrap().1.stock.seq(), 51);
}

/// Marks are older than the checksums of rows.
#[test]
fn an_upgrade_does_not_excuse_a_mark_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE_FILE);
    std::fs::write(directory.path().join(LOCK_FILE), "").unwrap();
    std::fs::write(&database, VERSION_3).unwrap();
    let mut db = rusqlite::Connection::open(&database).unwrap();
    super::migrate::upgrade_to(&mut db, 7);
    drop(db);
    assert!(matches!(open(&directory), Err(StoreError::Unmarked { .. })));
}

/// A database of before does not say with which record its ledger begins: it is its first row, from
/// the first start on.
#[test]
fn a_database_of_version_7_is_brought_up_to_date_and_its_first_row_is_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE_FILE);
    std::fs::write(&database, VERSION_3).unwrap();
    let mut db = rusqlite::Connection::open(&database).unwrap();
    super::migrate::upgrade_to(&mut db, 7);
    assert_eq!(super::load_stock(&db).unwrap().seq(), 51, "it can be read without an upgrade");
    drop(db);
    let (store, opened) = open(&directory).unwrap();
    assert!(opened.repairs.is_empty(), "{:?}", opened.repairs);
    let pruned_n = store.positions.pruned_n;
    assert_eq!(pruned_n, Some(20));
    let mut shop = Shop { directory, store, stock: opened.stock };
    assert!(["r30", "held1", "held2", "out", "last"].iter().all(|name| shop.find(name)));
    shop.reopen();
    assert_eq!(shop.store.positions.pruned_n, pruned_n);
    shop.assert_repaired();
}

#[test]
fn the_copy_from_before_an_upgrade_is_named() {
    let Shop { directory, store, .. } = Shop::new();
    drop(store);
    let path = directory.path().join(DATABASE_FILE);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    std::fs::write(directory.path().join("stockgate.db.version-2"), "").unwrap();
    let error = open(&directory).unwrap_err().to_string();
    for part in [path.to_str().unwrap(), "restore --from", "stockgate.db.version-2"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn a_damaged_chunk_leaves_only_its_own_requests_undecided() {
    let mut shop = Shop::new();
    shop.restock("damaged", 5);
    shop.reserve("held", 2);
    shop.restock("sound", 5);
    let n = "(SELECT min(n) FROM ledger)";
    shop.store.db.execute(&format!("UPDATE ledger SET chunk = x'00' WHERE n = {n}"), []).unwrap();
    let deduct =
        |name: &str| Command::chosen(id(name), Action::Deduct { order_id: None, lines: lines(1) });
    let mut draft = shop.empty_draft();
    let answer = draft.decide(&deduct("damaged"), &shop.store).unwrap();
    assert!(matches!(answer, Err(Undecided::RecordLost { .. })), "{answer:?}");
    assert!(draft.decide(&deduct("new"), &shop.store).unwrap().unwrap().outcome.is_ok());
    assert!(draft.decide(&deduct("sound"), &shop.store).unwrap().is_err(), "a conflict, as before");
    let changes = draft.finish();
    assert_eq!(changes.ledger_records.len(), 1, "an undecided request leaves no record");
    shop.commit(&changes);
    shop.flush_hashes();
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    for _ in 0..2 {
        shop.reopen();
        let mut draft = shop.empty_draft();
        let answer = draft.decide(&deduct("damaged"), &shop.store).unwrap();
        assert!(matches!(answer, Err(Undecided::RecordLost { .. })), "{answer:?}");
        assert!(draft.decide(&deduct("next"), &shop.store).unwrap().unwrap().outcome.is_ok());
    }
    let found = super::examine(&shop.store.db, |_| {}).unwrap();
    assert!(found.iter().any(|it| it.fault == "row 1 of the ledger cannot be read"), "{found:?}");
}

#[test]
fn a_missing_or_truncated_database_is_refused() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let Shop { directory, mut store, stock } = shop;
    store.save_high_water_mark(&stock);
    drop(store);
    let database = directory.path().join(DATABASE_FILE);
    let away = directory.path().join("away");
    std::fs::rename(&database, &away).unwrap();
    assert!(matches!(open(&directory), Err(StoreError::Gone { seq: 1, .. })));
    std::fs::write(&database, "").unwrap();
    assert!(
        matches!(open(&directory), Err(StoreError::Gone { .. })),
        "an empty file is not a database"
    );
    std::fs::rename(&away, &database).unwrap();
    // A refusal is a record without entries.
    for reached in [LedgerEnd { n: 1, seq: 2 }, LedgerEnd { n: 2, seq: 1 }] {
        let (mut store, _) = open(&directory).unwrap();
        let epoch = store.identity.origin.epoch;
        let marked = Marked { epoch, end: reached, signed_seq: 0 };
        store.high_water_mark.write(&store.data_dir, marked);
        drop(store);
        assert!(matches!(open(&directory), Err(StoreError::Broken { .. })), "{reached:?}");
        accept(directory.path()).unwrap();
    }
}

/// A reader keeps SQLite from emptying the WAL, which then holds committed changes.
#[test]
fn closing_fails_while_the_wal_cannot_be_emptied() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let Shop { directory, store, .. } = shop;
    let database = directory.path().join(DATABASE_FILE);
    let reader = rusqlite::Connection::open(&database).unwrap();
    let snapshot = reader.unchecked_transaction().unwrap();
    super::load_stock(&snapshot).unwrap();
    store.set_busy_timeout(std::time::Duration::from_millis(10)).unwrap();
    assert!(matches!(store.close(), Err(StoreError::NotClosed(_))));
    drop(snapshot);
    drop(reader);

    open(&directory).unwrap().0.close().unwrap();
    assert!(!directory.path().join("stockgate.db-wal").exists(), "the database is one file");
}

/// Hidden SKUs are in the stock table at once, so a start finds them whatever the checkpoint and the
/// ledger say of them.
#[test]
fn hidden_skus_are_hidden_after_any_start() {
    let sku = |name: &str| Sku::parse(name).unwrap();
    let mut shop = Shop::new();
    for n in 0..40 {
        let changes = shop.draft(&format!("r{n}"), restock(&format!("S{n}"), n + 1));
        shop.commit(&changes);
    }
    for n in 1..30 {
        let (from, into) = (sku(&format!("S{n}")), sku("S0"));
        let name = |what: &str| format!("{what}{n}");
        for (name, action) in [
            (name("merge"), Action::Merge { from: from.clone(), into }),
            (name("hide"), Action::Hide { sku: from.clone() }),
        ] {
            let changes = shop.draft(&name, action);
            shop.commit(&changes);
        }
        if n % 3 == 0 {
            let changes = shop.draft(&name("back"), restock(from.as_str(), 1));
            shop.commit(&changes);
        }
        if n % 4 == 0 {
            shop.store.checkpoint_step(&shop.stock, n).unwrap();
        }
        if n % 5 == 0 {
            shop.update(n as u64 - 5, n as u64, &[(from.as_str(), Some("listed"), "")]);
        }
        assert_eq!(shop.killed().unwrap().stock, shop.stock, "after {n}");
    }
    let hidden = |stock: &Stock| (1..30).filter(|n| stock.is_hidden(&format!("S{n}"))).count();
    assert_eq!(hidden(&shop.stock), 29 - 9 - 4, "without those that came back or are listed");
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    let before = shop.stock.clone();
    shop.reopen();
    assert_eq!((hidden(&shop.stock), shop.stock == before), (hidden(&before), true));
}

/// What is rebuilt from the ledger is hidden as it was.
#[test]
fn a_hidden_sku_whose_row_is_lost_is_hidden_after_the_repair() {
    let mut shop = Shop::new();
    let decide = |shop: &mut Shop, name: &str, action: Action| {
        let changes = shop.draft(name, action);
        shop.commit(&changes);
    };
    let sku = |name: &str| Sku::parse(name).unwrap();
    for name in ["H", "L", "N", "S"] {
        decide(&mut shop, &format!("in {name}"), restock(name, 1));
        let count = Action::Count { sku: sku(name), counted: i64::from(name == "S"), trace: None };
        decide(&mut shop, &format!("count {name}"), count);
    }
    for name in ["H", "L"] {
        decide(&mut shop, &format!("hide {name}"), Action::Hide { sku: sku(name) });
    }
    shop.update(0, 1, &[("L", Some("listed again"), "")]);
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    for damage in ["DELETE FROM stock", "UPDATE stock SET on_hand = 77"] {
        shop.store.db.execute(damage, []).unwrap();
        shop.reopen();
        let hidden = ["H", "L", "N", "S"].map(|name| shop.stock.is_hidden(name));
        assert_eq!(hidden, [true, false, false, false], "{damage}");
        shop.reopen();
        assert!(shop.stock.is_hidden("H"), "written as hidden, too: {damage}");
    }
}

/// What memory says would follow entries that are gone.
#[test]
fn an_emptied_ledger_is_not_continued() {
    let mut shop = Shop::new();
    let changes = shop.draft("in", restock("A", 1));
    shop.commit(&changes);
    shop.store.db.execute("DELETE FROM ledger", []).unwrap();
    let changes = shop.draft("next", restock("A", 1));
    let committed = shop.store.commit(&changes, None, &shop.stock);
    assert!(matches!(committed, Err(StoreError::WrittenByOther { .. })), "{committed:?}");
    let marked = shop.store.record_retention_mark(0, &shop.stock);
    assert!(matches!(marked, Err(StoreError::WrittenByOther { .. })), "{marked:?}");
}

fn restock(sku: &str, units: usize) -> Action {
    let quantity = Quantity::of_line(units as u64).unwrap();
    let line = Line::new(Sku::parse(sku).unwrap(), quantity);
    Action::Restock { order_id: None, lines: vec![line] }
}
