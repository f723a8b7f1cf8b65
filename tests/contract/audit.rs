//! `export` and `verify`, and the verifier in Python that is written from docs/EXPORT.md.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal;

#[test]
fn an_export_is_verified_by_both_verifiers_and_a_change_is_named() {
    let gateway = stopped();
    let lines = exported(&gateway, &[]);
    assert_eq!(lines.len(), 1 + 5 + 1, "a head, the entries and the signature of the stop");
    let file = write(&gateway, "ledger.jsonl", &lines);

    for finished in [verify(&gateway), verify_file(&file), python(&file)] {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(finished.stdout.trim(), "sound up to entry 5; signed up to entry 5");
    }

    let mut edited = lines.clone();
    edited[3] = edited[3].replace("\"change\":-1", "\"change\":-2");
    assert_ne!(edited, lines);
    let mut cut = lines.clone();
    cut.truncate(4);
    let checkpoint = write(&gateway, "checkpoint.json", &lines[6..]);
    for (changed, wrong) in [(edited, "entry 3"), (cut, "entry 4")] {
        let file = write(&gateway, "changed.jsonl", &changed);
        let mut by_program = stockgate();
        by_program.arg("verify").arg(&file).arg("--checkpoint").arg(&checkpoint);
        let mut by_script = script();
        by_script.arg(&file).arg("--checkpoint").arg(&checkpoint);
        for mut command in [by_program, by_script] {
            let finished = run_to_end(&mut command);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains(wrong), "{finished:?}");
        }
    }
}

#[test]
fn a_database_whose_signed_end_was_deleted_is_wrong_from_the_first_missing_entry() {
    let gateway = stopped();
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    let end = "DELETE FROM ledger WHERE n = (SELECT max(n) FROM ledger)";
    assert_eq!(db.execute(end, []).unwrap(), 1);
    drop(db);

    let file = write(&gateway, "ledger.jsonl", &exported(&gateway, &[]));
    let missing = "entry 5 is wrong: it is missing: the device has signed up to 5";
    for finished in [verify(&gateway), verify_file(&file)] {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(missing), "{finished:?}");
    }
    let finished = python(&file);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("entry 5 is missing"), "{finished:?}");
    let part = write(&gateway, "part.jsonl", &exported(&gateway, &["--to", "4"]));
    assert_eq!(verify_file(&part).code, Some(0), "only what was asked for is compared");
}

#[test]
fn a_part_of_the_ledger_is_exported_and_verified_by_itself() {
    let gateway = stopped();
    let lines = exported(&gateway, &["--from", "3", "--to", "4"]);
    let seqs: Vec<Value> = lines[1..].iter().map(|line| parsed(line)["seq"].clone()).collect();
    assert_eq!(seqs, [json!(3), json!(4)]);
    let file = write(&gateway, "part.jsonl", &lines);
    for finished in [verify_file(&file), python(&file)] {
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}

#[test]
fn the_key_of_the_device_is_its_owners_only() {
    let gateway = stopped();
    let key = gateway.data_dir().join("device.key");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A gateway with five entries, which was stopped.
fn stopped() -> Gateway {
    let mut gateway = Gateway::stocked(&[("A", 9)]);
    let mut terminal = gateway.http();
    terminal.ok(
        "deduct",
        json!({"request_id": "r1", "order_id": "Gr\u{fc}n", "lines": [
        {"sku": "A", "quantity": 1, "lot": "L1", "expires": "2027-01-31"},
        {"sku": "A", "quantity": 1, "serial": "S1"},
    ], "reason": "sold"}),
    );
    terminal.ok("reserve", one("r2", "A", 2));
    terminal.ok("commit", json!({"reservation": "r2"}));
    assert_eq!(gateway.terminate(), Some(0));
    gateway
}

fn exported(gateway: &Gateway, more: &[&str]) -> Vec<String> {
    let mut command = stockgate();
    command.arg("export").arg("--data-dir").arg(gateway.data_dir()).args(more);
    let finished = run_to_end(&mut command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout.lines().map(str::to_owned).collect()
}

fn verify(gateway: &Gateway) -> Finished {
    run_to_end(stockgate().arg("verify").arg("--data-dir").arg(gateway.data_dir()))
}

fn verify_file(file: &Path) -> Finished {
    run_to_end(stockgate().arg("verify").arg(file))
}

fn python(file: &Path) -> Finished {
    run_to_end(script().arg(file))
}

fn script() -> Command {
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify_ledger.py"));
    python
}

fn write(gateway: &Gateway, name: &str, lines: &[String]) -> PathBuf {
    let file = gateway.dir().join(name);
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    file
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}
