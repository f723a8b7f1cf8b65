//! Whose books a gateway takes something from: a second hub on its broker changes nothing.

use serde_json::json;

use super::forged::books_of;
use super::pair::{
    ID, Pair, SITE, assert_balanced, assert_same_books, until_confirmed, until_reason,
};
use crate::support::bodies::one;
use crate::support::broker::{Broker, section};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
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
