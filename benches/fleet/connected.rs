//! The memory of a hub with many gateways.

use std::thread;
use std::time::Duration;

use crate::crowd::Crowd;
use crate::figures::{Bound, Figures};
use crate::gateway::Order;
use crate::ledger::Goods;
use crate::parts::{broker, hubs, new_books, resident_mb};
use crate::plan::Plan;
use crate::support::postgres::Postgres;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    if plan.has_sqlite() {
        measure(plan, figures, "SQLite", None);
    }
    if plan.has_postgres() {
        let postgres = Postgres::start();
        let store = new_books(&postgres, "connected");
        measure(plan, figures, "PostgreSQL", Some(&store));
    }
}

fn measure(plan: &Plan, figures: &mut Figures, name: &str, store: Option<&str>) {
    let gateways = plan.gateways.unwrap_or(4_000);
    let broker = broker();
    let hubs = hubs(&broker, store, 1);
    let crowd = Crowd::connect(gateways, broker.port(), &Goods::new(plan.skus));
    crowd.wait_streaming();
    // Each sells once in ten seconds.
    crowd.tell_all(|_| Order::Sell { every: Some(Duration::from_secs(10)), lines: 3 });
    let most = resident_mb(hubs[0].pid(), Duration::from_secs(30));
    crowd.tell_all(|_| Order::Sell { every: None, lines: 0 });
    crowd.wait_confirmed();
    thread::sleep(Duration::from_secs(1));
    let what = format!("memory with {gateways} gateways, {name}");
    figures.beside(&format!("{what}, at rest"), "MB", resident_mb(hubs[0].pid(), Duration::ZERO));
    figures.print(&format!("{what}, at most"), "MB", most, Bound::AtMost(40.0));
}
