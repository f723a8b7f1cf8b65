//! A lost disk, and a damaged database: what is brought back, and what must not be.

use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, chown};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::damage::high_water_mark;
use super::pair::{ID, Pair, SITE, assert_balanced, assert_same_books, until_confirmed};
use crate::support::bodies::{one, with};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal, number};

#[test]
fn a_restored_backup_sells_only_what_the_hub_brings_back() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let mut http = pair.gateway.http();
    let known = http.ok("deduct", one("known", "A", 1));
    let refused = http.refused("deduct", one("much", "A", 1_000), "insufficient_stock");
    http.ok("reserve", one("held", "A", 7));
    pair.assert_in_step();
    let backup = pair.gateway.backup();
    http.ok("deduct", one("later", "A", 30));
    pair.assert_in_step();
    let lost = pair.known()["epoch"].clone();

    pair.gateway.wipe();
    let told = restored(&pair.gateway, &["--from", backup.to_str().unwrap()]);
    assert!(told.contains(lost.as_str().unwrap()), "the epoch to retire: {told}");
    pair.gateway.launch();

    let mut http = pair.gateway.http();
    assert_eq!(http.ok("deduct", one("known", "A", 1)), replayed(known));
    let again = http.refused("deduct", one("much", "A", 1_000), "insufficient_stock");
    assert_eq!(again, replayed(refused));
    http.refused(
        "commit",
        json!({"reservation": "held", "request_id": "c"}),
        "reservation_expired",
    );
    let error = http.call("deduct", one("early", "A", 1)).unwrap_err();
    assert!(["unknown_sku", "insufficient_stock"].contains(&error["code"].as_str().unwrap()));

    retire(&pair, &lost, 4);
    until("the units are back", || {
        http.call("get", json!({"sku": "A"})).is_ok_and(|it| it["on_hand"] == 69)
    });
    http.refused("deduct", one("over", "A", 70), "insufficient_stock");
    http.ok("deduct", one("all", "A", 69));
    in_step(&pair);
    pair.gateway.restart();
    assert_eq!(pair.gateway.http().ok("deduct", one("known", "A", 1))["replayed"], true);
    assert_doctor_is_content(&pair.gateway);
}

#[test]
fn the_readable_part_of_a_damaged_ledger_is_restored_and_the_rest_is_named() {
    let mut pair = Pair::stocked(&[("A", 100_000)]);
    let mut ws = pair.gateway.ws();
    for n in 0..3_000 {
        ws.ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    pair.assert_in_step();
    let lost = pair.known()["epoch"].clone();
    pair.gateway.terminate();
    damage_ledger(&pair.gateway);
    // As root does with a service's directory; nobody else can change its owner.
    let _ = chown(pair.gateway.data_dir(), Some(65_534), Some(65_534));

    let doctor = doctor(&pair.gateway);
    assert_eq!(doctor.code, Some(1), "{}", doctor.output());
    let told = restored(&pair.gateway, &["--from-damaged"]);
    assert!(told.contains("could not be read"), "{told}");
    assert_eq!(kept(&pair.gateway).len(), 1, "the damaged file is kept");
    let owner =
        |path: &Path| (fs::metadata(path).unwrap().uid(), fs::metadata(path).unwrap().gid());
    assert_eq!(owner(&pair.gateway.database()), owner(&pair.gateway.data_dir()));
    // The gateway of this test runs as the user of the test.
    let (data_dir, us) = (pair.gateway.data_dir(), owner(Path::new("/proc/self")));
    let files = fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([data_dir]) {
        chown(path, Some(us.0), Some(us.1)).unwrap();
    }
    pair.gateway.launch();

    let mut http = pair.gateway.http();
    let decided = |n: u32| one(&format!("r{n}"), "A", 1);
    assert_eq!(http.ok("deduct", decided(0))["replayed"], true, "before the damage");
    assert_eq!(http.ok("deduct", decided(2_999))["replayed"], true, "after the damage");
    retire(&pair, &lost, 3_001);
    until("the units are back", || {
        http.call("get", json!({"sku": "A"})).is_ok_and(|it| it["on_hand"] == 97_000)
    });
    in_step(&pair);
    assert_doctor_is_content(&pair.gateway);
}

#[test]
fn an_empty_database_is_created_only_on_request() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let lost = pair.known()["epoch"].clone();
    pair.gateway.terminate();
    for file in ["stockgate.db", "stockgate.db-wal", "stockgate.db-shm"] {
        let _ = fs::remove_file(pair.gateway.data_dir().join(file));
    }

    let refused = run_to_end(&mut pair.gateway.command());
    assert_eq!(refused.code, Some(1), "{}", refused.output());
    for words in ["is gone", lost.as_str().unwrap(), "stockgate restore --from"] {
        assert!(refused.stderr.contains(words), "{words:?} in {}", refused.stderr);
    }
    assert!(!pair.gateway.database().exists(), "nothing was made in its place");
    restored(&pair.gateway, &["--empty"]);
    pair.gateway.launch();
    retire(&pair, &lost, 1);
    until("the units are back", || {
        pair.gateway.http().call("get", json!({"sku": "A"})).is_ok_and(|it| it["on_hand"] == 100)
    });
    in_step(&pair);
}

#[test]
fn a_database_that_runs_or_a_backup_that_is_damaged_changes_nothing() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let backup = gateway.backup();
    let running = restore(&gateway, &["--from", backup.to_str().unwrap()]);
    assert_eq!(running.code, Some(1));
    assert!(running.stderr.contains("in use by another stockgate"), "{}", running.stderr);

    gateway.terminate();
    let file = fs::File::options().write(true).open(&backup).unwrap();
    file.write_all_at(&[0xa5; 6_000], 4_096).unwrap();
    let damaged = restore(&gateway, &["--from", backup.to_str().unwrap()]);
    assert_eq!(damaged.code, Some(1), "{}", damaged.output());
    assert!(damaged.stderr.contains("nothing was changed"), "{}", damaged.stderr);
    gateway.launch();
    assert_eq!(gateway.http().figures("A"), (100, 0));
}

/// The states that a power cut leaves between the steps of a restore, made by hand.
#[test]
fn an_interrupted_restore_is_resumed() {
    for moved in [&["", "-wal", "-shm"][..], &[""]] {
        let mut gateway = Gateway::stocked(&[("A", 100)]);
        gateway.http().ok("deduct", one("known", "A", 1));
        until("the high-water mark is written", || high_water_mark(&gateway) == 2);
        gateway.kill9();
        let data_dir = gateway.data_dir();
        let aside = data_dir.join("aside-2026-01-31T08-26-00-123Z-1");
        for directory in [&aside, &data_dir.join("restoring")] {
            fs::create_dir(directory).unwrap();
        }
        fs::write(data_dir.join("restoring/stockgate.db"), "some of the new one").unwrap();
        for file in moved.iter().map(|suffix| format!("stockgate.db{suffix}")) {
            fs::rename(data_dir.join(&file), aside.join(&file)).unwrap();
        }

        let refused = run_to_end(&mut gateway.command());
        for words in ["is gone", aside.to_str().unwrap(), "restore --from-damaged"] {
            assert!(refused.stderr.contains(words), "{words:?} in {}", refused.stderr);
        }
        let told = restored(&gateway, &["--from-damaged"]);
        assert!(told.contains(aside.to_str().unwrap()), "{told}");
        assert!(!told.contains("at least"), "nothing is lost: {told}");
        assert_eq!(kept(&gateway).len(), 1, "its log is where it is");
        assert!(aside.join("stockgate.db-wal").exists());
        gateway.launch();
        let known = gateway.http().ok("deduct", one("known", "A", 1));
        assert_eq!(known["replayed"], true, "{moved:?} were moved");
    }
}

#[test]
fn a_database_moved_aside_earlier_is_not_restored() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    restored(&gateway, &["--empty"]);
    gateway.launch();
    gateway.terminate();
    for file in ["stockgate.db", "stockgate.db-wal", "stockgate.db-shm"] {
        let _ = fs::remove_file(gateway.data_dir().join(file));
    }
    let refused = restore(&gateway, &["--from-damaged"]);
    assert_eq!(refused.code, Some(1), "{}", refused.output());
    assert!(refused.stderr.contains("is gone"), "{}", refused.stderr);
}

/// Read with it, the database that was moved aside earlier would be a mixture of both.
#[test]
fn the_log_of_a_removed_database_is_not_put_beside_another_one() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let backup = gateway.backup();
    gateway.terminate();
    restored(&gateway, &["--empty"]);
    let earlier = kept(&gateway);
    gateway.launch();
    gateway.http().ok("restock", one("in", "A", 1));
    gateway.kill9();
    fs::remove_file(gateway.database()).unwrap();

    let refused = restore(&gateway, &["--from-damaged"]);
    assert_eq!(refused.code, Some(1), "{}", refused.output());
    assert!(refused.stderr.contains("is gone"), "{}", refused.stderr);
    let told = restored(&gateway, &["--from", backup.to_str().unwrap()]);
    let log = kept(&gateway).into_iter().find(|name| !earlier.contains(name)).unwrap();
    assert!(told.contains("the log that it has left is kept in") && told.contains(&log), "{told}");
    for (directory, has_log) in [(&earlier[0], false), (&log, true)] {
        let file = gateway.data_dir().join(directory).join("stockgate.db-wal");
        assert_eq!(file.exists(), has_log, "{directory}");
    }
    gateway.launch();
}

#[test]
fn entries_missing_at_both_ends_of_a_ledger_are_counted() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    for n in 2..=11 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    until("the high-water mark is written", || high_water_mark(&gateway) == 11);
    gateway.terminate();
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    let sql = "UPDATE ledger SET chunk = x'00' WHERE seq <= 3 OR seq >= 9";
    assert_eq!(db.execute(sql, []).unwrap(), 6);
    drop(db);

    let told = restored(&gateway, &["--from-damaged"]);
    for words in [
        "3 entries up to 8 could not be read",
        "had come to entry 11 at least",
        "3 entries after 8",
        "below 11, count the stock",
    ] {
        assert!(told.contains(words), "{words:?} in {told}");
    }
}

#[test]
fn entries_missing_in_a_backup_are_counted_if_known() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    let backup = gateway.backup();
    let mut gateway = gateway;
    gateway.http().ok("deduct", one("later", "A", 1));
    until("the high-water mark is written", || high_water_mark(&gateway) == 2);
    gateway.terminate();
    let told = restored(&gateway, &["--from", backup.to_str().unwrap()]);
    assert!(told.contains("had come to entry 2 at least: 1 entries after 1"), "{told}");
}

#[test]
fn an_unreadable_database_is_named_with_the_next_step() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    let file = fs::File::options().write(true).open(gateway.database()).unwrap();
    file.write_all_at(&[0xa5; 100], 0).unwrap();
    let told = restore(&gateway, &["--from-damaged"]);
    assert_eq!(told.code, Some(1), "{}", told.output());
    for words in [gateway.database().to_str().unwrap(), "--from FILE", "--empty"] {
        assert!(told.stderr.contains(words), "{words:?} in {}", told.stderr);
    }
    assert_eq!(kept(&gateway), [""; 0], "it is where it was");
}

/// Damages a page in the middle of the ledger.
fn damage_ledger(gateway: &Gateway) {
    let file = fs::File::options().read(true).write(true).open(gateway.database()).unwrap();
    let pages = file.metadata().unwrap().len() / 4_096;
    let holds = |page: u64| {
        let mut bytes = [0; 4_096];
        file.read_exact_at(&mut bytes, page * 4_096).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The page is a leaf of a table.
        bytes[0] == 13 && text.contains("r1500")
    };
    let page = (1..pages).find(|page| holds(*page)).expect("a page holds the request");
    file.write_all_at(&[0xa5; 4_096], page * 4_096).unwrap();
}

fn restore(gateway: &Gateway, source: &[&str]) -> Finished {
    let mut command = stockgate();
    command.arg("restore").args(source).arg("--data-dir").arg(gateway.data_dir());
    run_to_end(&mut command)
}

fn restored(gateway: &Gateway, source: &[&str]) -> String {
    let finished = restore(gateway, source);
    assert_eq!(finished.code, Some(0), "{}", finished.output());
    finished.stdout
}

/// The directories with files that were moved aside.
fn kept(gateway: &Gateway) -> Vec<String> {
    let names = fs::read_dir(gateway.data_dir()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("aside-")).collect()
}

fn doctor(gateway: &Gateway) -> Finished {
    let mut command: Command = stockgate();
    run_to_end(command.arg("doctor").arg("--data-dir").arg(gateway.data_dir()))
}

fn assert_doctor_is_content(gateway: &Gateway) {
    let visit = doctor(gateway);
    assert_eq!(visit.code, Some(0), "{}", visit.output());
}

fn retire(pair: &Pair, epoch: &Value, acked_seq: u64) {
    until("the hub knows the new database", || pair.known()["epoch"] != *epoch);
    let path = format!("/api/gateways/{SITE}/{ID}/retire");
    let retired = pair.hub.http().post(&path, &json!({"epoch": epoch})).json();
    assert_eq!(number(&retired, "acked_seq"), acked_seq, "{retired}");
    let word = json!({"from": epoch, "to": pair.known()["epoch"]});
    let path = format!("/api/gateways/{SITE}/{ID}/bring-back");
    assert_eq!(pair.hub.http().post(&path, &word).status, 200);
}

fn in_step(pair: &Pair) {
    until_confirmed(&pair.gateway);
    assert_same_books(&pair.gateway, &pair.hub, SITE, ID);
    assert_balanced(&pair.hub);
}

fn replayed(told: Value) -> Value {
    with(told, "replayed", true)
}
