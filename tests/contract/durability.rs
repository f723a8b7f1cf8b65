//! What was answered is on the disk: the calls that bring it there are counted.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::doctor::visit;
use crate::support::bodies::{count, one, reservation, rollback};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::program::Program;
use crate::support::terminal::{Terminal as _, number};

const COUNTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/count-syncs.py");

/// `synchronous=NORMAL` would pass every test that only kills the process.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs python3: scripts/test")]
fn every_mutation_is_synced_to_disk_before_it_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("syncs");
    let gateway = counted(&file);
    let mut terminal = gateway.ws();

    for (op, body) in [
        ("restock", one("in", "A", 9)),
        ("deduct", one("out", "A", 1)),
        ("deduct", one("too much", "A", 1_000)),
        ("rollback", rollback("back", "out")),
        ("reserve", one("held", "A", 2)),
        ("commit", reservation("held")),
        ("reserve", one("kept", "A", 2)),
        ("release", reservation("kept")),
        ("count", count("counted", "A", 3)),
    ] {
        let before = syncs(&file);
        let outcome = terminal.call(op, body.clone());
        assert!(syncs(&file) > before, "{op} {body} was answered {outcome:?} too early");
        let is_refused = outcome.is_err_and(|error| error["code"] == "insufficient_stock");
        assert_eq!(is_refused, body["request_id"] == "too much", "{op} {body}");
    }
    let before = syncs(&file);
    terminal.ok("status", json!({}));
    assert_eq!(syncs(&file), before, "a query writes nothing");
}

/// The log holds the changes when the sync fails: a start before the next commit finds them.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs python3: scripts/test")]
fn a_request_whose_sync_failed_is_said_to_be_uncertain_and_is_applied_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("syncs");
    let mut gateway = counted(&file);
    gateway.http().ok("restock", one("in", "A", 100));
    let disk = directory.path().join("syncs.fail");

    for (round, is_killed) in [false, true].into_iter().enumerate() {
        let request = || one(&format!("out-{round}"), "A", 1);
        let left = 100 - round as u64;
        fs::write(&disk, "").unwrap();
        for _ in 0..2 {
            let error = gateway.http().call("deduct", request()).unwrap_err();
            assert_eq!(error["code"], "storage_unavailable");
            let said = error["message"].as_str().unwrap();
            assert!(said.contains("may have been applied: send it again later as it is"), "{said}");
            assert_eq!(gateway.http().figures("A"), (left, 0), "what is shown was confirmed");
        }
        if is_killed {
            gateway.kill9();
        }
        fs::remove_file(&disk).unwrap();
        if is_killed {
            gateway.launch();
        }
        let again = || gateway.http().call("deduct", request());
        until("it is decided", || again().is_ok());
        assert_eq!(again().unwrap()["replayed"], true);
        assert_eq!(gateway.http().figures("A"), (left - 1, 0), "killed: {is_killed}");
    }
    assert_eq!(number(&gateway.http().ok("status", json!({})), "ledger_seq"), 3);
    assert_eq!(visit(&gateway, &[]).code, Some(0));
}

/// A directory is there after a power cut if the one that holds its name was synced.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs python3: scripts/test")]
fn a_new_directory_is_synced_with_each_of_its_parents() {
    let directory = tempfile::tempdir().unwrap();
    let first_start = |depth: usize| {
        let file = directory.path().join(format!("syncs-{depth}"));
        let mut gateway = counting(&file);
        let nested = (0..depth).fold(gateway.dir().to_owned(), |path, n| path.join(n.to_string()));
        let data = nested.join("data");
        gateway.set_env("STOCKGATE_GATEWAY__DATA_DIR", data.to_str().unwrap());
        gateway.launch();
        assert!(data.join("stockgate.db").exists());
        syncs(&file)
    };
    // A second after its start, a gateway may sync for other reasons.
    assert!((0..3).any(|_| first_start(3) == first_start(0) + 3));
}

/// A gateway whose syncs are counted in a file.
fn counted(file: &Path) -> Gateway {
    let mut gateway = counting(file);
    gateway.launch();
    gateway
}

/// The same before its start.
fn counting(file: &Path) -> Gateway {
    let counter = format!("python3 {COUNTER} {}", file.display());
    Gateway::prepare_with(Program::gateway().run_by(&counter), "")
}

fn syncs(file: &Path) -> u64 {
    fs::read_to_string(file).unwrap().parse().unwrap()
}
