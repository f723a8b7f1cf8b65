//! What an auditor can check with the help of the hub: what gateways have signed, and the books.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, until_confirmed};
use crate::support::bodies::{many, one};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::{stockgate, stockgate_hub};
use crate::support::terminal::Terminal;

#[test]
fn an_export_is_compared_with_what_the_hub_has_seen_signed() {
    let pair = signed(5);
    let known = database(&pair);
    let checkpoint = pair.gateway.write("later.json", &known.to_string());
    let key = known["device_key"].as_str().unwrap();
    assert_eq!(known["checkpoint"]["public_key"], key);

    let lines = exported(stockgate().arg("export").arg("--data-dir").arg(pair.gateway.data_dir()));
    let entries: Vec<String> =
        lines.iter().filter(|line| !line.contains("\"checkpoint\"")).cloned().collect();
    let verify = |lines: &[String]| -> [Finished; 2] {
        let file = pair.gateway.write("changed.jsonl", &(lines.join("\n") + "\n"));
        let with = |mut command: Command| {
            command.arg(&file).arg("--checkpoint").arg(&checkpoint).args(["--key", key]);
            run_to_end(&mut command)
        };
        let mut by_program = stockgate();
        by_program.arg("verify");
        [with(by_program), with(script())]
    };
    for finished in verify(&lines) {
        assert_eq!(finished.stdout.trim(), "sound up to entry 6; signed up to entry 6");
    }
    // Without the device's own signatures, the hub's word remains.
    let mut edited = entries.clone();
    edited[4] = edited[4].replace("\"change\":-1", "\"change\":-2");
    let mut deleted = entries.clone();
    deleted.remove(3);
    let mut exchanged = entries.clone();
    exchanged.swap(2, 3);
    let mut cut = entries;
    cut.pop();
    for (changed, first) in [(edited, 4), (deleted, 3), (exchanged, 2), (cut, 6)] {
        for finished in verify(&changed) {
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains(&format!("entry {first} ")), "{finished:?}");
        }
    }
}

/// The hub has as many signatures of a ledger as the gateway made while it was away, but for those within
/// ten thousand entries.
#[test]
fn of_a_backlog_the_hub_gets_the_signature_of_every_ten_thousandth_entry() {
    let broker = Broker::start();
    let mut gateway = Gateway::start_with(&broker.section());
    for n in 0..25 {
        let skus: Vec<(String, u64)> = (0..1_000).map(|sku| (format!("S{sku}"), 1)).collect();
        let lines: Vec<(&str, u64)> = skus.iter().map(|(sku, units)| (&**sku, *units)).collect();
        gateway.http().ok("restock", many(&format!("in-{n}"), &lines));
    }
    // It signs its end when it stops.
    gateway.restart();
    let hub = Hub::start(&broker);
    let mut pair = Pair { gateway, hub, broker };
    until_confirmed(&pair.gateway);
    until("the hub has the last signature", || database(&pair)["checkpoint"]["seq"] == 25_000);
    pair.hub.terminate();
    let lines = exported(&mut hub_command(&pair, &["export", "--site", SITE, "--gateway", ID]));
    let parsed = lines.iter().filter(|line| line.starts_with("{\"checkpoint\""));
    let parsed = parsed.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let seqs: Vec<Value> = parsed.map(|line| line["checkpoint"]["seq"].clone()).collect();
    assert_eq!(seqs, [10_000, 20_000, 25_000]);
    let file = pair.hub.write("gateway.jsonl", &(lines.join("\n") + "\n"));
    let verified = run_to_end(stockgate_hub().arg("verify").arg(file));
    assert!(verified.stdout.contains("signed up to entry 25000"), "{verified:?}");
}

/// Somebody who replaces the key file does not sign in the device's name.
#[test]
fn what_a_device_signs_with_another_key_counts_once_an_operator_accepts_it() {
    let mut pair = signed(1);
    let bound = database(&pair)["device_key"].clone();
    pair.gateway.terminate();
    fs::remove_file(pair.gateway.data_dir().join("device.key")).unwrap();
    pair.gateway.launch();
    let log = pair.gateway.log();
    assert!(log.contains("another key than before"), "{log}");
    pair.gateway.http().ok("deduct", one("during", "A", 1));
    pair.gateway.restart();
    pair.assert_in_step();
    let known = database(&pair);
    assert_eq!((&known["device_key"], &known["checkpoint"]["seq"]), (&bound, &json!(2)), "{known}");
    assert_ne!(known["offered_key"], bound);
    for shown in [&known, &pair.known()] {
        let problem = shown["problem"].as_str().unwrap();
        assert!(problem.contains("another key"), "{problem}");
    }
    assert_eq!(pair.known()["drift"], false, "the books are right");

    let path = format!("/api/gateways/{SITE}/{ID}/accept-key");
    let accept = |key: &Value| {
        pair.hub.http().post(&path, &json!({"epoch": known["epoch"], "public_key": key}))
    };
    accept(&json!("00".repeat(32))).refused("gateway_closed");
    accept(&json!("short")).refused("bad_request");
    assert_eq!(accept(&known["offered_key"]).json()["device_key"], known["offered_key"]);
    until("what the new key has signed is kept", || {
        let checkpoint = database(&pair)["checkpoint"].clone();
        checkpoint["public_key"] == known["offered_key"] && checkpoint["seq"] == 3
    });
    assert_eq!(pair.known()["problem"], Value::Null);
}

#[test]
fn the_books_are_exported_and_verified_and_a_change_in_them_is_named() {
    let mut pair = signed(3);
    central_work(&pair);
    pair.hub.terminate();
    let own = exported(&mut hub_command(&pair, &["export"]));
    let of_gateway =
        exported(&mut hub_command(&pair, &["export", "--site", SITE, "--gateway", ID]));
    let [own, of_gateway] = [("own", &own), ("gateway", &of_gateway)]
        .map(|(name, lines)| pair.hub.write(&format!("{name}.jsonl"), &(lines.join("\n") + "\n")));
    for (file, end) in [(&own, "sound up to entry 6; signed up to entry 6"), (&of_gateway, "sound")]
    {
        let mut by_script = script();
        for command in [stockgate_hub().arg("verify").arg(file), by_script.arg(file)] {
            let finished = run_to_end(command);
            assert!(finished.stdout.contains(end), "{finished:?}");
        }
    }
    let undone = "\"kind\":\"rollback\"";
    for (from, to, first) in [
        ("\"change\":-6", "\"change\":-5", "entry 2 is"),
        (undone, &*format!("{undone},\"undoes\":\"count\""), "entry 6 is"),
    ] {
        let changed = fs::read_to_string(&own).unwrap().replace(from, to);
        let changed = pair.hub.write("changed.jsonl", &changed);
        let mut by_script = script();
        for command in [stockgate_hub().arg("verify").arg(&changed), by_script.arg(&changed)] {
            let finished = run_to_end(command);
            assert!(finished.stderr.contains(first), "{finished:?}");
            assert_eq!(finished.code, Some(1));
        }
    }

    let beyond = ["export", "--site", SITE, "--gateway", ID, "--from", "99"];
    let finished = run_to_end(&mut hub_command(&pair, &beyond));
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("those from 1 to"), "{finished:?}");
    let finished = run_to_end(&mut hub_command(&pair, &["verify"]));
    let whole = finished.stdout.contains("own ledger: sound") && finished.stdout.contains(ID);
    assert!(whole && finished.code == Some(0), "{finished:?}");
    for (sql, what) in [
        ("UPDATE movement SET reason = 'none' WHERE seq = 2", "the hub's own ledger"),
        ("UPDATE movement SET reserved_change = 1 WHERE seq = 2", "the hub's own ledger"),
        ("UPDATE entry SET change = -7 WHERE seq = 2", ID),
        ("DELETE FROM entry WHERE seq = 3", "entry 3"),
        ("DELETE FROM entry WHERE seq = 1", "entry 1"),
        ("DELETE FROM movement WHERE seq = 1", "entry 1"),
        ("DELETE FROM movement WHERE seq = 6", "entry 6"),
    ] {
        let before = pair.hub.backup("before.db");
        Connection::open(pair.hub.database()).unwrap().execute(sql, []).unwrap();
        let finished = run_to_end(&mut hub_command(&pair, &["verify"]));
        assert_eq!(finished.code, Some(1), "{sql}: {finished:?}");
        assert!(finished.stderr.contains(what), "{sql}: {finished:?}");
        pair.hub.put_back(&before);
        fs::remove_file(before).unwrap();
    }
}

#[test]
fn the_entry_of_a_grant_says_who_and_why_and_which_lot() {
    let pair = Pair::stocked(&[("A", 1)]);
    central_work(&pair);
    let policy = json!({"low_water": 50, "target": 60});
    assert_eq!(pair.hub.http().put("/api/policies/A", &policy).status, 200);
    until("the policy has granted", || pair.hub.stock("A")["gateways"][0]["on_hand"] == 60);
    until_confirmed(&pair.gateway);
    let told = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        let kind = text("kind");
        format!("{kind} {} {} {} {}", entry["change"], text("actor"), text("reason"), text("lot"))
    };
    let ledger = pair.gateway.http().ledger();
    let told: Vec<String> = ledger[1..].iter().map(told).collect();
    assert_eq!(
        told,
        [
            "grant 4 - season L1",
            "grant 3 - season L2",
            "recall -2 - season L2",
            "grant 54 policy - -"
        ]
    );
    pair.assert_in_step();
}

#[test]
fn a_hub_signs_nothing_more_without_its_key_or_once_its_books_were_edited() {
    let mut hub = Hub::start_with("");
    let receive = |hub: &Hub, id: &str| {
        assert_eq!(hub.http().post("/api/receipts", &one(id, "A", 5)).status, 200);
    };
    let told = |hub: &Hub| {
        let problem = hub.http().get("/api/status").json()["ledger_problem"].clone();
        let signed = hub.http().metric("stockgate_hub_ledger_signed");
        assert_eq!(problem.is_null(), signed == 1, "{problem}");
        problem.as_str().unwrap_or_default().to_owned()
    };
    let run = |hub: &Hub, arguments: &[&str]| {
        run_to_end(stockgate_hub().args(arguments).arg("--config").arg(hub.config_path()))
    };
    receive(&hub, "r1");
    receive(&hub, "r2");
    hub.restart();
    assert_eq!(told(&hub), "");
    assert_eq!(run(&hub, &["doctor"]).code, Some(0));

    let key = hub.database().with_file_name("hub.key");
    let whole = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    hub.restart();
    assert!(told(&hub).contains("hub.key is missing"));
    let doctor = run(&hub, &["doctor"]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("is missing"), "{doctor:?}");
    fs::write(&key, &whole).unwrap();
    hub.restart();
    assert_eq!(told(&hub), "");

    hub.terminate();
    let db = Connection::open(hub.database()).unwrap();
    db.execute("UPDATE movement SET change = 50 WHERE seq = 2", []).unwrap();
    drop(db);
    hub.launch();
    let problem = told(&hub);
    assert!(problem.contains("entries 1 to 2"), "{problem}");
    receive(&hub, "r3");
    hub.terminate();
    let db = Connection::open(hub.database()).unwrap();
    let signed: i64 =
        db.query_row("SELECT max(seq) FROM books_checkpoint", [], |row| row.get(0)).unwrap();
    assert_eq!(signed, 2, "the hub goes on, and signs nothing");
    let verified = run(&hub, &["verify"]);
    assert!(verified.stderr.contains("entry 1 is wrong"), "{verified:?}");
}

/// A gateway with a restock and some deductions, which the hub has seen signed.
fn signed(deductions: usize) -> Pair {
    let mut pair = Pair::stocked(&[("A", 20)]);
    for n in 0..deductions {
        pair.gateway.http().ok("deduct", one(&format!("d{n}"), "A", 1));
    }
    until_confirmed(&pair.gateway);
    // It signs when it stops, or after a minute.
    pair.gateway.restart();
    let end = json!(deductions + 1);
    until("the hub has the signature", || database(&pair)["checkpoint"]["seq"] == end);
    pair
}

/// A receipt, a central sale, and transfers of two lots.
fn central_work(pair: &Pair) {
    let lots = |lots: &[(&str, u64)]| -> Vec<Value> {
        lots.iter().map(|(lot, units)| json!({"sku": "A", "quantity": units, "lot": lot})).collect()
    };
    let ask = |path: &str, id: &str, lines: Vec<Value>, is_transfer: bool| {
        let mut body = json!({"request_id": id, "reason": "season", "lines": lines});
        if is_transfer {
            (body["site"], body["gateway"]) = (json!(SITE), json!(ID));
        }
        let answer = pair.hub.http().post(path, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    ask("/api/receipts", "in", lots(&[("L1", 100)]), false);
    ask("/api/deduct", "out", lots(&[("L1", 6)]), false);
    ask("/api/grants", "g", lots(&[("L1", 4), ("L2", 3)]), true);
    until("the grant has arrived", || pair.hub.stock("A")["in_transit"] == 0);
    ask("/api/recalls", "r", lots(&[("L2", 2)]), true);
    until("the recall is done", || pair.hub.http().get("/api/recalls/r").json()["state"] == "done");
    let undo = json!({"request_id": "undo", "of": "out", "reason": "season"});
    assert_eq!(pair.hub.http().post("/api/rollback", &undo).status, 200);
}

/// The hub's word on the gateway's database.
fn database(pair: &Pair) -> Value {
    pair.hub.http().get(&format!("/api/gateways/{SITE}/{ID}")).json()["items"][0].clone()
}

fn hub_command(pair: &Pair, arguments: &[&str]) -> Command {
    let mut command = stockgate_hub();
    command.args(arguments).arg("--config").arg(pair.hub.config_path());
    command
}

fn exported(command: &mut Command) -> Vec<String> {
    let finished = run_to_end(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout.lines().map(str::to_owned).collect()
}

fn script() -> Command {
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify_ledger.py"));
    python
}
