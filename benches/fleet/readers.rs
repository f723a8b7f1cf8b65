//! The pages of large books, by the clock.

use std::time::Instant;

use crate::figures::{Bound, Figures, ms};
use crate::parts::{new_books, sql};
use crate::plan::Plan;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;

/// SKUs of each gateway.
const SKUS: usize = 500;
/// Of each page and question the slowest of so many.
const ROUNDS: usize = 5;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    let gateways = plan.gateways.unwrap_or(4_000);
    if plan.has_sqlite() {
        let mut hub = Hub::start_with("");
        hub.terminate();
        let books = rusqlite::Connection::open(hub.database()).unwrap();
        books
            .execute_batch(&format!("BEGIN; {} COMMIT; ANALYZE;", filling(gateways, true)))
            .unwrap();
        drop(books);
        hub.launch();
        measure(&hub, figures, "SQLite");
    }
    if plan.has_postgres() {
        let postgres = Postgres::start();
        let store = new_books(&postgres, "readers");
        let mut hub = Hub::start_on(&store, "");
        hub.terminate();
        sql(&store, &format!("{} ANALYZE;", filling(gateways, false)));
        hub.launch();
        measure(&hub, figures, "PostgreSQL");
    }
}

/// Statements that fill the books: each gateway has received ten units of its SKUs, of which there
/// are four times as many in all.
fn filling(gateways: usize, is_sqlite: bool) -> String {
    let numbers = |up_to: usize| match is_sqlite {
        true => format!(
            "(WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {}) SELECT n FROM n)",
            up_to - 1
        ),
        false => format!("(SELECT * FROM generate_series(0, {}) AS n(n))", up_to - 1),
    };
    let bytes = |of: &str| match is_sqlite {
        true => format!("CAST({of} AS BLOB)"),
        false => format!("convert_to({of}, 'UTF8')"),
    };
    let epoch = bytes(&padded("g.n", 16));
    let zeros = if is_sqlite { "X'000000'" } else { "'\\x000000'::bytea" };
    let landed = if is_sqlite { "X'0100'" } else { "'\\x0100'::bytea" };
    let differing = if is_sqlite { "X'00'" } else { "'\\x00'::bytea" };
    let (gateway, sku) = (padded("g.n", 6), padded("s.n", 6));
    let (all, of_each) = (numbers(gateways), numbers(4 * SKUS));
    format!(
        "INSERT INTO book (id, site, gateway, epoch, acked_seq, digest, chain, known_seq, issued,
            taken, landed, retired, searching, differing, aside, last_seen_ms, online, in_force)
         SELECT g.n + 1, 'wh-' || (g.n % 100), 'gw-' || {gateway}, {epoch}, 0, 0, 0, 0, 0,
            {zeros}, {landed}, 0, 0, {differing}, 0, 0, 0, 1 FROM {all} AS g;
         INSERT INTO pool (sku, received, adjusted, deducted, unallotted, in_transit)
         SELECT 'SKU-' || {sku}, 0, 0, 0, 0, 0 FROM {of_each} AS s;
         INSERT INTO held (sku, book, on_hand, reserved, in_transit, received)
         SELECT 'SKU-' || {sku}, g.n + 1, 10, 0, 0, 10
            FROM {all} AS g JOIN {of_each} AS s ON s.n % 4 = g.n % 4 ORDER BY s.n, g.n;"
    )
}

/// A number with zeros before it.
fn padded(number: &str, digits: usize) -> String {
    let text = format!("'{}' || {number}", "0".repeat(digits));
    format!("substr({text}, length({text}) - {})", digits - 1)
}

fn measure(hub: &Hub, figures: &mut Figures, name: &str) {
    let slowest = |path: &str| {
        let one = |_| {
            let began = Instant::now();
            let answer = hub.http().get(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            (ms(began.elapsed()), answer)
        };
        (0..ROUNDS).map(one).max_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap()
    };
    // Until everything was counted once, nobody is told that the books balance.
    let began = Instant::now();
    assert_eq!(hub.http().get("/api/reconcile").status, 200);
    let took = ms(began.elapsed());
    figures.beside(&format!("the first GET /api/reconcile after a start, {name}"), "ms", took);
    for path in [
        "/api/gateways?limit=1000",
        "/api/gateways?limit=1000&after=wh-50%2Fgw-002050",
        "/api/gateways?limit=1000&state=offline",
        "/api/stock?limit=1000",
        "/api/stock?limit=1000&after=SKU-001000",
        "/api/reconcile?all=true&limit=1000",
        "/api/demand?limit=1000",
    ] {
        let (took, _) = slowest(path);
        figures.print(&format!("GET {path}, {name}"), "ms", took, Bound::AtMost(200.0));
    }
    let (took, answer) = slowest("/api/reconcile");
    assert!(answer.text.starts_with(r#"{"balanced":true"#), "{:.200}", answer.text);
    figures.print(&format!("GET /api/reconcile, {name}"), "ms", took, Bound::AtMost(50.0));
}
