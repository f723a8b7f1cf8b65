//! Several workers with the same sinks: each sink is one worker's at a time, and another one's soon
//! after that one has died.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::pair::until_confirmed;
use super::receiver::{Receiver, SECRET};
use super::sinks::{deduct, feed, sink};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{stretched, throughout, until};
use crate::support::postgres::Postgres;

/// Longer than a lease and the look for sinks that are free.
const TAKEN_OVER: Duration = Duration::from_secs(5);

/// Two workers on the same books.
struct Workers {
    hubs: [Hub; 2],
    postgres: Postgres,
    erp: Receiver,
    broker: Broker,
}

impl Workers {
    fn start() -> Self {
        let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
        let hubs = ["hub-1", "hub-2"].map(|name| {
            let keys = format!("worker = \"{name}\"\nsubscription = \"shared\"\n");
            let sections = keys + &erp.section("erp", "") + &broker.section();
            let mut hub = Hub::prepare_on(&postgres.url(), &sections);
            hub.write("erp.secret", SECRET);
            hub.launch();
            hub
        });
        until("one has the sink", || sink(&hubs[0], "erp")["worker"].is_string());
        Self { hubs, postgres, erp, broker }
    }

    /// Adds events to the feed.
    fn receive(&self, ids: &[&str]) {
        for id in ids {
            assert_eq!(self.hubs[0].http().post("/api/receipts", &one(id, "A", 9)).status, 200);
        }
    }

    /// Which of them delivers.
    fn owner(&self) -> usize {
        usize::from(sink(&self.hubs[0], "erp")["worker"] == "hub-2")
    }

    /// How often each event has arrived, in their order.
    fn arrivals(&self) -> Vec<usize> {
        let mut counts = BTreeMap::<String, usize>::new();
        self.erp.ids().into_iter().for_each(|id| *counts.entry(id).or_default() += 1);
        let id = |event: &Value| event["event_id"].as_str().unwrap().to_owned();
        feed(&self.hubs[0]).iter().map(|event| counts.remove(&id(event)).unwrap_or(0)).collect()
    }
}

#[test]
fn one_of_several_workers_delivers_and_another_goes_on_soon_after_it_is_killed() {
    let mut workers = Workers::start();
    let gateway = Gateway::stocked_with(&workers.broker.section(), &[("A", 1_000)]);
    for number in 0..50 {
        deduct(&gateway, &[&format!("s{number}")]);
    }
    until_confirmed(&gateway);
    until("all have arrived", || workers.erp.state().events.len() >= 51);
    assert_eq!(workers.erp.state().events, feed(&workers.hubs[1]), "none comes twice");
    let at = workers.owner();
    workers.hubs[at].kill9();
    let killed = Instant::now();
    deduct(&gateway, &["later"]);
    until("the other one goes on", || workers.erp.ids().len() > 51);
    let waited = killed.elapsed();
    assert!(waited < stretched(TAKEN_OVER), "{waited:?}");
    assert_eq!(workers.erp.state().events.last().unwrap()["request_id"], "later");
    let worker = sink(&workers.hubs[1 - at], "erp")["worker"].clone();
    assert_eq!(worker, format!("hub-{}", 2 - at));
}

/// Deliveries that are longer than a lease: of the feed, and of events that were set aside.
#[test]
fn slow_deliveries_stay_with_one_worker() {
    let workers = Workers::start();
    workers.receive(&["po-1", "po-2", "po-3"]);
    until("they have arrived", || workers.arrivals() == [1, 1, 1]);
    let owner = workers.owner();
    workers.erp.state().delay = Duration::from_millis(6_500);
    workers
        .postgres
        .sql("INSERT INTO sink_aside SELECT 'erp', position, first_seq, 'refused', 1, 1 FROM feed");
    until("they are taken", || sink(&workers.hubs[0], "erp")["set_aside"] == 0);
    workers.erp.state().delay = Duration::ZERO;
    throughout(Duration::from_secs(2), || assert_eq!(workers.arrivals(), [2, 2, 2]));
    workers.erp.state().delay = Duration::from_millis(8_000);
    workers.receive(&["po-4"]);
    until("it arrives", || workers.arrivals() == [2, 2, 2, 1]);
    until("it is taken", || sink(&workers.hubs[0], "erp")["lag_events"] == 0);
    assert_eq!((workers.arrivals(), workers.owner()), (vec![2, 2, 2, 1], owner));
}

/// A worker that waits after a failure keeps the sink, and hears of people who want it tried from the
/// books.
#[test]
fn a_sink_that_waits_stays_with_its_worker_and_is_tried_at_once_on_request_to_any_worker() {
    let workers = Workers::start();
    let owner = workers.owner();
    {
        let mut state = workers.erp.state();
        (state.status, state.retry_after) = (Some(503), Some(60));
    }
    workers.receive(&["po-1"]);
    until("it has failed", || workers.erp.state().refused == 1);
    until("each worker has the metrics of a sink that only one of them has", || {
        let metrics = workers.hubs.each_ref().map(|hub| hub.http().get("/metrics").text);
        let failing = "stockgate_hub_sink_failing{sink=\"erp\"} 1";
        metrics.iter().all(|text| text.contains(failing))
    });
    throughout(Duration::from_secs(18), || {
        assert_eq!((workers.erp.state().refused, workers.owner()), (1, owner));
    });
    for (tries, hub) in [(2, owner), (3, 1 - owner)] {
        workers.hubs[hub].http().post("/api/sinks/erp/retry", &json!({}));
        until("it is tried", || workers.erp.state().refused == tries);
        throughout(Duration::from_secs(3), || assert_eq!(workers.erp.state().refused, tries));
    }
    workers.erp.state().status = None;
    let asked = Instant::now();
    workers.hubs[1 - owner].http().post("/api/sinks/erp/retry", &json!({}));
    until("it is tried", || workers.arrivals() == [1]);
    let waited = asked.elapsed();
    assert!(waited < stretched(Duration::from_secs(4)), "{waited:?}");
    assert_eq!(workers.owner(), owner);
}

/// A worker that died has left a lease that ends far in the future.
#[test]
fn a_clock_of_the_database_that_was_set_back_keeps_no_sink_from_workers() {
    let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
    let mut hub = Hub::prepare_on(&postgres.url(), &(erp.section("erp", "") + &broker.section()));
    hub.write("erp.secret", SECRET);
    hub.launch();
    until("it has the sink", || sink(&hub, "erp")["worker"].is_string());
    hub.kill9();
    postgres.sql("UPDATE sink SET lease_until_ms = lease_until_ms + 86400000");
    hub.launch();
    assert_eq!(hub.http().post("/api/receipts", &one("po", "A", 9)).status, 200);
    until("it delivers", || erp.state().events.len() == 1);
}

/// A worker whose list lacks a sink says so, and keeps what the sink has not taken as long as another one
/// may deliver it.
#[test]
fn a_sink_that_only_one_worker_is_configured_with_is_shown_by_the_other_and_loses_nothing() {
    let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
    let worker = |name: &str, more: &str| {
        let keys = format!("worker = \"{name}\"\nsubscription = \"shared\"\n{more}");
        let hub = Hub::prepare_on(&postgres.url(), &(keys + &broker.section()));
        hub.write("erp.secret", SECRET);
        hub
    };
    let mut one_of_them = worker("hub-1", &erp.section("erp", ""));
    one_of_them.launch();
    until("it has the sink", || sink(&one_of_them, "erp")["worker"] == "hub-1");
    erp.state().status = Some(503);
    for id in ["old-1", "old-2", "new"] {
        assert_eq!(one_of_them.http().post("/api/receipts", &one(id, "A", 9)).status, 200);
    }
    until("all are in the feed", || feed(&one_of_them).len() == 3);
    postgres.sql("UPDATE feed SET at_ms = at_ms - 3456000000 WHERE position <= 2");
    // What shows what time it is.
    postgres.sql("UPDATE feed SET at_ms = at_ms - 7200000 WHERE position = 3");

    let mut other = worker("hub-2", "ledger_retention_days = 30\n");
    other.launch();
    until("it is shown", || sink(&other, "erp")["worker"] == "hub-1");
    assert_eq!(
        (&sink(&other, "erp")["kind"], sink(&other, "erp")["state"].as_str()),
        (&Value::Null, Some("failing"))
    );
    other.wait_until_logged(0, &["not configured with; give all workers the same list"]);
    throughout(Duration::from_secs(2), || assert_eq!(feed(&other).len(), 3));
    one_of_them.terminate();
    until("nobody has it", || sink(&other, "erp")["state"] == "kept");
    assert!(sink(&other, "erp")["kept_until"].is_string());
    other.wait_until_logged(0, &["until then, entries are kept for it"]);
    // As an earlier version releases it.
    postgres.sql("UPDATE sink SET lease_until_ms = 0");
    other.restart();
    throughout(Duration::from_secs(2), || assert_eq!(feed(&other).len(), 3));
    assert_eq!(sink(&other, "erp")["state"], "kept");

    postgres.sql("UPDATE sink SET lease_until_ms = lease_until_ms - 691200000");
    other.restart();
    until("what is old is removed", || feed(&other).len() == 1);
    assert_eq!(sink(&other, "erp")["state"], "forgotten");
    other.wait_until_logged(0, &["no entries are kept for it any more"]);
}
