//! What was answered is on the disk: the calls that bring it there are counted.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::bodies::{count, one, reservation, rollback};
use crate::support::gateway::Gateway;
use crate::support::program::Program;
use crate::support::terminal::Terminal as _;

const COUNTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/count-syncs.py");

/// `synchronous=NORMAL` would pass every test that only kills the process.
#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs python3: scripts/test")]
fn every_mutation_is_synced_to_disk_before_it_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("syncs");
    let counter = format!("python3 {COUNTER} {}", file.display());
    let mut gateway = Gateway::prepare_with(Program::gateway().run_by(&counter), "");
    gateway.launch();
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

fn syncs(file: &Path) -> u64 {
    fs::read_to_string(file).unwrap().parse().unwrap()
}
