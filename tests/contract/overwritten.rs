//! Another program writes into the files of a running gateway, which stay where they are.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::run_to_end;
use crate::support::terminal::Terminal as _;

#[test]
fn nothing_is_answered_once_the_log_was_cut_and_the_next_start_is_refused() {
    for bytes in [0, 5_000] {
        let mut gateway = sold();
        File::options().write(true).open(log_of(&gateway)).unwrap().set_len(bytes).unwrap();
        refuse(&gateway, &["stockgate.db-wal", "written over or cut", "stockgate restore"]);
        gateway.kill9();
        let refused = run_to_end(&mut gateway.command());
        assert_eq!(refused.code, Some(1), "{}", refused.output());
        assert!(refused.stderr.contains("had come to entry 51"), "{}", refused.stderr);
    }
}

#[test]
fn nothing_is_answered_once_another_log_was_copied_over_the_log() {
    let (gateway, other) = (sold(), sold());
    for n in 0..50 {
        other.http().ok("deduct", one(&format!("other-{n}"), "A", 1));
    }
    fs::copy(log_of(&other), log_of(&gateway)).unwrap();
    refuse(&gateway, &["stockgate.db-wal", "written over or cut"]);
}

#[test]
fn nothing_is_answered_once_an_older_copy_was_copied_over_the_database() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.restart();
    let older = gateway.backup();
    for n in 0..50 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    checkpoint(&gateway);
    // The gateway has seen that there was a checkpoint.
    sleep(Duration::from_millis(1_500));
    fs::copy(older, gateway.database()).unwrap();
    refuse(&gateway, &["stockgate.db ", "written over or cut"]);
}

#[test]
fn an_overwritten_log_is_noticed_without_a_request() {
    let gateway = sold();
    File::create(log_of(&gateway)).unwrap();
    until("it is no longer ready", || gateway.http().get("/readyz").status == 503);
    let status = gateway.http().ok("status", json!({}));
    assert!(status["problem"].as_str().unwrap().contains("written over or cut"), "{status}");
}

#[test]
fn a_checkpoint_of_another_program_that_empties_the_log_is_no_fault() {
    let mut gateway = sold();
    for n in 0..3 {
        checkpoint(&gateway);
        assert_eq!(fs::metadata(log_of(&gateway)).unwrap().len(), 0);
        gateway.http().ok("deduct", one(&format!("after-{n}"), "A", 1));
    }
    assert_eq!(gateway.http().get("/readyz").status, 200);
    gateway.kill9();
    gateway.launch();
    assert_eq!(gateway.http().figures("A").0, 47);
}

#[test]
fn a_removed_index_of_the_log_loses_nothing() {
    let mut gateway = sold();
    fs::remove_file(gateway.data_dir().join("stockgate.db-shm")).unwrap();
    until("it ends", || gateway.http().try_send("GET", "/healthz", None).is_err());
    assert_eq!(gateway.exit_code(), Some(1));
    assert!(gateway.log().contains("stockgate.db-shm was removed"), "{}", gateway.log());
    gateway.launch();
    assert_eq!(gateway.http().figures("A").0, 50);
}

/// A gateway whose log holds all that was decided.
fn sold() -> Gateway {
    let gateway = Gateway::stocked(&[("A", 100)]);
    for n in 0..50 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    gateway
}

fn refuse(gateway: &Gateway, words: &[&str]) {
    // A check that has just passed counts before a batch, which is decided then and not answered.
    sleep(Duration::from_millis(50));
    for n in 0..5 {
        let body = one(&format!("lost-{n}"), "A", 1);
        let error = gateway.http().refused("deduct", body, "storage_unavailable");
        let message = error["message"].as_str().unwrap();
        for words in words {
            assert!(message.contains(words), "{words} in {error}");
        }
    }
    assert_eq!(gateway.http().get("/readyz").status, 503);
    assert_eq!(gateway.http().figures("A").0, 50, "queries go on");
}

fn checkpoint(gateway: &Gateway) {
    let other = Connection::open(gateway.database()).unwrap();
    let busy: i64 =
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

fn log_of(gateway: &Gateway) -> PathBuf {
    gateway.data_dir().join("stockgate.db-wal")
}
