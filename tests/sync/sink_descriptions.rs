//! What sinks are sent, against its description in docs/asyncapi.json.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::pair::{ID, SITE, until_confirmed};
use super::receiver::Receiver;
use super::sink_kinds::{Kafka, NatsServer};
use super::sinks::{feed, hub_with};
use crate::support::bodies::{one, rollback, with};
use crate::support::broker::Broker;
use crate::support::description::Description;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

const TOPIC: &str = "inventory-updates";

/// Events with every field that the description has.
fn move_units(hub: &Hub, gateway: &Gateway) {
    let traced = json!({"request_id": "in", "reason": "delivery", "order_id": "supply",
        "lines": [{"sku": "A", "quantity": 50, "lot": "L1", "expires": "2027-01-31"},
        {"sku": "B", "quantity": 1, "serial": "S1"}]});
    gateway.http().ok("restock", traced);
    gateway.http().ok("deduct", with(one("out", "A", 5), "order_id", "o"));
    gateway.http().ok("rollback", rollback("back", "out"));
    gateway.http().ok("reserve", one("held", "A", 5));
    until_confirmed(gateway);
    let post = |path: &str, body: Value| {
        let answer = hub.http().post(path, &body);
        assert!(answer.status < 300, "{answer:?}");
    };
    post("/api/receipts", one("po", "A", 30));
    post("/api/reservations", one("kept", "A", 3));
    post("/api/grants", with(with(one("g", "A", 10), "site", SITE), "gateway", ID));
    until("the grant has arrived", || feed(hub).len() == 9);
}

#[test]
fn what_sinks_are_sent_is_as_described() {
    let (broker, erp, nats) = (Broker::start(), Receiver::start(), NatsServer::start());
    let mut kafka = Kafka::start();
    assert_eq!(kafka.records(TOPIC), [] as [Value; 0], "the topic is made now");
    let sections = erp.section("erp", "") + &nats.section() + &kafka.section();
    let hub = hub_with(&broker, &sections);
    let gateway = Gateway::start_with(&broker.section());
    move_units(&hub, &gateway);
    let all = feed(&hub).len();
    until("all have arrived", || {
        let counts = [erp.state().events.len(), nats.stored().len(), kafka.records(TOPIC).len()];
        counts == [all; 3]
    });
    let described = Described { description: Description::read("asyncapi.json") };
    described.check_webhooks(&erp);
    for (subject, id, event) in nats.stored() {
        described.check("nats/messages/stored", &json!({"Nats-Msg-Id": id}), &event);
        described.check_subject(&subject, &event);
    }
    for record in kafka.records(TOPIC) {
        described.check("kafka/messages/record", &record["headers"], &record["event"]);
    }
    described.assert_all_fields_seen(&feed(&hub));
}

struct Described {
    description: Description,
}

impl Described {
    fn check(&self, message: &str, headers: &Value, payload: &Value) {
        let message = self.description.at(&format!("/channels/{message}"));
        self.description.check(headers, &message["headers"]);
        self.description.check(payload, &message["payload"]);
    }

    fn check_webhooks(&self, erp: &Receiver) {
        let events = Value::Array(erp.state().events.clone());
        for headers in &erp.state().headers {
            let own = headers.iter().filter(|(name, _)| name.starts_with("webhook-"));
            let own: BTreeMap<&String, &String> = own.collect();
            self.check("webhook/messages/events", &json!(own), &events);
        }
    }

    /// The parts of a subject are those that its address names.
    fn check_subject(&self, subject: &str, event: &Value) {
        let address = self.description.at("/channels/nats")["address"].as_str().unwrap();
        let named = ["site", "gateway", "kind"].iter().fold(address.to_owned(), |text, name| {
            text.replace(&format!("{{{name}}}"), event[*name].as_str().unwrap_or("~"))
        });
        assert_eq!(subject, named);
    }

    /// A field that no event has may be described wrongly.
    fn assert_all_fields_seen(&self, events: &[Value]) {
        let schema = self.description.at("/components/schemas/Event");
        let described: BTreeSet<&String> =
            schema["properties"].as_object().unwrap().keys().collect();
        let seen = events.iter().flat_map(|event| event.as_object().unwrap().keys());
        let mut seen: BTreeSet<&String> = seen.collect();
        // Only a request with a token has an actor.
        let actor = "actor".to_owned();
        seen.insert(&actor);
        assert_eq!(seen, described);
    }
}
