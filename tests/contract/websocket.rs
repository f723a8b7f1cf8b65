//! The WebSocket port: greeting, order of answers, subscriptions and invalid messages.

use std::collections::BTreeMap;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::errors::malformed_texts;
use crate::support::bodies::{many, one, padded};
use crate::support::gateway::Gateway;
use crate::support::terminal::{Terminal, number};
use crate::support::ws::{Closed, Ws};

const MESSAGE_BYTES_MAX: usize = 64 * 1024;
const EVENT_LIMIT: Duration = Duration::from_secs(30);
/// The limit of 30 s, and the time to notice a terminal that does not read.
const DEAF_FOR: Duration = Duration::from_secs(42);
/// The limit for silent terminals, and one more ping.
const SLEPT: Duration = Duration::from_secs(50);
/// Long enough that an event that should not come would have come.
const QUIET: Duration = Duration::from_millis(400);

#[test]
fn the_server_sends_hello_first() {
    let gateway = Gateway::start();

    let hello = gateway.ws().hello().clone();

    assert_eq!(
        hello,
        json!({"event": "hello", "gateway": "gw-01", "site": "wh-01",
            "version": env!("CARGO_PKG_VERSION"), "protocol": 1})
    );
}

#[test]
fn the_id_comes_back_as_it_was_sent() {
    let gateway = Gateway::start();
    let mut ws = gateway.ws();
    for id in [json!(0), json!(7), json!("x-7"), json!(""), json!(1_u64 << 40)] {
        ws.send_text(&json!({"id": id, "op": "status"}).to_string());

        let answer = ws.next_answer();

        assert_eq!((&answer["id"], &answer["ok"]), (&id, &json!(true)));
    }
}

#[test]
fn an_id_has_a_bounded_length_in_either_form() {
    let gateway = Gateway::start();
    let mut ws = gateway.ws();
    for id in ["9".repeat(257), format!("\"{}\"", "x".repeat(257))] {
        ws.send_text(&format!(r#"{{"id":{id},"op":"status"}}"#));
        let answer = ws.next_answer();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!("bad_request"))
        );
    }
}

#[test]
fn a_limit_that_no_number_has_room_for_is_the_maximum() {
    let gateway = Gateway::stocked(&[("A", 1), ("B", 1)]);
    let mut ws = gateway.ws();
    for op in ["list", "ledger", "reservations"] {
        for limit in ["100000000000000000000", "1e300", "1000.0"] {
            ws.send_text(&format!(r#"{{"id":1,"op":"{op}","limit":{limit}}}"#));
            let answer = ws.next_answer();
            assert_eq!((&answer["ok"], &answer["result"]["next"]), (&json!(true), &Value::Null));
        }
    }
}

#[test]
fn pipelined_requests_are_decided_in_the_order_in_which_they_were_sent() {
    let gateway = Gateway::stocked(&[("A", 100)]);
    let mut ws = gateway.ws();

    let outcomes = ws.pipelined("deduct", (0..200).map(|n| one(&format!("r{n}"), "A", 1)));

    for (n, outcome) in outcomes.iter().enumerate() {
        let left = outcome.as_ref().ok().map(|result| number(&result["lines"][0], "on_hand"));
        assert_eq!(left, 99_u64.checked_sub(n as u64), "request {n}: {outcome:?}");
    }
}

#[test]
fn a_pipelined_request_sees_what_the_one_before_it_did() {
    let gateway = Gateway::start();
    let mut ws = gateway.ws();
    for round in 0..50 {
        let sku = format!("S{round}");
        let restock = ws.send("restock", one(&format!("in-{round}"), &sku, 1));
        let deduct = ws.send("deduct", one(&format!("out-{round}"), &sku, 1));
        let too_much = ws.send("deduct", one(&format!("more-{round}"), &sku, 1));

        assert!(ws.outcome(&restock).is_ok());
        assert!(ws.outcome(&deduct).is_ok());
        assert_eq!(ws.outcome(&too_much).unwrap_err()["code"], "insufficient_stock");
    }
}

#[test]
fn a_malformed_message_is_answered_and_the_connection_stays_open() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    let mut ws = gateway.ws();
    for text in malformed_texts() {
        assert_bad_request(&mut ws, &text, &Value::Null);
    }
    for (message, id) in [
        (json!({}), Value::Null),
        (json!({"op": "status"}), Value::Null),
        (json!({"id": null, "op": "status"}), Value::Null),
        (json!({"id": {}, "op": "status"}), Value::Null),
        (json!({"id": [1], "op": "status"}), Value::Null),
        (json!({"id": 1}), json!(1)),
        (json!({"id": "x", "op": 7}), json!("x")),
        (json!({"id": 2, "op": "deduct", "request_id": "r1", "lines": 3}), json!(2)),
    ] {
        assert_bad_request(&mut ws, &message.to_string(), &id);
    }
    ws.ok("deduct", one("r1", "A", 1));
}

#[test]
fn a_message_over_64_kib_closes_the_connection() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let message = json!({"id": 1, "op": "deduct", "request_id": "r1", "sku": "A", "quantity": 1});
    let mut ws = gateway.ws();

    ws.send_text(&padded(&message, MESSAGE_BYTES_MAX + 1));

    assert_eq!(ws.wait_closed(EVENT_LIMIT), Some(Closed { code: Some(1009) }));
    let mut ws = gateway.ws();
    ws.send_text(&padded(&message, MESSAGE_BYTES_MAX));
    assert_eq!(ws.next_answer()["result"]["replayed"], false);
}

#[test]
fn a_far_too_large_body_is_refused_while_it_is_still_being_sent() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let message = json!({"id": 1, "op": "deduct", "request_id": "r1", "sku": "A", "quantity": 1});
    let mut ws = gateway.ws();
    ws.send_text(&padded(&message, 16 * MESSAGE_BYTES_MAX));
    assert_eq!(ws.wait_closed(EVENT_LIMIT), Some(Closed { code: Some(1009) }));
}

#[test]
fn a_subscription_sends_the_current_items_and_then_every_change() {
    for (filter, matched) in [
        (json!({"skus": ["85A", "85B"]}), 2),
        (json!({"prefix": "85"}), 2),
        (json!({"all": true}), 3),
        (json!({"skus": ["85A", "85B"], "all": false, "prefix": null}), 2),
        (json!({"prefix": "85", "all": false}), 2),
    ] {
        let gateway = Gateway::stocked(&[("85A", 10), ("85B", 20), ("9", 30)]);
        let (mut ws, mut http) = (gateway.ws(), gateway.http());

        let result = ws.ok("subscribe", filter.clone());
        assert_eq!(result["matched"], matched, "{filter}");
        let mut seen = Seen::default();
        seen.read_until(&mut ws, |seen| seen.items.len() == matched);
        assert_eq!(seen.items["85A"], http.item("85A"));

        http.ok("deduct", one("d1", "9", 1));
        http.ok("deduct", many("d2", &[("85A", 1), ("85B", 2)]));
        seen.read_until(&mut ws, |seen| seen.on_hand("85A") == 9 && seen.on_hand("85B") == 18);
        assert_eq!(seen.items.contains_key("9"), matched == 3, "{filter}");
    }
}

#[test]
fn reservations_and_their_expiry_are_changes_too() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"all": true}));
    let mut seen = Seen::default();
    let reserve = json!({"request_id": "r1", "sku": "A", "quantity": 4, "ttl_s": 1});
    gateway.http().ok("reserve", reserve);

    seen.read_until(&mut ws, |seen| seen.items.get("A").is_some_and(|item| item["reserved"] == 4));
    seen.read_until(&mut ws, |seen| seen.items["A"]["reserved"] == 0);
}

#[test]
fn a_sku_that_is_created_later_reaches_its_subscribers() {
    for filter in [json!({"skus": ["NEW"]}), json!({"prefix": "NE"}), json!({"all": true})] {
        let gateway = Gateway::start();
        let mut ws = gateway.ws();
        assert_eq!(ws.ok("subscribe", filter.clone())["matched"], 0, "{filter}");

        gateway.http().ok("restock", one("r1", "NEW", 3));

        Seen::default().read_until(&mut ws, |seen| seen.on_hand("NEW") == 3);
    }
}

#[test]
fn a_subscription_with_nothing_to_send_sends_no_stock_event() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();

    assert_eq!(ws.ok("subscribe", json!({"skus": ["NOPE"]}))["matched"], 0);
    gateway.http().ok("deduct", one("d1", "A", 1));

    assert_eq!(ws.next_event("stock", QUIET), None);
}

#[test]
fn subscribing_again_since_a_seq_sends_only_what_changed_after_it() {
    let gateway = Gateway::stocked(&[("A", 10), ("B", 10), ("C", 10)]);
    let mut first = gateway.ws();
    first.ok("subscribe", json!({"all": true}));
    let mut seen = Seen::default();
    seen.read_until(&mut first, |seen| seen.items.len() == 3);
    drop(first);
    gateway.http().ok("deduct", one("d1", "B", 1));

    let mut again = gateway.ws();
    again.ok("subscribe", json!({"all": true, "since": seen.seq}));

    let event = again.next_event("stock", EVENT_LIMIT).expect("what was missed");
    assert_eq!(event["items"], json!([gateway.http().item("B")]));
    assert_eq!(again.next_event("stock", QUIET), None);
}

#[test]
fn subscribing_since_the_newest_seq_sends_nothing_but_what_comes() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();
    let since = gateway.http().ok("status", json!({}))["ledger_seq"].take();

    ws.ok("subscribe", json!({"all": true, "since": since}));

    assert_eq!(ws.next_event("stock", QUIET), None);
    gateway.http().ok("deduct", one("d1", "A", 1));
    Seen::default().read_until(&mut ws, |seen| seen.on_hand("A") == 9);
}

#[test]
fn updates_may_skip_versions_but_end_with_the_newest_and_never_go_back() {
    let gateway = Gateway::stocked(&[("A", 2_000), ("B", 2_000)]);
    let mut watcher = gateway.ws();
    watcher.ok("subscribe", json!({"all": true}));

    thread::scope(|scope| {
        for sku in ["A", "B"] {
            let mut ws = gateway.ws();
            scope.spawn(move || {
                let bodies = (0..1_000).map(|n| one(&format!("{sku}{n}"), sku, 1));
                assert!(ws.pipelined("deduct", bodies).iter().all(Result::is_ok));
            });
        }
        let mut seen = Seen::default();
        seen.read_until(&mut watcher, |seen| {
            seen.on_hand("A") == 1_000 && seen.on_hand("B") == 1_000
        });
        assert_eq!(seen.items["A"], gateway.http().item("A"));
    });
}

#[test]
fn hundreds_of_subscribers_that_come_and_go_all_end_with_the_newest_stock() {
    const CHANGES: u64 = 500;
    let gateway = Gateway::stocked(&[("A", CHANGES), ("B", CHANGES)]);
    let kinds: [(Value, &[&str]); 3] = [
        (json!({"all": true}), &["A", "B"]),
        (json!({"skus": ["A"]}), &["A"]),
        (json!({"prefix": "B"}), &["B"]),
    ];
    let watch = |nth: usize| {
        let (mut ws, (what, skus)) = (gateway.ws(), &kinds[nth % kinds.len()]);
        ws.ok("subscribe", what.clone());
        (ws, *skus)
    };
    thread::scope(|scope| {
        let mut ws = gateway.ws();
        scope.spawn(move || {
            for n in 0..CHANGES {
                ws.ok("deduct", one(&format!("d{n}"), ["A", "B"][usize::from(n % 2 == 1)], 1));
            }
        });
        let mut watchers: Vec<_> = (0..300).map(watch).collect();
        watchers.drain(..150);
        watchers.extend((0..50).map(watch));
        for (ws, skus) in &mut watchers {
            let is_newest = |seen: &Seen| skus.iter().all(|sku| seen.on_hand(sku) == CHANGES / 2);
            Seen::default().read_until(ws, is_newest);
        }
    });
}

#[test]
fn a_subscription_names_as_many_skus_as_its_message_holds() {
    let gateway = Gateway::stocked(&[("S0001", 1), ("S4999", 2)]);
    let mut ws = gateway.ws();
    let skus: Vec<String> = (0..7_000).map(|n| format!("S{n:04}")).collect();
    assert_eq!(ws.ok("subscribe", json!({"skus": skus}))["matched"], 2);
    let mut seen = Seen::default();
    seen.read_until(&mut ws, |seen| seen.items.len() == 2);
    gateway.http().ok("restock", many("in", &[("S6999", 3), ("T", 1)]));
    seen.read_until(&mut ws, |seen| seen.on_hand("S6999") == 3);
    assert!(!seen.items.contains_key("T"));
}

#[test]
fn unsubscribe_ends_the_updates() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"all": true}));
    Seen::default().read_until(&mut ws, |seen| seen.on_hand("A") == 10);

    ws.ok("unsubscribe", json!({}));
    gateway.http().ok("deduct", one("d1", "A", 1));

    assert_eq!(ws.next_event("stock", QUIET), None);
}

#[test]
fn a_second_subscription_replaces_the_first() {
    let gateway = Gateway::stocked(&[("A", 10), ("B", 10)]);
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"skus": ["A"]}));
    Seen::default().read_until(&mut ws, |seen| seen.on_hand("A") == 10);

    ws.ok("subscribe", json!({"skus": ["B"]}));
    gateway.http().ok("deduct", many("d1", &[("A", 1), ("B", 1)]));

    let mut seen = Seen::default();
    seen.read_until(&mut ws, |seen| seen.on_hand("B") == 9);
    assert!(!seen.items.contains_key("A"), "{:?}", seen.items);
    assert_eq!(ws.next_event("stock", QUIET), None);
}

#[test]
fn without_a_subscription_nothing_is_sent() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();

    gateway.http().ok("deduct", one("d1", "A", 1));

    assert_eq!(ws.next_event("stock", QUIET), None);
}

#[test]
fn a_subscriber_is_told_the_state_of_the_sync() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"all": true}));

    let event = ws.next_event("sync", EVENT_LIMIT).expect("a sync event");

    let status = gateway.http().ok("status", json!({}));
    assert_eq!(event["sync"]["state"], "disabled");
    let fields = |sync: &Value| sync.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&event["sync"]), fields(&status["sync"]));
}

/// The first event is of the moment, and what waits gets no younger by being told again.
#[test]
fn a_subscriber_is_told_nothing_as_long_as_nothing_happens() {
    let gateway = Gateway::start_with("[mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n");
    for n in 1..=20 {
        gateway.http().ok("restock", one(&format!("r{n}"), "A", 1));
        let mut ws = gateway.ws();
        ws.ok("subscribe", json!({"prefix": "none"}));
        let event = ws.next_event("sync", EVENT_LIMIT).expect("a sync event");
        assert_eq!(event["sync"]["pending"], n, "{event}");
    }
    let mut ws = gateway.ws();
    ws.ok("subscribe", json!({"prefix": "none"}));
    ws.next_event("sync", EVENT_LIMIT).expect("a sync event");
    sleep(Duration::from_secs(2));
    // The reason may have changed until here.
    while ws.any_event(QUIET).is_some() {}
    assert_eq!(ws.next_event("sync", Duration::from_secs(4)), None);
}

#[test]
fn a_terminal_that_does_not_read_delays_no_other_and_is_closed_after_30_s() {
    let names: Vec<String> = (0..1_000).map(|n| format!("S{n:04}")).collect();
    let lines: Vec<(&str, u64)> = names.iter().map(|sku| (sku.as_str(), 1)).collect();
    let gateway = Gateway::stocked(&lines);
    let mut deaf = gateway.ws();
    deaf.send("subscribe", json!({"all": true}));

    let mut busy = gateway.ws();
    let end = Instant::now() + DEAF_FOR;
    let mut restocks = 0;
    while Instant::now() < end {
        let before = Instant::now();
        busy.ok("restock", many(&format!("r{restocks}"), &lines));
        assert!(before.elapsed() < Duration::from_secs(5), "the deaf terminal slows others");
        restocks += 1;
        // The first updates come fast, to fill the buffers of the connection.
        sleep(Duration::from_millis(if restocks < 100 { 5 } else { 200 }));
    }

    let closed = deaf.wait_closed(Duration::from_secs(10)).expect("the connection is ended");
    assert_eq!(closed.code, Some(1013));
    assert_eq!(gateway.http().figures("S0000"), (1 + restocks, 0));
}

/// Where nothing changes, the missing answers to pings are what counts.
#[test]
fn a_silent_terminal_is_closed_though_there_is_nothing_to_send() {
    let gateway = Gateway::stocked(&[("A", 10)]);
    let mut asleep = gateway.ws();
    asleep.ok("subscribe", json!({"all": true}));
    sleep(SLEPT);
    assert_eq!(asleep.wait_closed(EVENT_LIMIT), Some(Closed { code: Some(1013) }));
}

/// The stock that a subscriber has been sent so far.
#[derive(Default)]
struct Seen {
    items: BTreeMap<String, Value>,
    seq: u64,
}

impl Seen {
    /// Reads stock events until the condition holds; no event may go back in version.
    fn read_until(&mut self, ws: &mut Ws, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let event = ws.next_event("stock", EVENT_LIMIT);
            self.take(&event.unwrap_or_else(|| panic!("no more events after {:?}", self.items)));
        }
    }

    fn take(&mut self, event: &Value) {
        let (seq, items) = (number(event, "seq"), event["items"].as_array().unwrap());
        assert!(!items.is_empty(), "an empty event");
        assert!(seq >= self.seq, "seq goes back from {} to {seq}", self.seq);
        self.seq = seq;
        for item in items {
            let sku = item["sku"].as_str().unwrap().to_owned();
            let before = self.items.insert(sku, item.clone());
            let before = before.map_or(0, |before| number(&before, "version"));
            assert!(number(item, "version") >= before, "{item} goes back from {before}");
        }
    }

    fn on_hand(&self, sku: &str) -> u64 {
        self.items.get(sku).map_or(u64::MAX, |item| number(item, "on_hand"))
    }
}

fn assert_bad_request(ws: &mut Ws, text: &str, id: &Value) {
    ws.send_text(text);
    let answer = ws.next_answer();
    let shown: String = text.chars().take(80).collect();
    assert_eq!((&answer["id"], &answer["ok"]), (id, &json!(false)), "{shown}");
    assert_eq!(answer["error"]["code"], "bad_request", "{shown}");
    assert!(answer["error"]["message"].is_string(), "{shown}");
}

#[test]
fn a_close_frame_is_answered_with_one_of_the_same_code() {
    let gateway = Gateway::start();
    for code in [1000, 1001, 1011, 3000, 4999] {
        let mut ws = gateway.ws();
        ws.send("status", json!({}));
        ws.send_close(Some(code));
        let closed = ws.wait_closed(EVENT_LIMIT).map(|closed| closed.code);
        assert_eq!(closed, Some(Some(code)));
    }
    let mut ws = gateway.ws();
    ws.send_close(None);
    assert_eq!(ws.wait_closed(EVENT_LIMIT), Some(Closed { code: None }));
}
