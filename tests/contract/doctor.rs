//! The doctor: its findings about database, machine and configuration, and its bundle.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::bodies::{one, with};
use crate::support::clock::library;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{Finished, RUN_LIMIT, run_to_end, run_within};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal as _;

const SECRETS: [&str; 4] =
    ["inline-token-00001", "file-token-0000002", "mqtt-secret-3", "variable-token-0004"];
const TOKENS: &str = "[[terminals.tokens]]\nname = \"a\"\nrole = \"admin\"\ntoken = \"inline-token-00001\" # inline-token-00001\n\
    [[terminals.tokens]]\nname = \"b\"\nrole = \"viewer\"\ntoken_file = \"b.token\"\n\
    [mqtt]\nurl = \"mqtt://127.0.0.1:9\"\nusername = \"gw\"\npassword_file = \"mqtt.password\"\n";

pub(crate) fn visit(gateway: &Gateway, more: &[&str]) -> Finished {
    let mut command = stockgate();
    run_to_end(command.arg("doctor").arg("--config").arg(gateway.config_path()).args(more))
}

/// The findings of one check.
pub(crate) fn findings(visit: &Finished, check: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    assert_eq!(report["healthy"] == true, visit.code == Some(0), "{visit:?}");
    let all = report["findings"].as_array().unwrap();
    all.iter().filter(|finding| finding["check"] == check).cloned().collect()
}

#[test]
fn every_check_of_a_healthy_gateway_passes() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let visit = visit(&gateway, &["--json"]);
    assert_eq!(visit.code, Some(0), "{visit:?}");
    for check in [
        "configuration",
        "database",
        "schema",
        "integrity",
        "rows",
        "ledger",
        "digest",
        "space",
        "permissions",
        "key",
        "clock",
        "gateway",
        "broker",
    ] {
        let found = findings(&visit, check);
        assert_eq!(
            found.first().map(|first| &first["verdict"]),
            Some(&json!("ok")),
            "{check}: {visit:?}"
        );
    }
    assert_eq!(gateway.http().get("/readyz").status, 200, "and it goes on");
}

#[test]
fn problems_are_reported_with_the_next_step() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    stockgate::store::add_row_crc_function(&db).unwrap();
    db.execute("UPDATE stock SET on_hand = on_hand + 1", []).unwrap();
    let sealed = "UPDATE stock SET crc = row_crc('stock', sku, on_hand, reserved, version)";
    db.execute(sealed, []).unwrap();
    drop(db);
    let visit = visit(&gateway, &[]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let mut lines = visit
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("WRONG  the stock does not match"));
    assert!(lines.next().is_some(), "{visit:?}");
    assert!(lines.next().unwrap().contains("what to do: keep a copy"), "{visit:?}");
}

#[test]
fn the_database_is_checked_without_a_running_gateway() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let visit = visit(&gateway, &["--json"]);
    assert_eq!(visit.code, Some(0), "{visit:?}");
    assert_eq!(findings(&visit, "ledger")[0]["verdict"], "ok");
    let asked = &findings(&visit, "gateway")[0];
    assert_eq!(asked["verdict"], "skipped", "{asked}");
    assert!(asked["next"].as_str().unwrap().contains("systemctl start"), "{asked}");
}

/// The kernel accepts connections for a gateway that hangs.
#[test]
fn a_gateway_that_hangs_is_wrong_and_not_only_away() {
    let gateway = Gateway::prepare("");
    let _silent = TcpListener::bind(gateway.address()).unwrap();
    let mut command = stockgate();
    command.args(["doctor", "--json", "--config"]).arg(gateway.config_path());
    let visit = run_within(3 * RUN_LIMIT, &mut command);
    let told = &findings(&visit, "gateway")[0];
    assert_eq!(told["verdict"], "wrong", "{told}");
    assert!(told["message"].as_str().unwrap().contains("does not answer"), "{told}");
}

/// The doctor finds every problem for which the gateway refuses to start.
#[test]
fn a_lost_or_truncated_log_is_reported_with_the_command_that_helps() {
    let mut gateway = Gateway::stocked(&[("A", 100)]);
    gateway.restart();
    for n in 0..30 {
        gateway.http().ok("deduct", one(&format!("r{n}"), "A", 1));
    }
    let mark = gateway.data_dir().join("position");
    until("the high-water mark is written", || {
        fs::read_to_string(&mark).is_ok_and(|it| it.contains(" 0000000000031 "))
    });
    gateway.kill9();
    fs::remove_file(gateway.data_dir().join("stockgate.db-wal")).unwrap();

    let visit = visit(&gateway, &["--json"]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let told = findings(&visit, "database");
    let wrong = told.iter().find(|told| told["verdict"] == "wrong").unwrap();
    assert!(wrong["message"].as_str().unwrap().contains("had come to entry 31"), "{wrong}");
    assert!(
        wrong["next"].as_str().unwrap().contains("stockgate restore --from-damaged"),
        "{wrong}"
    );
}

#[test]
fn the_doctor_reports_a_missing_database_as_the_gateway_does() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    fs::remove_file(gateway.database()).unwrap();
    let visit = visit(&gateway, &[]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    for words in ["is gone: here was epoch", "stockgate restore --from FILE"] {
        assert!(visit.stdout.contains(words), "{words}: {visit:?}");
    }
}

#[test]
fn another_gateways_database_is_reported() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let config = fs::read_to_string(gateway.config_path()).unwrap();
    let other = gateway.write("other.toml", &config.replace("\nid = \"", "\nid = \"other-"));
    let mut command = stockgate();
    let visit = run_to_end(command.args(["doctor", "--json", "--config"]).arg(other));
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let told = &findings(&visit, "database")[0];
    assert!(told["message"].as_str().unwrap().contains("the configuration says"), "{told}");
}

#[test]
fn every_problem_of_the_configuration_is_told() {
    let gateway = Gateway::prepare("colour = 1\nshape = 2");
    let visit = visit(&gateway, &["--json"]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    let told = findings(&visit, "configuration");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0]["message"].as_str().unwrap().contains("stockgate.toml:8: terminals.colour"),
        "{told:?}"
    );
}

#[test]
fn a_database_of_a_newer_program_is_reported() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let db = rusqlite::Connection::open(gateway.database()).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let visit = visit(&gateway, &[]);
    assert_eq!(visit.code, Some(1), "{visit:?}");
    assert!(
        visit.stdout.contains("version 99") && visit.stdout.contains("install a stockgate"),
        "{visit:?}"
    );
}

#[test]
#[cfg_attr(not(feature = "real-parts"), ignore = "needs faketime: scripts/test")]
fn a_clock_in_1970_and_one_before_the_newest_entry_are_reported() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.terminate();
    let at = |moment: &str| {
        // As cargo has built it: the static files take no library.
        let mut command = Command::new(env!("CARGO_BIN_EXE_stockgate"));
        command.env("LD_PRELOAD", library()).env("FAKETIME", format!("@{moment}"));
        command.args(["doctor", "--json", "--data-dir"]);
        run_to_end(command.arg(gateway.data_dir()))
    };
    let in_1970 = &findings(&at("1970-01-02 00:00:00"), "clock")[0];
    assert_eq!(in_1970["verdict"], "wrong", "{in_1970}");
    assert!(in_1970["message"].as_str().unwrap().contains("1970-01-02"), "{in_1970}");
    let earlier = &findings(&at("2026-01-02 00:00:00"), "clock")[0];
    assert_eq!(earlier["verdict"], "note", "{earlier}");
}

#[test]
fn files_that_others_can_read_are_reported() {
    let gateway = Gateway::prepare(TOKENS);
    for name in ["b.token", "mqtt.password"] {
        fs::set_permissions(gateway.write(name, "x"), Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(gateway.config_path(), Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(gateway.data_dir()).unwrap();
    let told = findings(&visit(&gateway, &["--json"]), "permissions");
    let notes: Vec<&Value> = told.iter().filter(|told| told["verdict"] == "note").collect();
    assert_eq!(notes.len(), 1, "{told:?}");
    assert!(
        notes[0]["message"].as_str().unwrap().contains("stockgate.toml holds secrets"),
        "{told:?}"
    );
    assert!(notes[0]["next"].as_str().unwrap().contains("chgrp"), "{told:?}");
}

#[test]
fn the_configuration_that_is_shipped_may_be_read_by_all() {
    let gateway = Gateway::prepare("");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/stockgate.toml");
    fs::copy(shipped, gateway.config_path()).unwrap();
    fs::set_permissions(gateway.config_path(), Permissions::from_mode(0o644)).unwrap();
    let told = findings(&visit(&gateway, &["--json"]), "permissions");
    assert!(told.iter().all(|told| told["verdict"] != "note"), "{told:?}");
}

#[test]
fn a_bundle_contains_no_secret() {
    let mut gateway = Gateway::prepare(TOKENS);
    gateway.write("b.token", SECRETS[1]);
    gateway.write("mqtt.password", SECRETS[2]);
    gateway.set_env("RUST_LOG", "debug");
    gateway.launch();
    let mut http = gateway.http().with_token(SECRETS[0]);
    http.ok("restock", with(one("request-of-mrs-miller", "A", 5), "order_id", "order-of-mr-smith"));
    let log =
        gateway.write("gateway.log", &format!("{}\nsaid {} aloud\n", gateway.log(), SECRETS[0]));
    let file = gateway.dir().join("support.tar.gz");

    let arguments = ["--bundle", file.to_str().unwrap(), "--log", log.to_str().unwrap()];
    let mut command = stockgate();
    command.arg("doctor").arg("--config").arg(gateway.config_path()).args(arguments);
    command.env("STOCKGATE_TERMINALS__ALLOWED_ORIGINS", "http://desk");
    command.env("STOCKGATE_LOG__TOKEN", SECRETS[3]);
    let made = run_to_end(&mut command);

    let files = unpacked(&file, &gateway.dir().join("unpacked"));
    let all: String = files.iter().map(|(name, text)| format!("{name}\n{text}\n")).collect();
    for secret in SECRETS.iter().chain(&["mrs-miller", "mr-smith"]) {
        let line = all.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} stands in {line:?}");
    }
    assert!(made.output().contains("unknown key"), "the doctor goes on with what it can: {made:?}");
    assert!(file_of(&files, "log.txt").contains("the gateway is ready"));
    assert!(
        file_of(&files, "configuration.txt").contains("terminals.tokens[0].token = (hidden)"),
        "{all}"
    );
    assert!(file_of(&files, "doctor.txt").starts_with("WRONG"), "{all}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_bundle_of_a_running_gateway_has_its_status_metrics_and_ledger() {
    let mut gateway = Gateway::prepare(TOKENS);
    gateway.write("b.token", SECRETS[1]);
    gateway.write("mqtt.password", SECRETS[2]);
    gateway.launch();
    let mut http = gateway.http().with_token(SECRETS[0]);
    http.ok("restock", with(one("request-of-mrs-miller", "A", 5), "order_id", "order-of-mr-smith"));
    let log = gateway.write("gateway.log", &format!("said {} aloud\n", SECRETS[0]));
    let file = gateway.dir().join("support.tar.gz");
    let arguments = ["--bundle", file.to_str().unwrap(), "--log", log.to_str().unwrap()];
    let made = visit(&gateway, &arguments);
    assert_eq!(made.code, Some(1), "the broker is not there: {made:?}");
    let again = visit(&gateway, &arguments);
    assert!(again.stderr.contains("does not exist"), "nothing is overwritten: {again:?}");

    let files = unpacked(&file, &gateway.dir().join("unpacked"));
    let all: String = files.iter().map(|(_, text)| text.as_str()).collect();
    for secret in SECRETS.iter().chain(&["mrs-miller", "mr-smith"]) {
        assert!(!all.contains(secret), "{secret} stands in {all}");
    }
    assert_eq!(file_of(&files, "log.txt"), "said (hidden) aloud\n");
    assert!(file_of(&files, "metrics.txt").contains("stockgate_mutations_applied_total 1"));
    let status: Value = serde_json::from_str(file_of(&files, "status.json")).unwrap();
    assert_eq!(status["ledger_seq"], 1);
    let entry: Value = serde_json::from_str(file_of(&files, "ledger.jsonl")).unwrap();
    assert_eq!(
        (&entry["kind"], &entry["sku"], &entry["change"]),
        (&json!("restock"), &json!("A"), &json!(5))
    );
    assert!(file_of(&files, "files.txt").contains(" stockgate.db"));
    assert!(file_of(&files, "about.txt").starts_with("stockgate "));
}

/// What tar makes of it.
fn unpacked(file: &Path, to: &Path) -> Vec<(String, String)> {
    fs::create_dir(to).unwrap();
    let done = run_to_end(Command::new("tar").arg("-xzf").arg(file).arg("-C").arg(to));
    assert_eq!((done.code, done.output().as_str()), (Some(0), ""));
    let files = fs::read_dir(to.join("stockgate-support")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

fn file_of<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    &files.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}
