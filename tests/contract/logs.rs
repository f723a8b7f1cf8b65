//! The log: its format for the journal, and that it never contains a secret.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::support::bodies::one;
use crate::support::gateway::Gateway;
use crate::support::patience::until;
use crate::support::process::{run_to_end, wait};
use crate::support::terminal::Terminal as _;

const LIMIT: Duration = Duration::from_secs(20);
const SECRETS: [&str; 3] = ["open-sesame-7-and-8", "mqtt-secret-8", "a-wrong-token-9"];

#[test]
fn where_stderr_is_the_journal_each_line_begins_with_its_priority() {
    let mut gateway = Gateway::prepare("");
    let path = gateway.dir().join("journal");
    let journal = File::create(&path).unwrap();
    gateway.set_env("JOURNAL_STREAM", &stream(&journal));
    let mut child = gateway.command().stderr(journal).spawn().unwrap();
    let said = || std::fs::read_to_string(&path).unwrap();
    until("it is ready", || said().contains("the gateway is ready"));
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    assert!(wait(&mut child, LIMIT).is_some());

    let said = said();
    assert!(said.lines().all(|line| line.starts_with("<6>stockgate::")), "{said}");
    assert!(said.contains("ledger_seq=0"), "what it is about stands by itself: {said}");
}

#[test]
fn a_stderr_other_than_the_journal_gets_time_and_level() {
    let mut gateway = Gateway::prepare("");
    gateway.set_env("JOURNAL_STREAM", "1:2");
    gateway.launch();
    let log = gateway.log();
    assert!(log.lines().all(|line| line.starts_with("20") && line.contains(" INFO ")), "{log}");
}

/// That is before terminals can connect.
#[test]
fn an_upgrade_is_logged_keeps_a_copy_and_loses_nothing() {
    let mut gateway = Gateway::stocked(&[("A", 7)]);
    gateway.terminate();
    Connection::open(gateway.database()).unwrap().execute_batch(AS_BEFORE_THE_CATALOGUE).unwrap();

    gateway.launch();

    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("a copy of it as it was is kept"));
    assert!(line.is_some_and(|line| line.contains("stockgate.db.version-2")), "{log}");
    assert!(gateway.data_dir().join("stockgate.db.version-2").exists());
    assert_eq!(gateway.http().figures("A"), (7, 0));
    gateway.http().ok("deduct", one("d1", "A", 1));
}

const AS_BEFORE_THE_CATALOGUE: &str = "
    DELETE FROM gateway WHERE copy = 2;
    ALTER TABLE gateway RENAME COLUMN copy TO one;
    ALTER TABLE gateway DROP COLUMN taken_transfer;
    ALTER TABLE gateway DROP COLUMN taken_at_seq;
    ALTER TABLE gateway DROP COLUMN taken_catalogue;
    ALTER TABLE gateway DROP COLUMN stock_rows;
    ALTER TABLE gateway DROP COLUMN listing_rows;
    ALTER TABLE gateway DROP COLUMN barcode_rows;
    ALTER TABLE gateway DROP COLUMN books;
    ALTER TABLE gateway DROP COLUMN books_generation;
    ALTER TABLE gateway DROP COLUMN pruned_n;
    ALTER TABLE gateway DROP COLUMN crc;
    ALTER TABLE seen DROP COLUMN crc;
    ALTER TABLE stock DROP COLUMN crc;
    ALTER TABLE hold DROP COLUMN crc;
    ALTER TABLE mark DROP COLUMN crc;
    DROP TABLE listing;
    DROP TABLE barcode;
    DROP TABLE signed;
    DROP TABLE demand;
    PRAGMA user_version = 2;
";

#[test]
fn an_invalid_configuration_is_an_error_in_the_journal() {
    let mut gateway = Gateway::prepare("colour = 1\nshape = 2");
    let path = gateway.dir().join("journal");
    let journal = File::create(&path).unwrap();
    gateway.set_env("JOURNAL_STREAM", &stream(&journal));
    let mut command = gateway.command();
    let mut child = command.stderr(journal).spawn().unwrap();
    assert!(wait(&mut child, LIMIT).is_some());
    let said = std::fs::read_to_string(&path).unwrap();
    assert_eq!(said.lines().filter(|line| line.starts_with("<3>stockgate: ")).count(), 2, "{said}");
}

/// At the finest level of everything, and of only what would show it.
#[test]
fn a_secret_is_never_in_the_log() {
    let talkative = ["tungstenite::protocol", "tungstenite::handshake", "hyper::proto", "rumqttc"];
    assert_secrets_stay_out("trace");
    assert_secrets_stay_out(&format!("debug,{}=trace", talkative.join("=trace,")));
}

fn assert_secrets_stay_out(levels: &str) {
    let token = format!(
        "[[terminals.tokens]]\nname = \"line-3\"\nrole = \"operator\"\ntoken = {:?}\n\
         [mqtt]\nurl = \"mqtt://127.0.0.1:9\"\nusername = \"gw\"\npassword_file = \"secret\"\n",
        SECRETS[0]
    );
    let mut gateway = Gateway::prepare(&token);
    gateway.write("secret", SECRETS[1]);
    gateway.set_env("RUST_LOG", levels);
    gateway.launch();
    let mut ws = gateway.ws();
    ws.ok("auth", json!({"token": SECRETS[0]}));
    ws.ok("restock", one("r1", "A", 1));
    assert_eq!(gateway.http().with_token(SECRETS[2]).get("/api/stock").status, 401);
    assert_eq!(gateway.http().with_token(SECRETS[0]).get("/api/stock").status, 200);
    gateway.ws().refused("auth", json!({"token": SECRETS[2]}), "unauthorized");
    until("the link is tried", || gateway.log().contains("the link is down"));
    gateway.terminate();
    let log = gateway.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it is talkative: {log}");
    assert_silent(&log);
}

#[test]
fn a_secret_is_never_in_a_message_about_the_configuration() {
    let wrong = format!(
        "[[terminals.tokens]]\nname = \"a\"\nrole = \"none\"\ntoken = {:?}\n\
         [mqtt]\nurl = \"mqtt://gw:{}@127.0.0.1\"\n",
        SECRETS[0], SECRETS[1]
    );
    let gateway = Gateway::prepare(&wrong);
    let ended = run_to_end(&mut gateway.command());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_silent(&ended.output());
}

/// A file as systemd identifies it.
fn stream(file: &File) -> String {
    let file = file.metadata().unwrap();
    format!("{}:{}", file.dev(), file.ino())
}

fn assert_silent(said: &str) {
    for secret in SECRETS {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} stands in {line:?}");
    }
}
