//! `export` and `verify`, and the verifier in Python that is written from docs/EXPORT.md.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use stockgate::process::signing_key::SigningKey;

use crate::support::age::grow_older;
use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal, number};

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

    assert_wrong(&gateway, "entry 5 is wrong: it is missing");
    let part = write(&gateway, "part.jsonl", &exported(&gateway, &["--to", "4"]));
    assert_eq!(verify_file(&part).code, Some(0), "only what was asked for is compared");
}

/// What comes after the last checkpoint is not signed, but the file `position` says how far it went.
#[test]
fn a_database_whose_unsigned_end_was_deleted_is_wrong_from_the_first_missing_entry() {
    let mut gateway = stopped();
    gateway.launch();
    gateway.http().ok("deduct", one("r3", "A", 1));
    until("the mark is written", || position(&gateway).contains(" 0000000000006 "));
    gateway.kill9();
    assert_eq!(verify(&gateway).code, Some(0));
    delete(&gateway, "ledger WHERE seq = 6");
    let finished = verify(&gateway);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("entry 6 is wrong: it is missing"), "{finished:?}");
}

#[test]
fn a_database_whose_beginning_was_deleted_is_wrong_from_its_first_entry() {
    let gateway = stopped();
    delete(&gateway, "ledger WHERE n = (SELECT min(n) FROM ledger)");
    assert_wrong(&gateway, "entry 1 is wrong: it is missing");
    delete(&gateway, "ledger WHERE seq <= 4");
    assert_wrong(&gateway, "entry 1 is wrong: it is missing");
    delete(&gateway, "ledger");
    assert_wrong(&gateway, "entry 1 is wrong: it is missing");
}

#[test]
fn what_was_pruned_is_told_apart_from_what_was_deleted() {
    let one_day = "[stock]\nledger_retention_days = 1\n";
    let mut gateway = Gateway::stocked_with(one_day, &[("A", 100)]);
    for n in 0..20 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    gateway.terminate();
    grow_older(&gateway.database(), 15);
    gateway.launch();
    let first = || number(&gateway.http().ledger()[0], "seq");
    until("old entries are pruned", || first() == 15);
    gateway.http().ok("deduct", one("last", "A", 1));
    gateway.terminate();

    let sound = "sound from entry 15 up to entry 22; signed up to entry 22";
    let file = write(&gateway, "ledger.jsonl", &exported(&gateway, &[]));
    for finished in [verify(&gateway), verify_file(&file), python(&file)] {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stdout.starts_with(sound), "{finished:?}");
    }
    assert!(verify(&gateway).stdout.ends_with("entries up to 14 were removed as old\n"));
    let part = write(&gateway, "part.jsonl", &exported(&gateway, &["--from", "18"]));
    assert!(verify_file(&part).stdout.ends_with("entries 15 to 17 are left out\n"));

    delete(&gateway, "ledger WHERE seq = 15");
    assert_wrong(&gateway, "entry 15 is wrong: it is missing");
}

#[test]
fn a_database_whose_signatures_are_missing_or_damaged_is_not_sound() {
    let mut gateway = stopped();
    let damage = "UPDATE signed SET at_ms = at_ms + 1";
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    db.execute(damage, []).unwrap();
    let lacking = "entry 1 is not proved: the device had signed up to 5";
    for _ in ["a damaged row", "no row"] {
        let finished = verify(&gateway);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(lacking), "{finished:?}");
        db.execute("DELETE FROM signed", []).unwrap();
    }
    drop(db);
    // A start does not forget it, until the device has signed again.
    gateway.launch();
    assert_eq!(verify(&gateway).code, Some(1));
    gateway.terminate();
    assert_eq!(verify(&gateway).stdout.trim(), "sound up to entry 5; signed up to entry 5");

    rusqlite::Connection::open(gateway.database()).unwrap().execute(damage, []).unwrap();
    fs::remove_file(gateway.data_dir().join("position")).unwrap();
    let finished = verify(&gateway);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("entry 5 is wrong: its row of the table signed is damaged"));
}

#[test]
fn an_export_that_nothing_proves_is_not_called_sound() {
    let gateway = stopped();
    let lines = exported(&gateway, &[]);
    let bare = write(&gateway, "bare.jsonl", &lines[..6]);
    let part = write(&gateway, "part.jsonl", &exported(&gateway, &["--to", "4"]));
    let key = parsed(&lines[0])["public_key"].as_str().unwrap().to_owned();
    for (file, key) in [(&bare, None), (&bare, Some(&key)), (&part, Some(&key))] {
        assert_refused_by_both(file, key, "entry 1 is not proved");
    }
    for finished in [verify_file(&part), python(&part)] {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let told = "sound up to entry 4; not signed; nothing proves the last 4 entries";
        assert!(finished.stdout.starts_with(told), "{finished:?}");
    }
}

#[test]
fn a_file_that_is_no_export_is_refused_without_a_traceback() {
    let gateway = stopped();
    for bytes in [b"".as_slice(), b"\n", b"\xff\n", b"{}\n", b"[1]\n", b"sku,quantity\nA,1\n"] {
        let file = gateway.dir().join("foreign");
        fs::write(&file, bytes).unwrap();
        assert_refused_by_both(&file, None, "entry 1 is wrong");
    }
    let mut lines = exported(&gateway, &[]).join("\n").into_bytes();
    *lines.last_mut().unwrap() = 0xff;
    let file = gateway.dir().join("damaged");
    fs::write(&file, lines).unwrap();
    assert_refused_by_both(&file, None, "entry 6 is wrong");
}

#[test]
fn a_part_of_the_ledger_without_entries_is_refused_with_the_entries_that_exist() {
    let gateway = stopped();
    for range in [["--from", "6"], ["--from", "4000"], ["--to", "0"]] {
        assert_no_entries(&gateway, &range, "1 to 5");
    }
    assert_no_entries(&gateway, &["--from", "4", "--to", "3"], "--from 4 --to 3");
    let mut new = Gateway::start();
    new.terminate();
    assert_eq!(exported(&new, &[]).len(), 1, "an empty ledger is a head");
    assert_no_entries(&new, &["--from", "1"], "no entries yet");
}

fn assert_no_entries(gateway: &Gateway, range: &[&str], told: &str) {
    let mut command = stockgate();
    command.arg("export").arg("--data-dir").arg(gateway.data_dir()).args(range);
    let finished = run_to_end(&mut command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.is_empty() && finished.stderr.contains(told), "{finished:?}");
}

/// The database, and what is exported of it, are wrong from an entry on.
fn assert_wrong(gateway: &Gateway, wrong: &str) {
    let finished = verify(gateway);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains(wrong), "{finished:?}");
    let file = write(gateway, "wrong.jsonl", &exported(gateway, &[]));
    assert_refused_by_both(&file, None, wrong);
}

fn assert_refused_by_both(file: &Path, key: Option<&String>, told: &str) {
    let mut by_program = stockgate();
    by_program.arg("verify");
    for mut command in [by_program, script()] {
        command.arg(file).args(key.map(|key| format!("--key={key}")));
        let finished = run_to_end(&mut command);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let is_told = finished.stderr.contains(told) && !finished.stderr.contains("Traceback");
        assert!(is_told, "{told}: {finished:?}");
    }
}

fn delete(gateway: &Gateway, rows: &str) {
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    assert!(db.execute(&format!("DELETE FROM {rows}"), []).unwrap() > 0);
}

fn position(gateway: &Gateway) -> String {
    fs::read_to_string(gateway.data_dir().join("position")).unwrap()
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

#[test]
fn a_damaged_key_of_the_device_is_no_other_key_and_the_doctor_names_one_that_has_not_signed() {
    let mut gateway = stopped();
    let key = gateway.data_dir().join("device.key");
    let whole = fs::read(&key).unwrap();
    let mut damaged = whole.clone();
    damaged[5] ^= 4;
    fs::write(&key, &damaged).unwrap();
    assert!(doctor(&gateway).contains("holds no key, or is damaged"), "{}", doctor(&gateway));
    fs::write(&key, &damaged[..32]).unwrap();
    assert!(doctor(&gateway).contains("is another key than"), "{}", doctor(&gateway));
    fs::write(&key, &whole[..32]).unwrap();
    assert!(!doctor(&gateway).contains("is another key than"), "{}", doctor(&gateway));
    gateway.launch();
    gateway.http().ok("restock", one("more", "A", 9));
    assert_eq!(gateway.terminate(), Some(0));
    assert_eq!(verify(&gateway).code, Some(0), "a seed alone is the same key");
}

#[test]
fn the_key_of_the_device_is_the_credential_of_the_service_manager_if_there_is_one() {
    let credentials = tempfile::tempdir().unwrap();
    let seed = credentials.path().join("device.key");
    fs::write(&seed, [7; 32]).unwrap();
    let public = SigningKey::open(credentials.path(), "device.key").unwrap().public();
    let mut gateway = Gateway::prepare("");
    gateway.set_env("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap());
    gateway.launch();
    gateway.http().ok("restock", one("in", "A", 9));
    assert_eq!(gateway.terminate(), Some(0));

    assert!(!gateway.data_dir().join("device.key").exists(), "none is made beside it");
    let head = parsed(&exported(&gateway, &[])[0]);
    let key: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(head["public_key"], key);
    assert_eq!(verify(&gateway).code, Some(0));
}

fn doctor(gateway: &Gateway) -> String {
    crate::doctor::visit(gateway, &[]).output()
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
