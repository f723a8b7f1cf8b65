//! Entries that are older than `ledger_retention_days` leave the books, once every sink has taken them.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::pair::{ID, SITE, until_confirmed};
use super::receiver::{Receiver, SECRET};
use super::sinks::{deduct, feed, is_at, sink};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{throughout, until};
use crate::support::postgres::Postgres;
use crate::support::process::run_to_end;
use crate::support::program::stockgate_hub;

/// What makes the books forty days older, but for the ranges of the feed after a position.
fn older(position: u64) -> String {
    older_by(3_456_000_000, &format!("position <= {position}"))
}

/// What makes the last range of the feed so old that it shows what time it is. Nothing was booked for two
/// days, then.
fn settled() -> String {
    older_by(172_800_000, "position = (SELECT max(position) FROM feed)")
}

fn older_by(age_ms: i64, ranges: &str) -> String {
    format!("UPDATE feed SET at_ms = at_ms - {age_ms} WHERE {ranges}")
}

#[test]
fn old_entries_are_removed_once_every_sink_has_taken_them() {
    let (broker, erp) = (Broker::start(), Receiver::start());
    let mut hub = Hub::prepare(&sections(&broker, &erp, 30));
    hub.write("erp.secret", SECRET);
    hub.launch();
    let database = hub.database();
    let age = move |sql: &str| {
        Connection::open(&database).unwrap().execute(sql, []).unwrap();
    };
    assert_removed(&broker, &erp, hub, &age);
}

#[test]
fn old_entries_are_removed_from_postgresql() {
    let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
    let mut hub = Hub::prepare_on(&postgres.url(), &sections(&broker, &erp, 30));
    hub.write("erp.secret", SECRET);
    hub.launch();
    assert_removed(&broker, &erp, hub, &|sql| drop(postgres.sql(sql)));
}

/// More than one change of the books looks at: the changes follow each other without a long pause.
#[test]
fn many_small_bookings_are_removed_soon() {
    let broker = Broker::start();
    let mut hub = Hub::prepare(&format!("ledger_retention_days = 30\n{}", broker.section()));
    hub.launch();
    let http = hub.http();
    for number in 0..1_100 {
        let receipt = one(&format!("po-{number}"), "A", 1);
        assert_eq!(http.post("/api/receipts", &receipt).status, 200);
    }
    hub.terminate();
    Connection::open(hub.database()).unwrap().execute(&older(1_100), []).unwrap();
    hub.launch();
    throughout(Duration::from_secs(2), || assert_eq!(feed(&hub).len(), 1_000, "a page, as before"));
    // Only what is booked shows that the clock is right, an hour later.
    assert_eq!(http.post("/api/receipts", &one("now", "A", 1)).status, 200);
    hub.terminate();
    Connection::open(hub.database()).unwrap().execute(&settled(), []).unwrap();
    hub.launch();
    until("all old ones are removed", || feed(&hub).len() == 1);
    assert_eq!(hub.stock("A")["total"], 1_101);
}

fn sections(broker: &Broker, erp: &Receiver, days: u32) -> String {
    format!("ledger_retention_days = {days}\n{}{}", erp.section("erp", ""), broker.section())
}

fn assert_removed(broker: &Broker, erp: &Receiver, mut hub: Hub, age: &dyn Fn(&str)) {
    let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100), ("B", 7)]);
    deduct(&gateway, &["s1", "s2"]);
    until_confirmed(&gateway);
    let posted = |hub: &Hub, id: &str| {
        assert_eq!(hub.http().post("/api/receipts", &one(id, "A", 9)).status, 200);
    };
    posted(&hub, "po-1");
    until("the sink has them", || {
        erp.state().events.len() == 5 && sink(&hub, "erp")["lag_events"] == 0
    });
    erp.state().status = Some(500);
    deduct(&gateway, &["s3", "s4"]);
    until_confirmed(&gateway);
    posted(&hub, "po-2");
    until("all are in the feed", || feed(&hub).len() == 8);
    let before = feed(&hub);

    // All but the last event is old, and the sink has taken the first five.
    let place = |event: &Value| {
        event["cursor"].as_str().unwrap().split_once('.').unwrap().0.parse::<u64>().unwrap()
    };
    hub.terminate();
    age(&older(place(&before[6])));
    age(&settled());
    hub.launch();
    until("what it has taken is removed", || feed(&hub).len() == 3);
    assert_eq!(
        feed(&hub),
        before[5..].iter().map(|event| same(&feed(&hub), event)).collect::<Vec<_>>()
    );
    let old = format!("/api/events?after={}", before[0]["cursor"].as_str().unwrap());
    let problem = hub.http().get(&old).refused("gone");
    assert!(is_at(&problem["first"], &before[4]["cursor"]), "before the first one kept: {problem}");
    assert_eq!(hub.ledger(SITE, ID).len(), 2);
    assert_exports_what_is_kept(&hub, &before);

    // The sink takes the rest; what is old of it goes at the next look.
    erp.state().status = None;
    until("the sink catches up", || erp.ids().len() >= 8);
    until("its position is saved", || sink(&hub, "erp")["lag_events"] == 0);
    hub.restart();
    until("the rest is removed", || feed(&hub).len() == 1);
    assert_still_sound(&hub, &gateway, &before);
}

/// An export says what it lacks, as the feed does.
fn assert_exports_what_is_kept(hub: &Hub, before: &[Value]) {
    let export = |query: &str| hub.http().get(&format!("/api/export?format=jsonl{query}"));
    let problem = export("&from=2020-01-01").refused("gone");
    assert!(is_at(&problem["first"], &before[4]["cursor"]), "{problem}");
    let kept = feed(hub);
    let since = kept[0]["booked_at"].as_str().unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with(&format!("begin with from={since}")), "{detail}");
    let exported = |query: &str| -> Vec<Value> {
        let text = export(query).text;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(exported(""), kept, "from the beginning");
    assert_eq!(exported(&format!("&from={since}")), kept);
    let last = kept[2]["booked_at"].as_str().unwrap();
    assert_eq!(exported(&format!("&from={last}")), kept[2..]);
}

/// The event of the same id, whose time of booking the test has changed.
fn same(events: &[Value], event: &Value) -> Value {
    let found = events.iter().find(|other| other["event_id"] == event["event_id"]);
    found.unwrap_or_else(|| panic!("{event} is missing")).clone()
}

/// Balance, sums and chains hold without the entries, and the ledger goes on.
fn assert_still_sound(hub: &Hub, gateway: &Gateway, before: &[Value]) {
    assert_eq!(hub.reconcile()["balanced"], true, "{}", hub.reconcile());
    let repaired = hub.http().post(&format!("/api/gateways/{SITE}/{ID}/repair"), &json!({}));
    assert_eq!(repaired.status, 200, "{repaired:?}");
    let stock = hub.stock("A");
    assert_eq!(stock["total"], 114, "100 and twice 9, less 4: {stock}");
    assert_eq!(stock["gateways"][0]["on_hand"], 96, "the sums of removed entries count");
    deduct(gateway, &["s5"]);
    until_confirmed(gateway);
    assert_eq!(hub.ledger(SITE, ID).len(), 1);
    assert_eq!(feed(hub).first().map(|event| &event["event_id"]), Some(&before[7]["event_id"]));
    let verified = run_to_end(stockgate_hub().arg("verify").arg("--config").arg(hub.config_path()));
    assert_eq!(verified.code, Some(0), "{}", verified.output());
    let mut export = stockgate_hub();
    export.arg("export").arg("--config").arg(hub.config_path()).args([
        "--site",
        SITE,
        "--gateway",
        ID,
    ]);
    let exported = run_to_end(&mut export);
    let head: Value = serde_json::from_str(exported.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(head["after"], 6, "an export says where it begins: {head}");
    let file = hub.write("ledger.jsonl", &exported.stdout);
    let mut verify = stockgate_hub();
    verify.arg("verify").arg("--config").arg(hub.config_path()).arg(file);
    let verified = run_to_end(&mut verify);
    assert_eq!(verified.code, Some(0), "{}", verified.output());
}
