//! Other programs that use the gateway's database: they are named, by process.

use std::path::Path;
use std::process::id;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::doctor::{findings, visit};
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

#[test]
fn the_process_that_holds_the_write_lock_is_named_and_the_disk_is_not_blamed() {
    let gateway = Gateway::stocked(&[("A", 9)]);
    let lock = open(&gateway.database());
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = gateway.http().call("deduct", one("r", "A", 1)).unwrap_err();
    assert_eq!(refused["code"], "storage_unavailable");
    for said in [
        refused["message"].as_str().unwrap(),
        gateway.http().ok("status", json!({}))["problem"].as_str().unwrap(),
        &gateway.log(),
    ] {
        assert!(said.contains(&named()) && said.contains("the disk is not at fault"), "{said}");
    }
    let found = lock_findings(&gateway);
    assert_eq!(found[0]["verdict"], "wrong", "{found:?}");
    assert!(found[0]["message"].as_str().unwrap().contains(&named()), "{found:?}");

    drop(lock);
    until("it goes on", || gateway.http().call("deduct", one("r", "A", 1)).is_ok());
    assert_eq!(lock_findings(&gateway)[0]["verdict"], "ok");
}

#[test]
fn a_reader_that_keeps_the_log_growing_is_named() {
    let gateway = Gateway::stocked(&[("A", 9)]);
    let reader = open(&gateway.database());
    reader.execute_batch("BEGIN; SELECT count(*) FROM ledger").unwrap();
    let small = lock_findings(&gateway);
    assert_eq!(small[0]["verdict"], "note", "{small:?}");
    assert_eq!(held(&gateway), None, "a small log is no reason to worry");

    // As much as thousands of requests write.
    let other = open(&gateway.database());
    let grow =
        "CREATE TABLE other (x); INSERT INTO other VALUES (zeroblob(20000000)); DROP TABLE other";
    other.execute_batch(grow).unwrap();
    drop(other);

    until("it is told", || held(&gateway).is_some());
    assert!(held(&gateway).unwrap() > 16e6, "{:?}", held(&gateway));
    let log = gateway.log();
    let told = log.lines().filter(|line| line.contains("its log grows"));
    assert!(told.clone().any(|line| line.contains(&named()) && line.contains("MiB")), "{log}");
    assert_eq!(told.count(), 1, "{log}");
    let found = lock_findings(&gateway);
    assert_eq!(found[0]["verdict"], "wrong", "{found:?}");
    let said = found[0]["message"].as_str().unwrap();
    assert!(said.contains(&named()) && said.contains("MiB"), "{said}");

    drop(reader);
    gateway.http().ok("deduct", one("r", "A", 1));
    until("it is over", || held(&gateway).is_none());
    assert_eq!(lock_findings(&gateway)[0]["verdict"], "ok");
}

/// A gateway that is busy writing and reading its own database is not reported as another program.
#[test]
fn a_busy_gateway_is_no_other_program() {
    let gateway = Gateway::stocked(&[("A", 9_000)]);
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut ws = gateway.ws();
            for round in 0..10 {
                ws.pipelined("deduct", (0..200).map(|n| one(&format!("{round}-{n}"), "A", 1)));
            }
        });
        while !busy.is_finished() {
            assert_eq!(lock_findings(&gateway)[0]["verdict"], "ok");
        }
    });
}

fn open(database: &Path) -> Connection {
    let db = Connection::open(database).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db
}

fn named() -> String {
    format!("process {} (", id())
}

fn lock_findings(gateway: &Gateway) -> Vec<Value> {
    findings(&visit(gateway, &["--json"]), "locks")
}

/// Bytes of the log that the gateway's metrics say this process holds.
fn held(gateway: &Gateway) -> Option<f64> {
    let page = gateway.http().get("/metrics").text;
    let label = format!("stockgate_wal_held_bytes{{process=\"{}", named());
    let sample = page.lines().find(|line| line.starts_with(&label))?;
    sample.rsplit(' ').next().unwrap().parse().ok()
}
