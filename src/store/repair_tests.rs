//! What damage a start repairs, and what it refuses because of it: each as it was once seen to go
//! unnoticed.

use super::shop::{HOUR_MS, Shop, id, named};
use super::{Opened, StoreError, add_row_crc_function, read_ledger};
use crate::stock::{Action, Command, Line, Quantity, Sku, Undecided};
use crate::store::Progress;

#[test]
fn a_flipped_bit_of_a_request_hash_lets_no_request_be_decided_again() {
    let mut shop = with_saved_hashes();
    shop.sql("UPDATE seen SET hashes = CAST(x'00' || substr(hashes, 2) AS BLOB) WHERE n = 20");
    shop.reopen_repaired(&["rows of the table seen are damaged", "rebuilt from the ledger"]);
    assert!((0..30).all(|n| shop.find(&format!("r{n}"))));
    shop.assert_repaired();
}

#[test]
fn a_deleted_row_of_request_hashes_is_rebuilt_from_the_ledger() {
    for which in ["min", "max"] {
        let mut shop = with_saved_hashes();
        shop.sql(&format!("DELETE FROM seen WHERE n = (SELECT {which}(n) FROM seen)"));
        match which {
            "min" => shop.reopen_repaired(&["the hashes of 10 requests are missing"]),
            // As if it had not been written yet.
            _ => shop.reopen(),
        }
        assert!((0..30).all(|n| shop.find(&format!("r{n}"))), "{which}");
    }
}

#[test]
fn rows_of_request_hashes_that_overlap_or_exceed_the_ledger_are_dropped() {
    for n in [15, 110] {
        let mut shop = with_saved_hashes();
        shop.sql(&format!("INSERT INTO seen SELECT {n}, hashes, 0 FROM seen WHERE n = 10"));
        shop.sql("UPDATE seen SET crc = row_crc('seen', n, hashes)");
        shop.reopen_repaired(&["rows of the table seen are damaged"]);
        assert!((0..30).all(|n| shop.find(&format!("r{n}"))), "{n}");
        shop.assert_repaired();
    }
}

#[test]
fn the_gateways_row_is_rewritten_from_its_other_copy() {
    for sql in [
        "UPDATE gateway SET epoch = zeroblob(16) WHERE copy = 1",
        "UPDATE gateway SET seed = seed + 1 WHERE copy = 2",
        "UPDATE gateway SET acked_seq = 1 WHERE copy = 1",
        "DELETE FROM gateway WHERE copy = 1",
    ] {
        let mut shop = with_saved_hashes();
        let epoch = shop.store.identity.origin.epoch;
        shop.sql(sql);
        shop.reopen_repaired(&["one copy of the row of the table gateway"]);
        assert_eq!(shop.store.identity.origin.epoch, epoch, "{sql}");
        assert!(shop.find("r1"), "{sql}");
        shop.assert_repaired();
    }
}

#[test]
fn a_gateways_row_that_is_lost_twice_refuses_the_start() {
    for sql in ["DELETE FROM gateway", "UPDATE gateway SET epoch = zeroblob(16)"] {
        let shop = with_saved_hashes();
        shop.sql(sql);
        let error = shop.killed().unwrap_err();
        assert!(matches!(error, StoreError::Broken { .. }), "{sql}: {error}");
    }
}

/// Such a number once made every start ask for 64 GB.
#[test]
fn a_number_of_a_record_that_is_out_of_range_asks_for_no_memory() {
    for n in [1_i64 << 33, i64::MAX, -5] {
        let shop = with_saved_hashes();
        shop.sql(&format!("UPDATE ledger SET n = {n} WHERE n = (SELECT max(n) FROM ledger)"));
        let error = shop.killed().unwrap_err();
        assert!(matches!(error, StoreError::Broken { .. }), "{n}: {error}");
    }
}

#[test]
fn a_request_whose_record_is_missing_is_not_new() {
    let mut shop = with_saved_hashes();
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    shop.sql("DELETE FROM ledger WHERE n = 5");
    shop.reopen();
    let answer = shop.decide("r4", &[("A", 1)]);
    assert!(matches!(answer, Err(Undecided::RecordLost { .. })), "{answer:?}");
    assert!(shop.decide("other", &[("A", 1)]).is_ok());
    let read = read_ledger(&shop.store.db, 0, 100).unwrap_err();
    assert!(read.is_damage(), "a page of the ledger has no gap: {read}");
    let read = read_ledger(&shop.store.db, 4, 100).unwrap_err();
    assert!(read.is_damage(), "nor does it begin after one: {read}");
}

/// The first rows may hold records without entries alone, which are in no position.
#[test]
fn a_request_whose_record_is_missing_at_the_beginning_is_not_new() {
    for is_pruned in [false, true] {
        let mut shop = Shop::unsynced();
        if is_pruned {
            shop.restock("pruned", 5);
            shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
        }
        let line = Line::new(Sku::parse("Z").unwrap(), Quantity::of_line(1).unwrap());
        let unknown = Action::Deduct { order_id: None, lines: vec![line] };
        let refused = Command::chosen(id("refused"), unknown);
        let mut draft = shop.empty_draft();
        assert!(draft.decide(&refused, &shop.store).unwrap().unwrap().outcome.is_err());
        let changes = draft.finish();
        shop.commit(&changes);
        shop.restock("in", 1);
        shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
        while shop.prune(9 * HOUR_MS, 1) {}
        assert!(!shop.find("pruned"));
        shop.sql("DELETE FROM ledger WHERE n = (SELECT min(n) FROM ledger)");
        let error = shop.killed().unwrap_err().to_string();
        assert!(error.contains("of the ledger is missing"), "its hash is in no row: {error}");

        shop.flush_hashes();
        shop.reopen();
        let answer = shop.empty_draft().decide(&refused, &shop.store).unwrap();
        assert!(matches!(answer, Err(Undecided::RecordLost { .. })), "{answer:?}");
        assert!(shop.decide("other", &[("A", 1)]).is_ok());
        let found = super::examine(&shop.store.db, |_| {}).unwrap();
        assert!(found[0].fault.contains("of the ledger are missing"), "{found:?}");
    }
}

#[test]
fn a_flipped_bit_of_a_pruned_skus_stock_is_put_right() {
    for sql in [
        "UPDATE stock SET on_hand = on_hand | 1024 WHERE sku = 'B'",
        "UPDATE stock SET sku = 'C' WHERE sku = 'B'",
        "UPDATE stock SET crc = crc + (crc & 1 = 0) - (crc & 1) WHERE sku = 'B'",
    ] {
        let mut shop = with_pruned_stock();
        let stock = shop.stock.clone();
        shop.sql(sql);
        shop.reopen_repaired(&["have a flipped bit", "SKU B"]);
        assert_eq!(shop.stock, stock, "{sql}");
        shop.assert_repaired();
    }
}

#[test]
fn a_damaged_row_of_the_stock_is_rebuilt_from_the_last_entry_of_its_sku() {
    for sql in
        ["UPDATE stock SET on_hand = 77 WHERE sku = 'A'", "DELETE FROM stock WHERE sku = 'A'"]
    {
        let mut shop = with_pruned_stock();
        let stock = shop.stock.clone();
        shop.sql(sql);
        shop.reopen_repaired(&["rebuilt from the ledger", "SKU A"]);
        assert_eq!(shop.stock, stock, "{sql}");
        shop.assert_repaired();
    }
}

#[test]
fn a_sku_whose_stock_is_lost_is_refused_and_all_others_are_served() {
    let mut shop = with_pruned_stock();
    shop.sql("UPDATE stock SET on_hand = 77 WHERE sku = 'B'");
    shop.reopen_repaired(&["does not have their SKUs any more", "SKU B"]);
    for _ in 0..2 {
        assert!(shop.stock.is_lost("B") && !shop.stock.is_lost("new"));
        let answer = shop.decide("lost", &[("B", 1)]);
        assert!(
            matches!(&answer, Err(Undecided::StockLost { sku }) if sku.as_str() == "B"),
            "{answer:?}"
        );
        let before = shop.stock.clone();
        shop.restock(&format!("in-{}", before.seq()), 1);
        assert_eq!(shop.stock.item("A").unwrap().on_hand, before.item("A").unwrap().on_hand + 1);
        shop.reopen();
    }
}

#[test]
fn if_it_is_not_known_whose_stock_is_lost_no_unknown_sku_is_served() {
    let mut shop = with_pruned_stock();
    shop.sql("DELETE FROM stock WHERE sku = 'B'");
    shop.reopen_repaired(&["it is not known of which SKUs"]);
    for _ in 0..2 {
        for sku in ["B", "new"] {
            let answer = shop.decide("lost", &[(sku, 1)]);
            assert!(matches!(answer, Err(Undecided::StockLost { .. })), "{answer:?}");
        }
        assert!(shop.decide("fine", &[("A", 1)]).is_ok());
        shop.reopen();
    }
}

#[test]
fn a_damaged_catalogue_is_asked_for_again() {
    for (sql, is_listed) in [
        ("UPDATE listing SET name = 'Screw' WHERE sku = 'A'", false),
        ("DELETE FROM listing WHERE sku = 'A'", false),
        ("UPDATE barcode SET sku = 'B' WHERE code = '401'", true),
        ("DELETE FROM barcode WHERE code = '401'", true),
    ] {
        let mut shop = Shop::new();
        shop.update(0, 2, &[("A", Some("Nail"), "401 402"), ("B", Some("Saw"), "402 403")]);
        shop.restock("in", 5);
        shop.sql(sql);
        shop.reopen_repaired(&["the hub sends the catalogue again"]);
        assert_eq!(shop.stock.taken().catalogue, 0, "{sql}");
        assert_eq!(shop.listed("A").is_some(), is_listed, "{sql}");
        assert_eq!(shop.coded("401"), Some("A".into()), "{sql}");
        shop.assert_repaired();
        shop.update(0, 2, &[("A", Some("Nail"), "401 402"), ("B", Some("Saw"), "402 403")]);
        assert_eq!(shop.listed("A"), Some(named("A", "Nail", &["401", "402"])), "{sql}");
        shop.assert_repaired();
    }
}

#[test]
fn a_listing_that_is_damaged_while_the_gateway_runs_answers_nothing_wrong() {
    let mut shop = Shop::new();
    shop.update(0, 1, &[("A", Some("Nail"), "401 402")]);
    shop.sql("UPDATE barcode SET sku = 'B' WHERE code = '401'");
    shop.sql("UPDATE listing SET name = 'Screw'");
    assert!(super::find_barcode(&shop.store.db, "401").unwrap_err().is_damage());
    shop.update(1, 2, &[("A", Some("Nails"), "402 403")]);
    assert_eq!(shop.listed("A"), Some(named("A", "Nails", &["402", "403"])));
}

#[test]
fn damaged_marks_only_delay_pruning() {
    let mut shop = Shop::new();
    for n in 0..40 {
        shop.restock(&format!("old{n}"), 1);
    }
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    shop.sql("UPDATE mark SET n = 0");
    let progress = Progress { acked_seq: 40, running_ms: 9 * HOUR_MS };
    assert!(shop.store.prune(progress, HOUR_MS, &shop.stock).unwrap_err().is_damage());
    shop.reopen_repaired(&["rows of the table mark are damaged"]);
    assert!(!shop.prune(9 * HOUR_MS, 40));
    shop.assert_repaired();
}

#[test]
fn a_ledger_that_ends_before_the_positions_in_the_gateways_row_is_not_served() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    let progress = Progress { acked_seq: 7, running_ms: 0 };
    let changes = shop.restock_changes("r2", 5);
    shop.store.commit(&changes, Some(progress), &shop.stock).unwrap();
    let error = shop.killed().unwrap_err().to_string();
    assert!(error.contains("had come to entry 7"), "{error}");
}

#[test]
fn a_flipped_bit_of_the_newest_rows_of_the_ledger_is_put_right() {
    let mut shop = Shop::new();
    shop.restock("r1", 5);
    shop.restock("r2", 5);
    let stock = shop.stock.clone();
    let sql = "SELECT chunk FROM ledger WHERE n = 2";
    let mut chunk: Vec<u8> = shop.store.db.query_row(sql, [], |row| row.get(0)).unwrap();
    chunk[40] ^= 8;
    let damage: [(&str, &dyn rusqlite::ToSql); 3] = [
        ("UPDATE ledger SET n = n + ?1 WHERE n = 2", &1024),
        ("UPDATE ledger SET seq = seq + ?1 WHERE n = 2", &256),
        ("UPDATE ledger SET chunk = ?1 WHERE n = 2", &chunk),
    ];
    for (sql, value) in damage {
        assert_eq!(shop.store.db.execute(sql, [value]).unwrap(), 1);
        shop.reopen_repaired(&["rows 2 of the ledger have a flipped bit"]);
        assert!(shop.find("r1") && shop.find("r2"), "{sql}");
        assert_eq!(shop.stock, stock, "{sql}");
        shop.assert_repaired();
    }
}

/// Thirty requests, whose hashes are in three rows.
fn with_saved_hashes() -> Shop {
    let mut shop = Shop::unsynced();
    for n in 0..30 {
        shop.restock(&format!("r{n}"), 1);
        if n % 10 == 9 {
            shop.flush_hashes();
        }
    }
    shop
}

/// SKU A has entries in the ledger, those of SKU B are pruned.
fn with_pruned_stock() -> Shop {
    let mut shop = Shop::unsynced();
    let line = Line::new(Sku::parse("B").unwrap(), Quantity::of_line(9).unwrap());
    let changes = shop.draft("b", Action::Restock { order_id: None, lines: vec![line] });
    shop.commit(&changes);
    shop.store.record_retention_mark(HOUR_MS, &shop.stock).unwrap();
    shop.restock("a1", 5);
    shop.restock("a2", 5);
    shop.store.finish_checkpoint(&shop.stock, || true).unwrap();
    while shop.prune(9 * HOUR_MS, 3) {}
    shop.restock("a3", 5);
    assert!(!shop.find("b") && shop.find("a1"));
    shop
}

impl Shop {
    pub(super) fn sql(&self, sql: &str) {
        add_row_crc_function(&self.store.db).unwrap();
        assert!(self.store.db.execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// Reopens, which must say all this.
    pub(super) fn reopen_repaired(&mut self, parts: &[&str]) {
        let Opened { repairs, .. } = self.killed().unwrap();
        let said: Vec<String> = repairs.iter().map(ToString::to_string).collect();
        let said = said.join("; ");
        for part in parts {
            assert!(said.contains(part), "{part:?} in {said:?}");
        }
        self.reopen();
    }

    pub(super) fn assert_repaired(&self) {
        assert!(self.killed().unwrap().repairs.is_empty(), "the repair was written");
    }

    fn decide(&self, name: &str, units: &[(&str, u64)]) -> crate::stock::CommandAnswer {
        let line = |(sku, units): &(&str, u64)| {
            Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(*units).unwrap())
        };
        let lines = units.iter().map(line).collect();
        let action = Action::Restock { order_id: None, lines };
        let command = Command::chosen(id(name), action);
        self.empty_draft().decide(&command, &self.store).unwrap()
    }
}
