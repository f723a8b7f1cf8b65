//! A minute of a large fleet, in which a worker, the broker and PostgreSQL are killed.

use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::Crowd;
use crate::figures::{Bound, Figures, quantile_ms};
use crate::gateway::{Order, id_of};
use crate::ledger::Goods;
use crate::parts::{broker, hubs, is_balanced, new_books, sql};
use crate::plan::Plan;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;

/// Ten entries a second, in orders of five lines.
const EVERY: Duration = Duration::from_millis(500);
const LINES: usize = 5;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    if !plan.has_postgres() {
        return;
    }
    let gateways = plan.gateways.unwrap_or(1_000);
    let (mut broker, mut postgres) = (broker(), Postgres::start());
    let store = new_books(&postgres, "faults");
    let mut hubs = hubs(&broker, Some(&store), 2);
    let crowd = Crowd::connect(gateways, broker.port(), &Goods::new(plan.skus));
    crowd.wait_streaming();

    crowd.tell_all(|_| Order::Sell { every: Some(EVERY), lines: LINES });
    let (began, quarter) = (Instant::now(), Duration::from_secs(plan.seconds) / 4);
    thread::sleep(quarter);
    hubs[1].kill9();
    thread::sleep(Duration::from_secs(2));
    hubs[1].launch();
    thread::sleep(quarter);
    broker.kill9();
    broker.launch();
    thread::sleep(quarter);
    postgres.crash();
    thread::sleep((began + 4 * quarter).saturating_duration_since(Instant::now()));
    crowd.tell_all(|_| Order::Sell { every: None, lines: 0 });
    let entries = crowd.board.sum(|standing| standing.seq) as f64;
    let behind = crowd.board.sum(|standing| standing.seq - standing.acked) as f64;
    let caught_up = crowd.wait_confirmed();

    let times = crowd.board.take_acknowledged();
    let what = format!("{gateways} gateways, worker, broker and PostgreSQL killed");
    figures.beside(&format!("{what}: entries"), "", entries);
    figures.beside(&format!("{what}: not acknowledged at the end"), "", behind);
    figures.beside(&format!("{what}: p99 of acknowledgements"), "ms", quantile_ms(&times, 0.99));
    figures.print(
        &format!("{what}: behind for"),
        "s",
        caught_up.as_secs_f64(),
        Bound::AtMost(60.0),
    );
    crowd.board.print_reports();
    check(&crowd, &store, &hubs[0]);
    figures.beside(&format!("{what}: all books equal, balanced"), "", 1.0);
}

/// The books have every entry of every gateway once, and balance.
fn check(crowd: &Crowd, store: &str, hub: &Hub) {
    assert!(is_balanced(hub), "{}", hub.reconcile());
    let ledgers = "SELECT site || '/' || gateway || ' ' || acked_seq || ' ' || (SELECT count(*) ||
        ' ' || max(seq) FROM entry WHERE entry.book = book.id) FROM book ORDER BY gateway";
    let found = sql(store, ledgers);
    let expected: Vec<String> = (0..crowd.len())
        .map(|number| {
            let seq = crowd.board.of(number).seq;
            format!("{} {seq} {seq} {seq}", id_of(number))
        })
        .collect();
    assert_eq!(found, expected, "every ledger is in the books, each entry once");
    let sums = "SELECT count(*) FROM (SELECT book, sku, sum(change) AS change FROM entry
        GROUP BY book, sku) AS ledger FULL JOIN held USING (book, sku)
        WHERE ledger.change IS DISTINCT FROM held.on_hand";
    assert_eq!(sql(store, sums), ["0"], "the allotments are the sums of the ledgers");
}
