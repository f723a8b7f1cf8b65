//! Whose books a gateway takes something from: a second hub on its broker changes nothing.

use serde_json::json;

use super::forged::books_of;
use super::pair::{
    ID, Pair, SITE, assert_balanced, assert_same_books, recover, until_confirmed, until_reason,
};
use crate::support::bodies::one;
use crate::support::broker::{Broker, section};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
use crate::support::process::run_to_end;
use crate::support::program::stockgate;
use crate::support::terminal::Terminal;

const FOREIGN: &str = "stockgate_frames_foreign_total";

#[test]
fn a_second_hub_on_the_broker_changes_nothing_and_is_named() {
    let pair = Pair::stocked(&[("A", 100)]);
    let (ours, other) = (books_of(&pair.hub), Hub::start(&pair.broker));
    let others = books_of(&other);
    let receipt = json!({"request_id": "in", "lines": [{"sku": "A", "quantity": 50}]});
    assert_eq!(other.http().post("/api/receipts", &receipt).status, 200);

    until("its frames are dropped", || pair.gateway.http().metric(FOREIGN) > 0);
    let sync = eventually("the other hub is named", || {
        Some(pair.gateway.sync()).filter(|sync| sync["reason"].is_string())
    });
    let named = format!(
        "another hub, books {others}, speaks on this broker; this gateway belongs to {ours}"
    );
    assert_eq!((&sync["reason"], &sync["state"]), (&json!(named), &json!("online")));
    assert_eq!(sync["books"], json!(ours.to_string()));
    assert!(pair.gateway.log().contains(&named), "{}", pair.gateway.log());
    let grant = json!({"request_id": "g", "site": SITE, "gateway": ID,
        "lines": [{"sku": "A", "quantity": 50}]});
    assert_eq!(other.http().post("/api/grants", &grant).status, 404);
    assert!(other.gateways().is_empty());

    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    pair.assert_in_step();
    assert_eq!(pair.gateway.http().figures("A"), (99, 0));
    assert_eq!(pair.known()["drift"], false);
}

#[test]
fn with_its_own_hub_down_a_gateway_takes_nothing_from_another_one() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    pair.hub.terminate();
    let other = Hub::start(&pair.broker);
    pair.gateway.http().ok("deduct", one("r1", "A", 1));

    until_reason(&pair.gateway, "another hub");
    assert_eq!(pair.gateway.sync()["pending"], 1);

    pair.hub.launch();
    pair.assert_in_step();
    assert!(other.gateways().is_empty());
}

#[test]
fn a_pinned_gateway_waits_for_its_books() {
    let broker = Broker::start();
    let mut ours = Hub::start(&broker);
    let books = books_of(&ours).to_string();
    ours.terminate();
    let other = Hub::start(&broker);
    let pinned = section(&broker.url(), &[("books", &books)]);

    let gateway = Gateway::stocked_with(&pinned, &[("A", 5)]);

    until_reason(&gateway, "another hub");
    assert_eq!(gateway.sync()["books"], json!(books));
    assert!(other.gateways().is_empty());
    ours.launch();
    until_confirmed(&gateway);
    assert_same_books(&gateway, &ours, SITE, ID);
    assert_balanced(&ours);
}

#[test]
fn books_put_back_from_before_a_grant_hold_the_gateway_until_they_are_recovered() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let receipt = json!({"request_id": "in", "lines": [{"sku": "A", "quantity": 80}]});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    let older = pair.hub.backup("older.db");
    grant(&pair, "g", 50);
    until("the grant has arrived", || pair.gateway.http().figures("A") == (150, 0));
    pair.gateway.http().ok("deduct", one("r1", "A", 10));
    pair.assert_in_step();

    pair.hub.put_back(&older);
    pair.hub.launch();

    until("the gateway is held", || pair.known()["state"] == "held");
    let known = pair.known();
    assert!(known["held_since"].is_string() && known["drift"] == false, "{known}");
    assert!(known["problem"].as_str().unwrap().contains("older books"), "{known}");
    let held = pair.hub.http().get("/api/gateways?state=held").json();
    assert_eq!(held["items"].as_array().map(Vec::len), Some(1));
    until_reason(&pair.gateway, "the hub holds this gateway");
    pair.gateway.http().ok("deduct", one("r2", "A", 5));
    assert_eq!(pair.hub.stock("A")["unallotted"], 80, "the books are older");
    let known = pair.known();
    assert!(
        known["pending"].as_u64() >= Some(1) && known["oldest_pending_s"].is_number(),
        "{known}"
    );

    let recovered = recover(&pair.hub);

    let figures = ["gateways", "transfers", "units", "waiting"].map(|of| recovered[of].clone());
    assert_eq!(figures, [1, 1, 50, 0].map(|of| json!(of)), "{recovered}");
    assert_eq!(recovered["books"], json!(books_of(&pair.hub).to_string()));
    let again = recover(&pair.hub);
    let figures = ["gateways", "transfers", "units", "waiting"].map(|of| again[of].clone());
    assert_eq!(figures, [0, 0, 0, 0].map(|of| json!(of)), "nothing was held: {again}");
    pair.assert_in_step();
    let stock = pair.hub.stock("A");
    assert_eq!((&stock["unallotted"], &stock["total"]), (&json!(30), &json!(165)), "{stock}");
    grant(&pair, "g2", 30);
    until("new grants arrive", || pair.gateway.http().figures("A") == (165, 0));
    pair.assert_in_step();
}

#[test]
fn a_receipt_that_the_books_lost_is_a_named_difference_until_it_is_booked_again() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let older = pair.hub.backup("older.db");
    let receipt = json!({"request_id": "in", "lines": [{"sku": "A", "quantity": 80}]});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    grant(&pair, "g", 50);
    until("the grant has arrived", || pair.gateway.http().figures("A") == (150, 0));
    pair.assert_in_step();
    pair.hub.put_back(&older);
    pair.hub.launch();
    until("the gateway is held", || pair.known()["state"] == "held");

    assert_eq!(recover(&pair.hub)["waiting"], 0);

    until_confirmed(&pair.gateway);
    let balance = pair.hub.http().get("/api/reconcile").json();
    assert_eq!(balance["balanced"], false, "{balance}");
    assert_eq!(balance["items"][0]["sku"], "A");
    assert_eq!(balance["items"][0]["difference"], -50, "{balance}");
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    assert_balanced(&pair.hub);
    assert_eq!(pair.hub.stock("A")["unallotted"], 30);
}

#[test]
fn a_database_fenced_for_a_clone_on_a_bench_is_opened_again() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let mut clone = Gateway::prepare(&pair.broker.section());
    clone.put_back(&pair.gateway.backup());
    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    pair.gateway.http().ok("deduct", one("r2", "A", 1));
    pair.assert_in_step();
    pair.gateway.terminate();
    clone.launch();
    for n in 0..3 {
        clone.http().ok("deduct", one(&format!("bench-{n}"), "A", 7));
    }
    until("it is fenced", || pair.known()["state"] == "fenced");
    let epoch = pair.known()["epoch"].clone();
    let reopen = |hub: &Hub| {
        let path = format!("/api/gateways/{SITE}/{ID}/reopen");
        hub.http().post(&path, &json!({"epoch": epoch})).json()
    };
    let kept = reopen(&pair.hub);
    assert_eq!(kept["state"], "fenced", "the clone stays outside: {kept}");
    assert!(kept["problem"].is_string(), "{kept}");
    clone.terminate();

    pair.gateway.launch();
    pair.gateway.http().ok("deduct", one("r3", "A", 1));
    until_reason(&pair.gateway, "the hub refuses this database");
    let opened = reopen(&pair.hub);

    assert_eq!((&opened["state"], &opened["problem"]), (&json!("open"), &json!(null)), "{opened}");
    pair.assert_in_step();
    assert_eq!(pair.hub.stock("A")["total"], 97);
}

/// The copy was only looked at: the original continues exactly where the hub is.
#[test]
fn a_copy_that_ran_on_a_bench_for_3_seconds_does_not_end_the_original() {
    let mut pair = Pair::stocked(&[("A", 100)]);
    let mut clone = Gateway::prepare(&pair.broker.section());
    clone.put_back(&pair.gateway.backup());
    pair.gateway.http().ok("deduct", one("r1", "A", 1));
    pair.assert_in_step();
    pair.gateway.terminate();

    clone.launch();
    let copy_says =
        "the hub has this ledger up to 2, this database ends at 1: an older copy was put back";
    until_reason(&clone, copy_says);
    std::thread::sleep(std::time::Duration::from_secs(3));
    clone.terminate();

    let fenced = pair.known();
    let hub_says = "the ledger went back from 2 to 1: an older copy of the database was put back";
    assert_eq!((&fenced["state"], &fenced["problem"]), (&json!("fenced"), &json!(hub_says)));
    pair.gateway.launch();
    pair.gateway.http().ok("deduct", one("r2", "A", 1));
    until_reason(&pair.gateway, &format!("the hub refuses this database: {hub_says}"));
    let visit = run_to_end(
        stockgate().args(["doctor", "--json", "--config"]).arg(pair.gateway.config_path()),
    );
    let next =
        "if nobody has changed this database, POST /api/gateways/{site}/{gateway}/reopen there";
    assert!(visit.stdout.contains(next), "{visit:?}");

    let path = format!("/api/gateways/{SITE}/{ID}/reopen");
    let opened = pair.hub.http().post(&path, &json!({"epoch": fenced["epoch"]})).json();

    assert_eq!((&opened["state"], &opened["problem"]), (&json!("open"), &json!(null)), "{opened}");
    pair.assert_in_step();
    assert_eq!(pair.gateway.sync()["reason"], json!(null));
    assert_eq!(pair.hub.stock("A")["total"], 98);
}

fn grant(pair: &Pair, id: &str, units: u64) {
    let grant = json!({"request_id": id, "site": SITE, "gateway": ID,
        "lines": [{"sku": "A", "quantity": units}]});
    assert_eq!(pair.hub.http().post("/api/grants", &grant).status, 200);
}
