//! The doctor's checks of broker and hub, which disturb neither them nor the gateway.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::pair::{Pair, until_state};
use crate::support::broker::{Broker, section};
use crate::support::cable::Cable;
use crate::support::certificates::Authority;
use crate::support::gateway::Gateway;
use crate::support::meddler::Meddler;
use crate::support::patience::stretched;
use crate::support::process::run_to_end;
use crate::support::program::stockgate;

/// The first finding of a check, and the exit code.
fn found(gateway: &Gateway, check: &str) -> (Value, Option<i32>) {
    let mut command = stockgate();
    let visit =
        run_to_end(command.args(["doctor", "--json", "--config"]).arg(gateway.config_path()));
    let report: Value = serde_json::from_str(&visit.stdout).unwrap_or_else(|_| panic!("{visit:?}"));
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    (found.unwrap_or_else(|| panic!("no {check} in {report}")).clone(), visit.code)
}

fn says(finding: &Value, verdict: &str, message: &str, next: &str) {
    assert_eq!(finding["verdict"], verdict, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
    assert!(finding["next"].as_str().unwrap_or_default().contains(next), "{finding}");
}

#[test]
fn reachable_broker_and_hub_are_reported_and_not_disturbed() {
    let pair = Pair::stocked(&[("A", 5)]);
    let losses = || pair.gateway.http().metric("stockgate_link_losses_total");
    let before = losses();
    let (broker, code) = found(&pair.gateway, "broker");
    says(&broker, "ok", "accepts us", "");
    assert_eq!(code, Some(0));
    says(&found(&pair.gateway, "hub").0, "ok", "confirmed up to 1", "");
    assert_eq!(losses(), before, "the gateway has kept its connection");
}

#[test]
fn an_unreachable_broker_is_reported_with_the_next_step() {
    let mut pair = Pair::stocked(&[("A", 5)]);
    pair.broker.kill9();
    until_state(&pair.gateway, "offline");
    let (broker, code) = found(&pair.gateway, "broker");
    says(&broker, "wrong", "cannot be reached", "start the broker");
    assert_eq!(code, Some(1));
    says(
        &found(&pair.gateway, "hub").0,
        "wrong",
        "the hub link is offline: ",
        "the gateway keeps working",
    );
}

#[test]
fn a_missing_hub_is_distinguished_from_a_missing_broker() {
    let broker = Broker::start();
    let gateway = Gateway::start_with(&broker.section());
    let is_told =
        |sync: &Value| sync["reason"].as_str().is_some_and(|why| why.contains("the hub does not"));
    crate::support::patience::until("the hub is given up", || is_told(&gateway.sync()));
    says(&found(&gateway, "broker").0, "ok", "accepts us", "");
    says(
        &found(&gateway, "hub").0,
        "wrong",
        "the broker answers, the hub does not",
        "look at the hub",
    );
}

#[test]
fn round_trip_and_size_limit_of_the_broker_are_reported() {
    let limit = "a message of 32 KiB does not get through, small ones do: a size limit of the broker or of a proxy";
    let raise = "raise the broker's limit to 64 KiB or more";
    for (lines, verdict, words, step) in [
        ("set_tcp_nodelay true\n", "ok", "ms through the broker and back", ""),
        ("", "note", "the broker holds small messages back", "set_tcp_nodelay true"),
        ("set_tcp_nodelay true\n", "ok", "a message of 32 KiB passes the broker", ""),
        ("message_size_limit 8192\n", "note", limit, raise),
        ("max_packet_size 8192\n", "note", limit, raise),
    ] {
        let broker = Broker::start_with(&format!("allow_anonymous true\n{lines}"));
        let gateway = Gateway::prepare(&broker.section());
        let report = || {
            let mut command = stockgate();
            let config = gateway.config_path();
            let visit = run_to_end(command.args(["doctor", "--json", "--config"]).arg(config));
            serde_json::from_str::<Value>(&visit.stdout).unwrap()
        };
        let is_told = |report: &Value| {
            let findings = report["findings"].as_array().unwrap();
            let is_it = |finding: &&Value| finding["message"].as_str().unwrap().contains(words);
            let found = findings.iter().find(is_it);
            let next = |found: &Value| found["next"].as_str().unwrap_or_default().contains(step);
            found.is_some_and(|found| found["verdict"] == verdict && next(found))
        };
        // A machine that has stood still for a moment acknowledges everything at once for a while.
        let reports: Vec<Value> =
            (0..4).map(|_| report()).take_while(|one| !is_told(one)).collect();
        assert!(reports.len() < 4, "no {verdict} of {words:?}: {reports:?}");
    }
}

/// Six seconds each way for a full frame, which may be on the way at the same time in part.
#[test]
fn a_full_frame_has_time_on_a_slow_link() {
    let broker = Broker::start_with("allow_anonymous true\nset_tcp_nodelay true\n");
    let cable = Cable::to(broker.port());
    cable.throttle(5_000);
    let gateway = Gateway::prepare(&cable.section());
    let mut command = stockgate();
    let began = Instant::now();
    let visit = run_to_end(command.args(["doctor", "--config"]).arg(gateway.config_path()));
    assert!(visit.stdout.contains("a message of 32 KiB passes the broker"), "{visit:?}");
    assert!(began.elapsed() > Duration::from_secs(6), "the link was slow");
}

/// The proxy answers nothing in its place.
#[test]
fn a_message_that_a_proxy_drops_is_missed_as_soon_as_a_later_one_is_back() {
    let broker = Broker::start();
    let meddler = Meddler::dropping(broker.port(), 8_192);
    let gateway = Gateway::prepare(&section(&meddler.url(), &[]));
    let mut command = stockgate();
    let began = Instant::now();
    let visit = run_to_end(command.args(["doctor", "--config"]).arg(gateway.config_path()));
    let words = "a message of 32 KiB does not get through, small ones do";
    assert!(visit.stdout.contains(words), "{visit:?}");
    assert!(began.elapsed() < stretched(Duration::from_secs(5)), "{:?}", began.elapsed());
}

#[test]
fn a_tls_failure_is_reported_with_the_next_step() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.sign("broker", "IP:127.0.0.1");
    let elsewhere = authority.sign("elsewhere", "IP:127.0.0.2");
    let file = |path: &std::path::Path| path.display().to_string();
    let broker = |identity: &crate::support::certificates::Identity| {
        Broker::start_with(&format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nallow_anonymous true\n",
            file(&authority.file()),
            file(&identity.certificate),
            file(&identity.key)
        ))
    };
    for (identity, trusted, verdict, message, next) in [
        (&identity, &authority, "ok", "over TLS", ""),
        (&identity, &stranger, "wrong", "certificate", "mqtt.ca_file"),
        (&elsewhere, &authority, "wrong", "is not for the host", "the host in mqtt.url"),
    ] {
        let broker = broker(identity);
        let url = broker.url().replace("mqtt://", "mqtts://");
        let ca_file = file(&trusted.file());
        let gateway = Gateway::prepare(&section(&url, &[("ca_file", &ca_file)]));
        says(&found(&gateway, "broker").0, verdict, message, next);
        says(&found(&gateway, "hub").0, "skipped", "does not run", "start it");
    }
}
