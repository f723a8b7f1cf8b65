//! Damaged storage: detected, reported with the next step, kept, and never replaced silently. (A
//! full or failing disk in use is tested in `tests/disk`.)

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::json;

use super::pair::{Pair, assert_drift_is_reported};
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::process::run_to_end;
use crate::support::terminal::Terminal;

const PAGE: u64 = 4_096;

#[test]
fn a_damaged_page_is_found_at_the_start_and_nothing_is_changed() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    // The pages after the header hold tables.
    overwrite(&gateway, PAGE, usize::try_from(PAGE * 4).unwrap());
    let before = fs::read(gateway.database()).unwrap();

    assert_refuses_to_start(&gateway, &["is damaged", "stockgate restore --from-damaged"]);
    assert!(fs::read(gateway.database()).unwrap() == before, "the damaged file is as it was");
}

#[test]
fn a_damaged_header_is_found_at_the_start() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    overwrite(&gateway, 0, 100);
    assert_refuses_to_start(&gateway, &["is damaged", "stockgate restore"]);
}

/// The log of a killed gateway holds the answers since the last checkpoint.
#[test]
fn a_lost_or_truncated_log_is_detected_at_the_start() {
    for cut_to in [None, Some(0), Some(5_000)] {
        let mut gateway = Gateway::stocked(&[("A", 100)]);
        for n in 0..30 {
            gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
        }
        // The high-water mark is written once a second.
        crate::support::patience::until("the high-water mark is written", || {
            high_water_mark(&gateway) == 31
        });
        gateway.kill9();
        let log = log_of(&gateway);
        match cut_to {
            None => fs::remove_file(log).unwrap(),
            Some(bytes) => {
                fs::File::options().write(true).open(log).unwrap().set_len(bytes).unwrap()
            }
        }
        let told = assert_refuses_to_start(&gateway, &["stockgate restore"]);
        let is_plain = told.contains("had come to entry 31") || told.contains("is gone");
        assert!(is_plain, "cut to {cut_to:?}: {told}");
    }
}

/// Without the high-water mark it is the hub that detects it; see also `epochs`.
#[test]
fn a_lost_log_is_detected_by_the_hub() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    pair.gateway.restart();
    for n in 0..5 {
        pair.gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    pair.assert_in_step();
    pair.gateway.kill9();
    fs::remove_file(log_of(&pair.gateway)).unwrap();
    fs::remove_file(pair.gateway.data_dir().join("position")).unwrap();
    assert_refuses_to_start(&pair.gateway, &["position", "stockgate restore --from"]);
    accept(&pair.gateway);
    pair.gateway.launch();
    assert_drift_is_reported(&pair.hub, "older copy");
}

#[test]
fn damage_in_one_request_record_leaves_the_others_decided() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.http().ok("deduct", one("first", "A", 1));
    for n in 0..5_000 {
        // Enough requests that the first ones are found through the stored hashes.
        let outcome = gateway.http().call("deduct", one(&format!("r{n}"), "A", 1_000));
        outcome.unwrap_err();
    }
    gateway.terminate();
    let db = Connection::open(gateway.database()).unwrap();
    let sql = "UPDATE ledger SET chunk = x'00' WHERE n = (SELECT min(n) FROM ledger WHERE n > 1)";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    gateway.launch();

    let mut http = gateway.http();
    let error = http.refused("deduct", one("first", "A", 1), "storage_unavailable");
    assert!(error["message"].as_str().unwrap().contains("cannot be read"), "{error}");
    http.ok("deduct", one("new", "A", 1));
    assert_eq!(
        http.ok("restock", crate::support::bodies::many("seed", &[("A", 100)]))["replayed"],
        true
    );
    assert_eq!(gateway.http().ok("status", json!({}))["ready"], true);
    let doctor = doctor(&gateway);
    assert!(doctor.0 == Some(1) && doctor.1.contains("cannot be read"), "{doctor:?}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let gateway = Gateway::prepare("");
    fs::write(gateway.data_dir(), "a file where the directory should be").unwrap();
    assert_refuses_to_start(&gateway, &["data directory", "must exist or be creatable"]);
}

#[test]
fn a_newer_database_is_refused_and_left_untouched() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    let db = Connection::open(gateway.database()).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = fs::read(gateway.database()).unwrap();
    assert_refuses_to_start(&gateway, &["has version 99", "install a stockgate at least as new"]);
    assert!(fs::read(gateway.database()).unwrap() == before, "it is as it was");
}

fn assert_refuses_to_start(gateway: &Gateway, words: &[&str]) -> String {
    let refused = run_to_end(&mut gateway.command());
    assert_eq!(refused.code, Some(1), "{}", refused.output());
    for word in words {
        assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
    }
    refused.stderr
}

/// Lets the gateway go on with its database as it is.
fn accept(gateway: &Gateway) {
    let mut command = crate::support::program::stockgate();
    command.args(["restore", "--accept", "--data-dir"]).arg(gateway.data_dir());
    let accepted = run_to_end(&mut command);
    assert_eq!(accepted.code, Some(0), "{}", accepted.output());
}

fn doctor(gateway: &Gateway) -> (Option<i32>, String) {
    let mut command = crate::support::program::stockgate();
    let visit = run_to_end(command.arg("doctor").arg("--data-dir").arg(gateway.data_dir()));
    (visit.code, visit.output())
}

fn overwrite(gateway: &Gateway, at: u64, length: usize) {
    let file = fs::File::options().write(true).open(gateway.database()).unwrap();
    file.write_all_at(&vec![0xa5; length], at).unwrap();
}

fn log_of(gateway: &Gateway) -> PathBuf {
    gateway.data_dir().join("stockgate.db-wal")
}

/// The position in the high-water mark.
pub(super) fn high_water_mark(gateway: &Gateway) -> u64 {
    let mark = fs::read_to_string(gateway.data_dir().join("position")).unwrap_or_default();
    mark.split_whitespace().nth(1).and_then(|seq| seq.parse().ok()).unwrap_or(0)
}
