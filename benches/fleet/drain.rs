//! Gateways that come back with many entries each: how many a second reach the books.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bare;
use crate::crowd::Crowd;
use crate::figures::{Bound, Figures};
use crate::gateway::Order;
use crate::ledger::{Goods, Ledger};
use crate::parts::{broker, cpu_seconds, hubs, is_balanced, new_books, sql};
use crate::plan::Plan;
use crate::support::postgres::Postgres;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    let goods = Goods::new(plan.skus);
    let gateways = plan.gateways.unwrap_or(200);
    if plan.has_postgres() {
        let postgres = Postgres::start();
        for workers in plan.workers() {
            let store = new_books(&postgres, &format!("drain_{workers}"));
            let name = format!("PostgreSQL, workers: {workers}");
            let books = Books { name: &name, url: Some(&store), server: Some(postgres.pid()) };
            let rate = drain(plan, figures, &goods, gateways, &books, workers);
            figures.print(&name, "entries/s", rate, Bound::AtLeast(40_000.0));
            let size = "SELECT pg_total_relation_size('entry') / count(*) FROM entry";
            figures.beside(
                "  an entry on disk, with its index",
                "bytes",
                sql(&store, size)[0].parse().unwrap(),
            );
            // The tables are there now.
            let before = cpu_seconds(postgres.pid());
            let bare = bare::insert(&store, ledgers(plan, &goods, gateways));
            let spent = cpu_seconds(postgres.pid()) - before;
            figures.beside(
                "  its entries, inserted by sets and nothing else",
                "entries/s",
                bare.a_second(),
            );
            figures.beside(
                "    processor of the server",
                "µs/entry",
                spent * 1e6 / bare.rows as f64,
            );
            figures.print("  of that rate", "", rate / bare.a_second(), Bound::AtLeast(0.5));
        }
    }
    if plan.has_sqlite() {
        let books = Books { name: "SQLite", url: None, server: None };
        let rate = drain(plan, figures, &goods, gateways, &books, 1);
        figures.print("drain into SQLite", "entries/s", rate, Bound::AtLeast(100_000.0));
    }
}

/// Where the entries go.
struct Books<'a> {
    name: &'a str,
    url: Option<&'a str>,
    /// The process of the database server.
    server: Option<u32>,
}

fn ledgers(
    plan: &Plan,
    goods: &Arc<Goods>,
    gateways: usize,
) -> impl Iterator<Item = Vec<stockgate::stock::Entry>> {
    // As many rows as show the rate.
    let count = gateways.min(1 + 300_000 / plan.entries as usize);
    let (goods, entries) = (Arc::clone(goods), plan.entries);
    (0..count).map(move |number| {
        let mut ledger = Ledger::new(number, &goods);
        while ledger.seq < entries {
            ledger.order(3);
        }
        ledger.take()
    })
}

/// The entries a second at which all ledgers reach the books.
fn drain(
    plan: &Plan,
    figures: &mut Figures,
    goods: &Arc<Goods>,
    gateways: usize,
    books: &Books<'_>,
    workers: usize,
) -> f64 {
    let broker = broker();
    let hubs = hubs(&broker, books.url, workers);
    let crowd = Crowd::connect(gateways, broker.port(), goods);
    crowd.wait_streaming();
    let filled: Vec<_> = (0..gateways)
        .map(|number| {
            let mut ledger = Ledger::new(number, goods);
            Order::Send(ledger.fill(plan.entries), ledger)
        })
        .collect();
    let spent = || {
        let of_hubs = hubs.iter().map(|hub| cpu_seconds(hub.pid())).sum::<f64>();
        (of_hubs, books.server.map_or(0.0, cpu_seconds))
    };
    let (began, before) = (Instant::now(), spent());
    filled.into_iter().enumerate().for_each(|(number, order)| crowd.tell(number, order));
    let entries = plan.entries;
    let limit = Duration::from_secs(900);
    crowd.wait("drained", (gateways, limit), |standing| standing.acked >= entries);
    let (took, after) = (began.elapsed().as_secs_f64(), spent());
    assert!(is_balanced(&hubs[0]), "the books balance: {}", hubs[0].reconcile());
    crowd.board.print_reports();
    let all = crowd.board.sum(|standing| standing.acked) as f64;
    let name = books.name;
    figures.beside(
        &format!("{name}, processor of the hub"),
        "µs/entry",
        (after.0 - before.0) * 1e6 / all,
    );
    if books.server.is_some() {
        let spent = (after.1 - before.1) * 1e6 / all;
        figures.beside(&format!("{name}, processor of the server"), "µs/entry", spent);
    }
    for (what, metric) in [
        ("frames", "stockgate_hub_frames_applied_total"),
        ("frames sent twice", "stockgate_hub_frames_known_total"),
        ("transactions", "stockgate_hub_commit_duration_seconds_count"),
    ] {
        let count: u64 = hubs.iter().map(|hub| hub.http().metric(metric)).sum();
        figures.beside(&format!("{name}, {what}"), "", count as f64);
    }
    all / took
}
