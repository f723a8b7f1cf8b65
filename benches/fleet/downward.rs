//! From the hub to a thousand gateways: greetings, a policy, a catalogue.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stockgate::stock::Sku;

use crate::crowd::Crowd;
use crate::figures::{Bound, Figures};
use crate::gateway::Order;
use crate::ledger::Goods;
use crate::parts::{broker, hubs, is_balanced, new_books, receive};
use crate::plan::Plan;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;

const HOLDERS: usize = 300;
const LISTINGS: u64 = 3_000;
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    if plan.has_sqlite() {
        measure(plan, figures, "SQLite", None);
    }
    if plan.has_postgres() {
        let postgres = Postgres::start();
        let store = new_books(&postgres, "downward");
        measure(plan, figures, "PostgreSQL", Some(&store));
    }
}

fn measure(plan: &Plan, figures: &mut Figures, name: &str, store: Option<&str>) {
    let gateways = plan.gateways.unwrap_or(1_000);
    let broker = broker();
    let hubs = hubs(&broker, store, 1);
    let crowd = Crowd::connect(gateways, broker.port(), &Goods::new(plan.skus));
    crowd.wait_streaming();
    let before = crowd.board.greetings();
    let began = Instant::now();
    crowd.tell_all(|_| Order::Greet);
    let is_greeted = || {
        let now = crowd.board.greetings();
        now.iter().zip(&before).all(|(now, before)| now > before)
    };
    while !is_greeted() {
        assert!(began.elapsed() < LIMIT, "not all greetings are answered");
        thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed().as_secs_f64();
    let what = format!("{gateways} greet at once, all streaming, {name}");
    figures.print(&what, "s", took, Bound::AtMost(10.0));

    let holders = HOLDERS.min(gateways);
    let took = policy(&crowd, &hubs[0], holders);
    let what = format!("a policy reaches {holders}, {name}");
    figures.print(&what, "s", took, Bound::AtMost(3.0));

    let took = catalogue(&crowd, &hubs[0]);
    let what = format!("{LISTINGS} listings reach {gateways}, {name}");
    figures.print(&what, "s", took, Bound::AtMost(15.0));
    crowd.wait_confirmed();
    assert!(is_balanced(&hubs[0]), "{}", hubs[0].reconcile());
}

/// The time until so many gateways that run low have their grants.
fn policy(crowd: &Crowd, hub: &Hub, holders: usize) -> f64 {
    let sku = Sku::parse("LOW").unwrap();
    (0..holders).for_each(|number| crowd.tell(number, Order::Receive(sku.clone(), 5)));
    crowd.wait("received", (holders, LIMIT), |standing| standing.acked > 0);
    receive(hub, "LOW", 1_000_000);
    let began = Instant::now();
    let answer = hub.http().put("/api/policies/LOW", &json!({"low_water": 10, "target": 20}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    crowd.wait("granted", (holders, LIMIT), |standing| standing.taken.transfer > 0);
    began.elapsed().as_secs_f64()
}

/// The time until all gateways have a catalogue.
fn catalogue(crowd: &Crowd, hub: &Hub) -> f64 {
    let mut csv = String::from("sku,name,barcodes,unit,decimals\n");
    for n in 0..LISTINGS {
        writeln!(csv, "SKU-{n:06},white hanging heart holder no {n},,,0").unwrap();
    }
    let began = Instant::now();
    let answer = hub.http().send_raw("PUT", "/api/catalogue", csv.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text);
    crowd.wait("listed", (crowd.len(), LIMIT), |standing| standing.taken.catalogue >= LISTINGS);
    began.elapsed().as_secs_f64()
}
