//! The commands of the hub: backup, restore, doctor, completions and manual.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::doctor::findings;
use crate::support::bodies::one;
use crate::support::hub::Hub;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::{stockgate, stockgate_hub};

#[test]
fn a_backup_of_a_running_hub_is_restored_and_the_old_books_are_kept() {
    let mut hub = stocked();
    let copy = hub.dir().join("copy.db");
    let made = run(&hub, &["backup", "--to", text(&copy)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("bytes"), "{made:?}");
    receive(&hub, "after", 5);
    hub.terminate();

    let restored = run(&hub, &["restore", "--from", text(&copy)]);

    assert_eq!(restored.code, Some(0), "{restored:?}");
    for words in ["0 gateways, 1 SKUs", "POST /api/books/recover", "aside-"] {
        assert!(restored.stdout.contains(words), "{words}: {restored:?}");
    }
    let mode = fs::metadata(hub.database()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    hub.launch();
    assert_eq!(hub.stock("A")["unallotted"], 10);
    assert_eq!(receive(&hub, "seed", 10)["replayed"], true, "requests are remembered");
    assert_eq!(receive(&hub, "after", 5)["replayed"], false);
    let kept: Vec<_> = fs::read_dir(hub.dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    let old = Connection::open(kept.join("hub.db")).unwrap();
    let units: i64 = old.query_row("SELECT unallotted FROM pool", [], |row| row.get(0)).unwrap();
    assert_eq!(units, 15, "with what the log held");
}

/// People copy the file that the configuration names, after a stop.
#[test]
fn the_file_of_a_hub_that_has_stopped_is_whole_without_its_log() {
    let mut hub = stocked();
    assert_eq!(hub.terminate(), Some(0));
    let copy = hub.dir().join("copy.db");
    fs::copy(hub.database(), &copy).unwrap();
    let books = Connection::open(&copy).unwrap();
    let units: i64 = books.query_row("SELECT unallotted FROM pool", [], |row| row.get(0)).unwrap();
    assert_eq!(units, 10);
}

#[test]
fn a_backup_overwrites_nothing_and_needs_books() {
    let hub = stocked();
    let there = hub.write("there.db", "precious");
    let refused = run(&hub, &["backup", "--to", text(&there)]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(fs::read_to_string(&there).unwrap(), "precious");

    let none = Hub::prepare("");
    let refused = run(&none, &["backup", "--to", text(&none.dir().join("copy.db"))]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("there are no books at"), "{refused:?}");
    assert!(!none.dir().join("copy.db").exists() && !none.database().exists());
    assert!(!hub.log().contains("a copy of them as they were is kept"), "{}", hub.log());
}

/// It would not hear of what the other one books.
#[test]
fn a_second_hub_does_not_start_on_books_in_sqlite() {
    let hub = stocked();
    let store = format!("sqlite:{}", hub.database().display());
    let refused = run_to_end(&mut Hub::prepare_on(&store, "").command());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for words in ["a hub runs on the books", "hub.db", "PostgreSQL"] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    assert_eq!(receive(&hub, "more", 1)["lines"][0]["unallotted"], 11);
}

#[test]
fn nothing_is_restored_while_a_hub_runs() {
    let hub = stocked();
    let copy = hub.backup("copy.db");
    let refused = run(&hub, &["restore", "--from", text(&copy)]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("a hub runs on the books"), "{refused:?}");
    assert_eq!(receive(&hub, "more", 1)["lines"][0]["unallotted"], 11);
}

#[test]
fn a_copy_that_is_damaged_unbalanced_or_no_hubs_is_not_restored() {
    let mut hub = stocked();
    let [damaged, unbalanced] = ["damaged.db", "unbalanced.db"].map(|name| hub.backup(name));
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let books = Connection::open(&unbalanced).unwrap();
    books.execute("UPDATE pool SET unallotted = unallotted + 1", []).unwrap();
    drop(books);
    let other = hub.dir().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    hub.terminate();
    for (copy, words) in [
        (&damaged, "damaged.db"),
        (&unbalanced, "do not add up (A)"),
        (&other, "not a hub's books"),
        (&hub.dir().join("gone.db"), "there are no books at"),
        (&hub.database(), "uses already"),
    ] {
        let refused = run(&hub, &["restore", "--from", text(copy)]);
        assert_eq!(refused.code, Some(1), "{words}: {refused:?}");
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    hub.launch();
    assert_eq!(hub.stock("A")["unallotted"], 10);
}

#[test]
fn a_hub_does_not_start_on_what_an_interrupted_restore_has_left() {
    let mut hub = stocked();
    let copy = hub.backup("copy.db");
    hub.terminate();
    fs::remove_file(hub.database()).unwrap();
    hub.write("hub.db.restoring", "");

    let started = run_to_end(&mut hub.command());
    assert_eq!(started.code, Some(1), "{started:?}");
    assert!(started.stderr.contains("a restore of the books"), "{started:?}");
    assert!(!hub.database().exists(), "no new books where the old ones were");

    let restored = run(&hub, &["restore", "--from", text(&copy)]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    hub.launch();
    assert_eq!(hub.stock("A")["unallotted"], 10);
}

/// Root restores, and the hub runs under an account of its own.
#[test]
fn whatever_root_restores_belongs_to_the_owner_of_the_directory() {
    const ACCOUNT: u32 = 65_534;
    let mut hub = stocked();
    let copy = hub.backup("copy.db");
    hub.terminate();
    if chown(hub.dir(), Some(ACCOUNT), Some(ACCOUNT)).is_err() {
        return eprintln!("this test is for root");
    }
    let owner = |name: &str| fs::metadata(hub.dir().join(name)).unwrap().uid();
    fs::remove_file(hub.dir().join("hub.db.lock")).unwrap();

    let in_the_way = hub.dir().join("hub.db.unfinished");
    fs::create_dir(&in_the_way).unwrap();
    let failed = run(&hub, &["restore", "--from", text(&copy)]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(owner("hub.db.lock"), ACCOUNT, "the hub can start again");

    fs::remove_dir(&in_the_way).unwrap();
    let restored = run(&hub, &["restore", "--from", text(&copy)]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!((owner("hub.db.lock"), owner("hub.db")), (ACCOUNT, ACCOUNT));
}

#[test]
fn books_in_postgresql_have_its_own_tools() {
    let hub = Hub::prepare("");
    let postgres = fs::read_to_string(hub.config_path()).unwrap();
    let postgres =
        postgres.replace(&format!("sqlite:{}", text(&hub.database())), "postgres://h@db/books");
    hub.write("stockgate-hub.toml", &postgres);
    for (arguments, tool) in
        [(["backup", "--to", "copy"], "pg_dump"), (["restore", "--from", "copy"], "pg_restore")]
    {
        let refused = run(&hub, &arguments);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        for words in [tool, " books", "POST /api/books/recover"] {
            assert!(refused.stderr.contains(words), "{words}: {refused:?}");
        }
    }
}

#[test]
fn the_doctor_finds_a_healthy_hub_healthy() {
    let hub = stocked();
    let visit = run(&hub, &["doctor", "--json"]);
    assert_eq!(visit.code, Some(0), "{visit:?}");
    for check in [
        "configuration",
        "tokens",
        "database",
        "schema",
        "balance",
        "gateways",
        "space",
        "clock",
        "hub",
    ] {
        let found = findings(&visit, check);
        let verdict = found.first().map(|found| &found["verdict"]);
        assert_eq!(verdict, Some(&json!("ok")), "{check}: {visit:?}");
    }
    let plain = run(&hub, &["doctor"]);
    assert!(plain.stdout.contains("ok     the units of 1 SKUs add up"), "{plain:?}");
}

#[test]
fn the_doctor_names_books_that_do_not_add_up_and_what_is_damaged() {
    let mut hub = stocked();
    let books = Connection::open(hub.database()).unwrap();
    books.execute("UPDATE pool SET unallotted = unallotted + 1", []).unwrap();
    drop(books);
    let visit = run(&hub, &["doctor", "--json"]);
    assert_eq!(wrong(&visit), ["balance"], "{visit:?}");
    assert!(visit.stdout.contains("1 SKUs do not add up: A"), "{visit:?}");

    let copy = hub.backup("copy.db");
    let bytes = fs::read(&copy).unwrap();
    fs::write(&copy, &bytes[..bytes.len() / 2]).unwrap();
    hub.put_back(&copy);
    let visit = run(&hub, &["doctor", "--json"]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let wrong = wrong(&visit);
    assert!(wrong == ["integrity"] || wrong == ["database"], "{visit:?}");
    let hub = findings(&visit, "hub");
    assert_eq!(hub[0]["verdict"], "skipped", "it does not run: {visit:?}");
}

#[test]
fn the_doctor_looks_at_configuration_broker_tokens_and_secrets() {
    let unset = Hub::prepare("colour = \"red\"\n");
    let visit = run(&unset, &["doctor", "--json"]);
    assert_eq!(wrong(&visit), ["configuration"], "{visit:?}");

    let token = "[[hub.tokens]]\nname = \"t\"\nrole = \"admin\"\ntoken = \"0123456789abcdef\"\n";
    let hub = Hub::prepare("");
    let broker = "[mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n";
    hub.configure(&format!("0.0.0.0:{}", hub.port()), &format!("{token}{broker}"));
    fs::set_permissions(hub.config_path(), fs::Permissions::from_mode(0o644)).unwrap();
    let visit = run(&hub, &["doctor", "--json"]);
    assert_eq!(wrong(&visit), ["database", "broker"], "no books yet, no broker: {visit:?}");
    let said = |check: &str| findings(&visit, check)[0]["message"].to_string();
    assert!(said("tokens").contains("1 tokens: 0 viewer, 0 operator, 1 admin"), "{visit:?}");
    assert!(said("tls").contains("can be read on the way"), "{visit:?}");
    assert!(said("permissions").contains("stockgate-hub.toml holds secrets"), "{visit:?}");
    assert!(!hub.database().exists(), "the doctor makes no books");
}

/// A machine with the hub alone has no `stockgate`.
#[test]
fn the_hub_makes_its_tokens_itself() {
    let mut hub =
        Hub::prepare("[[hub.tokens]]\nname = \"a\"\nrole = \"viewer\"\ntoken_file = \"a.token\"\n");
    let file = hub.dir().join("a.token");
    let make = || run_to_end(stockgate_hub().args(["token", "--file"]).arg(&file));
    let made = make();
    assert_eq!((made.code, made.output().as_str()), (Some(0), ""), "{made:?}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    assert_eq!(make().code, Some(1), "nothing is overwritten");
    hub.launch();
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(hub.http().with_token(token.trim()).get("/api/gateways").status, 200);
}

#[test]
fn both_programs_print_completions_and_manual_pages() {
    type Program = fn() -> Command;
    for (program, name) in [(stockgate as Program, "stockgate"), (stockgate_hub, "stockgate-hub")] {
        for shell in ["bash", "zsh", "fish"] {
            let printed = run_to_end(program().args(["completions", shell]));
            assert_eq!(printed.code, Some(0), "{printed:?}");
            assert!(printed.stdout.contains(name) && printed.stdout.contains("doctor"), "{shell}");
        }
        let unknown = run_to_end(program().args(["completions", "dos"]));
        assert_eq!(unknown.code, Some(2), "{unknown:?}");
        let page = run_to_end(program().arg("man")).stdout;
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        let page = run_to_end(program().args(["man", "restore"])).stdout;
        assert!(page.contains(&format!(".TH {name}-restore 1")), "{page}");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
        assert_eq!(page, fs::read_to_string(shipped.join(format!("{name}-restore.1"))).unwrap());
        let unknown = run_to_end(program().args(["man", "demolish"]));
        assert_eq!(unknown.code, Some(1), "{unknown:?}");
        let directory = tempfile::tempdir().unwrap();
        let written = run_to_end(program().args(["man", "--to", text(directory.path())]));
        assert_eq!(written.code, Some(0), "{written:?}");
        assert!(directory.path().join(format!("{name}-run.1")).exists());
    }
}

/// The checks that found something wrong.
fn wrong(visit: &Finished) -> Vec<String> {
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|finding| finding["verdict"] == "wrong");
    wrong.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

fn run(hub: &Hub, arguments: &[&str]) -> Finished {
    let (command, rest) = arguments.split_first().unwrap();
    let mut program = stockgate_hub();
    run_to_end(program.arg(command).arg("--config").arg(hub.config_path()).args(rest))
}

/// A running hub with ten units in its pool.
fn stocked() -> Hub {
    let hub = Hub::start_with("");
    receive(&hub, "seed", 10);
    hub
}

fn receive(hub: &Hub, id: &str, quantity: u64) -> Value {
    hub.http().post("/api/receipts", &one(id, "A", quantity)).json()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
