//! Databases that the programs of an earlier release have written, by `scripts/released-databases`:
//! gateway and hub start on them, lose nothing and go on together.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::{ID, Pair, SITE, until_confirmed};
use crate::support::bodies::{many, one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::process::run_to_end;
use crate::support::program::stockgate;
use crate::support::terminal::Terminal;

/// The last commit whose entries had neither actor nor reason, and whose chain was no SHA-256.
const BEFORE_ACTORS: &str = "tests/golden/databases/4aab6d1";

#[test]
fn databases_from_before_entries_had_actors_go_on_together_and_lose_nothing() {
    let pair = upgraded();
    let versions = [
        (pair.gateway.data_dir().join("stockgate.db.version-3"), 3),
        (pair.hub.dir().join("hub.db.version-2"), 2),
    ];
    for (copy, version) in versions {
        assert_eq!(version_of(&copy), version, "{}", copy.display());
    }
    pair.assert_in_step();
    let entries: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(released("entries.json")).unwrap()).unwrap();
    assert_eq!(entries.len(), 16);
    assert_eq!(pair.gateway.http().ledger(), entries);
    assert_eq!(pair.hub.ledger(SITE, ID), entries);

    let mut http = pair.gateway.http();
    let deducted = json!({"request_id": "d1", "order_id": "Grün", "lines": [
        {"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1},
    ]});
    assert_eq!(http.ok("deduct", deducted)["replayed"], true);
    assert_eq!(http.ok("commit", json!({"reservation": "v3"}))["replayed"], false);
    http.ok("deduct", with(one("new", "A", 1), "reason", "sample"));
    let receipt = pair.hub.http().post("/api/receipts", &many("in", &[("A", 100), ("C", 40)]));
    assert_eq!(receipt.json()["replayed"], true, "{receipt:?}");
    let grant = with(with(one("g3", "A", 5), "site", SITE), "gateway", ID);
    assert_eq!(pair.hub.http().post("/api/grants", &grant).status, 200);
    pair.assert_in_step();
    assert_eq!(pair.hub.ledger(SITE, ID)[17]["reason"], "sample");
}

/// What was there before has the chain of its time, and what comes is signed.
#[test]
fn the_chain_of_an_upgraded_database_begins_where_the_older_one_ends() {
    let mut pair = upgraded();
    pair.gateway.http().ok("deduct", one("new", "A", 1));
    until_confirmed(&pair.gateway);
    pair.gateway.terminate();
    let data_dir = pair.gateway.data_dir();
    let verified = run_to_end(stockgate().arg("verify").arg("--data-dir").arg(&data_dir));
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("signed up to entry 17"), "{verified:?}");
    let ledger = Connection::open(pair.gateway.database()).unwrap();
    let damage = "UPDATE ledger SET chunk = zeroblob(40) WHERE seq = 4";
    assert_eq!(ledger.execute(damage, []), Ok(1));
    drop(ledger);
    let verified = run_to_end(stockgate().arg("verify").arg("--data-dir").arg(&data_dir));
    assert_eq!(verified.code, Some(1), "{verified:?}");
}

fn upgraded() -> Pair {
    let broker = Broker::start();
    let mut hub = Hub::prepare(&broker.section());
    fs::copy(released("hub.db"), hub.database()).unwrap();
    hub.launch();
    let mut gateway = Gateway::prepare(&broker.section());
    fs::create_dir_all(gateway.data_dir()).unwrap();
    fs::copy(released("gateway.db"), gateway.database()).unwrap();
    gateway.launch();
    Pair { gateway, hub, broker }
}

fn released(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(BEFORE_ACTORS).join(file)
}

fn version_of(database: &Path) -> i64 {
    let db = Connection::open(database).unwrap();
    db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}
