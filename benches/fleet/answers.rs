//! The time from an order at a gateway to the hub's acknowledgement.

use std::thread;
use std::time::Duration;

use crate::crowd::Crowd;
use crate::delay::delayed;
use crate::figures::{Bound, Figures, quantile_ms};
use crate::gateway::Order;
use crate::ledger::Goods;
use crate::parts::{broker, hubs, is_balanced, new_books, url};
use crate::plan::Plan;
use crate::support::postgres::Postgres;

/// The way to PostgreSQL, in each direction.
const DELAY: Duration = Duration::from_micros(600);
const LINES: usize = 3;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    if plan.has_sqlite() {
        measure(plan, figures, "SQLite", None, (100, 100.0));
    }
    if plan.has_postgres() {
        let postgres = Postgres::start();
        let store = new_books(&postgres, "near");
        measure(plan, figures, "PostgreSQL", Some(&store), (100, 100.0));
        new_books(&postgres, "far");
        let store = url(delayed(postgres.port(), DELAY), "far");
        measure(plan, figures, "PostgreSQL, 0.6 ms off", Some(&store), (500, 250.0));
    }
}

/// Lets gateways send so many frames a second in all, one order each.
fn measure(
    plan: &Plan,
    figures: &mut Figures,
    name: &str,
    store: Option<&str>,
    (rate, bound_ms): (usize, f64),
) {
    let broker = broker();
    let hubs = hubs(&broker, store, 1);
    let crowd =
        Crowd::connect(plan.gateways.unwrap_or(rate), broker.port(), &Goods::new(plan.skus));
    crowd.wait_streaming();
    let every = Some(Duration::from_secs(1).mul_f64(crowd.len() as f64 / rate as f64));
    crowd.tell_all(|_| Order::Sell { every, lines: LINES });
    // The first orders open accounts.
    thread::sleep(Duration::from_secs(5));
    crowd.board.take_acknowledged();
    thread::sleep(Duration::from_secs(plan.seconds.min(20)));
    let times = crowd.board.take_acknowledged();
    crowd.tell_all(|_| Order::Sell { every: None, lines: 0 });
    crowd.wait_confirmed();
    assert!(is_balanced(&hubs[0]));
    let what = format!("acknowledgement, {rate} frames/s, {name}");
    figures.beside(&format!("{what}, median"), "ms", quantile_ms(&times, 0.5));
    figures.print(
        &format!("{what}, p99"),
        "ms",
        quantile_ms(&times, 0.99),
        Bound::AtMost(bound_ms),
    );
}
