//! The database stays where it was: files that are removed, moved, replaced or opened twice while
//! the gateway runs, and files that do not belong together at the start.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::bodies::{many, one};
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::{Terminal as _, number};

/// How often the gateway looks after its files without being asked.
const LOOKED_AFTER: Duration = Duration::from_millis(2_500);

#[test]
fn a_data_directory_removed_while_the_gateway_runs_stops_every_mutation() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.http().ok("deduct", one("known", "A", 1));
    fs::remove_dir_all(gateway.data_dir()).unwrap();

    let error = refuse_everything(&gateway);
    for words in ["was removed", gateway.data_dir().to_str().unwrap(), "/proc/"] {
        assert!(error.contains(words), "{words} in {error}");
    }
    let left = if error.contains("may have been applied") { 98 } else { 99 };
    assert_eq!(gateway.http().figures("A").0, left, "queries go on: {error}");

    // What the open files hold can still be copied, and restored.
    let copy = copy_of_open_database(&gateway);
    gateway.kill9();
    restored(&gateway, &["--from", copy.to_str().unwrap()]);
    gateway.launch();
    assert_eq!(gateway.http().ok("deduct", one("known", "A", 1))["replayed"], true);
}

#[test]
fn a_removed_data_directory_is_noticed_without_a_request() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    fs::remove_dir_all(gateway.data_dir()).unwrap();
    until("it is no longer ready", || gateway.http().get("/readyz").status == 503);
    let status = gateway.http().ok("status", json!({}));
    assert!(status["problem"].as_str().unwrap().contains("was removed"), "{status}");
    assert_eq!(gateway.http().metric("stockgate_ready"), 0);
    gateway.terminate();
    assert!(!gateway.data_dir().exists(), "nothing was made in its place");
}

#[test]
fn another_directory_in_its_place_is_not_written_to() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let mut stranger = Gateway::stocked(&[("B", 7)]);
    // Its log holds what was answered.
    stranger.kill9();
    let moved = gateway.dir().join("moved");
    fs::rename(gateway.data_dir(), &moved).unwrap();
    fs::rename(stranger.data_dir(), gateway.data_dir()).unwrap();
    let before = contents(&gateway.data_dir());

    let error = refuse_everything(&gateway);
    for words in ["another", moved.to_str().unwrap()] {
        assert!(error.contains(words), "{words} in {error}");
    }
    sleep(LOOKED_AFTER);
    gateway.terminate();
    assert!(contents(&gateway.data_dir()) == before, "the stranger's files are as they were");
    assert!(moved.join("stockgate.db").exists());
}

#[test]
fn a_data_directory_that_comes_back_is_used_again() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let moved = gateway.dir().join("moved");
    fs::rename(gateway.data_dir(), &moved).unwrap();
    refuse_everything(&gateway);
    fs::rename(&moved, gateway.data_dir()).unwrap();
    until("it accepts mutations again", || gateway.http().get("/readyz").status == 200);
    gateway.http().ok("deduct", one("after", "A", 1));
    gateway.kill9();
    gateway.launch();
    assert_eq!(gateway.http().ok("deduct", one("after", "A", 1))["replayed"], true);
    let status = gateway.http().ok("status", json!({}));
    let entries = gateway.http().ledger().len() as u64;
    assert_eq!(number(&status, "ledger_seq"), entries);
    assert_eq!(gateway.http().figures("A").0, 100 - (entries - 1));
}

#[test]
fn a_database_unlinked_or_replaced_while_the_gateway_runs_stops_every_mutation() {
    for replaced in [false, true] {
        let gateway = Gateway::stocked(&[("A", 100)]);
        let copy = gateway.backup();
        fs::remove_file(gateway.database()).unwrap();
        if replaced {
            fs::copy(copy, gateway.database()).unwrap();
        }
        let error = refuse_everything(&gateway);
        let words = if replaced { "another file" } else { "was removed" };
        for words in [words, "stockgate.db", "/proc/"] {
            assert!(error.contains(words), "{words} in {error}");
        }
    }
}

#[test]
fn a_log_unlinked_while_the_gateway_runs_loses_nothing_that_was_answered() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    for n in 0..20 {
        gateway.http().ok("deduct", one(&format!("before-{n}"), "A", 1));
    }
    fs::remove_file(log_of(&gateway)).unwrap();
    let error = gateway.http().refused("deduct", one("after", "A", 1), "storage_unavailable");
    let message = error["message"].as_str().unwrap();
    for words in ["stockgate.db-wal", "was removed", "start the gateway again"] {
        assert!(message.contains(words), "{words} in {error}");
    }

    // It ends by itself once the database holds everything, and starts as after a kill.
    until("it ends", || gateway.http().try_send("GET", "/healthz", None).is_err());
    assert_eq!(gateway.exit_code(), Some(1));
    assert!(gateway.log().contains("stockgate: the log of the database"), "{}", gateway.log());
    gateway.launch();
    for n in 0..20 {
        let again = gateway.http().ok("deduct", one(&format!("before-{n}"), "A", 1));
        assert_eq!(again["replayed"], true, "{again}");
    }
    gateway.http().ok("deduct", one("after", "A", 1));
    assert_eq!(gateway.http().figures("A").0, 79);
}

/// A pipe to which nobody writes is read as a file on a disk that hangs.
#[test]
fn a_log_unlinked_while_a_reload_hangs_ends_the_gateway_as_well() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let file = gateway.config_path();
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    gateway.signal("HUP");
    sleep(Duration::from_millis(500));
    fs::remove_file(log_of(&gateway)).unwrap();
    gateway.http().refused("deduct", one("after", "A", 1), "storage_unavailable");
    until("it ends", || gateway.http().try_send("GET", "/healthz", None).is_err());
    assert_eq!(gateway.exit_code(), Some(1));
}

/// SQLite would read any log that lies beside a database as this database's.
#[test]
fn a_log_replaced_while_the_gateway_runs_is_not_left_to_the_next_start() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let other = Gateway::stocked(&[("B", 7)]);
    fs::copy(log_of(&other), gateway.dir().join("other-wal")).unwrap();
    fs::rename(gateway.dir().join("other-wal"), log_of(&gateway)).unwrap();
    let error = refuse_everything(&gateway);
    assert!(error.contains("take that file away"), "{error}");
    sleep(LOOKED_AFTER);
    assert_eq!(gateway.http().get("/healthz").status, 200, "it does not end by itself");
    let db = Connection::open_with_flags(
        format!("file:{}?immutable=1", gateway.database().display()),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    );
    let seq: i64 =
        db.unwrap().query_row("SELECT max(seq) FROM ledger", [], |row| row.get(0)).unwrap();
    assert_eq!(seq, 1, "the database itself holds what was answered");
    gateway.terminate();
    assert!(log_of(&gateway).exists(), "what is there is another program's");
}

#[test]
fn a_second_start_is_refused_though_the_lock_file_was_removed() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    fs::remove_file(gateway.data_dir().join("lock")).unwrap();
    assert_is_refused(&gateway, &["in use by another stockgate"]);
    let restore = restore(&gateway, &["--empty"]);
    assert!(restore.stderr.contains("in use by another stockgate"), "{restore:?}");
    gateway.http().ok("deduct", one("after", "A", 1));
    gateway.terminate();
    gateway.launch();

    // The directory is in use although the database is gone from it.
    for file in ["lock", "stockgate.db", "stockgate.db-wal", "stockgate.db-shm"] {
        fs::remove_file(gateway.data_dir().join(file)).unwrap();
    }
    assert_is_refused(&gateway, &["in use by another stockgate"]);
    let restore = self::restore(&gateway, &["--empty"]);
    assert!(restore.stderr.contains("in use by another stockgate"), "{restore:?}");
}

#[test]
fn a_second_start_is_refused_wherever_the_open_database_was_moved() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    let other = Gateway::prepare("");
    fs::create_dir(other.data_dir()).unwrap();
    for file in ["stockgate.db", "stockgate.db-wal", "stockgate.db-shm"] {
        fs::rename(gateway.data_dir().join(file), other.data_dir().join(file)).unwrap();
    }
    assert_is_refused(&other, &["in use by another stockgate", "stockgate.db"]);

    let gateway = Gateway::stocked(&[("A", 100)]);
    let other = Gateway::prepare("");
    fs::rename(gateway.data_dir(), other.data_dir()).unwrap();
    fs::remove_file(other.data_dir().join("lock")).unwrap();
    assert_is_refused(&other, &["in use by another stockgate"]);
}

#[test]
fn what_another_program_has_written_to_the_database_is_not_written_over() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    let db = Connection::open(gateway.database()).unwrap();
    db.execute("INSERT INTO ledger SELECT n + 1, seq, chunk FROM ledger WHERE n = 1", []).unwrap();
    let error = gateway.http().refused("deduct", one("d", "A", 1), "storage_unavailable");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("another program has written"), "{error}");
    assert_eq!(gateway.http().get("/readyz").status, 503);
    db.execute("DELETE FROM ledger WHERE n = 2", []).unwrap();
    until("it accepts mutations again", || gateway.http().get("/readyz").status == 200);
    gateway.http().ok("deduct", one("d", "A", 1));
}

/// The older copy is of another database than the high-water mark names.
#[test]
fn a_database_of_another_epoch_than_the_mark_does_not_start() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let older = gateway.backup();
    gateway.terminate();
    restored(&gateway, &["--empty"]);
    gateway.launch();
    gateway.http().ok("restock", many("again", &[("A", 5)]));
    gateway.terminate();
    remove_database(&gateway);
    fs::copy(&older, gateway.database()).unwrap();

    assert_is_refused(&gateway, &["another database", "stockgate restore --from", "--accept"]);
    assert_doctor_agrees(&gateway, "another database");
    restored(&gateway, &["--from", older.to_str().unwrap()]);
    gateway.launch();
    assert_eq!(gateway.http().ok("restock", many("seed", &[("A", 100)]))["replayed"], true);
    gateway.restart();
}

#[test]
fn a_database_without_the_mark_that_was_there_starts_only_on_request() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    let mark = gateway.data_dir().join("position");
    for damaged in [false, true] {
        match damaged {
            false => fs::remove_file(&mark).unwrap(),
            true => fs::write(&mark, "something else").unwrap(),
        }
        assert_is_refused(&gateway, &["position", "stockgate restore --from", "--accept"]);
        assert_doctor_agrees(&gateway, "position");
        restored(&gateway, &["--accept"]);
        gateway.launch();
        assert_eq!(gateway.http().figures("A"), (100, 0), "it is the database that was there");
        gateway.terminate();
    }
}

#[test]
fn a_gateway_whose_database_is_gone_does_not_start_empty_when_its_mark_is_damaged() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    remove_database(&gateway);
    let mark = gateway.data_dir().join("position");
    for damaged in ["something else", ""] {
        fs::write(&mark, damaged).unwrap();
        let words = [mark.to_str().unwrap(), "cannot be read", "restore --from FILE", "--empty"];
        assert_is_refused(&gateway, &words);
        assert_doctor_agrees(&gateway, "cannot be read");
        assert!(!gateway.database().exists());
    }
    restored(&gateway, &["--empty"]);
    gateway.launch();
}

/// The state that a power cut leaves when a restore has put the database in its place, and not yet
/// the mark.
#[test]
fn a_restore_that_was_interrupted_before_it_renewed_the_mark_is_finished_by_the_start() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let backup = gateway.backup();
    gateway.terminate();
    let mark = gateway.data_dir().join("position");
    let old = fs::read(&mark).unwrap();
    restored(&gateway, &["--from", backup.to_str().unwrap()]);
    let unfinished = gateway.data_dir().join("restoring");
    fs::create_dir(&unfinished).unwrap();
    fs::rename(&mark, unfinished.join("position")).unwrap();
    fs::write(&mark, old).unwrap();

    gateway.launch();
    gateway.restart();
    assert!(!unfinished.exists());
    assert_eq!(gateway.http().ok("restock", many("seed", &[("A", 100)]))["replayed"], true);
}

/// Nothing shows that a gateway has run in the directory, so that there must have been a mark.
#[test]
fn a_copy_in_a_new_directory_starts_with_a_warning() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    let copy = gateway.backup();
    gateway.put_back(&copy);
    gateway.launch();
    assert!(gateway.log().contains("stockgate restore --from"), "{}", gateway.log());
    let warned = gateway.log().len();
    gateway.restart();
    assert!(!gateway.log()[warned..].contains("stockgate restore"), "{}", gateway.log());
}

#[test]
fn a_log_cut_before_the_first_entry_does_not_start_as_if_new() {
    for cut_to in [None, Some(0), Some(4_000)] {
        let mut gateway = Gateway::start();
        let epoch = gateway.http().ok("status", json!({}))["epoch"].clone();
        gateway.kill9();
        match cut_to {
            None => fs::remove_file(log_of(&gateway)).unwrap(),
            Some(bytes) => {
                File::options().write(true).open(log_of(&gateway)).unwrap().set_len(bytes).unwrap();
            }
        }
        gateway.launch();
        assert_eq!(gateway.http().ok("status", json!({}))["epoch"], epoch, "cut to {cut_to:?}");
    }
}

#[test]
fn tables_that_do_not_say_whose_they_are_do_not_start() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.terminate();
    fs::remove_file(gateway.data_dir().join("position")).unwrap();
    let db = Connection::open(gateway.database()).unwrap();
    db.execute_batch("DELETE FROM gateway; DELETE FROM ledger; DELETE FROM seen; DELETE FROM stock; DELETE FROM mark").unwrap();
    drop(db);
    assert_is_refused(&gateway, &["does not say whose it is", "stockgate restore"]);
}

#[test]
fn the_reserve_and_the_mark_are_made_again_when_they_are_removed() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    for name in ["reserve", "position"] {
        let file = gateway.data_dir().join(name);
        until("it is there", || file.exists());
        fs::remove_file(&file).unwrap();
        until("it is made again", || file.exists());
    }
    sleep(LOOKED_AFTER);
    let log = gateway.log();
    let told = log.lines().filter(|line| line.contains("reserve")).count();
    assert_eq!(told, 1, "{log}");
    assert_eq!(gateway.http().get("/readyz").status, 200);
}

#[test]
fn new_directories_are_for_the_gateway_alone() {
    let mut gateway = Gateway::prepare("");
    let data_dir = gateway.dir().join("some/where/data");
    gateway.set_env("STOCKGATE_GATEWAY__DATA_DIR", data_dir.to_str().unwrap());
    fs::create_dir(gateway.dir().join("some")).unwrap();
    let before = mode(&gateway.dir().join("some"));
    gateway.launch();
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(mode(&gateway.dir().join("some/where")), 0o700);
    assert_eq!(mode(&gateway.dir().join("some")), before, "it was there");
}

/// Sends mutations until one is refused, and checks that all are from then on, replays too.
/// Returns what the gateway says. Not one may be answered: the files are gone already.
fn refuse_everything(gateway: &Gateway) -> String {
    let mut http = gateway.http();
    let first = http.refused("deduct", one("lost", "A", 1), "storage_unavailable");
    for n in 0..5 {
        http.refused("deduct", one(&format!("lost-{n}"), "A", 1), "storage_unavailable");
    }
    http.refused("deduct", one("lost", "A", 1), "storage_unavailable");
    http.refused("restock", many("seed", &[("A", 100)]), "storage_unavailable");
    assert_eq!(gateway.http().get("/readyz").status, 503);
    let log = gateway.log();
    let told = log.lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(told, 1, "{log}");
    first["message"].as_str().unwrap().to_owned()
}

/// Copies the database and its log through the gateway's open files, as OPERATIONS.md says.
fn copy_of_open_database(gateway: &Gateway) -> PathBuf {
    let to = gateway.dir().join("saved");
    fs::create_dir(&to).unwrap();
    for open in fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap() {
        let open = open.unwrap().path();
        // A connection may have ended meanwhile.
        let Ok(name) = fs::read_link(&open) else { continue };
        let name = name.display().to_string();
        for file in ["stockgate.db", "stockgate.db-wal"] {
            if name.ends_with(&format!("/{file} (deleted)")) {
                fs::copy(&open, to.join(file)).unwrap();
            }
        }
    }
    to.join("stockgate.db")
}

fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut contents: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    contents.sort();
    contents
}

fn log_of(gateway: &Gateway) -> PathBuf {
    gateway.data_dir().join("stockgate.db-wal")
}

fn remove_database(gateway: &Gateway) {
    for file in ["stockgate.db", "stockgate.db-wal", "stockgate.db-shm"] {
        let _ = fs::remove_file(gateway.data_dir().join(file));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn assert_is_refused(gateway: &Gateway, words: &[&str]) {
    let refused = run_to_end(&mut gateway.command());
    assert_eq!(refused.code, Some(1), "{}", refused.output());
    for word in words {
        assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
    }
}

fn assert_doctor_agrees(gateway: &Gateway, words: &str) {
    let visit = crate::doctor::visit(gateway, &["--json"]);
    let told = crate::doctor::findings(&visit, "database");
    let is_told = |told: &Value| told["message"].as_str().unwrap().contains(words);
    let wrong = told.iter().filter(|told| told["verdict"] == "wrong").any(is_told);
    assert!(wrong, "{words}: {visit:?}");
}

fn restore(gateway: &Gateway, source: &[&str]) -> Finished {
    let mut command = stockgate();
    command.arg("restore").args(source).arg("--data-dir").arg(gateway.data_dir());
    run_to_end(&mut command)
}

fn restored(gateway: &Gateway, source: &[&str]) {
    let finished = restore(gateway, source);
    assert_eq!(finished.code, Some(0), "{}", finished.output());
}
