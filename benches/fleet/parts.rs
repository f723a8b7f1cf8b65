//! Broker, database and workers: real processes on free ports.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::load::protocol::block_on;
use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::postgres::Postgres;

/// What docs/OPERATIONS.md says of Mosquitto: no waiting for more bytes, and room for the frames
/// that the gateways have on their way.
const MOSQUITTO: &str = "allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 10000\n";

pub(crate) fn broker() -> Broker {
    Broker::start_with(MOSQUITTO)
}

/// The address of new, empty books in this server.
pub(crate) fn new_books(postgres: &Postgres, name: &str) -> String {
    postgres.sql(&format!("CREATE DATABASE {name}"));
    url(postgres.port(), name)
}

pub(crate) fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// Executes SQL for as long as it takes; returns the first columns of the rows.
pub(crate) fn sql(url: &str, sql: &str) -> Vec<String> {
    block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.unwrap();
        drop(client);
        let _ = connection.await;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    })
}

/// Workers on the same books; the books are in SQLite without an address.
pub(crate) fn hubs(broker: &Broker, store: Option<&str>, workers: usize) -> Vec<Hub> {
    let keys = |number: usize| match workers {
        1 => broker.section(),
        _ => format!("worker = \"hub-{number}\"\nsubscription = \"shared\"\n{}", broker.section()),
    };
    let hub = |number| match store {
        Some(store) => Hub::start_on(store, &keys(number)),
        None => Hub::start_with(&keys(number)),
    };
    (0..workers).map(hub).collect()
}

/// Whether the books balance, and every gateway in them is in order.
pub(crate) fn is_balanced(hub: &Hub) -> bool {
    let books = hub.reconcile();
    books["balanced"] == Value::Bool(true) && books["drift"].as_array().is_some_and(Vec::is_empty)
}

/// A receipt into the pool.
pub(crate) fn receive(hub: &Hub, sku: &str, quantity: u64) {
    let body =
        serde_json::json!({"request_id": format!("po-{sku}"), "sku": sku, "quantity": quantity});
    let answer = hub.http().post("/api/receipts", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The most resident memory of a process within some time, in MB.
pub(crate) fn resident_mb(pid: u32, within: Duration) -> f64 {
    let (began, mut most) = (Instant::now(), 0.0_f64);
    loop {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kb: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        most = most.max(kb / 1024.0);
        if began.elapsed() >= within {
            return most;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The processor time of a process and of its children, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().map(|id| ticks(id.parse().unwrap(), 2));
    // Its own, and of the children that have ended.
    (ticks(pid, 4) + children.sum::<f64>()) / 100.0
}

/// The first of the four numbers of a process's time in user and system mode, its own and its
/// children's, in clock ticks of 1/100 s.
fn ticks(pid: u32, numbers: usize) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may contain spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(numbers).map(|ticks| ticks.parse::<f64>().unwrap()).sum()
}
