//! Bits of the write-ahead log that flip before a start reads it. SQLite takes the log up to the first
//! frame whose checksum is wrong, and says nothing of the rest.
#![allow(clippy::print_stdout, reason = "the table of outcomes is what a person runs this for")]

use rusqlite::Connection;

use super::DATABASE_FILE;
use super::high_water_mark::HighWaterMark;
use super::open::load_and_repair;
use super::row_check::add_row_crc_function;
use super::shop::{Shop, id};

/// Requests that the high-water mark covers, and all of them. Each is a commit of its own.
const COVERED: usize = 12;
const ALL: usize = 16;

#[test]
fn a_flipped_bit_of_the_log_costs_nothing_silently_that_the_high_water_mark_covers() {
    let mut shop = Shop::unsynced();
    for n in 0..ALL {
        if n == COVERED {
            shop.store.save_high_water_mark(&shop.stock);
        }
        shop.restock(&format!("r{n}"), 1);
    }
    let mark = HighWaterMark::read(shop.directory.path());
    let of = |directory: &std::path::Path| {
        (directory.join(DATABASE_FILE), directory.join("stockgate.db-wal"))
    };
    let (database, log) = of(shop.directory.path());
    let whole = std::fs::read(log).unwrap();
    let (mut refused, mut newest_lost, mut harmless) = (0, 0, 0);
    for bit in (0..whole.len() * 8).step_by(2_003) {
        let copy = tempfile::tempdir().unwrap();
        let (copied, log) = of(copy.path());
        std::fs::copy(&database, &copied).unwrap();
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(log, flipped).unwrap();
        let db = Connection::open(&copied).unwrap();
        add_row_crc_function(&db).unwrap();
        let check = |origin: &_, end| mark.check_reached(origin, end);
        let Ok((_, stock, index, repairs)) = load_and_repair(&db, "site", "gateway", check) else {
            refused += 1;
            continue;
        };
        assert!(repairs.is_empty(), "bit {bit}: {repairs:?}");
        let is_known = |n: usize| index.find(&db, &id(&format!("r{n}"))).unwrap().is_some();
        let known = (0..ALL).take_while(|n| is_known(*n)).count();
        assert!(known >= COVERED, "bit {bit}: only {known} requests are known");
        assert!(!(known..ALL).any(is_known), "bit {bit}: a request after a lost one is known");
        assert_eq!(stock.seq(), known as u64, "bit {bit}");
        *(if known == ALL { &mut harmless } else { &mut newest_lost }) += 1;
    }
    println!("{refused} refused, {newest_lost} lost what is newer, {harmless} harmless");
    assert!(refused > newest_lost && newest_lost > 0, "{refused}, {newest_lost}, {harmless}");
}
