//! Several workers on the same books, with a shared subscription at the broker.

use serde_json::json;

use super::pair::{assert_balanced, assert_same_books, until_confirmed};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;
use crate::support::terminal::Terminal;

const GATEWAYS: [&str; 3] = ["gw-01", "gw-02", "gw-03"];

#[test]
fn workers_share_the_frames_and_the_books() {
    let postgres = Postgres::start();
    assert_workers_share(&postgres.url());
}

/// Runs two workers on the books at this address, of which one is killed.
pub(super) fn assert_workers_share(store: &str) {
    let broker = Broker::start();
    let worker = |name: &str| {
        let keys = format!("worker = \"{name}\"\nsubscription = \"shared\"\n{}", broker.section());
        Hub::start_on(store, &keys)
    };
    let (one, mut other) = (worker("hub-1"), worker("hub-2"));
    let gateways: Vec<Gateway> =
        GATEWAYS.iter().map(|id| Gateway::named("wh-01", id, &broker.section())).collect();
    trade(&gateways, "before");
    for hub in [&one, &other] {
        assert!(hub.http().metric("stockgate_hub_frames_applied_total") > 0, "each has its share");
        assert_balanced(hub);
    }
    other.kill9();
    trade(&gateways, "after");
    for (gateway, id) in gateways.iter().zip(GATEWAYS) {
        assert_same_books(gateway, &one, "wh-01", id);
    }
    assert_balanced(&one);
}

/// Each gateway makes many small movements, so that many frames are in flight at once.
fn trade(gateways: &[Gateway], name: &str) {
    for gateway in gateways {
        let restock = json!({"request_id": format!("{name}:in"), "sku": "A", "quantity": 1_000});
        gateway.http().ok("restock", restock);
    }
    for number in 0..60 {
        for gateway in gateways {
            let id = format!("{name}:{number}");
            gateway.http().ok("deduct", json!({"request_id": id, "sku": "A", "quantity": 1}));
        }
    }
    gateways.iter().for_each(until_confirmed);
}
