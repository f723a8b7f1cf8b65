//! The sinks of the feed: each event arrives, in order, whatever fails.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::until_confirmed;
use super::receiver::{Receiver, SECRET};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{throughout, until};
use crate::support::terminal::Terminal as _;

/// A hub whose configuration ends with these sections.
pub(super) fn hub_with(broker: &Broker, sections: &str) -> Hub {
    let mut hub = Hub::prepare(&(sections.to_owned() + &broker.section()));
    hub.write("erp.secret", SECRET);
    hub.launch();
    hub
}

/// Every event of the feed.
pub(super) fn feed(hub: &Hub) -> Vec<Value> {
    let page = hub.http().get("/api/events?after=0&limit=1000").json();
    page["events"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

pub(super) fn sink(hub: &Hub, name: &str) -> Value {
    let answer = hub.http().get("/api/sinks").json();
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{answer}")).clone()
}

pub(super) fn deduct(gateway: &Gateway, ids: &[&str]) {
    ids.iter().for_each(|id| drop(gateway.http().ok("deduct", one(id, "A", 1))));
}

/// Whether a place is that of a cursor, which ends with a check of the range.
pub(super) fn is_at(place: &Value, cursor: &Value) -> bool {
    let (place, cursor) = (place.as_str().unwrap(), cursor.as_str().unwrap());
    cursor == place || cursor.strip_prefix(place).is_some_and(|rest| rest.starts_with('.'))
}

#[test]
fn each_sink_takes_every_event_in_order_and_none_waits_for_another() {
    let (broker, erp, shop) = (Broker::start(), Receiver::start(), Receiver::start());
    shop.state().status = Some(503);
    let hub = hub_with(&broker, &(erp.section("erp", "") + &shop.section("shop", "")));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    deduct(&gateway, &["s1", "s2", "s3"]);
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    until_confirmed(&gateway);
    until("one sink has all", || erp.state().events.len() == 5);
    assert_eq!(erp.state().events, feed(&hub), "as they are in the feed");
    let headers = erp.state().headers[0].clone();
    assert_eq!(headers["content-type"], "application/json");
    assert!(headers["webhook-id"].starts_with("msg_"), "{headers:?}");
    until("the position is saved", || sink(&hub, "erp")["lag_events"] == 0);
    let of = sink(&hub, "erp");
    let last = feed(&hub).last().unwrap()["cursor"].clone();
    assert!(is_at(&of["position"], &last), "{of}");
    assert_eq!((&of["error"], &of["state"]), (&Value::Null, &"delivering".into()));

    until("the other one fails", || sink(&hub, "shop")["state"] == "failing");
    let of = sink(&hub, "shop");
    assert_eq!(
        (&of["lag_events"], &of["error"]),
        (&5.into(), &"it answered 503 Service Unavailable".into())
    );
    until("the metrics say so", || {
        let metrics = hub.http().get("/metrics").text;
        metrics.contains("stockgate_hub_sink_failing{sink=\"shop\"} 1")
            && metrics.contains("stockgate_hub_sink_lag_events{sink=\"shop\"} 5")
            && metrics.contains("stockgate_hub_sink_lag_events{sink=\"erp\"} 0")
            && metrics.contains("sink=\"shop\",error=\"it answered 503 Service Unavailable\"} 1")
    });
    shop.state().status = None;
    assert_eq!(hub.http().post("/api/sinks/shop/retry", &json!({})).json()["retrying"], 0);
    until("it catches up", || shop.ids() == erp.ids());
    assert_eq!(shop.state().events, feed(&hub));
    hub.http().post("/api/sinks/other/retry", &json!({})).refused("not_found");
    let log = hub.log();
    assert!(!log.contains(SECRET) && !log.contains("/hook"), "{log}");
}

#[test]
fn one_event_that_is_refused_is_set_aside_alone_and_tried_again_on_request() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().poison = Some("s2".into());
    erp.state().status = Some(500);
    let hub = hub_with(&broker, &erp.section("erp", "give_up_s = 1\n"));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    deduct(&gateway, &["s1", "s2", "s3"]);
    until_confirmed(&gateway);
    until("the sink has failed", || erp.state().refused > 1);
    erp.state().status = None;
    until("the others have arrived", || erp.state().events.len() == 3);
    let of = sink(&hub, "erp");
    assert_eq!(of["set_aside"], 1, "{of}");
    let aside = &of["aside"][0];
    let expected = feed(&hub).into_iter().find(|event| event["request_id"] == "s2").unwrap();
    assert_eq!(aside["event_id"], expected["event_id"], "{of}");
    assert_eq!(aside["error"], "it answered 422 Unprocessable Entity");

    let retry = || hub.http().post("/api/sinks/erp/retry", &json!({})).json();
    assert_eq!(retry(), json!({"name": "erp", "retrying": 1}));
    until("it is refused again", || sink(&hub, "erp")["aside"][0]["retrying"] == false);
    erp.state().poison = None;
    retry();
    until("it is taken", || sink(&hub, "erp")["set_aside"] == 0);
    assert_eq!(erp.state().events.last(), Some(&expected));
    deduct(&gateway, &["s4"]);
    until("the sink goes on", || erp.state().events.len() == 5);
    assert_eq!(sink(&hub, "erp")["state"], "delivering");
}

#[test]
fn without_give_up_s_a_sink_waits_at_the_event_that_is_refused() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().poison = Some("s1".into());
    let hub = hub_with(&broker, &erp.section("erp", ""));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    deduct(&gateway, &["s1", "s2"]);
    until("it is refused alone", || sink(&hub, "erp")["state"] == "refused");
    until("it is tried again", || erp.state().refused > 4);
    assert_eq!((erp.state().events.len(), &sink(&hub, "erp")["set_aside"]), (1, &0.into()));
}

/// One event of many is found by halves, so a sink is not asked once for each of them.
#[test]
fn the_event_that_is_refused_is_found_among_many_with_few_requests() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().status = Some(500);
    let hub = hub_with(&broker, &erp.section("erp", "give_up_s = 1\n"));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 1_000)]);
    let ids: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    deduct(&gateway, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    until_confirmed(&gateway);
    until("all wait", || sink(&hub, "erp")["lag_events"] == 101);
    let before = {
        let mut state = erp.state();
        (state.status, state.poison) = (None, Some("s61".into()));
        state.headers.len()
    };
    hub.http().post("/api/sinks/erp/retry", &json!({}));
    until("the others have arrived", || erp.state().events.len() == 100);
    let requests = erp.state().headers.len() - before;
    assert!(requests < 30, "{requests} requests");
    assert_eq!(sink(&hub, "erp")["set_aside"], 1);
}

/// A receiver that has refused the first of two events, which is set aside.
fn with_a_dead_letter() -> (Broker, Receiver, Hub, Gateway) {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().poison = Some("s1".into());
    let hub = hub_with(&broker, &erp.section("erp", "give_up_s = 1\n"));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    deduct(&gateway, &["s1", "s2"]);
    until("one is set aside", || sink(&hub, "erp")["set_aside"] == 1);
    (broker, erp, hub, gateway)
}

/// An event that is tried again holds up nothing, whatever is answered.
#[test]
fn a_sink_goes_on_though_an_event_that_is_tried_again_finds_it_unavailable() {
    let (_broker, erp, hub, gateway) = with_a_dead_letter();
    erp.state().poison_status = Some(500);
    hub.http().post("/api/sinks/erp/retry", &json!({}));
    let said = "it answered 500 Internal Server Error";
    until("it was tried", || sink(&hub, "erp")["aside"][0]["error"] == said);
    deduct(&gateway, &["s3"]);
    until("the sink goes on", || erp.state().events.len() == 3);
    // That says nothing of the event, so it is tried again, with pauses.
    assert_eq!(sink(&hub, "erp")["aside"][0]["retrying"], true);
    let tries = erp.state().headers.len();
    std::thread::sleep(Duration::from_secs(3));
    assert!(erp.state().headers.len() - tries < 8, "the pauses grow");
    erp.state().poison = None;
    until("it is taken", || sink(&hub, "erp")["set_aside"] == 0);
    assert_eq!(erp.state().events.last().unwrap()["request_id"], "s1");
}

#[test]
fn a_dead_letter_is_tried_until_a_sink_that_is_down_is_back() {
    let (_broker, erp, hub, _gateway) = with_a_dead_letter();
    let refused = {
        let mut state = erp.state();
        (state.poison, state.status) = (None, Some(503));
        state.refused
    };
    hub.http().post("/api/sinks/erp/retry", &json!({}));
    until("it was tried", || erp.state().refused > refused);
    throughout(Duration::from_secs(1), || {
        assert_eq!(sink(&hub, "erp")["aside"][0]["retrying"], true);
    });
    erp.state().status = None;
    until("it is taken", || sink(&hub, "erp")["set_aside"] == 0);
}

/// The worker hears of the request from its client and from the books.
#[test]
fn a_request_to_try_again_is_one_try() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    {
        let mut state = erp.state();
        (state.status, state.retry_after) = (Some(503), Some(60));
    }
    let hub = hub_with(&broker, &erp.section("erp", ""));
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    for tries in 1..4 {
        until("it is tried", || erp.state().refused == tries);
        until("that is noted", || sink(&hub, "erp")["state"] == "failing");
        throughout(Duration::from_secs(1), || assert_eq!(erp.state().refused, tries));
        assert_eq!(hub.http().post("/api/sinks/erp/retry", &json!({})).status, 200);
    }
}

#[test]
fn an_event_that_is_not_in_the_books_any_more_stays_set_aside_with_that_reason() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    let mut hub = hub_with(&broker, &erp.section("erp", ""));
    assert_eq!(hub.http().post("/api/receipts", &one("po", "B", 9)).status, 200);
    until("it has arrived", || erp.state().events.len() == 1);
    hub.terminate();
    let sql = "INSERT INTO sink_aside VALUES ('erp', 1, 7, 'refused', 1, 1)";
    Connection::open(hub.database()).unwrap().execute(sql, []).unwrap();
    hub.launch();
    until("the reason is noted", || {
        sink(&hub, "erp")["aside"][0]["error"] == "not in the books any more"
    });
    let of = sink(&hub, "erp");
    assert_eq!((&of["set_aside"], &of["aside"][0]["retrying"]), (&1.into(), &false.into()));
    assert_eq!(erp.state().headers.len(), 1, "nothing was sent");
}

#[test]
fn an_answer_whose_body_does_not_end_counts_by_its_status() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().stalls = true;
    let hub = hub_with(&broker, &erp.section("erp", ""));
    for (count, id) in ["po-1", "po-2"].iter().enumerate() {
        assert_eq!(hub.http().post("/api/receipts", &one(id, "B", 9)).status, 200);
        until("it is taken", || sink(&hub, "erp")["position"] == format!("{0}.{0}", count + 1));
    }
    assert_eq!(erp.state().events, feed(&hub), "each once");
    assert_eq!(sink(&hub, "erp")["error"], Value::Null);
}

/// What the books say of the refusal is from before the clock was set.
#[test]
fn a_clock_that_was_set_back_has_no_event_given_up() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    erp.state().poison = Some("s1".into());
    let mut hub = hub_with(&broker, &erp.section("erp", "give_up_s = 3600\n"));
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100)]);
    deduct(&gateway, &["s1", "s2"]);
    until("it is refused", || sink(&hub, "erp")["state"] == "refused");
    hub.terminate();
    let sql = "UPDATE sink SET refused_since_ms = refused_since_ms + 86400000";
    Connection::open(hub.database()).unwrap().execute(sql, []).unwrap();
    let refused = erp.state().refused;
    hub.launch();
    until("it is tried again", || erp.state().refused > refused + 2);
    let of = sink(&hub, "erp");
    assert_eq!((&of["set_aside"], &of["state"]), (&0.into(), &"refused".into()), "{of}");
}
