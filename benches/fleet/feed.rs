//! The feed of large books: all of it to one reader, where a reader goes on, and how late events are.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::figures::{Bound, Figures, ms, quantile_ms};
use crate::parts::{new_books, sql};
use crate::plan::Plan;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;

const ENTRIES: u64 = 10_000_000;
/// Entries that were booked at once.
const OF_RANGE: u64 = 100;
/// So many events are read for the rate.
const READ: usize = 1_000_000;
/// Of each way to go on the slowest of so many.
const ROUNDS: usize = 5;
/// Receipts a second, each of so many lines, make the events whose lag is measured.
const RECEIPTS: u64 = 100;
const LINES: usize = 10;
const SENDERS: u64 = 4;

pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    if plan.has_sqlite() {
        let mut hub = Hub::start_with("");
        hub.terminate();
        let books = rusqlite::Connection::open(hub.database()).unwrap();
        books.execute_batch(&format!("BEGIN; {} COMMIT; ANALYZE;", filling(true))).unwrap();
        drop(books);
        hub.launch();
        measure(&hub, plan, figures, "SQLite");
    }
    if plan.has_postgres() {
        let postgres = Postgres::start();
        let store = new_books(&postgres, "feed");
        let mut hub = Hub::start_on(&store, "");
        hub.terminate();
        sql(&store, &format!("{} ANALYZE;", filling(false)));
        hub.launch();
        measure(&hub, plan, figures, "PostgreSQL");
    }
}

/// Statements that fill the books with the entries of one gateway.
fn filling(is_sqlite: bool) -> String {
    let numbers = |up_to: u64| match is_sqlite {
        true => format!(
            "(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {up_to}) SELECT n FROM n)"
        ),
        false => format!("(SELECT * FROM generate_series(1, {up_to}) AS n(n))"),
    };
    let blob = |hex: &str| match is_sqlite {
        true => format!("X'{hex}'"),
        false => format!("'\\x{hex}'::bytea"),
    };
    // PostgreSQL keeps ledgers by month, and the hub names the month of a range.
    let (column, month) = match is_sqlite {
        true => ("", ""),
        false => (
            ", month",
            ", CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
                + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT)",
        ),
    };
    let (epoch, none, landed) = (blob(&"00".repeat(16)), blob("000000"), blob("0100"));
    let (differing, ranges) = (blob("00"), ENTRIES / OF_RANGE);
    let (entries, positions) = (numbers(ENTRIES), numbers(ranges));
    format!(
        "INSERT INTO book (id, site, gateway, epoch, acked_seq, digest, chain, known_seq, issued,
            taken, landed, retired, searching, differing, aside, last_seen_ms, online, in_force)
         VALUES (1, 'wh-1', 'gw-1', {epoch}, {ENTRIES}, 0, 0, {ENTRIES}, 0,
            {none}, {landed}, 0, 0, {differing}, 0, 0, 0, 1);
         INSERT INTO entry (book, seq, kind, sku, change, reserved_change, order_id, request_id, at_ms)
         SELECT 1, n, 0, 'SKU-' || (n % 4000), -1, 0, 'order-' || (n / 10),
            'e3c1a8b0-6d0e-4d43-9c52-' || n, 1750000000000 + n FROM {entries} AS n;
         INSERT INTO feed (position, book, first_seq, last_seq, at_ms{column})
         SELECT n, 1, (n - 1) * {OF_RANGE} + 1, n * {OF_RANGE}, 1750000000000 + n * {OF_RANGE}{month}
            FROM {positions} AS n;
         UPDATE feed_end SET position = {ranges};"
    )
}

fn measure(hub: &Hub, plan: &Plan, figures: &mut Figures, name: &str) {
    let slowest = |after: &str| {
        let one = |_| {
            let began = Instant::now();
            EventStream::open(hub, after).next();
            ms(began.elapsed())
        };
        (0..ROUNDS).map(one).fold(0.0, f64::max)
    };
    let ranges = ENTRIES / OF_RANGE;
    for (place, position) in [("first", 0), ("middle", ranges / 2), ("last", ranges - 1)] {
        let cursor = format!("{position}.{}", position * OF_RANGE);
        let what = format!("first event, from the {place} of {ENTRIES}, {name}");
        figures.print(&what, "ms", slowest(&cursor), Bound::AtMost(1_000.0));
    }
    let mut stream = EventStream::open(hub, "0");
    let began = Instant::now();
    (0..READ).for_each(|_| drop(stream.next()));
    let rate = READ as f64 / began.elapsed().as_secs_f64();
    figures.print(&format!("one reader, {name}"), "events/s", rate, Bound::AtLeast(50_000.0));
    drop(stream);
    let late = lag(hub, Duration::from_secs(plan.seconds.min(20)));
    let what = format!("p99 from the request to the reader at 1,000 events/s, {name}");
    figures.print(&what, "ms", quantile_ms(&late, 0.99), Bound::AtMost(200.0));
}

/// The times from the sending of a receipt until each of its events is read, sorted, in seconds.
fn lag(hub: &Hub, time: Duration) -> Vec<f64> {
    let mut stream = EventStream::open(hub, &format!("{0}.{ENTRIES}", ENTRIES / OF_RANGE));
    let began = Instant::now();
    let count = time.as_secs() * RECEIPTS;
    let receive = |number: u64| {
        let due = Duration::from_micros(number * 1_000_000 / RECEIPTS);
        thread::sleep(due.saturating_sub(began.elapsed()));
        let lines: Vec<Value> =
            (0..LINES).map(|n| json!({"sku": format!("SKU-{n}"), "quantity": 1})).collect();
        let request_id = format!("{number}-{}", began.elapsed().as_micros());
        let body = json!({"request_id": request_id, "lines": lines});
        assert_eq!(hub.http().post("/api/receipts", &body).status, 200);
    };
    let mut late = thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || (sender..count).step_by(SENDERS as usize).for_each(receive));
        }
        let one = |_| {
            let event: Value = serde_json::from_str(&stream.next()).unwrap();
            let (_, sent) = event["request_id"].as_str().unwrap().split_once('-').unwrap();
            began.elapsed().as_secs_f64() - sent.parse::<f64>().unwrap() / 1e6
        };
        (0..count as usize * LINES).map(one).collect::<Vec<f64>>()
    });
    late.sort_by(f64::total_cmp);
    late
}

/// Server-sent events.
struct EventStream(BufReader<TcpStream>);

impl EventStream {
    fn open(hub: &Hub, after: &str) -> Self {
        let mut stream = TcpStream::connect(hub.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!("Host: {}\r\nAccept: text/event-stream\r\n", hub.address());
        write!(stream, "GET /api/events?after={after} HTTP/1.1\r\n{head}\r\n").unwrap();
        Self(BufReader::with_capacity(256 * 1024, stream))
    }

    /// The data of the next event.
    fn next(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
            if let Some(data) = line.strip_prefix("data: ") {
                return data.to_owned();
            }
        }
    }
}
