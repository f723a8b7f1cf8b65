//! Brokers other than Mosquitto: the protocol needs only MQTT 3.1.1.

use serde_json::json;

use super::pair::{ID, Pair, SITE, until_confirmed, until_state};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::{Terminal, number};

#[test]
fn gateway_and_hub_work_with_a_nats_server() {
    let broker = Broker::nats();
    let hub = Hub::start(&broker);
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    let mut pair = Pair { gateway, hub, broker };
    pair.assert_in_step();
    assert_eq!(pair.known()["online"], true);

    pair.broker.kill9();
    until_state(&pair.gateway, "offline");
    pair.gateway.http().ok("deduct", json!({"request_id": "d", "sku": "A", "quantity": 7}));
    let receipt = json!({"request_id": "in", "sku": "A", "quantity": 5});
    assert_eq!(pair.hub.http().post("/api/receipts", &receipt).status, 200);
    let grant = json!({"request_id": "g", "site": SITE, "gateway": ID, "sku": "A", "quantity": 5});
    assert_eq!(pair.hub.http().post("/api/grants", &grant).status, 200);
    pair.broker.launch();

    until("the grant has landed", || number(&pair.hub.stock("A"), "in_transit") == 0);
    until_confirmed(&pair.gateway);
    pair.assert_in_step();
    assert_eq!(pair.gateway.http().figures("A").0, 98);
}
