//! Brokers that deny a subscription: what gateway and hub say, and that they go on once it is allowed.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::pair::{until_confirmed, until_reason};
use crate::support::broker::{Broker, section};
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::meddler::Meddler;
use crate::support::patience::until;
use crate::support::process::run_to_end;
use crate::support::program::{Program, stockgate};

const UP: &str = "stockgate/1/+/+/up: the hub hears no gateway";
const NEXT: &str =
    "allow it in the broker's access rules: docs/OPERATIONS.md has a line for each topic";

#[test]
fn a_hub_that_may_not_hear_gateways_says_so_until_it_is_allowed() {
    let broker = Broker::start();
    let meddler = Meddler::denying(broker.port(), "/up");
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 5)]);
    let mut hub = Hub::prepare(&section(&meddler.url(), &[]));
    hub.spawn();

    until("the status says why", || problem(&hub).contains(UP));
    let http = hub.http();
    assert_eq!(http.try_send("GET", "/readyz", None).unwrap().status, 503);
    assert_eq!(http.metric("stockgate_hub_subscribed"), 0);
    assert!(problem(&hub).contains("refuses the subscription to"), "{}", problem(&hub));
    assert_logged(&hub.log(), UP);
    let doctor = Program::hub().command();
    assert_found(doctor, &hub.config_path(), UP);

    meddler.allow();
    until("the hub is ready", || {
        http.try_send("GET", "/readyz", None).is_ok_and(|answer| answer.status == 200)
    });
    assert_eq!(problem(&hub), "");
    until_confirmed(&gateway);
}

#[test]
fn a_broker_without_shared_subscriptions_is_named_with_the_key_that_does_without() {
    let broker = Broker::start();
    let meddler = Meddler::denying(broker.port(), "/up");
    let keys = format!("subscription = \"shared\"\n{}", section(&meddler.url(), &[]));
    let mut hub = Hub::prepare(&keys);
    hub.spawn();
    until("the status says why", || problem(&hub).contains("$share/stockgate-hub-"));
    let next = "with subscription = \"own\" under [hub]";
    until("the log says what to do", || hub.log().replace('\\', "").contains(next));
    let mut doctor = Program::hub().command();
    let visit = run_to_end(doctor.args(["doctor", "--config"]).arg(hub.config_path()));
    assert!(visit.stdout.contains(next), "{visit:?}");
}

#[test]
fn a_hub_that_may_not_hear_who_is_online_books_all_the_same_and_says_so() {
    let broker = Broker::start();
    let meddler = Meddler::denying(broker.port(), "/state");
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 5)]);
    let mut hub = Hub::prepare(&section(&meddler.url(), &[]));
    hub.spawn();

    let words = "stockgate/1/+/+/state: the hub does not learn which gateways are online";
    until("the status says why", || problem(&hub).contains(words));
    assert_logged(&hub.log(), words);
    until_confirmed(&gateway);
}

#[test]
fn a_gateway_that_may_not_hear_the_hub_says_so_until_it_is_allowed() {
    let broker = Broker::start();
    let meddler = Meddler::denying(broker.port(), "/down");
    let _hub = Hub::start(&broker);
    let gateway = Gateway::stocked_with(&section(&meddler.url(), &[]), &[("A", 5)]);

    let words = "stockgate/1/wh-01/gw-01/down: this gateway does not hear the hub";
    until_reason(&gateway, words);
    assert_logged(&gateway.log(), words);
    assert_found(stockgate(), &gateway.config_path(), words);

    meddler.allow();
    until_confirmed(&gateway);
}

/// What the hub's status names as its problem.
fn problem(hub: &Hub) -> String {
    let status = hub.http().try_send("GET", "/api/status", None);
    let status = status.map(|answer| answer.json()).unwrap_or_default();
    status["problem"].as_str().unwrap_or_default().to_owned()
}

/// The log says it in one line with the next step.
fn assert_logged(log: &str, words: &str) {
    let is_said = log.lines().any(|line| line.contains(words) && line.contains(NEXT));
    assert!(is_said, "{words:?} is not in {log}");
}

fn assert_found(mut program: Command, config: &Path, words: &str) {
    let visit = run_to_end(program.args(["doctor", "--json", "--config"]).arg(config));
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let is_it = |finding: &&Value| {
        let message = finding["message"].as_str().unwrap_or_default();
        finding["check"] == "broker" && message.contains(words)
    };
    let found = report["findings"].as_array().unwrap().iter().find(is_it);
    let found = found.unwrap_or_else(|| panic!("no {words:?} in {report}"));
    assert_eq!((&found["verdict"], &found["next"]), (&"wrong".into(), &NEXT.into()), "{found}");
}
