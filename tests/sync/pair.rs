//! A gateway and a hub at one broker, and what must hold between them.

use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{eventually, until};
use crate::support::terminal::{Terminal, number};

pub(super) const SITE: &str = "wh-01";
pub(super) const ID: &str = "gw-01";
pub(super) const UP: &str = "stockgate/1/wh-01/gw-01/up";
pub(super) const DOWN: &str = "stockgate/1/wh-01/gw-01/down";
pub(super) const STATE: &str = "stockgate/1/wh-01/gw-01/state";

pub(super) struct Pair {
    pub(super) gateway: Gateway,
    pub(super) hub: Hub,
    pub(super) broker: Broker,
}

impl Pair {
    pub(super) fn start() -> Self {
        let broker = Broker::start();
        let hub = Hub::start(&broker);
        let gateway = Gateway::start_with(&broker.section());
        Self { gateway, hub, broker }
    }

    /// Waits until the hub has received a greeting of the gateway.
    pub(super) fn wait_until_met(&self) {
        until("the hub knows the gateway", || self.hub.gateway().is_some());
    }

    /// A gateway with this stock, from one restock with the id `seed`, which the hub has booked.
    pub(super) fn stocked(stock: &[(&str, u64)]) -> Self {
        Self::stocked_with("", stock)
    }

    /// The same with a gateway that prunes entries older than a day.
    pub(super) fn forgetful(stock: &[(&str, u64)]) -> Self {
        Self::stocked_with("[stock]\nledger_retention_days = 1\n", stock)
    }

    fn stocked_with(extra: &str, stock: &[(&str, u64)]) -> Self {
        let broker = Broker::start();
        let hub = Hub::start(&broker);
        let gateway = Gateway::stocked_with(&(broker.section() + extra), stock);
        let pair = Self { gateway, hub, broker };
        pair.assert_in_step();
        pair
    }

    /// Waits until everything is confirmed, then compares the books.
    pub(super) fn assert_in_step(&self) {
        until_confirmed(&self.gateway);
        assert_same_books(&self.gateway, &self.hub, SITE, ID);
        assert_balanced(&self.hub);
    }

    /// The hub's record of the gateway.
    pub(super) fn known(&self) -> Value {
        self.hub.gateway_at(SITE, ID)
    }
}

/// Waits for a state of the link and returns the whole `sync` object.
pub(super) fn until_state(gateway: &Gateway, state: &str) -> Value {
    eventually(&format!("a link that is {state}"), || {
        Some(gateway.sync()).filter(|sync| sync["state"] == state)
    })
}

/// Waits until the link is offline with a reason that contains these words.
pub(super) fn until_reason(gateway: &Gateway, words: &str) -> String {
    eventually(&format!("a link that is offline for {words:?}"), || {
        let sync = until_state(gateway, "offline");
        let reason = sync["reason"].as_str().expect("a link is offline for a reason");
        reason.contains(words).then(|| reason.to_owned())
    })
}

/// Waits until the hub has confirmed the whole ledger.
pub(super) fn until_confirmed(gateway: &Gateway) {
    let mut last = Value::Null;
    let is_confirmed = || {
        last = gateway.sync();
        last["state"] == "online" && last["pending"] == 0
    };
    until("the hub confirms everything", is_confirmed);
    let ledger_seq = gateway.http().ok("status", json!({}))["ledger_seq"].take();
    assert_eq!(last["acked_seq"], ledger_seq, "{last}");
}

/// Waits until the hub reports a problem of a gateway; returns the report.
pub(super) fn until_drift(hub: &Hub) -> Value {
    let drifting = || hub.gateway().filter(|gateway| gateway["drift"] == true);
    eventually("the hub reports a drift", drifting)
}

/// The hub has the gateway's ledger in every field, and the resulting stock.
pub(super) fn assert_same_books(gateway: &Gateway, hub: &Hub, site: &str, id: &str) {
    let (here, there) = (gateway.http().ledger(), hub.ledger(site, id));
    assert_same_entries(&here, &there);
    for item in gateway.http().every_page("list", json!({}), "items") {
        let sku = item["sku"].as_str().unwrap();
        let (on_hand, reserved) = (number(&item, "on_hand"), number(&item, "reserved"));
        let held = json!({"site": site, "gateway": id, "on_hand": on_hand, "reserved": reserved});
        let stock = hub.stock(sku);
        let known = stock["gateways"].as_array().unwrap().contains(&held);
        assert!(known, "the gateway says {held}, the hub {stock}");
    }
}

pub(super) fn assert_same_entries(here: &[Value], there: &[Value]) {
    for (ours, theirs) in here.iter().zip(there) {
        assert_eq!(ours, theirs, "the gateway's entry and the hub's");
    }
    assert_eq!(here.len(), there.len(), "entries at the gateway and at the hub");
}

pub(super) fn assert_balanced(hub: &Hub) {
    let reconciled = hub.reconcile();
    assert_eq!(
        reconciled,
        json!({"balanced": true, "items": [], "next": null, "drift": []}),
        "the hub's books"
    );
}

/// The hub accepts nothing from the gateway and says why. Its books add up.
pub(super) fn assert_drift_is_reported(hub: &Hub, words: &str) {
    let known = until_drift(hub);
    let problem = known["problem"].as_str().unwrap_or_default();
    assert!(problem.contains(words), "{known}");
    let reconciled = hub.reconcile();
    assert_eq!(reconciled["balanced"], true, "{reconciled}");
    let drift = &reconciled["drift"][0];
    assert_eq!((&drift["site"], &drift["gateway"]), (&known["site"], &known["gateway"]));
    assert_eq!(drift["problem"], problem, "{reconciled}");
    assert!(drift["skus"].is_array(), "{reconciled}");
}

/// Takes on the gateways that the hub holds; returns the answer.
pub(super) fn recover(hub: &Hub) -> Value {
    let answer = hub.http().post("/api/books/recover", &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}
